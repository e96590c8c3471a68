"""Our side of WeChat: against the running mock for what is normal, against a scripted server for what is not."""

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
import requests
import structlog

from app.adapters.wechat import AUTHORIZE_BASE, WeChatPlatform, is_real_platform
from app.ports import OutsideError, WeChat, WeChatRefused, WeChatUnavailable
from tests.wechat_mock.process import APPID, CALLBACK, SECRET, query_of, running_mock, tap


@pytest.fixture(scope="module")
def mock_base(tmp_path_factory):
    with running_mock(tmp_path_factory.mktemp("wechat") / "mock.sqlite3") as base:
        yield base


@pytest.fixture
def platform(mock_base) -> WeChat:
    return WeChatPlatform(APPID, SECRET, authorize_base=mock_base, api_base=mock_base)


def come_back(platform, account="lin", scope="snsapi_base", more="") -> str:
    """Follow the adapter's own link, tap a person, return the code."""
    link = platform.authorize_url(CALLBACK, "s1", scope).replace("#wechat_redirect", more)
    return query_of(tap("", account, link))["code"]


def js_code(mock_base, account="lin", kind="js-code") -> str:
    query = {"account": account, "appid": APPID}
    return requests.get(f"{mock_base}/_demo/{kind}", params=query, timeout=10).json()["code"]


# The road that works


def test_the_link_has_the_order_and_case_that_the_platform_insists_on():
    link = WeChatPlatform("wx1", SECRET).authorize_url("https://h.example/back?a=1&b=2", "s/ 1", "snsapi_userinfo")

    assert link == (
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx1"
        "&redirect_uri=https%3A%2F%2Fh.example%2Fback%3Fa%3D1%26b%3D2&response_type=code&scope=snsapi_userinfo"
        "&state=s%2F%201#wechat_redirect"
    )


def test_the_link_may_stay_on_our_own_address_where_the_mock_is_behind_it():
    link = WeChatPlatform(APPID, SECRET, authorize_base="/wechat-mock").authorize_url(CALLBACK, "s")

    assert link.startswith(f"/wechat-mock/connect/oauth2/authorize?appid={APPID}&redirect_uri=http%3A")


@pytest.mark.parametrize("state", ["", "s" * 129, "签" * 43])
def test_a_state_the_platform_would_refuse_is_our_mistake(state):
    with pytest.raises(ValueError, match="128 bytes"):
        WeChatPlatform(APPID, SECRET).authorize_url(CALLBACK, state)


def test_a_code_gives_the_person_without_asking_for_more(platform):
    lin, again, chen = (platform.exchange_code(come_back(platform, name)) for name in ("lin", "lin", "chen"))

    assert lin == again
    assert lin.openid != chen.openid
    assert (lin.appid, lin.unionid, lin.nickname, lin.session_key, lin.is_snapshot) == (APPID, None, None, None, False)


def test_a_nickname_comes_as_the_person_wrote_it(platform):
    code = come_back(platform, "lin", "snsapi_userinfo")

    lin = platform.exchange_code(code, with_nickname=True)
    assert lin.nickname == "林秀兰"
    assert lin.unionid is not None


def test_a_snapshot_visitor_is_marked(platform):
    code = come_back(platform, "lin", "snsapi_userinfo", "&forceSnapShot=true")

    assert platform.exchange_code(code).is_snapshot is True


def test_wx_login_gives_the_same_person_with_a_session_key(platform, mock_base):
    web = platform.exchange_code(come_back(platform, "lin", "snsapi_userinfo"))
    mini = platform.js_code_to_session(js_code(mock_base, "lin"))

    assert (mini.openid, mini.unionid) == (web.openid, web.unionid)
    assert len(mini.session_key) == 24


def test_a_phone_is_told_in_e164(platform, mock_base):
    assert platform.phone_number(js_code(mock_base, "wang", "phone-code")) == "+8613800000002"


def test_a_code_works_once_and_an_unknown_one_never(platform, mock_base):
    code, login = come_back(platform), js_code(mock_base)
    platform.exchange_code(code)
    platform.js_code_to_session(login)

    for call, spent, errcode in (
        (platform.exchange_code, code, 40163),
        (platform.exchange_code, "unknown", 40029),
        (platform.js_code_to_session, login, 40163),
        (platform.js_code_to_session, "unknown", 40029),
        (platform.phone_number, "unknown", 40029),
    ):
        with pytest.raises(WeChatRefused) as refusal:
            call(spent)
        assert refusal.value.errcode == errcode


@pytest.mark.parametrize("code", ["", "a b", "签", "x" * 513, "a\r\nb"])
def test_what_cannot_be_a_code_is_refused_without_asking(code):
    nowhere = WeChatPlatform(APPID, SECRET, api_base="http://127.0.0.1:9")

    for call in (nowhere.exchange_code, nowhere.js_code_to_session, nowhere.phone_number):
        with pytest.raises(WeChatRefused) as refusal:
            call(code)
        assert refusal.value.errcode == 40029


def test_of_twenty_threads_with_one_code_one_signs_in(platform):
    code = come_back(platform)

    def attempt(_):
        try:
            return platform.exchange_code(code).appid
        except WeChatRefused as refused:
            return refused.errcode

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(attempt, range(20)))

    assert answers.count(APPID) == 1
    assert answers.count(40163) == 19


def test_sixty_four_sign_ins_through_one_adapter_all_succeed(platform):
    with ThreadPoolExecutor(64) as threads:
        people = list(threads.map(lambda _: platform.exchange_code(come_back(platform, "new")).openid, range(64)))

    assert len(set(people)) == 64


# What the platform may do wrong


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
    platform = WeChatPlatform(APPID, SECRET, api_base=script.base, read_timeout_seconds=5, clock=clock)
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
    script.answers, script.delay_seconds = [{"openid": "o1"}], 3.0
    began = time.monotonic()

    with pytest.raises(WeChatUnavailable, match="no answer in time"):
        hasty.exchange_code("code1")
    assert time.monotonic() - began < 2.5
    assert len(script.asked) == 1


def test_nobody_there_is_unavailable_at_once(script):
    script.server.shutdown()
    script.server.server_close()
    began = time.monotonic()

    with pytest.raises(WeChatUnavailable, match="no connection"):
        WeChatPlatform(APPID, SECRET, api_base=script.base).exchange_code("code1")
    assert time.monotonic() - began < 1.0


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

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(attempt, range(8)))
        assert time.monotonic() - began < 3.0  # two timeouts at most, where eight in a row would take four seconds


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


# Which platform is real


@pytest.mark.parametrize(
    ("urls", "is_real"),
    [
        ([AUTHORIZE_BASE, "https://api.weixin.qq.com", "https://api.mch.weixin.qq.com"], True),
        ([AUTHORIZE_BASE, "https://api.weixin.qq.com"], True),
        ([AUTHORIZE_BASE, "http://api.weixin.qq.com"], False),
        ([AUTHORIZE_BASE, "https://api.weixin.qq.com/"], False),
        ([AUTHORIZE_BASE, "https://api.weixin.qq.com.evil.example"], False),
        (["https://open.weixin.qq.com@127.0.0.1"], False),
        ([AUTHORIZE_BASE, "http://127.0.0.1:8001/wechat-mock"], False),
        (["/wechat-mock"], False),
        ([], False),
    ],
)
def test_only_the_exact_hosts_over_https_are_the_real_platform(urls, is_real):
    assert is_real_platform(urls) is is_real
