"""Messages: written with the act, addressed to who may know by then, sent once at most, and never in an act's way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app import sending
from app.domain.actor import Actor
from app.domain.messages import LEASE, MOST_TRIES
from app.models import Link, MessageQuota, OutboxMessage, Patient
from app.ports import SMSUnavailable, WeChatRefused, WeChatUnavailable
from app.services import calling, outbox, people
from app.web.house import House
from tests.fixtures_visit import Person, Ward


@dataclass
class Phones:
    """Both ways out: what they were asked to send, and what they answer. `looks` is called at each sending."""

    wechat: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    wechat_says: list[Exception | None] = field(default_factory=list)
    sms_says: list[Exception | None] = field(default_factory=list)
    looks: Callable[[], None] = lambda: None

    def send_notice(self, to: str, second: str, third: str, data: dict[str, Any] | None = None) -> None:
        self.looks()
        answers = self.sms_says if data is None else self.wechat_says
        answer = answers.pop(0) if answers else None
        if answer is not None:
            raise answer
        if data is None:
            self.texts.append((to, third))
        else:
            self.wechat.append((to, data))


@pytest.fixture
def phones() -> Phones:
    return Phones()


@pytest.fixture
def post(hospital: House, phones: Phones) -> House:
    """The hospital with those two ways out."""
    return replace(hospital, wechat=phones, sms=phones)


@pytest.fixture
def li(ward: Ward) -> Person:
    """Somebody whose account is WeChat's, with a phone on file that they proved."""
    who = ward.person("李明")
    with ward.house.writing_session() as session:
        people.set_contact(session, session.get_one(Patient, who.ref), {"phone": "+8613800138000"})
        session.execute(update(Link).where(Link.patient_ref == who.ref).values(proof="desk"))
    return who


def asked(ward: Ward, who: Person, times: int = 1) -> None:
    with ward.house.writing_session() as session:
        for _ in range(times):
            outbox.ask_to_be_told(session, who.actor, ("queue", "visit", "notice"))


def tell(ward: Ward, who: Person, kind: str = "next", **facts: Any) -> None:
    with ward.house.writing_session() as session:
        outbox.tell(session, who.ref, kind, ward.now, **({"ticket": "A001"} | facts))


def rows(house: House) -> list[OutboxMessage]:
    with house.reading_session() as session:
        return list(session.scalars(select(OutboxMessage).order_by(OutboxMessage.created_at, OutboxMessage.tries)))


def states(house: House) -> list[tuple[str, str | None, str | None]]:
    return sorted((r.state, r.channel, r.reason) for r in rows(house) if r.state != "spread")


def test_being_called_brings_a_message_without_the_service_knowing(ward, li, post, phones):
    asked(ward, li)
    ward.waiting(who=li)
    assert rows(post) == []  # checking in brings none: they know
    ward.do(calling.call_next, ward.chen, ward.expert)
    assert [(r.state, r.kind) for r in rows(post)] == [("new", "called")]
    assert sending.send(post) == 1
    [(openid, data)] = phones.wechat
    assert openid.startswith("person-") and "1诊室" in json.dumps(data, ensure_ascii=False)
    assert states(post) == [("sent", "wechat", None)]
    assert sending.send(post) == 0 and len(phones.wechat) == 1


def test_an_act_that_is_rolled_back_brings_no_message(ward, li, post):
    with pytest.raises(ZeroDivisionError), ward.house.writing_session() as session:
        outbox.tell(session, li.ref, "next", ward.now, ticket="A001")
        raise ZeroDivisionError
    assert rows(post) == []


def test_a_tap_is_one_message_and_then_it_is_a_text(ward, li, post, phones):
    asked(ward, li)
    for _ in range(2):
        tell(ward, li)
        sending.send(post)
    assert len(phones.wechat) == 1
    [(number, text)] = phones.texts
    assert number == "+8613800138000" and "下一位就是您" in text and "A001" in text


def test_refused_with_43101_it_goes_as_a_text_and_nothing_more_is_tried_over_wechat(ward, li, post, phones):
    asked(ward, li, 3)
    phones.wechat_says = [WeChatRefused(43101)]
    tell(ward, li)
    sending.send(post)
    assert phones.wechat == [] and len(phones.texts) == 1
    assert states(post) == [("sent", "sms", None)]
    with post.reading_session() as session:
        quota = session.get_one(MessageQuota, (li.actor.ref, "queue"))
        other = session.get_one(MessageQuota, (li.actor.ref, "visit"))
    assert (quota.left, other.left) == (0, 3)


def test_47003_is_a_dead_letter_that_is_logged_by_its_kind_alone(ward, li, post, phones, capfd):
    asked(ward, li)
    phones.wechat_says = [WeChatRefused(47003)]
    tell(ward, li)
    sending.send(post)
    assert states(post) == [("dead", "wechat", "wechat_47003")]
    said = capfd.readouterr().err
    assert '"kind": "next"' in said and "wechat_47003" in said
    assert not any(secret in said for secret in ("A001", "person-", "13800138000", li.ref, "下一位"))
    with post.reading_session() as session:
        assert outbox.troubles(session) == [("next", "dead", "wechat_47003", 1)]


