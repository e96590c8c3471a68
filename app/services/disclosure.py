"""Recording an opening once: per actor, web session and object version, in fifteen minutes (A4).

Each opening cites what it rests on: `reason` is the basis of the grant, `consent` the rows behind it in their versions
(`permit:<id>@<version>`, `ticket:…`, `link:…`, `break_glass:…`), `purpose` what a consent was given for where one was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.domain.access import Basis, Grant
from app.domain.actor import Actor
from app.domain.events import Detail
from app.models import Bound, Opening
from app.services import events, rights

COUNTS_FOR = timedelta(minutes=15)
MOST_AT_ONCE = 500  # keys in one statement: SQLite takes a bounded number of parameters
# What a look rests on where no question named the person: whose work in a clinic, or whose office, it is.
BY_ROLE = {
    "desk": Basis.CLINIC,
    "lab": Basis.CLINIC,
    "pharmacist": Basis.CLINIC,
    "admin": Basis.OFFICE,
    "auditor": Basis.OFFICE,
}
EXTRAORDINARY = (Basis.CONSENT, Basis.BREAK_GLASS)


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
    grant: Grant | None = None,
) -> str | None:
    """Record that `actor` opened `rows` of `subject`; return the id of the event that says so, None without rows.

    `grant` is what it rests on; by default the one that `rights` gave for this actor and person in this unit of work.

    The event names the versions that this sitting has not seen in fifteen minutes; without any such, none is recorded and
    the earlier event's id comes back. A `count` in `detail` becomes how many the event names.

    Call it in the transaction whose commit comes before the first byte of the page.
    """
    grant = grant or rights.granted(session, actor, subject)
    resting = grant.cites if grant is not None and grant.basis in EXTRAORDINARY else ""
    seen = _seen(session, actor, event_type, subject, rows, resting, now)
    fresh = [row for row in rows if _key(actor, event_type, subject, row, resting) not in seen]
    if not fresh:
        return next(iter(seen.values()), None)
    if "count" in detail:
        detail = {**detail, "count": len(fresh)}
    basis = grant.basis if grant is not None else BY_ROLE.get(actor.role or "")
    event = events.record(
        session, event_type, actor, now, subject=subject, objects=fresh, detail=detail,
        purpose=(grant.purpose if grant is not None else "") or purpose, reason=basis.value if basis else None,
        consent=(grant.cites if grant is not None else "") or None,
    )  # fmt: skip
    _mark(session, [_key(actor, event_type, subject, row, resting) for row in fresh], event.id, now)
    return event.id


def mark_seen(
    session: Session, actor: Actor, event_type: str, subject: str, rows: Sequence[Bound], event_id: str, now: datetime
) -> None:
    """Let `event_id` stand for this sitting's sight of `rows`: who signs a record has seen it, and that event says so."""
    _mark(session, [_key(actor, event_type, subject, row, "") for row in rows], event_id, now)


def _mark(session: Session, keys: Iterable[bytes], event_id: str, now: datetime) -> None:
    every = list(set(keys))
    for start in range(0, len(every), MOST_AT_ONCE):  # a page of a record marks dozens: two statements for all of them
        some = every[start : start + MOST_AT_ONCE]
        session.execute(delete(Opening).where(Opening.key.in_(some)))
        session.execute(insert(Opening), [{"key": key, "event_id": event_id, "at": now} for key in some])


def _seen(
    session: Session, actor: Actor, event_type: str, subject: str, rows: Sequence[Bound], resting: str, now: datetime
) -> dict[bytes, str]:
    """Return key and event of each version that this sitting saw lately on the same footing."""
    keys = [_key(actor, event_type, subject, row, resting) for row in rows]
    found: dict[bytes, str] = {}
    for some in _chunks(keys):
        query = select(Opening.key, Opening.event_id).where(Opening.key.in_(some), Opening.at > now - COUNTS_FOR)
        found.update((key, event_id) for key, event_id in session.execute(query))
    return found


def _chunks(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield keys in portions: SQLite takes a bounded number of parameters."""
    for start in range(0, len(keys), 500):
        yield keys[start : start + 500]


def _key(actor: Actor, event_type: str, subject: str, row: Bound, resting: str) -> bytes:
    """Return what a sight counts as. By a consent or in an emergency it counts apart: the person reads each on its ground."""
    version = f"{row.OBJECT}|{row.object_id}|{row.version}"
    said = f"{event_type}\n{actor.ref}\n{actor.session}\n{subject}\n{version}\n{resting}"
    return hashlib.sha256(said.encode()).digest()
