"""People who stand at the desk without an appointment or a phone: registered, given a place, checked in, in one act.

The desk has the document before it. Whether the hospital knew the person shows in nothing that comes back: a record that
exists is found by its blind index and stays closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import booking as rules
from app.domain.actor import Actor
from app.domain.errors import NotFound, Refused
from app.domain.ids import new_ref
from app.models import Appointment, Clinic, ClinicSession, Patient
from app.services import booking, checkin, clinics, events, people, rights
from app.services.booking import AppointmentView
from app.services.clinics import SessionView
from app.services.people import Document
from app.services.sealing import seal_next


class SittingOver(Refused):
    """The doctor's hours of today are over or stopped, or are another day's: nobody can walk in there any more."""

    code = "sitting_over"


@dataclass(frozen=True)
class WalkedIn:
    """The ticket that somebody got. `is_new` is false where they had it already."""

    patient_ref: str
    appointment_id: str
    ticket_id: str
    ticket: str
    is_new: bool


def sittings(session: Session, actor: Actor, clinic_id: str, now: datetime) -> list[SessionView]:
    """Return the clinic's sessions of today that are not over: where one may walk in. Raises NotAllowed."""
    rights.run_desk(actor, clinic_id, now)
    running = [view for view in clinics.sessions_in(session, clinic_id, now) if view.ends_at > now]
    of_these = ClinicSession.id.in_([view.id for view in running])
    stopped = set(session.scalars(select(ClinicSession.id).where(of_these, ClinicSession.stopped_at.is_not(None))))
    return [view for view in running if view.id not in stopped]


def walk_in(
    session: Session, actor: Actor, document: Document, name: str, phone: str | None, session_id: str, now: datetime
) -> WalkedIn:
    """Return the ticket of the person whose document the desk has seen, in the doctor's line of now.

    Somebody who is in the department's line today gets the ticket there is; somebody who has an appointment there today is
    checked in for it. `phone` (E.164) goes on file where the hospital has none. The caller owns the transaction.

    Raises NotFound (no such session), NotAllowed (another clinic's), SittingOver, people.NameDiffers.
    """
    sitting = session.get(ClinicSession, session_id)
    if sitting is None:
        raise NotFound()
    rights.run_desk(actor, sitting.clinic_id, now)
    if sitting.stopped_at is not None or sitting.ends_at <= now or sitting.day_on not in clinics.days_around(now):
        raise SittingOver()
    ref = people.see_document(session, actor, document, name, phone, now)
    session.scalar(
        select(Patient.ref).where(Patient.ref == ref).with_for_update()
    )  # two desks, one person: one after another
    with rights.concerning(ref):
        appointment_id = _open_today(session, actor, ref, sitting, now) or _without_slot(
            session, actor, ref, sitting, now
        )
        issued = checkin.check_in_at_desk(session, actor, appointment_id, now)
    return WalkedIn(ref, appointment_id, issued.ticket_id, issued.ticket, issued.is_new)


def book_for(session: Session, actor: Actor, patient_ref: str, slot_id: str, now: datetime) -> AppointmentView:
    """Return the appointment that the desk makes for somebody before it or on the telephone: no hold in between.

    Raises what `booking.hold` raises.
    """
    if session.get(Patient, patient_ref) is None:
        raise NotFound()
    held = booking.hold(session, actor, patient_ref, slot_id, now)
    if held.state != "held":
        return held
    return booking.confirm(session, actor, held.id, now)


# Private


def _open_today(session: Session, actor: Actor, ref: str, sitting: ClinicSession, now: datetime) -> str | None:
    """Return the person's open appointment of today in the department of `sitting`; a mere hold there is let go."""
    from_at, to_at = clinics.around_today(now)
    rows = session.scalars(
        select(Appointment)
        .join(ClinicSession, ClinicSession.id == Appointment.session_id)
        .where(
            Appointment.patient_ref == ref,
            Appointment.state.in_(booking.OPEN),
            Appointment.starts_at >= from_at,
            Appointment.starts_at < to_at,
            ClinicSession.department_id == sitting.department_id,
        )
        .order_by(Appointment.state == "booked", Appointment.starts_at)  # a ticket comes before what is only booked
    ).all()
    for row in rows:
        if row.state == "held":
            booking.release(session, actor, row.id, now)
    return next((row.id for row in rows if row.state in ("booked", "checked_in", "in_consult")), None)


def _without_slot(session: Session, actor: Actor, ref: str, sitting: ClinicSession, now: datetime) -> str:
    rule = clinics.rules_of(session.get_one(Clinic, sitting.clinic_id)).booking
    row = Appointment(
        id=new_ref(),
        patient_ref=ref,
        slot_id=None,
        session_id=sitting.id,
        clinic_id=sitting.clinic_id,
        state="booked",
        starts_at=now,
        created_at=now,
        excludes=rules.exclusion(rule, sitting.id, sitting.department_id, now),
    )
    seal_next(session, row)
    session.flush()
    events.record(session, "appointment.walked_in", actor, now, subject=ref, objects=[row])
    return row.id
