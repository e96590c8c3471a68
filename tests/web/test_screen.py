"""The waiting room's television: numbers and rooms, never a name; the code changes every thirty seconds."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from app import create_app
from app.domain.actor import SYSTEM
from app.domain.errors import NotAllowed
from app.models import Department
from app.services import queueing, screens
from tests.browsing import Browser
from tests.conftest import settings_in


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


def board(screen: Browser) -> str:
    return screen.get("/screen/now").text


def test_names_stay_away_until_the_clinic_wants_them_and_then_come_masked(doors, ward):
    ward.waiting(who=ward.person("欧阳娜娜"))
    ward.do(queueing.call_next, ward.chen, ward.expert)
    screen = doors.screen()
    assert "ih-tv__name" not in board(screen)
    ward.do(screens.set_names, SYSTEM, ward.clinic, "masked")
    assert "欧**娜" in board(screen) and "欧阳娜娜" not in board(screen)
    ward.do(screens.set_names, SYSTEM, ward.clinic, "none")
    assert "欧**娜" not in board(screen)


def test_nobody_of_a_sensitive_department_is_named_not_even_where_they_wait_elsewhere_too(doors, ward):
    with ward.house.writing_session() as session:
        session.get_one(Department, ward.pool_department).is_sensitive = True
    both, other = ward.person("欧阳娜娜"), ward.person("王小红")
    ward.waiting(who=both)
    ward.waiting(ward.pool, who=both)
    ward.waiting(who=other)
    ward.do(screens.set_names, SYSTEM, ward.clinic, "masked")
    shown = board(doors.screen())
    assert "王*红" in shown and "欧**娜" not in shown


def test_who_decides_about_names_is_the_office_and_it_is_on_record(ward):
    with pytest.raises(NotAllowed):
        ward.do(screens.set_names, ward.desk, ward.clinic, "masked")
    ward.do(screens.set_names, SYSTEM, ward.clinic, "masked")
    assert ward.events(None)[-1][0] == "rules.changed"
    assert ward.events(None)[-1][1]["detail"] == {
        "rule": "screen_names", "of": "明诊门诊部", "before": "none", "after": "masked",
    }  # fmt: skip


def test_the_command_sets_the_names_and_refuses_another_policy(app, doors, ward):
    run = app.test_cli_runner().invoke
    assert run(args=["screen-names", ward.clinic, "full"]).exit_code == 2
    assert run(args=["screen-names", "nowhere", "masked"]).exit_code == 1
    assert run(args=["screen-names", ward.clinic, "masked"]).exit_code == 0
    ward.waiting(who=ward.person("王小红"))
    assert "王*红" in board(doors.screen())


def test_marks_of_a_class_stand_beside_the_number_and_are_explained_below(doors, ward):
    for _ in range(3):
        ward.waiting()
    screen = doors.screen()
    assert "ih-tv__badge" not in board(screen)
    ticket = ward.waiting()
    ward.do(queueing.grant_priority, ward.desk, ticket, "care", "with_infant", "")
    rows, legend = board(screen).split("ih-tv__legend")
    assert re.search(r'A004<span class="ih-tv__badge">照顾</span>', rows)
    assert "照顾" in legend and "需要照顾" in legend


def test_it_is_rebuilt_from_the_database_by_a_server_that_knows_nothing(app, doors, var, ward, clock):
    for _ in range(4):
        ward.waiting()
    ward.do(queueing.call_next, ward.chen, ward.expert)
    screen = doors.screen()
    before = board(screen)
    another = create_app(settings_in(var), clock)
    try:
        reborn = Browser(another)
        reborn.set_cookie("mz_screen", screen.cookie("mz_screen"), "/screen")
        assert board(reborn) == before
    finally:
        another.extensions["mingzhen"].close()


def test_a_call_carries_what_is_read_aloud_and_a_recall_is_another_call(doors, ward):
    ward.waiting()
    called = ward.do(queueing.call_next, ward.chen, ward.expert)
    screen = doors.screen()
    first = re.search(r'data-call="([^"]+)" data-zh="([^"]+)" data-en="([^"]+)"', board(screen))
    assert first and first[2].startswith("请 A 零 零 一 号") and first[3].endswith("please go to Room 1.")
    ward.clock.now += timedelta(seconds=30)
    ward.do(queueing.recall, ward.chen, called.id)
    again = re.search(r'data-call="([^"]+)"', board(screen))
    assert again and again[1] != first[1]


def test_what_was_called_long_ago_or_is_in_already_is_not_read(doors, ward):
    ward.waiting()
    called = ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.clock.now += timedelta(minutes=3)
    screen = doors.screen()
    assert "A001" in board(screen) and "data-call" not in board(screen)
    ward.do(queueing.recall, ward.chen, called.id)
    assert "data-call" in board(screen)
    ward.do(queueing.start, ward.chen, called.id)
    assert "data-call" not in board(screen)


def test_more_than_fit_take_turns_and_none_is_left_out(ward):
    rows = [screens.ScreenRow(f"A{n:03}", None) for n in range(13)]
    seen = set()
    for n in range(20):
        now = ward.now + timedelta(seconds=n * screens.TURN_SECONDS)
        shown = screens._in_turn(rows, 5, now)
        assert shown[0] is rows[0] and len(set(shown)) == 5
        seen |= {row.ticket for row in shown}
    assert len(seen) == 13


def test_who_waits_beyond_the_places_is_counted(doors, ward):
    for _ in range(8):
        ward.waiting()
        ward.waiting(ward.pool)
    assert "还有 3 位" in board(doors.screen())  # two of each line make ready, nine more have a place
