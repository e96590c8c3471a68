"""The demo's next days: a doctor for children in the mornings, one for adults in the afternoons.

Booking a later day, cancelling it, and coming too early to check in can be tried only where later days have slots. These sessions are
held in a room of their own, so that the session which is running now (`day`) never counts them as its own.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import SYSTEM
from app.domain.calendar import hospital_day, instant
from app.models import ClinicSession
from app.services import planning
from app.services.demo.house import DemoHouse

DAYS = 3
ROOM = 2  # of the house's rooms; the running session is in one of the first two
LASTS = timedelta(hours=3)
SLOT_MINUTES = 10
MORNING, AFTERNOON = time(8, 30), time(13, 30)


def missing_days(session: Session, house: DemoHouse, now: datetime) -> list[date]:
    """Return which of the next days have no session yet. Reads only."""
    today_on = hospital_day(now)
    days = [today_on + timedelta(days=n) for n in range(1, DAYS + 1)]
    planned = set(
        session.scalars(
            select(ClinicSession.day_on).where(
                ClinicSession.clinic_id == house.clinic,
                ClinicSession.room_id == house.rooms[ROOM],
                ClinicSession.day_on.in_(days),
            )
        )
    )
    return [day_on for day_on in days if day_on not in planned]


def plan_day(session: Session, house: DemoHouse, day_on: date, now: datetime) -> None:
    """Plan both sessions of a day."""
    for department, login, begins in (
        (house.children, "doctor.liu", MORNING),
        (house.internal, "doctor.zhang", AFTERNOON),
    ):
        starts_at = instant(day_on, begins)
        planning.plan_session(
            session, SYSTEM, house.clinic, department, str(house.doctors[login].ref), house.rooms[ROOM],
            starts_at, starts_at + LASTS, SLOT_MINUTES, "expert", now,
        )  # fmt: skip
