"""The doctor's line beyond the straight way: tests and back, classes, another room, late, and taking back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.actor import SYSTEM
from app.services import lines, planning, queueing


def post(doctor, path, ward, **form):
    return doctor.follow(doctor.post(f"/staff/doctor/{path}", session=ward.expert, **form)).text


def test_to_tests_and_back_on_one_page(doors, ward):
    ticket = ward.waiting(who=ward.person("王小红"))
    doctor = doors.staff(ward.chen)
    post(doctor, f"sessions/{ward.expert}/call", ward)
    page = post(doctor, f"tickets/{ticket}/start", ward)
    assert "去检查，稍后回来" in page
    page = post(doctor, f"tickets/{ticket}/tests", ward)
    assert "检查检验中" in page and "王*红" in page and "诊室里没有人" in page
    page = post(doctor, f"tickets/{ticket}/back", ward)
    assert "回诊" in page and "检查检验中" not in page


def test_the_last_move_stands_there_with_its_undo(doors, ward):
    ticket = ward.waiting()
    doctor = doors.staff(ward.chen)
    page = post(doctor, f"sessions/{ward.expert}/call", ward)
    assert "刚才做的" in page and "叫号" in page
    page = post(doctor, f"tickets/{ticket}/undo", ward, act="ticket.called")
    assert "A001 的上一步撤销了" in page and "刚才做的" not in page and "诊室里没有人" in page


def test_an_undo_that_means_another_move_takes_nothing_back(doors, ward):
    ticket = ward.waiting()
    doctor = doors.staff(ward.chen)
    post(doctor, f"sessions/{ward.expert}/call", ward)
    ward.do(queueing.pass_, ward.desk, ticket)
    refused = doctor.post(f"/staff/doctor/tickets/{ticket}/undo", session=ward.expert, act="ticket.called")
    assert refused.status_code == 409 and "“叫号”撤销不了" in refused.text
    assert ward.look(lines.ticket, ticket).state == "missed"


def test_late_is_shown_and_taken_back(doors, ward):
    doctor = doors.staff(ward.chen)
    page = post(doctor, f"sessions/{ward.expert}/late", ward, minutes="20")
    assert "医生晚到 20 分钟" in page
    page = post(doctor, f"sessions/{ward.expert}/late", ward, minutes="0")
    assert "医生晚到" not in page


@pytest.mark.parametrize("typed", ["", "-5", "x", "1e3", "241", "９", "99999"])
def test_late_takes_whole_minutes_of_half_a_day(doors, ward, typed):
    refused = doors.staff(ward.chen).post(f"/staff/doctor/sessions/{ward.expert}/late", minutes=typed)
    assert refused.status_code == 400 and "0 到 240 分钟" in refused.text


def test_a_class_is_given_with_its_ground_and_shows_its_mark(doors, ward):
    ward.waiting()
    ticket = ward.waiting()
    doctor = doors.staff(ward.chen)
    assert "给予优先" in doctor.get(f"/staff/doctor/tickets/{ticket}?session={ward.expert}").text
    page = post(doctor, f"tickets/{ticket}/priority", ward, ground="soldier:document_seen")
    assert page.index("A002") < page.index("A001") and "军人" in page
    page = post(doctor, f"tickets/{ticket}/priority/withdraw", ward)
    assert "军人" not in page


def test_a_class_without_its_note_comes_back_with_what_was_chosen(doors, ward):
    ticket = ward.waiting()
    doctor = doors.staff(ward.chen)
    page = doctor.post(f"/staff/doctor/tickets/{ticket}/priority", session=ward.expert, ground="care:other")
    assert page.status_code == 400
    assert "写明是什么情况" in page.text and 'value="care:other" selected' in page.text
    nothing = doctor.post(f"/staff/doctor/tickets/{ticket}/priority", session=ward.expert, ground="")
    assert nothing.status_code == 400 and "选一个优先类别和理由" in nothing.text


def test_an_age_that_does_not_fit_is_refused_with_the_way_on(doors, ward):
    ticket = ward.waiting()
    refused = doors.staff(ward.chen).post(f"/staff/doctor/tickets/{ticket}/priority", ground="elder:document_seen")
    assert refused.status_code == 409 and "年龄不符合“80 岁以上老人”" in refused.text and "需要照顾" in refused.text


def test_another_room_takes_over(doors, ward):
    room = ward.do(planning.create_room, SYSTEM, ward.clinic, "8诊室", "Room 8")
    hours = ward.now - timedelta(hours=1), ward.now + timedelta(hours=2)
    to = ward.do(planning.plan_session, SYSTEM, ward.clinic, ward.department, ward.lin.ref, room, *hours, 10, "expert")
    ticket = ward.waiting()
    doctor = doors.staff(ward.chen)
    assert "8诊室" in doctor.get(f"/staff/doctor/tickets/{ticket}").text
    page = post(doctor, f"tickets/{ticket}/move", ward, to=to)
    assert "A001 换到 8诊室，号码不变" in page
    other = doors.staff(ward.lin).get(f"/staff/doctor/?session={to}").text
    assert "A001" in other and "从 1诊室 换来" in other


def test_who_left_is_gone_from_the_line(doors, ward):
    ticket = ward.waiting()
    page = post(doors.staff(ward.chen), f"tickets/{ticket}/left", ward)
    assert "没有人在等" in page and "离开，不再等候" in page


def test_who_is_called_meanwhile_has_no_page_of_its_own(doors, ward):
    ticket = ward.waiting()
    ward.do(queueing.call_next, ward.chen, ward.expert)
    assert doors.staff(ward.chen).get(f"/staff/doctor/tickets/{ticket}").status_code == 303


def test_another_doctor_and_a_guess_see_nothing(doors, ward):
    ticket = ward.waiting()
    assert doors.staff(ward.lin).get(f"/staff/doctor/tickets/{ticket}").status_code == 403
    assert doors.staff(ward.chen).get("/staff/doctor/tickets/AAAAAAAAAAAAAAAAAAAAAA").status_code == 404


def test_who_gave_a_class_and_why_is_read_from_the_line_and_from_the_room_and_that_stands_in_the_log(doors, ward):
    ticket = ward.waiting()
    doctor = doors.staff(ward.chen)
    note = f"/staff/doctor/tickets/{ticket}/priority/note"
    assert note not in doctor.get(f"/staff/doctor/tickets/{ticket}?session={ward.expert}").text
    ward.do(queueing.grant_priority, ward.desk, ticket, "care", "other", "刚做完手术<b>")
    waiting = doctor.get(f"/staff/doctor/tickets/{ticket}?session={ward.expert}").text
    assert note in waiting and "刚做完手术" not in waiting
    called = ward.do(queueing.call_next, ward.chen, ward.expert)
    line = doctor.get(f"/staff/doctor/?session={ward.expert}").text
    assert note in line and "刚做完手术" not in line
    for _again in range(2):
        page = doctor.get(f"{note}?session={ward.expert}")
        assert (
            page.status_code == 200
            and "刚做完手术&lt;b&gt;" in page.text
            and "no-store" in page.headers["Cache-Control"]
        )
    opened = [own for kind, own in ward.events(called.patient_ref) if kind == "priority_note.opened"]
    assert [(own["purpose"], own["actor"]["role"]) for own in opened] == [("treatment", "doctor")]
