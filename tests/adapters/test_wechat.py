"""Our side of WeChat on the road that works, against the running mock. What goes wrong: test_wechat_trouble.py."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from app.adapters.wechat import AUTHORIZE_BASE, WeChatPlatform, is_real_platform
from app.ports import WeChat, WeChatRefused
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
