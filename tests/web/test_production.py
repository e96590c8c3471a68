"""A production start as an operator makes it: keys of its own, https, no demo, no pretend platform."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from app import ROOT, create_app, setup
from app.adapters.keyring import MasterKey
from app.config import SettingsRefused, read_settings
from ledger.note import SigningKey

ORIGIN = "log.hospital.example/2026"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    MasterKey.generate().write(tmp_path / "master.key")
    (tmp_path / "secret.key").write_text(secrets.token_hex(32))
    (tmp_path / "ledger.vkey").write_text(SigningKey.generate(ORIGIN).verifier_key.format() + "\n")
    return {
        "APP_ENV": "production",
        "MINGZHEN_VAR": str(tmp_path),
        "PUBLIC_URL": "https://hospital.example",
        "TRUSTED_HOSTS": "hospital.example",
        "WECHAT_APP_ID": "wx0123456789abcdef",
        "WECHAT_APP_SECRET": secrets.token_hex(16),
        "LEDGER_ORIGIN": ORIGIN,
        "MASTER_KEY_FILE": str(tmp_path / "master.key"),
        "SECRET_KEY_FILE": str(tmp_path / "secret.key"),
        "LEDGER_PUBLIC_KEY_FILE": str(tmp_path / "ledger.vkey"),
    }


def test_it_serves_patients_and_no_demo(environ: dict[str, str]) -> None:
    settings = read_settings(environ, ROOT)
    setup.migrate(settings)
    app = create_app(settings)
    client = app.test_client()
    base = "https://hospital.example"
    page = client.get("/sign-in", base_url=base)
    assert page.status_code == 200 and "微信" in page.text and "演示" not in page.text
    assert 'name="phone"' not in page.text  # no vendor of messages: the phone door is closed, not broken
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    for path in ("/demo", "/wechat-mock/connect/oauth2/authorize"):
        assert client.get(path, base_url=base).status_code == 404
    form = client.get("/staff/sign-in", base_url=base)
    cookie = form.headers["Set-Cookie"]
    assert "Secure" in cookie and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    app.extensions["mingzhen"].close()


def test_another_host_name_is_refused(environ: dict[str, str]) -> None:
    settings = read_settings(environ, ROOT)
    setup.migrate(settings)
    app = create_app(settings)
    assert app.test_client().get("/sign-in", base_url="https://evil.example").status_code == 400
    app.extensions["mingzhen"].close()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PUBLIC_URL", None, "PUBLIC_URL"),
        ("PUBLIC_URL", "http://hospital.example", "https"),
        ("WECHAT_MOCK_INTERNAL", "http://127.0.0.1:9", "mock"),
        ("WECHAT_API_BASE", "http://127.0.0.1:9", "mock"),
        ("WECHAT_OPEN_BASE", "/wechat-mock", "mock"),
        ("WECHAT_APP_ID", None, "WECHAT_APP_ID"),
        ("WECHAT_APP_SECRET", "0" * 32, "WECHAT_APP_SECRET"),
        ("LEDGER_ORIGIN", "mingzhen.demo/log", "LEDGER_ORIGIN"),
        ("MASTER_KEY_FILE", None, "MASTER_KEY_FILE"),
        ("SECRET_KEY_FILE", None, "SECRET_KEY_FILE"),
        ("TRUSTED_HOSTS", None, "TRUSTED_HOSTS"),
        ("DEMO_CLOCK_OFFSET_SECONDS", "60", "clock"),
        ("APP_ENV", "staging", "APP_ENV"),
        ("RECEIPT_WAIT_MS", "soon", "RECEIPT_WAIT_MS"),
    ],
)
def test_what_is_only_fit_for_a_demo_stops_the_start(
    environ: dict[str, str], name: str, value: str | None, says: str
) -> None:
    changed = {k: v for k, v in {**environ, name: value}.items() if v is not None}
    with pytest.raises(SettingsRefused, match=says):
        read_settings(changed, ROOT)


def test_keys_that_the_demo_made_stop_the_start(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "DEMO-KEYS").touch()
    with pytest.raises(SettingsRefused, match="demo keys"):
        read_settings(environ, ROOT)


def test_the_demo_data_command_refuses(environ: dict[str, str]) -> None:
    settings = read_settings(environ, ROOT)
    setup.migrate(settings)
    app = create_app(settings)
    answer = app.test_cli_runner().invoke(args=["demo-data"])
    assert answer.exit_code != 0 and "production" in answer.output
    app.extensions["mingzhen"].close()
