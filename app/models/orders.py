"""Laboratory orders, and the versions of what the laboratory signed."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Bound


class LabOrder(Bound, Base):
    """Tests that a doctor asked for (检验申请). Sealed (clinical): the panels, and why it was cancelled.

    `number` is the sample's number, of a clinic and day; it is on the tube and never used again that day.
    """

    __tablename__ = "lab_order"
    OBJECT, RETENTION = "lab_order.v1", "clinical"
    FIELDS = (
        "patient_ref", "visit_id", "clinic_id", "number", "state", "ordered_by", "ordered_at", "collected_at", "report_id",
    )  # fmt: skip

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    visit_id: Mapped[str] = mapped_column(ForeignKey("visit.id"), index=True)
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"))
    day_on: Mapped[date]
    number: Mapped[int]
    state: Mapped[str]
    ordered_by: Mapped[str] = mapped_column(ForeignKey("staff.ref"))
    ordered_at: Mapped[datetime]
    collected_at: Mapped[datetime | None]
    report_id: Mapped[str | None] = mapped_column(ForeignKey("clinical_record.id"))
    changed_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("clinic_id", "day_on", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(
            "state IN ('ordered', 'collected', 'preliminary', 'final', 'amended', 'cancelled')", name="state"
        ),
        CheckConstraint(
            "(report_id IS NULL) = (state IN ('ordered', 'collected', 'cancelled'))", name="report"
        ),
        Index("ix_lab_order_clinic_state", "clinic_id", "state"),
    )  # fmt: skip


class LabDay(Base):
    """The locked counter behind sample numbers, one for each clinic and day."""

    __tablename__ = "lab_day"

    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"), primary_key=True)
    day_on: Mapped[date] = mapped_column(primary_key=True)
    last_number: Mapped[int] = mapped_column(default=0)


class ReportVersion(Bound, Base):
    """What one signature of a report said: written once, never changed. Sealed (clinical): values, changes, reason, note."""

    __tablename__ = "report_version"
    OBJECT, RETENTION = "report_version.v1", "clinical"
    FIELDS = ("patient_ref", "report_id", "number", "status", "author_ref", "signed_at")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    report_id: Mapped[str] = mapped_column(ForeignKey("clinical_record.id"))
    number: Mapped[int]
    status: Mapped[str]
    author_ref: Mapped[str] = mapped_column(ForeignKey("staff.ref"))
    signed_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("report_id", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("status IN ('preliminary', 'final', 'amended')", name="status"),
    )
