"""Fair booking: who waits for a slot, what was noted against whom and their appeals, and the moves that a stop offers."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Bound

_IN_LINE = text("state IN ('waiting', 'offered')")
_IS_OPEN = text("state = 'open'")


class WaitlistEntry(Bound, Base):
    """Somebody waits for a slot (候补): of one session, or, without one, of any doctor of a department on a day.

    `place` orders the line of a department and day and is never used again. An offer is a hold: the appointment
    `appointment_id`, held until `offered_until`. An offer that ran out still has state `offered` until it is written down.
    """

    __tablename__ = "waitlist_entry"
    OBJECT, RETENTION = "waitlist.v1", "events"
    FIELDS = (
        "patient_ref",
        "department_id",
        "day_on",
        "session_id",
        "place",
        "state",
        "appointment_id",
        "offered_until",
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    account_ref: Mapped[str | None] = mapped_column(ForeignKey("account.ref"), index=True)
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"))
    department_id: Mapped[str] = mapped_column(ForeignKey("department.id"))
    day_on: Mapped[date]
    session_id: Mapped[str | None] = mapped_column(ForeignKey("clinic_session.id"))
    place: Mapped[int]
    state: Mapped[str]
    stop_minutes: Mapped[int]
    appointment_id: Mapped[str | None] = mapped_column(ForeignKey("appointment.id"), unique=True)
    offered_until: Mapped[datetime | None]
    joined_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("department_id", "day_on", "place"),
        CheckConstraint("state IN ('waiting', 'offered', 'accepted', 'left', 'lapsed')", name="state"),
        CheckConstraint("(state = 'offered') = (offered_until IS NOT NULL)", name="offer"),
        Index("ix_waitlist_entry_state", "state", "offered_until"),
        # One entry a person and session (or whole day); a NULL would let in any number, so that one has an index of its own.
        Index(
            "uq_waitlist_entry_session", "patient_ref", "session_id", unique=True,
            sqlite_where=_IN_LINE, postgresql_where=_IN_LINE,
        ),
        Index(
            "uq_waitlist_entry_day", "patient_ref", "department_id", "day_on", unique=True,
            sqlite_where=text("session_id IS NULL AND state IN ('waiting', 'offered')"),
            postgresql_where=text("session_id IS NULL AND state IN ('waiting', 'offered')"),
        ),
    )  # fmt: skip


class Strike(Bound, Base):
    """What counts against booking online (爽约记录): an appointment that was not kept, with the appointment as evidence.

    State `excused`: looked at, and it was the hospital's own doing (`excuse` says which); `lifted`: an appeal was upheld.
    That it has expired follows from the clock.
    """

    __tablename__ = "strike"
    OBJECT, RETENTION = "strike.v1", "events"
    FIELDS = ("patient_ref", "appointment_id", "kind", "state", "excuse", "happened_at", "expires_at")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"))
    appointment_id: Mapped[str] = mapped_column(ForeignKey("appointment.id"), unique=True)
    event_id: Mapped[str | None]  # the event that says it was not kept
    kind: Mapped[str]
    state: Mapped[str]
    excuse: Mapped[str | None]
    happened_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("kind IN ('no_show', 'late_cancel')", name="kind"),
        CheckConstraint("state IN ('standing', 'excused', 'lifted')", name="state"),
        CheckConstraint("(state = 'excused') = (excuse IS NOT NULL)", name="excuse"),
    )


class Appeal(Bound, Base):
    """Somebody says that a strike is not theirs to bear. Sealed (messages): reason, words, and the reason of the decision."""

    __tablename__ = "appeal"
    OBJECT, RETENTION = "appeal.v1", "messages"
    FIELDS = ("patient_ref", "strike_id", "state", "made_at", "decided_at", "decided_by")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"))
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"))
    strike_id: Mapped[str] = mapped_column(ForeignKey("strike.id"), unique=True)
    state: Mapped[str]
    made_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"))
    __table_args__ = (
        CheckConstraint("state IN ('open', 'upheld', 'denied')", name="state"),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decision"),
        Index("ix_appeal_clinic_state", "clinic_id", "state"),
    )


class MoveOffer(Bound, Base):
    """What a stopped session (停诊) offers to somebody who was booked in it: a slot kept for them until `until_at`.

    Without a slot (`to_slot_id` and `to_session_id` none) there was nothing to offer. Somebody who waits in the line already is
    offered another doctor's line, `to_session_id` alone. An open offer that ran out keeps its state; the clock says so.
    """

    __tablename__ = "move_offer"
    OBJECT, RETENTION = "move_offer.v1", "events"
    FIELDS = (
        "patient_ref", "appointment_id", "from_session_id", "to_slot_id", "to_session_id", "state", "made_at", "until_at",
    )  # fmt: skip

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    appointment_id: Mapped[str] = mapped_column(ForeignKey("appointment.id"))
    from_session_id: Mapped[str] = mapped_column(ForeignKey("clinic_session.id"), index=True)
    to_slot_id: Mapped[str | None] = mapped_column(ForeignKey("slot.id"))
    to_session_id: Mapped[str | None] = mapped_column(ForeignKey("clinic_session.id"))
    state: Mapped[str]
    made_at: Mapped[datetime]
    until_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("appointment_id", "from_session_id"),
        CheckConstraint("state IN ('open', 'accepted', 'declined', 'ended')", name="state"),
        Index("uq_move_offer_slot_open", "to_slot_id", unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
    )