def test_the_days_quota_sends_the_rest_as_texts(ward, li, post, phones):
    asked(ward, li)
    phones.wechat_says = [WeChatUnavailable("later", 45009)]
    tell(ward, li)
    sending.send(post)
    assert len(phones.texts) == 1


def test_what_may_have_gone_is_never_sent_again(ward, li, post, phones):
    asked(ward, li)
    phones.wechat_says = [WeChatUnavailable("no answer in time", maybe_done=True)]
    tell(ward, li)
    sending.send(post)
    ward.clock.now += timedelta(hours=1)
    sending.send(post)
    assert states(post) == [("unknown", "wechat", "wechat_unavailable")]
    assert phones.wechat == [] and phones.texts == []


def test_a_provider_that_is_down_is_asked_again_later_and_later_and_the_letter_dies_at_last(ward, li, post, phones):
    asked(ward, li)
    phones.wechat_says = [WeChatUnavailable("no connection")] * MOST_TRIES
    tell(ward, li, "late", minutes=30)
    waits = []
    for _ in range(MOST_TRIES):
        before = ward.now
        assert sending.send(post) == 1
        [row] = [r for r in rows(post) if r.state != "spread"]
        waits.append((row.next_at - before).total_seconds())
        assert sending.send(post) == 0  # not before its time
        ward.clock.now = row.next_at
    assert waits == [10, 20, 40, 80, 160, 320]
    assert states(post) == [("dead", "wechat", "wechat_unavailable")]
    with post.writing_session() as session:
        assert outbox.try_again(session, ward.now) == 1
    sending.send(post)
    assert states(post) == [("sent", "wechat", None)]


def test_what_would_come_too_late_is_not_sent(ward, li, post, phones):
    tell(ward, li)
    ward.clock.now += timedelta(minutes=10)
    sending.send(post)
    assert phones.texts == [] and states(post) == [("dropped", None, "too_late")]


def test_no_transaction_is_open_while_the_network_is_asked_and_the_mark_is_committed_before(ward, li, post, phones):
    """P3: whoever answers slowly holds up no act. A writing transaction from inside the call would deadlock otherwise."""
    seen = []

    def look() -> None:
        with post.writing_session() as session:
            seen.append([r.state for r in session.scalars(select(OutboxMessage)) if r.state != "spread"])

    phones.looks = look
    tell(ward, li)
    sending.send(post)
    assert seen == [["sending"]]


def test_a_sender_that_fell_in_the_middle_leaves_the_message_unknown_and_it_is_not_sent_again(ward, li, post, phones):
    def power_cut() -> None:
        raise SystemExit

    tell(ward, li)
    phones.looks = power_cut
    with pytest.raises(SystemExit):
        sending.send(post)
    phones.looks = lambda: None
    assert sending.send(post) == 0  # another worker, while the lease runs
    ward.clock.now += LEASE
    sending.send(post)
    assert phones.texts == [] and states(post) == [("unknown", "sms", "sender_fell")]


def test_one_that_comes_back_after_its_lease_changes_nothing(ward, li, post):
    tell(ward, li)
    ways = sending.ways_of(post.settings, post)
    with post.writing_session() as session:
        outbox.address(session, ways, ward.now)
        letter = outbox.take(session, ward.now)
    ward.clock.now += LEASE
    with post.writing_session() as session:
        outbox.address(session, ways, ward.now)
        assert outbox.settle(session, letter, outbox.Outcome("sent"), ways, ward.now) == "unknown"
    assert states(post) == [("unknown", "sms", "sender_fell")]


def test_said_once_only_where_it_has_a_key(ward, li, post):
    with post.writing_session() as session:
        assert outbox.tell(session, li.ref, "next", ward.now, key="next:t1", ticket="A001")
        assert not outbox.tell(session, li.ref, "next", ward.now, key="next:t1", ticket="A001")
    assert len(rows(post)) == 1


def test_an_account_that_lost_the_person_meanwhile_gets_nothing(ward, li, post, phones):
    tell(ward, li)
    with post.writing_session() as session:
        session.execute(update(Link).where(Link.patient_ref == li.ref).values(state="ended", ended_at=ward.now))
    sending.send(post)
    assert phones.texts == [] and states(post) == [("dropped", None, "nobody")]


def test_also_where_it_was_lost_between_addressing_and_sending(ward, li, post, phones):
    tell(ward, li)
    ways = sending.ways_of(post.settings, post)
    with post.writing_session() as session:
        outbox.address(session, ways, ward.now)
        session.execute(update(Link).where(Link.patient_ref == li.ref).values(state="ended", ended_at=ward.now))
    sending.send(post)
    assert phones.texts == [] and states(post) == [("dropped", "sms", "no_phone")]


