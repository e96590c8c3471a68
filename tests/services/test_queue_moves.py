"""What else happens in a queue: classes, tests and back, leaving, other rooms, taking back; each with its event."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.actor import SYSTEM, Actor
from app.domain.calendar import hospital_day
from app.domain.checkin import Presence, Way, WayNotUsed, WindowRule, format_window
from app.domain.errors import AlreadyBooked, NotAllowed, NotFound, PresenceNeeded, TicketMoved
from app.domain.priorities import NoPriority, PriorityNotDue, PriorityNoteMissing, PriorityUnknown
from app.domain.queueing import CannotUndo, LateUnreadable, MoveElsewhere, MoveNowhere
from app.models import Appointment, ClinicSession, Department, PriorityGrant, Visit
from app.services import lines, planning, queueing, replaying


def numbers(ward, actor, session_id):
    return [t.ticket for t in ward.look(lines.line, actor, session_id).waiting]


def last(ward, view):
    kind, own = ward.events(view.patient_ref)[-1]
    return kind, own["detail"]


def see(ward, doctor, session_id):
    """Let a doctor call the next one and begin; return the ticket."""
    ticket = ward.do(queueing.call_next, doctor, session_id)
    ward.do(queueing.start, doctor, ticket.id)
    return ticket


def second_room(ward):
    """Return a session of doctor Lin's own people in doctor Chen's department."""
    hours = ward.now - timedelta(hours=1), ward.now + timedelta(hours=2)
    room = ward.do(planning.create_room, SYSTEM, ward.clinic, "8诊室", "Room 8")
    return ward.do(
        planning.plan_session, SYSTEM, ward.clinic, ward.department, ward.lin.ref, room, *hours, 10, "expert"
    )


# Classes


def test_a_class_brings_forward_and_says_who_gave_it_and_why(ward):
    tickets = [ward.waiting() for _ in range(4)]
    view = ward.do(queueing.grant_priority, ward.desk, tickets[3], "soldier", "document_seen", "")
    assert (view.priority, view.marks, view.before) == ("soldier", ("soldier",), 0)
    assert numbers(ward, ward.chen, ward.expert) == ["A004", "A001", "A002", "A003"]
    assert last(ward, view) == (
        "ticket.priority_granted",
        {"ticket": "A004", "priority": "soldier", "reason": "document_seen"},
    )
    with ward.house.reading_session() as session:
        grant = session.query(PriorityGrant).one()
        assert (grant.granted_by, grant.priority, grant.ended_at) == (ward.desk.ref, "soldier", None)


def test_a_note_is_sealed_and_in_no_event(ward):
    ticket = ward.waiting()
    view = ward.do(queueing.grant_priority, ward.desk, ticket, "care", "other", "带着双胞胎婴儿")
    assert "双胞胎" not in str(ward.events(view.patient_ref))
    with ward.house.reading_session() as session:
        assert "双胞胎".encode() not in session.query(PriorityGrant).one().sealed


@pytest.mark.parametrize(
    ("code", "reason", "note", "refusal"),
    [
        ("vip", "document_seen", "", PriorityUnknown),
        ("returning", "back_from_tests", "", PriorityUnknown),
        ("elder", "triage", "", PriorityUnknown),
        ("care", "other", "  ", PriorityNoteMissing),
        ("elder", "document_seen", "", PriorityNotDue),
        ("child", "document_seen", "", PriorityNotDue),
    ],
)
def test_a_class_needs_its_ground(ward, code, reason, note, refusal):
    ticket = ward.waiting()
    with pytest.raises(refusal):
        ward.do(queueing.grant_priority, ward.desk, ticket, code, reason, note)


def test_the_same_class_again_records_nothing_and_another_takes_its_place(ward):
    ticket = ward.waiting()
    for _ in range(2):
        view = ward.do(queueing.grant_priority, ward.desk, ticket, "soldier", "document_seen", "")
    assert ward.types(view.patient_ref).count("ticket.priority_granted") == 1
    view = ward.do(queueing.grant_priority, ward.chen, ticket, "emergency", "doctor_asked", "")
    assert view.priority == "emergency"
    with ward.house.reading_session() as session:
        assert {g.priority: g.ended_at is None for g in session.query(PriorityGrant)} == {
            "soldier": False,
            "emergency": True,
        }


def test_a_class_can_be_taken_away_once(ward):
    first, second = ward.waiting(), ward.waiting()
    ward.do(queueing.grant_priority, ward.desk, second, "soldier", "document_seen", "")
    view = ward.do(queueing.withdraw_priority, ward.desk, second)
    assert (view.priority, numbers(ward, ward.chen, ward.expert)) == (None, ["A001", "A002"])
    with pytest.raises(NoPriority):
        ward.do(queueing.withdraw_priority, ward.desk, first)


def test_who_does_not_wait_gets_no_class(ward):
    ward.waiting()
    ticket = ward.do(queueing.call_next, ward.chen, ward.expert)
    with pytest.raises(TicketMoved):
        ward.do(queueing.grant_priority, ward.desk, ticket.id, "soldier", "document_seen", "")


def test_another_clinics_desk_and_another_doctor_change_nothing(ward):
    ticket = ward.waiting()
    stranger = Actor("staff", "z", "desk", "s", frozenset({"elsewhere"}))
    for actor in (stranger, ward.lin):
        for verb, more in (
            (queueing.grant_priority, ("soldier", "document_seen", "")),
            (queueing.withdraw_priority, ()),
            (queueing.leave, ()),
            (queueing.move, (ward.pool,)),
            (queueing.undo, ()),
            (queueing.back_from_tests, ()),
        ):
            with pytest.raises(NotAllowed):
                ward.do(verb, actor, ticket, *more)


def test_the_overtaken_reads_who_came_in_before_by_class_and_by_nothing_else(ward):
    tickets = [ward.waiting() for _ in range(6)]
    ward.do(queueing.grant_priority, ward.desk, tickets[4], "soldier", "document_seen", "")
    ward.do(queueing.grant_priority, ward.desk, tickets[5], "emergency", "triage", "")
    for _ in range(2):
        ward.do(queueing.finish, ward.chen, see(ward, ward.chen, ward.expert).id)
    who = ward.people[0]
    seen = ward.look(lines.position, who.actor, tickets[0])
    assert seen.overtaken == (("emergency", 1), ("soldier", 1))
    later = ward.waiting()
    assert ward.look(lines.ticket, later).overtaken == ()


def test_at_most_one_of_three_calls_goes_out_of_turn(ward):
    tickets = [ward.waiting() for _ in range(8)]
    for ticket in tickets[4:]:
        ward.do(queueing.grant_priority, ward.desk, ticket, "soldier", "document_seen", "")
    planned = numbers(ward, ward.chen, ward.expert)
    called = []
    for _ in tickets:
        ticket = see(ward, ward.chen, ward.expert)
        called.append(ticket.ticket)
        ward.do(queueing.finish, ward.chen, ticket.id)
    assert called == ["A005", "A001", "A002", "A006", "A003", "A004", "A007", "A008"]
    assert planned == called


# Tests and back


def test_who_is_sent_to_tests_frees_the_room_and_comes_back_with_the_same_number(ward):
    ward.waiting(), ward.waiting(), ward.waiting()
    first = see(ward, ward.chen, ward.expert)
    away = ward.do(queueing.send_to_tests, ward.chen, first.id)
    assert (away.state, last(ward, away)[0]) == ("away", "ticket.away")
    assert [t.ticket for t in ward.look(lines.line, ward.chen, ward.expert).away] == ["A001"]
    ward.do(queueing.finish, ward.chen, see(ward, ward.chen, ward.expert).id)
    back = ward.do(queueing.back_from_tests, ward.desk, first.id)
    assert (back.state, back.ticket, back.marks, back.before) == ("waiting", "A001", ("returning",), 0)
    again = ward.do(queueing.call_next, ward.chen, ward.expert)
    assert again.id == first.id
    visit = ward.do(queueing.start, ward.chen, first.id)
    assert ward.types(first.patient_ref)[-1] == "visit.resumed"
    assert ward.do(queueing.finish, ward.chen, first.id) == visit
    with ward.house.reading_session() as session:
        assert session.query(Visit).filter_by(patient_ref=first.patient_ref).count() == 1


def away(ward, who):
    ticket = ward.waiting(who=who)
    see(ward, ward.chen, ward.expert)
    ward.do(queueing.send_to_tests, ward.chen, ticket)
    return ticket


def test_a_patient_who_is_there_says_to_be_back_once(ward):
    who = ward.person()
    ticket = away(ward, who)
    ward.waiting()
    view = ward.do(queueing.back_from_tests, who.actor, ticket, presence=ward.presence)
    assert (view.ticket, view.state, view.priority, view.before) == ("A001", "waiting", "returning", 0)
    assert last(ward, view) == ("ticket.returned", {"ticket": "A001"})
    told = len(ward.events(who.ref))
    assert ward.do(queueing.back_from_tests, who.actor, ticket, presence=ward.presence) == view
    assert len(ward.events(who.ref)) == told


def test_nobody_is_back_from_home_or_by_a_way_that_the_department_does_not_take(ward):
    who = ward.person()
    ticket = away(ward, who)
    for shown in (None, Presence("elsewhere", ward.now), Presence(ward.clinic, ward.now - timedelta(minutes=10))):
        with pytest.raises(PresenceNeeded):
            ward.do(queueing.back_from_tests, who.actor, ticket, presence=shown)
    with ward.house.writing_session() as session:
        only_screen = format_window(WindowRule(ways=frozenset({Way.VENUE})))
        session.get_one(Department, ward.department).check_in = only_screen
    with pytest.raises(WayNotUsed):
        ward.do(queueing.back_from_tests, who.actor, ticket, presence=Presence(ward.clinic, ward.now, Way.PLACE, 50))
    assert lines_state(ward, ticket) == "away"


def test_nobody_is_back_for_another_account_or_days_later_or_without_having_been_away(ward):
    who = ward.person()
    ticket = away(ward, who)
    with pytest.raises(NotFound):
        ward.do(queueing.back_from_tests, ward.person().actor, ticket, presence=ward.presence)
    ward.clock.now += lines.ACTIVE_FOR
    with pytest.raises(TicketMoved):
        ward.do(queueing.back_from_tests, who.actor, ticket, presence=ward.presence)
    assert lines_state(ward, ticket) == "away"


def lines_state(ward, ticket_id):
    return ward.look(lines.ticket, ticket_id).state


def test_many_who_are_back_do_not_hold_up_those_who_wait(ward):
    for _ in range(6):
        ward.waiting()
    gone = []
    for _ in range(3):
        ticket = see(ward, ward.chen, ward.expert)
        ward.do(queueing.send_to_tests, ward.chen, ticket.id)
        gone.append(ticket.id)
    for ticket_id in gone:
        ward.do(queueing.back_from_tests, ward.desk, ticket_id)
    assert numbers(ward, ward.chen, ward.expert) == ["A001", "A004", "A005", "A002", "A006", "A003"]


def test_who_is_back_and_never_comes_has_left_and_is_no_no_show(ward):
    ward.waiting()
    ticket = see(ward, ward.chen, ward.expert)
    ward.do(queueing.send_to_tests, ward.chen, ticket.id)
    ward.do(queueing.back_from_tests, ward.desk, ticket.id)
    for count in range(3):
        ward.do(queueing.call_next, ward.chen, ward.expert)
        gone = ward.do(queueing.pass_, ward.chen, ticket.id)
        if count < 2:
            ward.do(queueing.put_back, ward.desk, ticket.id)
    assert (gone.state, last(ward, gone)) == ("left", ("ticket.left", {"ticket": "A001", "by": "passes"}))
    with ward.house.reading_session() as session:
        assert session.get(Appointment, ticket.appointment_id).state == "completed"
        assert session.query(Visit).one().state == "finished"
    with pytest.raises(CannotUndo):
        ward.do(queueing.undo, ward.desk, ticket.id)


# Leaving


def test_a_patient_leaves_and_leaving_again_is_no_harm(ward):
    who = ward.person()
    ticket = ward.waiting(who=who)
    for _ in range(2):
        gone = ward.do(queueing.leave, who.actor, ticket)
    assert gone.state == "left"
    assert ward.types(who.ref).count("ticket.left") == 1
    assert last(ward, gone) == ("ticket.left", {"ticket": "A001", "by": "patient"})
    with ward.house.reading_session() as session:
        row = session.get(Appointment, gone.appointment_id)
        assert (row.state, row.cancelled_by, row.cancelled_at) == ("cancelled", "patient", ward.now)
    assert ward.look(lines.tickets_of, who.actor) == []


def test_nobody_leaves_for_another_account(ward):
    ticket = ward.waiting()
    with pytest.raises(NotFound):
        ward.do(queueing.leave, ward.person().actor, ticket)


def test_who_is_being_seen_does_not_leave_and_who_is_called_may(ward):
    ward.waiting(), ward.waiting()
    first = see(ward, ward.chen, ward.expert)
    with pytest.raises(TicketMoved):
        ward.do(queueing.leave, ward.desk, first.id)
    ward.do(queueing.finish, ward.chen, first.id)
    called = ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.do(queueing.leave, ward.desk, called.id)
    assert ward.do(queueing.call_next, ward.chen, ward.expert) is None


def test_who_does_not_come_back_from_tests_ends_the_visit(ward):
    ward.waiting()
    ticket = see(ward, ward.chen, ward.expert)
    ward.do(queueing.send_to_tests, ward.chen, ticket.id)
    ward.do(queueing.leave, ward.desk, ticket.id)
    with ward.house.reading_session() as session:
        assert session.get(Appointment, ticket.appointment_id).state == "completed"
        assert session.query(Visit).one().finished_at == ward.now


# Other rooms


def test_another_room_of_the_queue_takes_over_with_the_same_number(ward):
    to = second_room(ward)
    ward.waiting()
    ticket = ward.waiting()
    moved = ward.do(queueing.move, ward.desk, ticket, to)
    assert (moved.ticket, moved.room.zh, moved.moved_from.zh, moved.clinician_ref) == (
        "A002", "8诊室", "1诊室", ward.lin.ref,
    )  # fmt: skip
    assert last(ward, moved) == ("ticket.moved", {"ticket": "A002", "room": "8诊室", "from": "1诊室"})
    assert numbers(ward, ward.chen, ward.expert) == ["A001"]
    assert ward.do(queueing.call_next, ward.lin, to).ticket == "A002"


def test_the_first_room_stays_the_origin_of_a_ticket_moved_twice(ward):
    to = second_room(ward)
    ticket = ward.waiting()
    ward.do(queueing.move, ward.desk, ticket, to)
    back = ward.do(queueing.move, ward.desk, ticket, ward.expert)
    assert (back.room.zh, back.moved_from.zh) == ("1诊室", "1诊室")


def test_a_ticket_moves_within_its_queue_to_a_line_that_goes_on(ward):
    ticket = ward.waiting()
    with pytest.raises(MoveElsewhere):
        ward.do(queueing.move, ward.desk, ticket, ward.pool)
    with pytest.raises(MoveNowhere):
        ward.do(queueing.move, ward.desk, ticket, ward.expert)
    to = second_room(ward)
    with ward.house.writing_session() as session:
        session.get_one(ClinicSession, to).stopped_at = ward.now
        session.get_one(ClinicSession, to).stop_reason = "ill"
    with pytest.raises(MoveNowhere):
        ward.do(queueing.move, ward.desk, ticket, to)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    with pytest.raises(TicketMoved):
        ward.do(queueing.move, ward.desk, ticket, second_room(ward))


def test_whoever_accepts_an_offer_is_moved_as_themselves(ward):
    who = ward.person()
    ticket = ward.waiting(who=who)
    to = second_room(ward)
    assert ward.do(queueing.move_by_consent, who.actor, ticket, to).clinician_ref == ward.lin.ref
    with pytest.raises(NotFound):
        ward.do(queueing.move_by_consent, ward.person().actor, ticket, ward.expert)


# Another department


def test_another_department_goes_on_with_a_number_of_its_own(ward):
    who = ward.person()
    ward.waiting(ward.pool)
    ticket = ward.waiting(who=who)
    new = ward.do(queueing.transfer, ward.desk, ticket, ward.pool)
    assert (new.ticket, new.origin, new.state, new.before) == ("B002", "A001", "waiting", 1)
    assert ward.look(lines.ticket, ticket).state == "transferred"
    assert last(ward, new) == ("ticket.transferred", {"ticket": "A001", "to": "B002"})
    assert [t.ticket for t in ward.look(lines.tickets_of, who.actor)] == ["B002"]
    with ward.house.reading_session() as session:
        states = {
            a.slot_id is None: (a.state, a.cancelled_by)
            for a in session.query(Appointment).filter_by(patient_ref=who.ref)
        }
        assert states == {False: ("cancelled", "clinic"), True: ("checked_in", None)}
        assert replaying.replay_day(session, hospital_day(ward.now)).is_equal
    with pytest.raises(CannotUndo):
        ward.do(queueing.undo, ward.desk, ticket)


def test_who_is_transferred_and_back_gets_a_new_number_each_time(ward):
    ticket = ward.waiting()
    there = ward.do(queueing.transfer, ward.desk, ticket, ward.pool)
    back = ward.do(queueing.transfer, ward.desk, there.id, ward.expert)
    assert (there.ticket, back.ticket, back.origin) == ("B001", "A002", "B001")
    with ward.house.reading_session() as session:
        assert replaying.replay_day(session, hospital_day(ward.now)).is_equal


def test_a_transfer_goes_to_another_queue_of_the_clinics_day_and_only_from_the_line(ward):
    who = ward.person()
    ticket = ward.waiting(who=who)
    with pytest.raises(MoveNowhere):
        ward.do(queueing.transfer, ward.desk, ticket, ward.expert)
    with pytest.raises(NotAllowed):
        ward.do(queueing.transfer, ward.chen, ticket, ward.pool)
    beside = ward.look(queueing.departments_beside, ward.look(lines.ticket, ticket))
    assert {view.id for view in beside} == {ward.pool, ward.pool_too}
    ward.booked(who, ward.pool)
    with pytest.raises(AlreadyBooked):
        ward.do(queueing.transfer, ward.desk, ticket, ward.pool)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    with pytest.raises(TicketMoved):
        ward.do(queueing.transfer, ward.desk, ticket, ward.pool)


# Late


def test_how_late_a_clinician_is_stands_on_each_ticket(ward):
    ticket = ward.waiting()
    ward.do(queueing.say_late, ward.chen, ward.expert, 20)
    ward.do(queueing.say_late, ward.chen, ward.expert, 20)
    assert ward.look(lines.ticket, ticket).late_minutes == 20
    assert ward.look(lines.line, ward.chen, ward.expert).late_minutes == 20
    said = [own["detail"] for kind, own in ward.events(None) if kind == "session.late"]
    assert said == [{"minutes": 20, "room": "1诊室"}]
    ward.do(queueing.say_late, ward.desk, ward.expert, 0)
    assert ward.look(lines.ticket, ticket).late_minutes == 0


def test_nobody_says_it_of_another_doctor_and_not_for_half_a_day(ward):
    with pytest.raises(NotAllowed):
        ward.do(queueing.say_late, ward.lin, ward.pool_too, 10)
    for minutes in (-1, 241):
        with pytest.raises(LateUnreadable):
            ward.do(queueing.say_late, ward.chen, ward.expert, minutes)
