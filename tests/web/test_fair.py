"""Fair booking through its pages: waiting, what was given back, limits, a pause, an appeal, a stopped session."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.domain.booking import BookingRule
from app.domain.stopping import StopReason
from app.domain.strikes import StrikeRule
from app.models import Clinic, Slot
from app.services import booking, clinics, moves, offers, stopping, strikes, waitlist

SLOT = re.compile(r'name="slot" value="([^"]+)"')


@pytest.fixture
def times(doors, ward):
    """Returns a phone that looks at the times of doctor Chen's department."""

    def look(who):
        browser = doors.phone(who)
        browser.post("/book/department", department=ward.department)
        return browser

    return look


def fill(ward, *, until=timedelta(hours=5)):
    """Nothing is free: everything waits for its release."""
    with ward.house.writing_session() as session:
        session.execute(update(Slot).values(free_from=ward.now + until))


def rules(ward, **kept):
    with ward.house.writing_session() as session:
        session.get(Clinic, ward.clinic).rules = clinics.format_rules(clinics.ClinicRules(**kept))


def test_on_a_full_day_one_waits_sees_the_place_and_takes_what_is_offered(times, ward):
    who, behind = ward.person(), ward.person()
    fill(ward)
    browser, other = times(who), times(behind)
    page = browser.get("/book/times?day=2026-03-02").text
    assert "这一天约满了" in page and not SLOT.search(page)
    answer = browser.post("/waitlist/join", person=who.ref, day="2026-03-02")
    assert answer.headers["Location"] == "/waitlist"
    other.post("/waitlist/join", person=behind.ref, day="2026-03-02", session=ward.expert)
    assert "您排在第 1 位" in browser.get("/waitlist").text
    assert "您排在第 2 位" in other.get("/waitlist").text
    assert "您在这一天的候补里" in browser.get("/book/times?day=2026-03-02").text

    ward.do(offers.run)
    assert "候补有号了" in browser.get("/").text
    (entry,) = ward.look(waitlist.entries_of, who.actor)
    assert f"/waitlist/{entry.id}/accept" in browser.get("/waitlist/now").text
    visit = browser.post(f"/waitlist/{entry.id}/accept").headers["Location"]
    assert "已约好" in browser.get(visit).text or "签到" in browser.get(visit).text
    assert browser.post(f"/waitlist/{entry.id}/accept").headers["Location"] == visit


def test_while_times_are_free_the_page_says_so_instead_of_a_waitlist(times, ward):
    who = ward.person()
    browser = times(who)
    assert "候补" not in browser.get("/book/times?day=2026-03-02").text
    answer = browser.post("/waitlist/join", person=who.ref, day="2026-03-02")
    assert answer.status_code == 409 and "现在就有号" in answer.text


def test_what_was_given_back_is_free_to_its_giver_at_once_and_to_others_later(times, ward):
    who, stranger = ward.person(), ward.person()
    slot = ward.slots(ward.expert)[-1]
    ward.do(booking.cancel, who.actor, ward.booked(who, slot_id=slot))
    mine, theirs = times(who), times(stranger)
    assert slot in SLOT.findall(mine.get("/book/times?day=2026-03-02").text)
    assert slot not in SLOT.findall(theirs.get("/book/times?day=2026-03-02").text)
    assert theirs.post("/book/hold", slot=slot, person=stranger.ref).status_code == 409
    ward.clock.now += timedelta(minutes=15)
    assert slot in SLOT.findall(theirs.get("/book/times?day=2026-03-02").text)


def test_too_many_open_at_once_is_refused_with_what_to_do(times, ward):
    rules(ward, booking=BookingRule(holds_at_once=1))
    who = ward.person()
    ward.do(booking.hold, who.actor, who.ref, ward.free_slot(ward.pool))
    answer = times(who).post("/book/hold", slot=ward.free_slot(ward.expert), person=who.ref)
    assert answer.status_code == 409 and "还有 1 个号等您确认" in answer.text
    assert ward.types(who.ref)[-1] == "act.refused"


def test_one_browser_books_for_no_more_accounts_than_the_rule_says(doors, ward):
    rules(ward, booking=BookingRule(device_per_day=1))
    one, other = ward.person(), ward.person()
    browser = doors.phone(one)
    browser.post("/book/department", department=ward.department)
    assert browser.post("/book/hold", slot=ward.free_slot(ward.expert), person=one.ref).status_code == 303
    browser.set_cookie("mz_patient", ward.token("patient", other.actor.ref), "/")
    answer = browser.post("/book/hold", slot=ward.free_slot(ward.expert), person=other.ref)
    assert answer.status_code == 409 and "最多约 1 个号" in answer.text


