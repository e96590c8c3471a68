"""What a hostile client sends: addresses, numbers, names and hosts that two readers could read differently."""

from __future__ import annotations

import pytest

from app.domain.actor import SYSTEM
from app.services import staff
from app.web.i18n import page_of_ours
from tests.browsing import Browser
from tests.people import LI_ID

ELSEWHERE = (
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example", "https://evil.example",
    "javascript:alert(1)", "/\t/evil.example", "\t//evil.example", "/\n/evil.example", " //evil.example", "//[", "http://[::1",
    "//a\u2100b", "//evil.example@here", "/\x00/evil.example", "",
)  # fmt: skip


@pytest.mark.parametrize("address", ELSEWHERE)
def test_no_address_leads_off_this_site_or_stops_the_page(app, address):
    assert page_of_ours(address) == "/"
    client = app.test_client()
    for path in ("/language/en", "/sign-in"):
        answer = client.get(path, query_string={"next": address})
        assert answer.status_code in ((400,) if "\x00" in address else (200, 303))
        assert answer.headers.get("Location", "/") == "/"


@pytest.mark.parametrize(
    "origin", ["http://[", "//a\u2100b".encode().decode("latin-1"), "http://localhost:99999999", "x"]
)
def test_an_origin_that_is_no_address_is_another_site(app, origin):
    browser = Browser(app)
    browser.get("/sign-in")
    assert browser.post("/sign-in/phone", {"Origin": origin}, phone="13800138000").status_code == 400


@pytest.mark.parametrize("until", ["²", "9" * 5000, "-1", "٣", "2026", "20260"])
def test_a_year_that_is_none_shows_the_records_list(doors, ward, until):
    phone = doors.phone(ward.person())
    ward.waiting(who=ward.people[0])
    assert phone.get("/records", query_string={"until": until}).status_code == 200


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2019-12-31", "2026-02-30", "1e9", ""])
def test_a_day_that_no_calendar_of_ours_reaches_is_refused_and_no_fault(doors, ward, day):
    who = ward.person()
    phone, desk = doors.phone(who), doors.staff(ward.desk)
    phone.post("/book/department", department=ward.department)
    joined = {"person": who.ref, "session": ward.expert, "day": day}
    assert desk.get(f"/staff/desk/book-for/{who.ref}", query_string={"day": day}).status_code == 200
    assert (
        phone.post("/waitlist/join", **joined).status_code
        == phone.post("/waitlist/join", **joined, x="").status_code
        == 404
    )


@pytest.mark.parametrize("papers", ["", "a letter", "HOUSEHOLD_REGISTER"])
def test_papers_that_were_not_chosen_are_not_said_to_have_been_seen(doors, ward, papers):
    desk = doors.staff(ward.desk)
    answer = desk.post(f"/staff/desk/documents/guardianships/{'x' * 22}/verify", papers=papers)
    assert answer.status_code == 400


@pytest.fixture
def admin(ward, app) -> Browser:
    with ward.house.writing_session() as session:
        ref = staff.create(
            session, SYSTEM, ward.now, login="boss", password_hash="none", name_zh="管理", name_en="Boss", role="admin",
            clinic_id=ward.clinic,
        )  # fmt: skip
    browser = Browser(app)
    browser.set_cookie("mz_staff", ward.token("staff", ref), "/staff")
    browser.get("/staff/admin/people")
    return browser


@pytest.mark.parametrize("minutes", ["9" * 5000, "²", "-1", "1e3", "481", "0000"])
def test_minutes_that_are_none_are_refused(admin, ward, minutes):
    answer = admin.post(f"/staff/admin/rules/{ward.clinic}", early_minutes=minutes, late_minutes="5")
    assert answer.status_code == 400


def test_a_member_of_staff_of_no_clinic_is_refused(admin):
    answer = admin.post("/staff/admin/people", login="new", name_zh="新", name_en="New", role="desk", clinic="nowhere")
    assert answer.status_code == 404


def test_a_window_of_no_clinic_is_absent(admin):
    assert admin.post("/staff/admin/rules/nowhere", early_minutes="5", late_minutes="5").status_code == 404


def test_fresh_browsers_do_not_get_round_the_limit_on_staff_passwords(app, ward):
    def guess() -> int:
        browser = Browser(app)
        browser.get("/staff/sign-in")
        return browser.post("/staff/sign-in", login="chen", password="guess").status_code

    assert 429 in {guess() for _ in range(125)}


