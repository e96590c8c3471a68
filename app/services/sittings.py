"""A member's own sign-ins: where and when, and ending one of them from here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.models import StaffDevice, WebSession
from app.services import events

MOST_SHOWN = 40


@dataclass(frozen=True)
class Sitting:
    """One sign-in. `device` is a label of two words ("chrome windows"), "" where none is known; never an address."""

    ref: str
    began_at: datetime
    seen_at: datetime
    way: str
    device: str
    is_open: bool
    is_locked: bool
    is_this: bool


def own(session: Session, actor: Actor, now: datetime) -> list[Sitting]:
    """Return the actor's sign-ins that are still kept, the newest first."""
    rows = session.execute(
        select(WebSession, StaffDevice.label)
        .outerjoin(StaffDevice, StaffDevice.ref == WebSession.device_ref)
        .where(WebSession.owner_ref == actor.ref, WebSession.kind == "staff", WebSession.needs == "")
        .order_by(WebSession.created_at.desc(), WebSession.ref)
        .limit(MOST_SHOWN)
    )
    return [
        Sitting(
            row.ref, row.created_at, row.seen_at, row.way, label or "",
            row.ended_at is None and now < row.expires_at, row.locked_at is not None, row.ref == actor.session,
        )
        for row, label in rows
    ]  # fmt: skip


def end(session: Session, actor: Actor, sitting_ref: str, now: datetime) -> None:
    """End one of the actor's own sittings, and the use of the PIN where it was. Raises NotFound."""
    which = select(WebSession).where(WebSession.ref == sitting_ref, WebSession.owner_ref == actor.ref)
    row = session.scalars(which.where(WebSession.kind == "staff")).first()
    if row is None:
        raise NotFound()
    if row.ended_at is not None:
        return
    row.ended_at = now
    device = session.get(StaffDevice, row.device_ref) if row.device_ref else None
    if device is not None:
        device.password_at = None
    events.record(session, "staff.sitting_ended", actor, now)
