"""Letting staff read: in force on the next question, over on the next question, and never further than who gave it reaches."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from app.domain.access import ALL_PARTS, Denial, Grant, Part
from app.domain.actor import Actor
from app.domain.calendar import day_bounds, hospital_day
from app.domain.documents import parse_resident_id
from app.domain.errors import NotAllowed, NotFound
from app.domain.permits import Choice, ChooseOneMore, PermitsFull, Purpose, ends_at, parse_choice
from app.models import Permit
from app.services import guardianship, people, permits, proofs, queueing, records, rights
from tests.fixtures_visit import Person, Ward
from tests.people import CHILD_ID

MOMENT = timedelta(milliseconds=1)


@pytest.fixture
def li(ward: Ward) -> Person:
    """Somebody who has proven who they are, so that what they let others read is all of it."""
    who = ward.person("李明")
    with ward.house.reading_session() as session:
        link = people.links_of(session, str(who.actor.ref))[0].id
    ward.do(proofs.prove, who.actor, link, ward.do(proofs.issue_claim_code, ward.desk, who.ref))
    return who


def to(doctor: Actor | None = None, *, department: str | None = None, parts: Any = ALL_PARTS, days: int = 7) -> Choice:
    return Choice(Purpose.SECOND_OPINION, frozenset(parts), days, doctor.ref if doctor else None, department)


def may(ward: Ward, doctor: Actor, ref: str) -> Grant | Denial:
    return ward.look(rights.may_read, doctor, ref)


def test_it_opens_the_record_at_the_next_question_and_withdrawing_closes_it_at_the_next(ward: Ward, li: Person) -> None:
    assert isinstance(may(ward, ward.lin, li.ref), Denial)
    permit = ward.do(permits.give, li.actor, li.ref, to(ward.lin))
    assert isinstance(may(ward, ward.lin, li.ref), Grant)
    assert isinstance(may(ward, ward.ma, li.ref), Denial)
    ward.do(permits.withdraw, li.actor, permit)
    assert isinstance(may(ward, ward.lin, li.ref), Denial)
    ward.do(permits.withdraw, li.actor, permit)
    assert ward.types(li.ref)[-2:] == ["permit.given", "permit.withdrawn"]


def test_its_receipt_says_what_for_what_to_whom_in_kind_and_until_when_but_no_name(ward: Ward, li: Person) -> None:
    ward.do(permits.give, li.actor, li.ref, to(ward.lin, parts={Part.RESULTS, Part.MEDICINES}, days=1))
    kind, own = ward.events(li.ref)[-1]
    assert kind == "permit.given"
    assert own["detail"] == {
        "purpose": "second_opinion", "parts": "medicines results", "reader": "doctor",
        "until": hospital_day(ward.now).isoformat(),
    }  # fmt: skip
    assert str(ward.lin.ref) not in str(own["detail"])


def test_what_is_read_on_it_cites_the_version_in_force_and_its_purpose(ward: Ward, li: Person) -> None:
    ward.waiting(who=li)
    ward.do(queueing.start, ward.chen, ward.do(queueing.call_next, ward.chen, ward.expert).id)
    permit = ward.do(permits.give, li.actor, li.ref, to(ward.lin))
    with ward.house.writing_session() as session:
        records.open_history(session, ward.lin, li.ref, ward.now)
    kind, own = ward.events(li.ref)[-1]
    assert (kind, own["reason"], own["consent"], own["purpose"]) == (
        "record.opened", "consent", f"permit:{permit}@1", "second_opinion"
    )  # fmt: skip


def test_the_same_doctors_look_while_treating_and_by_consent_are_two_events(ward: Ward, li: Person) -> None:
    """A4 counts a sight once in fifteen minutes; on another ground it is another sight."""
    ward.waiting(who=li)
    ward.do(queueing.start, ward.chen, ward.do(queueing.call_next, ward.chen, ward.expert).id)
    for _ in range(2):
        with ward.house.writing_session() as session:
            records.open_history(session, ward.chen, li.ref, ward.now)
    first = [own for kind, own in ward.events(li.ref) if kind == "record.opened"]
    assert [own["reason"] for own in first] == ["treating"]
    assert first[0]["consent"].startswith("ticket:")


def test_a_department_is_who_holds_sessions_in_it(ward: Ward, li: Person) -> None:
    ward.do(permits.give, li.actor, li.ref, to(department=ward.pool_department))
    assert isinstance(may(ward, ward.lin, li.ref), Grant)
    assert isinstance(may(ward, ward.ma, li.ref), Grant)
    assert isinstance(may(ward, ward.chen, li.ref), Denial)


def test_a_doctor_is_listed_only_who_lets_them_read(ward: Ward, li: Person) -> None:
    ward.person("旁人")
    assert ward.look(rights.readable_people, ward.lin) == []
    ward.do(permits.give, li.actor, li.ref, to(ward.lin))
    [(ref, grant)] = ward.look(rights.readable_people, ward.lin)
    assert (ref, grant.basis) == (li.ref, "consent")


def test_the_list_and_the_single_question_give_the_same_answer(ward: Ward, li: Person) -> None:
    """The list gathers its facts at once: whoever it names, the door lets in, on the same ground, and nobody besides."""
    others = [ward.person() for _ in range(3)]
    ward.waiting(ward.pool, others[0])  # lin's own session
    ward.do(permits.give, li.actor, li.ref, to(ward.lin, parts={Part.RESULTS}))
    ward.do(permits.give, others[1].actor, others[1].ref, to(department=ward.pool_department))
    listed = dict(ward.look(rights.readable_people, ward.lin))
    assert set(listed) == {others[0].ref, li.ref, others[1].ref}
    for who in (li, *others):
        answer = may(ward, ward.lin, who.ref)
        assert (answer if isinstance(answer, Grant) else None) == listed.get(who.ref)
        assert not isinstance(answer, Grant) or answer.cites == listed[who.ref].cites


def test_a_part_is_that_part(ward: Ward, li: Person) -> None:
    ward.do(permits.give, li.actor, li.ref, to(ward.lin, parts={Part.MEDICINES}))
    grant = may(ward, ward.lin, li.ref)
    assert isinstance(grant, Grant) and grant.kinds == {"prescription"}
    with pytest.raises(NotAllowed):
        ward.look(rights.see_health, ward.lin, li.ref)  # who does not cut gets nothing
    with pytest.raises(NotAllowed):
        ward.look(lambda session, *a: rights.read_parts(session, *a, kind="diagnosis"), ward.lin, li.ref)


def test_it_ends_with_the_hospitals_day(ward: Ward, li: Person) -> None:
    ward.do(permits.give, li.actor, li.ref, to(ward.lin, days=1))
    midnight = day_bounds(hospital_day(ward.now))[1]
    with ward.house.reading_session() as session:
        assert isinstance(rights.may_read(session, ward.lin, li.ref, midnight - MOMENT), Grant)
        assert isinstance(rights.may_read(session, ward.lin, li.ref, midnight), Denial)


def test_who_has_not_proven_who_they_are_gives_only_what_came_since(ward: Ward) -> None:
    typed = ward.person()
    ward.do(permits.give, typed.actor, typed.ref, to(ward.lin))
    grant = may(ward, ward.lin, typed.ref)
    assert isinstance(grant, Grant) and grant.since_at is not None


def test_it_ends_when_the_account_lets_go_of_the_person(ward: Ward, li: Person) -> None:
    ward.do(permits.give, li.actor, li.ref, to(ward.lin))
    with ward.house.reading_session() as session:
        link = people.links_of(session, str(li.actor.ref))[0].id
    ward.do(people.unbind, li.actor, link)
    assert isinstance(may(ward, ward.lin, li.ref), Denial)


def test_nobody_gives_or_withdraws_what_is_somebody_elses(ward: Ward, li: Person) -> None:
    permit = ward.do(permits.give, li.actor, li.ref, to(ward.lin))
    stranger = ward.person()
    with pytest.raises(NotFound):
        ward.do(permits.give, stranger.actor, li.ref, to(ward.lin))
    with pytest.raises(NotFound):
        ward.do(permits.withdraw, stranger.actor, permit)
    with pytest.raises(NotAllowed):
        ward.do(permits.give, ward.lin, li.ref, to(ward.lin))  # nor does a doctor help themself


@pytest.mark.parametrize(
    "choice", [to(department="nowhere"), Choice(Purpose.TREATMENT, ALL_PARTS, 7, clinician="nobody")]
)
def test_a_reader_who_is_none_is_not_found(ward: Ward, li: Person, choice: Choice) -> None:
    with pytest.raises(NotFound):
        ward.do(permits.give, li.actor, li.ref, choice)


def test_a_desk_is_no_reader(ward: Ward, li: Person) -> None:
    with pytest.raises(NotFound):
        ward.do(permits.give, li.actor, li.ref, to(ward.desk))


def test_there_is_an_end_to_how_many(ward: Ward, li: Person) -> None:
    for _ in range(20):
        ward.do(permits.give, li.actor, li.ref, to(ward.lin))
    with pytest.raises(PermitsFull):
        ward.do(permits.give, li.actor, li.ref, to(ward.lin))


# Children


@pytest.fixture
def child(ward: Ward, li: Person) -> str:
    with ward.house.writing_session() as session:
        document = parse_resident_id(CHILD_ID, ward.now.date())
        link = people.bind(session, li.actor, document, "李小明", ward.now, relation="guardian", has_consented=True)
    ward.do(guardianship.verify_guardianship, ward.desk, link)
    with ward.house.reading_session() as session:
        return next(v.patient_ref for v in people.links_of(session, str(li.actor.ref)) if v.relation == "guardian")


def test_what_a_guardian_gave_ends_with_the_guardianship(ward: Ward, li: Person, child: str) -> None:
    ward.do(permits.give, li.actor, child, to(ward.lin))
    assert isinstance(may(ward, ward.lin, child), Grant)
    with ward.house.reading_session() as session:
        link = next(v.id for v in people.links_of(session, str(li.actor.ref)) if v.relation == "guardian")
    ward.do(guardianship.revoke, ward.desk, link)
    assert isinstance(may(ward, ward.lin, child), Denial)


def test_what_a_guardian_gives_ends_on_the_fourteenth_birthday_at_the_latest(ward: Ward) -> None:
    now = ward.now
    fourteen_on = hospital_day(now) + timedelta(days=3)
    born_on = date(fourteen_on.year - 14, fourteen_on.month, fourteen_on.day)
    assert ends_at(now, 30, born_on, None) == day_bounds(fourteen_on)[0]
    assert ends_at(now, 1, born_on, None) == day_bounds(hospital_day(now))[1]
    until_on = hospital_day(now) + timedelta(days=2)
    assert ends_at(now, 30, born_on, until_on) == day_bounds(until_on)[0]


# The form


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"reader": ""}, "reader"),
        ({"reader": "nurse:x"}, "reader"),
        ({"reader": "doctor:"}, "reader"),
        ({"purpose": "curiosity"}, "purpose"),
        ({"parts": []}, "parts"),
        ({"parts": ["everything"]}, "parts"),
        ({"days": "31"}, "days"),
        ({"days": "-1"}, "days"),
    ],
)
def test_what_is_not_chosen_is_asked_for(form: dict[str, Any], field: str) -> None:
    whole: dict[str, Any] = {"purpose": "treatment", "parts": ["results"], "days": "7", "reader": "doctor:x"}
    assert parse_choice(**whole).parts == {Part.RESULTS}
    with pytest.raises(ChooseOneMore) as missing:
        parse_choice(**{**whole, **form})
    assert missing.value.field == field


def test_the_row_keeps_the_parts_in_their_order(ward: Ward, li: Person) -> None:
    permit = ward.do(permits.give, li.actor, li.ref, to(ward.lin, parts={Part.DOCUMENTS, Part.VISITS}))
    with ward.house.reading_session() as session:
        assert session.get_one(Permit, permit).parts == "visits documents"
