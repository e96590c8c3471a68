"""Our side of WeChat when the platform answers wrongly, late or not at all, and what it then must not say."""

import contextlib
import gc
import json
import logging
import re
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import structlog

from app.adapters.wechat import WeChatPlatform
from app.ports import OutsideError, WeChatRefused, WeChatUnavailable
from tests.server.launched import wait_until
from tests.wechat_mock.process import APPID, SECRET


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # with the usual 5, callers who come all at once are left waiting for a second


class Script:
    """A server that answers what a test wrote down, and counts what it was asked."""

    def __init__(self) -> None:
        self.answers: list[object] = []
        self.asked: list[str] = []
        self.delay_seconds = 0.0
        self.status = 200
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                script.asked.append(self.path)
                time.sleep(script.delay_seconds)
                answer = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                with contextlib.suppress(OSError):
                    self.send_response(script.status)
                    self.send_header("Content-Type", "text/plain")
                    self.send_header("Location", "/elsewhere")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def script():
    script = Script()
    yield script
    script.server.shutdown()
    script.server.server_close()


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def scripted(script):
    clock = Clock()
    platform = WeChatPlatform(APPID, SECRET, api_base=script.base, read_timeout_seconds=60, clock=clock)
    platform.test_clock = clock
    return platform


@pytest.fixture
def hasty(script):
    return WeChatPlatform(APPID, SECRET, api_base=script.base, read_timeout_seconds=0.5)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"x":"' + b"y" * 70_000 + b'"}',
        {},
        {"openid": ""},
        {"openid": 5},
        {"openid": "o" * 65},
        {"openid": "<script>"},
        {"openid": "o1", "unionid": "a b"},
        {"errcode": "40029"},
        {"errcode": None},
        {"errcode": -1, "errmsg": "system error"},
        {"errcode": 45011, "errmsg": "api minute-quota reach limit"},
    ],
)
def test_an_answer_that_cannot_be_used_is_unavailable(script, scripted, answer):
    script.answers = [answer]

    for call in (scripted.exchange_code, scripted.js_code_to_session):
        with pytest.raises(WeChatUnavailable):
            call("code1")
    assert len(script.asked) == 2  # a code is never presented twice


@pytest.mark.parametrize("status", [301, 302, 307, 404, 500, 502])
def test_another_status_is_unavailable_and_no_redirect_is_followed(script, scripted, status):
    script.answers, script.status = [{"openid": "o1"}], status

    with pytest.raises(WeChatUnavailable):
        scripted.exchange_code("code1")
    assert len(script.asked) == 1


def test_waiting_has_an_end(script, hasty):
    script.answers, script.delay_seconds = [{"openid": "o1"}], 30.0
    began = time.monotonic()

    with pytest.raises(WeChatUnavailable, match="no answer in time"):
        hasty.exchange_code("code1")
    assert time.monotonic() - began < 25
    wait_until(lambda: script.asked)  # the server may come to it later than we gave up
    assert len(script.asked) == 1


def test_nobody_there_is_unavailable_at_once(script):
    script.server.shutdown()
    script.server.server_close()
    began = time.monotonic()

    with pytest.raises(WeChatUnavailable, match="no connection"):
        WeChatPlatform(APPID, SECRET, api_base=script.base, read_timeout_seconds=60).exchange_code("code1")
    assert time.monotonic() - began < 30


def test_a_nickname_that_cannot_be_had_costs_only_the_nickname(script, scripted):
    granted = {"access_token": "t", "expires_in": 7200, "openid": "o1", "scope": "snsapi_userinfo"}
    for trouble in ({"errcode": 48001, "errmsg": "api unauthorized"}, b"", {"nickname": 5}, {"nickname": ""}):
        script.answers = [granted, trouble]
        identity = scripted.exchange_code("code1", with_nickname=True)
        assert (identity.openid, identity.nickname) == ("o1", None)


def test_a_country_code_may_be_a_number(script, scripted):
    token = {"access_token": "t1", "expires_in": 7200}
    script.answers = [token, {"errcode": 0, "phone_info": {"purePhoneNumber": "13800000002", "countryCode": 86}}]

    assert scripted.phone_number("code1") == "+8613800000002"


@pytest.mark.parametrize("info", [None, [], {}, {"purePhoneNumber": "x", "countryCode": "86"}])
def test_a_phone_that_is_none_is_unavailable(script, scripted, info):
    script.answers = [{"access_token": "t1", "expires_in": 7200}, {"errcode": 0, "phone_info": info}]

    with pytest.raises(WeChatUnavailable):
        scripted.phone_number("code1")


PHONE = {"errcode": 0, "errmsg": "ok", "phone_info": {"purePhoneNumber": "13800000002", "countryCode": "86"}}


def calls(script) -> list[str]:
    return [path.rpartition("/")[2].replace("getuserphonenumber", "phone") for path in script.asked]


