"""A day made through the services replays to itself; whatever is changed past them is found and named."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.domain.actor import SYSTEM
from app.domain.calendar import hospital_day
from app.services import lines, planning, queueing, replaying


def replayed(ward, day_on=None, clinic=None):
    with ward.house.reading_session() as session:
        return replaying.replay_day(session, day_on or hospital_day(ward.now), clinic)


def a_day(ward):
    """Let a day happen in which everything happens that can happen to a ticket; return the tickets of the expert's line."""

    def do(verb, *arguments):
        ward.clock.now += timedelta(seconds=7)
        return ward.do(verb, *arguments)

    def see(ticket_id):
        do(queueing.start, ward.chen, ticket_id)
        do(queueing.finish, ward.chen, ticket_id)

    hours = ward.now - timedelta(hours=1), ward.now + timedelta(hours=2)
    room = ward.do(planning.create_room, SYSTEM, ward.clinic, "8诊室", "Room 8")
    beside = ward.do(
        planning.plan_session, SYSTEM, ward.clinic, ward.department, ward.lin.ref, room, *hours, 10, "expert"
    )
    t = [ward.waiting() for _ in range(9)]
    pool = [ward.waiting(ward.pool) for _ in range(2)]
    do(queueing.grant_priority, ward.desk, t[6], "soldier", "document_seen", "")
    do(queueing.grant_priority, ward.desk, t[7], "care", "with_infant", "")
    see(do(queueing.call_next, ward.chen, ward.expert).id)  # A007, before the turn
    called = do(queueing.call_next, ward.chen, ward.expert)  # A001
    do(queueing.recall, ward.chen, called.id)
    do(queueing.pass_, ward.chen, called.id)
    do(queueing.undo, ward.chen, called.id)
    do(queueing.pass_, ward.chen, called.id)
    do(queueing.put_back, ward.desk, called.id)
    gone = do(queueing.call_next, ward.chen, ward.expert)  # A002
    do(queueing.start, ward.chen, gone.id)
    do(queueing.send_to_tests, ward.chen, gone.id)
    do(queueing.undo, ward.chen, do(queueing.call_next, ward.chen, ward.expert).id)
    do(queueing.back_from_tests, ward.desk, gone.id)
    do(queueing.move, ward.desk, t[3], beside)
    do(queueing.move, ward.desk, t[4], beside)
    do(queueing.undo, ward.desk, t[4])
    do(queueing.leave, ward.people[5].actor, t[5])
    do(queueing.grant_priority, ward.chen, t[8], "emergency", "doctor_asked", "")
    for _ in range(3):
        see(do(queueing.call_next, ward.chen, ward.expert).id)
    do(queueing.withdraw_priority, ward.desk, t[7]) if ward.look(lines.ticket, t[7]).state == "waiting" else None
    do(queueing.call_next, ward.lin, beside)
    do(queueing.pass_, ward.lin, t[3])
    for _ in range(2):
        do(queueing.put_back, ward.desk, t[3])
        do(queueing.call_next, ward.lin, beside)
        do(queueing.pass_, ward.lin, t[3])
    do(queueing.call_next, ward.ma, ward.pool_too)
    do(queueing.call_next, ward.desk, ward.pool)
    return t + pool


def test_a_day_with_everything_in_it_replays_to_itself(ward):
    a_day(ward)
    found = replayed(ward)
    assert [(q.letter, q.tickets, q.first) for q in found.queues] == [("A", 9, ""), ("B", 2, "")]
    assert found.queues[0].calls == 10
    assert found.is_equal
    later = ward.now
    ward.clock.now += timedelta(days=30)
    assert replayed(ward, hospital_day(later)) == found


def test_a_clinic_is_replayed_alone(ward):
    a_day(ward)
    elsewhere = ward.do(planning.create_clinic, SYSTEM, "东院", "East")
    assert replayed(ward, clinic=ward.clinic).is_equal
    assert replayed(ward, clinic=elsewhere).queues == ()


def test_what_a_doctor_forgot_ends_days_later_and_still_replays(ward):
    ward.waiting()
    day_on = hospital_day(ward.now)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.clock.now += timedelta(days=3)
    today = ward.plan_again()
    ward.waiting(today)
    ward.do(queueing.call_next, ward.chen, today)
    assert replayed(ward, day_on).is_equal
    assert replayed(ward).is_equal


