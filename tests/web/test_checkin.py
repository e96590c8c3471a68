"""Checking in by phone, through the pages: scan, choose, press once."""

from __future__ import annotations

import re
from datetime import timedelta

from tests.browsing import Browser

TICKED = re.compile(r'name="appointment"[^>]*value="([^"]+)"')


def scan(browser, ward):
    return browser.follow(browser.get(f"/c/{ward.venue_code()}"))


def test_two_taps_lead_from_the_scan_to_the_ticket(doors, ward):
    who = ward.person("李明")
    ward.booked(who)
    phone = doors.phone(who)
    page = scan(phone, ward)
    assert "给李明签到" in page.text
    queue = phone.follow(phone.post("/check-in", appointment=TICKED.findall(page.text)))
    assert queue.request.path == "/queue"
    assert "A001" in queue.text and "/receipts/" in queue.text


def test_before_midnight_a_visit_soon_after_it_can_be_checked_in_from_home(doors, ward):
    """Without a presence: the home page says so, and where it leads the visit stands, with how to check in."""
    ward.clock.now = ward.now.replace(hour=15, minute=50)  # 23:50 in Shanghai
    tonight = ward.plan_again()
    who = ward.person("李明")
    ward.booked(who, tonight, ward.slots(tonight)[7])  # 00:00
    later = ward.person("王小红")
    ward.booked(later, tonight, ward.slots(tonight)[10])  # 00:30
    phone = doors.phone(who)
    assert "给李明签到" in phone.get("/").text
    page = phone.get("/check-in").text
    assert "今天没有待签到的预约" not in page and "00:00" in page and "屏幕上的 6 位数字" in page
    home = doors.phone(later).get("/").text
    assert "00:00 开始签到" in home and "当天到院后签到" not in home


def test_the_code_is_exchanged_at_once_and_stands_in_no_later_address(doors, ward):
    phone = doors.phone(ward.person())
    code = ward.venue_code()
    answer = phone.get(f"/c/{code}")
    assert answer.headers["Location"] == "/check-in"
    assert code not in answer.headers["Location"] and ward.clinic not in answer.headers["Location"]


def test_signing_in_may_come_between_the_scan_and_the_check_in(app, doors, ward):
    who = ward.person()
    ward.booked(who)
    stranger = Browser(app)
    to_sign_in = stranger.follow(stranger.get(f"/c/{ward.venue_code()}"))
    assert to_sign_in.headers["Location"] == "/sign-in?next=/check-in"
    ward.clock.now += timedelta(minutes=9)
    stranger.set_cookie("mz_patient", ward.token("patient", who.actor.ref))
    page = stranger.get("/check-in")
    assert "您在明诊门诊部" in page.text
    assert stranger.post("/check-in", appointment=TICKED.findall(page.text)).headers["Location"] == "/queue"


def test_after_ten_minutes_the_presence_is_gone(doors, ward):
    who = ward.person()
    appointment = ward.booked(who)
    phone = doors.phone(who)
    scan(phone, ward)
    ward.clock.now += timedelta(minutes=10)
    assert "还没确认到院" in phone.get("/check-in").text
    refused = phone.post("/check-in", appointment=appointment)
    assert refused.status_code == 409 and "先扫候诊区屏幕上的码" in refused.text
    assert ward.events(who.ref)[-1][1]["detail"] == {"rule": "presence_needed"}


def test_every_due_visit_is_ticked_beforehand_and_the_button_counts_them(doors, ward):
    who = ward.person()
    ward.booked(who), ward.booked(who, ward.pool)
    phone = doors.phone(who)
    page = scan(phone, ward)
    assert page.text.count("checked") == 2 and "给2人签到" in page.text
    queue = phone.follow(phone.post("/check-in", appointment=TICKED.findall(page.text)))
    assert "A001" in queue.text and "B001" in queue.text
    assert queue.text.count('href="/receipts/') == 2  # one receipt each


def test_pressing_twice_shows_the_same_ticket(doors, ward):
    who = ward.person()
    phone = doors.phone(who)
    ward.booked(who)
    ticked = TICKED.findall(scan(phone, ward).text)
    first, second = (phone.follow(phone.post("/check-in", appointment=ticked)) for _ in range(2))
    assert "A001" in first.text and "A001" in second.text
    assert ward.types(who.ref).count("appointment.checked_in") == 1


def test_the_same_key_gets_the_same_answer_and_another_body_is_refused(doors, ward):
    who = ward.person()
    phone = doors.phone(who)
    ward.booked(who)
    ticked = TICKED.findall(scan(phone, ward).text)
    first = phone.post("/check-in", key="k1", appointment=ticked)
    again = phone.post("/check-in", key="k1", appointment=ticked)
    assert first.headers["Location"] == again.headers["Location"] == "/queue"
    assert phone.post("/check-in", key="k1", appointment="another").status_code == 422


def test_a_stale_code_says_to_scan_again(doors, ward):
    phone = doors.phone(ward.person())
    code = ward.venue_code()
    ward.clock.now += timedelta(seconds=61)
    refused = phone.get(f"/c/{code}")
    assert refused.status_code == 409 and "这个签到码已经失效" in refused.text


def test_six_digits_do_where_nothing_can_be_scanned(doors, ward):
    who = ward.person()
    ward.booked(who)
    phone = doors.phone(who)
    wrong = f"{(int(ward.short_code()) + 1) % 10**6:06d}"
    refused = phone.post("/check-in/code", code=wrong)
    assert refused.status_code == 400 and 'id="code-error"' in refused.text
    assert "看一眼屏幕，输入现在的 6 位" in refused.text  # what to do next stands beside the field
    page = phone.follow(phone.post("/check-in/code", code=ward.short_code()))
    assert "您在明诊门诊部" in page.text


def test_guessing_digits_comes_to_an_end(doors, ward):
    phone = doors.phone(ward.person())
    answers = [phone.post("/check-in/code", code="000000").status_code for _ in range(11)]
    assert answers == [400] * 10 + [429]


def test_too_early_says_the_minute_and_what_to_do(doors, ward):
    who = ward.person()
    appointment = ward.booked(who, slot_id=ward.slots(ward.expert)[-1])
    phone = doors.phone(who)
    assert "11:20 开始签到，还有 1 小时 20 分钟" in scan(phone, ward).text
    refused = phone.post("/check-in", appointment=appointment)
    assert refused.status_code == 409 and "11:20 开始签到，还有 1 小时 20 分钟" in refused.text


def test_choosing_nobody_says_so(doors, ward):
    phone = doors.phone(ward.person())
    assert phone.post("/check-in").status_code == 400


def test_a_strangers_appointment_is_not_there(doors, ward):
    theirs = ward.booked(ward.person())
    phone = doors.phone(ward.person())
    scan(phone, ward)
    assert phone.post("/check-in", appointment=theirs).status_code == 404