def guardian_of(ward: Ward, child: Person, birth_on: str) -> Person:
    """Give a child's account to a second one, as a verified guardian's, and the child this birth date."""
    from app.services.sealing import open_payload, seal_next

    parent = ward.person()
    with ward.house.writing_session() as session:
        patient = session.get_one(Patient, child.ref)
        seal_next(session, patient, {**open_payload(session, patient)[0], "birth_on": birth_on})
        link = Link(
            id=f"guards-{child.ref}", account_ref=str(parent.actor.ref), patient_ref=child.ref, relation="guardian",
            state="active", proof="desk", created_at=ward.now,
        )  # fmt: skip
        seal_next(session, link, {"name": child.name})
    asked(ward, parent)
    return parent


@pytest.mark.parametrize(("birth_on", "hears"), [("2015-01-01", True), ("2011-01-01", False), ("2007-01-01", False)])
def test_what_is_of_health_is_told_to_a_guardian_below_fourteen_only(ward, post, phones, birth_on, hears):
    """Ten, fifteen and nineteen years old: the same as what the guardian may read."""
    child = ward.person()
    guardian_of(ward, child, birth_on)
    tell(ward, child, "results")
    sending.send(post)
    assert len(phones.wechat) == hears


@pytest.mark.parametrize(("birth_on", "hears"), [("2011-01-01", True), ("2007-01-01", False)])
def test_arrangements_are_told_to_a_guardian_below_eighteen(ward, post, phones, birth_on, hears):
    child = ward.person()
    guardian_of(ward, child, birth_on)
    tell(ward, child, "next")
    sending.send(post)
    assert len(phones.wechat) == hears


def test_a_room_of_a_sensitive_department_is_not_told(ward, li, post, phones):
    from app.models import Department

    with ward.house.writing_session() as session:
        session.execute(update(Department).values(is_sensitive=True))
    ward.waiting(who=li)
    ward.do(calling.call_next, ward.chen, ward.expert)
    sending.send(post)
    [(_, text)] = phones.texts
    assert "诊室" not in text and "Room" not in text and "现在轮到您" in text


def test_without_any_way_the_message_is_dropped_and_says_so(ward, post, hospital):
    """A WeChat account that asked for nothing, without a phone: production without a vendor of texts is the same for all."""
    tell(ward, ward.person())
    sending.send(replace(post, sms=None))
    assert states(post) == [("dropped", None, "no_way")]


def test_three_failures_in_a_row_end_the_round(ward, li, post, phones):
    for _ in range(5):
        tell(ward, li)
    phones.sms_says = [SMSUnavailable("down")] * 5
    assert sending.send(post) == sending.ENOUGH_FAILURES


def test_the_row_holds_no_word_of_the_message_in_clear(ward, li, post, var):
    tell(ward, li, "called", room="妇科一诊室", ticket="Z999")
    for name in ("mingzhen.db", "mingzhen.db-wal"):
        content = (var / name).read_bytes() if (var / name).exists() else b""
        assert "妇科一诊室".encode() not in content and b"Z999" not in content


def test_a_tap_more_than_twenty_counts_no_more(ward, li, post):
    asked(ward, li, outbox.MOST_ASKED + 3)
    with post.reading_session() as session:
        assert session.get_one(MessageQuota, (li.actor.ref, "queue")).left == outbox.MOST_ASKED


def test_an_asker_who_proved_nothing_hears_nothing_and_the_holder_does(ward, li, post, phones):
    stranger = ward.person()
    with ward.house.writing_session() as session:
        from app.services import events

        actor = Actor("patient", stranger.actor.ref, "patient")
        events.record(session, "person.bind_requested", actor, ward.now, subject=li.ref, detail={"relation": "self"})
    sending.send(post)
    [(number, text)] = phones.texts
    assert number == "+8613800138000" and "有人想关联您的档案" in text


def test_what_happened_long_ago_is_not_told_when_it_is_brought_in(ward, li, post):
    with ward.house.writing_session() as session:
        assert not outbox.tell(session, li.ref, "called", ward.now - timedelta(days=3), ticket="A001")
    assert rows(post) == []


@pytest.mark.parametrize("is_addressed", [False, True])
def test_a_message_that_does_not_open_is_dropped_and_holds_up_no_other(ward, li, post, phones, is_addressed):
    asked(ward, li, 2)
    tell(ward, li)
    if is_addressed:
        with ward.house.writing_session() as session:
            outbox.address(session, sending.ways_of(post.settings, post), ward.now)
    with ward.house.writing_session() as session:
        broken = session.scalars(
            select(OutboxMessage).where(OutboxMessage.state == ("ready" if is_addressed else "new"))
        ).one()
        broken.sealed = broken.sealed[:-1] + bytes([broken.sealed[-1] ^ 1])
    ward.clock.now += timedelta(seconds=1)
    tell(ward, li, ticket="A002")
    sending.send(post)
    assert len(phones.wechat) == 1
    assert states(post) == [("dropped", "wechat" if is_addressed else None, "unreadable"), ("sent", "wechat", None)]
