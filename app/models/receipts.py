"""Events, their chains, and what makes acts and openings count once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Event(Base):
    """One act or disclosure, sealed (events) with both salts; its entry waits or stands in the ledger as `serial`.

    In clear: what it takes to list it (subject, order, instant, type, which side, who in kind). Nothing here is personal.
    """

    __tablename__ = "event"

    id: Mapped[str] = mapped_column(primary_key=True)
    serial: Mapped[int] = mapped_column(unique=True)
    entry: Mapped[bytes] = mapped_column(unique=True)
    subject_ref: Mapped[str | None] = mapped_column(index=True)
    seq: Mapped[int]
    at: Mapped[datetime]
    type: Mapped[str]
    side: Mapped[str]
    actor_kind: Mapped[str]
    actor_ref: Mapped[str | None] = mapped_column(index=True)
    sealed: Mapped[bytes]
    __table_args__ = (
        UniqueConstraint("subject_ref", "seq"),
        CheckConstraint("length(entry) = 33", name="entry"),
        CheckConstraint("side IN ('act', 'look')", name="side"),
    )


class SubjectChain(Base):
    """The last link of each subject's chain: its row is the lock under which `seq`, `prev` and the serial are taken."""

    __tablename__ = "subject_chain"

    subject: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    next_prev: Mapped[bytes]


class IdempotencyKey(Base):
    """The answer that a key got (I5). `scope` is SHA-256 of actor, route and key; another body under it is refused."""

    __tablename__ = "idempotency_key"

    scope: Mapped[bytes] = mapped_column(primary_key=True)
    body_digest: Mapped[bytes]
    answer: Mapped[str]
    event_ids: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


class Opening(Base):
    """A disclosure that was recorded, so that the same sitting's next look at the same versions records none (A4)."""

    __tablename__ = "opening"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    event_id: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)


class RefusalSeen(Base):
    """A refusal that was recorded: one event per actor, object and rule in ten minutes (A6)."""

    __tablename__ = "refusal_seen"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
