"""What a strike rests on: the events of the appointment that was not kept, from booking it to the strike, each with its receipt.

When somebody was called, how often, and when they were passed is in the person's own events and nowhere else. So it is read
from there: what is shown is what the receipts say, and can be checked against them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Appointment, Event, Strike, Ticket
from app.services import events

# The event that a strike says is enough; these are the way to it.
TYPES = (
    "appointment.booked",
    "waitlist.accepted",
    "appointment.moved",
    "appointment.checked_in",
    "ticket.called",
    "ticket.recalled",
    "ticket.passed",
    "ticket.requeued",
    "ticket.no_show",
    "ticket.undone",
    "appointment.no_show",
    "appointment.cancelled",
    "strike.given",
    "strike.excused",
)
CALLS = ("ticket.called", "ticket.recalled")
PASSES = ("ticket.passed", "ticket.no_show")
MOST = 400  # events of one person between booking and strike that are looked through


@dataclass(frozen=True)
class Happened:
    """One event: its id leads to the receipt, `entry` to its place in the log, `detail` is what the receipt says."""

    event_id: str
    at: datetime
    type: str
    detail: dict[str, Any]
    entry: bytes


@dataclass(frozen=True)
class Evidence:
    """What happened, the first thing first; how often the number was called and passed, and when first and last called."""

    happened: tuple[Happened, ...]
    calls: int
    passes: int
    first_call_at: datetime | None
    last_call_at: datetime | None


def of_strike(session: Session, strike_id: str, since_at: datetime | None = None) -> Evidence:
    """Return a strike's evidence, of events from `since_at` on. The caller has decided who may see it: the person, or who
    decides an appeal, whose opening is a disclosure."""
    strike = session.get_one(Strike, strike_id)
    kept = session.get_one(Appointment, strike.appointment_id)
    tickets = session.scalars(select(Ticket.id).where(Ticket.appointment_id == kept.id)).all()
    about = {strike.id, kept.id, *tickets}
    rows = session.scalars(
        select(Event)
        .where(
            Event.subject_ref == strike.patient_ref,
            Event.type.in_(TYPES),
            Event.at >= max(kept.created_at, since_at or kept.created_at),
        )
        .order_by(Event.serial)
        .limit(MOST)
    )
    happened = []
    for row in rows:
        own = events.read_event(session, row)[1]
        if about.intersection(one["id"] for one in own["objects"]):
            happened.append(Happened(row.id, row.at, row.type, own["detail"], row.entry))
    return _summed(happened)


def no_show_of(session: Session, kept: Appointment) -> str | None:
    """Return the id of the event of the pass that made this appointment a no-show; None where no pass did."""
    rows = session.scalars(
        select(Event)
        .where(Event.subject_ref == kept.patient_ref, Event.type == "ticket.no_show", Event.at >= kept.created_at)
        .order_by(Event.serial.desc())
        .limit(MOST)
    )
    for row in rows:
        if any(one["id"] == kept.id for one in events.read_event(session, row)[1]["objects"]):
            return row.id
    return None


def calls_of(session: Session, kept: Appointment) -> int | None:
    """Return how often somebody who had checked in was called; None for who never came."""
    ticket_id = session.scalar(select(Ticket.id).where(Ticket.appointment_id == kept.id))
    if ticket_id is None:
        return None
    rows = session.scalars(
        select(Event)
        .where(Event.subject_ref == kept.patient_ref, Event.type.in_(CALLS), Event.at >= kept.created_at)
        .limit(MOST)
    )
    return sum(any(one["id"] == ticket_id for one in events.read_event(session, row)[1]["objects"]) for row in rows)


def _summed(happened: Sequence[Happened]) -> Evidence:
    calls = [one.at for one in happened if one.type in CALLS]
    return Evidence(
        happened=tuple(happened),
        calls=len(calls),
        passes=sum(one.type in PASSES for one in happened),
        first_call_at=calls[0] if calls else None,
        last_call_at=calls[-1] if calls else None,
    )
