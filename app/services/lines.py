"""Where everybody stands: a ticket's position, a session's line, a clinic's tickets of today.

A line is one clinician's own people, or the pool of a department's queue. Its order comes from `app.domain.queueing` over
what was recorded, and from nothing else (promise Q2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from app.domain import queueing as rules
from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.domain.priorities import CLASSES, rank_of
from app.domain.queueing import QueueEntry
from app.domain.tickets import format_ticket
from app.models import Appointment, Clinic, ClinicSession, Department, Queue, QueueLine, Room, Staff, Ticket
from app.services import clinics, rights
from app.services.clinics import SessionView, Words

ACTIVE = tuple(sorted(state.value for state in rules.ACTIVE))
IN_ROOM = ("called", "serving")
RANK = {"called": 0, "serving": 1, "waiting": 2, "missed": 3, "away": 4}
UNDO_SHOWN = 3
UNDO_SHOWN_FOR = timedelta(minutes=30)  # later moves can be taken back where the ticket is listed
ACTIVE_FOR = timedelta(hours=24)  # a ticket that nobody called by then is waited for no longer


@dataclass(frozen=True)
class TicketView:
    """A ticket and where it stands. `before` counts who waits in front (None unless waiting), `now_calling` are the numbers
    in the rooms of its line, `room` is where it was called to, else where its own clinician sits.

    `priority` is its class, `marks` the codes to show beside the number. `origin` is the number that it had in the department
    that sent it here, `moved_from` the room that it was first to wait for. `overtaken` says, while it waits, how many of which
    class came in before it out of turn. `undoable` is the type of the move that staff may take back. `late_minutes` is how
    late its clinician said to be.
    """

    id: str
    ticket: str
    number: int
    state: str
    patient_ref: str
    appointment_id: str
    session_id: str
    queue_id: str
    clinic_id: str
    clinician_ref: str | None
    clinic: Words
    department: Words
    doctor: Words | None
    room: Words | None
    passes: int
    calls: int
    method: str
    starts_at: datetime
    checked_in_at: datetime
    called_at: datetime | None
    changed_at: datetime
    before: int | None = None
    now_calling: tuple[str, ...] = ()
    priority: str | None = None
    marks: tuple[str, ...] = ()
    origin: str = ""
    moved_from: Words | None = None
    overtaken: tuple[tuple[str, int], ...] = ()
    undoable: str | None = None
    late_minutes: int = 0
    queued_at: datetime | None = None


@dataclass(frozen=True)
class LineView:
    """A session at work: who is in the room, who waits in order, who was passed, who is away for tests, how many are done or
    still to come, and how late the clinician said to be. `last` are the newest moves that can be taken back."""

    session: SessionView
    current: TicketView | None
    waiting: tuple[TicketView, ...]
    missed: tuple[TicketView, ...]
    done: int
    expected: int
    away: tuple[TicketView, ...] = ()
    late_minutes: int = 0
    last: tuple[TicketView, ...] = ()


# Where everybody stands


def ticket(session: Session, ticket_id: str, now: datetime) -> TicketView:
    """Return one ticket with its position. The caller has decided who may see it. Raises NotFound."""
    session.flush()
    found = _views(session, Ticket.id == ticket_id)
    if not found:
        raise NotFound()
    return _placed(session, found)[0]


def position(session: Session, actor: Actor, ticket_id: str, now: datetime) -> TicketView:
    """Return a ticket of the account's people with its position. Raises NotFound."""
    row = session.get(Ticket, ticket_id)
    if row is None:
        raise NotFound()
    rights.see_own(session, actor, row.patient_ref, now, recorded_at=row.checked_in_at)
    return ticket(session, ticket_id, now)


