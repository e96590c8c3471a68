"""Who comes and who works on the day: doctors of three kinds, households with their appointments, walk-ins.

Everything that is random comes from one seed. The people, their accounts and what they booked are made through the services
the day before, as the hospital's clock says; the day itself goes on over HTTP alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import SYSTEM, Actor
from app.domain.calendar import instant
from app.domain.documents import ResidentID, check_character, parse_resident_id
from app.models import Slot
from app.ports import WeChatIdentity
from app.services import accounts, booking, guardianship, people, planning, staff, walkins
from app.web.house import House

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # each department of the day has its own: a number is one person's
BATCH = 50  # households made in one transaction
SLOT_MINUTES = 3
FULL_DAY = ((time(8, 0), time(12, 0)), (time(13, 30), time(17, 0)))
SMALL_DAY = ((time(8, 0), time(8, 24)),)
FAMILIES = 0.04  # of households: a parent with two children
SURNAMES, GIVEN = "李王张刘陈杨赵黄周吴", ("明", "芳", "伟", "秀英", "娜", "敏", "静", "强", "磊", "洋")
ADULT, ELDER, CHILD = date(1962, 1, 1), date(1938, 1, 1), date(2016, 1, 1)  # birth days are counted on from these

# Minutes of a consultation: mean, and the deviation of its logarithm.
PACES = {"fast": (1.7, 0.30), "usual": (2.1, 0.35), "slow": (2.5, 0.35), "erratic": (2.0, 0.75)}


@dataclass(frozen=True)
class Options:
    visits: int = 3000
    rate: int = 60
    clinics: int = 3
    doctors: int = 20
    seed: int = 1
    is_small: bool = False

    @property
    def halves(self) -> tuple[tuple[time, time], ...]:
        return SMALL_DAY if self.is_small else FULL_DAY


SMALL = Options(visits=24, rate=120, clinics=1, doctors=3, is_small=True)


@dataclass
class Visit:
    """One person who is expected, and what is going to happen to them. `appointment_id` is empty for who walks in."""

    clinic: str
    starts_at: datetime
    appointment_id: str = ""
    is_elder: bool = False
    misses: int = 0  # calls that they do not hear
    comes_back: bool = True  # to the desk, after a call was missed
    has_tests: bool = False
    gives_up: bool = False
    is_resumed: bool = False


@dataclass(frozen=True)
class Party:
    """A household that arrives together, with its phone's `token`; without one (None) it goes to the desk."""

    token: str | None
    visits: tuple[Visit, ...]
    arrives_at: datetime


@dataclass(frozen=True)
class WalkIn:
    """Somebody without an appointment: what lies on the desk, and when they come."""

    number: str
    name: str
    visit: Visit


@dataclass(frozen=True)
class Doctor:
    """Who sits, at which pace, in which sessions (id, from, to). `late_minutes` is said before the first one begins."""

    ref: str
    clinic: str
    pace: str
    sessions: tuple[tuple[str, datetime, datetime], ...]
    late_minutes: int = 0


@dataclass
class Plan:
    """The day. `desks` are the tablets of each clinic, as the refs of who works at them."""

    day_on: date
    clinics: list[str] = field(default_factory=list)
    doctors: list[Doctor] = field(default_factory=list)
    desks: dict[str, list[str]] = field(default_factory=dict)
    parties: list[Party] = field(default_factory=list)
    walk_ins: list[WalkIn] = field(default_factory=list)
    booked: int = 0
    no_shows: int = 0


