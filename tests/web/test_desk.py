"""The front desk: the clinic's day, masked; checking people in without a phone; screens."""

from __future__ import annotations

import gzip
import re

from app.domain.actor import Actor
from app.models import Patient
from app.services import people, queueing
from tests.browsing import Browser


def test_the_board_shows_masked_people_with_sex_and_age(doors, ward):
    who = ward.person("欧阳娜娜")
    ward.booked(who)
    page = doors.staff(ward.desk).get("/staff/desk/").text
    assert "欧**娜" in page and "欧阳娜娜" not in page and "36 岁" in page


def test_the_desk_checks_in_who_has_no_phone(doors, ward):
    who = ward.person()
    appointment = ward.booked(who)
    desk = doors.staff(ward.desk)
    page = desk.follow(desk.post(f"/staff/desk/visits/{appointment}/check-in", clinic=ward.clinic))
    assert "已签到，号码 A001" in page.text
    detail = ward.events(who.ref)[-1][1]["detail"]
    assert (detail["ticket"], detail["method"]) == ("A001", "desk")
    assert ward.events(who.ref)[-1][1]["actor"]["role"] == "desk"


def test_staff_see_that_the_receipt_is_sealed_and_not_the_receipt(doors, ward):
    appointment = ward.booked(ward.person())
    desk = doors.staff(ward.desk)
    page = desk.follow(desk.post(f"/staff/desk/visits/{appointment}/check-in", clinic=ward.clinic)).text
    assert "回执" in page and "/receipts/" not in page


def test_the_board_counts_and_changes_by_itself(doors, ward):
    ward.waiting(), ward.booked(ward.person())
    desk = doors.staff(ward.desk)
    part = desk.get("/staff/desk/now")
    assert "<strong>1</strong> 未签到" in part.text and "<strong>1</strong> 候诊" in part.text
    assert desk.get("/staff/desk/now", headers={"If-None-Match": part.headers["ETag"]}).status_code == 304
    ward.do(queueing.call_next, ward.chen, ward.expert)
    again = desk.get("/staff/desk/now", headers={"If-None-Match": part.headers["ETag"]})
    assert again.status_code == 200 and "<strong>0</strong> 候诊" in again.text


def test_the_board_is_recorded_once_a_sign_in(doors, ward):
    desk = doors.staff(ward.desk)
    desk.get("/staff/desk/"), desk.get("/staff/desk/now")
    doors.staff(ward.desk)
    assert ward.types(None).count("board.opened") == 2


def test_no_part_of_the_board_is_seen_unrecorded(app, ward):
    for path in ("/staff/desk/now", "/staff/doctor/now"):
        browser = Browser(app)
        who = ward.desk if "desk" in path else ward.chen
        browser.set_cookie("mz_staff", ward.token("staff", who.ref), "/staff")
        assert browser.get(path).status_code == 200
        assert ward.types(None)[-1] == "board.opened"


def test_the_desk_puts_back_who_was_passed(doors, ward):
    ticket = ward.waiting()
    called = ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.do(queueing.pass_, ward.chen, ticket)
    desk = doors.staff(ward.desk)
    assert "放回队里" in desk.get("/staff/desk/").text
    desk.post(f"/staff/desk/tickets/{ticket}/put-back", clinic=ward.clinic)
    assert ward.types(called.patient_ref)[-1] == "ticket.requeued"


def test_the_desk_cancels_after_the_cut_off(doors, ward):
    who = ward.person()
    appointment = ward.booked(who)
    desk = doors.staff(ward.desk)
    assert desk.post(f"/staff/desk/visits/{appointment}/cancel", clinic=ward.clinic).status_code == 303
    assert ward.events(who.ref)[-1][1]["detail"] == {"by": "desk"}


def test_somebody_is_found_by_ticket_or_the_phones_last_digits(doors, ward):
    who = ward.person("欧阳娜娜")
    with ward.house.writing_session() as session:
        people.set_contact(session, session.get(Patient, who.ref), {"phone": "+8613800005678"})
    ward.waiting(), ward.booked(who)
    desk = doors.staff(ward.desk)
    by_phone = desk.post("/staff/desk/find", clinic=ward.clinic, find="5678")
    found = by_phone.text.split('id="found"')[1].split("</section>")[0]
    assert "欧**娜" in found and "已核对证件" in found and "5678" not in by_phone.request.url
    found = desk.post("/staff/desk/find", clinic=ward.clinic, find="a001").text.split('id="found"')[1]
    assert "A001" in found.split("</section>")[0]
    for nothing in ("9999", "A999", "李", ""):
        assert "今天没有这样的预约" in desk.post("/staff/desk/find", clinic=ward.clinic, find=nothing).text


def test_another_clinics_desk_gets_nothing(doors, ward):
    desk = doors.staff(ward.desk)
    assert desk.get("/staff/desk/?clinic=elsewhere").status_code == 404


def test_a_doctor_is_not_the_desk(doors, ward):
    doctor = doors.staff(ward.chen)
    assert doctor.get("/staff/desk/").status_code == 403
    assert doctor.post(f"/staff/desk/visits/{ward.booked(ward.person())}/check-in").status_code == 403


def test_signed_out_the_desk_leads_to_the_staffs_sign_in(app, ward):
    assert Browser(app).get("/staff/desk/").headers["Location"].startswith("/staff/sign-in")


