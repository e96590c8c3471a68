"""Signing in of staff: what may be tried, the steps after the password, and the sitting that begins (A2, A3).

Argon2 takes a tenth of a second on purpose, so no check happens inside a transaction: a try is counted first (`begin_try`, its own
transaction), checked by the door, and then either taken back by the sign-in or left standing (`wrong`). A hundred guesses at
once are therefore a hundred counted tries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.domain.actor import ANONYMOUS, Actor
from app.domain.errors import NotFound, SignInNeeded
from app.domain.ids import new_ref
from app.domain.lockout import (
    KNOWN_DEVICE,
    NEEDS_SECOND_FACTOR,
    OTHER_DEVICES,
    STEPS_LIVE,
    TRIES_KEPT,
    TriedTooOften,
    wait_for,
)
from app.models import SignInTry, Staff, StaffDevice, StaffSignIn, WebSession
from app.services import events, totp, websessions
from app.services.sealing import vault_of


@dataclass(frozen=True)
class Device:
    """The browser that asks: a digest of its signed cookie, and what it is in two words."""

    key: bytes
    label: str


@dataclass(frozen=True)
class Try:
    """A counted try. `password_hash` is None where nobody signs in by the name; `is_known` where this member did so here."""

    id: str
    way: str
    staff_ref: str | None
    password_hash: str | None
    is_known: bool


@dataclass(frozen=True)
class Begun:
    """A token for the browser; `actor` once signed in, else `needs`: the steps to come, first one first."""

    token: str
    actor: Actor | None
    needs: tuple[str, ...]


def begin_try(
    session: Session, way: str, device: Device, now: datetime, *, login: str = "", staff_ref: str = ""
) -> Try:
    """Count a try before it is looked at. Names that nobody has are counted like others, and take as long.

    Raises TriedTooOften with `retry_seconds`: then nothing is counted, so that pressing on does not lengthen the wait.
    """
    which = Staff.ref == staff_ref if staff_ref else Staff.login == login
    member = session.scalars(select(Staff).where(which, Staff.disabled_at.is_(None))).first()
    known = _device(session, device.key, member.ref) if member else None
    who = member.ref if member else login.casefold()[:200]
    counted = f"{way}|{who}|{device.key.hex() if known else ''}"
    scope = vault_of(session).digest("staff_try", counted)
    lately = session.scalars(
        select(SignInTry.at).where(SignInTry.scope == scope, SignInTry.at > now - TRIES_KEPT)
    ).all()
    wait = wait_for(KNOWN_DEVICE if known else OTHER_DEVICES, lately, now)
    if wait > timedelta(0):
        raise TriedTooOften(retry_seconds=int(wait.total_seconds()) + 1)
    row = SignInTry(id=new_ref(), scope=scope, at=now)
    session.add(row)
    session.flush()
    return Try(row.id, way, member.ref if member else None, member.password_hash if member else None, known is not None)


def right(session: Session, tried: Try) -> None:
    """Take a try back: it was no guess. On a known device what was mistyped before it is forgotten as well."""
    row = session.get(SignInTry, tried.id)
    if row is not None and tried.is_known:
        session.execute(delete(SignInTry).where(SignInTry.scope == row.scope))
    elif row is not None:
        session.delete(row)


def wrong(session: Session, tried: Try, now: datetime) -> None:
    """Record a wrong try on a device where this member signs in. What strangers try is for the security log only (A6)."""
    if tried.is_known and tried.staff_ref is not None:
        events.record(
            session, "staff.sign_in_failed", ANONYMOUS, now, detail={"member": tried.staff_ref, "way": tried.way}
        )


def start(
    session: Session, staff_ref: str, device: Device, now: datetime, *, must_enrol: bool, replaces: str | None = None
) -> Begun:
    """Go on after the right password: into the sitting, or to the steps that come first. `must_enrol`: whether admins and
    auditors without a second factor make one now."""
    needs = []
    if totp.is_enrolled(session, staff_ref):
        needs.append("code")
    elif must_enrol and NEEDS_SECOND_FACTOR & websessions.roles_of(session, staff_ref):
        totp.begin(session, staff_ref, now)
        needs.append("enrol")
    own = session.get(StaffSignIn, staff_ref)
    if own is not None and own.must_change_password:
        needs.append("password")
    if not needs:
        token, actor = sign_in(session, staff_ref, now, device=device, replaces=replaces)
        return Begun(token, actor, ())
    if replaces:
        websessions.end(session, replaces, now)
    token, _row = websessions.begin(
        session, "staff", staff_ref, now, lifetime=STEPS_LIVE, needs=" ".join(needs), way="password"
    )
    return Begun(token, None, tuple(needs))


def advance(session: Session, token: str, step: str, device: Device, now: datetime, *, way: str = "") -> Begun:
    """Say that a step was done; after the last one the sitting begins, with a token of its own.

    Raises SignInNeeded where the session waits for another step, or for none: another press was first.
    """
    half = websessions.standing(session, token, now)
    if half is None or not half.needs or half.needs[0] != step:
        raise SignInNeeded()
    row = session.get_one(WebSession, websessions.hash_token(token))
    row.way = way or row.way
    if half.needs[1:]:
        row.needs = " ".join(half.needs[1:])
        return Begun(token, None, half.needs[1:])
    new_token, actor = sign_in(session, half.owner_ref, now, device=device, replaces=token, way=row.way)
    return Begun(new_token, actor, ())


def sign_in(
    session: Session,
    staff_ref: str,
    now: datetime,
    *,
    device: Device | None = None,
    replaces: str | None = None,
    way: str = "password",
    area: str = "",
) -> tuple[str, Actor]:
    """Begin a staff session: return (token, actor). Everything that is asked for has been checked. The session that the
    browser had (its token: `replaces`) ends. Raises NotFound."""
    if replaces:
        websessions.end(session, replaces, now)
    device_ref = remember(session, device, staff_ref, now) if device else None
    token, _row = websessions.begin(session, "staff", staff_ref, now, way=way, area=area, device_ref=device_ref)
    session.flush()
    found = websessions.find(session, ("staff",), token, now)
    if found is None:
        raise NotFound()
    events.record(session, "staff.signed_in", found.actor, now, detail={"role": found.actor.role, "way": way})
    return token, found.actor


def sign_out(session: Session, actor: Actor, token: str, now: datetime) -> None:
    """End the sitting; the PIN opens this device no more."""
    row = session.get(WebSession, websessions.hash_token(token))
    device = session.get(StaffDevice, row.device_ref) if row is not None and row.device_ref else None
    if device is not None:
        device.password_at = None
    websessions.end(session, token, now)
    events.record(session, "staff.signed_out", actor, now)


def remember(session: Session, device: Device, staff_ref: str, now: datetime) -> str:
    """Know this device as the member's from now on, the password just typed; return its ref."""
    row = _device(session, device.key, staff_ref)
    if row is None:
        row = StaffDevice(ref=new_ref(), device=device.key, staff_ref=staff_ref, label=device.label, first_at=now)
        session.add(row)
    row.label, row.password_at, row.pin_tries = device.label, now, 0
    session.flush()
    return row.ref


