"""What a queue needs beside its tickets: each line's last calls, who was granted which class, who was sent where."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.priorities import CLASSES
from app.models.base import Base, Bound

CODES = ", ".join(f"'{code}'" for code in CLASSES)


class QueueLine(Base):
    """The line of one clinician in a queue, or of the queue's pool: its last calls, which the cap on classes looks at.

    Its row is the lock under which a line calls: two rooms of a pool decide one after the other (Q1). `recent` is a list of
    [ticket, turn], the newest last; `app.domain.queueing` says what goes into it.
    """

    __tablename__ = "queue_line"

    key: Mapped[str] = mapped_column(primary_key=True)
    queue_id: Mapped[str] = mapped_column(ForeignKey("queue.id"), index=True)
    clinician_ref: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"))
    calls: Mapped[int] = mapped_column(default=0)
    recent: Mapped[list[Any]] = mapped_column(JSON, default=list)


class PriorityGrant(Bound, Base):
    """A class that a ticket was given: by whom, on what ground, until when. Sealed (events): the note."""

    __tablename__ = "priority_grant"
    OBJECT, RETENTION = "priority_grant.v1", "events"
    FIELDS = ("patient_ref", "ticket_id", "priority", "reason", "granted_by", "granted_at", "ended_at")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"))
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    priority: Mapped[str]
    reason: Mapped[str]
    granted_by: Mapped[str | None] = mapped_column(ForeignKey("staff.ref"))
    granted_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    __table_args__ = (CheckConstraint(f"priority IN ({CODES})", name="priority"),)


class TicketMove(Bound, Base):
    """A ticket went to another session's line, or back by an undo: from where and where to. Written once, never changed."""

    __tablename__ = "ticket_move"
    OBJECT, RETENTION = "ticket_move.v1", "events"
    FIELDS = ("patient_ref", "ticket_id", "kind", "from_session_id", "to_session_id", "moved_at")

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"))
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    kind: Mapped[str]
    from_session_id: Mapped[str] = mapped_column(ForeignKey("clinic_session.id"))
    to_session_id: Mapped[str] = mapped_column(ForeignKey("clinic_session.id"))
    moved_at: Mapped[datetime]
    __table_args__ = (CheckConstraint("kind IN ('move', 'undo')", name="kind"),)
