"""Recording an opening once: per actor, web session and object version, in fifteen minutes (A4).

Each opening cites what it rests on: `reason` is the basis of the grant, `consent` the rows behind it in their versions
(`permit:<id>@<version>`, `ticket:…`, `link:…`, `break_glass:…`), `purpose` what a consent was given for where one was.

Opening much takes long, and whoever records has the database to itself. So a page looks first, in a read transaction (`look`),
and what it opened is announced; then a short transaction records it (`record_due`), if every version and every grant is
what it was; and only then is anything shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.domain.access import Basis, Grant
from app.domain.actor import Actor
from app.domain.events import Detail
from app.domain.ids import new_event_id
from app.models import Bound, Opening, to_ms
from app.services import events, rights
from app.services.sealing import object_of

KeyT = TypeVar("KeyT", bytes, str)

Version = tuple[type[Bound], str, int]  # kind, key and version
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


class Changed(Exception):
    """What was looked at, or the right to it, is not what it was. Nothing was recorded and nothing may be shown: look again."""


@dataclass(frozen=True)
class Due:
    """A disclosure that was announced: the event that will say so, and the versions that it names."""

    event_id: str
    event_type: str
    subject: str
    rows: tuple[Version, ...]
    named: tuple[dict[str, Any], ...]
    keys: tuple[bytes, ...]
    said: dict[str, Any]  # detail, purpose, reason and consent of the event


@dataclass(frozen=True)
class Look:
    """What one look opened, and the answers of `rights` on which it did."""

    due: tuple[Due, ...]
    asked: tuple[rights.Asked, ...]


def look(session: Session) -> None:
    """Let what is opened in this read transaction be announced instead of recorded."""
    session.info.update(due=[], asked=[])


def looked(session: Session) -> Look:
    """Return what was announced since `look`."""
    return Look(tuple(session.info["due"]), tuple(session.info["asked"]))


def record_due(session: Session, actor: Actor, seen: Look, now: datetime) -> None:
    """Record what a look announced. Raises Changed where a version or a grant is not what it was, or where the same sitting had
    the same recorded meanwhile."""
    if not all(rights.stands(session, one, now) for one in seen.asked) or not are_present(
        session, [row for one in seen.due for row in one.rows]
    ):
        raise Changed()
    if _marked(session, [key for one in seen.due for key in one.keys], now):
        raise Changed()
    for one in seen.due:
        events.record(
            session, one.event_type, actor, now, subject=one.subject, named=one.named, event_id=one.event_id, **one.said
        )
        _mark(session, one.keys, one.event_id, now)


def named_versions(rows: Iterable[Bound]) -> tuple[Version, ...]:
    """Return kind, key and version of rows as they were opened, for `are_present`."""
    return tuple((type(row), row.object_id, row.version) for row in rows)


def are_present(session: Session, rows: Iterable[Version]) -> bool:
    """Tell whether every row that was opened is there, in the version that was opened."""
    kept: dict[type[Bound], dict[str, int]] = {}
    for kind, row_id, version in rows:
        if kept.setdefault(kind, {}).setdefault(row_id, version) != version:
            return False
    for kind, versions in kept.items():
        key = getattr(kind, kind.KEY)
        for some in _chunks(list(versions)):
            present = {
                str(row_id): version
                for row_id, version in session.execute(select(key, kind.version).where(key.in_(some)))
            }
            if any(present.get(row_id) != versions[row_id] for row_id in some):
                return False
    return True


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

    Call it in the transaction whose commit comes before the first byte of the page; in a `look` it announces the event.
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
    said: dict[str, Any] = {
        "detail": detail,
        "purpose": (grant.purpose if grant is not None else "") or purpose,
        "reason": basis.value if basis else None,
        "consent": (grant.cites if grant is not None else "") or None,
    }
    keys = tuple(_key(actor, event_type, subject, row, resting) for row in fresh)
    if "due" in session.info:
        event_id = new_event_id(to_ms(now))
        named = tuple(object_of(session, row) for row in fresh)
        session.info["due"].append(Due(event_id, event_type, subject, named_versions(fresh), named, keys, said))
        return event_id
    event = events.record(session, event_type, actor, now, subject=subject, objects=fresh, **said)
    _mark(session, keys, event.id, now)
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
    announced = {key: one.event_id for one in session.info.get("due", ()) for key in one.keys}
    return {**_marked(session, keys, now), **{key: announced[key] for key in keys if key in announced}}


def _marked(session: Session, keys: Sequence[bytes], now: datetime) -> dict[bytes, str]:
    """Return which of these keys an event of the last fifteen minutes stands for, and which event."""
    found: dict[bytes, str] = {}
    for some in _chunks(keys):
        query = select(Opening.key, Opening.event_id).where(Opening.key.in_(some), Opening.at > now - COUNTS_FOR)
        found.update((key, event_id) for key, event_id in session.execute(query))
    return found


def _chunks(keys: Sequence[KeyT]) -> Iterator[Sequence[KeyT]]:
    """Yield keys in portions: SQLite takes a bounded number of parameters."""
    for start in range(0, len(keys), 500):
        yield keys[start : start + 500]


def _key(actor: Actor, event_type: str, subject: str, row: Bound, resting: str) -> bytes:
    """Return what a sight counts as. By a consent or in an emergency it counts apart: the person reads each on its ground."""
    version = f"{row.OBJECT}|{row.object_id}|{row.version}"
    said = f"{event_type}\n{actor.ref}\n{actor.session}\n{subject}\n{version}\n{resting}"
    return hashlib.sha256(said.encode()).digest()