NASTY = (
    "'\"><script>alert(1)</script>",
    "=cmd|'/C calc'!A1",
    "\x00",
    "\ud800",
    "a" * 100_000,
    "\u202e\u200b",
    "../../x",
    "%00",
    "{{7*7}}",
)


@pytest.mark.parametrize("text", NASTY)
def test_no_text_in_any_form_is_a_fault_of_ours(app, doors, ward, text):
    phone = doors.phone(ward.person())
    desk, doctor = doors.staff(ward.desk), doors.staff(ward.chen)
    text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    posts = (
        (phone, "/people/new", dict.fromkeys(
            ("relation", "document", "name", "number", "country", "passport_number", "birth_on", "sex", "consent", "next"), text)),
        (phone, "/people/new", {"document": "passport", "name": text, "country": text, "passport_number": text,
                                "birth_on": "2000-01-01", "consent": "yes"}),
        (phone, "/people/new", {"document": "resident_id", "name": text, "number": LI_ID, "consent": "yes"}),
        (phone, f"/people/{'x' * 22}/proof", {"code": text}),
        (phone, "/book/department", {"department": text}),
        (phone, "/book/hold", {"person": text, "slot": text}),
        (phone, "/book/hold", {"person": ward.people[0].ref, "slot": text}),
        (phone, "/check-in", {"appointment": text}),
        (phone, "/check-in/code", {"code": text}),
        (desk, "/staff/desk/find", {"find": text}),
        (desk, "/staff/desk/documents", {"document": "passport", "number": text, "country": text}),
        (desk, "/staff/desk/documents", {"document": text, "number": text, "country": text}),
        (desk, "/staff/desk/find", {"clinic": text, "find": text}),
        (doctor, f"/staff/doctor/visits/{'x' * 22}/diagnosis", {"code": text, "note": text}),
        (doctor, f"/staff/doctor/tickets/{'x' * 22}/recall", {"session": text}),
    )  # fmt: skip
    for browser, path, fields in posts:
        browser.get("/book" if browser is phone else ("/staff/desk/" if browser is desk else "/staff/doctor/"))
        answer = browser.post(path, **fields)
        assert answer.status_code < 500, (path, fields)
        assert "<script>alert" not in answer.text
    for path in ("/book/times", "/receipts", "/records", "/people/new", "/me", "/staff/desk/", "/staff/auditor/events"):
        for name in ("day", "person", "before", "side", "until", "relation", "next", "clinic", "session", "type"):
            for browser in (phone, desk):
                answer = browser.get(path, query_string={name: text[:2000]})
                assert answer.status_code < 500, (path, name)
                assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["//evil.example/%2e%2e", "/%2e%2e/%2e%2e/etc/passwd", "/static/%2e%2e/wsgi.py", "/static/..%2fwsgi.py", "/static/%2e%2e%2fwsgi.py",
     "/ledger/tile/0/%2e%2e/000", "/ledger/tile/0/x001/..%2f000", "/ledger/tile/%00", "/ledger/tile/entries/x" + "9" * 5000 + "/000",
     "/ledger/tile/0/000.p/²", "/receipts/%ff%fe", "/records/%00", "/%ed%a0%80"],
)  # fmt: skip
def test_tricks_in_paths_find_nothing(app, path):
    answer = app.test_client().get(path)
    assert answer.status_code in (303, 308, 404)
    if answer.status_code == 308:
        assert answer.headers["Location"].startswith(("http://localhost/", "/"))
        assert not answer.headers["Location"].startswith("//")


def test_a_method_hidden_in_a_form_or_header_is_not_used(app, doors, ward):
    phone = doors.phone(ward.person())
    appointment = ward.booked(ward.people[0])
    answer = phone.client.get(f"/visits/{appointment}/cancel", headers={"X-HTTP-Method-Override": "POST"})
    assert answer.status_code == 405
    answer = phone.client.get(f"/visits/{appointment}/cancel", query_string={"_method": "POST"})
    assert answer.status_code == 405
    assert ward.types(ward.people[0].ref)[-1] == "appointment.booked"


def test_a_forwarded_address_is_not_believed(app):
    """The limits count the peer: a made-up X-Forwarded-For is nobody."""
    from flask import request

    with app.test_request_context("/", headers={"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Host": "evil.example"}):
        assert request.remote_addr != "1.2.3.4"
        assert request.host == "localhost"
