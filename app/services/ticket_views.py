"""One ticket as pages, boards and screens show it. Where it stands among others is the business of `lines`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.domain.tickets import format_ticket
from app.models import Appointment, Clinic, ClinicSession, Department, Room, Staff, Ticket
from app.services.clinics import Words


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


def number_of(row: Ticket) -> str:
    return format_ticket(row.letter, row.number)


# Built once: its aliases cost as much as the answer.
_called_to, _own_room, _first_room = (Room.__table__.alias(name) for name in ("called_to", "own_room", "first_room"))
_first, _origin = ClinicSession.__table__.alias("first"), Ticket.__table__.alias("origin")
_TICKETS = (
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
        _called_to.c.name_zh,
        _called_to.c.name_en,
        _own_room.c.name_zh,
        _own_room.c.name_en,
        _first_room.c.name_zh,
        _first_room.c.name_en,
        _origin.c.letter,
        _origin.c.number,
        ClinicSession.late_minutes,
    )
    .join(Appointment, Appointment.id == Ticket.appointment_id)
    .join(ClinicSession, ClinicSession.id == Ticket.session_id)
    .join(Clinic, Clinic.id == ClinicSession.clinic_id)
    .join(Department, Department.id == ClinicSession.department_id)
    .join(_own_room, _own_room.c.id == ClinicSession.room_id)
    .outerjoin(Staff, Staff.ref == Ticket.clinician_ref)
    .outerjoin(_called_to, _called_to.c.id == Ticket.room_id)
    .outerjoin(_first, _first.c.id == Ticket.moved_from)
    .outerjoin(_first_room, _first_room.c.id == _first.c.room_id)
    .outerjoin(_origin, _origin.c.id == Ticket.origin_id)
    .order_by(Ticket.order_key, Ticket.number, Ticket.id)
)


def views(session: Session, which: ColumnElement[bool]) -> list[TicketView]:
    """Return the tickets that a condition names, without their positions. The caller has decided who may see them."""
    return [_view(*row) for row in session.execute(_TICKETS.where(which))]


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
