"""What is left of the day, read from the database and the log once the server is stopped: for `check`, which judges it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from app.models import Appointment, Event, Queue, Ticket, projected
from app.services import events
from app.services.replaying import replay_day
from app.services.sealing import object_of
from app.web.house import House
from ledger.errors import MalformedError, VerificationError
from ledger.reader import NotInLog
from ledger.receipt import ForMe, format_extra, verify_receipt
from ledger.stores.sql import SQLStore

BOUND = (Ticket.OBJECT, Appointment.OBJECT)


@dataclass(frozen=True)
class Fact:
    """One event, opened."""

    type: str
    at: datetime
    subject: str | None
    actor_kind: str
    actor: str | None
    detail: dict[str, Any]
    objects: tuple[dict[str, Any], ...]

    def named(self, kind: str) -> str:
        """Return the id of the object of this kind that the event names first; empty where it names none."""
        return next((one["id"] for one in self.objects if one["type"] == kind), "")


@dataclass
class Gathered:
    """Rows as events would name them now, by (type, id); events in the order of the log, those of the day apart."""

    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    events: list[Fact] = field(default_factory=list)
    of_day: list[Fact] = field(default_factory=list)
    numbers: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # by the queue's letter
    last_numbers: dict[str, int] = field(default_factory=dict)
    tickets: dict[str, str] = field(default_factory=dict)  # "A012" → ticket
    of_appointment: dict[str, str] = field(default_factory=dict)  # appointment → ticket
    of_patient: dict[str, str] = field(default_factory=dict)  # patient → newest ticket
    states: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    replay: list[str] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)  # what is wrong with them
    verified: int = 0
    entries: int = 0
    published: int = 0


def gather(house: House, day_on: date, since: datetime) -> Gathered:
    """Return everything; `since` is when the day began. Each event's receipt is made and verified offline."""
    found = Gathered()
    with house.reading_session() as session:
        for event in session.scalars(select(Event).order_by(Event.serial).execution_options(yield_per=500)):
            fact = _verified(house, session, event, found)
            if fact is None:
                continue
            found.events.append(fact)
            if fact.at >= since.replace(microsecond=0):
                found.of_day.append(fact)
        found.entries = len(found.events) + len(found.receipts)
        found.published = SQLStore(house.engine).newest_size() or 0
    with house.reading_session() as session:
        for queue in session.scalars(select(Queue).where(Queue.day_on == day_on)):
            found.numbers[queue.letter] = []
            found.last_numbers[queue.letter] = queue.last_number
        for ticket in session.scalars(select(Ticket).order_by(Ticket.checked_in_at)):
            found.rows[Ticket.OBJECT, ticket.id] = _object(session, ticket, found)
            found.numbers[ticket.letter].append(ticket.number)
            found.tickets[f"{ticket.letter}{ticket.number:03}"] = ticket.id
            found.of_appointment[ticket.appointment_id] = ticket.id
            found.of_patient[ticket.patient_ref] = ticket.id
            found.states[ticket.state] += 1
        for appointment in session.scalars(select(Appointment)):
            found.rows[Appointment.OBJECT, appointment.id] = _object(session, appointment, found)
    with house.reading_session() as session:
        replayed = replay_day(session, day_on)
        found.replay += [f"queue {one.letter}: {one.first}" for one in replayed.queues if one.first]
        found.replay += [f"an event names a ticket that is not there: {stray}" for stray in replayed.strays]
    return found


def _verified(house: House, session: Any, event: Event, found: Gathered) -> Fact | None:
    opening = events.open_event(session, event)
    try:
        receipt = house.log.receipt_for(event.entry, format_extra(ForMe(*opening)))
        said = verify_receipt(receipt.encode(), house.log_keys[0])
    except (NotInLog, VerificationError, MalformedError) as wrong:
        found.receipts.append(f"{event.type}: its receipt does not verify: {wrong}")
        return None
    opened, own = said.open, said.own
    if own is None or opened["id"] != event.id or own["subject"] != event.subject_ref:
        found.receipts.append(f"{event.type}: the receipt is another's")
        return None
    found.verified += 1
    actor: Any = own["actor"]
    if opened["type"] != event.type or opened["at"] != projected(event.at):
        found.receipts.append(f"{event.type}: type or instant in clear are not those of the receipt")
    return Fact(
        event.type,
        event.at,
        event.subject_ref,
        actor["kind"],
        actor["ref"],
        own["detail"],
        tuple(own["objects"]),  # type: ignore[arg-type]
    )


def _object(session: Any, row: Any, found: Gathered) -> dict[str, Any]:
    try:
        return object_of(session, row)
    except Exception as unreadable:  # a sealed row that does not open is a finding like any other
        found.receipts.append(f"{row.OBJECT}: the row does not open: {type(unreadable).__name__}")
        return {"type": row.OBJECT, "id": row.object_id, "version": row.version, "digest": ""}
