"""Replaying a day's queues: the facts come out of the recorded events, the comparison is with the rows and the log.

The events are opened for it and nothing of them is shown but numbers and types. A ticket whose row was changed past the
services is found twice: the replay ends elsewhere, or the digest that its newest event carries is another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.domain.calendar import ONE_DAY, day_bounds
from app.domain.queueing import Turn
from app.domain.replaying import ISSUED, Difference, Fact, Replay, Stored
from app.domain.tickets import format_ticket
from app.models import Bound, ClinicSession, Department, Event, Queue, QueueLine, Ticket, TicketMove
from app.services import events, lines
from app.services.clinics import Words
from app.services.sealing import object_of

OF_QUEUES = ("ticket.%", "visit.%", "appointment.checked_in", "appointment.walked_in")
BATCH = 500


@dataclass(frozen=True)
class QueueReplay:
    """One queue of the day. `first` is the first difference in words for the operator, empty where the order equals."""

    letter: str
    department: Words
    tickets: int
    calls: int
    first: str


@dataclass(frozen=True)
class DayReplay:
    """A day. `strays` are numbers or types of events that name a ticket which is not there."""

    queues: tuple[QueueReplay, ...]
    strays: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        return not self.strays and not any(queue.first for queue in self.queues)


@dataclass
class _Day:
    """One queue while it is replayed."""

    queue: Queue
    rows: dict[str, Ticket]
    replay: Replay = field(default_factory=Replay)
    newest: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, ClinicSession] = field(default_factory=dict)
    moves: list[tuple[TicketMove, dict[str, Any]]] = field(default_factory=list)


def replay_day(session: Session, day_on: date, clinic_id: str | None = None) -> DayReplay:
    """Recompute the queues of a hospital day from their events, and compare. For an operator: asks for nobody."""
    wanted = select(Queue).where(Queue.day_on == day_on).order_by(Queue.clinic_id, Queue.letter)
    if clinic_id is not None:
        wanted = wanted.where(Queue.clinic_id == clinic_id)
    days = [_day(session, queue) for queue in session.scalars(wanted)]
    by_ticket = {ticket_id: day for day in days for ticket_id in day.rows}
    moves = _moves(session, list(by_ticket))
    strays = []
    for event, at, own in _events(session, day_on):
        named = [one for one in own["objects"] if one["type"] == Ticket.OBJECT]
        for one in named:
            found = by_ticket.get(one["id"])
            if found is not None:
                found.newest[one["id"]] = one
                found.moves += [(moves[o["id"]], o) for o in own["objects"] if o["id"] in moves]
                if not _is_arrival(found, event.type, own, one):
                    found.replay.apply(_fact(found, event.type, at, own, one, moves))
            elif clinic_id is None and session.get(Ticket, one["id"]) is None:
                strays.append(f"{event.type} {own['detail'].get('ticket', '')}".strip())
    return DayReplay(tuple(_compared(session, day) for day in days), tuple(strays))


# Private


def _day(session: Session, queue: Queue) -> _Day:
    rows = {row.id: row for row in session.scalars(select(Ticket).where(Ticket.queue_id == queue.id))}
    sessions = {row.id: row for row in session.scalars(select(ClinicSession).where(ClinicSession.queue_id == queue.id))}
    return _Day(queue, rows, sessions=sessions)


def _moves(session: Session, ticket_ids: list[str]) -> dict[str, TicketMove]:
    found: dict[str, TicketMove] = {}
    for start in range(0, len(ticket_ids), BATCH):
        rows = session.scalars(select(TicketMove).where(TicketMove.ticket_id.in_(ticket_ids[start : start + BATCH])))
        found.update({row.id: row for row in rows})
    return found


def _events(session: Session, day_on: date) -> Iterator[tuple[Event, datetime, dict[str, Any]]]:
    """Return the events of queues of that day and the next, with their sealed instant and own half, in the order of the log;
    and those of the day's patients from the day before, when who came early to a session after midnight arrived, and later."""
    from_at, to_at = day_bounds(day_on)
    of_the_day = select(Ticket.patient_ref).join(Queue, Queue.id == Ticket.queue_id).where(Queue.day_on == day_on)
    query = (
        select(Event)
        .where(or_(*(Event.type.like(kind) for kind in OF_QUEUES)), Event.at >= from_at - ONE_DAY)
        .where(or_(Event.at.between(from_at, to_at + ONE_DAY), Event.subject_ref.in_(of_the_day)))
        .order_by(Event.serial)
        .execution_options(yield_per=BATCH)
    )
    for event in session.scalars(query):
        opened, own = events.read_event(session, event)
        yield event, datetime.fromisoformat(opened["at"]), own


