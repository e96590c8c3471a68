"""What a person shares by a link: the share, what it holds, who said to be who when opening it, and addresses of files that work once.

Everything here goes when its person asks (`app.domain.retention.GOES_NOW`), with the key of its class.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Bound


class Share(Bound, Base):
    """A link (SMART Health Link) that shows part of a record to whoever holds it. Sealed (messages): the link's key and token, its
    label, what was chosen, the passcode's hash. When it ends, key, token and hash go.

    `token_hash` finds it. `tries` counts passcodes in its life that were wrong or are being looked at; it stands in no event's digest,
    and so has no version.
    """

    __tablename__ = "share"
    OBJECT, RETENTION = "share.v1", "messages"
    FIELDS = ("patient_ref", "account_ref", "flags", "given_at", "until_at", "ended_at", "ended_by")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    account_ref: Mapped[str] = mapped_column(ForeignKey("account.ref"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    flags: Mapped[str]
    given_at: Mapped[datetime]
    until_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    tries: Mapped[int] = mapped_column(default=0)
    __table_args__ = (
        CheckConstraint("until_at > given_at", name="until"),
        CheckConstraint("ended_by IN ('person', 'passcodes')", name="ended_by"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended"),
    )


class ShareFile(Base):
    """What a share that does not follow the record holds: its bundle as it was, sealed (messages). Gone when the share ends."""

    __tablename__ = "share_file"

    share_id: Mapped[str] = mapped_column(ForeignKey("share.id"), primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    until_at: Mapped[datetime] = mapped_column(index=True)
    sealed: Mapped[bytes]


class ShareOpening(Bound, Base):
    """Somebody opened a share, or was refused. Sealed (messages): who they said to be, and which resources they were given."""

    __tablename__ = "share_opening"
    OBJECT, RETENTION = "share_opening.v1", "messages"
    FIELDS = ("patient_ref", "share_id", "at", "outcome")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    share_id: Mapped[str] = mapped_column(ForeignKey("share.id"), index=True)
    at: Mapped[datetime]
    outcome: Mapped[str]
    __table_args__ = (CheckConstraint("outcome IN ('opened', 'refused')", name="outcome"),)


class ShareLocation(Base):
    """An address of a share's file that works once, for minutes; its hash."""

    __tablename__ = "share_location"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    share_id: Mapped[str] = mapped_column(ForeignKey("share.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
