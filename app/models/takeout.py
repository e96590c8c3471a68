"""Archives of everything that a person takes away: what was asked for, and the files until they are fetched."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Bound


class Takeout(Bound, Base):
    """One archive. Sealed (clinical): the SHA-256 of each file in it, once it is packed, so that its receipt names what was given.

    `done` of `total` says how far packing is.
    """

    __tablename__ = "takeout"
    OBJECT, RETENTION = "takeout.v1", "clinical"
    FIELDS = ("patient_ref", "account_ref", "state", "asked_at", "ready_at", "fetched_at")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    account_ref: Mapped[str] = mapped_column(ForeignKey("account.ref"), index=True)
    state: Mapped[str] = mapped_column(index=True)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=1)
    asked_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]
    until_at: Mapped[datetime]
    __table_args__ = (CheckConstraint("state IN ('asked', 'ready', 'fetched', 'ended')", name="state"),)


class TakeoutPart(Base):
    """About a megabyte of an archive's files, sealed (clinical). Gone when the archive was fetched, or its days are over."""

    __tablename__ = "takeout_part"

    takeout_id: Mapped[str] = mapped_column(ForeignKey("takeout.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]
