"""Taking back the last move of a ticket: once, what it changed around it too, and never what was with a doctor."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.errors import RoomBusy, TicketMoved
from app.domain.queueing import CannotUndo
from app.models import Appointment, PriorityGrant, Slot, Ticket
from app.services import lines, queueing
from tests.services.test_queue_moves import last, numbers, second_room, see


def state(ward, ticket_id):
    """Return everything that says where a ticket stands, without its version."""
    with ward.house.reading_session() as session:
        row = session.get_one(Ticket, ticket_id)
        names = (
            "state", "order_key", "room_id", "called_by", "called_at", "calls", "passes", "returns", "priority", "turn",
            "queued_at", "moved_from", "session_id", "clinician_ref", "number",
        )  # fmt: skip
        appointment = session.get_one(Appointment, row.appointment_id)
        return [getattr(row, n) for n in names] + [appointment.state, appointment.cancelled_at]


def call(ward, ticket):
    ward.do(queueing.call_next, ward.chen, ward.expert)


def pass_once(ward, ticket):
    call(ward, ticket)
    ward.do(queueing.pass_, ward.chen, ticket)


def away(ward, ticket):
    call(ward, ticket)
    ward.do(queueing.start, ward.chen, ticket)
    ward.do(queueing.send_to_tests, ward.chen, ticket)


MOVES = {
    "call": (lambda w, t: None, lambda w, t: call(w, t)),
    "pass": (call, lambda w, t: w.do(queueing.pass_, w.chen, t)),
    "third pass": (
        lambda w, t: [(pass_once(w, t), w.do(queueing.put_back, w.desk, t)) for _ in range(2)] and call(w, t),
        lambda w, t: w.do(queueing.pass_, w.chen, t),
    ),
    "put back": (pass_once, lambda w, t: w.do(queueing.put_back, w.desk, t)),
    "to tests": (
        lambda w, t: (call(w, t), w.do(queueing.start, w.chen, t)),
        lambda w, t: w.do(queueing.send_to_tests, w.chen, t),
    ),
    "back": (away, lambda w, t: w.do(queueing.back_from_tests, w.desk, t)),
    "leave": (lambda w, t: None, lambda w, t: w.do(queueing.leave, w.desk, t)),
    "leave when missed": (pass_once, lambda w, t: w.do(queueing.leave, w.people[0].actor, t)),
    "grant": (
        lambda w, t: None,
        lambda w, t: w.do(queueing.grant_priority, w.desk, t, "soldier", "document_seen", ""),
    ),
    "withdraw": (
        lambda w, t: w.do(queueing.grant_priority, w.desk, t, "soldier", "document_seen", ""),
        lambda w, t: w.do(queueing.withdraw_priority, w.desk, t),
    ),
    "move": (lambda w, t: None, lambda w, t: w.do(queueing.move, w.desk, t, second_room(w))),
}


@pytest.mark.parametrize("name", MOVES)
def test_taking_back_a_move_restores_the_ticket_once_and_is_an_event(ward, name):
    before_it, it = MOVES[name]
    ticket = ward.waiting()
    before_it(ward, ticket)
    before = state(ward, ticket)
    ward.clock.now += timedelta(seconds=5)
    it(ward, ticket)
    assert state(ward, ticket) != before
    act = ward.look(lines.ticket, ticket).undoable
    view = ward.do(queueing.undo, ward.desk, ticket)
    assert state(ward, ticket) == before
    assert last(ward, view) == ("ticket.undone", {"ticket": "A001", "undone": act})
    assert view.undoable is None
    with pytest.raises(CannotUndo) as refused:
        ward.do(queueing.undo, ward.desk, ticket)
    assert refused.value.facts == {"act": ""}


def test_a_call_that_was_taken_back_never_counted_for_the_cap(ward):
    tickets = [ward.waiting() for _ in range(3)]
    for ticket in tickets[1:]:
        ward.do(queueing.grant_priority, ward.desk, ticket, "soldier", "document_seen", "")
    before = numbers(ward, ward.chen, ward.expert)
    called = ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.do(queueing.undo, ward.chen, called.id)
    assert numbers(ward, ward.chen, ward.expert) == before == ["A002", "A001", "A003"]


def test_a_granted_class_taken_back_gives_the_earlier_one_again(ward):
    ticket = ward.waiting()
    ward.do(queueing.grant_priority, ward.desk, ticket, "soldier", "document_seen", "")
    ward.do(queueing.grant_priority, ward.desk, ticket, "emergency", "triage", "")
    assert ward.do(queueing.undo, ward.desk, ticket).priority == "soldier"
    with ward.house.reading_session() as session:
        assert {g.priority: g.ended_at is None for g in session.query(PriorityGrant)} == {
            "soldier": True,
            "emergency": False,
        }


def test_what_was_with_the_doctor_cannot_be_taken_back(ward):
    ward.waiting()
    ticket = see(ward, ward.chen, ward.expert)
    for _ in range(2):
        with pytest.raises(CannotUndo):
            ward.do(queueing.undo, ward.chen, ticket.id)
        ward.do(queueing.finish, ward.chen, ticket.id)


def test_nothing_is_taken_back_into_a_room_with_somebody_in_it(ward):
    first = ward.waiting()
    ward.waiting()
    pass_once(ward, first)
    second = ward.do(queueing.call_next, ward.chen, ward.expert)
    with pytest.raises(RoomBusy) as busy:
        ward.do(queueing.undo, ward.chen, first)
    assert busy.value.facts["ticket"] == second.ticket


def test_a_doctor_takes_back_the_calls_of_the_own_room_alone(ward):
    ward.waiting(ward.pool)
    ticket = ward.do(queueing.call_next, ward.lin, ward.pool)
    with pytest.raises(TicketMoved):
        ward.do(queueing.undo, ward.ma, ticket.id)
    assert ward.do(queueing.undo, ward.lin, ticket.id).state == "waiting"


def test_a_slot_that_somebody_else_has_by_now_is_not_taken_back(ward):
    who = ward.person()
    ticket = ward.waiting(who=who)
    gone = ward.do(queueing.leave, who.actor, ticket)
    with ward.house.writing_session() as session:
        slot = session.get_one(Slot, session.get_one(Appointment, gone.appointment_id).slot_id)
        slot.free_from = None
    ward.booked(ward.person(), slot_id=slot.id)
    with pytest.raises(CannotUndo):
        ward.do(queueing.undo, ward.desk, ticket)
