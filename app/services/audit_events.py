"""Events against the log: each entry has its event or tombstone, each event makes its entry, and follows the one before.

A batch is checked by itself, so that several processes can share the work; what needs more than one event (a subject's
chain, the versions of a row) comes out as records for `audit_spool`.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from app.domain.events import CATALOGUE
from app.models import HOSPITAL, from_ms, projected
from app.ports import Vault
from app.services.audit_findings import Finding
from app.services.audit_kinds import KINDS
from app.services.audit_spool import HEAD, LINK, OBJECT, bucket_of
from ledger.entry import chain_link, entry_of, own_hash

BATCH = 2000
FIRST_PREV = bytes(32)

_ENTRIES = text(
    "SELECT l.serial, l.entry, l.at_ms, l.idx, t.erased_by, e.id, e.entry, e.subject_ref, e.seq, e.at, e.type, e.side,"
    " e.actor_kind, e.actor_ref, e.sealed FROM ledger_entry l LEFT JOIN event e ON e.serial = l.serial"
    " LEFT JOIN erased_event t ON t.serial = l.serial WHERE l.serial > :after ORDER BY l.serial LIMIT :most"
)
_STRAY = text(
    "SELECT e.id, e.type FROM event e WHERE NOT EXISTS (SELECT 1 FROM ledger_entry l WHERE l.serial = e.serial)"
)
_HEADS = text("SELECT subject, seq, next_prev FROM subject_chain WHERE subject > :after ORDER BY subject LIMIT :most")


class Entry(NamedTuple):
    """An entry of the log with its event, where it has one, and its tombstone; columns as the database has them."""

    serial: int
    leaf: bytes
    at_ms: int
    index: int | None
    erased_by: str | None
    event_id: str
    entry: bytes
    subject: str | None
    seq: int
    at: int
    type: str
    side: str
    actor_kind: str
    actor_ref: str | None
    sealed: bytes


@dataclass
class Batch:
    """What came out of one batch: records for the two spools by bucket, findings, the erasures that events record, and what
    could not be opened for want of a key (an erasure under way may explain it)."""

    objects: dict[int, bytes] = field(default_factory=dict)
    links: dict[int, bytes] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    erasures: list[tuple[str, str]] = field(default_factory=list)  # event id, digest of its tombstones
    keyless: list[Finding] = field(default_factory=list)
    count: int = 0


def read_entries(connection: Connection) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the log's entries in the order of their serials, each with its event and tombstone, BATCH at a time."""
    after = 0  # serials of events count from 1; leaves of no event are judged by `audit_bare`
    while rows := connection.execute(_ENTRIES, {"after": after, "most": BATCH}).all():
        after = rows[-1][0]
        yield [tuple(row) for row in rows]


def strays(connection: Connection) -> Iterator[Finding]:
    """Yield the events that the log has no entry for."""
    for event_id, event_type in connection.execute(_STRAY):
        yield Finding("event.inserted", event_type, event_id)


def read_heads(connection: Connection, buckets: int) -> Iterator[dict[int, bytes]]:
    """Yield the last links of all chains as records."""
    after = ""
    while rows := connection.execute(_HEADS, {"after": after, "most": BATCH}).all():
        after = rows[-1][0]
        parts: dict[int, bytearray] = defaultdict(bytearray)
        for subject, seq, next_prev in rows:
            key = subject.encode()[:40]
            parts[bucket_of(key, buckets)] += LINK.pack(key, seq, HEAD, next_prev, b"")
        yield {bucket: bytes(records) for bucket, records in parts.items()}


def check(rows: Sequence[tuple[Any, ...]], vault: Vault, buckets: int) -> Batch:
    """Check one batch of `read_entries`."""
    found = Batch(count=len(rows))
    objects: dict[int, bytearray] = defaultdict(bytearray)
    links: dict[int, bytearray] = defaultdict(bytearray)
    vault.prepare({row[7] or HOSPITAL for row in rows if row[5] is not None}, "events")
    for row in rows:
        _check_one(Entry._make(row), vault, buckets, found, objects, links)
    found.objects = {bucket: bytes(records) for bucket, records in objects.items()}
    found.links = {bucket: bytes(records) for bucket, records in links.items()}
    return found


