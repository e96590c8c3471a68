"""Slips of paper: what the desk printed, and the link on it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Slip(Base):
    """A slip that was printed. Whoever holds the paper holds its link; only the link's SHA-256 is kept.

    The link shows the "to show" form of `event_id` until `expires_at`, and nothing of anybody.
    """

    __tablename__ = "slip"

    id: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    appointment_id: Mapped[str] = mapped_column(ForeignKey("appointment.id"), index=True)
    event_id: Mapped[str] = mapped_column(ForeignKey("event.id"))
    printed_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