def tickets_of(session: Session, actor: Actor, now: datetime) -> list[TicketView]:
    """Return every ticket of the account's people that something is still to come of, whoever's turn is nearest first."""
    since = dict(rights.reached(session, actor, now))
    if not since:
        return []
    mine = and_(Ticket.patient_ref.in_(since), Ticket.state.in_(ACTIVE), Ticket.checked_in_at > now - ACTIVE_FOR)
    found = _placed(session, _views(session, mine))
    return [t for t in found if (opens := since[t.patient_ref]) is None or t.checked_in_at >= opens]


def line(session: Session, actor: Actor, session_id: str, now: datetime) -> LineView:
    """Return a session's line for who works it. Raises NotFound, NotAllowed."""
    sitting = sitting_of(session, session_id)
    rights.work_queue(session, actor, sitting, now)
    queue_id, clinician_ref = line_of(sitting)
    recent = Ticket.checked_in_at > now - ACTIVE_FOR
    here = and_(Ticket.queue_id == queue_id, _of_line(clinician_ref), recent)
    active = _views(session, and_(here, Ticket.state.in_(("waiting", "missed", "away"))))
    newest = (
        select(Ticket.id)
        .where(here, Ticket.undo.is_not(None), Ticket.changed_at > now - UNDO_SHOWN_FOR)
        .order_by(Ticket.changed_at.desc(), Ticket.id)
        .limit(UNDO_SHOWN)
    )
    is_lately = ClinicSession.day_on.in_(clinics.days_around(now))
    in_room = _views(session, and_(Ticket.called_by == sitting.clinician_ref, Ticket.state.in_(IN_ROOM), is_lately))
    done = session.scalar(
        select(func.count())
        .select_from(Ticket)
        .where(Ticket.session_id == session_id, Ticket.state.in_(("done", "no_show", "left", "transferred")))
    )
    expected = session.scalar(
        select(func.count())
        .select_from(Appointment)
        .where(Appointment.session_id == session_id, Appointment.state == "booked")
    )
    return LineView(
        session=clinics.session_of(session, session_id),
        current=in_room[0] if in_room else None,
        waiting=tuple(t for t in _placed(session, active) if t.state == "waiting"),
        missed=tuple(t for t in active if t.state == "missed"),
        done=done or 0,
        expected=expected or 0,
        away=tuple(t for t in active if t.state == "away"),
        late_minutes=sitting.late_minutes or 0,
        last=tuple(sorted(_views(session, Ticket.id.in_(newest)), key=lambda t: (t.changed_at, t.id), reverse=True)),
    )


def tickets_in(session: Session, clinic_id: str, now: datetime) -> list[TicketView]:
    """Return the clinic's tickets of today that something is still to come of: those in a room, then each line in its order.

    For the desk and the screens; the caller has decided access."""
    from_at, to_at = clinics.around_today(now)
    here = and_(
        Ticket.queue_id.in_(
            select(Queue.id).where(Queue.clinic_id == clinic_id, Queue.day_on.in_(clinics.days_around(now)))
        ),
        Ticket.state.in_(ACTIVE),
        Ticket.checked_in_at >= from_at,
        Ticket.checked_in_at < to_at,
    )
    return _placed(session, _views(session, here))


# For the moves


def sitting_of(session: Session, session_id: str) -> ClinicSession:
    row = session.get(ClinicSession, session_id)
    if row is None:
        raise NotFound()
    return row


def line_of(sitting: ClinicSession) -> tuple[str, str | None]:
    return sitting.queue_id, sitting.clinician_ref if sitting.kind == "expert" else None


def number_of(row: Ticket) -> str:
    return format_ticket(row.letter, row.number)


def line_key(queue_id: str, clinician_ref: str | None) -> str:
    return f"{queue_id}|{clinician_ref or ''}"


def entry_of(row: Ticket) -> QueueEntry:
    return QueueEntry(
        row.id,
        row.number,
        rules.place_of(row.order_key),
        rules.State(row.state),
        rank_of(row.priority),
        row.passes,
        row.returns,
    )