def _is_arrival(day: _Day, kind: str, own: dict[str, Any], one: dict[str, Any]) -> bool:
    """Say whether this is the ticket that a transfer led to: it was issued by an event of its own and only learns its origin."""
    return kind == "ticket.transferred" and own["detail"].get("to") == lines.number_of(day.rows[one["id"]])


def _fact(
    day: _Day, kind: str, at: datetime, own: dict[str, Any], one: dict[str, Any], moves: dict[str, TicketMove]
) -> Fact:
    """Return what an event says happened to a ticket. Where a move went to comes from its row, whose digest it carries."""
    row = day.rows[one["id"]]
    if one["version"] == 1:
        first = min(
            (m for m in moves.values() if m.ticket_id == row.id), key=lambda m: (m.moved_at, m.id), default=None
        )
        session_id = first.from_session_id if first else row.session_id
        says = own["detail"]
        return Fact(ISSUED, row.id, at, says, _line(day, session_id), session_id, row.number)
    moved = next((moves[o["id"]] for o in own["objects"] if o["type"] == TicketMove.OBJECT and o["id"] in moves), None)
    if kind == "ticket.moved" and moved is not None:
        to = moved.to_session_id
        return Fact(kind, row.id, at, own["detail"], _line(day, to), to)
    return Fact(kind, row.id, at, own["detail"])


def _line(day: _Day, session_id: str) -> str:
    sitting = day.sessions.get(session_id)
    return lines.line_key(*lines.line_of(sitting)) if sitting else session_id


def _compared(session: Session, day: _Day) -> QueueReplay:
    stored = {row.id: _stored(row) for row in day.rows.values()}
    kept = session.scalars(select(QueueLine).where(QueueLine.queue_id == day.queue.id))
    recent = {line.key: (line.calls, [(ticket_id, Turn(turn)) for ticket_id, turn in line.recent]) for line in kept}
    day.replay.compare(stored, {key: value for key, value in recent.items() if value != (0, [])})
    differences = [_words(day, one) for one in day.replay.differences]
    differences += [
        f"{lines.number_of(row)}: the row is not the one that its newest event names"
        for row in day.rows.values()
        if row.id in day.newest and not _is_named(session, row, day.newest[row.id])
    ]
    differences += [
        f"{lines.number_of(day.rows[moved.ticket_id])}: the move is not the one that its event names"
        for moved, named in day.moves
        if not _is_named(session, moved, named)
    ]
    department = session.get_one(Department, day.queue.department_id)
    return QueueReplay(
        letter=day.queue.letter,
        department=Words(department.name_zh, department.name_en),
        tickets=len(day.rows),
        calls=day.replay.calls,
        first=differences[0] if differences else "",
    )


def _stored(row: Ticket) -> Stored:
    return Stored(
        number=row.number,
        state=row.state,
        order_key=row.order_key,
        calls=row.calls,
        passes=row.passes,
        returns=row.returns,
        priority=row.priority,
        turn=row.turn,
        line=lines.line_key(row.queue_id, row.clinician_ref),
        session=row.session_id,
        called_at=row.called_at,
    )


def _is_named(session: Session, row: Bound, named: dict[str, Any]) -> bool:
    return object_of(session, row) == named


def _words(day: _Day, difference: Difference) -> str:
    """Return a difference with numbers in place of ids."""
    numbers = {ticket_id: lines.number_of(row) for ticket_id, row in day.rows.items()}
    numbers |= {t: format_ticket(day.queue.letter, e.entry.number) for t, e in day.replay.tickets.items()}
    recorded, replayed = (
        numbers.get(value, value) if isinstance(value, str) else value
        for value in (difference.recorded, difference.replayed)
    )
    who = f"{numbers.get(difference.ticket_id, difference.ticket_id)}: " if difference.ticket_id else ""
    return f"{who}{difference.what} is {recorded}, the replay finds {replayed}"
