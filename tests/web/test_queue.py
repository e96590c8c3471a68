"""The patient's queue and home: live, one next step, nothing of anybody else."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import session as flask_session

from app.models import ClinicSession, Room
from app.services import queueing
from app.web.fragments import ONE_USE
from app.web.patient import ticket_words


def test_the_queue_says_how_many_are_before_and_then_that_one_is_next(doors, ward):
    ward.waiting()
    who = ward.person("王小红")
    ward.waiting(who=who)
    phone = doors.phone(who)
    assert "前面还有" in phone.get("/queue").text
    first = ward.do(queueing.call_next, ward.chen, ward.expert)
    page = phone.get("/queue/now").text
    assert "下一位就是您" in page and first.ticket in page


def test_being_called_names_the_room_on_the_queue_and_at_home(doors, ward):
    who = ward.person()
    ward.waiting(who=who)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    phone = doors.phone(who)
    for path in ("/queue", "/queue/now", "/", "/now"):
        assert "请到 1诊室就诊" in phone.get(path).text


def test_a_fragment_that_shows_the_same_is_answered_by_304(doors, ward):
    who = ward.person()
    ward.waiting(who=who)
    phone = doors.phone(who)
    for path in ("/queue/now", "/now"):
        first = phone.get(path)
        tag = first.headers["ETag"]
        assert phone.get(path, headers={"If-None-Match": tag}).status_code == 304
        assert first.headers["Cache-Control"] == "no-store"
    ward.do(queueing.call_next, ward.chen, ward.expert)
    assert phone.get("/queue/now", headers={"If-None-Match": tag}).status_code == 200


def test_a_fragment_is_a_part_of_its_page(doors, ward):
    who = ward.person()
    ward.waiting(who=who)
    phone = doors.phone(who)
    part, page = (ONE_USE.sub("", phone.get(path).text) for path in ("/queue/now", "/queue"))
    assert part.strip() in page
    assert "<html" not in phone.get("/queue/now").text


def test_without_script_the_page_reloads_itself(doors, ward):
    phone = doors.phone(ward.person())
    for path in ("/queue", "/"):
        assert '<noscript><meta http-equiv="refresh"' in phone.get(path).text


def test_a_missed_call_says_how_to_come_back(doors, ward):
    who = ward.person()
    ticket = ward.waiting(who=who)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.do(queueing.pass_, ward.chen, ticket)
    assert "放回队里" in doors.phone(who).get("/queue").text


def test_home_leads_a_newcomer_to_booking_and_a_due_visit_to_check_in(doors, ward):
    who = ward.person("李明")
    phone = doors.phone(who)
    assert "要看医生吗" in phone.get("/").text
    ward.booked(who)
    assert "给李明签到" in phone.get("/").text


def test_nobody_elses_number_or_name_is_on_my_pages(doors, ward):
    other = ward.person("欧阳娜娜")
    ward.waiting(who=other)
    phone = doors.phone(ward.person("李明"))
    for path in ("/", "/queue"):
        assert "欧阳娜娜" not in phone.get(path).text
        assert "A001" not in phone.get(path).text


def sentence(phone, path: str = "/queue/now") -> str:
    found = re.search(r'class="(?:ih-ticket__state|ih-next__title)"[^>]*>([^<]*)<', phone.get(path).text)
    assert found
    return found[1]


def english(phone):
    phone.get("/language/en?next=/")
    return phone


def test_where_one_stands_is_one_sentence_in_both_languages_on_the_queue_and_at_home(doors, ward):
    for _ in range(2):
        ward.waiting()
    who = ward.person()
    ward.waiting(who=who)
    phone = doors.phone(who)
    assert sentence(phone) == sentence(phone, "/now") == "您排第 3 位，前面还有 2 人"
    assert sentence(english(phone)) == sentence(phone, "/now") == "You are 3rd: 2 before you"


def test_ordinals_in_english_are_right(app):
    with app.test_request_context("/", headers={"Accept-Language": "en"}):
        flask_session["lang"] = "en"
        said = [ticket_words.ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 103, 111)]
    assert said == ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "103rd", "111th"]


def test_who_is_next_is_told_where_to_wait_and_who_is_called_which_room(doors, ward):
    with ward.house.writing_session() as session:
        room = session.get_one(Room, session.get_one(ClinicSession, ward.expert).room_id)
        room.area_zh, room.area_en = "2号候诊区", "area 2"
    who = ward.person()
    ward.waiting(who=who)
    phone = doors.phone(who)
    assert sentence(phone) == sentence(phone, "/now") == "下一位就是您，请到2号候诊区"
    assert sentence(english(phone)) == "You are next: come to area 2"
    assert "/remind" in phone.get("/queue/now").text
    ward.do(queueing.call_next, ward.chen, ward.expert)
    assert sentence(phone) == "Please go to Room 1"
    assert "/remind" not in phone.get("/queue/now").text  # who has been called needs no reminder


def test_the_range_of_the_wait_stands_there_once_the_line_has_shown_its_pace(doors, ward):
    who = ward.person()
    for _ in range(8):
        ward.waiting()
    ward.waiting(who=who)
    phone = doors.phone(who)
    assert "大约再等" not in phone.get("/queue").text
    for _ in range(6):
        called = ward.do(queueing.call_next, ward.chen, ward.expert)
        ward.do(queueing.start, ward.chen, called.id)
        ward.clock.now += timedelta(minutes=6)
        ward.do(queueing.finish, ward.chen, called.id)
    ward.clock.now += timedelta(seconds=20)
    page = phone.get("/queue").text
    assert re.search(r"大约再等</dt><dd>\d+–\d+ 分钟</dd>", page)
    assert re.search(r"大约再等 \d+–\d+ 分钟", phone.get("/").text)
    assert "minutes" in english(phone).get("/queue").text


def test_who_came_in_before_me_is_told_in_numbers_and_grounds_without_a_name(doors, ward):
    who, favoured = ward.person("王小红"), ward.person("欧阳娜娜")
    ward.waiting()
    ward.waiting(who=who)
    phone = doors.phone(who)
    assert "按规定先看的" not in phone.get("/queue").text
    ticket = ward.waiting(who=favoured)
    ward.do(queueing.grant_priority, ward.desk, ticket, "care", "with_infant", "")
    ward.clock.now += timedelta(minutes=1)
    assert ward.do(queueing.call_next, ward.chen, ward.expert).id == ticket
    page = phone.get("/queue").text
    assert "按规定先看的：需要照顾 1 人" in page
    assert "欧阳" not in page and "娜" not in page


def test_a_clinician_who_is_late_is_said_to_be_and_costs_nobody_a_place(doors, ward):
    ward.clock.now = ward.clock.now.replace(hour=0, minute=45)  # a quarter of an hour before nine
    who = ward.person()
    ward.waiting(who=who)
    phone = doors.phone(who)
    ward.do(queueing.say_late, ward.chen, ward.expert, 25)
    assert "医生晚到，大约 09:25 开始" in phone.get("/queue").text
    ward.clock.now += timedelta(minutes=41)
    assert "医生晚到" not in phone.get("/queue").text


def test_another_room_is_said_with_the_one_before(doors, ward):
    who = ward.person()
    ticket = ward.waiting(who=who)
    another = ward.plan_again()
    with ward.house.writing_session() as session:  # doctor Lin sits in for doctor Chen
        row, lin = session.get_one(ClinicSession, another), session.get_one(ClinicSession, ward.pool)
        row.clinician_ref, row.room_id = lin.clinician_ref, lin.room_id
    ward.do(queueing.move, ward.desk, ticket, another)
    assert "换诊室了：从1诊室到2诊室，号码和位置不变。" in doors.phone(who).get("/queue").text


def test_away_for_tests_keeps_the_number_and_says_how_to_come_back(doors, ward):
    who = ward.person()
    ticket = ward.waiting(who=who)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.do(queueing.start, ward.chen, ticket)
    ward.do(queueing.send_to_tests, ward.chen, ticket)
    phone = doors.phone(who)
    page = phone.get("/queue").text
    assert "号码给您留着" in page and "做完回来" in page and "A001" in page
    assert sentence(phone, "/now") == "去做检查检验，号码给您留着"
    ward.do(queueing.back_from_tests, ward.desk, ticket)
    assert sentence(phone) == "下一位就是您"


def test_who_is_back_scans_and_presses_once_and_waits_again(doors, ward):
    who = ward.person("李明")
    ticket = ward.waiting(who=who)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.do(queueing.start, ward.chen, ticket)
    ward.do(queueing.send_to_tests, ward.chen, ticket)
    phone = doors.phone(who)
    page = phone.get("/queue").text
    assert 'href="/check-in">我回来了' in page and f"/queue/{ticket}/back" not in page
    refused = phone.post(f"/queue/{ticket}/back")
    assert refused.status_code == 409 and "先扫候诊区屏幕上的码" in refused.text
    assert "/check-in/code" in refused.text  # the ways of showing that one is here stand below
    scanned = phone.follow(phone.get(f"/c/{ward.venue_code()}")).text
    assert f'action="/queue/{ticket}/back"' in scanned and "A001" in scanned and "没有待签到" not in scanned
    assert f'action="/queue/{ticket}/back"' in phone.get("/queue/now").text
    page = phone.follow(phone.post(f"/queue/{ticket}/back")).text
    assert "下一位就是您" in page and "我回来了" not in page
    assert ward.types(who.ref)[-1] == "ticket.returned"


def test_leaving_ends_the_ticket_and_pressing_twice_is_no_harm(doors, ward):
    who = ward.person()
    ticket = ward.waiting(who=who)
    phone = doors.phone(who)
    assert "不算爽约" in phone.get(f"/queue/{ticket}/leave").text
    for _ in range(2):
        assert phone.post(f"/queue/{ticket}/leave").status_code == 303
    assert "现在没有在排的号" in phone.get("/queue").text
    assert ward.types(who.ref).count("ticket.left") == 1
    assert phone.get(f"/queue/{ticket}/leave").headers["Location"] == "/queue"


def test_nobody_leaves_for_somebody_else(doors, ward):
    ticket = ward.waiting(who=ward.person())
    stranger = doors.phone(ward.person())
    assert stranger.get(f"/queue/{ticket}/leave").status_code == 404
    assert stranger.post(f"/queue/{ticket}/leave").status_code == 404
    assert stranger.get("/queue/none/leave").status_code == 404


def test_who_is_being_called_is_led_to_the_room_and_not_out(doors, ward):
    who = ward.person()
    ticket = ward.waiting(who=who)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    phone = doors.phone(who)
    assert "不等了" not in phone.get("/queue").text
    assert phone.get(f"/queue/{ticket}/leave").headers["Location"] == "/queue"
