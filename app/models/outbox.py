"""Messages to people: written in the act's transaction, sent after it by a chore."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class OutboxMessage(Base):
    """One message. Sealed (messages, under the patient's key): the facts that its words are made of.

    `new` is addressed to a person; it becomes one `ready` row for each account that holds the person, over one channel.
    While it is `sending`, `next_at` is when the sender's lease ends: whoever finds it then does not know whether it went
    (`unknown`) and never sends it again. `key` is set where a thing is said once only.
    """

    __tablename__ = "outbox"

    id: Mapped[str] = mapped_column(primary_key=True)
    patient_ref: Mapped[str] = mapped_column(ForeignKey("patient.ref"), index=True)
    account_ref: Mapped[str | None] = mapped_column(ForeignKey("account.ref"))
    kind: Mapped[str]
    channel: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="new")
    reason: Mapped[str | None]
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(index=True)
    next_at: Mapped[datetime]
    not_after: Mapped[datetime]
    key: Mapped[str | None] = mapped_column(unique=True)
    sealed: Mapped[bytes]
    __table_args__ = (
        CheckConstraint(
            "state IN ('new', 'spread', 'ready', 'sending', 'sent', 'unknown', 'dead', 'dropped')", name="state"
        ),
        CheckConstraint("channel IN ('wechat', 'sms')", name="channel"),
        CheckConstraint(
            "state IN ('new', 'spread', 'dropped') OR (account_ref IS NOT NULL AND channel IS NOT NULL)",
            name="addressed",
        ),
        Index("ix_outbox_state_next", "state", "next_at"),
    )


class MessageQuota(Base):
    """How many WeChat messages of one template an account has asked for and not yet got: one tap, one message."""

    __tablename__ = "message_quota"

    account_ref: Mapped[str] = mapped_column(ForeignKey("account.ref"), primary_key=True)
    template: Mapped[str] = mapped_column(primary_key=True)
    left: Mapped[int] = mapped_column(default=0)
    __table_args__ = (CheckConstraint('"left" >= 0', name="left"),)


class DayClose(Base):
    """A clinic's day that was closed: the figures as they were then, and where the ledger stood."""

    __tablename__ = "day_close"

    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"), primary_key=True)
    day_on: Mapped[date] = mapped_column(primary_key=True)
    closed_by: Mapped[str] = mapped_column(ForeignKey("staff.ref"))
    closed_at: Mapped[datetime]
    ledger_size: Mapped[int]
    ledger_root: Mapped[str]  # hex
    figures: Mapped[str]  # JSON: counts and minutes, of nobody