def remember_here(session: Session, actor: Actor, device: Device, now: datetime) -> None:
    """Know the device where a locked page was opened by the password, as at a sign-in."""
    device_ref = remember(session, device, str(actor.ref), now)
    row = session.scalars(select(WebSession).where(WebSession.ref == actor.session)).one()
    row.device_ref = device_ref


def change_password(
    session: Session, staff_ref: str, password_hash: str, now: datetime, *, actor: Actor, keep: str | None
) -> None:
    """Take a new password. Every other sitting ends, and the PIN waits on other devices until the new password was typed there."""
    session.get_one(Staff, staff_ref).password_hash = password_hash
    own = own_row(session, staff_ref)
    own.must_change_password, own.password_changed_at = False, now
    websessions.end_all(session, staff_ref, now, but=keep)
    kept = session.scalars(select(WebSession.device_ref).where(WebSession.ref == keep)).first() if keep else None
    for device in session.scalars(select(StaffDevice).where(StaffDevice.staff_ref == staff_ref)):
        if device.ref != kept:
            device.password_at = None
    events.record(session, "staff.password_changed", actor, now)


def own_row(session: Session, staff_ref: str) -> StaffSignIn:
    """Return the member's row of what they sign in with, making it where there is none."""
    row = session.get(StaffSignIn, staff_ref)
    if row is None:
        row = StaffSignIn(staff_ref=staff_ref, must_change_password=False)
        session.add(row)
    return row


def _device(session: Session, key: bytes, staff_ref: str) -> StaffDevice | None:
    which = select(StaffDevice).where(StaffDevice.device == key, StaffDevice.staff_ref == staff_ref)
    return session.scalars(which).first()


def is_known_device(session: Session, key: bytes) -> bool:
    """Return whether any member of staff signed in on this device."""
    return session.scalars(select(StaffDevice.ref).where(StaffDevice.device == key).limit(1)).first() is not None


def names_of(session: Session, staff_ref: str) -> tuple[str, ...]:
    """Return what anybody at the hospital knows of a member: login and names, which a password must not be made of."""
    member = session.get_one(Staff, staff_ref)
    return (member.login, member.name_zh, member.name_en)


def password_hash_of(session: Session, staff_ref: str) -> str:
    return session.get_one(Staff, staff_ref).password_hash
