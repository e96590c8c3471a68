"""An emergency: never without its receipt, told at once, over by the clock, judged by somebody who never learns whose it was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.domain.access import Denial, Grant
from app.domain.actor import SYSTEM, Actor
from app.domain.break_glass import AlreadyReviewed, NoSuchPerson, NotNeeded, Reason, Verdict
from app.domain.documents import DocumentKind
from app.domain.errors import NotAllowed, NotFound
from app.models import BreakGlass, Event, OutboxMessage, Patient
from app.services import break_glass, clinics, identity, queueing, records, rights, staff
from tests.fixtures_visit import Person, Ward

WORDS = "送来时昏迷，家属不在"
MOMENT = timedelta(milliseconds=1)


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


def number_of(ward: Ward, who: Person) -> str:
    with ward.house.reading_session() as session:
        return identity.read_identity(session, session.get_one(Patient, who.ref)).number


def opened(ward: Ward, who: Person, doctor: Actor | None = None, *, number: str = "") -> str:
    number = number or number_of(ward, who)
    with ward.house.writing_session() as session:
        return break_glass.open_by_document(
            session, doctor or ward.lin, DocumentKind.RESIDENT_ID, "CHN", number, Reason.UNCONSCIOUS, WORDS, ward.now
        )


def answer(ward: Ward, doctor: Actor, who: Person) -> Grant | Denial:
    return ward.look(rights.may_read, doctor, who.ref)


def test_a_doctor_without_any_relation_reads_after_it_and_not_before(ward: Ward, li: Person) -> None:
    assert isinstance(answer(ward, ward.lin, li), Denial)
    opened(ward, li)
    assert isinstance(answer(ward, ward.lin, li), Grant)
    assert isinstance(answer(ward, ward.ma, li), Denial)


def test_the_persons_log_has_it_with_its_reason_and_the_message_waits_in_the_same_commit(
    ward: Ward, li: Person
) -> None:
    emergency = opened(ward, li)
    kind, own = ward.events(li.ref)[-1]
    assert kind == "break_glass.opened"
    assert own["detail"] == {"why": "unconscious", "minutes": 180}
    assert (own["purpose"], own["actor"]["ref"]) == ("emergency", ward.lin.ref)
    assert [one["id"] for one in own["objects"]] == [emergency]
    assert WORDS not in str(own)
    with ward.house.reading_session() as session:
        told = session.scalars(select(OutboxMessage).where(OutboxMessage.patient_ref == li.ref)).all()
    assert [one.kind for one in told] == ["break-glass"]


def test_what_is_read_on_it_cites_it(ward: Ward, li: Person) -> None:
    ward.waiting(who=li)
    visit = _visit(ward, li)
    emergency = opened(ward, li)
    with ward.house.writing_session() as session:
        history = records.open_history(session, ward.lin, li.ref, ward.now)
    assert [one.id for one in history.visits] == [visit]
    kind, own = ward.events(li.ref)[-1]
    assert (kind, own["reason"], own["consent"]) == ("record.opened", "break_glass", f"break_glass:{emergency}@1")


def _visit(ward: Ward, who: Person) -> str:
    ticket = ward.do(queueing.call_next, ward.chen, ward.expert).id
    return str(ward.do(queueing.start, ward.chen, ticket))


def test_where_the_event_cannot_be_taken_there_is_no_emergency_no_message_and_nothing_to_read(
    ward: Ward, li: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I10: no pending event, no act. The ledger's own insert fails, inside the act's transaction."""
    number = number_of(ward, li)
    with pytest.raises(OSError), ward.house.writing_session() as session:

        def full(*_: Any) -> int:
            raise OSError("the ledger is full")

        session.info["add_pending"] = full
        break_glass.open_by_document(
            session, ward.lin, DocumentKind.RESIDENT_ID, "CHN", number, Reason.LIFE_THREAT, WORDS, ward.now
        )
    with ward.house.reading_session() as session:
        assert session.scalars(select(BreakGlass)).all() == []
        assert session.scalars(select(OutboxMessage)).all() == []
    assert isinstance(answer(ward, ward.lin, li), Denial)


