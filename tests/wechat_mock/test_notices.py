"""Subscribe messages as the platform takes them: one tap one message, types of keys held, and cards as a phone shows them."""

import pytest

from app.domain import messages
from app.wechat_mock import create_mock, notices
from app.wechat_mock.accounts import openid_of
from app.wechat_mock.platform import App
from tests.wechat_mock.conftest import Wire
from tests.wechat_mock.process import APPID, OTHER_APPID, SECRET

LIN = openid_of("lin", APPID)
QUEUE = next(t for t in notices.TEMPLATES.values() if t.id.startswith("DemoQueue"))
DATA = {
    "character_string1": {"value": "A012"},
    "thing2": {"value": "下一位就是您"},
    "thing3": {"value": "请在候诊区等候"},
}


def accept(wire, openid=LIN, *templates):
    body = {"openid": openid, "templates": list(templates or [QUEUE.id])}
    return wire.post(f"/_demo/accept?appid={APPID}", json=body)


def send(wire, token=None, **other):
    token = wire.stable_token()["access_token"] if token is None else token
    body = {"touser": LIN, "template_id": QUEUE.id, "page": "pages/queue/index", "data": DATA} | other
    return wire.post(f"/cgi-bin/message/subscribe/send?access_token={token}", json=body).get_json(force=True)


def test_one_tap_is_one_message(wire):
    accept(wire)
    assert send(wire) == {"errcode": 0, "errmsg": "ok"}
    refused = send(wire)
    assert refused["errcode"] == 43101 and refused["errmsg"].startswith("user refuse to accept the msg rid: ")


def test_the_phone_shows_a_card_with_a_way_on(wire):
    accept(wire)
    send(wire)
    page = wire.get("/_demo/phone", account="lin").text
    for words in ("服务通知", "排队到号通知", "排队号", "A012", "下一位就是您", 'href="/queue"'):
        assert words in page
    assert "A012" not in wire.get("/_demo/phone", account="wang").text
    [seen] = wire.json("/_demo/messages", account="lin")
    assert seen["fields"]["排队号"] == "A012"


def test_what_a_sender_writes_is_shown_as_text(wire):
    accept(wire)
    send(wire, data=DATA | {"thing2": {"value": "<b>x</b>"}}, page="javascript:alert(1)")
    page = wire.get("/_demo/phone", account="lin").text
    assert "&lt;b&gt;x&lt;/b&gt;" in page and "javascript:" not in page


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("thing2", "二十一个字二十一个字二十一个字二十一个字太"),
        ("thing2", "a\nb"),
        ("thing2", ""),
        ("thing2", "  "),
        ("thing2", 5),
        ("character_string1", "号12"),
        ("character_string1", "A" * 33),
    ],
)
def test_a_value_that_breaks_its_type_is_named_and_costs_no_tap(wire, key, value):
    accept(wire)
    refused = send(wire, data=DATA | {key: {"value": value}})
    assert refused["errcode"] == 47003 and f"argument invalid! data.{key}.value invalid" in refused["errmsg"]
    assert send(wire)["errcode"] == 0


@pytest.mark.parametrize("value", ["09:30", "2026年3月3日 09:30", "9:30~10:00"])
def test_times_as_the_documentation_writes_them_are_taken(value):
    assert notices.RULES["time"].fullmatch(value)


@pytest.mark.parametrize("value", ["9.30", "tomorrow", "2026-03-03 09:30 "])
def test_other_times_are_not(value):
    assert not notices.RULES["time"].fullmatch(value)


@pytest.mark.parametrize(
    ("other", "errcode"),
    [
        ({"touser": openid_of("lin", OTHER_APPID)}, 40003),
        ({"touser": None}, 40003),
        ({"template_id": "unknown"}, 40037),
        ({"data": None}, 47003),
        ({"data": {}}, 47003),
        ({"lang": "de"}, 47003),
        ({"miniprogram_state": "beta"}, 47003),
    ],
)
def test_what_is_wrong_in_the_body_has_its_own_errcode(wire, other, errcode):
    accept(wire)
    assert send(wire, **other)["errcode"] == errcode


def test_tokens_are_asked_for_and_an_old_one_says_so(wire, clock):
    accept(wire)
    assert send(wire, token="")["errcode"] == 41001
    assert send(wire, token="made-up")["errcode"] == 40001
    token = wire.stable_token()["access_token"]
    clock.seconds += 7200
    assert send(wire, token=token)["errcode"] == 42001


def test_the_days_quota_ends_and_comes_back_the_next_day(clock):
    wire = Wire(
        create_mock(":memory:", apps=[App.registered(APPID, SECRET)], clock=clock, messages_per_day=1).test_client()
    )
    accept(wire, LIN, QUEUE.id, QUEUE.id)
    assert send(wire)["errcode"] == 0
    assert send(wire)["errcode"] == 45009
    clock.seconds += 86400
    assert send(wire)["errcode"] == 0


def test_accepting_for_nobody_or_of_no_template_is_refused(wire):
    assert accept(wire, "nobody").status_code == 404
    assert accept(wire, LIN, "unknown").status_code == 404
    assert wire.post("/_demo/accept", json={"openid": LIN}).status_code == 400


def test_the_templates_are_those_that_a_demos_settings_name(wire):
    token = wire.stable_token()["access_token"]
    listed = wire.json("/wxaapi/newtmpl/gettemplate", access_token=token)["data"]
    ours = {t.id: set(t.keys.values()) for t in messages.parse_templates(messages.DEMO_TEMPLATES).values()}
    assert {t["priTmplId"] for t in listed} == set(ours)
    assert {t.id: {key for key, _ in t.fields} for t in notices.TEMPLATES.values()} == ours