class TestServerToken:
    def test_it_is_asked_for_once_and_kept_until_a_minute_before_its_end(self, script, scripted):
        script.answers = [{"access_token": "t1", "expires_in": 300}, PHONE]
        scripted.phone_number("code1")
        scripted.test_clock.seconds = 239
        scripted.phone_number("code2")
        assert calls(script) == ["stable_token", "phone?access_token=t1", "phone?access_token=t1"]

        script.answers = [{"access_token": "t2", "expires_in": 300}, PHONE]
        scripted.test_clock.seconds = 240
        scripted.phone_number("code3")
        assert calls(script)[3:] == ["stable_token", "phone?access_token=t2"]

    @pytest.mark.parametrize("errcode", [40001, 40014, 42001])
    def test_a_refused_one_is_replaced_and_the_call_made_again(self, script, scripted, errcode):
        script.answers = [
            {"access_token": "t1", "expires_in": 7200},
            {"errcode": errcode, "errmsg": "refused"},
            {"access_token": "t2", "expires_in": 7200},
            PHONE,
        ]

        assert scripted.phone_number("code1") == "+8613800000002"
        assert calls(script)[1::2] == ["phone?access_token=t1", "phone?access_token=t2"]

    def test_refused_twice_is_refused(self, script, scripted):
        token = {"access_token": "t1", "expires_in": 7200}
        refused = {"errcode": 40001, "errmsg": "refused"}
        script.answers = [token, refused, token, refused]

        with pytest.raises(WeChatRefused):
            scripted.phone_number("code1")
        assert len(script.asked) == 4

    @pytest.mark.parametrize("answer", [{}, {"access_token": "t"}, {"access_token": "", "expires_in": 1}])
    def test_no_token_is_unavailable(self, script, scripted, answer):
        script.answers = [answer]

        with pytest.raises(WeChatUnavailable):
            scripted.phone_number("code1")

    def test_many_threads_ask_for_it_once(self, script, scripted):
        script.answers, script.delay_seconds = [{"access_token": "t1", "expires_in": 7200}, PHONE], 0.05
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(scripted.phone_number, [f"code{n}" for n in range(16)]))

        assert calls(script).count("stable_token") == 1

    def test_a_dead_platform_does_not_queue_the_threads_up(self, script, hasty):
        script.answers, script.delay_seconds = [PHONE], 2.0
        began = time.monotonic()

        def attempt(number):
            with pytest.raises(WeChatUnavailable):
                hasty.phone_number(f"code{number}")

        with ThreadPoolExecutor(40) as threads:
            list(threads.map(attempt, range(40)))
        assert time.monotonic() - began < 15  # two timeouts at most, where forty in a row would take twenty seconds


def test_an_address_that_the_platform_does_not_know_is_told_to_the_operator(script, scripted):
    script.answers = [{"errcode": 40164, "errmsg": "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist rid: x"}]

    with structlog.testing.capture_logs() as logs, pytest.raises(WeChatRefused):
        scripted.phone_number("code1")
    assert "1.2.3.4" in logs[0]["says"]


# What must not leak

OPENID, UNIONID, SESSION_KEY, CODE, NICKNAME = "oSECRETOPENID", "oSECRETUNION", "SECRETKEY==", "SECRETCODE", "秘密"
PRIVATE = (OPENID, UNIONID, SESSION_KEY, CODE, NICKNAME, SECRET, "SECRETTOKEN")


def everything_said_by(error: BaseException) -> str:
    """The error, its attributes and its whole chain, hidden contexts included."""
    said, current = "".join(traceback.format_exception(error)), error
    while current is not None:
        said += f"{current} {current!r} {vars(current)}"
        current = current.__cause__ or current.__context__
    return said


def test_an_identity_shows_nobody(script, scripted):
    script.answers = [{"session_key": SESSION_KEY, "openid": OPENID, "unionid": UNIONID}]
    mini = scripted.js_code_to_session(CODE)
    script.answers = [
        {"access_token": "SECRETTOKEN", "openid": OPENID, "scope": "snsapi_userinfo", "unionid": UNIONID},
        {"nickname": NICKNAME},
    ]
    web = scripted.exchange_code(CODE, with_nickname=True)

    assert (mini.session_key, web.nickname) == (SESSION_KEY, NICKNAME)
    said = f"{mini} {mini!r} {web} {web!r} {scripted} {scripted!r} {scripted._token!r}"
    assert not [private for private in PRIVATE if private in said]


@pytest.mark.parametrize(
    "trouble",
    [
        {"errcode": 40029, "errmsg": f"invalid code {CODE} of {OPENID}"},
        {"errcode": -1, "errmsg": OPENID},
        {"openid": f"{OPENID} {UNIONID}"},
        f"not JSON {OPENID}".encode(),
        None,  # nobody there: the error of `requests` holds the whole URL
    ],
)
def test_errors_and_logs_hold_no_person_no_code_and_no_secret(script, scripted, trouble, caplog):
    caplog.set_level(logging.DEBUG)
    script.answers = [trouble or {}]
    if trouble is None:
        script.server.shutdown()
        script.server.server_close()

    with structlog.testing.capture_logs() as logs:
        for call in (scripted.exchange_code, scripted.js_code_to_session, scripted.phone_number):
            with pytest.raises(OutsideError) as raised:
                call(CODE)
            said = everything_said_by(raised.value)
            assert not [private for private in PRIVATE if private in said]

    assert not [private for private in PRIVATE if private in f"{logs} {caplog.text}"]
    assert all({"event", "call", "log_level"} <= entry.keys() for entry in logs)


def test_the_http_library_tells_no_log_of_our_urls_even_at_debug(script, scripted, caplog):
    caplog.set_level(logging.DEBUG)
    script.answers = [{"openid": "o1"}]
    scripted.exchange_code(CODE)

    assert not re.search(f"{CODE}|{SECRET}", caplog.text)


def test_connections_are_closed_with_the_adapter(script):
    """Warnings are errors here: a socket left open would say so."""
    script.answers = [{"openid": "o1"}]
    WeChatPlatform(APPID, SECRET, api_base=script.base).exchange_code("code1")
    gc.collect()
