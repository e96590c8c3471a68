"""A doctor reads by consent what it covers, on pages that close by themselves when it is over (A3); a refused one says nothing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.domain import clinical
from app.domain.access import ALL_PARTS, Part
from app.domain.clinical import Kind
from app.domain.ids import new_ref
from app.domain.permits import Choice, Purpose
from app.models import ClinicalRecord, Visit
from app.services import orders, permits, queueing, records, staff, timeline
from app.services.sealing import seal_next
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


def test_the_person_reads_what_kinds_of_things_were_opened_not_a_number_alone(
    ward: Ward, doors: Doors, li: Person
) -> None:
    let(ward, li)
    doctor = doors.staff(ward.lin)
    doctor.get(f"/staff/doctor/records/{li.ref}")
    phone = doors.phone(li)
    says = "看了：就诊、诊断、处方，共 3 项"
    assert says in phone.get("/receipts?side=look").text
    assert says.replace("：", ": ") in phone.get("/receipts/looks.csv").text
    phone.get("/language/en")
    assert "Opened: Visit, Diagnosis, Prescription (3 in all)" in phone.get("/receipts?side=look").text


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
    led = doctor.get(poll)
    assert led.status_code == 303
    over = doctor.get(led.headers["Location"])
    assert over.status_code == 200 and "授权已经结束" in over.text
    assert DRUG not in over.text and DIAGNOSIS not in over.text and "李" not in over.text
    assert ward.types(li.ref) == before


def test_who_opens_it_anew_after_the_withdrawal_is_refused_and_the_person_reads_of_it(
    ward: Ward, doors: Doors, li: Person
) -> None:
    permit = let(ward, li)
    doctor = doors.staff(ward.lin)
    page = f"/staff/doctor/records/{li.ref}"
    [visit] = addresses(doctor.get(f"{page}/days").text, "visits")
    ward.do(permits.withdraw, li.actor, permit)
    for path in (page, f"{page}/days", visit):
        tried = ward.types(li.ref).count("act.refused")
        refused = doctor.get(path)
        assert refused.status_code == 403 and "授权已经结束" in refused.text, path
        assert DRUG not in refused.text and DIAGNOSIS not in refused.text and "李" not in refused.text
        assert ward.types(li.ref).count("act.refused") == tried + 1
    told = doors.phone(li).get("/receipts?side=look").text
    assert "想看或想办，被拒绝了" in told and "您给的授权已经结束，什么也没有看到" in told


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


def addresses(page: str, what: str) -> list[str]:
    """Return the addresses on a page that lead to visits, or to days beside visits."""
    return sorted(set(re.findall(rf'href="(/staff/doctor/records/[^"/]+/{what}/[^"]+)"', page)))


def test_a_consent_to_all_lists_the_days_and_opens_each(ward: Ward, doors: Doors, li: Person) -> None:
    let(ward, li)
    doctor = doors.staff(ward.lin)
    listed = f"/staff/doctor/records/{li.ref}/days"
    assert listed in doctor.get(f"/staff/doctor/records/{li.ref}").text
    days = doctor.get(listed).text
    assert "心内科" in days and DRUG not in days
    [visit] = addresses(days, "visits")
    assert addresses(days, "other") == []
    opened = doctor.get(visit)
    assert opened.status_code == 200 and DIAGNOSIS in opened.text and DRUG in opened.text
    assert opened.headers["Cache-Control"] == "no-store"


def test_the_list_tells_departments_so_it_stands_in_the_log(ward: Ward, doors: Doors, li: Person) -> None:
    let(ward, li)
    doors.staff(ward.lin).get(f"/staff/doctor/records/{li.ref}/days")
    [opened] = [own for kind, own in ward.events(li.ref) if kind == "record.opened"]
    assert [one["type"] for one in opened["objects"]] == ["visit.v1"]
    assert opened["consent"].startswith("permit:")


def test_a_consent_to_medicines_lists_their_day_and_not_the_visit(ward: Ward, doors: Doors, li: Person) -> None:
    let(ward, li, Part.MEDICINES)
    doctor = doors.staff(ward.lin)
    days = doctor.get(f"/staff/doctor/records/{li.ref}/days").text
    assert "心内科" not in days and "陈大夫" not in days and addresses(days, "visits") == []
    [day] = addresses(days, "other")
    opened = doctor.get(day).text
    assert DRUG in opened and DIAGNOSIS not in opened and "心内科" not in opened
    disclosed = [own for kind, own in ward.events(li.ref) if kind == "record.opened"]
    assert {one["type"] for own in disclosed for one in own["objects"]} == {"record.v1"}


def test_what_a_consent_leaves_out_is_neither_listed_nor_opened_by_its_address(
    ward: Ward, doors: Doors, li: Person
) -> None:
    with ward.house.reading_session() as session:
        visit = session.scalars(select(Visit.id).where(Visit.patient_ref == li.ref)).one()
        rows = {row.kind: row.id for row in session.scalars(select(ClinicalRecord))}
    let(ward, li, Part.RESULTS)
    doctor = doors.staff(ward.lin)
    page = f"/staff/doctor/records/{li.ref}"
    days = doctor.get(f"{page}/days").text
    assert addresses(days, "visits") == addresses(days, "other") == []
    for path in (f"{page}/visits/{visit}", f"{page}/other/{rows['prescription']}", f"{page}/other/{rows['diagnosis']}"):
        refused = doctor.get(path)
        assert refused.status_code == 403 and DRUG not in refused.text and DIAGNOSIS not in refused.text, path
        assert ward.types(li.ref)[-1] == "act.refused"


def test_visits_alone_open_without_what_was_prescribed_and_ordered_in_them(
    ward: Ward, doors: Doors, li: Person
) -> None:
    with ward.house.reading_session() as session:
        written = session.scalars(select(Visit.id).where(Visit.patient_ref == li.ref)).one()
    ward.do(orders.place, ward.chen, written, ["15074-8"])
    let(ward, li, Part.VISITS)
    doctor = doors.staff(ward.lin)
    [visit] = addresses(doctor.get(f"/staff/doctor/records/{li.ref}/days").text, "visits")
    opened = doctor.get(visit).text
    assert DIAGNOSIS in opened and DRUG not in opened and "血糖" not in opened
    disclosed = [own for kind, own in ward.events(li.ref) if kind == "record.opened"]
    assert {one["type"] for own in disclosed for one in own["objects"]} == {"visit.v1", "record.v1"}


def test_the_own_visit_of_long_ago_shows_its_doctor_what_a_consent_includes_of_it(
    ward: Ward, doors: Doors, clock, li: Person
) -> None:
    with ward.house.reading_session() as session:
        own = session.scalars(select(Visit.id).where(Visit.patient_ref == li.ref)).one()
    page = f"/staff/doctor/visits/{own}"
    clock.now += timedelta(days=3)
    doctor = doors.staff(ward.chen)
    refused = doctor.get(page)
    assert refused.status_code == 403 and DIAGNOSIS not in refused.text
    choice = Choice(Purpose.FOLLOW_UP, frozenset({Part.VISITS}), 7, clinician=str(ward.chen.ref))
    ward.do(permits.give, li.actor, li.ref, choice)
    shown = doctor.get(page)
    assert shown.status_code == 200 and DIAGNOSIS in shown.text and DRUG not in shown.text


def test_an_address_put_together_of_two_people_opens_neither(ward: Ward, doors: Doors, li: Person) -> None:
    other = ward.person("张伟")
    let(ward, li)
    let(ward, other)
    doctor = doors.staff(ward.lin)
    [visit] = addresses(doctor.get(f"/staff/doctor/records/{li.ref}/days").text, "visits")
    before = [ward.types(li.ref), ward.types(other.ref)]
    refused = doctor.get(visit.replace(li.ref, other.ref))
    assert refused.status_code == 404 and DIAGNOSIS not in refused.text
    opened = [kinds.count("record.opened") for kinds in before]
    assert [ward.types(who.ref).count("record.opened") for who in (li, other)] == opened


@pytest.mark.parametrize("what", ["days", "visits", "other"])
def test_withdrawn_each_open_page_leads_to_the_one_that_says_so(
    ward: Ward, doors: Doors, li: Person, what: str
) -> None:
    permit = let(ward, li, Part.VISITS if what == "visits" else Part.MEDICINES)
    doctor = doors.staff(ward.lin)
    days = f"/staff/doctor/records/{li.ref}/days"
    path = days if what == "days" else addresses(doctor.get(days).text, what)[0]
    shown = doctor.get(path)
    assert shown.status_code == 200 and f'data-url="/staff/doctor/records/{li.ref}/now"' in shown.text
    [by_itself] = re.findall(r'<noscript><meta http-equiv="refresh" content="60; url=([^"]+)">', shown.text)
    assert doctor.get(by_itself).status_code == 200
    ward.do(permits.withdraw, li.actor, permit)
    before = ward.types(li.ref)
    over = doctor.get(by_itself)
    assert over.status_code == 303 and over.headers["Location"].endswith(f"/records/{li.ref}?closed=1")
    assert ward.types(li.ref) == before


def test_a_long_record_is_listed_a_page_at_a_time(ward: Ward, doors: Doors, li: Person, monkeypatch) -> None:
    monkeypatch.setattr(timeline, "LINES", 2)
    for day in range(1, 5):
        with ward.house.writing_session() as session:
            at = ward.now - timedelta(days=day)
            visit = Visit(
                id=new_ref(),
                patient_ref=li.ref,
                state="finished",
                source="import",
                started_at=at,
                recorded_at=ward.now,
            )
            seal_next(session, visit, {"place": "", "reason": "", "class": "", "status": ""})
    let(ward, li)
    doctor = doors.staff(ward.lin)
    found: list[str] = []
    path = f"/staff/doctor/records/{li.ref}/days"
    for _page in range(4):
        text = doctor.get(path).text
        found += addresses(text, "visits")
        older = re.search(r'href="([^"]+/days\?after=[^"]+)"', text)
        if older is None:
            break
        path = older[1]
    assert len(found) == len(set(found)) == 5
