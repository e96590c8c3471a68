"""Problems, immunizations, documents, and what a clinical row said before its present version."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Bound

SOURCES = "source IN ('here', 'import')"


class Problem(Bound, Base):
    """A condition that a person has or had (问题). Sealed (clinical): its code and names, since when, until when, a note.

    `status` is FHIR's clinical status; a change of it is a next version, and the one before is kept.
    """

    __tablename__ = "problem"
    OBJECT, RETENTION = "problem.v1", "clinical"
    KEEPS = True
    FIELDS = ("patient_ref", "visit_id", "status", "recorded_at", "changed_at", "author_ref", "source")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    visit_id: Mapped[str | None] = mapped_column(ForeignKey("visit.id"), index=True)
    status: Mapped[str]
    recorded_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    author_ref: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"))
    source: Mapped[str] = mapped_column(default="here")
    __table_args__ = (
        CheckConstraint(
            "status IN ('active', 'recurrence', 'relapse', 'inactive', 'remission', 'resolved', 'unknown',"
            " 'entered-in-error')",
            name="status",
        ),
        CheckConstraint(SOURCES, name="source"),
    )


class Immunization(Bound, Base):
    """A vaccination given, or one that was not (接种). Sealed (clinical): the vaccine, lot, dose, site, place, why not."""

    __tablename__ = "immunization"
    OBJECT, RETENTION = "immunization.v1", "clinical"
    KEEPS = True
    FIELDS = ("patient_ref", "visit_id", "status", "given_at", "recorded_at", "author_ref", "source")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    visit_id: Mapped[str | None] = mapped_column(ForeignKey("visit.id"), index=True)
    status: Mapped[str]
    given_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    author_ref: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"))
    source: Mapped[str] = mapped_column(default="here")
    __table_args__ = (
        CheckConstraint("status IN ('completed', 'not-done', 'entered-in-error')", name="status"),
        CheckConstraint(SOURCES, name="source"),
    )


class Document(Bound, Base):
    """A paper or picture of the record (文档). Sealed (clinical): title, kind, media type, size and the SHA-256 of its bytes,
    so that whoever names this row names the bytes. `report_id` is the report that it belongs to.
    """

    __tablename__ = "document"
    OBJECT, RETENTION = "document.v1", "clinical"
    KEEPS = True
    FIELDS = ("patient_ref", "visit_id", "report_id", "status", "dated_at", "recorded_at", "author_ref", "source")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    visit_id: Mapped[str | None] = mapped_column(ForeignKey("visit.id"), index=True)
    report_id: Mapped[str | None] = mapped_column(ForeignKey("clinical_record.id"), index=True)
    status: Mapped[str]
    dated_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    author_ref: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"))
    source: Mapped[str] = mapped_column(default="here")
    __table_args__ = (
        CheckConstraint("status IN ('current', 'superseded', 'entered-in-error')", name="status"),
        CheckConstraint(SOURCES, name="source"),
    )


class DocumentContent(Bound, Base):
    """The bytes of a document, sealed (clinical), in a table of their own: lists never read them. Written once; other bytes are
    another document."""

    __tablename__ = "document_content"
    OBJECT, RETENTION = "document_content.v1", "clinical"
    KEY = "document_id"
    FIELDS = ("patient_ref", "document_id")

    document_id: Mapped[str] = mapped_column(ForeignKey("document.id"), primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)


class KeptVersion(Base):
    """What a clinical row was before its present version, sealed as it was: the receipt of that version still verifies.

    `place` is its table; `clear` are the columns in clear that its projection holds, as projections spell them.
    """

    __tablename__ = "kept_version"

    place: Mapped[str] = mapped_column(primary_key=True)
    row_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"))
    clear: Mapped[dict[str, Any]] = mapped_column(JSON)
    sealed: Mapped[bytes]
    __table_args__ = (Index("ix_kept_version_patient_ref", "patient_ref"),)
