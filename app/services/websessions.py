"""Web sessions: a random token in the browser, only its hash here; new at sign-in, dead at sign-out (A3)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from app.domain.actor import Actor, ActorKind, Role
from app.domain.ids import new_ref
from app.domain.lockout import SITTING, TOUCHES_TOLD_EVERY, is_left_alone
from app.models import Prepared, Screen, Staff, StaffGrant, WebSession

LIFETIME = {
    "patient": timedelta(days=30),
    "api": timedelta(days=30),
    "staff": SITTING,
    "screen": timedelta(days=90),
}
IDLE = {
    "patient": timedelta(days=7),
    "api": timedelta(days=7),
    "staff": SITTING,  # long before, the page is locked: `app.domain.lockout`
    "screen": timedelta(days=90),
}
TOUCH_EVERY = timedelta(hours=1)  # of sessions that end after days without a look
ROLE_ORDER: tuple[Role, ...] = ("admin", "auditor", "doctor", "desk", "lab", "pharmacist")


@dataclass(frozen=True)
class SignedIn:
    """Who holds a token: the actor, and for staff the roles and the clinic of the door that they chose."""

    actor: Actor
    roles: frozenset[str]
    name_zh: str = ""
    name_en: str = ""
    must_touch: bool = False
    area: str = ""


@dataclass(frozen=True)
class Standing:
    """A staff session that opens nothing now: steps of signing in are to come (`needs`), or its page is locked."""

    ref: str
    owner_ref: str
    needs: tuple[str, ...]
    is_locked: bool
    area: str
    device_ref: str | None


def hash_token(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def begin(
    session: Session,
    kind: str,
    owner_ref: str,
    now: datetime,
    *,
    lifetime: timedelta | None = None,
    needs: str = "",
    way: str = "",
    area: str = "",
    device_ref: str | None = None,
) -> tuple[str, WebSession]:
    """Return a new token and its row. The token goes to the browser and nowhere else."""
    token = secrets.token_urlsafe(32)
    row = WebSession(
        token_hash=hash_token(token),
        ref=new_ref(),
        kind=kind,
        owner_ref=owner_ref,
        created_at=now,
        seen_at=now,
        expires_at=now + (LIFETIME[kind] if lifetime is None else lifetime),
        needs=needs,
        way=way,
        area=area,
        device_ref=device_ref,
    )
    session.add(row)
    return token, row


def end(session: Session, token: str, now: datetime) -> None:
    """End the session of this token; no harm if there is none."""
    session.execute(
        update(WebSession)
        .where(WebSession.token_hash == hash_token(token), WebSession.ended_at.is_(None))
        .values(ended_at=now)
    )


def end_all(session: Session, owner_ref: str, now: datetime, *, but: str | None = None) -> None:
    """End every session of one owner, `but` the one of this ref: at disablement, role change, a new password (A3)."""
    living = update(WebSession).where(WebSession.owner_ref == owner_ref, WebSession.ended_at.is_(None))
    session.execute((living.where(WebSession.ref != but) if but else living).values(ended_at=now))


def touch(session: Session, token: str, now: datetime) -> None:
    session.execute(update(WebSession).where(WebSession.token_hash == hash_token(token)).values(seen_at=now))


_BY_TOKEN = Prepared(
    select(
        WebSession.ref,
        WebSession.kind,
        WebSession.owner_ref,
        WebSession.seen_at,
        WebSession.expires_at,
        WebSession.ended_at,
        WebSession.needs,
        WebSession.locked_at,
        WebSession.area,
        WebSession.device_ref,
    ).where(WebSession.token_hash == bindparam("token_hash"))
)


def find(session: Session, kinds: tuple[str, ...], token: str, now: datetime, *, role: str = "") -> SignedIn | None:
    """Return who holds `token` at a door that takes `kinds`, or None: unknown, ended, expired, idle, or disabled;
    of staff also while steps of signing in are to come, and while the page is locked (`standing` tells those). Staff
    who hold several roles act in `role` where that is one of them, else in the first of ROLE_ORDER."""
    row = _living(session, kinds, token, now)
    if row is None:
        return None
    must_touch = now - row.seen_at >= TOUCH_EVERY
    if row.kind == "staff":
        return None if row.needs or row.locked_at is not None else _staff(session, row, now, role)
    if row.kind == "screen":
        screen = session.get(Screen, row.owner_ref)
        if screen is None or screen.ended_at is not None:
            return None
        actor = Actor("screen", screen.ref, "screen", row.ref, frozenset({screen.clinic_id}))
        return SignedIn(actor, frozenset({"screen"}), must_touch=must_touch)
    kind: ActorKind = "patient"
    return SignedIn(Actor(kind, row.owner_ref, "patient", row.ref), frozenset({"patient"}), must_touch=must_touch)


def _living(session: Session, kinds: tuple[str, ...], token: str, now: datetime) -> Any:
    session.flush()  # a session that was begun a moment ago counts
    row = _BY_TOKEN.first(session.connection(), token_hash=hash_token(token))
    if row is None or row.kind not in kinds or row.ended_at is not None:
        return None
    return None if now >= row.expires_at or now - row.seen_at >= IDLE[row.kind] else row


def standing(session: Session, token: str, now: datetime) -> Standing | None:
    """Return what a staff session that `find` does not hand out is waiting for, or None: it is over, or it is open."""
    row = _living(session, ("staff",), token, now)
    if row is None:
        return None
    member = session.get(Staff, row.owner_ref)
    if member is None or member.disabled_at is not None:
        return None
    is_locked = row.locked_at is not None or is_left_alone(roles_of(session, row.owner_ref), row.seen_at, now)
    if not (row.needs or is_locked):
        return None
    return Standing(row.ref, row.owner_ref, tuple(row.needs.split()), is_locked, row.area, row.device_ref)


def roles_of(session: Session, staff_ref: str) -> frozenset[str]:
    """Return the roles that a member holds now, in whatever clinic."""
    living = select(StaffGrant.role).where(StaffGrant.staff_ref == staff_ref, StaffGrant.ended_at.is_(None))
    return frozenset(session.scalars(living))


def _staff(session: Session, row: Any, now: datetime, wanted: str) -> SignedIn | None:
    staff = session.get(Staff, row.owner_ref)
    if staff is None or staff.disabled_at is not None:
        return None
    actor, roles = member_as_actor(session, staff.ref, row.ref, wanted)
    if actor is None or is_left_alone(roles, row.seen_at, now):
        return None
    must_touch = now - row.seen_at >= TOUCHES_TOLD_EVERY
    return SignedIn(actor, roles, staff.name_zh, staff.name_en, must_touch, row.area)


def member_as_actor(
    session: Session, staff_ref: str, sitting_ref: str, wanted: str = ""
) -> tuple[Actor | None, frozenset[str]]:
    """Return a member as they act in a sitting, and their roles; None for the actor of who has no role."""
    grants = session.scalars(
        select(StaffGrant).where(StaffGrant.staff_ref == staff_ref, StaffGrant.ended_at.is_(None))
    ).all()
    roles = frozenset(g.role for g in grants)
    role = next((r for r in ROLE_ORDER if r == wanted and r in roles), None)
    role = role or next((r for r in ROLE_ORDER if r in roles), None)
    if role is None:
        return None, roles
    clinics = frozenset(g.clinic_id for g in grants if g.role == role)  # a role reaches where it was granted (A2)
    return Actor("staff", staff_ref, role, sitting_ref, clinics), roles
