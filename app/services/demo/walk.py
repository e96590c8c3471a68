"""One press of the demo page: the doctor sees those before you, then calls you; or sees you and writes the visit."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.models import ClinicSession, Ticket
from app.services import lines, queueing, records
from app.services.demo.history import write
from app.services.demo.house import DemoHouse
from app.services.demo.today import note_for

MOST_STEPS = 40  # more than ever wait; a press never runs on


def ticket_of(session: Session, actor: Actor, now: datetime) -> lines.TicketView | None:
    """Return the newest ticket of the account's people that waits, is called or is being seen."""
    living = [t for t in lines.tickets_of(session, actor, now) if t.state in ("waiting", "called", "serving")]
    return living[-1] if living else None


def step_towards(session: Session, house: DemoHouse, ticket_id: str, now: datetime) -> bool:
    """Do the doctor's next move on the way to this ticket; say whether the ticket is called (or further) now."""
    ticket = session.get_one(Ticket, ticket_id)
    if ticket.state != "waiting":
        return True
    sitting = session.get_one(ClinicSession, ticket.session_id)
    doctor = _doctor(house, sitting)
    busy = session.scalars(
        select(Ticket).where(Ticket.called_by == sitting.clinician_ref, Ticket.state.in_(("called", "serving")))
    ).first()
    if busy is not None:
        queueing.start(session, doctor, busy.id, now)
        queueing.finish(session, doctor, busy.id, now)
        return False
    called = queueing.call_next(session, doctor, sitting.id, now)
    return called is None or called.id == ticket_id


def see(session: Session, house: DemoHouse, ticket_id: str, now: datetime) -> str:
    """Let the doctor see whoever holds this ticket: start, read what was before, write and sign, finish. Return the visit's id."""
    ticket = session.get_one(Ticket, ticket_id)
    doctor = _doctor(house, session.get_one(ClinicSession, ticket.session_id))
    visit_id = queueing.start(session, doctor, ticket_id, now)
    # Reading what was before is what stands under 谁看过 afterwards.
    records.open_history(session, doctor, ticket.patient_ref, now, beside=visit_id)
    write(session, doctor, visit_id, note_for(session, ticket), now)
    queueing.finish(session, doctor, ticket_id, now)
    return visit_id


def _doctor(house: DemoHouse, sitting: ClinicSession) -> Actor:
    return next(actor for actor in house.doctors.values() if actor.ref == sitting.clinician_ref)
