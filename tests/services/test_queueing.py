"""The queue: whose turn it is changes by recorded acts alone, and a room has one patient at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.actor import Actor
from app.domain.calendar import hospital_day
from app.domain.errors import NotAllowed, NotFound, RoomBusy, TicketMoved
from app.models import Appointment, ClinicSession, Ticket, Visit
from app.services import checkin, lines, queueing, replaying


def numbers(ward, actor, session_id):
    return [t.ticket for t in ward.look(lines.line, actor, session_id).waiting]


def test_people_are_called_in_the_order_of_their_numbers(ward):
    for _ in range(3):
        ward.waiting()
    called = []
    for _ in range(3):
        ticket = ward.do(queueing.call_next, ward.chen, ward.expert)
        called.append(ticket.ticket)
        ward.do(queueing.start, ward.chen, ticket.id)
        ward.do(queueing.finish, ward.chen, ticket.id)
    assert called == ["A001", "A002", "A003"]


def test_nobody_waiting_is_no_call_and_no_event(ward):
    assert ward.do(queueing.call_next, ward.chen, ward.expert) is None
    assert "ticket.called" not in ward.types(None)


def test_a_room_calls_nobody_while_somebody_is_in_it(ward):
    ward.waiting(), ward.waiting()
    first = ward.do(queueing.call_next, ward.chen, ward.expert)
    with pytest.raises(RoomBusy) as busy:
        ward.do(queueing.call_next, ward.chen, ward.expert)
    assert busy.value.facts["ticket"] == first.ticket
    ward.do(queueing.start, ward.chen, first.id)
    with pytest.raises(RoomBusy):
        ward.do(queueing.call_next, ward.chen, ward.expert)


def test_two_rooms_of_a_pool_call_two_people(ward):
    ward.waiting(ward.pool), ward.waiting(ward.pool_too)
    first = ward.do(queueing.call_next, ward.lin, ward.pool)
    second = ward.do(queueing.call_next, ward.ma, ward.pool_too)
    assert (first.ticket, first.room.zh) == ("B001", "2诊室")
    assert (second.ticket, second.room.zh) == ("B002", "3诊室")


def test_an_experts_people_are_called_by_the_expert_alone(ward):
    ward.waiting(ward.pool)
    assert ward.do(queueing.call_next, ward.chen, ward.expert) is None
    with pytest.raises(NotAllowed):
        ward.do(queueing.call_next, ward.lin, ward.expert)
    with pytest.raises(NotAllowed):
        ward.do(queueing.call_next, Actor("staff", "x", "doctor", "s"), ward.pool)


def test_one_doctor_does_not_touch_anothers_called_patient(ward):
    ward.waiting(ward.pool)
    ticket = ward.do(queueing.call_next, ward.lin, ward.pool)
    for move in (queueing.start, queueing.pass_, queueing.recall):
        with pytest.raises(TicketMoved):
            ward.do(move, ward.ma, ticket.id)


def test_a_recall_counts_and_changes_nothing_else(ward):
    ward.waiting()
    ticket = ward.do(queueing.call_next, ward.chen, ward.expert)
    again = ward.do(queueing.recall, ward.chen, ticket.id)
    assert (again.state, again.calls) == ("called", 2)
    detail = ward.events(ticket.patient_ref)[-1][1]["detail"]
    assert detail == {"ticket": "A001", "room": "1诊室", "calls": 2}


def test_the_passed_wait_again_behind_the_next_three(ward):
    tickets = [ward.waiting() for _ in range(5)]
    ward.do(queueing.call_next, ward.chen, ward.expert)
    missed = ward.do(queueing.pass_, ward.chen, tickets[0])
    assert missed.state == "missed"
    assert numbers(ward, ward.chen, ward.expert) == ["A002", "A003", "A004", "A005"]
    ward.do(queueing.put_back, ward.desk, tickets[0])
    assert numbers(ward, ward.chen, ward.expert) == ["A002", "A003", "A004", "A001", "A005"]


def test_who_is_put_back_twice_into_the_same_gap_stands_behind_the_first(ward):
    tickets = [ward.waiting() for _ in range(5)]
    for ticket in tickets[:2]:
        ward.do(queueing.call_next, ward.chen, ward.expert)
        ward.do(queueing.pass_, ward.chen, ticket)
    for ticket in tickets[:2]:
        ward.do(queueing.put_back, ward.desk, ticket)
    assert numbers(ward, ward.chen, ward.expert) == ["A003", "A004", "A005", "A002", "A001"]


@pytest.mark.parametrize(("late", "counts"), [(0, True), (45, False)])
def test_a_pass_does_not_count_before_the_session_has_begun_or_while_its_clinician_is_late(ward, late, counts):
    ticket_id = ward.waiting()
    with ward.house.reading_session() as session:
        starts_at = session.get_one(ClinicSession, ward.expert).starts_at
    if late:
        minutes = int((ward.now - starts_at).total_seconds()) // 60 + late
        ward.do(queueing.say_late, ward.chen, ward.expert, minutes)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    view = ward.do(queueing.pass_, ward.chen, ticket_id)
    assert (view.state, view.passes) == ("missed", int(counts))
    detail = ward.events(view.patient_ref)[-1][1]["detail"]
    assert detail == {"ticket": "A001", "passes": int(counts), "why": None if counts else "clinician_late"}
    if not counts:
        for _ in range(3):  # so often as would otherwise have been the last time
            ward.do(queueing.put_back, ward.desk, ticket_id)
            ward.do(queueing.call_next, ward.chen, ward.expert)
            assert ward.do(queueing.pass_, ward.chen, ticket_id).state == "missed"
    with ward.house.reading_session() as session:
        assert replaying.replay_day(session, hospital_day(ward.now)).is_equal


def test_the_third_pass_is_the_last(ward):
    ticket_id = ward.waiting()
    for _ in range(2):
        ward.do(queueing.call_next, ward.chen, ward.expert)
        ward.do(queueing.pass_, ward.chen, ticket_id)
        ward.do(queueing.put_back, ward.desk, ticket_id)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    last = ward.do(queueing.pass_, ward.chen, ticket_id)
    assert (last.state, last.passes) == ("no_show", 3)
    with pytest.raises(TicketMoved):
        ward.do(queueing.put_back, ward.desk, ticket_id)
    with ward.house.reading_session() as session:
        assert session.get(Appointment, last.appointment_id).state == "no_show"
    assert ward.types(last.patient_ref)[-1] == "ticket.no_show"


def test_a_visit_begins_once_and_ends_once(ward):
    ward.waiting()
    ticket = ward.do(queueing.call_next, ward.chen, ward.expert)
    visit_id = ward.do(queueing.start, ward.chen, ticket.id)
    assert ward.do(queueing.start, ward.chen, ticket.id) == visit_id
    assert ward.do(queueing.finish, ward.chen, ticket.id) == visit_id
    assert ward.do(queueing.finish, ward.chen, ticket.id) == visit_id
    with ward.house.reading_session() as session:
        visit, row = session.get(Visit, visit_id), session.get(Ticket, ticket.id)
        appointment = session.get(Appointment, ticket.appointment_id)
        assert (visit.state, row.state, appointment.state) == ("finished", "done", "completed")
    assert ward.types(ticket.patient_ref)[-3:] == ["ticket.called", "visit.started", "visit.finished"]


def test_a_visit_that_was_not_begun_cannot_end(ward):
    ward.waiting()
    ticket = ward.do(queueing.call_next, ward.chen, ward.expert)
    with pytest.raises(TicketMoved):
        ward.do(queueing.finish, ward.chen, ticket.id)


def test_a_position_counts_who_is_before_and_says_who_is_in(ward):
    ward.waiting()
    who = ward.person()
    ward.waiting()
    ticket_id = ward.waiting(who=who)
    assert ward.look(lines.position, who.actor, ticket_id).before == 2
    ward.do(queueing.call_next, ward.chen, ward.expert)
    placed = ward.look(lines.position, who.actor, ticket_id)
    assert (placed.before, placed.now_calling, placed.room.zh) == (1, ("A001",), "1诊室")


def test_nobody_sees_the_position_of_another_account(ward):
    ticket_id = ward.waiting()
    with pytest.raises(NotFound):
        ward.look(lines.position, ward.person().actor, ticket_id)


def test_every_active_ticket_of_an_account_is_listed_the_called_first(ward):
    who = ward.person()
    early = ward.waiting(ward.pool)
    mine = ward.waiting(who=who)
    also_mine = ward.waiting(ward.pool, who=who)
    assert [t.id for t in ward.look(lines.tickets_of, who.actor)] == [mine, also_mine]
    ward.do(queueing.call_next, ward.lin, ward.pool)
    ward.do(queueing.pass_, ward.lin, early)
    ward.do(queueing.call_next, ward.lin, ward.pool)
    assert [t.id for t in ward.look(lines.tickets_of, who.actor)] == [also_mine, mine]


def test_what_a_doctor_forgot_days_ago_does_not_keep_the_room(ward):
    ward.waiting()
    old = ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.do(queueing.start, ward.chen, old.id)
    ward.clock.now += timedelta(days=3)
    today = ward.plan_again()
    ward.waiting(today)
    called = ward.do(queueing.call_next, ward.chen, today)
    assert called.ticket == "A001"
    assert ward.types(old.patient_ref)[-1] == "visit.finished"
    assert ward.events(old.patient_ref)[-1][1]["actor"]["kind"] == "system"


def test_a_board_is_recorded_once_a_sign_in(ward):
    for _ in range(2):
        ward.do(queueing.record_board, ward.desk, "desk", ward.clinic)
    ward.do(queueing.record_board, Actor("staff", ward.desk.ref, "desk", "another"), "desk", ward.clinic)
    assert ward.types(None).count("board.opened") == 2


def test_the_desk_calls_for_a_room_and_checks_in_for_its_own_clinic_alone(ward):
    appointment = ward.booked(ward.person())
    stranger = Actor("staff", "z", "desk", "s", frozenset({"elsewhere"}))
    with pytest.raises(NotAllowed):
        ward.do(checkin.check_in_at_desk, stranger, appointment)