def _check_one(
    row: Entry,
    vault: Vault,
    buckets: int,
    found: Batch,
    objects: dict[int, bytearray],
    links: dict[int, bytearray],
) -> None:
    event_id, kind, index, subject = row.event_id, row.type, row.index, row.subject
    if event_id is None:
        if row.erased_by is None:
            found.findings.append(Finding("event.deleted", index=index))
        return
    if row.erased_by is not None:
        found.findings.append(Finding("event.erased_yet_there", kind, event_id, index=index))
    try:
        body = vault.open(subject or HOSPITAL, "events", f"event|{event_id}|1", row.sealed)
        opened, own = body["open"].encode(), body["own"].encode()
        open_salt, own_salt = base64.b64decode(body["open_salt"]), base64.b64decode(body["own_salt"])
        made = entry_of(open_salt, own_hash(own_salt, own), opened)
    except KeyError:
        found.keyless.append(Finding("event.swapped", kind, event_id, index=index))
        return
    except Exception:  # whatever a payload that somebody made up breaks: the finding is the same, and nobody's data
        found.findings.append(Finding("event.swapped", kind, event_id, index=index))
        return
    if not made == row.entry == row.leaf:
        wrong = tuple(
            name for name, other in (("event.entry", row.entry), ("ledger_entry.entry", row.leaf)) if other != made
        )
        found.findings.append(Finding("event.edited", kind, event_id, index=index, fields=wrong))
    try:
        _take(row, opened, own, own_salt, made, buckets, found, objects, links)
    except Exception:  # sealed by somebody who had the key, in a form that no event has
        found.findings.append(Finding("event.edited", kind, event_id, index=index))


def _take(
    row: Entry,
    opened: bytes,
    own: bytes,
    own_salt: bytes,
    made: bytes,
    buckets: int,
    found: Batch,
    objects: dict[int, bytearray],
    links: dict[int, bytearray],
) -> None:
    """Compare an event that opened with its columns in clear, and put out what it says of its chain and of rows."""
    event_id, kind, at, index = row.event_id, row.type, row.at, row.index
    o, w = json.loads(opened), json.loads(own)
    actor = w["actor"]
    if (
        o["id"] != event_id or o["type"] != kind or w["subject"] != row.subject or w["seq"] != row.seq
        or actor["kind"] != row.actor_kind or actor["ref"] != row.actor_ref or at != row.at_ms
        or o["at"] != projected(from_ms(at)) or _SIDES.get(kind) != row.side
    ):  # fmt: skip
        found.findings.append(Finding("event.relabelled", kind, event_id, index=index, fields=_differing(row, o, w)))
    key = (w["subject"] or HOSPITAL).encode()[:40]
    link = LINK.pack(key, w["seq"], row.serial, bytes.fromhex(w["prev"]), chain_link(own_salt, made))
    links[bucket_of(key, buckets)] += link
    for one in w["objects"]:
        row_id = one["id"].encode()[:40]
        packed = OBJECT.pack(
            KINDS.get(one["type"], 0), row_id, one["version"], row.serial, bytes.fromhex(one["digest"])
        )
        objects[bucket_of(row_id, buckets)] += packed
    if kind.startswith("erasure.") and "list_digest" in w["detail"]:
        found.erasures.append((event_id, w["detail"]["list_digest"]))


def _differing(row: Entry, o: dict[str, Any], w: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the columns that say something else than the sealed event."""
    said = (
        ("id", row.event_id, o["id"]), ("type", row.type, o["type"]), ("at", projected(from_ms(row.at)), o["at"]),
        ("ledger_entry.at_ms", row.at_ms, row.at), ("subject_ref", row.subject, w["subject"]), ("seq", row.seq, w["seq"]),
        ("actor_kind", row.actor_kind, w["actor"]["kind"]), ("actor_ref", row.actor_ref, w["actor"]["ref"]),
        ("side", row.side, _SIDES.get(row.type)),
    )  # fmt: skip
    return tuple(name for name, here, there in said if here != there)


_SIDES = {name: one.side for name, one in CATALOGUE.items()}


def settle(records: Iterator[tuple[Any, ...]]) -> Iterator[tuple[str, int]]:
    """Yield (kind of finding, serial of the event) of what is wrong in the chains of one bucket; of a chain's head the serial is
    that of its last event, 0 where it has none. Records come in the order of serials, heads last."""
    last: dict[bytes, tuple[int, bytes, int]] = {}
    heads: set[bytes] = set()
    for subject, seq, serial, prev, link in records:
        before = last.get(subject, (0, FIRST_PREV, 0))
        if serial == HEAD:
            heads.add(subject)
            if (seq, prev) != before[:2]:
                yield "chain.head", before[2]
            continue
        if seq != before[0] + 1 or prev != before[1]:
            yield "event.chain", serial
        last[subject] = (seq, link, serial)
    for subject in last.keys() - heads:
        yield "chain.head", last[subject][2]
