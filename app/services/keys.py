"""Acts on keys, as the events have them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Event


def last_rotation(session: Session) -> str | None:
    """Return the type of the newest event about the master key: begun, or done; None where it was never another."""
    kinds = Event.type.in_(("keys.rotation_begun", "keys.rotated"))
    return session.scalar(
        select(Event.type).where(Event.subject_ref.is_(None), kinds).order_by(Event.serial.desc()).limit(1)
    )
