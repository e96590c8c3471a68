"""What the desk does with a row: opened on record, moved by presses, told to a page's script in JSON and to a form by a page."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from app.domain.actor import SYSTEM
from app.domain.board import WaitLevels
from app.models import Appointment, Clinic, ClinicSession, Event, Patient
from app.services import boards, clinics, lines, masks, people, planning, queueing, slips
from app.web.desk.presses import mark_of
from tests.browsing import Browser, shown_words

PAGE = {"X-Requested-With": "fetch"}


def visit_of(ward, ticket_id: str) -> str:
    return ward.look(lines.ticket, ticket_id).appointment_id


def board_of(ward):
    return ward.look(boards.desk_board, ward.desk, ward.clinic)


def serving(ward):
    ticket = ward.waiting()
    ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.do(queueing.start, ward.chen, ticket)
    return ticket


# Opening


def test_opening_a_row_shows_who_it_is_and_is_one_disclosure_on_the_ground_of_the_clinic(doors, ward):
    who = ward.person("欧阳娜娜")
    visit = ward.booked(who)
    desk = doors.staff(ward.desk)
    page = desk.get(f"/staff/desk/visits/{visit}").text
    desk.get(f"/staff/desk/visits/{visit}", headers=PAGE)
    assert "欧阳娜娜" in page and "已核对证件" in page
    opened = [own for kind, own in ward.events(who.ref) if kind == "identity.opened"]
    assert len(opened) == 1
    assert (opened[0]["purpose"], opened[0]["reason"]) == ("desk_board", "clinic")


def test_the_boards_script_gets_the_part_about_the_visit_and_never_the_name_in_the_title(doors, ward):
    visit = ward.booked(ward.person("欧阳娜娜"))
    desk = doors.staff(ward.desk)
    assert "<html" not in desk.get(f"/staff/desk/visits/{visit}", headers=PAGE).text
    assert "欧阳" not in desk.get(f"/staff/desk/visits/{visit}").text.split("</title>")[0]


def test_no_row_is_opened_by_head_by_prefetch_or_by_a_link_of_another_site(doors, ward):
    who = ward.person()
    path = f"/staff/desk/visits/{ward.booked(who)}"
    desk = doors.staff(ward.desk)
    assert desk.client.head(path).status_code == 405
    assert desk.get(path, headers={"Sec-Purpose": "prefetch"}).status_code == 403
    assert who.name not in desk.get(path, headers={"Sec-Fetch-Site": "cross-site"}).text
    assert "identity.opened" not in ward.types(who.ref)


def test_what_does_not_stand_on_the_board_is_not_opened(doors, ward, clock):
    visit = ward.booked(ward.person())
    desk = doors.staff(ward.desk)
    assert desk.get("/staff/desk/visits/AAAAAAAAAAAAAAAAAAAAAA").status_code == 404
    desk.post(f"/staff/desk/visits/{visit}/cancel", clinic=ward.clinic)
    assert desk.get(f"/staff/desk/visits/{visit}").status_code == 404


# Pressing


def test_a_repeated_press_of_the_page_gets_the_first_answer_and_does_nothing_more(doors, ward):
    who = ward.person()
    path = f"/staff/desk/visits/{ward.booked(who)}/check-in"
    desk = doors.staff(ward.desk)
    headers = {**PAGE, "Idempotency-Key": "k" * 32}
    first = desk.post(path, headers=headers, clinic=ward.clinic)
    again = desk.post(path, headers=headers, clinic=ward.clinic)
    assert first.json["data"] == again.json["data"] == {"said": "已签到，号码 A001。请患者到候诊区等叫号。"}
    assert again.headers["Idempotency-Replayed"] == "true"
    assert ward.types(who.ref).count("appointment.checked_in") == 1


def test_a_repeat_gets_its_answer_when_somebody_else_has_moved_the_ticket_on(doors, ward):
    who = ward.person()
    visit = ward.booked(who)
    desk = doors.staff(ward.desk)
    headers = {**PAGE, "Idempotency-Key": "k" * 32}
    desk.post(f"/staff/desk/visits/{visit}/check-in", headers=headers, clinic=ward.clinic)
    ticket = ward.do(queueing.call_next, ward.chen, ward.expert).id
    ward.do(queueing.pass_, ward.chen, ticket)
    path = f"/staff/desk/tickets/{ticket}/put-back"
    headers = {**PAGE, "Idempotency-Key": "p" * 32}
    desk.post(path, headers=headers, clinic=ward.clinic)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    assert desk.post(path, headers=headers, clinic=ward.clinic).json["data"]["said"] == "A001 放回队里了。"


def test_a_refusal_is_told_to_the_page_in_words_and_to_a_form_by_a_page(doors, ward):
    ticket = ward.waiting()
    desk = doors.staff(ward.desk)
    path = f"/staff/desk/tickets/{ticket}/put-back"
    told = desk.post(path, headers=PAGE, clinic=ward.clinic)
    assert told.status_code == 409 and told.json["title"] and told.json["next"]
    assert "<html" in desk.post(path, clinic=ward.clinic).text


def test_a_press_that_another_person_made_is_not_done_as_this_one(doors, ward):
    who = ward.person()
    path = f"/staff/desk/visits/{ward.booked(who)}/check-in"
    desk = doors.staff(ward.desk)
    assert desk.post(path, headers={**PAGE, "X-Desk-Who": mark_of(ward.chen)}, clinic=ward.clinic).status_code == 401
    assert "appointment.checked_in" not in ward.types(who.ref)
    own = {**PAGE, "X-Desk-Who": mark_of(ward.desk)}
    assert desk.post(path, headers=own, clinic=ward.clinic).status_code == 200


def test_signed_out_a_press_is_told_so_and_stays_undone(app, ward):
    visit = ward.booked(ward.person())
    stranger = Browser(app)
    stranger.get("/staff/sign-in")
    assert stranger.post(f"/staff/desk/visits/{visit}/check-in", headers=PAGE).status_code == 401


# Each move


def test_the_desk_calls_on_a_rooms_behalf_calls_again_and_passes(doors, ward):
    ticket = ward.waiting()
    who = ward.look(lines.ticket, ticket).patient_ref
    desk = doors.staff(ward.desk)
    for path in (f"sessions/{ward.expert}/call", f"tickets/{ticket}/recall", f"tickets/{ticket}/pass"):
        assert desk.post(f"/staff/desk/{path}", headers=PAGE, clinic=ward.clinic).status_code == 200
    assert ward.types(who)[-3:] == ["ticket.called", "ticket.recalled", "ticket.passed"]
    assert {own["actor"]["role"] for _, own in ward.events(who)[-3:]} == {"desk"}


def test_calling_where_nobody_waits_says_so_and_records_nothing(doors, ward):
    desk = doors.staff(ward.desk)
    told = desk.post(f"/staff/desk/sessions/{ward.expert}/call", headers=PAGE, clinic=ward.clinic)
    assert told.json["data"]["said"] == "没有人在等。" and told.json["receipts"] == []


def test_priority_is_given_on_a_ground_and_its_note_stands_in_no_event(doors, ward):
    ward.waiting()
    ticket = ward.waiting()
    desk = doors.staff(ward.desk)
    fields = {"clinic": ward.clinic, "ground": "care:with_infant", "note": "双胞胎"}
    assert desk.post(f"/staff/desk/tickets/{ticket}/priority", headers=PAGE, **fields).status_code == 200
    row = next(row for row in board_of(ward).rows if row.ticket_id == ticket)
    assert row.priority == "care" and row.before == 0
    kind, own = ward.events(row.patient_ref)[-1]
    assert kind == "ticket.priority_granted" and own["detail"]["reason"] == "with_infant" and "双胞胎" not in str(own)
    assert "照顾" in desk.get("/staff/desk/").text
    desk.post(f"/staff/desk/tickets/{ticket}/priority/withdraw", headers=PAGE, clinic=ward.clinic)
    assert next(row for row in board_of(ward).rows if row.ticket_id == ticket).priority is None


def test_the_note_of_a_priority_is_read_on_a_page_of_its_own_and_that_stands_in_the_log(doors, ward):
    ward.waiting()
    ticket = ward.waiting()
    desk = doors.staff(ward.desk)
    assert desk.get(f"/staff/desk/tickets/{ticket}/priority/note").status_code == 404  # nobody granted anything
    fields = {"clinic": ward.clinic, "ground": "care:other", "note": "刚做完手术<b>"}
    desk.post(f"/staff/desk/tickets/{ticket}/priority", headers=PAGE, **fields)
    who = next(row for row in board_of(ward).rows if row.ticket_id == ticket).patient_ref
    row = desk.get(f"/staff/desk/visits/{visit_of(ward, ticket)}")
    assert f"/staff/desk/tickets/{ticket}/priority/note" in row.text and "刚做完手术" not in row.text
    for _again in range(2):
        page = desk.get(f"/staff/desk/tickets/{ticket}/priority/note")
        assert page.status_code == 200 and "刚做完手术&lt;b&gt;" in page.text and "前台小周" in page.text
    opened = [own for kind, own in ward.events(who) if kind == "priority_note.opened"]
    assert [own["detail"] for own in opened] == [{"ticket": "A002", "count": 1}]
    assert opened[0]["reason"] == "clinic" and "手术" not in str(opened)


def test_a_note_that_was_withdrawn_is_still_read_with_when_it_ended(doors, ward):
    ticket = ward.waiting()
    desk = doors.staff(ward.desk)
    for what, fields in (("priority", {"ground": "care:with_infant"}), ("priority/withdraw", {})):
        desk.post(f"/staff/desk/tickets/{ticket}/{what}", headers=PAGE, clinic=ward.clinic, **fields)
    page = desk.get(f"/staff/desk/tickets/{ticket}/priority/note").text
    assert "结束于" in page and "没有写说明" in page


def test_a_colleague_elsewhere_or_another_day_reads_no_note(doors, ward, clock):
    ticket = ward.waiting()
    desk = doors.staff(ward.desk)
    desk.post(f"/staff/desk/tickets/{ticket}/priority", headers=PAGE, clinic=ward.clinic, ground="care:with_infant")
    clock.now += timedelta(days=2)
    later = doors.staff(ward.desk).get(f"/staff/desk/tickets/{ticket}/priority/note")
    assert later.status_code in (403, 404)


@pytest.mark.parametrize("ground", ["", "care", "care:nonsense", "returning:back_from_tests", "care:other"])
def test_priority_without_a_ground_is_refused_and_what_was_typed_stays(doors, ward, ground):
    ticket = ward.waiting()
    desk = doors.staff(ward.desk)
    note = " " if ground == "care:other" else "带着双胞胎"
    fields = {"clinic": ward.clinic, "visit": visit_of(ward, ticket), "ground": ground, "note": note}
    page = desk.post(f"/staff/desk/tickets/{ticket}/priority", **fields)
    assert page.status_code == 400 and 'aria-invalid="true"' in page.text and note in page.text
    told = desk.post(f"/staff/desk/tickets/{ticket}/priority", headers=PAGE, **fields)
    assert told.status_code == 400 and told.json["title"]


def test_a_ticket_moves_to_another_room_with_its_number_and_its_origin(doors, ward):
    ticket = ward.waiting()
    with ward.house.reading_session() as session:
        room = session.get_one(ClinicSession, ward.pool).room_id
    hours = ward.now, ward.now + timedelta(hours=2)
    other = ward.do(
        planning.plan_session, SYSTEM, ward.clinic, ward.department, ward.lin.ref, room, *hours, 10, "expert"
    )
    desk = doors.staff(ward.desk)
    page = desk.get(f"/staff/desk/visits/{visit_of(ward, ticket)}").text
    assert f'value="{other}"' in page and f'value="{ward.expert}"' not in page  # not to where it waits already
    desk.post(f"/staff/desk/tickets/{ticket}/move", clinic=ward.clinic, to=other)
    row = next(row for row in board_of(ward).rows if row.ticket_id == ticket)
    assert (row.ticket, row.room.zh, row.moved_from.zh) == ("A001", "2诊室", "1诊室")
    assert "从 1诊室 换来" in desk.get("/staff/desk/").text


def test_a_transfer_goes_on_with_a_number_of_the_other_department_and_names_the_old_one(doors, ward):
    ticket = ward.waiting()
    desk = doors.staff(ward.desk)
    page = desk.get(f"/staff/desk/visits/{visit_of(ward, ticket)}").text
    assert f'value="{ward.pool}"' in page and "转科" in page
    told = desk.post(f"/staff/desk/tickets/{ticket}/transfer", headers=PAGE, clinic=ward.clinic, to=ward.pool)
    assert told.json["data"]["said"] == "转到皮肤科，新号码 B001。"
    old, new = sorted(board_of(ward).rows, key=lambda row: row.ticket)
    assert (old.place, new.place, new.ticket, new.origin) == ("done", "waiting", "B001", "A001")


def test_somebody_goes_to_tests_comes_back_and_leaves(doors, ward):
    ticket = serving(ward)
    desk = doors.staff(ward.desk)
    for verb, place in (("tests", "away"), ("back", "waiting"), ("left", "done")):
        assert desk.post(f"/staff/desk/tickets/{ticket}/{verb}", headers=PAGE, clinic=ward.clinic).status_code == 200
        assert [row.place for row in board_of(ward).rows] == [place]


def test_the_last_step_is_taken_back_and_only_the_one_that_was_meant(doors, ward):
    ticket = ward.waiting()
    desk = doors.staff(ward.desk)
    undo = f"/staff/desk/tickets/{ticket}/undo"
    desk.post(f"/staff/desk/tickets/{ticket}/left", headers=PAGE, clinic=ward.clinic)
    assert [row.place for row in board_of(ward).rows] == ["done"]
    assert desk.post(undo, headers=PAGE, clinic=ward.clinic, act="ticket.called").status_code == 409
    assert [row.place for row in board_of(ward).rows] == ["done"]
    assert desk.post(undo, headers=PAGE, clinic=ward.clinic, act="ticket.left").status_code == 200
    assert [row.place for row in board_of(ward).rows] == ["waiting"]


# Finding


def test_a_slip_and_a_receipts_address_find_their_row(doors, ward):
    ward.waiting()
    ticket = ward.waiting()
    visit = visit_of(ward, ticket)
    slip = ward.look(slips.printed, ward.desk, ward.do(slips.print_slip, ward.desk, visit))
    desk = doors.staff(ward.desk)
    with ward.house.reading_session() as session:
        who = session.get_one(Appointment, visit).patient_ref
        receipt = session.scalars(select(Event.id).where(Event.subject_ref == who)).first()
    for text in (f"https://x.example/s/{slip.token}", f"https://x.example/receipts/{receipt}", "a002", " A002 "):
        found = desk.post("/staff/desk/find", headers=PAGE, clinic=ward.clinic, find=text).json
        assert found == {"found": [visit]}, text
    for text in (f"https://x.example/s/{'A' * 24}", "https://x.example/", "A999", "%", "x" * 299):
        assert desk.post("/staff/desk/find", headers=PAGE, clinic=ward.clinic, find=text).json == {"found": []}


# The board


def phone(ward, who, number: str) -> None:
    with ward.house.writing_session() as session:
        people.set_contact(session, session.get(Patient, who.ref), {"phone": number})


def test_the_phones_tail_stands_only_where_two_masked_names_are_the_same(doors, ward):
    for name, number in (("张三", "+8613800001111"), ("张四", "+8613800002222"), ("李小龙", "+8613800003333")):
        who = ward.person(name)
        phone(ward, who, number)
        ward.booked(who)
    page = shown_words(doors.staff(ward.desk).get("/staff/desk/").text)
    assert "1111" in page and "2222" in page and "3333" not in page


def test_a_mask_follows_what_is_on_file(ward):
    who = ward.person("张三")
    phone(ward, who, "+8613800001111")
    assert ward.look(masks.masked, [who.ref])[who.ref].phone_tail == "1111"
    phone(ward, who, "+8613800009999")
    assert ward.look(masks.masked, [who.ref, "nobody"])[who.ref].phone_tail == "9999"


def test_counts_and_lists_are_of_the_same_rows_whatever_the_filter(doors, ward):
    ward.waiting(), ward.waiting(ward.pool), ward.booked(ward.person(), ward.pool)
    with ward.house.reading_session() as session:
        skin = session.get_one(ClinicSession, ward.pool).department_id
    desk = doors.staff(ward.desk)
    for query, places in (
        ("", 3),
        (f"department={skin}", 2),
        (f"department={skin}&place=waiting", 1),
        ("place=done", 0),
    ):
        text = desk.get(f"/staff/desk/now?{query}").text
        rows = re.findall(r'<li class="ih-drow [^>]*>', text)
        assert sum(" hidden>" not in row for row in rows) == places, query
    board = board_of(ward)
    assert sum(board.counts().values()) == len(board.rows) == 3


def test_the_board_says_of_each_line_what_the_queue_says(ward):
    for n in range(6):
        ward.waiting(ward.pool if n % 2 else ward.expert)
    last = [row for row in board_of(ward).rows if row.place == "waiting"][-1]
    ward.do(queueing.grant_priority, ward.desk, last.ticket_id, "care", "with_infant", "")
    ward.do(queueing.call_next, ward.chen, ward.expert)
    said = {row.ticket_id: row.before for row in board_of(ward).rows}
    assert said == {t.id: t.before for t in ward.look(lines.tickets_in, ward.clinic)}


def test_a_wait_counts_from_check_in_and_says_that_it_is_long_in_words(doors, ward, clock):
    ward.waiting()
    for minutes, words, absent in (
        (29, "29 分钟", "等得久<"),
        (30, "等得久<", "等得很久<"),
        (60, "等得很久<", "等得久<"),
    ):
        clock.now = clock.now.replace(hour=2, minute=0) + timedelta(minutes=minutes)
        part = doors.staff(ward.desk).get("/staff/desk/now").text
        assert words in part and absent not in part


def test_time_alone_does_not_make_the_board_another_one(doors, ward, clock):
    ward.waiting()
    desk = doors.staff(ward.desk)
    tag = desk.get("/staff/desk/now").headers["ETag"]
    clock.now += timedelta(minutes=45)
    desk = doors.staff(ward.desk)  # the first sitting has locked itself by then
    assert desk.get("/staff/desk/now", headers={"If-None-Match": tag}).status_code == 304
    desk.get("/language/en")
    assert desk.get("/staff/desk/now", headers={"If-None-Match": tag}).status_code == 200


def test_a_poll_asks_no_more_questions_where_more_people_wait(ward):
    def asked() -> int:
        said: list[str] = []

        def listen(_connection, _cursor, statement, *_more):
            said.append(statement)

        board_of(ward)  # masks are made once
        with ward.house.reading_session() as session:
            event.listen(ward.house.engine, "before_cursor_execute", listen)
            try:
                boards.desk_board(session, ward.desk, ward.clinic, ward.now)
            finally:
                event.remove(ward.house.engine, "before_cursor_execute", listen)
        return len(said)

    ward.waiting(), ward.waiting(ward.pool)
    few = asked()
    for n in range(8):
        ward.waiting(ward.pool if n % 2 else ward.expert)
        ward.booked(ward.person(), ward.pool_too)
    assert asked() == few <= 8


def test_the_desks_pages_work_without_a_script(doors, ward):
    visit = ward.booked(ward.person())
    desk = doors.staff(ward.desk)
    page = desk.get("/staff/desk/").text
    assert '<noscript><meta http-equiv="refresh"' in page and f'href="/staff/desk/visits/{visit}"' in page
    opened = desk.get(f"/staff/desk/visits/{visit}").text
    assert f'action="/staff/desk/visits/{visit}/check-in"' in opened and "返回看板" in opened


def test_a_clinic_that_sets_its_own_levels_has_them_on_its_board_and_keeps_them_when_another_rule_changes(ward):
    with ward.house.writing_session() as session:
        clinic = session.get_one(Clinic, ward.clinic)
        kept = replace(clinics.rules_of(clinic), waits=WaitLevels(5, 10))
        clinic.rules = clinics.format_rules(kept)
    assert board_of(ward).levels == WaitLevels(5, 10)
    with ward.house.writing_session() as session:
        clinic = session.get_one(Clinic, ward.clinic)
        clinic.rules = clinics.format_rules(clinics.rules_of(clinic))
    assert board_of(ward).levels == WaitLevels(5, 10)
