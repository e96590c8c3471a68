"""The patient's queue and home: live, one next step, nothing of anybody else."""

from __future__ import annotations

from app.services import queueing


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
    assert phone.get("/queue/now").text.strip() in phone.get("/queue").text
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