def test_a_patients_cookie_opens_no_staff_page(doors, ward):
    phone = doors.phone(ward.person())
    assert phone.get("/staff/desk/").status_code == 303


def test_a_pairing_code_is_shown_once_and_pairs_one_screen(app, doors, ward):
    desk = doors.staff(ward.desk)
    page = desk.follow(desk.post("/staff/desk/screens/code", clinic=ward.clinic)).text
    code = re.search(r"<strong>(\d{4} \d{4})</strong>", page)
    assert code
    assert code[1] not in desk.get("/staff/desk/screens").text
    screen = Browser(app)
    screen.get("/screen/pair")
    assert screen.post("/screen/pair", code=code[1]).headers["Location"] == "/screen/"
    other = Browser(app)
    other.get("/screen/pair")
    assert other.post("/screen/pair", code=code[1]).status_code == 400
    assert ward.types(None)[-2:] == ["screen.code_shown", "screen.paired"]


def test_an_unpaired_screen_goes_dark_at_once(doors, ward):
    screen = doors.screen()
    assert screen.get("/screen/").status_code == 200
    desk = doors.staff(ward.desk)
    ref = re.search(r"/staff/desk/screens/([^/]+)/unpair", desk.get("/staff/desk/screens").text)
    assert ref
    desk.post(f"/staff/desk/screens/{ref[1]}/unpair", clinic=ward.clinic)
    assert screen.get("/screen/now").headers["Location"] == "/screen/pair"
    assert ward.types(None)[-1] == "screen.unpaired"


def test_a_doctor_pairs_no_screen(doors, ward):
    doctor = doors.staff(Actor("staff", ward.lin.ref, "doctor", "s", frozenset({ward.clinic})))
    assert doctor.post("/staff/desk/screens/code", clinic=ward.clinic).status_code == 403


ROW = re.compile(r'<li class="ih-drow .*?</li>', re.S)
GUARD = re.compile(r'name="csrf_token" value="([^"]+)"><input type="hidden" name="idempotency_key" value="([^"]+)"')


def test_a_row_that_is_drawn_once_carries_each_browsers_own_token_and_a_key_for_one_use(app, doors, ward):
    appointment = ward.booked(ward.person())
    one, other = doors.staff(ward.desk), Browser(app)
    other.set_cookie("mz_staff", ward.token("staff", ward.desk.ref), "/staff")
    pages = [one.get("/staff/desk/").text, one.get("/staff/desk/now").text, other.get("/staff/desk/").text]
    rows = [ROW.search(page)[0] for page in pages]
    guards = [GUARD.search(row).groups() for row in rows]
    assert guards[0][0] == guards[1][0] == one.token and guards[2][0] == other.token != one.token
    assert len({key for _, key in guards}) == 3
    assert "\ue000" not in "".join(pages)
    other.get("/language/en")
    assert "Document seen" in ROW.search(other.get("/staff/desk/").text)[0]
    assert "已核对证件" in ROW.search(one.get("/staff/desk/").text)[0]
    desk = f"/staff/desk/visits/{appointment}/check-in"
    assert other.post(desk, key=guards[2][1], clinic=ward.clinic).status_code == 303
    assert "A001" in ROW.search(one.get("/staff/desk/now").text)[0]


def test_a_full_board_comes_with_the_beginning_of_its_lists_and_its_script_is_told_to_ask_for_the_rest(
    doors, ward, monkeypatch
):
    monkeypatch.setattr("app.web.desk.board.AT_FIRST", 2)
    for _ in range(3):
        ward.booked(ward.person())
    desk = doors.staff(ward.desk)
    page = desk.get("/staff/desk/").text
    assert len(ROW.findall(page)) == 2 and "<strong>3</strong> 未签到" in page  # everybody is counted
    assert "data-more" in page and "还有 1 人" in page
    whole = desk.get("/staff/desk/now").text
    assert len(ROW.findall(whole)) == 3 and "data-more" not in whole and "还有" not in whole
    alone = desk.get("/staff/desk/?place=expected").text  # where the line leads, also without a script
    assert len(ROW.findall(alone)) == 3 and "还有" not in alone


def test_a_large_part_of_the_board_goes_packed_to_a_script_of_ours_and_to_nobody_else(doors, ward):
    for _ in range(4):
        ward.booked(ward.person())
    desk = doors.staff(ward.desk)
    plain = desk.get("/staff/desk/now", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    ours = {"Accept-Encoding": "gzip", "X-Requested-With": "fetch"}
    packed = desk.client.get("/staff/desk/now", headers=ours)
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["ETag"] == plain.headers["ETag"]
    assert ROW.findall(gzip.decompress(packed.data).decode())[0][:40] == ROW.findall(plain.text)[0][:40]
    assert (
        desk.client.get("/staff/desk/now", headers={**ours, "If-None-Match": packed.headers["ETag"]}).status_code == 304
    )


def test_a_room_stands_once_among_those_to_call_for_with_the_session_that_is_under_way(doors, ward):
    again = ward.plan_again()  # doctor Chen's, an hour before now until two hours after it
    page = doors.staff(ward.desk).get("/staff/desk/").text
    rooms = re.findall(r'<li class="ih-row ih-room" data-row="([^"]+)"', page)
    assert len(rooms) == 3 and len(set(rooms) & {again, ward.expert}) == 1
