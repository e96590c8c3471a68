"""The pretend WeChat as tests use it: in this process with a clock of their own, or as the real one beside it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import requests

APPID = "wx4f4bc4dec97d474b"
SECRET = "0123456789abcdef0123456789abcdef"
OTHER_APPID = "wx00000000000000aa"
OTHER_SECRET = "fedcba9876543210fedcba9876543210"
ROOT = Path(__file__).resolve().parents[2]
CALLBACK = "http://127.0.0.1:8000/sign-in/wechat"


class Clock:
    """Unix seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


def authorize_path(
    *, redirect_uri: str = CALLBACK, state: str = "s1", scope: str = "snsapi_base", appid: str = APPID, more: str = ""
) -> str:
    """The link's path and query, as the platform's documentation spells it."""
    return (
        f"/connect/oauth2/authorize?appid={appid}&redirect_uri={quote(redirect_uri, safe='')}"
        f"&response_type=code&scope={scope}&state={quote(state, safe='')}{more}"
    )


def query_of(url: str) -> dict[str, str]:
    """The query of an address as a dictionary."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@contextmanager
def running_mock(database: Path, **environment: str) -> Iterator[str]:
    """Start `python -m app.wechat_mock` on a free port; give its base address, prefix included."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.wechat_mock", "--port", "0", "--database", str(database)],
        cwd=ROOT,
        env={**os.environ, "WECHAT_MOCK_APPS": f"{APPID}:{SECRET} {OTHER_APPID}:{OTHER_SECRET}", **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            line = process.stdout.readline()
            yield line.split()[-1] + "/wechat-mock"
        finally:
            process.terminate()


def tap(base: str, account: str, path: str | None = None, **how: str) -> str:
    """Choose a person on the running mock's page; return where the browser is sent."""
    address = base + (path or authorize_path(**how))
    response = requests.post(address, data={"account": account}, allow_redirects=False, timeout=10)
    assert response.status_code == 303, response.text
    return response.headers["Location"]
