"""The house: clinics, departments, rooms, staff, screens, and when doctors sit."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Clinic(Base):
    """A place with a front desk, a waiting room and its screens. `rules` is data: see `app.domain.checkin.WindowRule`.

    `screen_names` is what its screens show of a name: nothing, or the masked name where the department is not sensitive.
    """

    __tablename__ = "clinic"

    id: Mapped[str] = mapped_column(primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    venue_secret: Mapped[bytes]
    rules: Mapped[dict[str, Any]] = mapped_column(JSON)
    screen_names: Mapped[str] = mapped_column(default="none", server_default="none")
    __table_args__ = (CheckConstraint("screen_names IN ('none', 'masked')", name="screen_names"),)


class Department(Base):
    __tablename__ = "department"

    id: Mapped[str] = mapped_column(primary_key=True)
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"))
    name_zh: Mapped[str]
    name_en: Mapped[str]
    letter: Mapped[str]
    position: Mapped[int]
    is_sensitive: Mapped[bool] = mapped_column(default=False)
    check_in: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # its own rule; null: the clinic's
    __table_args__ = (UniqueConstraint("clinic_id", "letter"), CheckConstraint("length(letter) = 1", name="letter"))


class Room(Base):
    """Where a clinician sits. `area` is where its people wait (2号候诊区), if the waiting room has areas."""

    __tablename__ = "room"

    id: Mapped[str] = mapped_column(primary_key=True)
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"))
    name_zh: Mapped[str]
    name_en: Mapped[str]
    area_zh: Mapped[str | None]
    area_en: Mapped[str | None]


class Staff(Base):
    """One who works here. The password is an argon2id hash; names are what the public sees on a door."""

    __tablename__ = "staff"

    ref: Mapped[str] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    title_zh: Mapped[str] = mapped_column(default="")
    title_en: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class StaffGrant(Base):
    """A role in a clinic; roles come from these rows alone (A2), each made by an event."""

    __tablename__ = "staff_grant"

    id: Mapped[str] = mapped_column(primary_key=True)
    staff_ref: Mapped[str] = mapped_column(ForeignKey("staff.ref"), index=True)
    role: Mapped[str]
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"))
    granted_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("role IN ('doctor', 'desk', 'lab', 'pharmacist', 'admin', 'auditor')", name="role"),
    )


class Queue(Base):
    """One line of waiting people on one hospital day. `last_number` is the locked counter behind ticket numbers (Q4)."""

    __tablename__ = "queue"

    id: Mapped[str] = mapped_column(primary_key=True)
    department_id: Mapped[str] = mapped_column(ForeignKey("department.id"))
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"))
    day_on: Mapped[date]
    letter: Mapped[str]
    last_number: Mapped[int] = mapped_column(default=0)
    __table_args__ = (UniqueConstraint("department_id", "day_on"), Index("ix_queue_clinic_day", "clinic_id", "day_on"))


class ClinicSession(Base):
    """A doctor sits (出诊) in a room for some hours. `kind` expert: their own patients; general: any room of the queue calls."""

    __tablename__ = "clinic_session"

    id: Mapped[str] = mapped_column(primary_key=True)
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"))
    department_id: Mapped[str] = mapped_column(ForeignKey("department.id"))
    queue_id: Mapped[str] = mapped_column(ForeignKey("queue.id"), index=True)
    clinician_ref: Mapped[str] = mapped_column(ForeignKey("staff.ref"), index=True)
    room_id: Mapped[str] = mapped_column(ForeignKey("room.id"))
    kind: Mapped[str] = mapped_column(default="expert")
    day_on: Mapped[date]
    starts_at: Mapped[datetime] = mapped_column(index=True)
    ends_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]  # 停诊: it does not take place, or no further
    stop_reason: Mapped[str | None]
    late_minutes: Mapped[int | None]  # how late the clinician said to be, and when
    late_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("kind IN ('expert', 'general')", name="kind"),
        CheckConstraint("(stopped_at IS NULL) = (stop_reason IS NULL)", name="stop"),
        CheckConstraint("ends_at > starts_at", name="order"),
        Index("ix_clinic_session_clinic_day", "clinic_id", "day_on"),
        Index("ix_clinic_session_department_starts", "department_id", "starts_at"),
    )


class Slot(Base):
    """A number source (号源): one appointment at most lives in it (Q1, by `uq_appointment_slot_living`).

    One that was given back is free to everybody from `free_from` on, a moment drawn when that happened.
    """

    __tablename__ = "slot"

    id: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("clinic_session.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    free_from: Mapped[datetime | None]
    __table_args__ = (UniqueConstraint("session_id", "starts_at"),)


class Screen(Base):
    """A waiting-room television, paired by staff with a code; `web_session` holds its token."""

    __tablename__ = "screen"

    ref: Mapped[str] = mapped_column(primary_key=True)
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"))
    paired_by: Mapped[str] = mapped_column(ForeignKey("staff.ref"))
    paired_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
