"""The waiting room's television: numbers and rooms, never a name; the code changes every thirty seconds."""

from __future__ import annotations

import re
from datetime import timedelta

from app.services import queueing, screens
from tests.browsing import Browser


def test_the_board_shows_who_is_called_who_gets_ready_and_who_waits(doors, ward):
    for _ in range(4):
        ward.waiting()
    ward.do(queueing.call_next, ward.chen, ward.expert)
    page = doors.screen().get("/screen/").text
    columns = re.split(r'id="tv-(calling|ready|waiting|checkin)"', page)
    shown = dict(zip(columns[1::2], columns[2::2], strict=True))
    assert "A001" in shown["calling"] and "1诊室" in shown["calling"]
    assert "A002" in shown["ready"] and "A003" in shown["ready"] and "A004" in shown["waiting"]


def test_no_name_is_ever_on_it(doors, ward):
    for name in ("李明", "欧阳娜娜", "王小红"):
        ward.waiting(who=ward.person(name))
    ward.do(queueing.call_next, ward.chen, ward.expert)
    page = doors.screen().get("/screen/").text
    for hidden in ("李明", "李*", "欧阳", "欧*", "王小红", "王*", "心内科"):
        assert hidden not in page


def test_the_code_is_a_link_that_checks_in_and_changes(doors, ward):
    who = ward.person()
    ward.booked(who)
    screen, phone = doors.screen(), doors.phone(who)
    link = re.search(r'href="(?:http://localhost)?(/c/[^"]+)"', screen.get("/screen/").text)
    assert link and phone.get(link[1]).headers["Location"] == "/check-in"
    ward.clock.now += timedelta(seconds=30)
    assert link[1] not in screen.get("/screen/now").text


def test_the_digits_to_type_stand_beside_it(doors, ward):
    digits = ward.short_code()
    assert f"{digits[:3]} {digits[3:]}" in doors.screen().get("/screen/").text


def test_a_fresh_call_is_marked_for_twenty_seconds(doors, ward):
    ward.waiting()
    ward.do(queueing.call_next, ward.chen, ward.expert)
    screen = doors.screen()
    assert "ih-tv__fresh" in screen.get("/screen/now").text
    ward.clock.now += timedelta(seconds=20)
    assert "ih-tv__fresh" not in screen.get("/screen/now").text


def test_an_unpaired_browser_is_asked_for_the_code(app, ward):
    stranger = Browser(app)
    assert stranger.get("/screen/").headers["Location"] == "/screen/pair"
    assert stranger.get("/screen/now").headers["Location"] == "/screen/pair"
    assert "配对码" in stranger.get("/screen/pair").text
    refused = stranger.post("/screen/pair", code="12345678")
    assert refused.status_code == 400 and "配对码不对" in refused.text


def test_a_pairing_code_dies_after_ten_minutes(app, ward):
    code = ward.do(screens.show_pairing_code, ward.desk, ward.clinic)
    ward.clock.now += timedelta(minutes=10)
    stranger = Browser(app)
    stranger.get("/screen/pair")
    assert stranger.post("/screen/pair", code=code).status_code == 400


def test_a_screen_opens_no_other_door(doors, ward):
    screen = doors.screen()
    screen.set_cookie("mz_staff", screen.cookie("mz_screen"), "/staff")
    screen.set_cookie("mz_patient", screen.cookie("mz_screen"))
    assert screen.get("/staff/desk/").status_code == 303
    assert screen.get("/queue").status_code == 303


def test_without_script_it_reloads_itself(doors, ward):
    assert '<noscript><meta http-equiv="refresh"' in doors.screen().get("/screen/").text