def test_a_pause_names_its_day_and_the_desk_as_the_other_way(times, ward):
    rules(ward, strikes=StrikeRule(count=1))
    who = ward.person()
    ward.booked(who, slot_id=ward.slots(ward.expert)[-1])
    ward.clock.now += timedelta(days=1)
    ward.do(strikes.run)
    session_id = ward.plan_again()
    answer = times(who).post("/book/hold", slot=ward.free_slot(session_id), person=who.ref)
    assert answer.status_code == 409
    assert "网上预约暂停到 4月1日" in answer.text and "前台" in answer.text
    assert "网上预约暂停" in times(who).get("/me/promises").text


def test_an_appeal_without_a_reason_comes_back_with_what_was_typed(doors, ward):
    who = ward.person()
    ward.booked(who, slot_id=ward.slots(ward.expert)[-1])
    ward.clock.now += timedelta(days=1)
    ward.do(strikes.run)
    (standing,) = ward.look(strikes.standing_of, who.actor)
    browser = doors.phone(who)
    answer = browser.post(f"/me/promises/{standing.strikes[0].id}/appeal", words="孩子发烧", reason="")
    assert answer.status_code == 400
    assert "选一个原因" in answer.text and "孩子发烧" in answer.text
    assert "appeal.made" not in ward.types(who.ref)


def test_the_desk_sees_what_was_written_only_by_opening_the_appeal(doors, ward):
    who = ward.person()
    ward.booked(who, slot_id=ward.slots(ward.expert)[-1])
    ward.clock.now += timedelta(days=1)
    ward.do(strikes.run)
    (standing,) = ward.look(strikes.standing_of, who.actor)
    doors.phone(who).post(f"/me/promises/{standing.strikes[0].id}/appeal", words="孩子发烧", reason="urgent")
    desk = doors.staff(ward.desk)
    listed = desk.get("/staff/desk/appeals").text
    assert "发烧" not in listed and who.name not in listed
    (address,) = re.findall(r'href="(/staff/desk/appeals/[^"]+)"', listed)
    opened = desk.get(address).text
    assert "发烧" in opened and "没有签到记录" in opened
    shown = doors.phone(who).get(f"/me/promises/{standing.strikes[0].id}").text
    receipts = re.findall(r'href="/receipts/([0-9a-f-]{36})"', shown)
    assert len(receipts) >= 3 and all(receipt in opened for receipt in receipts)  # booked, not come, struck
    assert 'href="/receipts/' not in opened  # the receipts are the person's
    assert ward.types(who.ref)[-1] == "appeal.opened"
    assert desk.post(f"{address}/decide", reason="").status_code == 400
    assert desk.post(f"{address}/decide", reason="not_shown").status_code == 303
    assert "申诉没有通过" in doors.phone(who).get(f"/me/promises/{standing.strikes[0].id}").text


def test_stopping_needs_a_reason_and_then_shows_where_each_stands(doors, ward):
    who = ward.person()
    ward.booked(who, slot_id=ward.slots(ward.expert)[-1])
    desk = doors.staff(ward.desk)
    assert "陈大夫" in desk.get("/staff/desk/sessions").text
    page = f"/staff/desk/sessions/{ward.expert}/stop"
    answer = desk.post(page, reason="ill")
    assert answer.status_code == 400 and "选一个停诊原因" in answer.text
    shown = desk.follow(desk.post(page, reason="equipment")).text
    assert "已停诊：设备故障" in shown and "李*" in shown and who.name not in shown
    assert "没有可改的号" in shown


def test_the_desk_says_for_a_doctor_that_they_are_late_and_those_who_wait_see_it(doors, ward):
    who = ward.person()
    ward.waiting(who=who)
    desk = doors.staff(ward.desk)
    page = f"/staff/desk/sessions/{ward.expert}/late"
    assert "医生晚到" in desk.get(f"/staff/desk/sessions/{ward.expert}/stop").text
    shown = desk.follow(desk.post(page, minutes="90")).text
    assert "候诊的人会看到：晚到 90 分钟。" in shown and '<option value="90" selected' in shown
    assert "晚到 90 分钟" in desk.get("/staff/desk/sessions").text
    assert "医生晚到" in doors.phone(who).get("/queue").text
    assert desk.post(page, minutes="x").status_code == 400
    assert "不再显示晚到" in desk.follow(desk.post(page, minutes="0")).text
    assert "医生晚到" not in doors.phone(who).get("/queue").text


def test_the_home_page_asks_first_about_a_stopped_session(doors, ward):
    who = ward.person()
    appointment = ward.booked(who, slot_id=ward.slots(ward.expert)[-1])
    ward.do(stopping.stop, ward.desk, ward.expert, StopReason.EMERGENCY)
    browser = doors.phone(who)
    home = browser.get("/").text
    assert "陈大夫停诊了" in home and "医生停诊" in home
    (offer,) = ward.look(moves.offers_of, who.actor)
    assert f"/moves/{offer.id}/decline" in browser.get(f"/visits/{appointment}").text
    browser.post(f"/moves/{offer.id}/decline")
    assert "停诊了" not in browser.get("/").text
    assert "不记爽约" in browser.get(f"/visits/{appointment}").text
