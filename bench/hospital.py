"""A hospital for measuring: a folder with keys and databases, and people who are all due to check in.

Everything is made through the services, before any clock runs. Each person has an account, a signed-in phone and one
appointment, so that every check-in meets rows, keys and locks that no earlier one has warmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import ROOT, build_house, setup
from app.config import Settings, read_settings
from app.domain.actor import SYSTEM, Actor
from app.domain.checkin import WindowRule, venue_code
from app.domain.documents import parse_resident_id
from app.models import Clinic, Event, Slot, Ticket
from app.ports import WeChatIdentity
from app.server.__main__ import demo_version
from app.services import accounts, booking, people, planning, staff
from app.services.clinics import ClinicRules
from app.web.house import House
from ledger.stores.sql import SQLStore

LETTERS = "ABCDEFGHJK"  # of ten departments; tickets never begin with I or O
DOCTORS_EACH = 3
SLOT_MINUTES = 1
SESSION_HOURS = 4
PLACES = len(LETTERS) * DOCTORS_EACH * SESSION_HOURS * 60
BATCH = 50  # people made in one transaction
TEN_IN_THE_MORNING = 2  # hours UTC: ten at the hospital, so that no run meets midnight


@dataclass(frozen=True)
class Due:
    """Somebody to check in: the token of their signed-in phone, their person and their appointment."""

    token: str
    account_ref: str
    patient_ref: str
    appointment_id: str


def offset_seconds(now: datetime) -> int:
    """Return by how much to shift the demo's clock so that it is ten in the morning at the hospital."""
    return round((now.replace(hour=TEN_IN_THE_MORNING, minute=0, second=0, microsecond=0) - now).total_seconds())


def environment(var: Path, offset: int) -> dict[str, str]:
    """Return what every process of the measured site is told."""
    return {
        "MINGZHEN_VAR": str(var),
        "DEMO_CLOCK_OFFSET_SECONDS": str(offset),
        "LEDGER_SOCKET": str(var / "bell"),
    }


def settings_of(environ: dict[str, str]) -> Settings:
    return read_settings(environ, ROOT)


def found(var: Path, offset: int) -> House:
    """Return the opened adapters of a new, empty hospital in `var`."""
    settings = settings_of(environment(var, offset))
    setup.make_keys(settings)
    setup.migrate(settings)
    (var / "demo-data").write_text(demo_version())  # this hospital has its own people: the demo's stay away
    return build_house(settings, lambda: datetime.now(UTC) + settings.clock_offset)


def furnish(house: House) -> tuple[str, list[str]]:
    """Make one clinic with its doctors' sessions of the morning; return its id and its free slots."""
    now = house.clock()
    rules = ClinicRules(check_in=WindowRule(early_minutes=(SESSION_HOURS + 1) * 60))
    starts_at = now + timedelta(minutes=10)
    ends_at = starts_at + timedelta(hours=SESSION_HOURS)
    with house.writing_session() as session:
        clinic = planning.create_clinic(session, SYSTEM, "明诊门诊部", "Mingzhen Clinic", now, rules=rules)
        for d, letter in enumerate(LETTERS):
            department = planning.create_department(session, SYSTEM, clinic, f"{d}科", f"Ward {d}", letter, now)
            for n in range(DOCTORS_EACH):
                room = planning.create_room(session, SYSTEM, clinic, f"{d}{n}诊室", f"Room {d}{n}", now)
                doctor = staff.create(
                    session, SYSTEM, now, login=f"doctor{d}{n}", password_hash="none", name_zh="陈大夫",  # noqa: S106
                    name_en="Dr Chen", title_zh="主任医师", title_en="Chief physician", role="doctor", clinic_id=clinic,
                )  # fmt: skip
                planning.plan_session(
                    session, SYSTEM, clinic, department, doctor, room, starts_at, ends_at, SLOT_MINUTES, "expert", now
                )
        slots = list(session.scalars(select(Slot.id).order_by(Slot.starts_at, Slot.id)))
    return clinic, slots


def invite(house: House, slots: list[str], count: int, first: int = 0) -> list[Due]:
    """Return `count` new people, each signed in and booked into one of `slots`, which are taken from its end."""
    due = []
    for start in range(0, count, BATCH):
        with house.writing_session() as session:
            for number in range(first + start, first + min(start + BATCH, count)):
                due.append(_person(session, number, slots.pop(), house.clock()))
    return due


def _person(session: Session, number: int, slot_id: str, now: datetime) -> Due:
    account = accounts.account_for_wechat(session, WeChatIdentity("wxbench", f"person-{number}"), now)
    token, actor = accounts.sign_in(session, account, "wechat", now)
    people.bind(session, actor, _document(number), "李明", now, relation="self", has_consented=True)
    patient = people.links_of(session, account)[0].patient_ref
    held = booking.hold(session, actor, patient, slot_id, now)
    booking.confirm(session, actor, held.id, now)
    return Due(token, account, patient, held.id)


def _document(number: int):  # type: ignore[no-untyped-def]
    """Return the resident ID of somebody who does not exist: born on a day of their own in Beijing's Chaoyang."""
    born = date(1950, 1, 1) + timedelta(days=number // 500)
    seventeen = f"110105{born:%Y%m%d}{number % 500:03}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    check = "10X98765432"[sum(w * int(d) for w, d in zip(weights, seventeen, strict=True)) % 11]
    return parse_resident_id(seventeen + check, date(2026, 1, 1))


def actor_of(due: Due) -> Actor:
    return Actor("patient", due.account_ref, "patient")


def code_now(house: House, clinic: str) -> str:
    """Return what the clinic's screen shows at this moment."""
    with house.reading_session() as session:
        return venue_code(session.get_one(Clinic, clinic).venue_secret, clinic, house.clock())


@dataclass(frozen=True)
class Count:
    """What there is: tickets, check-in events, entries handed to the ledger, entries under a published checkpoint."""

    tickets: int
    events: int
    entries: int
    published: int


def count(house: House) -> Count:
    with house.reading_session() as session:
        tickets = session.scalar(select(func.count()).select_from(Ticket))
        checked_in = select(func.count()).select_from(Event).where(Event.type == "appointment.checked_in")
        return Count(
            tickets=int(tickets or 0),
            events=int(session.scalar(checked_in) or 0),
            entries=int(session.scalar(select(func.count()).select_from(Event)) or 0),
            published=SQLStore(house.engine).newest_size() or 0,
        )
