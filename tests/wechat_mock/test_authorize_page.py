"""The page where a visitor chooses who to be, and the links that it refuses."""

import re
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest

from app.wechat_mock import create_mock
from app.wechat_mock.accounts import SEEDED_ACCOUNTS
from app.wechat_mock.errors import RefusedToStart
from app.wechat_mock.platform import App
from tests.wechat_mock.process import APPID, CALLBACK, SECRET, authorize_path, query_of


class Buttons(HTMLParser):
    """Collects the buttons of a page: (name, value, words)."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        assert not dict(attrs).keys() & {"style", "onclick", "onload"}
        assert tag not in {"script", "style"}
        if tag == "button":
            self._inside = True
            self.found.append((dict(attrs)["name"], dict(attrs)["value"], ""))

    def handle_data(self, data):
        if self._inside:
            name, value, words = self.found[-1]
            self.found[-1] = (name, value, " ".join((words + data).split()))

    def handle_endtag(self, tag):
        self._inside &= tag != "button"


def test_everybody_stands_there_as_one_button_and_so_do_a_new_account_and_no(wire):
    page = wire.get(authorize_path())
    buttons = Buttons(page.text).found

    assert [value for name, value, _ in buttons if name == "account"] == [
        "lin", "wang", "chen", "li", "zhao", "zhou", "emma", "xin", "new",
    ]  # fmt: skip
    assert "林秀兰" in buttons[0][2]
    assert buttons[-1][0] == "refuse"
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"


def test_it_says_in_both_languages_that_it_is_a_demo(wire):
    page = wire.get(authorize_path()).text

    assert "模拟微信 · 演示" in page
    assert "This is not WeChat" in page
    assert '<html lang="zh-CN">' in page


def test_the_page_needs_no_script_and_allows_none(wire):
    page = wire.get(authorize_path())

    assert page.headers["Content-Security-Policy"] == (
        "default-src 'self'; base-uri 'none'; frame-ancestors 'self'; form-action 'self' http://127.0.0.1:8000"
    )
    assert "<script" not in page.text
    for address in re.findall(r'(?:href|src)="([^"]+)"', page.text):
        with wire.client.get(address) as file:
            assert file.status_code == 200


def test_looking_signs_nobody_in(wire):
    """Only a tap does: no parameter and no cookie chooses for the visitor."""
    response = wire.get(authorize_path() + "&account=lin")

    assert response.status_code == 400
    assert "Set-Cookie" not in wire.get(authorize_path()).headers


def test_a_tap_goes_back_with_code_and_state(wire):
    response = wire.post(authorize_path(state="a b/c&d"), data={"account": "lin"})

    assert response.status_code == 303
    assert re.fullmatch(re.escape(CALLBACK) + r"\?code=[A-Za-z0-9]{32}&state=a%20b%2Fc%26d", response.location)


def test_the_form_posts_back_to_the_same_question(wire):
    page = wire.get(authorize_path(state="x&y"))
    action = re.search(r'<form method="post" action="([^"]+)"', page.text)[1].replace("&amp;", "&")

    assert query_of(wire.client.post(action, data={"account": "lin"}).location)["state"] == "x&y"


def test_refusing_goes_back_with_the_state_alone(wire):
    assert wire.post(authorize_path(), data={"refuse": "1"}).location == f"{CALLBACK}?state=s1"


def test_a_query_of_the_callback_is_kept_and_its_fragment_stays_last(wire):
    url = wire.post(authorize_path(redirect_uri=f"{CALLBACK}?next=%2Fme#top"), data={"account": "lin"}).location

    assert re.fullmatch(re.escape(CALLBACK) + r"\?next=%2Fme&code=\w{32}&state=s1#top", url)


def test_no_state_asked_no_state_given(wire):
    path = authorize_path().replace("&state=s1", "")

    assert list(query_of(wire.post(path, data={"account": "lin"}).location)) == ["code"]


def test_a_new_account_is_somebody_else_and_can_be_chosen_again(wire):
    first, second = (wire.exchange(wire.oauth_code("new"))["openid"] for _ in range(2))
    assert first != second

    values = [value for name, value, _ in Buttons(wire.get(authorize_path()).text).found if name == "account"]
    made = [value for value in values if value.startswith("n") and value != "new"]
    assert {wire.exchange(wire.oauth_code(value))["openid"] for value in made} == {first, second}


def test_the_page_stays_short_however_many_accounts_are_made(wire, clock):
    for _ in range(5):
        clock.seconds += 1
        wire.oauth_code("new")

    assert len(Buttons(wire.get(authorize_path()).text).found) == len(SEEDED_ACCOUNTS) + 3 + 2


def test_nobody_of_that_name_is_a_page_that_says_so(wire):
    response = wire.post(authorize_path(), data={"account": "nobody"})

    assert response.status_code == 400
    assert "没有这个演示身份" in response.text


def link(pairs):
    return "/connect/oauth2/authorize?" + urlencode(pairs)


GOOD = [
    ("appid", APPID),
    ("redirect_uri", CALLBACK),
    ("response_type", "code"),
    ("scope", "snsapi_base"),
    ("state", "s" * 128),
]


def changed(name, value):
    return [(key, value if key == name else old) for key, old in GOOD]


def test_the_good_link_is_good(wire):
    assert wire.get(link(GOOD)).status_code == 200
    assert wire.get(link([*GOOD, ("forcePopup", "true")])).status_code == 200


@pytest.mark.parametrize(
    "pairs",
    [
        [GOOD[1], GOOD[0], *GOOD[2:]],  # order
        [("AppID", APPID), *GOOD[1:]],  # case
        [*GOOD, GOOD[4]],  # twice
        [*GOOD[:3], GOOD[4], GOOD[3]],
        GOOD[:3],
        [*GOOD, ("extra", "1")],
        changed("appid", "wx0000000000000000"),
        changed("response_type", "token"),
        changed("scope", "snsapi_login"),
        changed("scope", "SNSAPI_BASE"),
        changed("state", "s" * 129),
        changed("state", "签" * 43),  # 129 bytes
        changed("redirect_uri", "http://evil.example/"),
        changed("redirect_uri", "http://127.0.0.1.evil.example/"),
        changed("redirect_uri", "http://127.0.0.1@evil.example/"),
        changed("redirect_uri", "http://evil.example\\@127.0.0.1/"),
        changed("redirect_uri", "http://me@127.0.0.1/"),
        changed("redirect_uri", "http://127.0.0.1:99999/"),
        changed("redirect_uri", "http://127.0.0.1:x/"),
        changed("redirect_uri", "javascript:alert(1)"),
        changed("redirect_uri", "//127.0.0.1/"),
        changed("redirect_uri", "http://127.0.0.1/\r\nSet-Cookie: a=b"),
        changed("redirect_uri", "http://[127.0.0.1/"),
        changed("redirect_uri", ""),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_wrong_link_gets_a_page_and_no_redirect(wire, pairs, method):
    response = wire.client.open("/wechat-mock" + link(pairs), method=method, data={"account": "lin"})

    assert response.status_code == 400
    assert "Location" not in response.headers
    assert "打不开这个链接" in response.text


def test_hosts_are_those_of_the_settings_at_any_port(clock):
    apps = [App.registered(APPID, SECRET)]
    client = create_mock(":memory:", apps=apps, redirect_hosts=["hospital.example", "[::1]"]).test_client()

    def status(redirect_uri):
        return client.get("/wechat-mock" + authorize_path(redirect_uri=redirect_uri)).status_code

    assert status("https://Hospital.example/x") == 200
    assert status("http://hospital.example:8443/x") == 200
    assert status("http://[::1]:8000/x") == 200
    assert status(CALLBACK) == 400


def test_another_prefix_and_other_people(clock):
    apps = [App.registered(APPID, SECRET)]
    client = create_mock(":memory:", "/wx", SEEDED_ACCOUNTS[:2], apps=apps).test_client()

    page = client.get("/wx" + authorize_path()).text
    assert [value for _, value, _ in Buttons(page).found] == ["lin", "wang", "new", "1"]
    assert '/wx/_demo/static/mock.css"' in page
    assert [row["id"] for row in client.get("/wx/_demo/accounts").get_json()] == ["lin", "wang"]


def test_a_mock_with_no_app_does_not_start():
    with pytest.raises(RefusedToStart):
        create_mock(":memory:", apps=[])
