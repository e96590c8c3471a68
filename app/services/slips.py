"""Slips of paper for people without a phone: the number, where to wait, and a link to the receipt that anybody can check.

The link is a capability: whoever holds the paper holds it. It shows the receipt's form "to show", which says what happened
and when and nothing of whom, for thirty days. The database keeps the link's hash; the link itself follows from the slip's id by
the index key in the keyring, so that the desk can print the same slip again.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.domain.ids import new_ref
from app.domain.tickets import format_ticket
from app.models import Appointment, Clinic, ClinicSession, Department, Room, Slip, Staff, Ticket
from app.services import events, receipts, rights
from app.services.clinics import Words
from app.services.sealing import vault_of

LIFE = timedelta(days=30)
TOKEN_BYTES = 18


@dataclass(frozen=True)
class Paper:
    """What stands on a slip. `department`, `doctor` and `room` are None where the department is sensitive: then only numbers.

    `room` is None, too, where any room of the line may call; `area` where the waiting room has none. `token` is the link's,
    empty before printing.
    """

    appointment_id: str
    clinic_id: str
    ticket: str | None
    starts_at: datetime
    is_walk_in: bool
    clinic: Words
    department: Words | None
    doctor: Words | None
    room: Words | None
    area: Words | None
    token: str = ""
    printed_at: datetime | None = None
    expires_at: datetime | None = None


def of_ticket(session: Session, actor: Actor, ticket_id: str, now: datetime) -> Paper:
    """Return the slip of a ticket of the desk's clinic, as it would be printed. Raises NotFound, NotAllowed."""
    appointment_id = session.scalar(select(Ticket.appointment_id).where(Ticket.id == ticket_id))
    if appointment_id is None:
        raise NotFound()
    return of_appointment(session, actor, appointment_id, now)


def of_appointment(session: Session, actor: Actor, appointment_id: str, now: datetime) -> Paper:
    """Return the slip of an appointment, checked in or not yet. Raises NotFound, NotAllowed."""
    row = session.get(Appointment, appointment_id)
    if row is None:
        raise NotFound()
    rights.run_desk(actor, row.clinic_id, now)
    return _paper(session, row)


def print_slip(session: Session, actor: Actor, appointment_id: str, now: datetime) -> str:
    """Return the id of a new slip, with a link of its own to the receipt of the check-in, else of the booking.

    Raises NotFound (also where nothing was booked), NotAllowed.
    """
    row = session.get(Appointment, appointment_id)
    if row is None:
        raise NotFound()
    rights.run_desk(actor, row.clinic_id, now)
    event_id = receipts.of_arrival(session, row.patient_ref, row.id)
    if event_id is None:
        raise NotFound(about=row.patient_ref)
    slip = Slip(id=new_ref(), appointment_id=row.id, event_id=event_id, printed_at=now, expires_at=now + LIFE)
    slip.token_hash = _hash(_token(session, slip.id))
    session.add(slip)
    events.record(session, "slip.printed", actor, now, subject=row.patient_ref, detail={"valid_days": LIFE.days})
    return slip.id


def printed(session: Session, actor: Actor, slip_id: str, now: datetime) -> Paper:
    """Return a slip with its link, to print again. Raises NotFound, NotAllowed."""
    slip = session.get(Slip, slip_id)
    if slip is None:
        raise NotFound()
    row = session.get_one(Appointment, slip.appointment_id)
    rights.run_desk(actor, row.clinic_id, now)
    return _paper(session, row, slip)


def shown(session: Session, token: str, now: datetime) -> tuple[bytes, bytes, datetime]:
    """Return (entry, extra, end) of the receipt that a slip's link shows: the form to show, whoever asks.

    Raises NotFound, the same for a link that never was and for one that has run out.
    """
    slip = session.scalar(select(Slip).where(Slip.token_hash == _hash(token), Slip.expires_at > now))
    if slip is None:
        raise NotFound()
    return *receipts.extra_to_show(session, slip.event_id), slip.expires_at


# Private


def _token(session: Session, slip_id: str) -> str:
    return base64.urlsafe_b64encode(vault_of(session).digest("slip", slip_id)[:TOKEN_BYTES]).decode()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _paper(session: Session, row: Appointment, slip: Slip | None = None) -> Paper:
    ticket = session.scalar(select(Ticket).where(Ticket.appointment_id == row.id))
    sitting = session.get_one(ClinicSession, ticket.session_id if ticket else row.session_id)  # a ticket may have moved
    department = session.get_one(Department, sitting.department_id)
    room = session.get_one(Room, sitting.room_id)
    doctor = session.get_one(Staff, sitting.clinician_ref)
    clinic = session.get_one(Clinic, row.clinic_id)
    is_open = not department.is_sensitive
    is_own_room = is_open and (sitting.kind == "expert" or ticket is None)
    return Paper(
        appointment_id=row.id,
        clinic_id=row.clinic_id,
        ticket=format_ticket(ticket.letter, ticket.number) if ticket else None,
        starts_at=row.starts_at,
        is_walk_in=row.slot_id is None,
        clinic=Words(clinic.name_zh, clinic.name_en),
        department=Words(department.name_zh, department.name_en) if is_open else None,
        doctor=Words(doctor.name_zh, doctor.name_en) if is_own_room else None,
        room=Words(room.name_zh, room.name_en) if is_own_room else None,
        area=Words(room.area_zh, room.area_en or room.area_zh) if room.area_zh and is_open else None,
        token=_token(session, slip.id) if slip else "",
        printed_at=slip.printed_at if slip else None,
        expires_at=slip.expires_at if slip else None,
    )