def test_reading_itself_is_refused_where_its_event_cannot_be_taken(ward: Ward, li: Person) -> None:
    ward.waiting(who=li)
    _visit(ward, li)
    opened(ward, li)
    with pytest.raises(OSError), ward.house.writing_session() as session:

        def full(*_: Any) -> int:
            raise OSError("the ledger is full")

        session.info["add_pending"] = full
        records.open_history(session, ward.lin, li.ref, ward.now)


def test_it_is_over_to_the_moment_after_what_the_clinics_rule_says(ward: Ward, li: Person, clock: Any) -> None:
    emergency = opened(ward, li)
    with ward.house.reading_session() as session:
        row = session.get_one(BreakGlass, emergency)
        assert row.until_at - row.opened_at == timedelta(hours=3)
        actor, until_at = ward.lin, row.until_at
        assert isinstance(rights.may_read(session, actor, li.ref, until_at - MOMENT), Grant)
        assert isinstance(rights.may_read(session, actor, li.ref, until_at), Denial)
        assert not break_glass.one_of_mine(session, actor, emergency, until_at).is_open


def test_the_time_is_data_of_the_clinic() -> None:
    assert clinics.break_glass_rule_of({"break_glass": {"minutes": 45}}).minutes == 45
    assert clinics.break_glass_rule_of({}).minutes == 180


def test_the_doctor_ends_it_and_nothing_is_read_any_more(ward: Ward, li: Person) -> None:
    emergency = opened(ward, li)
    ward.do(break_glass.end, ward.lin, emergency)
    ward.do(break_glass.end, ward.lin, emergency)
    assert isinstance(answer(ward, ward.lin, li), Denial)
    assert ward.types(li.ref)[-1] == "break_glass.ended"
    assert ward.types(li.ref).count("break_glass.ended") == 1
    with pytest.raises(NotFound):
        ward.do(break_glass.end, ward.ma, emergency)


def test_pressing_twice_finds_the_one_under_way(ward: Ward, li: Person) -> None:
    assert opened(ward, li) == opened(ward, li)
    assert ward.types(li.ref).count("break_glass.opened") == 1


def test_who_treats_the_person_needs_none(ward: Ward, li: Person) -> None:
    ward.waiting(who=li)
    with pytest.raises(NotNeeded):
        opened(ward, li, ward.chen)


@pytest.mark.parametrize("role", ["desk", "lab", "pharmacist", "admin", "auditor"])
def test_nobody_but_a_doctor_breaks_glass_and_nobody_finds_out_whose_document_it_is(
    ward: Ward, li: Person, role: Any
) -> None:
    worker = Actor("staff", ward.desk.ref, role, "sitting", frozenset({ward.clinic}))
    with pytest.raises(NotAllowed):
        opened(ward, li, worker)


def test_a_document_that_no_record_has_opens_nothing(ward: Ward) -> None:
    with pytest.raises(NoSuchPerson):
        opened(ward, Person(SYSTEM, "", ""), number="110105199001010010")


# The person and the auditor


def test_the_person_sees_it_at_the_top_of_their_pages_and_nobody_else_does(ward: Ward, li: Person) -> None:
    emergency = opened(ward, li)
    [notice] = ward.look(break_glass.notices, li.actor)
    assert (notice.id, notice.is_open, notice.words) == (emergency, True, "")
    assert ward.look(break_glass.notices, ward.person().actor) == []
    assert ward.do(break_glass.read_notice, li.actor, emergency).words == WORDS
    with pytest.raises(NotFound):
        ward.do(break_glass.read_notice, ward.people[-1].actor, emergency)


