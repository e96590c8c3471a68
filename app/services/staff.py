"""Those who work here: accounts made by an admin, roles by granted acts alone (A2), dead at once when disabled (A3).

An admin's reach is their own clinics: they give and end roles there, and disable, enable and help who works there or nowhere. Nobody
does any of it to themselves, so that no clinic loses its last admin by a slip, and a stolen sitting cannot promote itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import Conflict, NotAllowed, NotFound
from app.domain.ids import new_ref
from app.models import Clinic, Staff, StaffGrant, StaffSignIn, StaffTotp
from app.services import events, staff_signin, totp, websessions


class LoginTaken(Conflict):
    """Somebody else signs in by this name."""

    code = "login_taken"
    is_recorded = False


class RoleHeld(Conflict):
    """The member has this role in this clinic already."""

    code = "role_held"
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


@dataclass(frozen=True)
class GrantView:
    """A role that is held now, and where."""

    id: str
    role: str
    clinic_zh: str
    clinic_en: str
    granted_at: datetime
    is_mine_to_end: bool


@dataclass(frozen=True)
class MemberView:
    """A member of staff as the admin's page about them shows it."""

    ref: str
    login: str
    name_zh: str
    name_en: str
    title_zh: str
    title_en: str
    created_at: datetime
    is_disabled: bool
    has_second_factor: bool
    must_change_password: bool
    grants: tuple[GrantView, ...]


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
    must_change_password: bool = False,
) -> str:
    """Return the new member's ref. Raises LoginTaken, NotFound (the clinic), NotAllowed (not the actor's). The caller has decided
    that the actor may. `must_change_password`: the one who made it knows it, so the member changes it at the first sign-in."""
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
    if must_change_password:
        staff_signin.own_row(session, ref).must_change_password = True
    events.record(session, "staff.created", actor, now, detail={"member": ref, "role": role})
    grant(session, actor, ref, role, clinic_id, now)
    return ref


def grant(session: Session, actor: Actor, staff_ref: str, role: str, clinic_id: str, now: datetime) -> None:
    """Give a role in a clinic; open sessions end, so that the next sign-in has the new rights (A3).

    Raises NotFound (no such clinic), NotAllowed (not the actor's clinic), RoleHeld.
    """
    if session.get(Clinic, clinic_id) is None or session.get(Staff, staff_ref) is None:
        raise NotFound()
    not_oneself(actor, staff_ref)
    if actor.kind == "staff" and clinic_id not in actor.clinics:
        raise NotAllowed(rule="other_clinic")
    living = select(StaffGrant.id).where(StaffGrant.staff_ref == staff_ref, StaffGrant.ended_at.is_(None))
    if session.scalars(living.where(StaffGrant.role == role, StaffGrant.clinic_id == clinic_id)).first() is not None:
        raise RoleHeld()
    session.add(StaffGrant(id=new_ref(), staff_ref=staff_ref, role=role, clinic_id=clinic_id, granted_at=now))
    websessions.end_all(session, staff_ref, now)
    events.record(session, "staff.role_granted", actor, now, detail={"member": staff_ref, "role": role})


def end_grant(session: Session, actor: Actor, staff_ref: str, grant_id: str, now: datetime) -> None:
    """End a role; open sessions end with it (A3). Raises NotFound, NotAllowed."""
    row = session.get(StaffGrant, grant_id)
    if row is None or row.staff_ref != staff_ref or row.ended_at is not None:
        raise NotFound()
    not_oneself(actor, staff_ref)
    if actor.kind == "staff" and row.clinic_id not in actor.clinics:
        raise NotAllowed(rule="other_clinic")
    row.ended_at = now
    websessions.end_all(session, staff_ref, now)
    events.record(session, "staff.role_ended", actor, now, detail={"member": staff_ref, "role": row.role})


def disable(session: Session, actor: Actor, staff_ref: str, now: datetime) -> None:
    """Disable a member: every session dies at once (A3). Raises NotFound, NotAllowed."""
    staff = _reach(session, actor, staff_ref)
    if staff.disabled_at is not None:
        raise NotFound()
    staff.disabled_at = now
    websessions.end_all(session, staff_ref, now)
    events.record(session, "staff.disabled", actor, now, detail={"member": staff_ref})


def enable(session: Session, actor: Actor, staff_ref: str, now: datetime) -> None:
    """Let a disabled member sign in again, with the roles and the password they had. Raises NotFound, NotAllowed."""
    staff = _reach(session, actor, staff_ref)
    if staff.disabled_at is None:
        raise NotFound()
    staff.disabled_at = None
    events.record(session, "staff.enabled", actor, now, detail={"member": staff_ref})


def reset_password(session: Session, actor: Actor, staff_ref: str, password_hash: str, now: datetime) -> None:
    """Give a member a first password anew, to be changed at the next sign-in; their sessions end. Raises NotFound, NotAllowed."""
    _reach(session, actor, staff_ref).password_hash = password_hash
    own = staff_signin.own_row(session, staff_ref)
    own.must_change_password, own.pin_hash = True, None
    websessions.end_all(session, staff_ref, now)
    events.record(session, "staff.password_reset", actor, now, detail={"member": staff_ref})


def reset_second_factor(session: Session, actor: Actor, staff_ref: str, now: datetime) -> None:
    """Take a member's second factor away, when phone and recovery codes are lost. Raises NotFound, NotAllowed."""
    _reach(session, actor, staff_ref)
    totp.reset(session, actor, staff_ref, now)


def _reach(session: Session, actor: Actor, staff_ref: str) -> Staff:
    """Return the member, within the actor's reach. Raises NotFound, NotAllowed."""
    member = session.get(Staff, staff_ref)
    if member is None:
        raise NotFound()
    not_oneself(actor, staff_ref)
    living = select(StaffGrant.clinic_id).where(StaffGrant.staff_ref == staff_ref, StaffGrant.ended_at.is_(None))
    clinics_held = frozenset(session.scalars(living))
    if actor.kind == "staff" and not clinics_held <= actor.clinics:
        raise NotAllowed(rule="other_clinic")
    return member


def not_oneself(actor: Actor, staff_ref: str) -> None:
    if actor.ref == staff_ref:
        raise NotAllowed(rule="oneself")


def member(session: Session, actor: Actor, staff_ref: str) -> MemberView:
    """Return one member as an admin sees them. Raises NotFound."""
    row = session.get(Staff, staff_ref)
    if row is None:
        raise NotFound()
    living = (
        select(StaffGrant, Clinic)
        .join(Clinic, Clinic.id == StaffGrant.clinic_id)
        .where(StaffGrant.staff_ref == staff_ref, StaffGrant.ended_at.is_(None))
        .order_by(StaffGrant.granted_at, StaffGrant.id)
    )
    held = tuple(
        GrantView(g.id, g.role, c.name_zh, c.name_en, g.granted_at, c.id in actor.clinics and staff_ref != actor.ref)
        for g, c in session.execute(living)
    )
    own = session.get(StaffSignIn, staff_ref)
    must_change = own is not None and own.must_change_password
    return MemberView(
        row.ref, row.login, row.name_zh, row.name_en, row.title_zh, row.title_en, row.created_at,
        row.disabled_at is not None, session.get(StaffTotp, staff_ref) is not None,
        must_change, held,
    )  # fmt: skip


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
