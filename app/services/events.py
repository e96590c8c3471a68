"""Recording: one event for each act, pending in the act's own transaction (I4).

An event is two canonical JSON objects, `open` and `own` (DESIGN, section 4), sealed with their salts under the subject's
key for events. Its entry, 33 bytes that say nothing, goes to the ledger as pending; the sequencer does the rest.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, bindparam, insert, select, update
from sqlalchemy.orm import Session

from app.domain import events as catalogue
from app.domain.actor import Actor
from app.domain.ids import new_event_id
from app.domain.messages import TELLS
from app.models import HOSPITAL, Bound, Event, Prepared, SubjectChain, projected, to_ms
from app.services.sealing import object_of, vault_of
from ledger.entry import canonical_json, chain_link, entry_of, own_hash

EVENT_VERSION = 1
SALT_BYTES = 32
FIRST_PREV = bytes(32)  # the `prev` of a subject's first event
AHEAD = timedelta(seconds=10)  # an `at` further ahead of the clock than this is refused (DESIGN, section 4)


@dataclass(frozen=True)
class Recorded:
    """An event that was recorded in this transaction: its id, and its place in what the ledger takes in."""

    id: str
    serial: int


def record(
    session: Session,
    event_type: str,
    actor: Actor,
    now: datetime,
    *,
    subject: str | None = None,
    objects: Iterable[Bound] = (),
    detail: catalogue.Detail | None = None,
    purpose: str | None = None,
    reason: str | None = None,
    consent: str | None = None,
    named: Iterable[dict[str, Any]] = (),
    event_id: str | None = None,
) -> Recorded:
    """Record one event and say which it is; it is pending until the sequencer has it.

    `subject` is the person or account whose receipt this is; None leaves it with the auditor. `objects` are the rows in the
    versions that the act made or showed; `named` are such rows as `object_of` names them, where the caller named them before
    and has seen in this transaction that they are at these versions still. `event_id` is what a caller announced already.
    The caller owns the transaction.

    Raises ValueError for an unknown type, other detail fields than the type's, or a `now` ahead of the clock: all ours.
    """
    detail = detail or {}
    catalogue.check_detail(event_type, detail)
    clock = session.info.get("clock")
    if clock is not None and now > clock() + AHEAD:
        raise ValueError("an event cannot be stated to happen in the future")

    seq, prev = _lock_chain(session, subject)
    event_id = event_id or new_event_id(to_ms(now))
    open_part = {"v": EVENT_VERSION, "id": event_id, "at": projected(now), "type": event_type}
    own_part: dict[str, Any] = {
        "subject": subject,
        "seq": seq,
        "prev": prev.hex(),
        "actor": {"kind": actor.kind, "ref": actor.ref, "role": actor.role},
        "objects": sorted(
            [*named, *(object_of(session, row) for row in objects)], key=lambda o: (o["type"], o["id"], o["version"])
        ),
        "detail": detail,
    }
    own_part.update(
        {k: v for k, v in (("purpose", purpose), ("reason", reason), ("consent", consent)) if v is not None}
    )

    opened, own = canonical_json(open_part), canonical_json(own_part)
    open_salt, own_salt = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(SALT_BYTES)
    entry = entry_of(open_salt, own_hash(own_salt, own), opened)
    sealed = vault_of(session).seal(
        subject or HOSPITAL,
        "events",
        f"event|{event_id}|1",
        {
            "open": opened.decode(),
            "own": own.decode(),
            "open_salt": base64.b64encode(open_salt).decode(),
            "own_salt": base64.b64encode(own_salt).decode(),
        },
    )
    connection = session.connection()
    serial = session.info["add_pending"](connection, entry, to_ms(now))
    _ADD_EVENT.run(
        connection, id=event_id, serial=serial, entry=entry, subject_ref=subject, seq=seq, at=now, type=event_type,
        side=catalogue.CATALOGUE[event_type].side, actor_kind=actor.kind, actor_ref=actor.ref, sealed=sealed,
    )  # fmt: skip
    _move_chain(session, subject, seq, chain_link(own_salt, entry))
    event = Recorded(event_id, serial)
    session.info.setdefault("recorded", []).append(event)
    if subject is not None and event_type in TELLS:  # a message, written when the act is done: services.outbox
        about = [(o["type"], o["id"]) for o in own_part["objects"]]
        session.info.setdefault("to_tell", []).append((event_type, subject, detail, about, now))
    return event


# Every act runs these.
_ADD_EVENT = Prepared(insert(Event.__table__))
_CHAIN = Prepared(
    select(SubjectChain.seq, SubjectChain.next_prev).where(SubjectChain.subject == bindparam("of")).with_for_update()
)
_ADD_CHAIN = Prepared(insert(SubjectChain.__table__))
_MOVE_CHAIN = Prepared(
    update(SubjectChain.__table__)
    .where(SubjectChain.subject == bindparam("of"))
    .values(seq=bindparam("to"), next_prev=bindparam("then"))
)


def _lock_chain(session: Session, subject: str | None) -> tuple[int, bytes]:
    """Return (`seq`, `prev`) for the subject's next event, its chain's row locked: whoever holds that takes `seq`, `prev`
    and the serial in one order. A session is one transaction, so a chain that it holds stays held."""
    key = subject or HOSPITAL
    held: dict[str, tuple[int, bytes]] = session.info.setdefault("chains", {})
    if key not in held:
        connection = session.connection()
        row = _CHAIN.first(connection, of=key)
        if row is None:
            _ADD_CHAIN.run(connection, subject=key, seq=0, next_prev=FIRST_PREV)
        held[key] = (0, FIRST_PREV) if row is None else (row.seq, row.next_prev)
    seq, prev = held[key]
    return seq + 1, prev


def _move_chain(session: Session, subject: str | None, seq: int, next_prev: bytes) -> None:
    key = subject or HOSPITAL
    _MOVE_CHAIN.run(session.connection(), of=key, to=seq, then=next_prev)
    session.info["chains"][key] = (seq, next_prev)


def open_event(session: Session, event: Event) -> tuple[bytes, bytes, bytes, bytes]:
    """Return (open_salt, open, own_salt, own) of an event: for receipts and for the auditor, nobody else."""
    body = vault_of(session).open(event.subject_ref or HOSPITAL, "events", f"event|{event.id}|1", event.sealed)
    return (
        base64.b64decode(body["open_salt"]),
        body["open"].encode(),
        base64.b64decode(body["own_salt"]),
        body["own"].encode(),
    )


def read_event(session: Session, event: Event) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the two halves of an event as values."""
    _, opened, _, own = open_event(session, event)
    return json.loads(opened), json.loads(own)


def serial_of(event_id: str) -> ScalarSelect[int]:
    """Return a query for an event's place in the order of recording: of two in one millisecond the ids do not tell it."""
    return select(Event.serial).where(Event.id == event_id).scalar_subquery()


def recorded(session: Session) -> Sequence[Recorded]:
    """Return the events recorded in this unit of work, in order."""
    return tuple(session.info.get("recorded", ()))
