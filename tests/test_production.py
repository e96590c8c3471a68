"""Wrong ways to start in production that looked right, and what is not there when it starts rightly."""

from __future__ import annotations

import pytest

from app import ROOT, create_app
from app.config import SettingsRefused, read_settings
from tests.test_config import environment, production


@pytest.mark.parametrize("app_env", ["Production", "production ", "prod", "PRODUCTION", "demo\n", ""])
def test_an_environment_that_is_neither_is_refused(app_env) -> None:
    with pytest.raises(SettingsRefused):
        read_settings({"APP_ENV": app_env}, ROOT)


@pytest.mark.parametrize(
    "address",
    ["https://", "https:///", "https:", "https://hospital.example/path", "https://user@hospital.example", "https://a b", "https://[",
     "HTTP://hospital.example", "https://hospital.example?x=1", "javascript:https://x"],
)  # fmt: skip
def test_an_address_that_is_no_site_is_refused(tmp_path, pristine, address) -> None:
    with pytest.raises(SettingsRefused):
        read_settings({**environment(tmp_path, pristine), "PUBLIC_URL": address}, ROOT)


@pytest.mark.parametrize("name", ["MASTER_KEY_FILE", "SECRET_KEY_FILE", "LEDGER_PUBLIC_KEY_FILE"])
def test_a_link_to_a_demo_key_is_a_demo_key(tmp_path, pristine, name) -> None:
    link = tmp_path / "looks-own.key"
    link.symlink_to(pristine / "keys" / "master.key")
    with pytest.raises(SettingsRefused):
        read_settings({**environment(tmp_path, pristine), name: str(link)}, ROOT)


def test_nothing_of_the_demo_is_there(tmp_path, pristine) -> None:
    app = create_app(production(tmp_path, pristine))
    try:
        rules = [str(rule) for rule in app.url_map.iter_rules()]
        assert not [rule for rule in rules if "demo" in rule or "mock" in rule]
        client = app.test_client()
        for path in (
            "/demo",
            "/demo/be/lin",
            "/demo/work/desk.he",
            "/wechat-mock/_demo/js-code",
            "/metrics",
            "/docs",
            "/console",
            "/.git/HEAD",
        ):
            for method in ("GET", "POST"):
                answer = client.open(path, method=method, base_url="https://hospital.example")
                assert answer.status_code in (400, 404), (method, path)
        assert "demo" not in client.get("/sign-in", base_url="https://hospital.example").text.lower()
        for command in ("demo-data",):
            result = app.test_cli_runner().invoke(args=[command])
            assert result.exit_code != 0
    finally:
        app.extensions["mingzhen"].close()


def test_patients_are_served_and_the_phone_door_is_closed_not_broken(tmp_path, pristine) -> None:
    app = create_app(production(tmp_path, pristine))
    try:
        client = app.test_client()
        page = client.get("/sign-in", base_url="https://hospital.example")
        assert page.status_code == 200 and "微信" in page.text and 'name="phone"' not in page.text
        assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
        cookie = client.get("/staff/sign-in", base_url="https://hospital.example").headers["Set-Cookie"]
        assert "Secure" in cookie and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    finally:
        app.extensions["mingzhen"].close()
