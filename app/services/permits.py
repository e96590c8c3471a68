"""Letting staff read (授权): given and taken back by the person, or for a child by the guardian; in force at once.

What is in force is asked by `rights` for every question anew; nothing here is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain import permits as rules
from app.domain.access import ALL_PARTS, Basis, Grant, Part
from app.domain.actor import Actor
from app.domain.calendar import hospital_day
from app.domain.errors import NotFound
from app.domain.ids import new_ref
from app.domain.permits import Choice, PermitsFull
from app.models import ClinicSession, Department, Link, Patient, Permit, Staff, StaffGrant
from app.services import events, identity, rights
from app.services.clinics import Words
from app.services.sealing import seal_next

LISTED = 50  # of one person, those over included


@dataclass(frozen=True)
class Reader:
    """Somebody whom a person may let read: a department with its doctors. `doctors` are (ref, name, title)."""

    department_id: str
    name: Words
    doctors: tuple[tuple[str, Words, Words], ...]


@dataclass(frozen=True)
class PermitView:
    """One consent as the person's page shows it. `state`: in_force, withdrawn, over."""

    id: str
    patient_ref: str
    purpose: str
    parts: tuple[str, ...]
    is_all: bool
    department: Words | None
    doctor: Words | None
    state: str
    since_at: datetime
    until_at: datetime
    withdrawn_at: datetime | None


def readers(session: Session, now: datetime) -> list[Reader]:
    """Return the departments with the doctors who hold sessions in them, lately or soon: whom one can meet here."""
    today_on = hospital_day(now)
    sitting = session.execute(
        select(ClinicSession.department_id, Staff)
        .join(Staff, Staff.ref == ClinicSession.clinician_ref)
        .join(StaffGrant, StaffGrant.staff_ref == Staff.ref)
        .where(ClinicSession.day_on.between(today_on - rights.OF_DEPARTMENT, today_on + rights.OF_DEPARTMENT))
        .where(Staff.disabled_at.is_(None), StaffGrant.role == "doctor", StaffGrant.ended_at.is_(None))
        .distinct()
        .order_by(Staff.name_zh)
    ).all()
    found = []
    for department in session.scalars(select(Department).order_by(Department.letter, Department.id)):
        doctors = [
            (who.ref, Words(who.name_zh, who.name_en), Words(who.title_zh or "", who.title_en or ""))
            for of, who in sitting
            if of == department.id
        ]
        if doctors:
            found.append(Reader(department.id, Words(department.name_zh, department.name_en), tuple(doctors)))
    return found


def give(session: Session, actor: Actor, patient_ref: str, choice: Choice, now: datetime) -> str:
    """Let somebody read of a person; return the consent's id.

    Raises NotFound (also for a reader who is none), NotAllowed, PermitsFull.
    """
    grant, link = rights.give_permit(session, actor, patient_ref, now)
    known = {one.department_id for one in readers(session, now)}
    doctors = {ref for one in readers(session, now) for ref, _name, _title in one.doctors}
    if (choice.department is not None and choice.department not in known) or (
        choice.clinician is not None and choice.clinician not in doctors
    ):
        raise NotFound()
    in_force = select(func.count()).where(
        Permit.patient_ref == patient_ref, Permit.withdrawn_at.is_(None), Permit.until_at > now
    )
    if (session.scalar(in_force) or 0) >= rules.MOST_IN_FORCE:
        raise PermitsFull(most=rules.MOST_IN_FORCE)
    row = Permit(
        id=new_ref(),
        patient_ref=patient_ref,
        account_ref=str(actor.ref),
        given_by=link.ref,
        purpose=choice.purpose.value,
        parts=rules.format_parts(choice.parts),
        clinician_ref=choice.clinician,
        department_id=choice.department,
        wording=rules.WORDING,
        since_at=now,
        until_at=_ends_at(session, patient_ref, choice, grant, link.ref, now),
        recorded_from=grant.since_at,
        withdrawn_at=None,
    )
    seal_next(session, row)
    detail = {
        "purpose": row.purpose,
        "parts": "all" if choice.parts >= ALL_PARTS else row.parts,
        "reader": "doctor" if choice.clinician else "department",
        "until": rules.last_day(row.until_at).isoformat(),
    }
    events.record(session, "permit.given", actor, now, subject=patient_ref, objects=[row], detail=detail)
    return row.id


def _ends_at(session: Session, patient_ref: str, choice: Choice, grant: Grant, link_id: str, now: datetime) -> datetime:
    if grant.basis is not Basis.GUARDIAN:
        return rules.ends_at(now, choice.days, None, None)
    born = identity.birth_of(session, session.get_one(Patient, patient_ref))
    return rules.ends_at(now, choice.days, born, session.get_one(Link, link_id).until_on)


def withdraw(session: Session, actor: Actor, permit_id: str, now: datetime) -> None:
    """Take a consent back: nobody reads on it from this moment on. Withdrawing again is no harm. Raises NotFound, NotAllowed."""
    row = session.scalar(select(Permit).where(Permit.id == permit_id).with_for_update())
    if row is None:
        raise NotFound()
    rights.give_permit(session, actor, row.patient_ref, now)
    if row.withdrawn_at is not None:
        return
    row.withdrawn_at = now
    seal_next(session, row)
    events.record(
        session, "permit.withdrawn", actor, now, subject=row.patient_ref, objects=[row],
        detail={"purpose": row.purpose},
    )  # fmt: skip


def permits_of(session: Session, actor: Actor, patient_ref: str, now: datetime) -> list[PermitView]:
    """Return a person's consents: those in force first, then the latest. Raises NotFound, NotAllowed."""
    rights.give_permit(session, actor, patient_ref, now)
    rows = session.execute(
        select(Permit, Staff, Department, Link.state)
        .join(Link, Link.id == Permit.given_by)
        .outerjoin(Staff, Staff.ref == Permit.clinician_ref)
        .outerjoin(Department, Department.id == Permit.department_id)
        .where(Permit.patient_ref == patient_ref)
        .order_by(Permit.since_at.desc(), Permit.id)
        .limit(LISTED)
    ).all()
    views = [_view(row, doctor, department, link_state, now) for row, doctor, department, link_state in rows]
    return sorted(views, key=lambda one: one.state != "in_force")


def _view(
    row: Permit, doctor: Staff | None, department: Department | None, link_state: str, now: datetime
) -> PermitView:
    is_over = now >= row.until_at or link_state != "active"
    state = "withdrawn" if row.withdrawn_at is not None else "over" if is_over else "in_force"
    parts = row.parts.split()
    return PermitView(
        id=row.id,
        patient_ref=row.patient_ref,
        purpose=row.purpose,
        parts=tuple(parts),
        is_all={Part(part) for part in parts} >= ALL_PARTS,
        department=Words(department.name_zh, department.name_en) if department else None,
        doctor=Words(doctor.name_zh, doctor.name_en) if doctor else None,
        state=state,
        since_at=row.since_at,
        until_at=row.until_at,
        withdrawn_at=row.withdrawn_at,
    )
