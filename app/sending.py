"""Sending what waits in the outbox: an errand of the chores, because it asks others between its transactions.

The order for each message is: mark it as being sent, commit, ask the provider, write down what came of it. No transaction is open
while the network is asked, and no act waits for any of it (P3).
"""

from __future__ import annotations

from collections import Counter

import structlog

from app.config import Settings
from app.domain.messages import KINDS, PAGES, mini_page, sms_text, template_data
from app.ports import OutsideError, SMSUnavailable, WeChatRefused, WeChatUnavailable
from app.services import outbox
from app.services.outbox import Letter, Outcome, Ways
from app.web.house import House

MOST_A_ROUND = 200
ENOUGH_FAILURES = 3  # in a row: the provider is down, and the round ends; each message has its own time to come again

# The person took no more, is unknown at this app, or takes none at all: another way may do.
ANOTHER_WAY = frozenset({43101, 40003, 43107, 45009})
# Our own account is set up wrongly: the operator's to mend, and then the message may go.
OURS_TO_MEND = frozenset({40001, 40013, 40125, 40164, 42001, 43108, 48001, 50002})

log = structlog.get_logger(__name__)


def ways_of(settings: Settings, house: House) -> Ways:
    return Ways(settings.wechat_templates, house.sms is not None)


def send(house: House) -> int:
    """Send what is due; return how many messages were dealt with."""
    ways = ways_of(house.settings, house)
    with house.reading_session() as session:
        if not outbox.is_due(session, house.clock()):
            return 0
    with house.writing_session() as session:
        ended = outbox.address(session, ways, house.clock())
    for (kind, state, reason), how_many in Counter(ended).items():
        _say(state, kind=kind, reason=reason, count=how_many)
    count, failures = len(ended), 0
    while count < MOST_A_ROUND and failures < ENOUGH_FAILURES:
        with house.writing_session() as session:
            letter = outbox.take(session, house.clock())
        if letter is None:
            break
        outcome = deliver(house, letter)
        with house.writing_session() as session:
            state = outbox.settle(session, letter, outcome, ways, house.clock())
        if state in ("dead", "unknown", "dropped"):
            _say(state, kind=letter.kind, reason=outcome.reason, count=1)
        failures = failures + 1 if outcome.state in ("again", "unknown") else 0
        count += 1
    return count


def _say(state: str, **facts: object) -> None:
    """Log what reached nobody: for the operator to see where it is ours to mend, else for the file. Names no person."""
    (log.info if state == "dropped" else log.error)("message.not_sent", state=state, **facts)


def deliver(house: House, letter: Letter) -> Outcome:
    """Ask the provider, and return what came of it. Nothing of the message or the person is in the outcome."""
    try:
        if letter.channel == "sms":
            return _text(house, letter)
        return _wechat(house, letter)
    except WeChatRefused as refused:
        reason = f"wechat_{refused.errcode}"
        if refused.errcode in ANOTHER_WAY:
            return Outcome("refused", reason)
        return Outcome("again" if refused.errcode in OURS_TO_MEND else "dead", reason)
    except WeChatUnavailable as unavailable:
        if unavailable.errcode in ANOTHER_WAY:  # the day's quota: it comes back too late for this one
            return Outcome("refused", f"wechat_{unavailable.errcode}")
        return Outcome("unknown" if unavailable.maybe_done else "again", "wechat_unavailable")
    except SMSUnavailable as unavailable:
        return Outcome("unknown" if unavailable.maybe_done else "again", "sms_unavailable")
    except OutsideError:
        return Outcome("unknown", "outside")
    except (ValueError, KeyError):
        return Outcome(
            "dead", "words"
        )  # our own words do not fit: a mistake of ours, found by the tests of domain/messages


def _text(house: House, letter: Letter) -> Outcome:
    if house.sms is None or not letter.phone:
        return Outcome("refused", "no_phone")
    page = PAGES[KINDS[letter.kind].page]
    link = f"{house.settings.public_url}{page}" if house.settings.public_url else ""
    house.sms.send_notice(letter.phone, letter.kind, sms_text(letter.kind, letter.facts, link))
    return Outcome("sent")


def _wechat(house: House, letter: Letter) -> Outcome:
    template = house.settings.wechat_templates.get(KINDS[letter.kind].template)
    if template is None or not letter.openid:
        return Outcome("refused", "no_template")
    data = template_data(letter.kind, letter.facts, template, house.clock())
    house.wechat.send_notice(letter.openid, template.id, mini_page(letter.kind), data)
    return Outcome("sent")
