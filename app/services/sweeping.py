"""Taking away what has served its time, so that no table grows with every request for ever (P1).

Nothing here is anybody's record: answers kept for a retry, marks that something was counted, codes and sessions that are over.
The ids are looked for in a read transaction and taken away a few hundred at a time, so that no act waits long for a broom.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, delete, or_, select
from sqlalchemy.orm import Session

from app.models import (
    AppCode,
    AppToken,
    IdempotencyKey,
    Opening,
    OutboxMessage,
    ProofCode,
    RefusalSeen,
    ShareFile,
    ShareLocation,
    SignInTry,
    Slip,
    WebSession,
)

BATCH = 300
# Each is longer than the longest time for which anything asks for such a row.
ANSWERS_KEPT = timedelta(days=30)  # for a phone that lay in a drawer with a page open
KEPT = timedelta(days=2)  # a staff sitting's boards are asked for 12 hours, messages to a phone are counted over a day
MESSAGES_KEPT = timedelta(days=30)  # what was told once is not told again as long as anybody would ask
SESSIONS_KEPT = timedelta(days=7)

Old = tuple[str, Column[Any], Any]


def _old(now: datetime) -> list[Old]:
    """Return, for each table: its name, its key, and which rows have served."""
    return [
        ("idempotency_key", _key(IdempotencyKey, "scope"), IdempotencyKey.created_at < now - ANSWERS_KEPT),
        ("opening", _key(Opening, "key"), Opening.at < now - KEPT),
        ("refusal_seen", _key(RefusalSeen, "key"), RefusalSeen.at < now - KEPT),
        ("outbox", _key(OutboxMessage, "id"), OutboxMessage.created_at < now - MESSAGES_KEPT),
        ("proof_code", _key(ProofCode, "id"), ProofCode.expires_at < now - KEPT),
        ("app_code", _key(AppCode, "code_hash"), AppCode.expires_at < now - KEPT),
        ("app_token", _key(AppToken, "token_hash"), AppToken.expires_at < now - KEPT),
        ("slip", _key(Slip, "id"), Slip.expires_at < now - KEPT),
        ("share_file", _key(ShareFile, "share_id"), ShareFile.until_at < now),  # at once: it is health content
        ("share_location", _key(ShareLocation, "token_hash"), ShareLocation.expires_at < now),
        ("sign_in_try", _key(SignInTry, "id"), SignInTry.at < now - KEPT),
        (
            "web_session",
            _key(WebSession, "token_hash"),
            or_(WebSession.expires_at < now - SESSIONS_KEPT, WebSession.ended_at < now - SESSIONS_KEPT),
        ),
    ]


def find(session: Session, now: datetime, limit: int = BATCH) -> dict[str, Sequence[Any]]:
    """Return the keys of rows that have served, by table, `limit` of each at most; tables without any are left out."""
    found = {name: session.scalars(select(key).where(which).limit(limit)).all() for name, key, which in _old(now)}
    return {name: keys for name, keys in found.items() if keys}


def take(session: Session, found: dict[str, Sequence[Any]], now: datetime) -> int:
    """Take away what `find` found, as far as it has still served, and return how many rows that were."""
    count = 0
    for name, key, which in _old(now):
        if name in found:
            count += session.execute(delete(key.table).where(key.in_(found[name]), which)).rowcount  # type: ignore[attr-defined]
    return count


def is_due(session: Session, now: datetime) -> bool:
    """Tell whether anything has served its time."""
    return bool(find(session, now, 1))


def run(session: Session, now: datetime) -> int:
    """Take away one batch, as a chore of the clock; return how many rows that were."""
    return take(session, find(session, now), now)


def _key(model: Any, name: str) -> Column[Any]:
    column: Column[Any] = model.__table__.c[name]
    return column