def test_an_auditor_judges_with_a_note_that_the_person_reads(ward: Ward, li: Person, auditor: Actor) -> None:
    ward.waiting(who=li)
    _visit(ward, li)
    emergency = opened(ward, li)
    with ward.house.writing_session() as session:
        records.open_history(session, ward.lin, li.ref, ward.now)
    [line] = ward.look(break_glass.to_review, auditor)
    assert (line.id, line.words, line.verdict) == (emergency, "", "")

    review = ward.do(break_glass.open_review, auditor, emergency)
    assert review.words == WORDS
    assert [look.type for look in review.looks] == ["record.opened"]
    assert review.looks[0].contents[0] == "visit"
    assert li.ref not in str(review) and li.name not in str(review)
    assert ward.types(li.ref)[-1] == "break_glass.read"

    with ward.house.writing_session() as session:
        break_glass.review(session, auditor, emergency, Verdict.UNJUSTIFIED, "当时家属在场", ward.now)
    assert ward.events(li.ref)[-1][1]["detail"] == {"verdict": "unjustified"}
    notice = ward.do(break_glass.read_notice, li.actor, emergency)
    assert (notice.verdict, notice.note) == ("unjustified", "当时家属在场")
    with ward.house.reading_session() as session:
        kinds = session.scalars(select(OutboxMessage.kind).where(OutboxMessage.patient_ref == li.ref)).all()
    assert set(kinds) >= {"break-glass", "break-glass-reviewed"}


@pytest.mark.parametrize("verdict", list(Verdict))
def test_one_that_was_not_justified_is_over_with_the_verdict_and_one_that_was_goes_on(
    ward: Ward, li: Person, auditor: Actor, verdict: Verdict
) -> None:
    emergency = opened(ward, li)
    with ward.house.writing_session() as session:
        break_glass.review(session, auditor, emergency, verdict, "看过了值班记录", ward.now)
    goes_on = verdict is Verdict.JUSTIFIED
    assert ward.look(break_glass.one_of_mine, ward.lin, emergency).is_open is goes_on
    if goes_on:
        ward.do(records.open_history, ward.lin, li.ref)
    else:
        with pytest.raises(NotAllowed):
            ward.do(records.open_history, ward.lin, li.ref)


def test_it_goes_from_the_home_page_and_comes_back_with_its_verdict(ward: Ward, li: Person, auditor: Actor) -> None:
    emergency = opened(ward, li)
    later = ward.now + break_glass.TOLD_FOR

    def told(at: Any, **within: timedelta) -> list[str]:
        with ward.house.reading_session() as session:
            return [one.verdict for one in break_glass.notices(session, li.actor, at, **within)]

    assert told(later - MOMENT) == [""] and told(later) == []
    assert told(later, within=break_glass.LISTED_FOR) == [""]
    real, ward.clock = ward.clock, lambda: later
    with ward.house.writing_session() as session:
        session.info["clock"] = ward.clock
        break_glass.review(session, auditor, emergency, Verdict.JUSTIFIED, "属实", later)
    ward.clock = real
    assert told(later) == ["justified"] and told(later + break_glass.TOLD_FOR) == []


def test_a_verdict_stands(ward: Ward, li: Person, auditor: Actor) -> None:
    emergency = opened(ward, li)
    for _ in range(2):
        with ward.house.writing_session() as session:
            break_glass.review(session, auditor, emergency, Verdict.JUSTIFIED, "属实", ward.now)
    assert ward.types(li.ref).count("break_glass.reviewed") == 1
    with pytest.raises(AlreadyReviewed), ward.house.writing_session() as session:
        break_glass.review(session, auditor, emergency, Verdict.UNJUSTIFIED, "改变主意", ward.now)


def test_nobody_but_an_auditor_reviews(ward: Ward, li: Person) -> None:
    emergency = opened(ward, li)
    for actor in (ward.lin, ward.desk, li.actor):
        with pytest.raises(NotAllowed):
            ward.look(break_glass.to_review, actor)
        with pytest.raises(NotAllowed):
            ward.do(break_glass.open_review, actor, emergency)
        with pytest.raises(NotAllowed), ward.house.writing_session() as session:
            break_glass.review(session, actor, emergency, Verdict.JUSTIFIED, "自己批自己", ward.now)


def test_the_words_lie_sealed(ward: Ward, li: Person) -> None:
    emergency = opened(ward, li)
    with ward.house.reading_session() as session:
        row = session.get_one(BreakGlass, emergency)
        assert WORDS.encode() not in row.sealed
        assert session.scalar(select(Event.side).where(Event.type == "break_glass.opened")) == "look"
