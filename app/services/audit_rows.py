"""Rows against events: each version of a bound row is named by an event, and the row is what the newest of them says.

As with events, a batch is checked by itself; the records that come out meet those of the events in `settle`.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select, text

from app.models import HOSPITAL, Bound, projected
from app.ports import Vault
from app.services.audit_events import Batch
from app.services.audit_findings import Finding
from app.services.audit_kinds import BY_NUMBER, BY_TABLE, KINDS
from app.services.audit_spool import KEPT, OBJECT, ROW, TOMBSTONE, bucket_of
from app.services.audit_tombstones import Tombstones
from app.services.sealing import SALT
from ledger.entry import row_digest

BATCH = 1000
OF_LARGE = 16  # rows of tables whose payloads are files
LARGE = frozenset({"document_content"})
KEPT_VERSIONS = "kept_version"

_KEPT = text(
    "SELECT place, row_id, version, patient_ref, clear, sealed FROM kept_version"
    " WHERE place > :place OR (place = :place AND (row_id > :row OR (row_id = :row AND version > :version)))"
    " ORDER BY place, row_id, version LIMIT :most"
)
_ERASED_ROWS = text(
    "SELECT erased_by, kind, row_id, version FROM erased_row WHERE erased_by > :by OR (erased_by = :by AND"
    " (kind > :kind OR (kind = :kind AND row_id > :row))) ORDER BY erased_by, kind, row_id LIMIT :most"
)
_ERASED_EVENTS = text(
    "SELECT erased_by, serial FROM erased_event WHERE erased_by > :by OR (erased_by = :by AND serial > :serial)"
    " ORDER BY erased_by, serial LIMIT :most"
)


def read_rows(connection: Connection) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield all bound rows, (table, columns by name), in batches."""
    for table_name, model in sorted(BY_TABLE.items()):
        table: Any = model.__table__  # type: ignore[attr-defined]
        key, after = table.columns[model.KEY], ""
        most = OF_LARGE if table_name in LARGE else BATCH
        while rows := connection.execute(select(table).where(key > after).order_by(key).limit(most)).all():
            after = getattr(rows[-1], model.KEY)
            yield table_name, [dict(row._mapping) for row in rows]
    yield from _kept_versions(connection)


def _kept_versions(connection: Connection) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    at: dict[str, Any] = {"place": "", "row": "", "version": 0, "most": BATCH}
    while rows := connection.execute(_KEPT, at).all():
        at |= {"place": rows[-1].place, "row": rows[-1].row_id, "version": rows[-1].version}
        batch = [dict(row._mapping) for row in rows]
        for row in batch:  # a driver of PostgreSQL has read the JSON already
            row["clear"] = json.loads(row["clear"]) if isinstance(row["clear"], str) else row["clear"]
        yield KEPT_VERSIONS, batch


def check(table: str, rows: Sequence[dict[str, Any]], vault: Vault, buckets: int) -> Batch:
    """Check one batch of `read_rows`."""
    found = Batch(count=len(rows))
    objects: dict[int, bytearray] = defaultdict(bytearray)
    if table == KEPT_VERSIONS:
        for row in rows:
            model = BY_TABLE.get(row["place"])
            if model is None:
                found.findings.append(Finding("row.inserted", row["place"], row["row_id"], row["version"]))
                continue
            base = {"id": row["row_id"], "version": row["version"], **row["clear"]}
            place = f"{row['place']}|{row['row_id']}|{row['version']}"
            _check_one(model, row["patient_ref"], place, base, row["sealed"], KEPT, vault, buckets, found, objects)
    else:
        model = BY_TABLE[table]
        if model.OWNER:
            vault.prepare({str(row[model.OWNER]) for row in rows}, model.RETENTION)
        for columns in rows:
            if not columns["sealed"]:  # emptied by an erasure: its tombstone says so, or `settle` misses it
                continue
            row_id, version = str(columns[model.KEY]), columns["version"]
            clear = {name: projected(columns[name]) for name in model.FIELDS}
            base = {"id": row_id, "version": version, **clear}
            owner = str(columns[model.OWNER]) if model.OWNER else HOSPITAL
            place = f"{table}|{row_id}|{version}"
            _check_one(model, owner, place, base, columns["sealed"], ROW, vault, buckets, found, objects)
    found.objects = {bucket: bytes(records) for bucket, records in objects.items()}
    return found