def furnish(house: House, options: Options, day_on: date) -> Plan:
    """Return the plan with its clinics, two departments in each (the second one a pool of rooms), doctors and desks."""
    now, plan, letters = house.clock(), Plan(day_on), iter(LETTERS)
    for c in range(options.clinics):
        with house.writing_session() as session:
            clinic = planning.create_clinic(session, SYSTEM, f"第{c + 1}门诊部", f"Clinic {c + 1}", now)
            plan.clinics.append(clinic)
            kinds = [
                (kind, planning.create_department(session, SYSTEM, clinic, f"{kind}{c}", f"{kind} {c}", letter, now))
                for kind, letter in (("expert", next(letters)), ("general", next(letters)))
            ]
            for n in range(c, options.doctors, options.clinics):
                kind, department = kinds[(n // options.clinics) % 2]
                plan.doctors.append(_doctor(session, options, day_on, clinic, department, kind, n, now))
            plan.desks[clinic] = [_member(session, clinic, f"desk{c}{n}", "desk", now) for n in range(2)]
    return plan


def _doctor(
    session: Session, options: Options, day_on: date, clinic: str, department: str, kind: str, n: int, now: datetime
) -> Doctor:
    room = planning.create_room(session, SYSTEM, clinic, f"{n}诊室", f"Room {n}", now)
    ref = _member(session, clinic, f"doctor{n}", "doctor", now)
    sessions = []
    for begins, ends in options.halves:
        from_at, to_at = instant(day_on, begins), instant(day_on, ends)
        planned = planning.plan_session(
            session, SYSTEM, clinic, department, ref, room, from_at, to_at, SLOT_MINUTES, kind, now
        )
        sessions.append((planned, from_at, to_at))
    pace = ("usual", "fast", "slow", "usual", "erratic")[n % 5]
    return Doctor(ref, clinic, pace, tuple(sessions), late_minutes=15 if n == 1 and not options.is_small else 0)


def _member(session: Session, clinic: str, login: str, role: str, now: datetime) -> str:
    return staff.create(
        session, SYSTEM, now, login=login, password_hash="none", name_zh="陈大夫", name_en=login,  # noqa: S106
        role=role, clinic_id=clinic,
    )  # fmt: skip


def invite(house: House, plan: Plan, options: Options) -> None:
    """Fill `plan` with nine tenths of the visits booked in advance and one tenth of walk-ins."""
    draw = random.Random(options.seed)
    wanted = round(options.visits * 0.9)
    with house.reading_session() as session:
        by_clinic = {
            clinic: sorted(
                (slot.starts_at, slot.id)
                for slot in session.scalars(
                    select(Slot).where(
                        Slot.session_id.in_(
                            [s[0] for doctor in plan.doctors if doctor.clinic == clinic for s in doctor.sessions]
                        )
                    )
                )
            )
            for clinic in plan.clinics
        }
    total = sum(map(len, by_clinic.values()))
    if total < wanted:
        raise ValueError(f"{total} slots are too few for {wanted} booked visits")
    taken = []
    for clinic, free in by_clinic.items():
        kept = sorted(draw.sample(free, min(len(free), round(wanted * len(free) / total))))
        taken += list(_households(clinic, kept, draw))
    numbers = iter(range(10**6))
    for start in range(0, len(taken), BATCH):
        with house.writing_session() as session:
            for clinic, places in taken[start : start + BATCH]:
                _come(session, plan, options, clinic, places, draw, numbers, house.clock())
    _walk_ins(plan, options, draw, numbers)


def _households(
    clinic: str, free: list[tuple[datetime, str]], draw: random.Random
) -> Iterator[tuple[str, list[tuple[datetime, str]]]]:
    """Cut a clinic's slots into those of single people and, one in twenty, of a parent with two children."""
    at = 0
    while at < len(free):
        size = 2 if draw.random() < FAMILIES else 1
        yield clinic, free[at : at + size]
        at += size


def _come(
    session: Session, plan: Plan, options: Options, clinic: str, places: list[tuple[datetime, str]],
    draw: random.Random, numbers: Iterator[int], now: datetime,
) -> None:  # fmt: skip
    is_family, has_phone, is_elder = len(places) > 1, draw.random() > 0.12, draw.random() < 0.06
    desk = Actor("staff", plan.desks[clinic][0], "desk", None, frozenset({clinic}))
    visits = [_fate(Visit(clinic, at), draw, is_elder=is_elder and not is_family) for at, _ in places]
    token = None
    if is_family or has_phone:
        account = accounts.account_for_wechat(session, WeChatIdentity("wxday", f"person-{next(numbers)}"), now)
        token, actor = accounts.sign_in(session, account, "wechat", now)
        own = document(next(numbers), ELDER if visits[0].is_elder else ADULT)
        people.bind(session, actor, own, _name(draw), now, relation="self", has_consented=True)
        refs = [people.links_of(session, account)[0].patient_ref]
        if is_family:
            refs = [_child(session, actor, desk, next(numbers), draw, now) for _ in places]
        for visit, ref, (_, slot) in zip(visits, refs, places, strict=True):
            held = booking.hold(session, actor, ref, slot, now)
            visit.appointment_id = booking.confirm(session, actor, held.id, now).id
    else:
        [visit], [(_, slot)] = visits, places
        own = document(next(numbers), ELDER if visit.is_elder else ADULT)
        ref, _ = people.register_at_desk(session, desk, own, _name(draw), None, now)
        visit.appointment_id = walkins.book_for(session, desk, ref, slot, now).id
    plan.booked += len(visits)
    if draw.random() < 0.04:
        plan.no_shows += len(visits)
        return
    early = draw.uniform(3, 9) if options.is_small else draw.uniform(6, 28)
    if draw.random() < 0.07:
        early = -draw.uniform(2, 24)  # late, some of them too late for the phone
    plan.parties.append(Party(token, tuple(visits), visits[0].starts_at - timedelta(minutes=early)))


def _child(session: Session, actor: Actor, desk: Actor, number: int, draw: random.Random, now: datetime) -> str:
    """Return a child of the account, whose papers the desk has seen."""
    link = people.bind(
        session, actor, document(number, CHILD), _name(draw), now, relation="guardian", has_consented=True
    )
    guardianship.verify_guardianship(session, desk, link, now)
    return next(v.patient_ref for v in people.links_of(session, str(actor.ref)) if v.id == link)


def _fate(visit: Visit, draw: random.Random, *, is_elder: bool = False) -> Visit:
    visit.is_elder = is_elder
    visit.misses = draw.choices((0, 1, 3), (0.95, 0.045, 0.005))[0]
    visit.comes_back = draw.random() < 0.8
    visit.has_tests = draw.random() < 0.05
    visit.gives_up = draw.random() < 0.01
    return visit


def _walk_ins(plan: Plan, options: Options, draw: random.Random, numbers: Iterator[int]) -> None:
    for n in range(options.visits - plan.booked):
        begins, ends = draw.choice(options.halves)
        from_at, to_at = instant(plan.day_on, begins), instant(plan.day_on, ends)
        at = from_at + (to_at - from_at) * draw.uniform(0, 0.85)
        visit = _fate(Visit(plan.clinics[n % len(plan.clinics)], at), draw)
        plan.walk_ins.append(WalkIn(document(next(numbers), ADULT).number, _name(draw), visit))


def document(number: int, from_on: date) -> ResidentID:
    """Return the resident ID of somebody who does not exist."""
    body = f"110105{from_on + timedelta(days=number // 999):%Y%m%d}{number % 999 + 1:03}"
    return parse_resident_id(body + check_character(body), date(2026, 1, 1))


def _name(draw: random.Random) -> str:
    return draw.choice(SURNAMES) + draw.choice(GIVEN)
