"""This was not right: one complaint of a look, in nobody's name, answered once, and read by who made it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.domain.actor import SYSTEM, Actor
from app.domain.complaints import ANSWER_WITHIN, AlreadyAnswered, Outcome, WordsMissing
from app.domain.errors import NotAllowed, NotFound
from app.models import Complaint, Event, OutboxMessage
from app.services import complaints, desk_identity, staff
from tests.fixtures_visit import Person, Ward

WORDS = "我那天没有来看病"


@pytest.fixture
def li(ward: Ward) -> Person:
    return ward.person("李明")


@pytest.fixture
def auditor(ward: Ward) -> Actor:
    with ward.house.writing_session() as session:
        ref = staff.create(
            session, SYSTEM, ward.now, login="auditor", password_hash="none", name_zh="审计", name_en="Audit",
            role="auditor", clinic_id=ward.clinic,
        )  # fmt: skip
    return Actor("staff", ref, "auditor", "sitting-auditor", frozenset({ward.clinic}))


@pytest.fixture
def look(ward: Ward, li: Person) -> str:
    """The desk opened who Li Ming is."""
    ward.do(desk_identity.open_row, ward.desk, ward.booked(li))
    return newest(ward, li, "identity.opened")


def newest(ward: Ward, who: Person, kind: str) -> str:
    with ward.house.reading_session() as session:
        query = select(Event.id).where(Event.subject_ref == who.ref, Event.type == kind)
        return str(session.scalars(query.order_by(Event.serial.desc())).first())


def made(ward: Ward, who: Person, event_id: str, words: str = WORDS) -> str:
    return str(ward.do(complaints.complain, who.actor, event_id, words))


def answered(ward: Ward, auditor: Actor, complaint: str, outcome: Outcome, words: str) -> None:
    with ward.house.writing_session() as session:
        complaints.answer(session, auditor, complaint, outcome, words, ward.now)


def test_it_reaches_the_queue_without_words_and_without_anybody(
    ward: Ward, li: Person, look: str, auditor: Actor
) -> None:
    complaint = made(ward, li, look)
    [line] = ward.look(complaints.queue, auditor)
    assert (line.id, line.state, line.is_late) == (complaint, "open", False)
    assert line.due_at - line.made_at == ANSWER_WITHIN
    opened = ward.do(complaints.open_complaint, auditor, complaint)
    assert opened.words == WORDS
    assert opened.doer[0] == "前台小周"
    assert li.name not in str(opened)
    assert ward.types(li.ref)[-1] == "complaint.opened"


def test_the_answer_comes_back_with_a_message_and_a_receipt(ward: Ward, li: Person, look: str, auditor: Actor) -> None:
    complaint = made(ward, li, look)
    answered(ward, auditor, complaint, Outcome.NOT_IN_ORDER, "前台翻错了人，已处理")
    view = ward.look(complaints.one, li.actor, complaint)
    assert (view.state, view.outcome, view.answer) == ("answered", "not_in_order", "前台翻错了人，已处理")
    assert ward.events(li.ref)[-1][0] == "complaint.answered"
    assert ward.events(li.ref)[-1][1]["detail"] == {"outcome": "not_in_order"}
    with ward.house.reading_session() as session:
        assert "complaint" in session.scalars(select(OutboxMessage.kind)).all()


def test_an_answer_stands(ward: Ward, li: Person, look: str, auditor: Actor) -> None:
    complaint = made(ward, li, look)
    for _ in range(2):
        answered(ward, auditor, complaint, Outcome.IN_ORDER, "当天有预约")
    assert ward.types(li.ref).count("complaint.answered") == 1
    with pytest.raises(AlreadyAnswered):
        answered(ward, auditor, complaint, Outcome.UNCLEAR, "改一改")


def test_one_that_is_owed_an_answer_is_late_from_its_day(ward: Ward, li: Person, look: str, auditor: Actor) -> None:
    made(ward, li, look)
    for after, is_late in ((timedelta(0), True), (-timedelta(milliseconds=1), False)):
        with ward.house.reading_session() as session:
            [line] = complaints.queue(session, auditor, ward.now + ANSWER_WITHIN + after)
            assert line.is_late is is_late


def test_a_look_takes_one_complaint(ward: Ward, li: Person, look: str) -> None:
    assert made(ward, li, look) == made(ward, li, look, "再说一次也一样")
    assert ward.types(li.ref).count("complaint.made") == 1


@pytest.mark.parametrize("words", ["", "   ", "嗯"])
def test_words_are_asked_for(ward: Ward, li: Person, look: str, words: str) -> None:
    with pytest.raises(WordsMissing):
        made(ward, li, look, words)


def test_only_a_look_of_somebody_else_at_ones_own_people_can_be_complained_about(
    ward: Ward, li: Person, look: str
) -> None:
    with pytest.raises(NotFound):
        made(ward, ward.person(), look)
    with pytest.raises(NotFound):
        made(ward, li, newest(ward, li, "appointment.booked"))
    with pytest.raises(NotFound):
        made(ward, li, "no-such-event")


def test_it_is_read_by_who_made_it_alone(ward: Ward, li: Person, look: str) -> None:
    complaint = made(ward, li, look)
    with pytest.raises(NotFound):
        ward.look(complaints.one, ward.person().actor, complaint)
    assert [one.id for one in ward.look(complaints.complaints_of, li.actor)] == [complaint]
    assert ward.look(complaints.complaints_of, ward.people[-1].actor) == []


def test_nobody_but_an_auditor_answers(ward: Ward, li: Person, look: str) -> None:
    complaint = made(ward, li, look)
    for actor in (ward.desk, ward.chen, li.actor):
        with pytest.raises(NotAllowed):
            ward.look(complaints.queue, actor)
        with pytest.raises(NotAllowed):
            ward.do(complaints.open_complaint, actor, complaint)
        with pytest.raises(NotAllowed):
            answered(ward, actor, complaint, Outcome.IN_ORDER, "没有问题")


def test_the_words_lie_sealed(ward: Ward, li: Person, look: str) -> None:
    made(ward, li, look)
    with ward.house.reading_session() as session:
        rows: list[Any] = list(session.scalars(select(Complaint)))
    assert all(WORDS.encode() not in row.sealed for row in rows)
