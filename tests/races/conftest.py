"""A real site for races: gunicorn's two processes of sixteen threads, a real sequencer, SQLite behind its gate."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from app import ROOT, create_app
from app.domain.actor import Actor
from app.web.house import House
from tests.conftest import settings_in
from tests.fixtures_visit import Person, Ward, build_ward
from tests.server.launched import free_port

PATIENCE_SECONDS = 180.0
TOKEN = re.compile(r'name="csrf_token" value="([0-9a-f]+)"')


class Client:
    """One signed-in browser, each request on a connection of its own."""

    def __init__(self, url: str, cookie: str, token: str, path: str, first_page: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.headers["Connection"] = "close"  # one kept open the server hangs up on after five idle seconds
        self.http.cookies.set(cookie, token, domain="127.0.0.1", path=path)
        found = TOKEN.search(self.http.get(url + first_page, timeout=PATIENCE_SECONDS).text)
        assert found, first_page
        self.form_token = found[1]

    def get(self, path: str) -> requests.Response:
        return self.http.get(self.url + path, allow_redirects=False, timeout=PATIENCE_SECONDS)

    def post(self, path: str, **fields: Any) -> requests.Response:
        return self.http.post(
            self.url + path,
            data={**fields, "csrf_token": self.form_token},
            allow_redirects=False,
            timeout=PATIENCE_SECONDS,
        )


class Site:
    """The running site and the ward in its database. Time is real."""

    def __init__(self, url: str, ward: Ward) -> None:
        self.url = url
        self.ward = ward
        self._crew = ThreadPoolExecutor(8)

    def phone(self, who: Person) -> Client:
        return Client(self.url, "mz_patient", self.ward.token("patient", who.actor.ref), "/", "/book")

    def doctor(self, who: Actor) -> Client:
        return Client(self.url, "mz_staff", self.ward.token("staff", who.ref), "/staff", "/staff/doctor/")

    def at_once(self, deeds: Sequence[Callable[[], requests.Response]]) -> list[requests.Response]:
        """Do all of them at the same moment, each in a thread of its own, and return the answers in order."""
        return [one.result() for one in [self._crew.submit(deed) for deed in deeds]]


@pytest.fixture(scope="module")
def site(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    var = tmp_path_factory.mktemp("races") / "var"
    shutil.copytree(pristine, var)
    settings = settings_in(var)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WECHAT_", "LEDGER_"))}
    environment = {**kept, "MINGZHEN_VAR": str(var), "WECHAT_MOCK_INTERNAL": "http://127.0.0.1:9"}
    port = free_port()
    commands = (
        ["gunicorn", "--config", str(ROOT / "app/server/gunicorn_conf.py"), "--bind", f"127.0.0.1:{port}"],
        [
            *("ledger", "sequencer", "--database", settings.database_url, "--origin", settings.ledger_origin),
            *("--key", str(var / "keys/ledger.key"), "--head", str(var / "head")),
            *("--socket", str(settings.ledger_socket)),
        ],
    )
    with (var / "said").open("wb") as said:
        running = [
            subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
            for command in commands
        ]
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, running, var / "said")
        app = create_app(settings)
        house: House = app.extensions["mingzhen"]()
        yield Site(url, build_ward(house, lambda: datetime.now(UTC)))
        app.extensions["mingzhen"].close()
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(PATIENCE_SECONDS)


def _wait_until_ready(url: str, running: Sequence[subprocess.Popen[bytes]], said: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if requests.get(f"{url}/readyz", timeout=30).status_code == 200:
                return
        except requests.RequestException:
            pass
        assert all(process.poll() is None for process in running), said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.1)
