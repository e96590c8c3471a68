"""How long who waits still waits: gathers what a line did today and before, and lets `app.domain.waits` say the range.

Reads a few columns of one line's tickets of today, and of its department's last days; no name, nothing sealed. What was read
is kept for seconds (today) or hours (before) in this process, so that a hundred phones that look every two seconds cost one
reading of their line (P1); a worker that starts anew reads again, and says the same.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import waits as rules
from app.domain.calendar import hospital_day
from app.domain.waits import Judged, Known, Range, Record, Room, Turn
from app.models import ClinicSession, Queue, Ticket
from app.models import Room as RoomRow
from app.services.clinics import Words
from app.services.lines import TicketView

TODAY_FOR = timedelta(seconds=5)
TODAY_ON_A_FAST_CLOCK = (
    timedelta(minutes=1),
    0.5,
)  # of the hospital's time, and seconds of the machine's: a demo may run fast
BEFORE_FOR = timedelta(hours=6)  # days that are over do not change
DAYS_BEFORE = 8  # of the department, the newest
MOST_TODAY = 300  # tickets of one line and day
MOST_BEFORE = 4000
OVERTIME = timedelta(minutes=30)  # a room that called lately is at work, whatever was planned
SOON = timedelta(hours=4)
MOST_KEPT = 2000


@dataclass(frozen=True)
class Line:
    """What is known of one line at an instant, in minutes since `zero`. `judged` is what its last calls were told, by number
    and instant of the call."""

    zero: datetime
    known: Known
    rooms: tuple[Room, ...]
    record: Record
    judged: Mapping[tuple[int, float | None], list[Judged]]


@dataclass(frozen=True)
class Before:
    """What a department's last days say: each room's cycles by (whose line, who sat there), and how late each began."""

    cycles: dict[tuple[str | None, str], list[list[float]]]
    late: dict[str, list[float]]


@dataclass(frozen=True)
class Around:
    """The area where a ticket's people wait, where the house has named one, and when its clinician will begin, where they
    said to be late."""

    area: Words | None = None
    late_until: datetime | None = None


class Kept:
    """What was read lately, by key; the oldest go first. For one process, any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[Any, ...], tuple[datetime, float, Any]] = OrderedDict()

    def get(
        self,
        key: tuple[Any, ...],
        now: datetime,
        keep_for: timedelta,
        read: Callable[[Any], Any],
        fast: tuple[timedelta, float] = (timedelta(0), 0.0),
    ) -> Any:
        """Return what `read` gave less than `keep_for` ago, else what it gives now; it takes what was kept before, or None.

        `fast`: (the hospital's time, seconds of the machine's) within both of which it is kept as well.
        """
        machine = time.monotonic()
        with self._lock:
            found = self._found.get(key)
        if found is not None:
            read_at, machine_at, kept = found
            age = now - read_at
            if timedelta(0) <= age < keep_for or (timedelta(0) <= age < fast[0] and machine - machine_at < fast[1]):
                return kept
        fresh = read(found[2] if found is not None else None)
        with self._lock:
            self._found[key] = (now, machine, fresh)
            self._found.move_to_end(key)
            while len(self._found) > MOST_KEPT:
                self._found.popitem(last=False)
        return fresh


_kept = Kept()


def ranges(session: Session, tickets: Iterable[TicketView], now: datetime) -> dict[str, Range]:
    """Return the range of the wait for each of these tickets that waits, as far as one may be said.

    The caller has decided who may see the tickets; a range tells nothing of anybody else but how fast the line moves.
    """
    found = {}
    for ticket in tickets:
        if ticket.state == "waiting" and ticket.before is not None:
            line = line_of(session, ticket.queue_id, ticket.clinician_ref, now)
            said = rules.predict(line.known, line.rooms, ticket.before, _minutes(line.zero, now), record=line.record)
            if said is not None:
                found[ticket.id] = said
    return found


def line_of(session: Session, queue_id: str, clinician_ref: str | None, now: datetime) -> Line:
    """Return what is known of a line; at most `TODAY_FOR` old."""
    line: Line = _kept.get(
        ("line", queue_id, clinician_ref),
        now,
        TODAY_FOR,
        lambda last: _read_line(session, queue_id, clinician_ref, now, last.judged if last else {}),
        TODAY_ON_A_FAST_CLOCK,
    )
    return line


def around(session: Session, tickets: Iterable[TicketView]) -> dict[str, Around]:
    """Return where and from when the people of each ticket wait, by ticket id."""
    found = list(tickets)
    rows = session.execute(
        select(ClinicSession.id, RoomRow.area_zh, RoomRow.area_en, ClinicSession.starts_at, ClinicSession.late_minutes)
        .join(RoomRow, RoomRow.id == ClinicSession.room_id)
        .where(ClinicSession.id.in_({t.session_id for t in found}))
    )
    by_session = {
        row.id: Around(
            Words(row.area_zh, row.area_en or "") if row.area_zh else None,
            row.starts_at + timedelta(minutes=row.late_minutes) if row.late_minutes else None,
        )
        for row in rows
    }
    return {t.id: by_session[t.session_id] for t in found if t.session_id in by_session}


# Private


