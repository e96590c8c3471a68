"""The office makes the house: clinics, departments, rooms, and when doctors sit. Each act is an event without a subject."""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import access
from app.domain.actor import Actor
from app.domain.calendar import ONE_DAY, hospital_day
from app.domain.errors import NotFound
from app.domain.ids import new_ref
from app.models import Clinic, ClinicSession, Department, Queue, Room, Slot, Staff, projected
from app.services import events
from app.services.clinics import ClinicRules, format_rules

VENUE_SECRET_BYTES = 32


def create_clinic(
    session: Session, actor: Actor, name_zh: str, name_en: str, now: datetime, *, rules: ClinicRules | None = None
) -> str:
    """Return the id of a new clinic with these rules (the defaults of the domain where none are given)."""
    _require_office(actor, now)
    row = Clinic(
        id=new_ref(),
        name_zh=name_zh,
        name_en=name_en,
        venue_secret=secrets.token_bytes(VENUE_SECRET_BYTES),
        rules=format_rules(rules or ClinicRules()),
    )
    session.add(row)
    session.flush()
    events.record(session, "clinic.created", actor, now)
    return row.id


def create_department(
    session: Session,
    actor: Actor,
    clinic_id: str,
    name_zh: str,
    name_en: str,
    letter: str,
    now: datetime,
    *,
    position: int = 0,
    is_sensitive: bool = False,
) -> str:
    """Return the id of a new department, whose tickets begin with `letter`. Raises NotFound for no such clinic."""
    _require_office(actor, now)
    if session.get(Clinic, clinic_id) is None:
        raise NotFound()
    row = Department(
        id=new_ref(),
        clinic_id=clinic_id,
        name_zh=name_zh,
        name_en=name_en,
        letter=letter,
        position=position,
        is_sensitive=is_sensitive,
    )
    session.add(row)
    session.flush()
    events.record(session, "department.created", actor, now, detail={"letter": letter})
    return row.id


def create_room(
    session: Session,
    actor: Actor,
    clinic_id: str,
    name_zh: str,
    name_en: str,
    now: datetime,
    *,
    area_zh: str | None = None,
    area_en: str | None = None,
) -> str:
    """Return the id of a new room; `area` is where its people wait. Raises NotFound for no such clinic."""
    _require_office(actor, now)
    if session.get(Clinic, clinic_id) is None:
        raise NotFound()
    row = Room(
        id=new_ref(),
        clinic_id=clinic_id,
        name_zh=name_zh,
        name_en=name_en,
        area_zh=area_zh or None,
        area_en=area_en or None,
    )
    session.add(row)
    session.flush()
    events.record(session, "room.created", actor, now)
    return row.id


def plan_session(
    session: Session,
    actor: Actor,
    clinic_id: str,
    department_id: str,
    clinician_ref: str,
    room_id: str,
    starts_at: datetime,
    ends_at: datetime,
    slot_minutes: int,
    kind: str,
    now: datetime,
) -> str:
    """Return the id of a new session, cut into slots of `slot_minutes`; what remains at the end becomes none.

    `kind` "expert" keeps its own line, "general" calls from the department's pool. The queue of the day is made with the
    department's first session. Raises NotFound when clinic, department, clinician and room do not belong together.
    """
    _require_office(actor, now)
    owning = session.get(Department, department_id)
    room = session.get(Room, room_id)
    if owning is None or room is None or {owning.clinic_id, room.clinic_id} != {clinic_id}:
        raise NotFound()
    if session.get(Staff, clinician_ref) is None:
        raise NotFound()
    if slot_minutes < 1 or not starts_at < ends_at <= starts_at + ONE_DAY:
        raise ValueError("a session ends within a day after it begins and has slots of a minute at least")
    day_on = hospital_day(starts_at)
    row = ClinicSession(
        id=new_ref(),
        clinic_id=clinic_id,
        department_id=department_id,
        queue_id=_queue_of(session, owning, day_on).id,
        clinician_ref=clinician_ref,
        room_id=room_id,
        kind=kind,
        day_on=day_on,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    session.add(row)
    session.flush()
    step = timedelta(minutes=slot_minutes)
    count = (ends_at - starts_at) // step
    begins = [starts_at + n * step for n in range(count)]
    session.add_all(Slot(id=new_ref(), session_id=row.id, starts_at=at, ends_at=at + step) for at in begins)
    detail = {"starts_at": projected(starts_at), "ends_at": projected(ends_at), "slots": count}
    events.record(session, "session.planned", actor, now, detail=detail)
    return row.id


# Private


def _require_office(actor: Actor, now: datetime) -> None:
    """Let in the office, and commands, which run as the system and ask for nobody."""
    if actor.kind != "system":
        access.require(actor, access.ManageStaff(), now)


def _queue_of(session: Session, owning: Department, day_on: date) -> Queue:
    queue = session.scalar(select(Queue).where(Queue.department_id == owning.id, Queue.day_on == day_on))
    if queue is None:
        queue = Queue(
            id=new_ref(), department_id=owning.id, clinic_id=owning.clinic_id, day_on=day_on, letter=owning.letter
        )
        session.add(queue)
        session.flush()
    return queue
