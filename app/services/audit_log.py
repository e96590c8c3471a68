"""The auditor's book: every event as the ledger binds it, subjects as references only.

Events hold no name and no number of anybody, so an auditor reads all of them; the salts, which make a receipt, stay with the
subject. Events of the house, which concern no patient, are the auditor's own: their receipts are handed out here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.domain.events import CATALOGUE
from app.models import Event, Opening, Staff
from app.ports import Unreadable
from app.services import events, looked_at, rights
from app.services.disclosure import COUNTS_FOR
from ledger.receipt import ForMe, format_extra

PAGE = 50
SHORT_REF = 8  # characters of a reference: enough to tell two apart on a page


@dataclass(frozen=True)
class AuditLine:
    """One event on the auditor's list. `subject` is the beginning of a reference, empty for events of the house. `is_broken`: what
    was recorded does not open any more, and all that the line says are columns that anybody may have changed."""

    id: str
    at: datetime
    type: str
    actor_kind: str
    role: str
    subject: str
    seq: int
    entry: bytes
    is_broken: bool = False


@dataclass(frozen=True)
class AuditedEvent:
    """One event as it was recorded: both halves as they lie under the ledger's entry."""

    line: AuditLine
    open: dict[str, Any]
    own: dict[str, Any]


def page_of(
    session: Session,
    actor: Actor,
    now: datetime,
    *,
    event_type: str | None = None,
    before: str | None = None,
    limit: int = PAGE,
) -> tuple[list[AuditLine], str | None]:
    """Return (events newest first, the id to go on before, or None), of one type if asked. Raises NotAllowed.

    A type that does not exist has no events.
    """
    rights.audit_events(actor, now)
    query = select(Event)
    if event_type:
        query = query.where(Event.type == event_type)
    if before:
        query = query.where(Event.serial < events.serial_of(before))
    rows = session.scalars(query.order_by(Event.serial.desc()).limit(limit + 1)).all()
    lines = [_line_of(session, row) for row in rows[:limit]]
    return lines, (rows[limit - 1].id if len(rows) > limit else None)


def one(session: Session, actor: Actor, event_id: str, now: datetime) -> AuditedEvent:
    """Return one event. Raises NotAllowed, NotFound."""
    rights.audit_events(actor, now)
    return _audited(session, _found(session, event_id))


def extra_of(session: Session, actor: Actor, event_id: str, now: datetime) -> tuple[bytes, bytes]:
    """Return (entry, extra) of an event of the house, for the log's reader to complete.

    Raises NotAllowed; NotFound also for a patient's event: its receipt is the patient's.
    """
    rights.audit_events(actor, now)
    row = _found(session, event_id)
    if row.subject_ref is not None:
        raise NotFound()
    return row.entry, format_extra(ForMe(*events.open_event(session, row)))


@dataclass(frozen=True)
class Look:
    """One opening, as an auditor reads it beside what it rested on: when, of which kind, how many things and of which kinds."""

    event_id: str
    at: datetime
    type: str
    count: int
    contents: tuple[str, ...]


def looks_by(
    session: Session, actor_ref: str, subject: str, cites: str, since_at: datetime, *, limit: int = PAGE
) -> list[Look]:
    """Return what somebody opened of a person on a grant whose citation begins so, the oldest first. The caller has decided
    access."""
    rows = session.scalars(
        select(Event)
        .where(Event.subject_ref == subject, Event.actor_ref == actor_ref, Event.side == "look", Event.at >= since_at)
        .order_by(Event.serial)
        .limit(limit)
    )
    read = [(row, events.read_event(session, row)[1]) for row in rows]
    cited = [(row, own) for row, own in read if str(own.get("consent", "")).startswith(cites)]
    kinds = looked_at.kinds_of(session, [own["objects"] for _row, own in cited])
    return [
        Look(row.id, row.at, row.type, int(own["detail"].get("count", 1)), contents)
        for (row, own), contents in zip(cited, kinds, strict=True)
    ]


def doer_of(session: Session, event: AuditedEvent) -> tuple[str, str]:
    """Return the name, in both languages, of the member of staff who did what an event says; empty for anybody else."""
    actor = event.own["actor"]
    who = session.get(Staff, actor["ref"]) if actor["kind"] == "staff" and actor["ref"] else None
    return (who.name_zh, who.name_en) if who else ("", "")


def record_opened(session: Session, actor: Actor, event_id: str, now: datetime) -> None:
    """Record that an auditor opened somebody's event, in that person's own log: once for each sitting and event in fifteen
    minutes. Events of the house are nobody's. Raises NotFound, NotAllowed."""
    rights.audit_events(actor, now)
    row = _found(session, event_id)
    if row.subject_ref is None:
        return
    key = hashlib.sha256(f"audit.opened\n{actor.ref}\n{actor.session}\n{event_id}".encode()).digest()
    seen = session.get(Opening, key)
    if seen is not None and seen.at > now - COUNTS_FOR:
        return
    event = events.record(
        session, "audit.opened", actor, now, subject=row.subject_ref, detail={}, purpose="audit_review", reason="office"
    )
    session.merge(Opening(key=key, event_id=event.id, at=now))


def types() -> list[str]:
    """Return the types to choose from."""
    return list(CATALOGUE)


def _found(session: Session, event_id: str) -> Event:
    row = session.get(Event, event_id)
    if row is None:
        raise NotFound()
    return row


def _line_of(session: Session, row: Event) -> AuditLine:
    """Return an event's line, also where somebody tampered with it: one row must not close the book."""
    try:
        own = events.read_event(session, row)[1]
    except Unreadable:
        return _line(row, "", is_broken=True)
    return _line(row, str(own["actor"]["role"] or ""))


def _line(row: Event, role: str, *, is_broken: bool = False) -> AuditLine:
    return AuditLine(
        id=row.id,
        at=row.at,
        type=row.type,
        actor_kind=row.actor_kind,
        role=role,
        subject=(row.subject_ref or "")[:SHORT_REF],
        seq=row.seq,
        entry=row.entry,
        is_broken=is_broken,
    )


def _audited(session: Session, row: Event) -> AuditedEvent:
    opened, own = events.read_event(session, row)
    return AuditedEvent(_line(row, str(own["actor"]["role"] or "")), opened, own)
