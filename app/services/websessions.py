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
from app.models import Prepared, Screen, Staff, StaffGrant, WebSession

LIFETIME = {
    "patient": timedelta(days=30),
    "api": timedelta(days=30),
    "staff": timedelta(hours=12),
    "screen": timedelta(days=90),
}
IDLE = {
    "patient": timedelta(days=7),
    "api": timedelta(days=7),
    "staff": timedelta(hours=1),
    "screen": timedelta(days=90),
}
TOUCH_EVERY = timedelta(minutes=5)
ROLE_ORDER: tuple[Role, ...] = ("admin", "auditor", "doctor", "desk")


@dataclass(frozen=True)
class SignedIn:
    """Who holds a token: the actor, and for staff the roles and the clinic of the door that they chose."""

    actor: Actor
    roles: frozenset[str]
    name_zh: str = ""
    name_en: str = ""
    must_touch: bool = False


def hash_token(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def begin(session: Session, kind: str, owner_ref: str, now: datetime) -> tuple[str, WebSession]:
    """Return a new token and its row. The token goes to the browser and nowhere else."""
    token = secrets.token_urlsafe(32)
    row = WebSession(
        token_hash=hash_token(token),
        ref=new_ref(),
        kind=kind,
        owner_ref=owner_ref,
        created_at=now,
        seen_at=now,
        expires_at=now + LIFETIME[kind],
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


def end_all(session: Session, owner_ref: str, now: datetime) -> None:
    """End every session of one owner: at disablement and role change (A3)."""
    session.execute(
        update(WebSession).where(WebSession.owner_ref == owner_ref, WebSession.ended_at.is_(None)).values(ended_at=now)
    )


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
    ).where(WebSession.token_hash == bindparam("token_hash"))
)


def find(session: Session, kinds: tuple[str, ...], token: str, now: datetime) -> SignedIn | None:
    """Return who holds `token` at a door that takes `kinds`, or None: unknown, ended, expired, idle, or disabled."""
    session.flush()  # a session that was begun a moment ago counts
    row = _BY_TOKEN.first(session.connection(), token_hash=hash_token(token))
    if row is None or row.kind not in kinds or row.ended_at is not None:
        return None
    if now >= row.expires_at or now - row.seen_at >= IDLE[row.kind]:
        return None
    must_touch = now - row.seen_at >= TOUCH_EVERY
    if row.kind == "staff":
        return _staff(session, row, must_touch)
    if row.kind == "screen":
        screen = session.get(Screen, row.owner_ref)
        if screen is None or screen.ended_at is not None:
            return None
        actor = Actor("screen", screen.ref, "screen", row.ref, frozenset({screen.clinic_id}))
        return SignedIn(actor, frozenset({"screen"}), must_touch=must_touch)
    kind: ActorKind = "patient"
    return SignedIn(Actor(kind, row.owner_ref, "patient", row.ref), frozenset({"patient"}), must_touch=must_touch)


def _staff(session: Session, row: Any, must_touch: bool) -> SignedIn | None:
    staff = session.get(Staff, row.owner_ref)
    if staff is None or staff.disabled_at is not None:
        return None
    grants = session.scalars(
        select(StaffGrant).where(StaffGrant.staff_ref == staff.ref, StaffGrant.ended_at.is_(None))
    ).all()
    roles = frozenset(g.role for g in grants)
    if not roles:
        return None
    role = next(r for r in ROLE_ORDER if r in roles)
    clinics = frozenset(g.clinic_id for g in grants if g.role == role)  # a role reaches where it was granted (A2)
    actor = Actor("staff", staff.ref, role, row.ref, clinics)
    return SignedIn(actor, roles, staff.name_zh, staff.name_en, must_touch)
