"""The record: what is signed, who may open it, and that every opening is one event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain import clinical
from app.domain.actor import Actor
from app.domain.calendar import hospital_day
from app.domain.clinical import Kind
from app.domain.documents import parse_resident_id
from app.domain.errors import NotAllowed, NotFound, VisitClosed
from app.services import guardianship, people, queueing, receipts, records
from tests.fixtures_visit import Person, Ward
from tests.people import CHILD_ID


def begin(ward: Ward, who: Person, session_id: str = "") -> tuple[str, str]:
    """Return (visit, ticket) of somebody who sits before doctor Chen."""
    session_id = session_id or ward.expert
    ward.waiting(session_id, who)
    called = ward.do(queueing.call_next, ward.chen, session_id)
    return ward.do(queueing.start, ward.chen, called.id), called.id


def write(ward: Ward, visit_id: str, glucose: str = "7.2") -> None:
    ward.do(records.sign, ward.chen, visit_id, Kind.DIAGNOSIS, clinical.diagnosis("E11.9"))
    values = [clinical.observation("15074-8", glucose), clinical.observation("718-7", "130")]
    ward.do(records.sign_results, ward.chen, visit_id, "血糖", "Glucose", values)


def opened(ward: Ward, who: Person) -> list[dict[str, Any]]:
    return [own for kind, own in ward.events(who.ref) if kind == "record.opened"]


@pytest.fixture
def li(ward: Ward) -> Person:
    return ward.person("李明")


def test_what_the_doctor_signed_the_patient_reads(ward, li):
    visit_id, _ = begin(ward, li)
    write(ward, visit_id)
    lines = [clinical.prescription_line("二甲双胍片", "0.5 g", "每天两次", "30")]
    ward.do(records.sign, ward.chen, visit_id, Kind.PRESCRIPTION, clinical.prescription(lines))
    ward.do(records.sign, ward.chen, visit_id, Kind.ADVICE, clinical.advice("少吃甜食"))

    chart = ward.do(records.open_visit, li.actor, visit_id)

    assert [d.name.zh for d in chart.diagnoses] == ["2型糖尿病"]
    assert chart.advice[0].text == "少吃甜食"
    assert (chart.prescriptions[0].status, chart.prescriptions[0].lines[0].days) == ("signed", 30)
    glucose, haemoglobin = chart.reports[0].measurements
    assert (glucose.value, glucose.unit, glucose.reference, glucose.out_of_range) == ("7.2", "mmol/L", "3.9-6.1", "H")
    assert haemoglobin.code == "718-7" and haemoglobin.out_of_range is None and haemoglobin.is_judged
    assert chart.doctor.zh == "陈大夫"


def test_a_second_look_of_the_same_sitting_within_fifteen_minutes_is_the_same_opening(ward, li, clock):
    visit_id, _ = begin(ward, li)
    write(ward, visit_id)
    first = ward.do(records.open_visit, li.actor, visit_id)
    clock.now += timedelta(minutes=14)
    second = ward.do(records.open_visit, li.actor, visit_id)
    assert len(opened(ward, li)) == 1 and first.event_id == second.event_id
    clock.now += timedelta(minutes=2)
    ward.do(records.open_visit, li.actor, visit_id)
    assert len(opened(ward, li)) == 2


def test_another_sitting_is_another_opening(ward, li):
    visit_id, _ = begin(ward, li)
    ward.do(records.open_visit, li.actor, visit_id)
    other = Actor("patient", li.actor.ref, "patient", "another-sitting")
    ward.do(records.open_visit, other, visit_id)
    assert len(opened(ward, li)) == 2


def test_a_new_look_names_only_what_is_new(ward, li):
    visit_id, _ = begin(ward, li)
    write(ward, visit_id)
    ward.do(records.open_visit, li.actor, visit_id)
    ward.do(records.sign, ward.chen, visit_id, Kind.ADVICE, clinical.advice("多喝水"))
    ward.do(records.open_visit, li.actor, visit_id)
    first, second = opened(ward, li)
    assert first["detail"] == {"count": 5} and len(first["objects"]) == 5  # visit, diagnosis, report, two values
    assert second["detail"] == {"count": 1} and len(second["objects"]) == 1
    assert first["purpose"] == "own_access"


def test_a_doctor_who_looks_at_what_was_just_signed_opens_nothing_new(ward, li, clock):
    visit_id, _ = begin(ward, li)
    assert ward.do(records.open_own_visit, ward.chen, visit_id).chart.is_empty
    write(ward, visit_id)
    own = ward.do(records.open_own_visit, ward.chen, visit_id)
    assert own.is_open and own.ticket == "A001" and len(own.chart.diagnoses) == 1
    assert opened(ward, li) == []
    clock.now += timedelta(minutes=16)
    ward.do(records.open_own_visit, ward.chen, visit_id)
    assert [own["detail"]["count"] for own in opened(ward, li)] == [4]


def test_a_doctors_look_stands_in_the_patients_own_log(ward, li):
    earlier, ticket = begin(ward, li)
    write(ward, earlier)
    ward.do(queueing.finish, ward.chen, ticket)
    visit_id, _ = begin(ward, li, ward.plan_again())
    history = ward.do(records.open_history, ward.chen, li.ref)
    assert {chart.id for chart in history.visits} == {earlier, visit_id}

    lines, _ = ward.look(lambda session, actor, now: receipts.page_of(session, actor, "look", now), li.actor)

    assert [(line.type, line.who_zh, line.purpose) for line in lines] == [("record.opened", "陈大夫", "treatment")]


def test_a_doctor_who_does_not_treat_this_person_reads_nothing_and_the_refusal_can_be_recorded(ward, li):
    visit_id, _ = begin(ward, li)
    with pytest.raises(NotAllowed) as refused:
        ward.do(records.open_visit, ward.lin, visit_id)
    assert refused.value.about == li.ref
    with pytest.raises(NotFound):
        ward.do(records.open_own_visit, ward.lin, visit_id)


def test_treating_ends_with_the_day_after_the_check_in(ward, li, clock):
    visit_id, _ = begin(ward, li)
    clock.now += timedelta(hours=37)  # 23:00 of the next day at the hospital
    ward.do(records.open_visit, ward.chen, visit_id)
    clock.now += timedelta(hours=1)
    with pytest.raises(NotAllowed):
        ward.do(records.open_visit, ward.chen, visit_id)


@pytest.mark.parametrize("role", ["desk", "lab", "pharmacist", "admin", "auditor"])
def test_nobody_but_a_doctor_of_the_staff_opens_health_content(ward, li, role):
    visit_id, _ = begin(ward, li)
    actor = Actor("staff", ward.desk.ref, role, "s", ward.desk.clinics)
    with pytest.raises(NotAllowed):
        ward.do(records.open_visit, actor, visit_id)


def test_another_patient_and_a_guessed_id_get_the_same_answer(ward, li):
    visit_id, _ = begin(ward, li)
    other = ward.person()
    for wanted in (visit_id, "no-such-visit"):
        with pytest.raises(NotFound):
            ward.do(records.open_visit, other.actor, wanted)
    with pytest.raises(NotFound):
        ward.look(records.list_visits, other.actor, li.ref)


def test_a_finished_visit_is_signed_no_more(ward, li):
    visit_id, ticket = begin(ward, li)
    ward.do(queueing.finish, ward.chen, ticket)
    with pytest.raises(VisitClosed):
        ward.do(records.sign, ward.chen, visit_id, Kind.ADVICE, clinical.advice("晚了"))
    assert not ward.do(records.open_own_visit, ward.chen, visit_id).is_open


def test_an_analyte_measured_twice_is_one_course_of_both_visits(ward, li, clock):
    first, ticket = begin(ward, li)
    write(ward, first, "7.8")
    ward.do(queueing.finish, ward.chen, ticket)
    clock.now += timedelta(days=90)
    second, _ = begin(ward, li, ward.plan_again())
    ward.do(records.sign_results, ward.chen, second, "血糖", "Glucose", [clinical.observation("15074-8", "6.10")])

    chart = ward.do(records.open_visit, li.actor, second)

    assert [(t.code, t.unit, [p.value for p in t.points]) for t in chart.trends] == [
        ("15074-8", "mmol/L", ["7.8", "6.10"])
    ]
    # What the picture shows of the other visit was opened with it: the visit, report and value of this one, and that value.
    assert opened(ward, li)[-1]["detail"] == {"count": 4}


def test_an_unproven_link_sees_only_what_was_recorded_after_it(ward, clock):
    li = ward.person("李明")
    visit_id, ticket = begin(ward, li)
    write(ward, visit_id)
    ward.do(queueing.finish, ward.chen, ticket)
    clock.now += timedelta(days=1)
    with ward.house.writing_session() as session:
        link = people.own_link(session, li.actor, people.links_of(session, li.actor.ref)[0].id)
        link.opens_from = clock.now  # as if the link had been made today
    assert ward.look(records.list_visits, li.actor, li.ref) == []
    with pytest.raises(NotFound):
        ward.do(records.open_visit, li.actor, visit_id)
    later, _ = begin(ward, li, ward.plan_again())
    ward.do(records.sign_results, ward.chen, later, "血糖", "Glucose", [clinical.observation("15074-8", "6.0")])
    assert [line.id for line in ward.look(records.list_visits, li.actor, li.ref)] == [later]
    chart = ward.do(records.open_visit, li.actor, later)
    assert chart.trends == ()  # the earlier value is not drawn either


def test_a_list_names_place_and_doctor_of_visits_here_and_opens_nothing(ward, li):
    visit_id, _ = begin(ward, li)
    write(ward, visit_id)
    line = ward.look(records.list_visits, li.actor, li.ref)[0]
    assert (line.department.zh, line.doctor.zh, line.state) == ("心内科", "陈大夫", "in_progress")
    assert opened(ward, li) == []


def test_a_guardian_reads_once_verified_and_until_the_fourteenth_birthday(ward, clock):
    guardian = ward.person("李明")
    document = parse_resident_id(CHILD_ID, hospital_day(clock()))  # born on 7 March 2018
    with ward.house.writing_session() as session:
        link = people.bind(
            session, guardian.actor, document, "李小明", clock(), relation="guardian", has_consented=True
        )
        child = people.own_link(session, guardian.actor, link).patient_ref
    with pytest.raises(NotAllowed) as refused:
        ward.look(records.list_visits, guardian.actor, child)
    assert refused.value.facts["rule"] == "guardian_unverified"
    ward.do(guardianship.verify_guardianship, ward.desk, link)
    visit_id, _ = begin(ward, Person(guardian.actor, child, "李小明"))
    write(ward, visit_id)
    assert ward.do(records.open_visit, guardian.actor, visit_id).diagnoses
    clock.now = datetime(2032, 3, 7, 2, 0, tzinfo=UTC)
    with pytest.raises(NotAllowed) as refused:
        ward.do(records.open_visit, guardian.actor, visit_id)
    assert refused.value.facts["rule"] == "guardian_of_minor"


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ({"value": "7.2", "code": "g"}, ["7.2"]),
        ({"value": "", "parts": [{"value": "128"}, {"value": "84"}]}, ["128", "84"]),
        ({"value": "x", "parts": [{"value": "1"}]}, ["x", "1"]),
    ],
)
def test_an_observation_is_its_value_then_its_parts(payload, values):
    assert [m.value for m in clinical.read_measurements(payload, None)] == values
