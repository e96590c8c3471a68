"""A demo's day: at any hour one session is running, eight people wait in it, and a slot within half an hour is free.

Nothing here knows midnight: a session begins at a quarter of an hour and lasts four, whatever the calendar says meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.actor import SYSTEM, Actor
from app.domain.calendar import hospital_day
from app.domain.checkin import Presence
from app.models import Appointment, ClinicSession, Slot, Ticket
from app.services import accounts, booking, checkin, clinics, people, planning
from app.services.demo.cast import crowd
from app.services.demo.house import DemoHouse

WAITING = 8
ENOUGH = 3  # waiting: a session whose past slots are all taken is not replaced before
SLOT_MINUTES = 5
LASTS = timedelta(hours=4)
MUST_REMAIN = timedelta(minutes=45)
SOON = timedelta(minutes=30)
PAST = timedelta(minutes=60)
DOCTORS = ("doctor.zhang", "doctor.sun")


@dataclass(frozen=True)
class Lack:
    """What the day lacks: a session, so many who wait."""

    session_id: str | None
    waiting: int

    @property
    def is_nothing(self) -> bool:
        return self.session_id is not None and self.waiting == 0


def look(session: Session, house: DemoHouse, now: datetime) -> Lack:
    """Return what the day lacks at `now`. Reads only.

    Of several sessions at once the first that can still take people counts: one whose past slots are all taken is left to
    its line, and is not replaced while enough wait in it.
    """
    sittings = session.scalars(
        select(ClinicSession)
        .where(ClinicSession.department_id == house.internal, ClinicSession.room_id.in_(house.rooms[: len(DOCTORS)]))
        .where(ClinicSession.starts_at <= now, ClinicSession.ends_at >= now + MUST_REMAIN)
        .order_by(ClinicSession.starts_at.desc(), ClinicSession.id)
    ).all()
    for sitting in sittings:
        if not _has_free_slot(session, sitting, now):
            continue
        waiting = session.scalar(
            select(func.count()).select_from(Ticket).where(Ticket.session_id == sitting.id, Ticket.state == "waiting")
        )
        if _free_slots(session, sitting.id, now - PAST, now - PAST, now):
            return Lack(sitting.id, max(0, WAITING - int(waiting or 0)))
        if int(waiting or 0) >= ENOUGH:
            return Lack(sitting.id, 0)
    return Lack(None, WAITING)


def who_sits(session: Session, house: DemoHouse, now: datetime) -> frozenset[str]:
    """Return the logins of the doctors who have a session running at `now`."""
    sitting = set(
        session.scalars(
            select(ClinicSession.clinician_ref).where(
                ClinicSession.clinic_id == house.clinic, ClinicSession.starts_at <= now, ClinicSession.ends_at > now
            )
        )
    )
    return frozenset(login for login, doctor in house.doctors.items() if doctor.ref in sitting)


def _has_free_slot(session: Session, sitting: ClinicSession, now: datetime) -> bool:
    return bool(_free_slots(session, sitting.id, now, now, now + SOON))


def _free_slots(session: Session, session_id: str, now: datetime, earliest: datetime, latest: datetime) -> list[str]:
    """Return the free slots that begin between two instants, soonest first, whichever day they fall on."""
    days = sorted({hospital_day(earliest), hospital_day(latest)})
    slots = {s.id: s for day_on in days for s in clinics.slots(session, session_id, day_on, now)}
    fitting = [s for s in slots.values() if s.is_free and earliest < s.starts_at <= latest]
    return [s.id for s in sorted(fitting, key=lambda s: s.starts_at)]


def plan(session: Session, house: DemoHouse, now: datetime) -> str:
    """Plan a session that is running at `now`, with the doctor who sat least recently; return its id."""
    newest = {
        login: session.scalar(
            select(func.max(ClinicSession.starts_at)).where(
                ClinicSession.clinician_ref == house.doctors[login].ref, ClinicSession.starts_at <= now
            )
        )
        for login in DOCTORS
    }
    login = min(DOCTORS, key=lambda name: (newest[name] is not None, newest[name] or now, name))
    quarter = now.replace(minute=now.minute - now.minute % 15, second=0, microsecond=0)
    starts_at = quarter - timedelta(minutes=60)
    doctor = house.doctors[login]
    return planning.plan_session(
        session, SYSTEM, house.clinic, house.internal, str(doctor.ref), house.rooms[DOCTORS.index(login)],
        starts_at, starts_at + LASTS, SLOT_MINUTES, "expert", now,
    )  # fmt: skip


def someone_arrives(session: Session, house: DemoHouse, session_id: str, now: datetime) -> bool:
    """Let one more of the crowd have booked and checked in; say whether a slot was left for them.

    They hold slots of the last hour, for which they came in time, so that the coming ones stay free for who tries the demo.
    """
    an_hour_ago = now - PAST
    free = _free_slots(session, session_id, an_hour_ago, an_hour_ago, now)
    if not free:
        return False
    starts_at = session.get_one(Slot, free[0]).starts_at
    booked_at = starts_at - timedelta(minutes=50)
    arrived_at = min(now, starts_at + timedelta(minutes=10))
    actor, ref = _next_of_crowd(session, session_id, booked_at)
    held = booking.hold(session, actor, ref, free[0], booked_at)
    booking.confirm(session, actor, held.id, booked_at)
    checkin.check_in(session, actor, held.id, Presence(house.clinic, arrived_at), arrived_at)
    return True


def _next_of_crowd(session: Session, session_id: str, now: datetime) -> tuple[Actor, str]:
    """Return (actor, ref) of somebody of the crowd who has no open appointment; each session begins with those after
    the ones that it has seen."""
    number = int(session.scalar(select(func.count()).select_from(Ticket).where(Ticket.session_id == session_id)) or 0)
    while True:
        player = crowd(number)
        account = accounts.account_for_phone(session, f"+861990000{number:04d}", now)
        actor = Actor("patient", account, "patient", "demo")
        people.bind(session, actor, player.document, player.name, now, relation="self", has_consented=True)
        ref = people.links_of(session, account)[0].patient_ref
        is_busy = session.scalars(
            select(Appointment.id)
            .where(
                Appointment.patient_ref == ref, Appointment.state.in_(("held", "booked", "checked_in", "in_consult"))
            )
            .limit(1)
        ).first()
        if is_busy is None:
            return actor, ref
        number += 1
