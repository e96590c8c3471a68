"""A small hospital for tests of the road of a visit: one clinic, three doctors, a desk, and people as needed.

At the clock's ten in the morning doctor Chen's own session (expert) and the two rooms of the pool (general) run from 09:00
to 12:00 with slots of ten minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.actor import SYSTEM, Actor
from app.domain.calendar import ONE_DAY
from app.domain.checkin import Presence, short_code, venue_code
from app.domain.documents import parse_resident_id
from app.models import Clinic, ClinicSession, Event, Slot
from app.ports import WeChatIdentity
from app.services import accounts, booking, checkin, clinics, events, people, planning, screens, staff, websessions
from app.web.house import House
from tests.browsing import Browser
from tests.people import with_check

NAMES = ("李明", "王小红", "张伟", "欧阳娜娜", "陈静", "刘洋", "赵敏", "孙丽", "周杰", "吴芳")


@dataclass(frozen=True)
class Person:
    """Somebody with an account of their own."""

    actor: Actor
    ref: str
    name: str


@dataclass
class Ward:
    """The hospital of a test. `expert` is Chen's session, `pool` and `pool_too` are Lin's and Ma's, one line together."""

    house: House
    clock: Any
    clinic: str = ""
    department: str = ""
    pool_department: str = ""
    expert: str = ""
    pool: str = ""
    pool_too: str = ""
    chen: Actor = SYSTEM
    lin: Actor = SYSTEM
    ma: Actor = SYSTEM
    desk: Actor = SYSTEM
    people: list[Person] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.clock()

    @property
    def presence(self) -> Presence:
        return Presence(self.clinic, self.now)

    def do(self, service: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call a service in a transaction of its own, with the session before and the time after its arguments."""
        with self.house.writing_session() as session:
            return service(session, *arguments, self.now, **named)

    def look(self, service: Callable[..., Any], *arguments: Any) -> Any:
        with self.house.reading_session() as session:
            return service(session, *arguments, self.now)

    def person(self, name: str = "") -> Person:
        """Return somebody new, bound as themselves to an account of their own."""
        count = len(self.people)
        number = with_check(f"1101051990{1 + count // 900 % 12:02}{1 + count % 28:02}{1 + count % 900:03}")
        name = name or NAMES[count % len(NAMES)]
        with self.house.writing_session() as session:
            ref = accounts.account_for_wechat(session, WeChatIdentity("wxdemo", f"person-{count}"), self.now)
            actor = Actor("patient", ref, "patient", f"sitting-{count}")
            document = parse_resident_id(number, date(2026, 3, 2))
            people.bind(session, actor, document, name, self.now, relation="self", has_consented=True)
            patient = people.links_of(session, ref)[0].patient_ref
        found = Person(actor, patient, name)
        self.people.append(found)
        return found

    def slots(self, session_id: str) -> list[str]:
        """Return all slots of a session by time."""
        with self.house.reading_session() as session:
            return list(session.scalars(select(Slot.id).where(Slot.session_id == session_id).order_by(Slot.starts_at)))

    def free_slot(self, session_id: str, *, at_least: timedelta = timedelta(0)) -> str:
        """Return the earliest slot that begins after now and is free."""
        with self.house.reading_session() as session:
            began_on = clinics.session_of(session, session_id).day_on
            days = (began_on, began_on + ONE_DAY)  # a session may run past midnight
            found = [slot for day_on in days for slot in clinics.slots(session, session_id, day_on, self.now)]
        return next(slot.id for slot in found if slot.is_free and slot.starts_at >= self.now + at_least)

    def booked(self, who: Person, session_id: str = "", slot_id: str = "") -> str:
        """Return the id of a booked appointment."""
        held = self.do(booking.hold, who.actor, who.ref, slot_id or self.free_slot(session_id or self.expert))
        return str(self.do(booking.confirm, who.actor, held.id).id)

    def waiting(self, session_id: str = "", who: Person | None = None) -> str:
        """Return the ticket's id of somebody (new) who was checked in at the desk."""
        appointment_id = self.booked(who or self.person(), session_id)
        return str(self.do(checkin.check_in_at_desk, self.desk, appointment_id).ticket_id)

    def plan_again(self) -> str:
        """Return another session of doctor Chen's, from an hour ago to in two hours."""
        with self.house.reading_session() as session:
            room = session.get_one(ClinicSession, self.expert).room_id
        hours = self.now - timedelta(hours=1), self.now + timedelta(hours=2)
        return str(
            self.do(
                planning.plan_session, SYSTEM, self.clinic, self.department, self.chen.ref, room, *hours, 10, "expert"
            )
        )

    def venue_code(self) -> str:
        with self.house.reading_session() as session:
            return venue_code(session.get_one(Clinic, self.clinic).venue_secret, self.clinic, self.now)

    def short_code(self) -> str:
        with self.house.reading_session() as session:
            return short_code(session.get_one(Clinic, self.clinic).venue_secret, self.clinic, self.now)

    def events(self, subject: str | None) -> list[tuple[str, dict[str, Any]]]:
        """Return type and own half of a subject's events, in order."""
        with self.house.reading_session() as session:
            rows = session.scalars(select(Event).where(Event.subject_ref == subject).order_by(Event.serial))
            return [(row.type, events.read_event(session, row)[1]) for row in rows]

    def types(self, subject: str | None) -> list[str]:
        return [kind for kind, _ in self.events(subject)]

    def token(self, kind: str, ref: str | None) -> str:
        """Return the token of a new web session."""
        with self.house.writing_session() as session:
            return websessions.begin(session, kind, str(ref), self.now)[0]


def build_ward(house: House, clock: Any) -> Ward:
    """Return a hospital, made through the services."""
    ward = Ward(house, clock)
    ward.clinic = ward.do(planning.create_clinic, SYSTEM, "明诊门诊部", "Mingzhen Clinic")
    ward.department = ward.do(planning.create_department, SYSTEM, ward.clinic, "心内科", "Cardiology", "A")
    ward.pool_department = ward.do(planning.create_department, SYSTEM, ward.clinic, "皮肤科", "Dermatology", "B")
    rooms = [ward.do(planning.create_room, SYSTEM, ward.clinic, f"{n}诊室", f"Room {n}") for n in (1, 2, 3)]
    people_here = (
        ("chen", "陈大夫", "Dr Chen", "doctor"),
        ("lin", "林大夫", "Dr Lin", "doctor"),
        ("ma", "马大夫", "Dr Ma", "doctor"),
        ("desk", "前台小周", "Zhou", "desk"),
    )
    for login, name_zh, name_en, role in people_here:
        with house.writing_session() as session:
            ref = staff.create(
                session, SYSTEM, clock(), login=login, password_hash="none", name_zh=name_zh, name_en=name_en,
                title_zh="主任医师", title_en="Chief physician", role=role, clinic_id=ward.clinic,
            )  # fmt: skip
        setattr(ward, login, Actor("staff", ref, role, f"sitting-{login}", frozenset({ward.clinic})))  # type: ignore[arg-type]
    morning = clock().replace(hour=1, minute=0), clock().replace(hour=4, minute=0)  # 09:00 to 12:00 in Shanghai
    plans = (
        ("expert", ward.department, ward.chen, rooms[0], "expert"),
        ("pool", ward.pool_department, ward.lin, rooms[1], "general"),
        ("pool_too", ward.pool_department, ward.ma, rooms[2], "general"),
    )
    for name, department, doctor, room, kind in plans:
        planned = ward.do(planning.plan_session, SYSTEM, ward.clinic, department, doctor.ref, room, *morning, 10, kind)
        setattr(ward, name, planned)
    return ward


@pytest.fixture
def ward(hospital: House, clock: Any) -> Ward:
    return build_ward(hospital, clock)


class Doors:
    """Signed-in browsers for the people of a ward."""

    def __init__(self, app: Flask, ward: Ward) -> None:
        self.app = app
        self.ward = ward

    def _browser(self, cookie: str, kind: str, ref: str | None, path: str, first: str) -> Browser:
        browser = Browser(self.app)
        browser.set_cookie(cookie, self.ward.token(kind, ref), path)
        browser.get(first)  # the form token of this browser
        return browser

    def phone(self, who: Person) -> Browser:
        return self._browser("mz_patient", "patient", who.actor.ref, "/", "/book")

    def staff(self, who: Actor) -> Browser:
        return self._browser("mz_staff", "staff", who.ref, "/staff", f"/staff/{who.role}/")

    def screen(self) -> Browser:
        """Return a television that was paired with the clinic."""
        code = self.ward.do(screens.show_pairing_code, self.ward.desk, self.ward.clinic)
        with self.ward.house.writing_session() as session:
            token, _ = screens.pair(session, code, self.ward.now)
        browser = Browser(self.app)
        browser.set_cookie("mz_screen", token, "/screen")
        return browser


@pytest.fixture
def doors(app: Flask, ward: Ward) -> Doors:
    return Doors(app, ward)
