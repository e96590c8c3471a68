"""One ticket as pages, boards and screens show it. Where it stands among others is the business of `lines`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.orm import Session

from app.domain.tickets import format_ticket
from app.models import Appointment, Clinic, ClinicSession, Department, Prepared, Room, Staff, Ticket
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
        Ticket.id,
        Ticket.letter,
        Ticket.number,
        Ticket.state,
        Ticket.patient_ref,
        Ticket.appointment_id,
        Ticket.session_id,
        Ticket.queue_id,
        Ticket.clinician_ref,
        Ticket.passes,
        Ticket.calls,
        Ticket.method,
        Ticket.checked_in_at,
        Ticket.called_at,
        Ticket.changed_at,
        Ticket.queued_at,
        Ticket.priority,
        Ticket.undo,
        Appointment.starts_at,
        ClinicSession.clinic_id,
        ClinicSession.late_minutes,
        Clinic.name_zh.label("clinic_zh"),
        Clinic.name_en.label("clinic_en"),
        Department.name_zh.label("department_zh"),
        Department.name_en.label("department_en"),
        Staff.name_zh.label("doctor_zh"),
        Staff.name_en.label("doctor_en"),
        _called_to.c.name_zh.label("called_zh"),
        _called_to.c.name_en.label("called_en"),
        _own_room.c.name_zh.label("room_zh"),
        _own_room.c.name_en.label("room_en"),
        _first_room.c.name_zh.label("first_zh"),
        _first_room.c.name_en.label("first_en"),
        _origin.c.letter.label("origin_letter"),
        _origin.c.number.label("origin_number"),
    )
    .select_from(Ticket)
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
_BY_ID = Prepared(_TICKETS.where(Ticket.id == bindparam("ticket")))


def views(session: Session, which: ColumnElement[bool]) -> list[TicketView]:
    """Return the tickets that a condition names, without their positions. The caller has decided who may see them."""
    return [_view(row) for row in session.execute(_TICKETS.where(which))]


def views_of(session: Session, ids: Iterable[str]) -> list[TicketView]:
    """Return a few tickets by their ids, as `views` does; unknown ones are left out. What was changed is flushed before."""
    connection = session.connection()
    return [_view(row) for ticket_id in ids for row in _BY_ID.all(connection, ticket=ticket_id)]


def _view(row: Any) -> TicketView:
    room = _words(row.called_zh, row.called_en)
    if room is None and row.clinician_ref is not None:
        room = Words(row.room_zh, row.room_en)
    return TicketView(
        id=row.id,
        ticket=format_ticket(row.letter, row.number),
        number=row.number,
        state=row.state,
        patient_ref=row.patient_ref,
        appointment_id=row.appointment_id,
        session_id=row.session_id,
        queue_id=row.queue_id,
        clinic_id=row.clinic_id,
        clinician_ref=row.clinician_ref,
        clinic=Words(row.clinic_zh, row.clinic_en),
        department=Words(row.department_zh, row.department_en),
        doctor=_words(row.doctor_zh, row.doctor_en),
        room=room,
        passes=row.passes,
        calls=row.calls,
        method=row.method,
        starts_at=row.starts_at,
        checked_in_at=row.checked_in_at,
        called_at=row.called_at,
        changed_at=row.changed_at,
        priority=row.priority,
        marks=(row.priority,) if row.priority else (),
        origin=format_ticket(row.origin_letter, row.origin_number) if row.origin_letter else "",
        moved_from=_words(row.first_zh, row.first_en),
        undoable=row.undo["act"] if row.undo else None,
        late_minutes=row.late_minutes or 0,
        queued_at=row.queued_at or row.checked_in_at,
    )


def _words(zh: str | None, en: str | None) -> Words | None:
    return None if zh is None else Words(zh, en or "")
