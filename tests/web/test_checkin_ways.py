"""The ways to check in, through the pages: by place, by one's own code at a gate, and the rules that an admin changes."""

from __future__ import annotations

import re

from sqlalchemy import select

from app.domain.actor import SYSTEM, Actor
from app.domain.checkin import Way, WindowRule
from app.domain.places import Fence
from app.models import Event
from app.services import checkin, rules, staff

TICKED = re.compile(r'name="appointment"[^>]*value="([^"]+)"')
HERE = {"latitude": "31.216541", "longitude": "121.473702", "accuracy": "12.5"}
FAR = {**HERE, "latitude": "31.3"}


def admin_of(ward, house):
    with house.writing_session() as session:
        ref = staff.create(
            session, SYSTEM, ward.now, login="boss", password_hash="none", name_zh="主任", name_en="Boss", role="admin",
            clinic_id=ward.clinic,
        )  # fmt: skip
    return Actor("staff", ref, "admin", "sitting-boss", frozenset({ward.clinic}))


def fence_in(ward, admin):
    ward.do(rules.change_fence, admin, ward.clinic, Fence(31_216_540, 121_473_701))


def test_the_three_checks_say_what_is_met_and_what_to_do(doors, ward):
    who = ward.person("李明")
    ward.booked(who)
    phone = doors.phone(who)
    page = phone.get("/check-in").text
    assert page.index("时间") < page.index("到场") < page.index("身份")
    assert "还没确认到院" in page and "已绑定：李明" in page and 'action="/check-in/place"' not in page


def test_inside_the_fence_two_taps_lead_to_the_ticket(doors, ward, hospital, caplog, capsys):
    fence_in(ward, admin_of(ward, hospital))
    who = ward.person("李明")
    ward.booked(who)
    phone = doors.phone(who)
    assert 'action="/check-in/place"' in phone.get("/check-in").text
    page = phone.follow(phone.post("/check-in/place", **HERE))
    assert "手机定位：在明诊门诊部附近" in page.text and "给李明签到" in page.text
    queue = phone.follow(phone.post("/check-in", appointment=TICKED.findall(page.text)))
    assert "A001" in queue.text
    said = caplog.text + "".join(capsys.readouterr()) + page.text + queue.text
    assert not any(number in said for number in HERE.values())


def test_outside_the_page_says_what_to_do_and_a_refusal_is_on_record(doors, ward, hospital):
    fence_in(ward, admin_of(ward, hospital))
    who = ward.person()
    ward.booked(who)
    phone = doors.phone(who)
    answer = phone.post("/check-in/place", **FAR)
    assert answer.status_code == 409 and "您好像还没到诊所" in answer.text and "前台" in answer.text
    assert FAR["latitude"] not in answer.text
    with hospital.reading_session() as session:
        assert session.scalars(select(Event.type).order_by(Event.serial.desc())).first() == "act.refused"
    for nonsense in ({}, {**HERE, "accuracy": "很准"}, {**HERE, "latitude": "nan"}, {**HERE, "latitude": "1e999"}):
        assert "手机定位不够准" in phone.post("/check-in/place", **nonsense).text


def test_a_gate_reads_the_code_on_a_phone_once(doors, ward):
    who = ward.person("李明")
    appointment = ward.booked(who)
    phone = doors.phone(who)
    shown = phone.get(f"/visits/{appointment}/code")
    code = ward.do(checkin.own_code_of, who.actor, appointment)
    assert f"{code.digits[:4]} {code.digits[4:]}" in shown.text and "李明" in shown.text and code.text not in shown.text
    gate = doors.screen()
    gate.get("/screen/gate")
    passed = gate.follow(gate.post("/screen/gate", code=code.text))
    assert "签到成功" in passed.text and "A001" in passed.text and "李明" not in passed.text
    assert "A001" not in gate.get("/screen/gate").text
    again = gate.post("/screen/gate", code=code.text)
    assert again.status_code == 409 and "没有认出这个签到码" in again.text
    assert "您的号码是 A001" in phone.get(f"/visits/{appointment}/code/now").text


