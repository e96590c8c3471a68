"""Closing a clinic's day: its figures, kept as they were then, with the ledger's position; once, and never undone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import dayclose as rules
from app.domain.actor import Actor
from app.domain.calendar import AROUND_MIDNIGHT, day_bounds, hospital_day
from app.domain.dayclose import DayAhead, DayClosed, DayNotOver, Figures, Group, Hour, Line, Position
from app.domain.errors import NotFound
from app.domain.tickets import format_ticket
from app.models import Appointment, Clinic, ClinicSession, DayClose, Department, Queue, Staff, Ticket, Visit
from app.services import events, rights
from app.services.clinics import Words

NOT_COME = ("booked", "no_show")  # an appointment of a day that is over and that nobody checked in for


@dataclass(frozen=True)
class DayView:
    """A clinic's day. `closed_at` is None while it is open; then everything is counted anew at each look."""

    clinic_id: str
    clinic: Words
    day_on: date
    lines: tuple[Line, ...]
    figures: Figures
    groups: tuple[Group, ...]
    hours: tuple[Hour, ...]
    closed_at: datetime | None = None
    closed_by: Words | None = None
    position: Position | None = None
    name: str = ""  # the clinic's, as the CSV says it: a closed day keeps the one that it had


def day_of(session: Session, actor: Actor, clinic_id: str, day_on: date, now: datetime) -> DayView:
    """Return a day of one's own clinic: as it was closed, else as it stands. Raises NotFound, NotAllowed."""
    clinic = _clinic(session, actor, clinic_id, now)
    kept = session.get(DayClose, (clinic_id, day_on))
    if kept is None:
        return _view(clinic, day_on, lines_of(session, clinic_id, day_on, now))
    written = json.loads(kept.figures)
    view = _view(clinic, day_on, [_read(line) for line in written["lines"]])
    by = session.get(Staff, kept.closed_by)
    return DayView(
        **{**vars(view), "closed_at": kept.closed_at, "closed_by": Words(by.name_zh, by.name_en) if by else None,
           "position": Position(kept.ledger_size, kept.ledger_root), "name": written["clinic"]},
    )  # fmt: skip


def close(session: Session, actor: Actor, clinic_id: str, day_on: date, position: Position, now: datetime) -> None:
    """Close a day: keep its figures with where the ledger stood.

    Raises NotFound, NotAllowed, DayAhead, DayClosed, DayNotOver while anybody is waited for on that day or in the three hours after it.
    """
    clinic = _clinic(session, actor, clinic_id, now)
    if day_on > hospital_day(now):
        raise DayAhead()
    if session.get(DayClose, (clinic_id, day_on)) is not None:
        raise DayClosed()
    lines = lines_of(session, clinic_id, day_on, now)
    counted = rules.figures(lines)
    if counted.unfinished and is_running(day_on, now):
        raise DayNotOver(count=counted.unfinished)
    kept = DayClose(
        clinic_id=clinic_id, day_on=day_on, closed_by=str(actor.ref), closed_at=now, ledger_size=position.size,
        ledger_root=position.root,
        figures=json.dumps({"clinic": clinic.name_zh, "lines": [_written(one) for one in lines]}, ensure_ascii=False),
    )  # fmt: skip
    session.add(kept)
    detail = {
        "day": day_on.isoformat(),
        "came": counted.came,
        "seen": counted.seen,
        "digest": rules.digest(rules.csv_text(lines, clinic.name_zh, day_on.isoformat(), position, now)),
    }
    events.record(session, "day.closed", actor, now, detail=detail)


def is_running(day_on: date, now: datetime) -> bool:
    """Return whether the day's sessions may still run: it is that day, or not three hours past it. Later somebody was forgotten."""
    return now < day_bounds(day_on)[1] + AROUND_MIDNIGHT


def csv_of(view: DayView, position: Position, now: datetime) -> str:
    """Return a day as CSV: of a closed one the same bytes always, whose digest stands in the event."""
    made_at, at = (view.closed_at, view.position) if view.closed_at and view.position else (now, position)
    return rules.csv_text(view.lines, view.name or view.clinic.zh, view.day_on.isoformat(), at, made_at)