TAMPERED = {
    "order_key": "UPDATE ticket SET order_key = 1 WHERE id = :id",
    "passes": "UPDATE ticket SET passes = 0 WHERE id = :id",
    "called_at": "UPDATE ticket SET called_at = called_at - 60000 WHERE id = :id",
    "state": "UPDATE ticket SET state = 'done' WHERE id = :id",
    "priority": "UPDATE ticket SET priority = 'soldier' WHERE id = :id",
    "turn": "UPDATE ticket SET turn = 'favoured' WHERE id = :id",
    "row is not the one": "UPDATE ticket SET room_id = NULL WHERE id = :id",
    "move is not the one": "UPDATE ticket_move SET moved_at = moved_at + 1 WHERE ticket_id = :id AND kind = 'move'",
    "last calls of a line": "UPDATE queue_line SET recent = '[]' WHERE clinician_ref = (SELECT called_by FROM ticket WHERE id = :id)",
    "calls of a line": "UPDATE queue_line SET calls = calls + 1 WHERE clinician_ref = (SELECT called_by FROM ticket WHERE id = :id)",
}


def test_who_came_before_midnight_to_a_session_after_it_replays_on_its_day(ward):
    ward.clock.now = ward.now.replace(hour=15, minute=45)  # 23:45 in Shanghai
    hours = ward.now + timedelta(minutes=25), ward.now + timedelta(hours=2)
    room = ward.do(planning.create_room, SYSTEM, ward.clinic, "9诊室", "Room 9")
    tonight = ward.do(
        planning.plan_session, SYSTEM, ward.clinic, ward.department, ward.chen.ref, room, *hours, 10, "expert"
    )
    first, second = ward.waiting(tonight), ward.waiting(tonight)
    assert ward.do(queueing.call_next, ward.chen, tonight).id == first
    ward.clock.now += timedelta(minutes=30)
    for verb in (queueing.start, queueing.finish):
        ward.do(verb, ward.chen, first)
    assert ward.do(queueing.call_next, ward.chen, tonight).id == second
    found = replayed(ward)
    assert found.is_equal, found
    assert [(queue.tickets, queue.calls) for queue in found.queues if queue.tickets] == [(2, 2)]


@pytest.mark.parametrize("what", TAMPERED)
def test_a_row_that_was_changed_past_the_services_is_named(ward, what):
    ticket = a_day(ward)[3]  # A004: passed three times in another room
    assert replayed(ward).is_equal
    with ward.house.writing_session() as session:
        changed = session.execute(text(TAMPERED[what]), {"id": ticket})
        assert changed.rowcount == 1
    found = replayed(ward)
    assert not found.is_equal
    assert what in found.queues[0].first
    assert "A004" in found.queues[0].first or "line" in what
    assert found.queues[1].first == ""


def test_calls_made_in_another_order_are_named(ward):
    """Two people called in the order of their events' serials: exchanged there, the replay calls the other one first."""
    ward.waiting(), ward.waiting()
    for _ in range(2):
        ticket = ward.do(queueing.call_next, ward.chen, ward.expert)
        ward.do(queueing.start, ward.chen, ticket.id)
        ward.do(queueing.finish, ward.chen, ticket.id)
    assert replayed(ward).is_equal
    with ward.house.writing_session() as session:
        called = [
            row.serial
            for row in session.execute(text("SELECT serial FROM event WHERE type = 'ticket.called' ORDER BY serial"))
        ]
        for old, new in ((called[0], -1), (called[1], called[0]), (-1, called[1])):
            session.execute(text("UPDATE event SET serial = :new WHERE serial = :old"), {"old": old, "new": new})
    assert replayed(ward).queues[0].first == "A002: call is A002, the replay finds A001"


def test_a_ticket_that_was_taken_away_is_a_stray(ward):
    ward.waiting(), ward.waiting()
    with ward.house.writing_session() as session:
        session.execute(text("DELETE FROM ticket WHERE number = 2"))
    found = replayed(ward)
    assert found.strays == ("appointment.checked_in A002",)
    assert not found.is_equal


def test_the_command_says_each_queue_and_fails_where_one_differs(ward, app):
    ticket = a_day(ward)[0]
    run = app.test_cli_runner().invoke(args=["queue-replay", "2026-03-02"])
    assert run.output.splitlines() == [
        "A 心内科: 9 tickets, 10 calls, order equals",
        "B 皮肤科: 2 tickets, 2 calls, order equals",
    ]
    assert run.exit_code == 0
    with ward.house.writing_session() as session:
        session.execute(text("UPDATE ticket SET passes = 2 WHERE id = :id"), {"id": ticket})
    run = app.test_cli_runner().invoke(args=["queue-replay", "2026-03-02", "--clinic", ward.clinic])
    assert run.exit_code == 1
    assert "DIFFERS: A001: passes is 2, the replay finds 1" in run.output
    assert app.test_cli_runner().invoke(args=["queue-replay", "2026-02-01"]).output == "No queue on that day.\n"
    assert app.test_cli_runner().invoke(args=["queue-replay", "yesterday"]).exit_code == 2