def entries(session: Session, queue_id: str, clinician_ref: str | None) -> list[QueueEntry]:
    """Return who waits in a line, by the index on queue and state: a few columns of a few dozen rows."""
    rows = session.execute(
        select(Ticket.id, Ticket.number, Ticket.order_key, Ticket.priority, Ticket.passes, Ticket.returns).where(
            Ticket.queue_id == queue_id, Ticket.state == "waiting", _of_line(clinician_ref)
        )
    )
    return [
        QueueEntry(
            row.id, row.number, rules.place_of(row.order_key), rules.State.WAITING, rank_of(row.priority), row.passes,
            row.returns,
        )
        for row in rows
    ]  # fmt: skip


def recent_calls(session: Session, queue_id: str, clinician_ref: str | None) -> list[tuple[str, rules.Turn]]:
    """Return a line's last calls, which its cap looks at."""
    kept = session.scalar(select(QueueLine.recent).where(QueueLine.key == line_key(queue_id, clinician_ref)))
    return [(ticket_id, rules.Turn(turn)) for ticket_id, turn in kept or ()]


def in_order(session: Session, queue_id: str, clinician_ref: str | None) -> list[QueueEntry]:
    """Return who waits in a line, in the order in which they will be called if nothing else is recorded."""
    return rules.order(entries(session, queue_id, clinician_ref), recent_calls(session, queue_id, clinician_ref))


def _of_line(clinician_ref: str | None) -> ColumnElement[bool]:
    return Ticket.clinician_ref.is_(None) if clinician_ref is None else Ticket.clinician_ref == clinician_ref


def _views(session: Session, which) -> list[TicketView]:  # type: ignore[no-untyped-def]
    called_to = Room.__table__.alias("called_to")
    own_room = Room.__table__.alias("own_room")
    first_room = Room.__table__.alias("first_room")
    first = ClinicSession.__table__.alias("first")
    origin = Ticket.__table__.alias("origin")
    rows = session.execute(
        select(
            Ticket,
            Appointment.starts_at,
            ClinicSession.clinic_id,
            Clinic.name_zh,
            Clinic.name_en,
            Department.name_zh,
            Department.name_en,
            Staff.name_zh,
            Staff.name_en,
            called_to.c.name_zh,
            called_to.c.name_en,
            own_room.c.name_zh,
            own_room.c.name_en,
            first_room.c.name_zh,
            first_room.c.name_en,
            origin.c.letter,
            origin.c.number,
            ClinicSession.late_minutes,
        )
        .join(Appointment, Appointment.id == Ticket.appointment_id)
        .join(ClinicSession, ClinicSession.id == Ticket.session_id)
        .join(Clinic, Clinic.id == ClinicSession.clinic_id)
        .join(Department, Department.id == ClinicSession.department_id)
        .join(own_room, own_room.c.id == ClinicSession.room_id)
        .outerjoin(Staff, Staff.ref == Ticket.clinician_ref)
        .outerjoin(called_to, called_to.c.id == Ticket.room_id)
        .outerjoin(first, first.c.id == Ticket.moved_from)
        .outerjoin(first_room, first_room.c.id == first.c.room_id)
        .outerjoin(origin, origin.c.id == Ticket.origin_id)
        .where(which)
        .order_by(Ticket.order_key, Ticket.number, Ticket.id)
    ).all()
    return [_view(*row) for row in rows]


