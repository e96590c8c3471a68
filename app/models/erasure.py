"""What people ask of their data, how far an erasure is, and what stands where something was erased."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Bound


class Correction(Bound, Base):
    """Somebody says that their record is wrong (更正). Sealed (clinical): what is wrong, what would be right, the answer's reason.

    `record_id` is the clinical row that it is about, where one was chosen; it may be erased before this row is.
    """

    __tablename__ = "correction"
    OBJECT, RETENTION = "correction.v1", "clinical"
    FIELDS = ("patient_ref", "about", "state", "asked_at", "decided_at", "decided_by")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    account_ref: Mapped[str | None] = mapped_column(ForeignKey("account.ref"))
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"))
    about: Mapped[str]
    state: Mapped[str]
    asked_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"))
    __table_args__ = (
        CheckConstraint("about IN ('identity', 'visit', 'result', 'prescription', 'other')", name="about"),
        CheckConstraint("state IN ('open', 'amended', 'refused')", name="state"),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decision"),
        Index("ix_correction_clinic_state", "clinic_id", "state"),
    )


class Erasure(Base):
    """One erasure: of an account and what goes with it now, or of a record whose time is over.

    `patient_ref` and `account_ref` are no foreign keys: this row outlives both. `keys` are the data keys to destroy, as [owner,
    retention class], and `holders` the refs whose blind indexes go; both are empty once that is done. Where law keeps a
    record, `keep_until_on` is the first day on which it no longer does, `lifted_at` when the restriction ended. The link to the
    page that tells how far this is lies in the asker's browser; here only its SHA-256.
    """

    __tablename__ = "erasure"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    patient_ref: Mapped[str | None] = mapped_column(index=True)
    account_ref: Mapped[str | None]
    event_id: Mapped[str] = mapped_column(ForeignKey("event.id"))
    completed_event_id: Mapped[str | None] = mapped_column(ForeignKey("event.id"))
    begun_at: Mapped[datetime]
    destroyed_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    law: Mapped[str | None]
    keep_until_on: Mapped[date | None] = mapped_column(index=True)
    lifted_at: Mapped[datetime | None]
    keys: Mapped[list[Any]] = mapped_column(JSON)
    holders: Mapped[list[Any]] = mapped_column(JSON)
    page_hash: Mapped[bytes | None] = mapped_column(unique=True)
    __table_args__ = (
        CheckConstraint("kind IN ('now', 'final')", name="kind"),
        CheckConstraint("state IN ('begun', 'destroyed', 'completed')", name="state"),
        CheckConstraint("(state = 'begun') = (destroyed_at IS NULL)", name="destroyed"),
        CheckConstraint("(state = 'completed') = (completed_at IS NOT NULL)", name="completed"),
        Index("ix_erasure_state", "state"),
    )


class ErasedEvent(Base):
    """The tombstone of an event: the place of its leaf in the log, and the event of the erasure that took it away."""

    __tablename__ = "erased_event"

    serial: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    erased_by: Mapped[str] = mapped_column(ForeignKey("event.id"), index=True)


class ErasedRow(Base):
    """The tombstone of a row that other people's events may name: which row, its last version, and the event of the erasure."""

    __tablename__ = "erased_row"

    kind: Mapped[str] = mapped_column(primary_key=True)
    row_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    erased_by: Mapped[str] = mapped_column(ForeignKey("event.id"), index=True)


class RestrictedOpening(Base):
    """Somebody of the staff may read a restricted record for some hours, on a reason that law knows; the event says so too."""

    __tablename__ = "restricted_opening"

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"))
    staff_ref: Mapped[str] = mapped_column(ForeignKey("staff.ref"))
    reason: Mapped[str]
    opened_at: Mapped[datetime]
    until_at: Mapped[datetime]
    __table_args__ = (Index("ix_restricted_opening_patient_staff", "patient_ref", "staff_ref"),)
