"""People who are treated, and what they consented to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Bound


class Patient(Bound, Base):
    """A person of the hospital. Sealed (identity): name, document kind, country and number, birth date, sex.

    `contact` is sealed apart (contact): the phone on file, because it goes when it is erased while identity is kept.
    """

    __tablename__ = "patient"
    OBJECT, RETENTION, KEY, OWNER = "patient.v1", "identity", "ref", "ref"
    FIELDS = ("source", "is_verified", "created_at")

    ref: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    is_verified: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    contact: Mapped[bytes | None]
    contact_version: Mapped[int] = mapped_column(default=0)
    __table_args__ = (CheckConstraint("source IN ('bound', 'desk', 'import')", name="source"),)


class Consent(Bound, Base):
    """One consent, for one purpose, in one wording. A withdrawal is a new version."""

    __tablename__ = "consent"
    OBJECT, RETENTION = "consent.v1", "events"
    FIELDS = ("patient_ref", "account_ref", "purpose", "wording", "given_at", "withdrawn_at")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    account_ref: Mapped[str] = mapped_column(ForeignKey("account.ref"))
    purpose: Mapped[str]
    wording: Mapped[str]
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
