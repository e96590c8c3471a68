"""Messages that the clock or the line brings, where no event happened to the person: reminders, near, next, the doctor is late.

Each thing is said once: its key names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.calendar import ONE_DAY, day_bounds, format_clock, hospital_day
from app.domain.messages import HOUR_BEFORE, KINDS, NEAR, nearness, reminder_due
from app.domain.tickets import format_ticket
from app.models import Appointment, Clinic, ClinicSession, OutboxMessage, Queue, Ticket
from app.services import clinics, lines, outbox

BATCH = 200
KEYS_AT_ONCE = 500  # in one question to the database


@dataclass(frozen=True)
class Due:
    """A message that is due and was not said yet."""

    key: str
    patient_ref: str
    kind: str
    facts: dict[str, str | int] = field(repr=False)


# Reminders of visits


def reminders_due(session: Session, now: datetime) -> bool:
    return bool(_reminders(session, now))


def remind(session: Session, now: datetime) -> int:
    """Write the reminders that are due, some hundreds at most; return how many."""
    return _tell(session, _reminders(session, now)[:BATCH], now)


def _reminders(session: Session, now: datetime) -> list[Due]:
    """Return who is due a reminder: of a visit in an hour, or, in the evening, of one tomorrow."""
    tomorrow = day_bounds(hospital_day(now) + ONE_DAY)
    soon = (now, now + HOUR_BEFORE + timedelta(minutes=1))
    found = []
    for from_at, to_at in (soon, tomorrow):
        rows = session.execute(
            select(Appointment.id, Appointment.patient_ref, Appointment.starts_at, Appointment.created_at).where(
                Appointment.clinic_id.in_(select(Clinic.id)),
                Appointment.starts_at >= from_at,
                Appointment.starts_at < to_at,
                Appointment.state == "booked",
            )
        )
        for row in rows:
            kind = reminder_due(row.starts_at, row.created_at, now)
            if kind is not None:
                key = f"{kind}:{row.id}:{format_clock(row.starts_at)}"
                found.append(Due(key, row.patient_ref, kind, {"time": format_clock(row.starts_at)}))
    return _unsaid(session, found)


# Those who wait


def near_due(session: Session, now: datetime) -> bool:
    return bool(_near(session, now))


def tell_near(session: Session, now: datetime) -> int:
    """Write to those who have three before them or fewer, and to those whose doctor is late; return how many."""
    return _tell(session, _near(session, now)[:BATCH], now)


def _near(session: Session, now: datetime) -> list[Due]:
    here = (
        select(Ticket.queue_id, Ticket.clinician_ref)
        .where(
            Ticket.queue_id.in_(select(Queue.id).where(Queue.day_on.in_(clinics.days_around(now)))),
            Ticket.state == "waiting",
        )
        .distinct()
    )
    near: dict[str, tuple[str, int]] = {}
    for queue_id, clinician_ref in session.execute(here).all():
        for before, entry in enumerate(lines.in_order(session, queue_id, clinician_ref)[: NEAR + 1]):
            kind = nearness(before)
            if kind is not None:
                near[entry.ticket_id] = (kind, before)
    found = []
    rows = session.execute(
        select(Ticket.id, Ticket.patient_ref, Ticket.letter, Ticket.number, Ticket.checked_in_at).where(
            Ticket.id.in_(near)
        )
    )
    for row in rows:
        kind, before = near[row.id]
        # Who has just been checked in has the place before their eyes.
        if now - row.checked_in_at >= timedelta(minutes=1) and now - row.checked_in_at < lines.ACTIVE_FOR:
            number = format_ticket(row.letter, row.number)
            found.append(Due(f"{kind}:{row.id}", row.patient_ref, kind, {"ticket": number, "before": before}))
    return _unsaid(session, [*found, *_late(session, now)])


def _late(session: Session, now: datetime) -> list[Due]:
    """Return who waits for a clinician that said to be late, within the last while."""
    rows = session.execute(
        select(Ticket.id, Ticket.patient_ref, ClinicSession.late_minutes)
        .join(ClinicSession, ClinicSession.id == Ticket.session_id)
        .where(
            ClinicSession.day_on.in_(clinics.days_around(now)),
            ClinicSession.late_minutes.is_not(None),
            ClinicSession.late_at > now - KINDS["late"].lasts,
            Ticket.state.in_(("waiting", "away")),
        )
    )
    return [
        Due(f"late:{row.id}:{row.late_minutes}", row.patient_ref, "late", {"minutes": row.late_minutes})
        for row in rows
        if row.late_minutes
    ]


# Private


def _unsaid(session: Session, found: list[Due]) -> list[Due]:
    said: set[str | None] = set()
    keys = [due.key for due in found]
    for start in range(0, len(keys), KEYS_AT_ONCE):
        part = keys[start : start + KEYS_AT_ONCE]
        said.update(session.scalars(select(OutboxMessage.key).where(OutboxMessage.key.in_(part))))
    return [due for due in found if due.key not in said]


def _tell(session: Session, found: Iterable[Due], now: datetime) -> int:
    return sum(outbox.tell(session, due.patient_ref, due.kind, now, key=due.key, **due.facts) for due in found)
