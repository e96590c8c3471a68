"""The demo's clinic: two departments, three rooms, staff. Made once; found again by the keyring's index."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import SYSTEM, Actor
from app.domain.lockout import NEEDS_SECOND_FACTOR
from app.models import Clinic, Department, Room, Staff, StaffGrant
from app.services import planning, staff, staff_signin
from app.services.demo.cast import WORKERS

DEMO_PIN = "2580"  # the lock page of a demo says it
CLINIC_ZH, CLINIC_EN = "明诊示范门诊", "Mingzhen Demonstration Clinic"
DEPARTMENTS = (("内科", "Internal medicine", "A"), ("儿科", "Paediatrics", "B"))
ROOMS = (
    ("1 诊室", "Room 1", "1 号候诊区", "waiting area 1"),
    ("2 诊室", "Room 2", "1 号候诊区", "waiting area 1"),
    ("3 诊室", "Room 3", "2 号候诊区", "waiting area 2"),
)


@dataclass(frozen=True)
class DemoHouse:
    """What the demo's day is planned with: ids, and the doctors as they act."""

    clinic: str
    internal: str
    children: str
    rooms: tuple[str, ...]
    doctors: dict[str, Actor]
    desk: Actor
    lab: Actor
    pharmacist: Actor


def is_built(session: Session) -> bool:
    return session.scalars(select(Clinic.id).limit(1)).first() is not None


def build(session: Session, hash_password, now: datetime) -> None:  # type: ignore[no-untyped-def]
    """Make the clinic and its staff. Nobody learns the passwords: the demo page signs staff in by one press."""
    clinic = planning.create_clinic(session, SYSTEM, CLINIC_ZH, CLINIC_EN, now)
    for position, (zh, en, letter) in enumerate(DEPARTMENTS):
        planning.create_department(session, SYSTEM, clinic, zh, en, letter, now, position=position)
    for zh, en, area_zh, area_en in ROOMS:
        planning.create_room(session, SYSTEM, clinic, zh, en, now, area_zh=area_zh, area_en=area_en)
    password_hash = hash_password(secrets.token_urlsafe(32))
    pin_hash = hash_password(DEMO_PIN)
    for worker in WORKERS:
        ref = staff.create(
            session, SYSTEM, now, login=worker.login, password_hash=password_hash, name_zh=worker.name_zh,
            name_en=worker.name_en, title_zh=worker.title_zh, title_en=worker.title_en, role=worker.role, clinic_id=clinic,
        )  # fmt: skip
        if worker.role not in NEEDS_SECOND_FACTOR:
            staff_signin.own_row(session, ref).pin_hash = pin_hash


def find(session: Session) -> DemoHouse:
    """Return the clinic that `build` made. Raises LookupError when the demo's data is not there."""
    clinic = session.scalars(select(Clinic).limit(1)).first()
    if clinic is None:
        raise LookupError("the demo has no clinic yet")
    departments = {d.letter: d.id for d in session.scalars(select(Department).where(Department.clinic_id == clinic.id))}
    rooms = tuple(session.scalars(select(Room.id).where(Room.clinic_id == clinic.id).order_by(Room.name_en)))
    actors = {worker.login: actor_of(session, worker.login) for worker in WORKERS}
    doctors = {login: actor for login, actor in actors.items() if actor.role == "doctor"}
    return DemoHouse(
        clinic.id,
        departments["A"],
        departments["B"],
        rooms,
        doctors,
        actors["desk.he"],
        actors["lab.lu"],
        actors["pharmacy.pan"],
    )


def actor_of(session: Session, login: str) -> Actor:
    """Return one of the staff as they act. Raises LookupError."""
    member = session.scalars(select(Staff).where(Staff.login == login)).first()
    if member is None:
        raise LookupError("no such member of the demo's staff")
    grants = session.scalars(
        select(StaffGrant).where(StaffGrant.staff_ref == member.ref, StaffGrant.ended_at.is_(None))
    ).all()
    return Actor("staff", member.ref, grants[0].role, "demo", frozenset(g.clinic_id for g in grants))  # type: ignore[arg-type]