def test_nobody_finds_eight_digits_by_trying_at_a_gate_and_phones_are_still_read(doors, ward):
    who = ward.person()
    appointment = ward.booked(who)
    gate = doors.screen()
    gate.get("/screen/gate")
    tried = [gate.post("/screen/gate", code=f"{number:08}") for number in range(35)]
    assert [answer.status_code for answer in tried] == [409] * 30 + [429] * 5
    assert 'name="code"' in tried[-1].text  # still a gate
    code = ward.do(checkin.own_code_of, who.actor, appointment)
    assert gate.post("/screen/gate", code=code.digits).status_code == 429
    assert "A001" in gate.follow(gate.post("/screen/gate", code=code.text)).text


def test_the_desk_finds_whom_a_code_is_of(doors, ward):
    who, other = ward.person("李明"), ward.person("王小红")
    appointment = ward.booked(who)
    ward.booked(other)
    desk = doors.staff(ward.desk)
    code = ward.do(checkin.own_code_of, who.actor, appointment)
    for text in (code.text, code.digits, f" {code.text}\n"):
        page = desk.post("/staff/desk/find", clinic=ward.clinic, find=text)
        assert appointment in page.text


def test_the_preview_says_what_a_nine_oclock_visit_could_and_saves_nothing(doors, ward, hospital):
    admin = admin_of(ward, hospital)
    office = doors.staff(admin)
    form = {"early_minutes": "45", "late_minutes": "20", "hard_close": "", "ways": ["venue"]}
    shown = office.post(f"/staff/admin/rules/{ward.clinic}", do="preview", **form)
    assert shown.status_code == 200 and "8:15" in shown.text and "9:20" in shown.text and "还没有保存" in shown.text
    assert "08:30" in office.get("/staff/admin/rules").text
    assert office.post(f"/staff/admin/rules/{ward.clinic}", do="save", **form).status_code == 303
    listed = office.get("/staff/admin/rules").text
    assert "08:15" in listed and "08:30" not in listed


def test_a_departments_own_rule_and_back(doors, ward, hospital):
    admin = admin_of(ward, hospital)
    office = doors.staff(admin)
    address = f"/staff/admin/rules/{ward.clinic}/parts/{ward.department}"
    form = {"early_minutes": "60", "late_minutes": "5", "hard_close": "11:30", "ways": ["own_code"]}
    assert office.post(address, do="save", **form).status_code == 303
    assert ward.look(lambda s, _: rules.one_of(s, admin, ward.clinic, ward.department)).rule.ways == {Way.OWN_CODE}
    assert "改回同诊所" in office.get(address).text
    assert office.post(address, do="inherit").status_code == 303
    assert ward.look(lambda s, _: rules.one_of(s, admin, ward.clinic, ward.department)).rule == WindowRule()


def test_bad_numbers_are_said_beside_the_field_and_kept(doors, ward, hospital):
    office = doors.staff(admin_of(ward, hospital))
    wrong = {"early_minutes": "half", "late_minutes": "999", "hard_close": "25:00", "ways": []}
    page = office.post(f"/staff/admin/rules/{ward.clinic}", do="save", **wrong)
    assert page.status_code == 400 and page.text.count("填 0 到 480") >= 2 and "例如 11:30" in page.text
    assert 'value="half"' in page.text
    fence = {"latitude": "north", "longitude": "121", "radius": "5", "accuracy": "1"}
    page = office.post(f"/staff/admin/rules/{ward.clinic}/fence", do="save", **fence)
    assert page.status_code == 400 and 'value="north"' in page.text


def test_a_fence_is_drawn_and_taken_away(doors, ward, hospital):
    admin = admin_of(ward, hospital)
    office = doors.staff(admin)
    form = {"latitude": "31.216540", "longitude": "121.473701", "radius": "300", "accuracy": "100"}
    assert office.post(f"/staff/admin/rules/{ward.clinic}/fence", do="save", **form).status_code == 303
    assert ward.look(lambda s, _: rules.fence_of(s, admin, ward.clinic)) == Fence(31_216_540, 121_473_701)
    assert "诊所周围 300 米" in office.get("/staff/admin/rules").text
    assert office.post(f"/staff/admin/rules/{ward.clinic}/fence", do="remove").status_code == 303
    assert ward.look(lambda s, _: rules.fence_of(s, admin, ward.clinic)) is None
