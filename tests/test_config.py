"""What the environment must say: production starts with nothing that is only fit for a demo."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import ROOT, create_app
from app.config import DEMO_APP_ID, DEMO_APP_SECRET, DEMO_MARK, Settings, SettingsRefused, read_settings


def environment(tmp_path: Path, pristine: Path) -> dict[str, str]:
    """Return the environment of a hospital that may start: its own keys, its own account, its own address."""
    keys = tmp_path / "hospital"
    keys.mkdir(exist_ok=True)
    for name in ("master.key", "secret.key", "ledger.vkey"):
        shutil.copy(pristine / "keys" / name, keys / name)
    var = tmp_path / "production"
    if not var.exists():
        shutil.copytree(pristine, var)
    return {
        "APP_ENV": "production",
        "MINGZHEN_VAR": str(var),
        "PUBLIC_URL": "https://hospital.example",
        "TRUSTED_HOSTS": "hospital.example",
        "WECHAT_APP_ID": "wx0123456789abcdef",
        "WECHAT_APP_SECRET": "0123456789abcdef0123456789abcdef",
        "LEDGER_ORIGIN": "log.hospital.example/2026",
        "MASTER_KEY_FILE": str(keys / "master.key"),
        "SECRET_KEY_FILE": str(keys / "secret.key"),
        "LEDGER_PUBLIC_KEY_FILE": str(keys / "ledger.vkey"),
    }


def production(tmp_path: Path, pristine: Path) -> Settings:
    return read_settings(environment(tmp_path, pristine), ROOT)


def test_a_hospital_with_its_own_keys_account_and_address_starts(tmp_path, pristine) -> None:
    app = create_app(production(tmp_path, pristine))
    assert app.config["SESSION_COOKIE_SECURE"] is True
    answer = app.test_client().get("/sign-in", base_url="https://hospital.example")
    assert answer.status_code == 200 and "max-age=31536000" in answer.headers["Strict-Transport-Security"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    app.extensions["mingzhen"].close()


def test_a_host_that_is_not_ours_is_refused(tmp_path, pristine) -> None:
    app = create_app(production(tmp_path, pristine))
    assert app.test_client().get("/sign-in", base_url="https://evil.example").status_code == 400
    app.extensions["mingzhen"].close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", None),
        ("PUBLIC_URL", "http://hospital.example"),
        ("PUBLIC_URL", "hospital.example"),
        ("PUBLIC_URL", "https://" + "h" * 60 + ".example"),  # 76 characters: no shared link could carry it
        ("TRUSTED_HOSTS", None),
        ("TRUSTED_HOSTS", " , "),
        ("WECHAT_MOCK_INTERNAL", "http://127.0.0.1:9100"),
        ("WECHAT_API_BASE", "http://127.0.0.1:9100/wechat-mock"),
        ("WECHAT_API_BASE", "https://api.weixin.qq.com.evil.example"),
        ("WECHAT_OPEN_BASE", "/wechat-mock"),
        ("WECHAT_APP_ID", None),
        ("WECHAT_APP_ID", DEMO_APP_ID),
        ("WECHAT_APP_SECRET", None),
        ("WECHAT_APP_SECRET", DEMO_APP_SECRET),
        ("LEDGER_ORIGIN", None),
        ("LEDGER_ORIGIN", "mingzhen.demo/log"),
        ("MASTER_KEY_FILE", None),
        ("SECRET_KEY_FILE", None),
        ("LEDGER_PUBLIC_KEY_FILE", None),
        ("DEMO_CLOCK_OFFSET_SECONDS", "3600"),
        ("DEMO_CLOCK_RATE", "60"),
    ],
)
def test_production_refuses_what_is_only_fit_for_a_demo(tmp_path, pristine, name, value) -> None:
    environ = environment(tmp_path, pristine)
    if value is None:
        del environ[name]
    else:
        environ[name] = value
    with pytest.raises(SettingsRefused, match=name):
        read_settings(environ, ROOT)


@pytest.mark.parametrize("name", ["MASTER_KEY_FILE", "SECRET_KEY_FILE", "LEDGER_PUBLIC_KEY_FILE"])
def test_production_refuses_keys_that_the_demo_made(tmp_path, pristine, name) -> None:
    environ = environment(tmp_path, pristine)
    demo_keys = pristine / "keys"
    assert (demo_keys / DEMO_MARK).exists()
    environ[name] = str(demo_keys / Path(environ[name]).name)
    with pytest.raises(SettingsRefused, match=name):
        read_settings(environ, ROOT)


@pytest.mark.parametrize("value", ["-1", "ten", "10001", "1e3", "5_0 "])
def test_a_number_that_is_none_is_refused_by_its_name(value) -> None:
    with pytest.raises(SettingsRefused, match="RECEIPT_WAIT_MS"):
        read_settings({"RECEIPT_WAIT_MS": value}, ROOT)


def test_an_environment_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SettingsRefused, match="APP_ENV"):
        read_settings({"APP_ENV": "staging"}, ROOT)


def test_a_key_for_cookies_that_is_too_short_stops_the_start(tmp_path, pristine) -> None:
    environ = environment(tmp_path, pristine)
    Path(environ["SECRET_KEY_FILE"]).write_bytes(b"short")
    with pytest.raises(SettingsRefused, match="SECRET_KEY_FILE"):
        create_app(read_settings(environ, ROOT))


def test_settings_do_not_show_the_secret_of_the_account(tmp_path, pristine) -> None:
    assert "0123456789abcdef0123456789abcdef" not in repr(production(tmp_path, pristine))


def test_a_demos_clock_may_run_faster_from_an_instant_on(tmp_path, monkeypatch) -> None:
    since_ms = 1_772_416_800_000
    told = {"DEMO_CLOCK_RATE": "60", "DEMO_CLOCK_SINCE_MS": str(since_ms), "DEMO_CLOCK_OFFSET_SECONDS": "-3600"}
    settings = read_settings({"MINGZHEN_VAR": str(tmp_path), **told}, ROOT)
    monkeypatch.setattr("time.time_ns", lambda: (since_ms + 1500) * 1_000_000)
    assert settings.now().timestamp() * 1000 == since_ms + 90_000 - 3_600_000


def test_a_clock_that_nobody_shifts_is_the_systems(tmp_path) -> None:
    settings = read_settings({"MINGZHEN_VAR": str(tmp_path)}, ROOT)
    assert abs((settings.now() - datetime.now(UTC)).total_seconds()) < 5
