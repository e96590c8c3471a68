"""The second factor of staff: one-time codes by an app on the own phone, and recovery codes for the day it is lost.

The secret is sealed under the hospital's key and leaves it in two ways only: as the QR code, until the first code has confirmed it,
and as a comparison.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.domain import totp
from app.domain.actor import Actor
from app.domain.errors import Conflict, NotFound
from app.models import HOSPITAL, RecoveryCode, Staff, StaffTotp, to_ms
from app.services import events, websessions
from app.services.sealing import vault_of


class AlreadyEnrolled(Conflict):
    """A second factor is there; another admin takes it away before a new one is made."""

    code = "already_enrolled"


def is_enrolled(session: Session, staff_ref: str) -> bool:
    row = session.get(StaffTotp, staff_ref)
    return row is not None and row.confirmed_at is not None


def is_begun(session: Session, staff_ref: str) -> bool:
    """Return whether a secret waits for its first code."""
    row = session.get(StaffTotp, staff_ref)
    return row is not None and row.confirmed_at is None


def begin(session: Session, staff_ref: str, now: datetime) -> None:
    """Make a secret, in the place of one that was never confirmed. Raises AlreadyEnrolled."""
    row = session.get(StaffTotp, staff_ref)
    if row is not None and row.confirmed_at is not None:
        raise AlreadyEnrolled()
    if row is None:
        row = StaffTotp(staff_ref=staff_ref, last_step=0)
    row.created_at = now
    secret = {"secret": totp.base32_of(secrets.token_bytes(totp.SECRET_BYTES))}
    row.sealed = vault_of(session).seal(HOSPITAL, "identity", _place(row), secret)
    session.add(row)
    session.flush()


def _place(row: StaffTotp) -> str:
    return f"staff_totp|{row.staff_ref}|{to_ms(row.created_at)}"


def _secret(session: Session, row: StaffTotp) -> bytes:
    return totp.secret_of(vault_of(session).open(HOSPITAL, "identity", _place(row), row.sealed)["secret"])


def to_scan(session: Session, staff_ref: str, issuer: str) -> tuple[str, str]:
    """Return (address for the QR code, secret to type) while the secret waits for its first code. Raises NotFound else."""
    row = session.get(StaffTotp, staff_ref)
    if row is None or row.confirmed_at is not None:
        raise NotFound()
    secret = _secret(session, row)
    return totp.otpauth_uri(secret, issuer, session.get_one(Staff, staff_ref).login), totp.base32_of(secret)


def confirm(session: Session, actor: Actor, staff_ref: str, typed: str, now: datetime) -> tuple[str, ...]:
    """Take the secret into use with its first code; return the recovery codes, which nobody can read again.

    Raises OneTimeCodeWrong, AlreadyEnrolled, NotFound.
    """
    row = session.get(StaffTotp, staff_ref)
    if row is None:
        raise NotFound()
    if row.confirmed_at is not None:
        raise AlreadyEnrolled()
    step = totp.matching_step(_secret(session, row), totp.normal_code(typed), now, row.last_step)
    if step is None:
        raise totp.OneTimeCodeWrong("code")
    row.confirmed_at, row.last_step = now, step
    codes = []
    for _ in range(totp.RECOVERY_CODES):
        code = "".join(secrets.choice(totp.RECOVERY_ALPHABET) for _ in range(totp.RECOVERY_LENGTH))
        digest = _digest(session, staff_ref, code)
        session.add(RecoveryCode(digest=digest, staff_ref=staff_ref, created_at=now))
        codes.append(totp.grouped(code))
    events.record(session, "totp.enrolled", actor, now)
    return tuple(codes)


def spend(session: Session, staff_ref: str, typed: str, now: datetime) -> str:
    """Use a one-time or a recovery code up; return how: "password_code" or "recovery". Of two presses at once one is refused.

    Raises OneTimeCodeWrong.
    """
    row = session.get(StaffTotp, staff_ref)
    code = totp.normal_code(typed)
    if row is not None and row.confirmed_at is not None and len(code) == totp.DIGITS:
        step = totp.matching_step(_secret(session, row), code, now, row.last_step)
        newer = update(StaffTotp).where(StaffTotp.staff_ref == staff_ref, StaffTotp.last_step < (step or 0))
        if step is not None and session.execute(newer.values(last_step=step)).rowcount == 1:  # type: ignore[attr-defined]
            return "password_code"
    elif row is not None and row.confirmed_at is not None:
        unused = update(RecoveryCode).where(
            RecoveryCode.digest == _digest(session, staff_ref, code),
            RecoveryCode.staff_ref == staff_ref,
            RecoveryCode.used_at.is_(None),
        )
        if session.execute(unused.values(used_at=now)).rowcount == 1:  # type: ignore[attr-defined]
            return "recovery"
    raise totp.OneTimeCodeWrong("code")


def reset(session: Session, actor: Actor, staff_ref: str, now: datetime) -> None:
    """Take a member's second factor away: phone lost, recovery codes too. Their sittings end; the next sign-in makes a new one.

    The caller has decided that the actor may, and is not the member. Raises NotFound where there is none.
    """
    row = session.get(StaffTotp, staff_ref)
    if row is None:
        raise NotFound()
    session.delete(row)
    session.execute(delete(RecoveryCode).where(RecoveryCode.staff_ref == staff_ref))
    websessions.end_all(session, staff_ref, now)
    events.record(session, "totp.reset", actor, now, detail={"member": staff_ref})


def _digest(session: Session, staff_ref: str, code: str) -> bytes:
    return vault_of(session).digest("staff_recovery", f"{staff_ref}|{code}")
