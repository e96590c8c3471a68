"""What lets staff read a record beside treating, and what people say about who did."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Bound


class Permit(Bound, Base):
    """A person lets staff read (授权): for one purpose, some parts of the record, one clinician or a department, for a time.

    `parts` are the parts' names with spaces between, in order. `given_by` is the link through which it was given: what a
    guardian gave ends with the guardianship. `recorded_from` cuts it where who gave it reached no further themself.
    A withdrawal is a new version; the period's end is left to the clock.
    """

    __tablename__ = "permit"
    OBJECT, RETENTION = "permit.v1", "events"
    FIELDS = (
        "patient_ref", "account_ref", "given_by", "purpose", "parts", "clinician_ref", "department_id", "wording",
        "since_at", "until_at", "recorded_from", "withdrawn_at",
    )  # fmt: skip

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    account_ref: Mapped[str] = mapped_column(ForeignKey("account.ref"))
    given_by: Mapped[str] = mapped_column(ForeignKey("link.id"))
    purpose: Mapped[str]
    parts: Mapped[str]
    clinician_ref: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"), index=True)
    department_id: Mapped[str | None] = mapped_column(ForeignKey("department.id"), index=True)
    wording: Mapped[str]
    since_at: Mapped[datetime]
    until_at: Mapped[datetime]
    recorded_from: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("(clinician_ref IS NULL) <> (department_id IS NULL)", name="to_one"),
        CheckConstraint("since_at < until_at", name="period"),
        CheckConstraint("length(parts) > 0", name="parts"),
    )


class BreakGlass(Bound, Base):
    """A doctor opened a record in an emergency, without any relation to the person (紧急查阅).

    Sealed (clinical, it may say what was the matter): the doctor's words and, once reviewed, the auditor's note. `verdict`
    stays empty until an auditor judged.
    """

    __tablename__ = "break_glass"
    OBJECT, RETENTION = "break_glass.v1", "clinical"
    FIELDS = (
        "patient_ref", "clinician_ref", "clinic_id", "reason", "opened_at", "until_at", "ended_at", "verdict",
        "reviewed_at", "reviewed_by",
    )  # fmt: skip

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    clinician_ref: Mapped[str] = mapped_column(ForeignKey("staff.ref"), index=True)
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"))
    reason: Mapped[str]
    opened_at: Mapped[datetime]
    until_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    verdict: Mapped[str | None]
    reviewed_at: Mapped[datetime | None]
    reviewed_by: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"))
    __table_args__ = (
        CheckConstraint("verdict IN ('justified', 'unjustified')", name="verdict"),
        CheckConstraint("(verdict IS NULL) = (reviewed_at IS NULL)", name="reviewed"),
        CheckConstraint("opened_at < until_at", name="period"),
        Index("ix_break_glass_unreviewed", "opened_at", sqlite_where=text("verdict IS NULL"), postgresql_where=text("verdict IS NULL")),
    )  # fmt: skip


class Complaint(Bound, Base):
    """Somebody says that a look at the record was not right (投诉). Sealed (messages): their words, and the answer's.

    One look takes one complaint of a person. `due_at` is by when an auditor answers.
    """

    __tablename__ = "complaint"
    OBJECT, RETENTION = "complaint.v1", "messages"
    FIELDS = (
        "patient_ref", "account_ref", "event_id", "state", "outcome", "made_at", "due_at", "answered_at", "answered_by",
    )  # fmt: skip

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    account_ref: Mapped[str] = mapped_column(ForeignKey("account.ref"))
    event_id: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]
    outcome: Mapped[str | None]
    made_at: Mapped[datetime]
    due_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"))
    __table_args__ = (
        CheckConstraint("state IN ('open', 'answered')", name="state"),
        CheckConstraint("outcome IN ('in_order', 'not_in_order', 'unclear')", name="outcome"),
        CheckConstraint("(state = 'answered') = (outcome IS NOT NULL)", name="answered"),
        CheckConstraint("(outcome IS NULL) = (answered_at IS NULL)", name="answer"),
        Index("ix_complaint_state_due", "state", "due_at"),
    )