def _check_one(
    model: type[Bound],
    owner: str,
    place: str,
    base: dict[str, Any],
    sealed: bytes,
    mark: int,
    vault: Vault,
    buckets: int,
    found: Batch,
    objects: dict[int, bytearray],
) -> None:
    row_id, version = str(base["id"]), int(base["version"])
    digest = bytes(32)  # of a row that does not open: no event has it, and `settle` passes it over
    try:
        payload = vault.open(owner, model.RETENTION, place, sealed)
        salt = base64.b64decode(payload.pop(SALT))
        digest = row_digest(salt, {"projection": model.OBJECT, "content": payload, **base})
    except KeyError:
        found.keyless.append(Finding("row.swapped", model.OBJECT, row_id, version))
    except Exception:  # whatever a payload that somebody made up breaks: the finding is the same, and nobody's data
        found.findings.append(Finding("row.swapped", model.OBJECT, row_id, version))
    key = row_id.encode()[:40]
    objects[bucket_of(key, buckets)] += OBJECT.pack(KINDS[model.OBJECT], key, version, mark, digest)


def read_tombstones(
    connection: Connection, buckets: int, erasures: dict[str, Tombstones]
) -> Iterator[dict[int, bytes]]:
    """Yield the tombstones of rows as records for the spool; `erasures` gets what each erasure left, events too."""
    at: dict[str, Any] = {"by": "", "kind": "", "row": "", "most": BATCH}
    while rows := connection.execute(_ERASED_ROWS, at).all():
        at |= {"by": rows[-1].erased_by, "kind": rows[-1].kind, "row": rows[-1].row_id}
        parts: dict[int, bytearray] = defaultdict(bytearray)
        for erased_by, kind, row_id, version in rows:
            key = row_id.encode()[:40]
            parts[bucket_of(key, buckets)] += OBJECT.pack(KINDS.get(kind, 0), key, version, TOMBSTONE, bytes(32))
            erasures.setdefault(erased_by, Tombstones()).add_row(kind, row_id, version)
        yield {bucket: bytes(records) for bucket, records in parts.items()}
    at = {"by": "", "serial": -1, "most": BATCH}
    while events := connection.execute(_ERASED_EVENTS, at).all():
        at |= {"by": events[-1].erased_by, "serial": events[-1].serial}
        for erased_by, serial in events:
            erasures.setdefault(erased_by, Tombstones()).add_event(serial)


def settle(records: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Finding, int]]:
    """Yield (finding, serial of the event that says otherwise, or 0) of the rows in one bucket."""
    named: dict[tuple[int, bytes], dict[int, tuple[bytes, int]]] = defaultdict(dict)
    present: dict[tuple[int, bytes], tuple[int, bytes]] = {}
    kept: dict[tuple[int, bytes], dict[int, bytes]] = defaultdict(dict)
    erased: set[tuple[int, bytes]] = set()
    for number, row_id, version, mark, digest in records:
        key = (number, row_id)
        if mark == ROW:
            present[key] = (version, digest)
        elif mark == KEPT:
            kept[key][version] = digest
        elif mark == TOMBSTONE:
            erased.add(key)
        elif named[key].setdefault(version, (digest, mark))[0] != digest:
            yield Finding("row.two_digests", *_names(key), version), mark
    for key, (version, digest) in present.items():
        events = named.get(key, {})
        what, row_id = _names(key)
        if key in erased:
            yield Finding("row.erased_yet_there", what, row_id, version), 0
        elif not events:
            yield Finding("row.inserted", what, row_id, version), 0
        else:
            newest = max(events)
            if newest > version:
                yield Finding("row.rolled_back", what, row_id, version), events[newest][1]
            for missing in sorted(set(range(1, version + 1)) - events.keys()):
                yield Finding("row.unnamed_version", what, row_id, missing), 0
            if version in events and digest not in (events[version][0], bytes(32)):
                yield Finding("row.edited", what, row_id, version), events[version][1]
    for key, versions in kept.items():
        for version, digest in versions.items():
            said = named.get(key, {}).get(version)
            if said is None:
                yield Finding("row.inserted", *_names(key), version), 0
            elif digest not in (said[0], bytes(32)):
                yield Finding("row.edited", *_names(key), version), said[1]
    for key in named.keys() - present.keys() - erased:
        newest = max(named[key])
        yield Finding("row.deleted", *_names(key), newest), named[key][newest][1]


def _names(key: tuple[int, bytes]) -> tuple[str, str]:
    model = BY_NUMBER.get(key[0])
    return (model.OBJECT if model else "unknown"), key[1].rstrip(b"\0").decode("ascii", "replace")