def _read_line(
    session: Session,
    queue_id: str,
    clinician_ref: str | None,
    now: datetime,
    judged: Mapping[tuple[int, float | None], list[Judged]],
) -> Line:
    """Return a line as it stands. A call that was `judged` before is not judged again: what was known then stays."""
    queue = session.get_one(Queue, queue_id)
    sittings = session.scalars(
        select(ClinicSession).where(ClinicSession.queue_id == queue_id).order_by(ClinicSession.starts_at)
    ).all()
    mine = [s for s in sittings if (s.kind == "general" if clinician_ref is None else s.clinician_ref == clinician_ref)]
    zero = min((s.starts_at for s in mine), default=now)
    whose = Ticket.clinician_ref.is_(None) if clinician_ref is None else Ticket.clinician_ref == clinician_ref
    turns = tuple(
        _turn(row, zero)
        for row in session.execute(
            _few_columns.where(Ticket.queue_id == queue_id, whose).order_by(Ticket.number.desc()).limit(MOST_TODAY)
        )
    )
    earlier: Before = _kept.get(
        ("before", queue.department_id, hospital_day(now)),
        now,
        BEFORE_FOR,
        lambda _: _read_before(session, queue.department_id, queue.day_on),
    )
    rooms = tuple(_rooms(mine, turns, earlier, zero, now))
    names = {room.name for room in rooms}
    own = [
        day for (line, room), days in earlier.cycles.items() if line == clinician_ref and room in names for day in days
    ]
    everybody = [day for days in earlier.cycles.values() for day in days]
    before = rules.pace_before(own, everybody)
    told = {}
    for call in rules.lately_called(turns, _minutes(zero, now)):
        key = call.number, call.called_at
        told[key] = judged[key] if key in judged else rules.look_back(turns, rooms, call, before)
    record = rules.judge([one for made in told.values() for one in made])
    return Line(zero, rules.know(turns, before), rooms, record, told)


def _read_before(session: Session, department_id: str, today_on: date) -> Before:
    queues = session.scalars(
        select(Queue.id)
        .where(Queue.department_id == department_id, Queue.day_on < today_on)
        .order_by(Queue.day_on.desc())
        .limit(DAYS_BEFORE)
    ).all()
    planned: dict[tuple[str, str], datetime] = {}
    for sitting in session.execute(
        select(ClinicSession.queue_id, ClinicSession.clinician_ref, ClinicSession.starts_at)
        .where(ClinicSession.queue_id.in_(queues), ClinicSession.stopped_at.is_(None))
        .order_by(ClinicSession.starts_at.desc())
    ):
        planned[sitting.queue_id, sitting.clinician_ref] = sitting.starts_at  # the day's first stays
    rows = session.execute(
        _few_columns.where(Ticket.queue_id.in_(queues), Ticket.called_at.is_not(None))
        .order_by(Ticket.called_at.desc())
        .limit(MOST_BEFORE)
    ).all()
    by_room: dict[tuple[str, str | None, str], list[Any]] = {}
    for row in rows:
        if row.called_by is not None:
            by_room.setdefault((row.queue_id, row.clinician_ref, row.called_by), []).append(row)
    cycles: dict[tuple[str | None, str], list[list[float]]] = {}
    late: dict[str, list[float]] = {}
    for (queue_id, line, room), called in by_room.items():
        zero = planned.get((queue_id, room))
        if zero is None:
            continue
        turns = [_turn(row, zero) for row in called]
        cycles.setdefault((line, room), []).append(rules.cycles_of(turns))
        first = min(turns, key=lambda turn: turn.called_at or 0.0)
        if first.called_at is not None and first.arrived_at <= max(0.0, first.called_at - 3):
            late.setdefault(room, []).append(first.called_at)  # somebody was there to be called
    return Before(cycles, late)


_few_columns = select(
    Ticket.queue_id,
    Ticket.number,
    Ticket.clinician_ref,
    Ticket.state,
    Ticket.called_by,
    Ticket.called_at,
    Ticket.checked_in_at,
    Ticket.queued_at,
    Ticket.changed_at,
)


def _turn(row: Any, zero: datetime) -> Turn:
    """Return a ticket as the rules know it. One that waits anew has its earlier call forgotten: it is still to be called."""
    arrived_at = _minutes(zero, row.queued_at or row.checked_in_at)
    if row.state == "waiting":
        return Turn(arrived_at, number=row.number)
    is_over = row.state not in ("called", "serving")
    ended_at = _minutes(zero, row.changed_at) if is_over else None
    if row.called_at is None or row.called_by is None:
        return Turn(arrived_at, None, ended_at, number=row.number)
    called_at = _minutes(zero, row.called_at)
    return Turn(min(arrived_at, called_at), called_at, ended_at, row.called_by, row.number)


def _rooms(
    sittings: Sequence[ClinicSession], turns: Sequence[Turn], earlier: Before, zero: datetime, now: datetime
) -> list[Room]:
    """Return who calls for the line now, or will today: one room a clinician, in the session that counts."""
    by_clinician: dict[str, list[ClinicSession]] = {}
    for sitting in sittings:
        if sitting.stopped_at is None:
            by_clinician.setdefault(sitting.clinician_ref, []).append(sitting)
    found = []
    for clinician_ref, own in by_clinician.items():
        lately = _minutes(zero, now - OVERTIME)
        is_at_work = any(
            t.room == clinician_ref and t.called_at is not None and (t.ended_at is None or t.ended_at > lately)
            for t in turns
        )
        begun = [s for s in own if s.starts_at <= now and (now < s.ends_at or is_at_work)]
        coming = [s for s in own if now < s.starts_at < now + SOON]
        counts = begun[-1:] or coming[:1]
        for sitting in counts:
            late, give = rules.lateness(earlier.late.get(clinician_ref, []))
            opens_at = sitting.starts_at
            if sitting.late_minutes is not None:
                opens_at, late, give = sitting.starts_at + timedelta(minutes=sitting.late_minutes), 2.0, 5.0
            found.append(Room(clinician_ref, _minutes(zero, opens_at), late, give))
    return found


def _minutes(zero: datetime, at: datetime) -> float:
    return (at - zero).total_seconds() / 60
