"""Whether a slot is free, said in SQL: nobody lives in it, its session takes place, and it is kept for nobody.

Three things keep a slot that nobody has: the moment at which it is released to everybody, those who wait for it, and the move
that a stopped session offered. All follow from rows and the clock.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, and_, exists, literal_column, or_, select, type_coerce
from sqlalchemy.orm import Session

from app.models import Appointment, ClinicSession, MoveOffer, Slot, WaitlistEntry, to_ms

TAKES_SLOT = ("booked", "checked_in", "in_consult", "completed", "no_show")
MINUTE_MS = 60_000
_OPEN, _WAITING = literal_column("'open'"), literal_column("'waiting'")  # spelled out, as the partial indexes are


def is_lived_in(now: datetime):  # type: ignore[no-untyped-def]
    """An appointment lives in the slot, or a hold that has not run out."""
    lives = or_(Appointment.state.in_(TAKES_SLOT), and_(Appointment.state == "held", Appointment.held_until > now))
    return exists(select(Appointment.id).where(Appointment.slot_id == Slot.id, lives))


def is_offered_elsewhere(now: datetime):  # type: ignore[no-untyped-def]
    """A stopped session offers the slot to somebody who was booked in it."""
    return exists(
        select(MoveOffer.id).where(
            MoveOffer.to_slot_id == Slot.id, MoveOffer.state == _OPEN, MoveOffer.until_at > now
        )
    )  # fmt: skip


def is_waited_for(now: datetime):  # type: ignore[no-untyped-def]
    """Somebody waits for a slot of this session, or of its department's day, and there is time left to offer it.

    The statement has `Slot` and `ClinicSession` joined.
    """
    last = to_ms(now) + WaitlistEntry.stop_minutes * MINUTE_MS
    return exists(
        select(WaitlistEntry.id).where(
            WaitlistEntry.department_id == ClinicSession.department_id,
            WaitlistEntry.day_on == ClinicSession.day_on,
            WaitlistEntry.state == _WAITING,
            or_(WaitlistEntry.session_id.is_(None), WaitlistEntry.session_id == ClinicSession.id),
            type_coerce(Slot.starts_at, BigInteger) > last,
        )
    )


def is_stopped():  # type: ignore[no-untyped-def]
    return ClinicSession.stopped_at.is_not(None)


def is_taken(now: datetime):  # type: ignore[no-untyped-def]
    """The slot is not free to everybody. The statement has `Slot` and `ClinicSession` joined."""
    return or_(
        is_lived_in(now), is_stopped(), and_(Slot.free_from.is_not(None), Slot.free_from > now),
        is_offered_elsewhere(now), is_waited_for(now),
    )  # fmt: skip


def keeps(session: Session, slot_id: str, now: datetime, *, is_return: bool) -> bool:
    """Return whether a slot that nobody lives in is kept from whoever wants it now.

    `is_return`: it is theirs who gave it back just now, and for them it need not wait.
    """
    kept = [is_offered_elsewhere(now), is_waited_for(now)]
    if not is_return:
        kept.append(and_(Slot.free_from.is_not(None), Slot.free_from > now))
    query = (
        select(Slot.id).join(ClinicSession, ClinicSession.id == Slot.session_id).where(Slot.id == slot_id, or_(*kept))
    )
    return session.scalar(query) is not None
