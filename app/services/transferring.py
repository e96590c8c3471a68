"""Transfer (转科): a ticket ends, and another department's queue of the same clinic and day goes on with one of its own.

The number belongs to its queue, so it cannot go along (Q4); the new ticket names the old one as its origin.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import booking as booking_rules
from app.domain import queueing as rules
from app.domain.actor import Actor
from app.domain.errors import AlreadyBooked
from app.domain.ids import new_ref
from app.models import Appointment, Clinic, ClinicSession, Ticket
from app.services import booking, checkin, clinics, events, lines, rights
from app.services import ticket_rows as rows
from app.services.lines import TicketView
from app.services.sealing import seal_next


def transfer(session: Session, actor: Actor, ticket_id: str, to_session_id: str, now: datetime) -> TicketView:
    """Send somebody who waits, or was passed, to another department of the clinic, and return the new ticket: its number is
    of that queue, its place behind those who came before. By the desk. The old appointment is cancelled by the clinic, no strike.

    Raises NotFound, NotAllowed, TicketMoved, MoveNowhere (the same queue, another clinic or day, stopped or over), AlreadyBooked.
    """
    row, left = rows.of_line(session, actor, ticket_id, now)
    rights.run_desk(actor, left.clinic_id, now)
    to = lines.sitting_of(session, to_session_id)
    with rights.concerning(row.patient_ref):
        entry = rules.move(lines.entry_of(row), rules.State.TRANSFERRED)
        is_of_day = to.clinic_id == left.clinic_id and to.day_on == left.day_on and to.queue_id != row.queue_id
        if not is_of_day or to.stopped_at is not None or to.ends_at <= now:
            raise rules.MoveNowhere()
        old = session.get_one(Appointment, row.appointment_id)
        new = _appointment(session, old, to, now)
    rows.change(row, "ticket.transferred", now, state=entry.state.value)
    seal_next(session, row)
    old.state, old.cancelled_at, old.cancelled_by = "cancelled", now, "clinic"
    seal_next(session, old)
    session.flush()  # before the new one: a person has one open appointment of a kind
    seal_next(session, new)
    session.flush()
    issued = checkin.check_in_at_desk(session, actor, new.id, now)
    ticket = session.get_one(Ticket, issued.ticket_id)
    ticket.origin_id = row.id
    seal_next(session, ticket)
    detail = {"ticket": lines.number_of(row), "to": issued.ticket}
    objects = [row, old, ticket]
    events.record(session, "ticket.transferred", actor, now, subject=row.patient_ref, objects=objects, detail=detail)
    return lines.ticket(session, ticket.id, now)


def departments_beside(session: Session, shown: TicketView, now: datetime) -> list[clinics.SessionView]:
    """Return the sessions of today that a ticket may be transferred to: of the clinic's other queues, going on."""
    return [
        view
        for view in clinics.sessions_in(session, shown.clinic_id, now)
        if view.queue_id != shown.queue_id and not view.is_stopped and view.ends_at > now
    ]


def _appointment(session: Session, old: Appointment, to: ClinicSession, now: datetime) -> Appointment:
    """Return the appointment under which the other department goes on: without a slot, like a walk-in's."""
    rule = clinics.rules_of(session.get_one(Clinic, to.clinic_id)).booking
    excludes = booking_rules.exclusion(rule, to.id, to.department_id, now)
    there = select(Appointment.id).where(
        Appointment.patient_ref == old.patient_ref,
        Appointment.excludes == excludes,
        Appointment.state.in_(booking.OPEN),
        Appointment.id != old.id,
    )
    if (known := session.scalar(there)) is not None:
        raise AlreadyBooked(scope="department", appointment_id=known)
    return Appointment(
        id=new_ref(),
        patient_ref=old.patient_ref,
        account_ref=old.account_ref,
        slot_id=None,
        session_id=to.id,
        clinic_id=to.clinic_id,
        state="booked",
        starts_at=now,
        created_at=now,
        excludes=excludes,
    )
