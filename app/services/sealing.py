"""Rows that the ledger binds: sealing their next version, opening their payload, digesting them.

The vault and the clock travel in `session.info`, put there by the one place that opens transactions, so that services
take what every service takes: session, actor, arguments, now.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import bindparam, insert, inspect, update
from sqlalchemy.event import listens_for
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.exc import StaleDataError

from app.models import Bound, KeptVersion, Prepared, projected
from app.ports import Vault
from ledger.entry import row_digest

RowT = TypeVar("RowT", bound=Bound)

SALT = "_salt"
SALT_BYTES = 32


def vault_of(session: Session) -> Vault:
    vault: Vault = session.info["vault"]
    return vault


def place_of(row: Bound, part: str = "") -> str:
    """Return where a row's sealed bytes belong: `table|row|version`, with `/part` after the table for a second payload."""
    table = row.__tablename__  # type: ignore[attr-defined]
    return f"{table}{'/' + part if part else ''}|{row.object_id}|{row.version}"


def seal_next(session: Session, row: Bound, payload: dict[str, Any] | None = None) -> None:
    """Make `row` its next version with this payload (none: nothing beside the salt) and put it into the session.

    Call it once per row and transaction, after the row's columns have their new values.
    """
    if row.KEEPS and row.version:
        _keep(session, row)
    row.version = (row.version or 0) + 1
    row.sealed = _seal(session, row, payload or {})
    session.add(row)


@listens_for(Bound, "before_update", propagate=True)
def _require_next_version(_mapper: Any, _connection: Any, row: Bound) -> None:
    """Raise where a row that keeps its versions would change in place: its receipt would speak of what is nowhere any more."""
    if row.KEEPS:
        state = inspect(row)
        changed = [name for name in row.FIELDS if state.attrs[name].history.has_changes()]
        if changed and not state.attrs.version.history.has_changes():
            raise ValueError(
                f"{row.OBJECT}: {', '.join(changed)} changed without a next version; seal it before the flush"
            )


def _keep(session: Session, row: Bound) -> None:
    """Put away the version that `row` is about to leave, with its columns as they were read."""
    before = inspect(row).committed_state
    was = {name: projected(before[name]) if name in before else value for name, value in row.clear().items()}
    table = row.__tablename__  # type: ignore[attr-defined]
    session.add(
        KeptVersion(
            place=table,
            row_id=row.object_id,
            version=row.version,
            patient_ref=row.owner_ref,
            clear=was,
            sealed=row.sealed,
        )
    )


def held(kind: type[RowT], columns: Mapping[str, Any]) -> RowT:
    """Return a row as an object with these columns that stands outside the session: for `write_first` and `write_next`."""
    row: RowT = kind.__mapper__.class_manager.new_instance()  # type: ignore[attr-defined]
    row.__dict__.update(columns)
    return row


def write_first(session: Session, row: Bound, payload: dict[str, Any] | None = None) -> None:
    """Make a new `row` its first version, with this payload (none: nothing beside the salt), and write it at once.

    `write_first` and `write_next` are for acts that everybody makes at the same hour: one prepared statement each, past
    SQLAlchemy's unit of work, which says the same and takes many times as long. The row stays outside the session.
    """
    seal_first(session, row, payload)
    insert_first(session, [row])


def seal_first(session: Session, row: Bound, payload: dict[str, Any] | None = None) -> None:
    """Make a new `row` its first version, with this payload, and leave the writing to `insert_first`."""
    row.__dict__["version"] = 1
    row.__dict__["sealed"] = _seal(session, row, payload or {})


def insert_first(session: Session, rows: Sequence[Bound]) -> None:
    """Write rows that `seal_first` made, in their order: those of one table that follow one another with one call."""
    session.flush()  # what they may refer to
    for kind, some in groupby(rows, type):
        names = kind.__table__.columns.keys()  # type: ignore[attr-defined]
        kept = [{name: row.__dict__[name] for name in names if name in row.__dict__} for row in some]
        _first(kind).run_many(session.connection(), kept)


def write_next(session: Session, row: Bound, **changes: Any) -> None:
    """Make `row`, which was read in this transaction and nobody changed since, its next version with these columns and no
    payload, and write it at once.

    Raises StaleDataError where the row is at another version by now, as the unit of work does.
    """
    before = row.version
    for name, value in {**changes, "version": before + 1}.items():
        set_committed_value(row, name, value)
    set_committed_value(row, "sealed", _seal(session, row, {}))
    named = {f"new_{name}": value for name, value in changes.items()}
    statement = _next(type(row), tuple(changes))
    if statement.run(session.connection(), of=row.object_id, before=before, sealed=row.sealed, **named) != 1:
        raise StaleDataError(f"{row.OBJECT}: version {before} is not the present one")


@cache
def _first(kind: type[Bound]) -> Prepared:
    return Prepared(insert(kind.__table__))  # type: ignore[attr-defined]


@cache
def _next(kind: type[Bound], changed: tuple[str, ...]) -> Prepared:
    table = kind.__table__  # type: ignore[attr-defined]
    is_present = (table.columns[kind.KEY] == bindparam("of"), table.columns.version == bindparam("before"))
    values = {name: bindparam(f"new_{name}") for name in changed}
    step = {"version": table.columns.version + 1, "sealed": bindparam("sealed")}
    return Prepared(update(table).where(*is_present).values(**values, **step))


def _seal(session: Session, row: Bound, content: dict[str, Any]) -> bytes:
    """Return the sealed payload of the version that `row` now says it is."""
    salt = secrets.token_bytes(SALT_BYTES)
    sealed = {**content, SALT: base64.b64encode(salt).decode()}
    # Kept for this unit of work, so that recording the event need not open what was just sealed.
    row.__dict__["_fresh"] = (row.version, salt, content)
    return vault_of(session).seal(row.owner_ref, row.RETENTION, place_of(row), sealed)


def seal_again(session: Session, row: Bound) -> None:
    """Make `row` its next version with the payload that it has: for a change of its clear columns alone.

    Nothing of the payload comes out. Call it once per row and transaction, like `seal_next`.
    """
    seal_next(session, row, open_payload(session, row)[0])


def open_payload(session: Session, row: Bound) -> tuple[dict[str, Any], bytes]:
    """Return a row's payload and its salt. Only the openers that `tests/test_openers.py` lists may call this."""
    fresh = row.__dict__.get("_fresh")
    if fresh and fresh[0] == row.version:
        return dict(fresh[2]), fresh[1]
    known = row.__dict__.get("_opened")
    if known and known[0] is row.sealed:
        return dict(known[1]), known[2]
    payload = vault_of(session).open(row.owner_ref, row.RETENTION, place_of(row), row.sealed)
    salt = base64.b64decode(payload.pop(SALT))
    if "due" in session.info:  # one look, in which nothing changes: what is shown is named by its digest too
        row.__dict__["_opened"] = (row.sealed, dict(payload), salt)
    return payload, salt


def object_of(session: Session, row: Bound) -> dict[str, Any]:
    """Return how an event names this version: type, id, version, and the salted digest of its projection in hex."""
    payload, salt = open_payload(session, row)
    digest = row_digest(salt, {"projection": row.OBJECT, **row.project(payload)})
    return {"type": row.OBJECT, "id": row.object_id, "version": row.version, "digest": digest.hex()}
