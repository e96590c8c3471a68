"""The staff's boards: a clinic's day for its desk, a session's line for its doctor, everybody masked.

Masked boards disclose nothing (promise A4); that one was opened is recorded once a sign-in, by `queueing.record_board`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import TicketUnreadable
from app.domain.tickets import parse_ticket
from app.models import Appointment, Queue, Ticket, Visit
from app.services import booking, clinics, identity, lines, rights
from app.services.booking import AppointmentView
from app.services.clinics import SessionView
from app.services.identity import Masked
from app.services.lines import LineView, TicketView

ROWS = 60  # a board is read by people: more than this of one kind are counted, not listed
SEARCHED = 3000
PHONE_TAIL = 4


@dataclass(frozen=True)
class DeskBoard:
    """A clinic's day. Lists hold at most `ROWS`, counts are of everybody. `people` has whoever is listed, masked."""

    expected: tuple[AppointmentView, ...]
    waiting: tuple[TicketView, ...]
    in_room: tuple[TicketView, ...]
    missed: tuple[TicketView, ...]
    count_expected: int
    count_waiting: int
    count_done: int
    count_no_show: int
    sessions: tuple[SessionView, ...]
    people: dict[str, Masked]


@dataclass(frozen=True)
class FoundToday:
    """What the desk looked for: appointments of today, and who they are of, masked."""

    appointments: tuple[AppointmentView, ...]
    people: dict[str, Masked]


@dataclass(frozen=True)
class DoctorBoard:
    """A session's line with whoever is listed, masked. `visit_id` is the visit under way, where there is one."""

    line: LineView
    waiting: tuple[TicketView, ...]
    people: dict[str, Masked]
    visit_id: str | None


def desk_board(session: Session, actor: Actor, clinic_id: str, now: datetime) -> DeskBoard:
    """Return the clinic's day for its desk. Raises NotAllowed."""
    rights.run_desk(actor, clinic_id, now)
    from_at, to_at = clinics.around_today(now)
    today = and_(Appointment.clinic_id == clinic_id, Appointment.starts_at >= from_at, Appointment.starts_at < to_at)
    counted = select(Appointment.state, func.count()).where(today).group_by(Appointment.state)
    counts = {row[0]: row[1] for row in session.execute(counted)}
    expected = booking.views(session, and_(today, Appointment.state == "booked"), now, limit=ROWS)
    tickets = lines.tickets_in(session, clinic_id, now)
    waiting = [t for t in tickets if t.state == "waiting"]
    shown = tuple(waiting[:ROWS])
    in_room = tuple(t for t in tickets if t.state in lines.IN_ROOM)
    missed = tuple(t for t in tickets if t.state == "missed")[:ROWS]
    refs = {row.patient_ref for rows in (expected, shown, in_room, missed) for row in rows}
    return DeskBoard(
        expected=tuple(expected),
        waiting=shown,
        in_room=in_room,
        missed=missed,
        count_expected=counts.get("booked", 0),
        count_waiting=len(waiting),
        count_done=counts.get("completed", 0),
        count_no_show=counts.get("no_show", 0),
        sessions=tuple(clinics.sessions_in(session, clinic_id, now)),
        people=identity.masked(session, refs, now),
    )


def find(session: Session, actor: Actor, clinic_id: str, typed: str, now: datetime) -> FoundToday:
    """Return today's appointments at the desk's clinic that a typed ticket ("A001") or the last four digits of the phone on
    file name. Raises NotAllowed; what is neither finds nothing.

    Phones are sealed, so digits are looked for among the people of the day, `SEARCHED` of them at most.
    """
    rights.run_desk(actor, clinic_id, now)
    from_at, to_at = clinics.around_today(now)
    living = Appointment.state.in_(("booked", "checked_in", "in_consult", "completed", "no_show"))
    today = and_(
        Appointment.clinic_id == clinic_id, Appointment.starts_at >= from_at, Appointment.starts_at < to_at, living
    )
    text = typed.strip()
    if len(text) == PHONE_TAIL and text.isascii() and text.isdigit():
        refs = session.scalars(select(Appointment.patient_ref).where(today).distinct().limit(SEARCHED)).all()
        people = {ref: who for ref, who in identity.masked(session, refs, now).items() if who.phone_tail == text}
        named = Appointment.patient_ref.in_(people)
    else:
        try:
            letter, number = parse_ticket(text)
        except TicketUnreadable:
            return FoundToday((), {})
        named = Appointment.id.in_(
            select(Ticket.appointment_id)
            .join(Queue, Queue.id == Ticket.queue_id)
            .where(Queue.clinic_id == clinic_id, Ticket.letter == letter, Ticket.number == number)
        )
    rows = booking.views(session, and_(today, named), now, limit=ROWS)
    return FoundToday(tuple(rows), identity.masked(session, {row.patient_ref for row in rows}, now))


def doctor_board(session: Session, actor: Actor, session_id: str, now: datetime) -> DoctorBoard:
    """Return a session's line for who works it. Raises NotFound, NotAllowed."""
    line = lines.line(session, actor, session_id, now)
    shown = line.waiting[:ROWS]
    refs = {t.patient_ref for t in (*shown, *line.missed)}
    visit_id = None
    if line.current is not None:
        refs.add(line.current.patient_ref)
        visit_id = session.scalar(select(Visit.id).where(Visit.appointment_id == line.current.appointment_id))
    return DoctorBoard(line, shown, identity.masked(session, refs, now), visit_id)
