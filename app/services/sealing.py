"""Rows that the ledger binds: sealing their next version, opening their payload, digesting them.

The vault and the clock travel in `session.info`, put there by the one place that opens transactions, so that services
take what every service takes: session, actor, arguments, now.
"""

from __future__ import annotations

import base64
import secrets
from typing import Any

from sqlalchemy.orm import Session

from app.models import Bound
from app.ports import Vault
from ledger.entry import row_digest

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
    content = payload or {}
    row.version = (row.version or 0) + 1
    salt = secrets.token_bytes(SALT_BYTES)
    sealed = {**content, SALT: base64.b64encode(salt).decode()}
    row.sealed = vault_of(session).seal(row.owner_ref, row.RETENTION, place_of(row), sealed)
    # Kept for this unit of work, so that recording the event need not open what was just sealed.
    row.__dict__["_fresh"] = (row.version, salt, content)
    session.add(row)


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
    payload = vault_of(session).open(row.owner_ref, row.RETENTION, place_of(row), row.sealed)
    salt = base64.b64decode(payload.pop(SALT))
    return payload, salt


def object_of(session: Session, row: Bound) -> dict[str, Any]:
    """Return how an event names this version: type, id, version, and the salted digest of its projection in hex."""
    payload, salt = open_payload(session, row)
    digest = row_digest(salt, {"projection": row.OBJECT, **row.project(payload)})
    return {"type": row.OBJECT, "id": row.object_id, "version": row.version, "digest": digest.hex()}
