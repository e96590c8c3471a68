"""The doctor's line: the buttons there are at each moment, and what they do."""

from __future__ import annotations

from datetime import timedelta

from app.domain.actor import SYSTEM
from app.models import ClinicSession
from app.services import planning
from tests.browsing import Browser


def test_a_visit_from_the_call_to_its_end(doors, ward):
    who = ward.person("王小红")
    ticket = ward.waiting(who=who)
    doctor = doors.staff(ward.chen)
    assert "叫下一位" in doctor.get("/staff/doctor/").text
    page = doctor.follow(doctor.post(f"/staff/doctor/sessions/{ward.expert}/call", session=ward.expert)).text
    assert "<strong>A001</strong>" in page and "王*红" in page and "王小红" not in page
    assert "开始就诊" in page and "叫下一位" not in page
    doctor.post(f"/staff/doctor/tickets/{ticket}/recall", session=ward.expert)
    page = doctor.follow(doctor.post(f"/staff/doctor/tickets/{ticket}/start", session=ward.expert)).text
    assert "完成就诊" in page and "过号</button>" not in page
    page = doctor.follow(doctor.post(f"/staff/doctor/tickets/{ticket}/finish", session=ward.expert)).text
    assert "叫下一位" in page and "已完成 1 人" in page
    kinds = ["ticket.called", "ticket.recalled", "visit.started", "visit.finished"]
    assert ward.types(who.ref)[-4:] == kinds


def test_who_came_early_to_a_clinic_soon_after_midnight_is_seen_before_it(doors, ward):
    ward.clock.now = ward.now.replace(hour=15, minute=45)  # 23:45 in Shanghai
    with ward.house.reading_session() as session:
        room = session.get_one(ClinicSession, ward.expert).room_id
    hours = ward.now + timedelta(minutes=25), ward.now + timedelta(hours=2)
    tonight = ward.do(
        planning.plan_session, SYSTEM, ward.clinic, ward.department, ward.chen.ref, room, *hours, 10, "expert"
    )
    who = ward.person()
    ticket = ward.waiting(tonight, who)
    doctor = doors.staff(ward.chen)
    assert "叫下一位" in doctor.get(f"/staff/doctor/?session={tonight}").text
    called = doctor.post(f"/staff/doctor/sessions/{tonight}/call", session=tonight)
    assert called.status_code == 303
    doctor.post(f"/staff/doctor/tickets/{ticket}/start", session=tonight)
    doctor.post(f"/staff/doctor/tickets/{ticket}/finish", session=tonight)
    assert ward.types(who.ref)[-3:] == ["ticket.called", "visit.started", "visit.finished"]


def test_calling_with_nobody_there_says_so(doors, ward):
    doctor = doors.staff(ward.chen)
    page = doctor.follow(doctor.post(f"/staff/doctor/sessions/{ward.expert}/call"))
    assert "现在没有人在等" in page.text


def test_calling_twice_is_refused_with_the_number_that_is_in(doors, ward):
    ward.waiting(), ward.waiting()
    doctor = doors.staff(ward.chen)
    doctor.post(f"/staff/doctor/sessions/{ward.expert}/call")
    refused = doctor.post(f"/staff/doctor/sessions/{ward.expert}/call")
    assert refused.status_code == 409 and "A001 还在诊室" in refused.text


def test_passing_and_putting_back(doors, ward):
    ticket = ward.waiting()
    doctor = doors.staff(ward.chen)
    doctor.post(f"/staff/doctor/sessions/{ward.expert}/call")
    page = doctor.follow(doctor.post(f"/staff/doctor/tickets/{ticket}/pass", session=ward.expert)).text
    assert "放回队里" in page
    page = doctor.follow(doctor.post(f"/staff/doctor/tickets/{ticket}/put-back", session=ward.expert)).text
    assert "过号 1 次" in page


def test_the_line_changes_by_itself(doors, ward):
    doctor = doors.staff(ward.chen)
    part = doctor.get(f"/staff/doctor/now?session={ward.expert}")
    tag = part.headers["ETag"]
    assert doctor.get(f"/staff/doctor/now?session={ward.expert}", headers={"If-None-Match": tag}).status_code == 304
    ward.waiting()
    again = doctor.get(f"/staff/doctor/now?session={ward.expert}", headers={"If-None-Match": tag})
    assert "A001" in again.text


def test_another_doctors_session_is_not_ones_own(doors, ward):
    doctor = doors.staff(ward.lin)
    assert doctor.post(f"/staff/doctor/sessions/{ward.expert}/call").status_code == 403
    assert doctor.get(f"/staff/doctor/?session={ward.expert}").text.count("2诊室")  # one's own is shown


def test_a_doctor_without_a_session_today_is_told(doors, ward):
    ward.clock.now = ward.now.replace(day=5)
    assert "今天没有您的门诊" in doors.staff(ward.chen).get("/staff/doctor/").text


def test_the_desk_is_no_doctor_and_strangers_sign_in(app, doors, ward):
    desk = doors.staff(ward.desk)
    assert desk.get("/staff/doctor/").status_code == 403
    assert Browser(app).get("/staff/doctor/").status_code == 303
