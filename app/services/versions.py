"""Every version of what was written about a person, each with its digest's salt and the event that named it: what the person's own
browser needs to see that a record is unchanged since it was signed.

An opener: whoever calls it has decided access and records the disclosure.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.models import Bound, Event, KeptVersion, Staff
from app.ports import Unreadable
from app.services import events
from app.services.clinics import Words
from app.services.sealing import SALT, open_payload, place_of, vault_of
from ledger.entry import row_digest

IMPORTED = "record.imported"


@dataclass(frozen=True)
class Version:
    """One version of a row. `projection` and `salt` make `digest`; `event_id` is the event that named it, None where none is
    found: then nothing vouches for it. `who` is who signed it, empty for the hospital's own commands."""

    object: str
    id: str
    number: int
    projection: dict[str, Any]
    salt: str
    digest: str
    is_present: bool
    event_id: str | None
    at: datetime | None
    who: Words


def of_rows(session: Session, patient_ref: str, rows: Sequence[Bound]) -> list[Version]:
    """Return all versions of these rows of one person: row by row, the newest first."""
    found = [v for row in rows for v in _versions(session, row)]
    named = _events_naming(session, patient_ref, rows, found)
    return [_version(session, v, named) for v in found]


@dataclass(frozen=True)
class _Found:
    """A version before its event is looked for."""

    object: str
    id: str
    number: int
    projection: dict[str, Any]
    salt: bytes
    is_present: bool

    @property
    def digest(self) -> str:
        return row_digest(self.salt, self.projection).hex()


def _versions(session: Session, row: Bound) -> list[_Found]:
    payload, salt = open_payload(session, row)
    present = _Found(
        row.OBJECT,
        row.object_id,
        row.version,
        {"projection": row.OBJECT, **row.project(payload)},
        salt,
        is_present=True,
    )
    return [present, *(_kept(session, row, one) for one in _kept_of(session, row))]


def _kept_of(session: Session, row: Bound) -> Sequence[KeptVersion]:
    """Return the versions before the present one. Raises Unreadable where one is not before it: then somebody put an old version
    back in the place of the present one, with its own payload, which opens."""
    if not row.KEEPS:
        return ()
    table = row.__tablename__  # type: ignore[attr-defined]
    query = select(KeptVersion).where(KeptVersion.place == table, KeptVersion.row_id == row.object_id)
    kept = session.scalars(query.order_by(KeptVersion.version.desc())).all()
    if kept and kept[0].version >= row.version:
        raise Unreadable("an old version stands in the place of the present one", place=place_of(row))
    return kept


def _kept(session: Session, row: Bound, one: KeptVersion) -> _Found:
    place = f"{one.place}|{one.row_id}|{one.version}"
    payload = vault_of(session).open(one.patient_ref, row.RETENTION, place, one.sealed)
    salt = base64.b64decode(payload.pop(SALT))
    projection = {
        "projection": row.OBJECT, "id": one.row_id, "version": one.version, "content": payload, **one.clear,
    }  # fmt: skip
    return _Found(row.OBJECT, one.row_id, one.version, projection, salt, is_present=False)


def _events_naming(
    session: Session, patient_ref: str, rows: Sequence[Bound], found: Iterable[_Found]
) -> dict[tuple[str, str, int, str], Event]:
    """Return the event that first named each version: looked for where the rows themselves say that something was written,
    and among the person's imports."""
    wanted = {(v.object, v.id, v.number, v.digest) for v in found}
    times = {at for row in rows for at in _written_at(session, row)}
    moments = sorted(times | {at for v in found for at in _times_in(v.projection)})
    named: dict[tuple[str, str, int, str], Event] = {}
    for start in range(0, len(moments) or 1, 400):  # SQLite takes a bounded number of parameters
        query = select(Event).where(
            Event.subject_ref == patient_ref,
            Event.side == "act",
            or_(Event.at.in_(moments[start : start + 400]), Event.type == IMPORTED),
        )
        for event in session.scalars(query.order_by(Event.serial)):
            for bound in events.read_event(session, event)[1]["objects"]:
                key = (bound["type"], bound["id"], bound["version"], bound["digest"])
                if key in wanted:
                    named.setdefault(key, event)
    return named


def _written_at(session: Session, row: Bound) -> list[datetime]:
    """Return when a row was or may have been written, by its own columns and by the versions of its report."""
    names = ("recorded_at", "changed_at", "signed_at", "started_at", "finished_at", "ordered_at", "collected_at")
    return [at for name in names if isinstance(at := getattr(row, name, None), datetime)]


def _times_in(projection: dict[str, Any]) -> list[datetime]:
    """Return the instants of what happened to a prescription afterwards, and of the columns of an earlier version."""
    steps = projection["content"].get("steps", ())
    texts = [step["at"] for step in steps] + [projection.get("changed_at"), projection.get("recorded_at")]
    return [datetime.fromisoformat(text) for text in texts if isinstance(text, str)]


def _version(session: Session, one: _Found, named: dict[tuple[str, str, int, str], Event]) -> Version:
    event = named.get((one.object, one.id, one.number, one.digest))
    who = Words("", "")
    if event is not None and event.actor_kind == "staff" and (member := session.get(Staff, event.actor_ref)):
        who = Words(member.name_zh, member.name_en)
    return Version(
        object=one.object,
        id=one.id,
        number=one.number,
        projection=one.projection,
        salt=one.salt.hex(),
        digest=one.digest,
        is_present=one.is_present,
        event_id=event.id if event else None,
        at=event.at if event else None,
        who=who,
    )
