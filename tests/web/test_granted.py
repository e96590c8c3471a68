"""A doctor reads by consent what it covers, on pages that close by themselves when it is over (A3); a refused one says nothing."""

from __future__ import annotations

import pytest

from app.domain import clinical
from app.domain.access import ALL_PARTS, Part
from app.domain.clinical import Kind
from app.domain.permits import Choice, Purpose
from app.services import permits, queueing, records, staff
from tests.fixtures_visit import Doors, Person, Ward

DIAGNOSIS, DRUG = "I10", "氨氯地平片"


@pytest.fixture
def li(ward: Ward) -> Person:
    """Somebody with a diagnosis and a prescription, both written today in a visit."""
    who = ward.person("李明")
    ward.waiting(who=who)
    visit = str(ward.do(queueing.start, ward.chen, ward.do(queueing.call_next, ward.chen, ward.expert).id))
    ward.do(records.sign, ward.chen, visit, Kind.DIAGNOSIS, clinical.diagnosis(DIAGNOSIS))
    line = clinical.prescription_line(name=DRUG, dose="5 mg", frequency="每天一次", days="14")
    ward.do(records.sign, ward.chen, visit, Kind.PRESCRIPTION, clinical.prescription([line]))
    return who


def let(ward: Ward, who: Person, *parts: Part) -> str:
    choice = Choice(Purpose.SECOND_OPINION, frozenset(parts) or ALL_PARTS, 7, clinician=str(ward.lin.ref))
    return str(ward.do(permits.give, who.actor, who.ref, choice))


def test_without_a_grant_nobody_is_listed_and_the_page_says_nothing(ward: Ward, doors: Doors, li: Person) -> None:
    doctor = doors.staff(ward.lin)
    assert "李*" not in doctor.get("/staff/doctor/records").text
    refused = doctor.get(f"/staff/doctor/records/{li.ref}")
    assert refused.status_code == 403
    assert DRUG not in refused.text and "李" not in refused.text
    assert ward.types(li.ref)[-1] == "act.refused"


def test_a_consent_lists_the_person_and_opens_what_it_covers(ward: Ward, doors: Doors, li: Person) -> None:
    let(ward, li)
    doctor = doors.staff(ward.lin)
    assert f"/staff/doctor/records/{li.ref}" in doctor.get("/staff/doctor/records").text
    page = doctor.get(f"/staff/doctor/records/{li.ref}")
    assert page.status_code == 200
    assert DIAGNOSIS in page.text and DRUG in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_a_consent_to_medicines_shows_medicines_and_not_the_diagnosis(ward: Ward, doors: Doors, li: Person) -> None:
    let(ward, li, Part.MEDICINES)
    page = doors.staff(ward.lin).get(f"/staff/doctor/records/{li.ref}")
    assert DRUG in page.text
    assert DIAGNOSIS not in page.text and "心内科" not in page.text
    opened = [own for kind, own in ward.events(li.ref) if kind == "record.opened"]
    assert {one["type"] for own in opened for one in own["objects"]} == {"record.v1"}
    assert all(own["consent"].startswith("permit:") for own in opened)


def test_withdrawn_the_open_page_is_led_to_one_that_shows_nothing_and_no_attempt_is_logged(
    ward: Ward, doors: Doors, li: Person
) -> None:
    permit = let(ward, li)
    doctor = doors.staff(ward.lin)
    page, poll = f"/staff/doctor/records/{li.ref}", f"/staff/doctor/records/{li.ref}/now"
    assert DRUG in doctor.get(page).text
    assert f'data-url="{poll}"' in doctor.get(page).text and 'data-seconds="3"' in doctor.get(page).text
    assert doctor.get(poll).status_code == 200
    ward.do(permits.withdraw, li.actor, permit)
    before = ward.types(li.ref)
    assert doctor.get(poll).status_code == 303
    over = doctor.get(page)
    assert over.status_code == 200
    assert DRUG not in over.text and DIAGNOSIS not in over.text and "李" not in over.text
    assert ward.types(li.ref) == before


def test_disabled_the_doctors_open_page_gets_nothing_at_its_next_poll(ward: Ward, doors: Doors, li: Person) -> None:
    let(ward, li)
    doctor = doors.staff(ward.lin)
    assert DRUG in doctor.get(f"/staff/doctor/records/{li.ref}").text
    admin = type(ward.desk)("staff", ward.desk.ref, "admin", "sitting-admin", frozenset({ward.clinic}))
    ward.do(staff.disable, admin, str(ward.lin.ref))
    for path in (f"/staff/doctor/records/{li.ref}/now", f"/staff/doctor/records/{li.ref}", "/staff/doctor/records"):
        answer = doctor.get(path)
        assert answer.status_code == 303 and "/sign-in" in answer.headers["Location"], path


def test_a_prefetch_opens_nothing(ward: Ward, doors: Doors, li: Person) -> None:
    let(ward, li)
    doctor = doors.staff(ward.lin)
    before = ward.types(li.ref)
    answer = doctor.get(f"/staff/doctor/records/{li.ref}", headers={"Sec-Purpose": "prefetch"})
    assert answer.status_code == 403 and ward.types(li.ref) == before
