"""One-time codes: six digits, short-lived, bound to what they were asked for, spent once, five tries.

A code's hash is an HMAC under the keyring's index key, so a copied database does not give codes away by trying a million.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.errors import TooMany
from app.domain.ids import new_ref
from app.domain.rates import CODE_DIGITS, CODE_LIFE, CODE_TRIES, SEND_CODE, Key
from app.models import ProofCode
from app.services.sealing import vault_of


def issue(
    session: Session, purpose: str, scope: str, now: datetime, *, life: timedelta = CODE_LIFE, is_sent: bool = True
) -> str:
    """Return a new code for `scope` (what it proves: a phone, a link); the caller gives it to the person after the commit.

    Earlier codes for the same are dead. `is_sent` applies the limits on messages to one phone, where that is the scope.

    Raises TooMany with when to try again.
    """
    digest = vault_of(session).digest(f"scope:{purpose}", scope)
    if is_sent:
        _require_may_send(session, purpose, digest, now)
    for old in session.scalars(
        select(ProofCode).where(ProofCode.purpose == purpose, ProofCode.scope == digest, ProofCode.used_at.is_(None))
    ):
        old.expires_at = min(old.expires_at, now)
    row_id = new_ref()
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    session.add(
        ProofCode(
            id=row_id,
            purpose=purpose,
            scope=digest,
            code_hash=_hash(session, row_id, code),
            created_at=now,
            expires_at=now + life,
        )
    )
    session.flush()
    return code


def count_message(session: Session, purpose: str, phone: str, now: datetime) -> None:
    """Count a message to `phone`, for codes whose scope is not the phone: asked for in another way it is the same phone.

    Raises TooMany with when to try again.
    """
    digest = vault_of(session).digest(f"message:{purpose}", phone)
    _require_may_send(session, purpose, digest, now)
    session.add(
        ProofCode(
            id=new_ref(), purpose=purpose, scope=digest, code_hash=b"", created_at=now, expires_at=now, used_at=now
        )
    )  # fmt: skip


def spend(session: Session, purpose: str, scope: str, code: str, now: datetime) -> bool:
    """Return whether `code` is the living code for `scope`, and spend it or the try.

    The caller commits in either case, so that a wrong try counts: do not raise in the same transaction.
    """
    digest = vault_of(session).digest(f"scope:{purpose}", scope)
    row = session.scalars(
        select(ProofCode)
        .where(ProofCode.purpose == purpose, ProofCode.scope == digest, ProofCode.used_at.is_(None))
        .where(ProofCode.expires_at > now)
        .order_by(ProofCode.created_at.desc())
        .limit(1)
        .with_for_update()
    ).first()
    if row is None or row.tries >= CODE_TRIES:
        return False
    row.tries += 1
    if not hmac.compare_digest(row.code_hash, _hash(session, row.id, "".join(code.split()))):
        return False
    row.used_at = now
    return True


def _hash(session: Session, row_id: str, code: str) -> bytes:
    return vault_of(session).digest("code", f"{row_id}:{code}")


def _require_may_send(session: Session, purpose: str, digest: bytes, now: datetime) -> None:
    for limit in SEND_CODE:
        if limit.key is not Key.PHONE:
            continue
        since = now - timedelta(seconds=limit.per_seconds)
        sent, first = session.execute(
            select(func.count(), func.min(ProofCode.created_at)).where(
                ProofCode.purpose == purpose, ProofCode.scope == digest, ProofCode.created_at > since
            )
        ).one()
        if sent >= limit.times:
            wait = first + timedelta(seconds=limit.per_seconds) - now
            raise TooMany(retry_seconds=max(1, int(wait.total_seconds())))
