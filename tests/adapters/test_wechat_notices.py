"""Subscribe messages over HTTP: to the running mock, and to a platform that misbehaves."""

from datetime import UTC, datetime

import pytest
import requests

from app.adapters.wechat import WeChatPlatform
from app.domain.messages import DEMO_TEMPLATES, KINDS, mini_page, parse_templates, template_data
from app.ports import WeChatRefused, WeChatUnavailable
from app.wechat_mock.accounts import openid_of
from tests.adapters.test_wechat_trouble import Script
from tests.wechat_mock.process import APPID, SECRET, running_mock

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
TEMPLATES = parse_templates(DEMO_TEMPLATES)
FACTS = {"ticket": "A012", "room": "3 诊室", "time": "09:30", "before": 3, "minutes": 20}
DATA = template_data("next", FACTS, TEMPLATES["queue"], NOW)
LIN = openid_of("lin", APPID)
TOKEN = {"access_token": "t1", "expires_in": 7200}


@pytest.fixture(scope="module")
def mock_base(tmp_path_factory):
    with running_mock(tmp_path_factory.mktemp("wechat") / "mock.sqlite3") as base:
        yield base


@pytest.fixture
def platform(mock_base):
    return WeChatPlatform(APPID, SECRET, api_base=mock_base)


@pytest.fixture
def script():
    script = Script()
    yield script
    script.server.shutdown()
    script.server.server_close()


def tap_allow(mock_base, template="queue", openid=LIN) -> None:
    body = {"openid": openid, "templates": [TEMPLATES[template].id]}
    assert requests.post(f"{mock_base}/_demo/accept?appid={APPID}", json=body, timeout=10).status_code == 200


def send(platform, data=DATA, openid=LIN) -> None:
    platform.send_notice(openid, TEMPLATES["queue"].id, "pages/queue/index", data)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_message_is_taken_by_the_platform(platform, mock_base, kind):
    template = TEMPLATES[KINDS[kind].template]
    tap_allow(mock_base, KINDS[kind].template)
    platform.send_notice(LIN, template.id, mini_page(kind), template_data(kind, FACTS, template, NOW))


def test_one_tap_is_one_message_and_the_second_is_refused_with_43101(platform, mock_base):
    chen = openid_of("chen", APPID)
    tap_allow(mock_base, openid=chen)
    send(platform, openid=chen)
    with pytest.raises(WeChatRefused) as refused:
        send(platform, openid=chen)
    assert refused.value.errcode == 43101
    shown = requests.get(f"{mock_base}/_demo/messages?account=chen", timeout=10).json()
    assert [m["fields"]["排队号"] for m in shown] == ["A012"]


def test_a_value_that_breaks_its_type_is_refused_with_47003(platform, mock_base):
    tap_allow(mock_base)
    with pytest.raises(WeChatRefused) as refused:
        send(platform, {**DATA, "character_string1": {"value": "号"}})
    assert refused.value.errcode == 47003


def test_a_token_that_died_is_asked_for_once_and_the_message_goes(platform, mock_base):
    """Somebody forces a new token, which ends ours (40001)."""
    wang = openid_of("wang", APPID)
    tap_allow(mock_base, openid=wang)
    tap_allow(mock_base, openid=wang)
    send(platform, openid=wang)
    platform._token = type(platform._token)("99_no-longer-good", platform._token.fresh_until)
    send(platform, openid=wang)
    assert len(requests.get(f"{mock_base}/_demo/messages?account=wang", timeout=10).json()) == 2


def test_a_token_that_is_refused_again_is_not_asked_for_for_ever(script):
    script.answers = [TOKEN, {"errcode": 40001, "errmsg": "x"}, TOKEN, {"errcode": 40001, "errmsg": "x"}]
    with pytest.raises(WeChatRefused):
        send(WeChatPlatform(APPID, SECRET, api_base=script.base))
    assert len(script.asked) == 4


@pytest.mark.parametrize("errcode", [-1, 45009, 45011])
def test_asked_to_come_back_later_nothing_was_done(script, errcode):
    script.answers = [TOKEN, {"errcode": errcode, "errmsg": "later"}]
    with pytest.raises(WeChatUnavailable) as unavailable:
        send(WeChatPlatform(APPID, SECRET, api_base=script.base))
    assert (unavailable.value.errcode, unavailable.value.maybe_done) == (errcode, False)


def test_nobody_there_means_that_nothing_was_done(script):
    script.server.shutdown()
    script.server.server_close()
    with pytest.raises(WeChatUnavailable) as unavailable:
        send(WeChatPlatform(APPID, SECRET, api_base=script.base))
    assert unavailable.value.maybe_done is False


class Known(WeChatPlatform):
    """Has its token already, so that the first call is the message."""

    def _server_token(self, refused=None):
        return "t1"


@pytest.mark.parametrize("status", [500, 502])
def test_an_answer_that_says_nothing_leaves_it_open_whether_it_went(script, status):
    script.answers, script.status = [{}], status
    with pytest.raises(WeChatUnavailable) as unavailable:
        send(Known(APPID, SECRET, api_base=script.base))
    assert unavailable.value.maybe_done is True


@pytest.mark.parametrize("status", [429, 503])
def test_a_platform_that_takes_nothing_now_has_done_nothing(script, status):
    script.answers, script.status = [{}], status
    with pytest.raises(WeChatUnavailable) as unavailable:
        send(Known(APPID, SECRET, api_base=script.base))
    assert unavailable.value.maybe_done is False


def test_no_answer_in_time_leaves_it_open_unless_it_was_the_token_that_was_asked_for(script):
    script.answers, script.delay_seconds = [{}], 1.0
    how = {"api_base": script.base, "read_timeout_seconds": 0.2}
    with pytest.raises(WeChatUnavailable) as unavailable:
        send(Known(APPID, SECRET, **how))
    assert unavailable.value.maybe_done is True
    with pytest.raises(WeChatUnavailable) as unavailable:
        send(WeChatPlatform(APPID, SECRET, **how))
    assert unavailable.value.maybe_done is False
