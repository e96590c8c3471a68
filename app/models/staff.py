"""What signing in of staff rests on: the second factor, recovery codes, devices and what was tried.

Nothing here can be signed in with: passwords and PINs are argon2id hashes, the secret of the one-time codes is sealed under the
hospital's key, recovery codes and devices are digests.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class StaffSignIn(Base):
    """What a member of staff signs in with beside the password; no row where there is nothing."""

    __tablename__ = "staff_sign_in"

    staff_ref: Mapped[str] = mapped_column(ForeignKey("staff.ref"), primary_key=True)
    must_change_password: Mapped[bool] = mapped_column(default=False)
    password_changed_at: Mapped[datetime | None]
    pin_hash: Mapped[str | None]


class StaffTotp(Base):
    """The secret of one member's one-time codes (RFC 6238), sealed. `last_step` is the newest step that was used."""

    __tablename__ = "staff_totp"

    staff_ref: Mapped[str] = mapped_column(ForeignKey("staff.ref"), primary_key=True)
    sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(default=0)


class RecoveryCode(Base):
    """A code for the day when the phone is lost: works once. Only its keyed digest is kept."""

    __tablename__ = "staff_recovery_code"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    staff_ref: Mapped[str] = mapped_column(ForeignKey("staff.ref"), index=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class StaffDevice(Base):
    """A browser on which a member signed in: known for lock-outs, and for `password_at` plus some hours good for the PIN.

    `device` is a digest of the browser's signed cookie; `label` says what it is in two words, for the member's own list.
    """

    __tablename__ = "staff_device"

    ref: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[bytes]
    staff_ref: Mapped[str] = mapped_column(ForeignKey("staff.ref"), index=True)
    label: Mapped[str]
    first_at: Mapped[datetime]
    password_at: Mapped[datetime | None]
    pin_tries: Mapped[int] = mapped_column(default=0)
    __table_args__ = (
        UniqueConstraint("device", "staff_ref"),
        CheckConstraint("pin_tries >= 0", name="pin_tries"),
    )


class SignInTry(Base):
    """Something that was tried and not right, or is being looked at now. `scope` is a keyed digest of what is counted."""

    __tablename__ = "sign_in_try"

    id: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[bytes]
    at: Mapped[datetime] = mapped_column(index=True)
    __table_args__ = (Index("ix_sign_in_try_scope_at", "scope", "at"),)