def _view(
    row: Ticket,
    starts_at: datetime,
    clinic_id: str,
    clinic_zh: str,
    clinic_en: str,
    department_zh: str,
    department_en: str,
    doctor_zh: str | None,
    doctor_en: str | None,
    called_zh: str | None,
    called_en: str | None,
    room_zh: str,
    room_en: str,
    first_zh: str | None,
    first_en: str | None,
    origin_letter: str | None,
    origin_number: int | None,
    late_minutes: int | None,
) -> TicketView:
    room = Words(called_zh, called_en or "") if called_zh is not None else None
    if room is None and row.clinician_ref is not None:
        room = Words(room_zh, room_en)
    return TicketView(
        id=row.id,
        ticket=number_of(row),
        number=row.number,
        state=row.state,
        patient_ref=row.patient_ref,
        appointment_id=row.appointment_id,
        session_id=row.session_id,
        queue_id=row.queue_id,
        clinic_id=clinic_id,
        clinician_ref=row.clinician_ref,
        clinic=Words(clinic_zh, clinic_en),
        department=Words(department_zh, department_en),
        doctor=Words(doctor_zh, doctor_en or "") if doctor_zh is not None else None,
        room=room,
        passes=row.passes,
        calls=row.calls,
        method=row.method,
        starts_at=starts_at,
        checked_in_at=row.checked_in_at,
        called_at=row.called_at,
        changed_at=row.changed_at,
        priority=row.priority,
        marks=(row.priority,) if row.priority else (),
        origin=format_ticket(origin_letter, origin_number) if origin_letter and origin_number else "",
        moved_from=Words(first_zh, first_en or "") if first_zh is not None else None,
        undoable=row.undo["act"] if row.undo else None,
        late_minutes=late_minutes or 0,
        queued_at=row.queued_at or row.checked_in_at,
    )


def _placed(session: Session, found: Sequence[TicketView]) -> list[TicketView]:
    """Return the tickets with their positions, each line read once; the order is: in a room, then by who is before."""
    lines = {(t.queue_id, t.clinician_ref) for t in found}
    before: dict[str, int] = {}
    calling: dict[tuple[str, str | None], tuple[str, ...]] = {}
    favoured: dict[tuple[str, str | None], list[_Favoured]] = {}
    places: dict[str, tuple[int, int]] = {}
    for line in lines:
        waiting = in_order(session, *line)
        before.update({entry.ticket_id: people for people, entry in enumerate(waiting)})
        places.update({entry.ticket_id: (rules.order_key(entry.place), entry.number) for entry in waiting})
        calling[line] = _calling(session, *line)
        favoured[line] = _called_out_of_turn(session, *line)
    placed = [
        replace(
            t,
            before=before.get(t.id),
            now_calling=calling[t.queue_id, t.clinician_ref],
            overtaken=_overtaken(t, places.get(t.id), favoured[t.queue_id, t.clinician_ref]),
        )
        for t in found
    ]
    return sorted(placed, key=lambda t: (RANK.get(t.state, len(RANK)), t.before or 0, t.changed_at, t.id))


class _Favoured(NamedTuple):
    """Somebody who was called out of turn, and whose call stands."""

    ticket_id: str
    priority: str
    place: tuple[int, int]
    called_at: datetime


def _called_out_of_turn(session: Session, queue_id: str, clinician_ref: str | None) -> list[_Favoured]:
    rows = session.execute(
        select(Ticket.id, Ticket.priority, Ticket.order_key, Ticket.number, Ticket.called_at).where(
            Ticket.queue_id == queue_id,
            _of_line(clinician_ref),
            Ticket.turn.in_(("favoured", "emergency")),
            Ticket.priority.is_not(None),
            Ticket.called_at.is_not(None),
        )
    )
    return [_Favoured(row.id, row.priority, (row.order_key, row.number), row.called_at) for row in rows]


def _overtaken(
    ticket: TicketView, place: tuple[int, int] | None, favoured: list[_Favoured]
) -> tuple[tuple[str, int], ...]:
    """Return how many of which class, from a later place, were called since this one has its place. No names, no numbers."""
    since = ticket.queued_at
    if place is None or since is None:
        return ()
    counts = Counter(one.priority for one in favoured if one.place > place and one.called_at >= since)
    return tuple((code, counts[code]) for code in CLASSES if counts[code])


def _calling(session: Session, queue_id: str, clinician_ref: str | None) -> tuple[str, ...]:
    rows = session.execute(
        select(Ticket.letter, Ticket.number)
        .where(Ticket.queue_id == queue_id, Ticket.state.in_(IN_ROOM), _of_line(clinician_ref))
        .order_by(Ticket.called_at.desc())
    )
    return tuple(format_ticket(letter, number) for letter, number in rows)
