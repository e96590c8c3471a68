"""Those who work here: accounts made by an admin, roles by granted acts alone (A2), dead at once when disabled (A3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import Conflict, NotFound
from app.domain.ids import new_ref
from app.models import Clinic, Staff, StaffGrant
from app.services import events, websessions


class LoginTaken(Conflict):
    """Somebody else signs in by this name."""

    code = "login_taken"
    is_recorded = False


@dataclass(frozen=True)
class StaffView:
    """A member of staff as the admin's list shows it."""

    ref: str
    login: str
    name_zh: str
    name_en: str
    roles: tuple[str, ...]
    is_disabled: bool


def create(
    session: Session,
    actor: Actor,
    now: datetime,
    *,
    login: str,
    password_hash: str,
    name_zh: str,
    name_en: str,
    title_zh: str = "",
    title_en: str = "",
    role: str,
    clinic_id: str,
) -> str:
    """Return the new member's ref. Raises LoginTaken, NotFound (the clinic). The caller has decided that the actor may."""
    if session.scalars(select(Staff).where(Staff.login == login)).first() is not None:
        raise LoginTaken()
    ref = new_ref()
    session.add(
        Staff(
            ref=ref, login=login, password_hash=password_hash, name_zh=name_zh, name_en=name_en,
            title_zh=title_zh, title_en=title_en, created_at=now,
        )
    )  # fmt: skip
    session.flush()
    events.record(session, "staff.created", actor, now, detail={"role": role})
    grant(session, actor, ref, role, clinic_id, now)
    return ref


def grant(session: Session, actor: Actor, staff_ref: str, role: str, clinic_id: str, now: datetime) -> None:
    """Give a role in a clinic; open sessions end, so that the next sign-in has the new rights (A3). Raises NotFound."""
    if session.get(Clinic, clinic_id) is None:
        raise NotFound()
    session.add(StaffGrant(id=new_ref(), staff_ref=staff_ref, role=role, clinic_id=clinic_id, granted_at=now))
    websessions.end_all(session, staff_ref, now)
    events.record(session, "staff.role_granted", actor, now, detail={"role": role})


def disable(session: Session, actor: Actor, staff_ref: str, now: datetime) -> None:
    """Disable a member: every session dies at once (A3). Raises NotFound."""
    staff = session.get(Staff, staff_ref)
    if staff is None or staff.disabled_at is not None:
        raise NotFound()
    staff.disabled_at = now
    websessions.end_all(session, staff_ref, now)
    events.record(session, "staff.disabled", actor, now)


def find_for_sign_in(session: Session, login: str) -> tuple[str, str] | None:
    """Return (ref, password hash) of who signs in by this name, or None: the door takes the same time for both."""
    staff = session.scalars(select(Staff).where(Staff.login == login, Staff.disabled_at.is_(None))).first()
    return (staff.ref, staff.password_hash) if staff else None


def sign_in(session: Session, staff_ref: str, now: datetime, *, replaces: str | None = None) -> tuple[str, Actor]:
    """Begin a staff session: return (token, actor). The password has been checked by the door. The session that the browser
    had (its token: `replaces`) ends. Raises NotFound."""
    if replaces:
        websessions.end(session, replaces, now)
    token, _ = websessions.begin(session, "staff", staff_ref, now)
    session.flush()
    found = websessions.find(session, ("staff",), token, now)
    if found is None:
        raise NotFound()
    events.record(session, "staff.signed_in", found.actor, now, detail={"role": found.actor.role})
    return token, found.actor


def sign_out(session: Session, actor: Actor, token: str, now: datetime) -> None:
    websessions.end(session, token, now)
    events.record(session, "staff.signed_out", actor, now)


def all_staff(session: Session) -> list[StaffView]:
    """Return everybody who works or worked here, by login."""
    grants: dict[str, list[str]] = {}
    for row in session.scalars(select(StaffGrant).where(StaffGrant.ended_at.is_(None))):
        grants.setdefault(row.staff_ref, []).append(row.role)
    return [
        StaffView(s.ref, s.login, s.name_zh, s.name_en, tuple(sorted(grants.get(s.ref, ()))), s.disabled_at is not None)
        for s in session.scalars(select(Staff).order_by(Staff.login))
    ]


def clinics(session: Session) -> list[tuple[str, str, str]]:
    """Return (id, Chinese name, English name) of each clinic."""
    return [(c.id, c.name_zh, c.name_en) for c in session.scalars(select(Clinic).order_by(Clinic.id))]
