"""Appointments, tickets, visits and what was written in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Bound
from app.models.queueing import CODES

OPEN = "state IN ('held', 'booked', 'checked_in', 'in_consult')"
LIVING = "state IN ('held', 'booked', 'checked_in', 'in_consult', 'completed', 'no_show')"


class Appointment(Bound, Base):
    """A person has a slot, or walked in without one (`slot_id` null: `starts_at` is when they came to the desk).

    A hold that has run out still has state `held`: expiry follows from the clock, see booking.
    """

    __tablename__ = "appointment"
    OBJECT, RETENTION = "appointment.v1", "events"
    FIELDS = ("patient_ref", "slot_id", "session_id", "state", "starts_at", "held_until", "created_at")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    account_ref: Mapped[str | None] = mapped_column(ForeignKey("account.ref"))
    slot_id: Mapped[str | None] = mapped_column(ForeignKey("slot.id"), index=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("clinic_session.id"), index=True)
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"))
    state: Mapped[str]
    starts_at: Mapped[datetime]
    held_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    excludes: Mapped[str | None]  # what one open appointment keeps its person from having twice: `booking.exclusion`
    device: Mapped[bytes | None]  # a digest of the browser that booked it
    cancelled_at: Mapped[datetime | None]
    cancelled_by: Mapped[str | None]
    __table_args__ = (
        CheckConstraint(
            "state IN ('held', 'booked', 'checked_in', 'in_consult', 'completed', 'cancelled', 'released', 'no_show')",
            name="state",
        ),
        CheckConstraint("(state = 'held') = (held_until IS NOT NULL)", name="hold"),
        CheckConstraint("slot_id IS NOT NULL OR state <> 'held'", name="walk_in"),
        CheckConstraint("cancelled_by IN ('patient', 'desk', 'clinic')", name="cancelled_by"),
        Index("ix_appointment_clinic_starts", "clinic_id", "starts_at"),
        Index("ix_appointment_account_starts", "account_ref", "starts_at"),
        Index("ix_appointment_device_starts", "device", "starts_at"),
        # One appointment a person, department and day, where the clinic's rule says so.
        Index(
            "uq_appointment_patient_open", "patient_ref", "excludes", unique=True,
            sqlite_where=text(OPEN), postgresql_where=text(OPEN),
        ),
        Index(
            "uq_appointment_slot_living", "slot_id", unique=True,
            sqlite_where=text(LIVING), postgresql_where=text(LIVING),
        ),
    )  # fmt: skip


class Ticket(Bound, Base):
    """A place in a queue (排队号). The number never changes and is never used again in its queue (Q4).

    `order_key` is its place in the line: its number times 1000 to begin with; a pass or a way to tests moves it back.
    `priority` is its class, `turn` how its last call came about, `queued_at` since when it has its place (null: check-in).
    `undo` is what the last move of staff changed, so that it can be taken back once.
    """

    __tablename__ = "ticket"
    OBJECT, RETENTION = "ticket.v1", "events"
    FIELDS = (
        "patient_ref",
        "appointment_id",
        "queue_id",
        "number",
        "state",
        "room_id",
        "calls",
        "passes",
        "checked_in_at",
        "session_id",
        "order_key",
        "priority",
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    queue_id: Mapped[str] = mapped_column(ForeignKey("queue.id"))
    letter: Mapped[str]
    number: Mapped[int]
    appointment_id: Mapped[str] = mapped_column(ForeignKey("appointment.id"), unique=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("clinic_session.id"), index=True)
    clinician_ref: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"))  # null: any room of the queue
    state: Mapped[str]
    order_key: Mapped[int]
    room_id: Mapped[str | None] = mapped_column(ForeignKey("room.id"))
    called_by: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"))
    called_at: Mapped[datetime | None]
    calls: Mapped[int] = mapped_column(default=0)
    passes: Mapped[int] = mapped_column(default=0)
    returns: Mapped[int] = mapped_column(default=0)  # how often back from tests
    priority: Mapped[str | None]
    turn: Mapped[str | None]
    queued_at: Mapped[datetime | None]
    moved_from: Mapped[str | None] = mapped_column(
        ForeignKey("clinic_session.id")
    )  # the session it was first issued for
    origin_id: Mapped[str | None] = mapped_column(
        ForeignKey("ticket.id")
    )  # the ticket of another department it follows
    undo: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    method: Mapped[str]
    checked_in_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("queue_id", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(
            "state IN ('waiting', 'called', 'serving', 'away', 'done', 'missed', 'no_show', 'left', 'transferred')",
            name="state",
        ),
        CheckConstraint(f"priority IN ({CODES})", name="priority"),
        CheckConstraint("turn IN ('regular', 'favoured', 'emergency')", name="turn"),
        CheckConstraint("method IN ('venue', 'place', 'own_code', 'desk')", name="method"),
        Index("ix_ticket_queue_state", "queue_id", "state"),
        Index("ix_ticket_called_state", "called_by", "state"),
        # A room has one patient at a time (Q1).
        Index(
            "uq_ticket_room_busy", "called_by", unique=True,
            sqlite_where=text("state IN ('called', 'serving')"), postgresql_where=text("state IN ('called', 'serving')"),
        ),
    )  # fmt: skip


class Visit(Bound, Base):
    """An encounter (就诊). Sealed (clinical): reason, place and whatever an imported encounter says of itself."""

    __tablename__ = "visit"
    OBJECT, RETENTION = "visit.v1", "clinical"
    FIELDS = ("patient_ref", "appointment_id", "state", "started_at", "finished_at", "source")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    appointment_id: Mapped[str | None] = mapped_column(ForeignKey("appointment.id"), unique=True)
    clinician_ref: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"))
    session_id: Mapped[str | None] = mapped_column(ForeignKey("clinic_session.id"), index=True)
    state: Mapped[str]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    source: Mapped[str] = mapped_column(default="here")
    __table_args__ = (
        CheckConstraint("state IN ('in_progress', 'finished', 'other')", name="state"),
        CheckConstraint("source IN ('here', 'import')", name="source"),
        Index("ix_visit_patient_started", "patient_ref", "started_at"),  # a page of a long record, newest first
    )


class ClinicalRecord(Bound, Base):
    """One thing written about a person: a diagnosis, advice, a prescription, a report, a measurement, an allergy.

    Its content is sealed (clinical); `kind` says which form of `app.domain.clinical` the payload has. `series` is a blind digest,
    each person's own, of what a measurement measures: its course is found without opening the others.
    """

    __tablename__ = "clinical_record"
    OBJECT, RETENTION = "record.v1", "clinical"
    KEEPS = True
    FIELDS = ("patient_ref", "visit_id", "kind", "status", "effective_at", "recorded_at", "author_ref", "source")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    visit_id: Mapped[str | None] = mapped_column(ForeignKey("visit.id"), index=True)
    report_id: Mapped[str | None] = mapped_column(ForeignKey("clinical_record.id"))
    kind: Mapped[str]
    status: Mapped[str]
    effective_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    author_ref: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"))
    source: Mapped[str] = mapped_column(default="here")
    series: Mapped[bytes | None]
    __table_args__ = (
        CheckConstraint(
            "kind IN ('diagnosis', 'advice', 'prescription', 'report', 'observation', 'allergy')", name="kind"
        ),
        CheckConstraint("source IN ('here', 'import')", name="source"),
        Index("ix_clinical_record_patient_kind", "patient_ref", "kind", "effective_at"),
        Index("ix_clinical_record_patient_series", "patient_ref", "series", "effective_at"),
        Index("ix_clinical_record_report_id", "report_id"),
    )


class ImportedResource(Base):
    """Which resource of which source became which row, by blind digest, so that loading twice changes nothing."""

    __tablename__ = "imported_resource"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    content_hash: Mapped[bytes]
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"))
    row_id: Mapped[str]
    row_kind: Mapped[str]
