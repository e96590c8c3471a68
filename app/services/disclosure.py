"""Recording an opening once: per actor, web session and object version, in fifteen minutes (A4)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.events import Detail
from app.models import Bound, Opening
from app.services import events

COUNTS_FOR = timedelta(minutes=15)


def opened(
    session: Session,
    actor: Actor,
    event_type: str,
    subject: str,
    rows: Sequence[Bound],
    now: datetime,
    *,
    detail: Detail,
    purpose: str,
    reason: str | None = None,
) -> str | None:
    """Record that `actor` opened `rows` of `subject`; return the id of the event that says so, None without rows.

    The event names the versions that this sitting has not seen in fifteen minutes; without any such, none is recorded and
    the earlier event's id comes back. A `count` in `detail` becomes how many the event names.

    Call it in the transaction whose commit comes before the first byte of the page.
    """
    seen = _seen(session, actor, event_type, subject, rows, now)
    fresh = [row for row in rows if _key(actor, event_type, subject, row) not in seen]
    if not fresh:
        return next(iter(seen.values()), None)
    if "count" in detail:
        detail = {**detail, "count": len(fresh)}
    event = events.record(
        session, event_type, actor, now, subject=subject, objects=fresh, detail=detail, purpose=purpose, reason=reason
    )
    mark_seen(session, actor, event_type, subject, fresh, event.id, now)
    return event.id


def mark_seen(
    session: Session, actor: Actor, event_type: str, subject: str, rows: Sequence[Bound], event_id: str, now: datetime
) -> None:
    """Let `event_id` stand for this sitting's sight of `rows`: who signs a record has seen it, and that event says so."""
    for row in rows:
        session.merge(Opening(key=_key(actor, event_type, subject, row), event_id=event_id, at=now))


def _seen(
    session: Session, actor: Actor, event_type: str, subject: str, rows: Sequence[Bound], now: datetime
) -> dict[bytes, str]:
    """Return key and event of each version that this sitting saw lately."""
    keys = [_key(actor, event_type, subject, row) for row in rows]
    found: dict[bytes, str] = {}
    for start in range(0, len(keys), 500):  # SQLite takes a bounded number of parameters
        query = select(Opening).where(Opening.key.in_(keys[start : start + 500]), Opening.at > now - COUNTS_FOR)
        found.update((known.key, known.event_id) for known in session.scalars(query))
    return found


def _key(actor: Actor, event_type: str, subject: str, row: Bound) -> bytes:
    version = f"{row.OBJECT}|{row.object_id}|{row.version}"
    return hashlib.sha256(f"{event_type}\n{actor.ref}\n{actor.session}\n{subject}\n{version}".encode()).digest()
