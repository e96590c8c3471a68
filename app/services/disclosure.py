"""Recording an opening once: per actor, web session and object versions, in fifteen minutes (A4)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.events import Detail
from app.models import Bound, Event, Opening
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
) -> Event | None:
    """Record that `actor` opened `rows` of `subject`, and return the event; None when this sitting saw these versions just now.

    Call it in the transaction whose commit comes before the first byte of the page.
    """
    versions = "\n".join(sorted(f"{row.OBJECT}|{row.object_id}|{row.version}" for row in rows))
    text = f"{event_type}\n{actor.ref}\n{actor.session}\n{subject}\n{versions}"
    key = hashlib.sha256(text.encode()).digest()
    known = session.get(Opening, key)
    if known is not None and now - known.at < COUNTS_FOR:
        return None
    event = events.record(
        session, event_type, actor, now, subject=subject, objects=rows, detail=detail, purpose=purpose, reason=reason
    )
    session.merge(Opening(key=key, event_id=event.id, at=now))
    return event