def lines_of(session: Session, clinic_id: str, day_on: date, now: datetime) -> list[Line]:
    """Return one line for each ticket of the clinic's queues of that day, and for each appointment that nobody came for."""
    rows = session.execute(
        select(
            Ticket.letter,
            Ticket.number,
            Ticket.state,
            Ticket.checked_in_at,
            Ticket.changed_at,
            Visit.started_at,
            Visit.finished_at,
            Department.name_zh,
            Department.name_en,
            Staff.name_zh.label("doctor_zh"),
            Staff.name_en.label("doctor_en"),
        )
        .join(Queue, Queue.id == Ticket.queue_id)
        .join(ClinicSession, ClinicSession.id == Ticket.session_id)
        .join(Department, Department.id == ClinicSession.department_id)
        .join(Staff, Staff.ref == ClinicSession.clinician_ref)
        .outerjoin(Visit, Visit.appointment_id == Ticket.appointment_id)
        .where(Queue.clinic_id == clinic_id, Queue.day_on == day_on)
        .order_by(Ticket.letter, Ticket.number)
    )
    lines = [
        Line(
            ticket=format_ticket(row.letter, row.number),
            department_zh=row.name_zh, department_en=row.name_en, doctor_zh=row.doctor_zh, doctor_en=row.doctor_en,
            state=row.state, came_at=row.checked_in_at, seen_at=row.started_at,
            ended_at=row.finished_at or (row.changed_at if row.state in ("left", "no_show") else None),
        )
        for row in rows
    ]  # fmt: skip
    return [*lines, *_not_come(session, clinic_id, day_on, now)]


# Private


def _not_come(session: Session, clinic_id: str, day_on: date, now: datetime) -> list[Line]:
    """Return those who were booked and have no ticket, as far as their hour is over."""
    from_at, to_at = day_bounds(day_on)
    rows = session.execute(
        select(
            Department.name_zh,
            Department.name_en,
            Staff.name_zh.label("doctor_zh"),
            Staff.name_en.label("doctor_en"),
        )
        .select_from(Appointment)
        .join(ClinicSession, ClinicSession.id == Appointment.session_id)
        .join(Department, Department.id == ClinicSession.department_id)
        .join(Staff, Staff.ref == ClinicSession.clinician_ref)
        .outerjoin(Ticket, Ticket.appointment_id == Appointment.id)
        .where(
            Appointment.clinic_id == clinic_id,
            Appointment.starts_at >= from_at,
            Appointment.starts_at < to_at,
            Appointment.state.in_(NOT_COME),
            Ticket.id.is_(None),
            ClinicSession.ends_at <= now,
        )
        .order_by(Appointment.starts_at, Appointment.id)
    )
    return [Line("", row.name_zh, row.name_en, row.doctor_zh, row.doctor_en, "no_show") for row in rows]


def _clinic(session: Session, actor: Actor, clinic_id: str, now: datetime) -> Clinic:
    """Return the actor's own clinic: the desk's, or an admin's. Raises NotFound, NotAllowed."""
    clinic = session.get(Clinic, clinic_id)
    if clinic is None or clinic_id not in actor.clinics:
        raise NotFound()
    if actor.role == "desk":
        rights.run_desk(actor, clinic_id, now)
    else:
        rights.manage_staff(actor, now)
    return clinic


def _view(clinic: Clinic, day_on: date, lines: Sequence[Line]) -> DayView:
    return DayView(
        clinic.id,
        Words(clinic.name_zh, clinic.name_en),
        day_on,
        tuple(lines),
        rules.figures(lines),
        tuple(rules.groups(lines)),
        tuple(rules.hours(lines)),
    )


def _written(line: Line) -> dict[str, str | None]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(line).items()}


def _read(written: dict[str, str | None]) -> Line:
    return Line(
        **{k: datetime.fromisoformat(v) if k.endswith("_at") and v else v for k, v in written.items()}  # type: ignore[arg-type]
    )
