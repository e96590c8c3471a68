"""A ticket in hand: its line and its row, locked; who may move it; and what a move changed, so that it can be taken back once.

Whoever needs a line and a ticket locks the line first. Everything that changes a line's order holds it, so that the events
of a line stand in the log in the order in which they took effect, and can be replayed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import access
from app.domain import queueing as rules
from app.domain.actor import Actor
from app.domain.errors import NotFound, TicketMoved
from app.models import Appointment, ClinicSession, Queue, QueueLine, Room, Ticket, Visit, from_ms, to_ms
from app.services import lines, rights
from app.services.sealing import seal_again, seal_next


def hold_line(session: Session, queue_id: str, clinician_ref: str | None) -> QueueLine:
    """Return a line, locked."""
    query = select(QueueLine).where(QueueLine.key == lines.line_key(queue_id, clinician_ref)).with_for_update()
    row = session.scalar(query)
    if row is None:
        # Two who need it for the first time come one after the other.
        session.execute(select(Queue.id).where(Queue.id == queue_id).with_for_update())
        row = session.scalar(query)
    if row is None:
        key = lines.line_key(queue_id, clinician_ref)
        row = QueueLine(key=key, queue_id=queue_id, clinician_ref=clinician_ref, calls=0, recent=[])
        session.add(row)
        session.flush()
    return row


def calls_of(line: QueueLine) -> list[tuple[str, rules.Turn]]:
    """Return a line's last calls, as the rules take them."""
    return [(ticket_id, rules.Turn(turn)) for ticket_id, turn in line.recent]


def keep_calls(line: QueueLine, calls: rules.Calls) -> None:
    line.recent = [[ticket_id, turn.value] for ticket_id, turn in calls]


def locked(session: Session, ticket_id: str) -> Ticket:
    """Return a ticket, its line locked and then its row. Raises NotFound."""
    whose = session.execute(select(Ticket.queue_id, Ticket.clinician_ref).where(Ticket.id == ticket_id)).first()
    if whose is None:
        raise NotFound()
    hold_line(session, whose.queue_id, whose.clinician_ref)
    row = session.scalar(select(Ticket).where(Ticket.id == ticket_id).with_for_update())
    if row is None:
        raise NotFound()
    if (row.queue_id, row.clinician_ref) != (whose.queue_id, whose.clinician_ref):
        raise TicketMoved(
            about=row.patient_ref, state=row.state
        )  # it went to another line while we waited for this one
    return row


def of_line(session: Session, actor: Actor, ticket_id: str, now: datetime) -> tuple[Ticket, ClinicSession]:
    """Return a ticket, locked, for who works its line, and its session. Raises NotFound, NotAllowed."""
    row = locked(session, ticket_id)
    sitting = lines.sitting_of(session, row.session_id)
    rights.work_queue(session, actor, sitting, now)
    return row, sitting


def in_hand(session: Session, actor: Actor, ticket_id: str, now: datetime) -> tuple[Ticket, ClinicSession]:
    """Return a ticket, locked, and the session in whose room it is; a doctor's only if called by that doctor."""
    row = locked(session, ticket_id)
    sitting = lines.sitting_of(session, row.session_id)
    if row.clinician_ref is None:
        # A pool's ticket is in the room of whoever called it, not of the session it was booked in.
        question = access.WorkQueue(sitting.clinic_id, None, sitting.day_on)
        access.require(actor, question, now)
        called_in = session.scalar(
            select(ClinicSession)
            .where(ClinicSession.queue_id == row.queue_id, ClinicSession.clinician_ref == row.called_by)
            .order_by(ClinicSession.starts_at.desc())
            .limit(1)
        )
        sitting = called_in or sitting
    else:
        rights.work_queue(session, actor, sitting, now)
    if actor.role == "doctor" and row.called_by != actor.ref:
        raise TicketMoved(about=row.patient_ref, state=row.state)
    return row, sitting


def change(row: Ticket, act: str, now: datetime, **columns: Any) -> None:
    """Give a ticket new values, and keep the old ones of what changed where `act` can be taken back."""
    was = {name: _kept(getattr(row, name)) for name, value in columns.items() if getattr(row, name) != value}
    for name, value in columns.items():
        setattr(row, name, value)
    row.changed_at = now
    row.undo = {"act": act, "was": was} if act in rules.UNDOES else None


def was_before(row: Ticket) -> dict[str, Any]:
    """Return the columns that the last move changed, as they were before it."""
    was = (row.undo or {}).get("was", {})
    return {name: from_ms(v) if name.endswith("_at") and v is not None else v for name, v in was.items()}


def in_clinicians_room(session: Session, clinician_ref: str | None) -> Ticket | None:
    """Return who was called or is being seen by a clinician."""
    return session.scalar(select(Ticket).where(Ticket.called_by == clinician_ref, Ticket.state.in_(lines.IN_ROOM)))


def room_name(session: Session, room_id: str | None) -> str:
    """Return a room's name as events write it."""
    room = session.get(Room, room_id) if room_id else None
    return room.name_zh if room else ""


def visit_of(session: Session, row: Ticket) -> Visit | None:
    return session.scalar(select(Visit).where(Visit.appointment_id == row.appointment_id))


def end_visit(session: Session, row: Ticket, visit: Visit, now: datetime) -> Appointment:
    """Write that a visit is finished, with its appointment, and return that. The ticket is the caller's."""
    appointment = session.get_one(Appointment, row.appointment_id)
    appointment.state = "completed"
    visit.state, visit.finished_at = "finished", now
    seal_next(session, appointment)
    seal_again(session, visit)
    return appointment


def _kept(value: Any) -> Any:
    return to_ms(value) if isinstance(value, datetime) else value
