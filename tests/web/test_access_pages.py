"""The pages of access for whoever types something wrong, and the list of looks: in plain words, live, to take away."""

from __future__ import annotations

import csv
import io
import re

import pytest

from app.domain.actor import SYSTEM
from app.domain.break_glass import Reason
from app.domain.documents import DocumentKind
from app.models import Patient
from app.services import break_glass, desk_identity, identity, people, staff
from app.services.sealing import seal_next
from tests.browsing import Browser
from tests.fixtures_visit import Doors, Person, Ward
from tests.people import WANG_ID

WORDS = "送来时昏迷"


@pytest.fixture
def li(ward: Ward) -> Person:
    return ward.person("李明")


def number_of(ward: Ward, who: Person) -> str:
    with ward.house.reading_session() as session:
        return identity.read_identity(session, session.get_one(Patient, who.ref)).number


def auditing(ward: Ward, doors: Doors) -> Browser:
    """Return the browser of an auditor who has signed in."""
    with ward.house.writing_session() as session:
        ref = staff.create(
            session, SYSTEM, ward.now, login="auditor", password_hash="none", name_zh="审计", name_en="Audit",
            role="auditor", clinic_id=ward.clinic,
        )  # fmt: skip
    browser = Browser(doors.app)
    browser.set_cookie("mz_staff", ward.token("staff", ref), "/staff")
    browser.get("/staff/auditor/reviews")
    return browser


def emergency(ward: Ward, doors: Doors, who: Person, **changed: str):  # type: ignore[no-untyped-def]
    form = {
        "document": "resident_id",
        "number": number_of(ward, who),
        "reason": "unconscious",
        "words": WORDS,
        **changed,
    }
    return doors.staff(ward.lin).post("/staff/doctor/emergency", **form)


@pytest.mark.parametrize(
    "changed", [{"reason": ""}, {"reason": "curiosity"}, {"words": " "}, {"number": "123"}, {"number": ""}]
)
def test_without_a_reason_or_a_document_nothing_is_looked_for_and_what_was_typed_stays(
    ward: Ward, doors: Doors, li: Person, changed: dict[str, str]
) -> None:
    answer = emergency(ward, doors, li, **changed)
    assert answer.status_code == 400
    if "number" not in changed:
        assert number_of(ward, li) in answer.text
    if "words" not in changed:
        assert WORDS in answer.text
    assert "break_glass.opened" not in ward.types(li.ref)


def test_a_document_of_nobody_is_told_apart_from_a_mistake_and_leaves_nothing(
    ward: Ward, doors: Doors, li: Person
) -> None:
    answer = emergency(ward, doors, li, number=WANG_ID)
    assert answer.status_code == 404 and "医院没有这份证件的记录" in answer.text


def test_a_passport_opens_one_too(ward: Ward, doors: Doors, li: Person) -> None:
    answer = emergency(ward, doors, li, document="passport", number="E1234567", country="GBR")
    assert answer.status_code == 404 and "医院没有这份证件的记录" in answer.text


def test_the_doctor_is_led_to_the_record_and_the_page_asks_whether_it_may_stay(
    ward: Ward, doors: Doors, li: Person
) -> None:
    opened = emergency(ward, doors, li)
    assert opened.status_code == 303
    page = doors.staff(ward.lin).get(opened.headers["Location"])
    assert page.status_code == 200 and f'data-url="{opened.headers["Location"]}/now"' in page.text
    assert doors.staff(ward.ma).get(opened.headers["Location"]).status_code == 404


def test_the_list_says_who_what_why_and_on_what_ground_and_refusals_are_in_it(
    ward: Ward, doors: Doors, li: Person
) -> None:
    ward.do(desk_identity.open_row, ward.desk, ward.booked(li))
    assert doors.staff(ward.lin).get(f"/staff/doctor/records/{li.ref}").status_code == 403
    shown = doors.phone(li).get("/receipts?side=look").text
    refused, opened = re.findall(r'<li class="ih-timeline__item">.*?</li>', shown, re.S)
    assert "林大夫" in refused and "被拒绝了" in refused and "也没有您的授权" in refused
    assert "前台小周" in opened and "前台办理" in opened and "您在这个门诊部办理" in opened
    assert "/complaint" in opened


def test_the_list_comes_as_a_table_that_no_spreadsheet_runs(ward: Ward, doors: Doors, li: Person) -> None:
    with ward.house.writing_session() as session:
        row = session.get_one(Patient, li.ref)
        who = people.open_payload(session, row)[0]
        seal_next(session, row, {**who, "name": '=HYPERLINK("http://x")'})
    ward.do(desk_identity.open_row, ward.desk, ward.booked(li))
    answer = doors.phone(li).get("/receipts/looks.csv")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="looks.csv"'
    heads, *rows = csv.reader(io.StringIO(answer.text.lstrip("\ufeff")))
    assert heads[:4] == ["时间", "就诊人", "谁", "做了什么"] and len(rows) == 1
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert rows[0][1].startswith("'=") and "前台小周" in rows[0][2]


def test_an_auditors_look_at_an_event_of_somebodys_stands_in_their_log_once(
    ward: Ward, doors: Doors, li: Person
) -> None:
    ward.do(desk_identity.open_row, ward.desk, ward.booked(li))
    browser = auditing(ward, doors)
    book = browser.get("/staff/auditor/events?type=identity.opened").text
    [event] = set(re.findall(r"/staff/auditor/events/([\w-]{36})", book))
    for _ in range(2):
        assert browser.get(f"/staff/auditor/events/{event}").status_code == 200
    assert ward.types(li.ref).count("audit.opened") == 1
    assert ward.types(li.ref)[-1] == "audit.opened"


def test_a_page_of_the_auditor_says_nobodys_name(ward: Ward, doors: Doors, li: Person) -> None:
    with ward.house.writing_session() as session:
        found = break_glass.open_by_document(
            session, ward.lin, DocumentKind.RESIDENT_ID, "CHN", identity.read_identity(session, session.get_one(Patient, li.ref)).number,
            Reason.OTHER, WORDS, ward.now,
        )  # fmt: skip
    browser = auditing(ward, doors)
    for path in ("/staff/auditor/reviews", f"/staff/auditor/emergencies/{found}"):
        text = browser.get(path).text
        assert li.name not in text and number_of(ward, li) not in text and li.ref not in text
    for wrong in (
        {"verdict": "", "note": "核对属实"},
        {"verdict": "justified", "note": " "},
        {"verdict": "perhaps", "note": "核对"},
    ):
        assert browser.post(f"/staff/auditor/emergencies/{found}/judge", **wrong).status_code == 400
    assert "break_glass.reviewed" not in ward.types(li.ref)
