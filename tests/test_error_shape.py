"""What goes wrong is said in one shape: JSON at the API, a page elsewhere, never an exception's own text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask, abort
from sqlalchemy.exc import OperationalError

from app import create_app
from app.domain import errors
from app.web.errors import _answer
from app.web.login import public
from app.web.messages import STATUS_WORDS, WORDS, words_for
from ledger.stores.engine import GateBusy
from tests.conftest import settings_in
from tests.scene import Scene, routes

SECRET = "secret of nobody"
STATUSES = (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503)
TITLES = {
    400: ("这次提交没有被接受", "This was not accepted"),
    403: ("这一页不对您开放", "This page is not open to you"),
    404: ("没有找到这一页", "There is no such page"),
    405: ("这一页不能这样打开", "This page cannot be opened this way"),
    413: ("内容太大了", "This is too large"),
    429: ("操作太频繁了", "Too many tries"),
    500: ("我们这边出了问题", "Something failed on our side"),
}


@pytest.fixture
def failing(var, clock) -> Iterator[Flask]:
    """An application with two routes that fail as they are told: a page and a call."""
    app = create_app(settings_in(var), clock)

    @public
    def fail(what: str) -> str:
        if what == "bug":
            raise RuntimeError(SECRET)
        if what == "database":
            raise OperationalError(SECRET, {}, Exception(SECRET))
        if what == "gate":
            raise GateBusy(SECRET)
        abort(int(what), description=SECRET)

    app.add_url_rule("/fail/<what>", "fail_page", fail)
    app.add_url_rule("/api/v1/fail/<what>", "fail_call", fail)
    yield app
    app.extensions["mingzhen"].close()


@pytest.mark.parametrize("status", STATUSES)
def test_a_call_that_fails_answers_code_and_words_in_both_languages(failing, status) -> None:
    said = {}
    for language in ("zh", "en"):
        answer = failing.test_client().get(f"/api/v1/fail/{status}", headers={"Accept-Language": language})
        assert answer.status_code == status and answer.mimetype == "application/json"
        said[language] = answer.get_json()
        assert {"code", "errorMsg"} <= set(said[language]) <= {"code", "errorMsg", "next", "field", "number"}
        assert said[language]["code"] == f"http_{status}" and SECRET not in answer.text
    assert not said["zh"]["errorMsg"].isascii() and said["en"]["errorMsg"].isascii()


@pytest.mark.parametrize("status", STATUSES)
def test_a_page_that_fails_says_what_to_do_in_both_languages(failing, status) -> None:
    client = failing.test_client()
    for language in ("zh", "en"):
        client.get(f"/language/{language}")
        page = client.get(f"/fail/{status}")
        assert page.status_code == status and SECRET not in page.text
        assert "<h1>" in page.text and 'class="weui-btn' in page.text  # a title, and a way on
        if status in TITLES:
            assert TITLES[status][language == "en"] in page.text


@pytest.mark.parametrize(("what", "status"), [("bug", 500), ("database", 500), ("gate", 503)])
@pytest.mark.parametrize("path", ["/fail/", "/api/v1/fail/"])
def test_a_mistake_of_ours_shows_a_number_and_never_its_text(failing, capsys, path, what, status) -> None:
    answer = failing.test_client().get(path + what)
    assert answer.status_code == status and SECRET not in answer.text
    logged = capsys.readouterr().err
    assert SECRET not in logged
    if status == 500:
        number = logged.split('"number": "')[1].split('"')[0]
        assert number in answer.text


def test_the_page_of_a_mistake_needs_neither_database_nor_keys(var, clock) -> None:
    app = create_app(settings_in(var), clock)
    for name in ("mingzhen.db", "keyring.db"):
        (var / name).write_bytes(b"this is no database any more" * 100)
    for path in ("/me", "/staff/desk/", "/api/v1/me"):
        client = app.test_client()
        client.set_cookie("mz_patient", "a-cookie-that-has-to-be-looked-up")
        client.set_cookie("mz_staff", "a-cookie-that-has-to-be-looked-up", path="/staff")
        answer = client.get(path, headers={"Authorization": "Bearer something"})
        assert answer.status_code == 500, path
        assert "我们这边出了问题" in (answer.get_json()["errorMsg"] if path.startswith("/api") else answer.text)
    app.extensions["mingzhen"].close()


def test_a_way_of_asking_that_a_page_does_not_take_names_those_that_it_does(failing) -> None:
    answer = failing.test_client().delete("/sign-in")
    assert answer.status_code in (400, 405)
    answer = failing.test_client().put("/api/v1/me")
    assert answer.status_code == 405 and "GET" in answer.headers["Allow"]
    assert answer.get_json()["code"] == "http_405"


def test_a_body_that_is_too_large_is_refused_as_such(failing) -> None:
    client = failing.test_client()
    answer = client.post("/api/v1/login", data=b"x" * (2 * 1024 * 1024), content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (413, "http_413")


def all_refusals(base: type[errors.Refused]) -> Iterator[type[errors.Refused]]:
    for kind in base.__subclasses__():
        yield kind
        yield from all_refusals(kind)


def test_every_refusal_has_words_of_its_own_or_those_of_its_status(app) -> None:
    silent = {
        kind.code for kind in all_refusals(errors.Refused) if kind.code not in WORDS and kind.status not in STATUS_WORDS
    }
    assert silent == set()


def test_the_words_of_every_refusal_are_there_in_both_languages(app) -> None:
    for code in WORDS:
        refusal = type("Some", (errors.Refused,), {"code": code})(field="x", limit=3, position=1, length=2, fields="x")
        for language, is_ascii in (("zh", False), ("en", True)):
            with app.test_request_context("/api/v1/me", headers={"Accept-Language": language}):
                assert words_for(refusal).title.isascii() == is_ascii, (code, language)


def test_every_call_without_a_token_has_the_shape(scene: Scene) -> None:
    scene.fresh()
    for method, rule, view in routes(scene.app):
        if rule.rule.startswith("/api/") and "public" not in view.audience:
            path = scene.path(rule, dict.fromkeys(rule.arguments, "x"))
            answer = scene.open("anonymous", method, path)
            assert answer.status_code == 401 and answer.get_json()["code"] == "sign_in_needed", rule.rule


def test_a_wait_of_minutes_is_said_in_minutes(app) -> None:
    for wait, words in ((600, "10 分钟后可以再试"), (30, "30 秒后可以再试")):
        with app.test_request_context("/sign-in"):
            answer = _answer(429, "too_many", retry=wait)
            assert words in answer.get_data(as_text=True)
            assert answer.headers["Retry-After"] == str(wait)


def test_whoever_wechat_did_not_sign_in_is_led_back_to_the_two_doors(browser) -> None:
    page = browser.get("/sign-in/wechat/callback?code=x&state=y")
    assert page.status_code == 400
    assert 'href="/sign-in"' in page.get_data(as_text=True).split("<main", 1)[1]
