"""The shared tablet: covering the page, uncovering it, and changing who works there by a PIN.

A PIN is short, so it opens one device only: where its owner signed in with the password in the last hours, and only until it was
wrong five times in a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.actor import ANONYMOUS, Actor
from app.domain.errors import NotAllowed, NotFound, SignInNeeded
from app.domain.lockout import NEEDS_SECOND_FACTOR, PIN_AFTER_PASSWORD, PinNotHere, is_pin_good
from app.models import Staff, StaffDevice, StaffSignIn, WebSession
from app.services import events, staff_signin, websessions


@dataclass(frozen=True)
class Here:
    """Somebody whose PIN opens this device now."""

    staff_ref: str
    name_zh: str
    name_en: str


@dataclass(frozen=True)
class PinTry:
    """A counted try of a PIN."""

    device_ref: str
    staff_ref: str
    pin_hash: str


def set_pin(session: Session, actor: Actor, pin_hash: str, now: datetime) -> None:
    """Take a new PIN. Raises NotAllowed for whoever signs in with a second factor, which a PIN would go around."""
    if NEEDS_SECOND_FACTOR & websessions.roles_of(session, str(actor.ref)):
        raise NotAllowed(rule="no_pin_beside_second_factor")
    staff_signin.own_row(session, str(actor.ref)).pin_hash = pin_hash
    events.record(session, "staff.pin_set", actor, now)


def has_pin(session: Session, staff_ref: str) -> bool:
    row = session.get(StaffSignIn, staff_ref)
    return row is not None and row.pin_hash is not None


def people_here(session: Session, device: bytes, now: datetime) -> tuple[Here, ...]:
    """Return whose PIN opens this device now, by name."""
    rows = session.execute(
        select(StaffDevice, Staff)
        .join(Staff, Staff.ref == StaffDevice.staff_ref)
        .join(StaffSignIn, StaffSignIn.staff_ref == Staff.ref)
        .where(StaffDevice.device == device, StaffDevice.password_at > now - PIN_AFTER_PASSWORD)
        .where(StaffSignIn.pin_hash.is_not(None), Staff.disabled_at.is_(None))
        .order_by(Staff.name_zh, Staff.ref)
    ).all()
    found = []
    for row, member in rows:
        roles = websessions.roles_of(session, member.ref)
        if roles and is_pin_good(row.password_at, row.pin_tries, roles, now):
            found.append(Here(member.ref, member.name_zh, member.name_en))
    return tuple(found)


def begin_try(session: Session, device: bytes, staff_ref: str, now: datetime) -> PinTry:
    """Count a try of the PIN before it is looked at. Raises PinNotHere: then the password is asked for."""
    row = session.scalars(
        select(StaffDevice).where(StaffDevice.device == device, StaffDevice.staff_ref == staff_ref)
    ).first()
    own = session.get(StaffSignIn, staff_ref)
    member, roles = session.get(Staff, staff_ref), websessions.roles_of(session, staff_ref)
    if member is None or member.disabled_at is not None or not roles:
        raise PinNotHere()
    if (
        row is None
        or own is None
        or own.pin_hash is None
        or not is_pin_good(row.password_at, row.pin_tries, roles, now)
    ):
        raise PinNotHere()
    row.pin_tries += 1
    session.flush()
    return PinTry(row.ref, staff_ref, own.pin_hash)


def wrong(session: Session, tried: PinTry, now: datetime) -> None:
    """Record a wrong PIN: it was typed on a device of its owner's."""
    events.record(session, "staff.sign_in_failed", ANONYMOUS, now, detail={"member": tried.staff_ref, "way": "pin"})


def right(session: Session, tried: PinTry) -> None:
    session.get_one(StaffDevice, tried.device_ref).pin_tries = 0


def lock(session: Session, actor: Actor, token: str, cause: str, now: datetime) -> None:
    """Cover the page: the sitting opens nothing until the PIN or the password was typed. Pressing again changes nothing."""
    covered = update(WebSession).where(
        WebSession.token_hash == websessions.hash_token(token), WebSession.locked_at.is_(None)
    )
    if session.execute(covered.values(locked_at=now)).rowcount == 1:  # type: ignore[attr-defined]
        events.record(session, "staff.locked", actor, now, detail={"cause": cause})


def unlock(session: Session, token: str, way: str, now: datetime) -> Actor:
    """Uncover the page; what was checked (`way`: pin or password) was the sitting's own. Return who goes on.

    Raises SignInNeeded where the sitting ended meanwhile.
    """
    row = session.get(WebSession, websessions.hash_token(token))
    if row is None or row.needs or row.ended_at is not None:
        raise SignInNeeded()
    row.locked_at, row.seen_at = None, now
    session.flush()
    found = websessions.find(session, ("staff",), token, now)
    if found is None:
        raise SignInNeeded()
    events.record(session, "staff.unlocked", found.actor, now, detail={"way": way})
    return found.actor


def switch(session: Session, tried: PinTry, now: datetime, *, replaces: str | None, area: str) -> tuple[str, Actor]:
    """Let somebody else go on at this device: return (token, actor). The sitting that was here ends.

    The new one lasts no longer than the PIN may be used. Raises NotFound.
    """
    if replaces:
        websessions.end(session, replaces, now)
    device = session.get_one(StaffDevice, tried.device_ref)
    if device.password_at is None:
        raise NotFound()
    token, _row = websessions.begin(
        session, "staff", tried.staff_ref, now,
        lifetime=device.password_at + PIN_AFTER_PASSWORD - now, way="pin", area=area, device_ref=device.ref,
    )  # fmt: skip
    session.flush()
    found = websessions.find(session, ("staff",), token, now)
    if found is None:
        raise NotFound()
    events.record(session, "staff.switched", found.actor, now, detail={"role": found.actor.role})
    return token, found.actor
