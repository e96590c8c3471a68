"""Booking by phone, through the pages: department, time, confirm; and giving it back."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from app.domain.actor import SYSTEM
from app.services import booking, planning
from tests.browsing import Browser

SLOT = re.compile(r'name="slot" value="([^"]+)">(\d\d:\d\d)<')


@pytest.fixture
def phone(doors):
    return doors.phone


def choose(browser, department: str) -> str:
    browser.get("/book")
    return browser.follow(browser.post("/book/department", department=department)).text


def hold(browser, ward) -> str:
    """Return the address of the page on which the first free time waits to be confirmed."""
    page = choose(browser, ward.department)
    person = re.search(r'name="person" value="([^"]+)"', page)
    assert person
    slot_id, _clock = SLOT.findall(page)[0]
    return browser.post("/book/hold", person=person[1], slot=slot_id).headers["Location"]


def test_four_taps_lead_from_home_to_a_booked_appointment(phone, ward):
    browser = phone(ward.person("李明"))
    assert "预约" in browser.get("/").text
    page = browser.get(hold(browser, ward))
    assert "给李明确认预约" in page.text and "到院缴费" in page.text
    booked = browser.follow(browser.post(f"{page.request.path}/confirm"))
    assert "到医院了就签到" in booked.text and "/receipts/" in booked.text
    assert ward.types(ward.people[0].ref)[-2:] == ["appointment.held", "appointment.booked"]


def test_with_two_clinics_each_department_stands_under_its_own(phone, ward):
    browser = phone(ward.person())
    assert "<h2" not in browser.get("/book").text  # of one clinic nobody needs to read the name
    river = ward.do(planning.create_clinic, SYSTEM, "江边门诊部", "Riverside Clinic")
    ward.do(planning.create_department, SYSTEM, river, "心内科", "Cardiology", "A")
    page = browser.get("/book").text
    parts = re.split(r"<h2[^>]*>", page)[1:]
    assert {part.split("</h2>")[0]: part.count(">心内科<") for part in parts} == {"明诊门诊部": 1, "江边门诊部": 1}


def test_the_first_day_shown_is_the_first_with_a_free_time(phone, ward):
    page = choose(phone(ward.person()), ward.department)
    # Ten o'clock has begun: the first free time is ten past.
    assert SLOT.findall(page)[0][1] == "10:10"
    assert re.search(r'aria-current="true"><span>今天</span>', page)


def test_no_address_and_no_title_names_the_department(phone, ward):
    browser = phone(ward.person())
    browser.get("/book")
    times = browser.post("/book/department", department=ward.department)
    page = browser.follow(times)
    visit = hold(browser, ward)
    for address in (times.headers["Location"], visit):
        assert ward.department not in address and ward.clinic not in address
    for text in (page.text, browser.get(visit).text):
        title = re.search(r"<title>(.*?)</title>", text, re.S)
        assert title and "心内科" not in title[1] and "李明" not in title[1]


def test_a_time_that_somebody_else_took_says_so_and_shows_the_others(phone, ward):
    first, second = ward.person(), ward.person()
    browser = phone(second)
    page = choose(browser, ward.department)
    slot_id = SLOT.findall(page)[0][0]
    ward.booked(first, slot_id=slot_id)
    answer = browser.post("/book/hold", person=second.ref, slot=slot_id)
    assert answer.status_code == 409
    assert "刚被别人约走" in answer.text and slot_id not in [s for s, _ in SLOT.findall(answer.text)]


def test_a_hold_that_ran_out_can_be_chosen_again(phone, ward, clock):
    browser = phone(ward.person())
    address = hold(browser, ward)
    clock.now += timedelta(minutes=11)
    assert "号已放回" in browser.get(address).text
    refused = browser.post(f"{address}/confirm")
    assert refused.status_code == 409 and "保留时间已过" in refused.text


def test_letting_go_leads_back_to_the_times(phone, ward):
    browser = phone(ward.person())
    address = hold(browser, ward)
    browser.get(address)
    answer = browser.post(f"{address}/release")
    assert answer.headers["Location"] == "/book/times"
    assert ward.types(ward.people[0].ref)[-1] == "appointment.released"


def test_cancelling_gives_the_time_back(phone, ward):
    who = ward.person()
    slot = ward.slots(ward.expert)[-1]
    appointment = ward.booked(who, slot_id=slot)
    browser = phone(who)
    assert "取消预约" in browser.get(f"/visits/{appointment}").text
    assert "已取消" in browser.follow(browser.post(f"/visits/{appointment}/cancel")).text
    ward.clock.now += timedelta(minutes=15)  # released to everybody at a moment that nobody knows, by then
    assert ward.booked(ward.person(), slot_id=slot)


def test_after_the_cut_off_the_page_offers_no_cancelling_and_the_form_is_refused(phone, ward):
    who = ward.person()
    appointment = ward.booked(who)  # in ten minutes: the cut-off is thirty before
    browser = phone(who)
    assert "/cancel" not in browser.get(f"/visits/{appointment}").text
    refused = browser.post(f"/visits/{appointment}/cancel")
    assert refused.status_code == 409 and "请打电话或到前台取消" in refused.text
    assert ward.types(who.ref)[-1] == "act.refused"


def test_another_accounts_appointment_is_not_there(phone, ward):
    appointment = ward.booked(ward.person())
    browser = phone(ward.person())
    assert browser.get(f"/visits/{appointment}").status_code == 404
    assert browser.get("/visits/nobody-has-this").status_code == 404
    for verb in ("confirm", "release", "cancel"):
        assert browser.post(f"/visits/{appointment}/{verb}").status_code == 404


def test_nobody_books_for_a_stranger(phone, ward):
    stranger, me = ward.person(), ward.person()
    browser = phone(me)
    slot = ward.free_slot(ward.expert)
    assert browser.post("/book/hold", person=stranger.ref, slot=slot).status_code == 404
    assert ward.look(booking.appointments_of, stranger.actor) == []


def test_signed_out_each_page_leads_to_sign_in(app, ward):
    browser = Browser(app)
    assert browser.get("/").status_code == 200
    for path in ("/book", "/book/times", "/queue", "/check-in", "/visits/x"):
        assert browser.get(path).headers["Location"].startswith("/sign-in?next=")
