"""The range of a wait from what the database holds: today's calls, the days before, rooms at work, a clinician who is late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, update

from app.models import ClinicSession, Ticket
from app.services import lines, queueing, waits


def see(ward, minutes: float, *, doctor=None, session_id: str = "") -> None:
    """Let the line's next one be called and seen for so long."""
    called = ward.do(queueing.call_next, doctor or ward.chen, session_id or ward.expert)
    ward.do(queueing.start, doctor or ward.chen, called.id)
    ward.clock.now += timedelta(minutes=minutes)
    ward.do(queueing.finish, doctor or ward.chen, called.id)
    ward.clock.now += timedelta(seconds=30)


def range_of(ward, ticket_id: str):
    with ward.house.reading_session() as session:
        view = lines.ticket(session, ticket_id, ward.now)
        return waits.ranges(session, [view], ward.now).get(ticket_id)


@pytest.fixture
def busy(ward):
    """A line that has seen six, seven to eight minutes each, and in which three more wait; the last one's ticket."""
    tickets = [ward.waiting() for _ in range(9)]
    for n in range(6):
        see(ward, 7 + n % 2)
    ward.clock.now += timedelta(seconds=10)
    return tickets[-1]


def test_a_line_at_work_says_a_range_that_follows_its_pace(ward, busy):
    found = range_of(ward, busy)
    assert found is not None
    assert found.holds(17) and found.width <= 20  # two in front, eight minutes each


def test_a_line_that_has_seen_nobody_says_nothing(ward):
    ticket = ward.waiting()
    assert range_of(ward, ticket) is None


def test_the_days_before_give_the_first_of_a_day_a_range(ward, busy):
    for _ in range(3):
        see(ward, 7)
    ward.clock.now += timedelta(days=1) - timedelta(hours=1)
    ward.expert = ward.plan_again()
    tickets = [ward.waiting() for _ in range(3)]
    ward.do(queueing.call_next, ward.chen, ward.expert)
    found = range_of(ward, tickets[-1])
    assert found is not None
    assert found.holds(15) and found.width <= 20


def test_who_is_called_seen_or_gone_has_no_range(ward, busy):
    called = ward.do(queueing.call_next, ward.chen, ward.expert)
    assert range_of(ward, called.id) is None


def test_a_clinician_who_says_to_be_late_is_waited_for(ward, busy):
    """Late before a second session begins: what counts is when they said to come."""
    before = range_of(ward, busy)
    with ward.house.writing_session() as session:
        late = (ward.now - timedelta(hours=1)).replace(second=0)
        session.execute(
            update(ClinicSession)
            .where(ClinicSession.id == ward.expert)
            .values(starts_at=late, late_minutes=80, late_at=ward.now)
        )
    ward.clock.now += timedelta(minutes=6)
    after = range_of(ward, busy)
    assert before is not None
    assert after is None or after.low > before.low


def test_a_stopped_session_says_nothing(ward, busy):
    with ward.house.writing_session() as session:
        session.execute(
            update(ClinicSession).where(ClinicSession.id == ward.expert).values(stopped_at=ward.now, stop_reason="ill")
        )
    ward.clock.now += timedelta(minutes=1)
    assert range_of(ward, busy) is None


def test_a_pool_counts_all_its_rooms(ward):
    tickets = [ward.waiting(sitting) for _ in range(6) for sitting in (ward.pool, ward.pool_too)]
    for _ in range(4):
        for doctor, sitting in ((ward.lin, ward.pool), (ward.ma, ward.pool_too)):
            ward.do(queueing.start, doctor, ward.do(queueing.call_next, doctor, sitting).id)
        ward.clock.now += timedelta(minutes=8)
        with ward.house.reading_session() as session:
            serving = [t.id for t in lines.tickets_in(session, ward.clinic, ward.now) if t.state == "serving"]
        for ticket_id in serving:
            with ward.house.reading_session() as session:
                by = session.get_one(Ticket, ticket_id).called_by
            ward.do(queueing.finish, ward.lin if by == ward.lin.ref else ward.ma, ticket_id)
    ward.clock.now += timedelta(seconds=10)
    with ward.house.reading_session() as session:
        line = waits.line_of(session, lines.ticket(session, tickets[-1], ward.now).queue_id, None, ward.now)
    assert len(line.rooms) == 2
    found = range_of(ward, tickets[-1])
    assert found is not None and found.high <= 25  # three in front, two rooms, eight minutes each


def test_a_hundred_phones_read_the_line_once(ward, busy):
    with ward.house.reading_session() as session:
        view = lines.ticket(session, busy, ward.now)
        seen: list[str] = []
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
        ward.clock.now += timedelta(minutes=1)
        for _ in range(100):
            waits.ranges(session, [view], ward.now)
    assert 0 < len(seen) <= 8


def test_what_is_kept_is_bounded():
    kept, now = waits.Kept(), datetime(2026, 3, 2, tzinfo=UTC)
    for n in range(waits.MOST_KEPT + 50):
        kept.get(("line", n), now, waits.TODAY_FOR, lambda _, n=n: n)
    assert len(kept._found) == waits.MOST_KEPT
    assert kept.get(("line", 0), now, waits.TODAY_FOR, lambda _: "read again") == "read again"
