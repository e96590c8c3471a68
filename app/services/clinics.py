"""The house as patients and staff meet it: departments, days, doctors, slots

Reading here opens nothing sealed and needs no grant: what can be booked is public. Names come in both languages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from app.domain import booking as booking_rules
from app.domain import checkin as checkin_rules
from app.domain import places, rulebook
from app.domain.board import WaitLevels, parse_levels
from app.domain.break_glass import BreakGlassRule
from app.domain.calendar import AROUND_MIDNIGHT, ONE_DAY, day_bounds, hospital_day
from app.domain.errors import NotFound
from app.domain.stopping import MoveRule
from app.domain.strikes import StrikeRule
from app.domain.waitlist import WaitlistRule
from app.models import Clinic, ClinicSession, Department, Room, Slot, Staff
from app.services.availability import is_taken


@dataclass(frozen=True)
class Words:
    """A name in both languages; pages choose with the filter `named`."""

    zh: str
    en: str


@dataclass(frozen=True)
class ClinicRules:
    """One clinic's rules, as `Clinic.rules` holds them."""

    booking: booking_rules.BookingRule = field(default_factory=booking_rules.BookingRule)
    check_in: checkin_rules.WindowRule = field(default_factory=checkin_rules.WindowRule)
    waitlist: WaitlistRule = field(default_factory=WaitlistRule)
    strikes: StrikeRule = field(default_factory=StrikeRule)
    moving: MoveRule = field(default_factory=MoveRule)
    place: places.Fence | None = None
    waits: WaitLevels = field(default_factory=WaitLevels)
    break_glass: BreakGlassRule = field(default_factory=BreakGlassRule)


@dataclass(frozen=True)
class DepartmentView:
    """A department with the slots that are free on the day asked for (`free`) and the first day that has any."""

    id: str
    clinic_id: str
    name: Words
    free: int
    first_free_on: date | None


@dataclass(frozen=True)
class DayView:
    """A day on which a department's slots may be booked, and how many are free."""

    day_on: date
    free: int


@dataclass(frozen=True)
class SlotView:
    """One slot of a session. `is_free` counts a hold that ran out as nothing."""

    id: str
    session_id: str
    starts_at: datetime
    ends_at: datetime
    is_free: bool


@dataclass(frozen=True)
class SessionView:
    """A doctor sits: who, where, when; `free` slots of those still to come on the day asked for."""

    id: str
    clinic_id: str
    department_id: str
    queue_id: str
    clinician_ref: str
    kind: str
    day_on: date
    starts_at: datetime
    ends_at: datetime
    clinic: Words
    department: Words
    room: Words
    doctor: Words
    title: Words
    is_stopped: bool = False
    free: int = 0


def rules_of(clinic: Clinic) -> ClinicRules:
    """Return the clinic's rules. Raises RuleMalformed if what is stored is none: a mistake of whoever stored it."""
    return ClinicRules(
        booking=booking_rules.parse_rule(clinic.rules["booking"]),
        check_in=checkin_rules.parse_window(clinic.rules["check_in"]),
        waitlist=rulebook.parse_numbers(WaitlistRule, clinic.rules["waitlist"]),
        strikes=rulebook.parse_numbers(StrikeRule, clinic.rules["strikes"]),
        moving=rulebook.parse_numbers(MoveRule, clinic.rules["moving"]),
        place=places.parse_fence(clinic.rules["place"]),
        waits=parse_levels(clinic.rules.get("waits")),
        break_glass=break_glass_rule_of(clinic.rules),
    )


def break_glass_rule_of(clinic_rules: Mapping[str, Any]) -> BreakGlassRule:
    """Return how long an emergency opens a record; a clinic from before there was such a rule has the usual one."""
    stored = clinic_rules.get("break_glass")
    return BreakGlassRule() if stored is None else rulebook.parse_numbers(BreakGlassRule, stored)


def check_in_rule_of(clinic_rules: Mapping[str, Any], own: Mapping[str, Any] | None) -> checkin_rules.WindowRule:
    """Return a department's rule for checking in: its `own`, else what `Clinic.rules` says. Raises RuleMalformed."""
    return checkin_rules.parse_window(clinic_rules["check_in"] if own is None else own)


def with_fence(session: Session, clinic_ids: Iterable[str]) -> frozenset[str]:
    """Return which of these clinics let people check in by where their phone is."""
    found = session.scalars(select(Clinic).where(Clinic.id.in_(set(clinic_ids))))
    return frozenset(clinic.id for clinic in found if clinic.rules["place"] is not None)


def format_rules(rules: ClinicRules) -> dict[str, Mapping[str, str | int | None] | None]:
    """Return the rules as the JSON that `Clinic.rules` holds."""
    return {
        "booking": booking_rules.format_rule(rules.booking),
        "check_in": checkin_rules.format_window(rules.check_in),
        "waitlist": rulebook.format_numbers(rules.waitlist),
        "strikes": rulebook.format_numbers(rules.strikes),
        "moving": rulebook.format_numbers(rules.moving),
        "place": places.format_fence(rules.place),
        "waits": rulebook.format_numbers(rules.waits),
        "break_glass": rulebook.format_numbers(rules.break_glass),
    }


def around_today(now: datetime) -> tuple[datetime, datetime]:
    """Return from when to when things count as today's: the hospital's day, and three hours to either side of now."""
    begins_at, ends_at = day_bounds(hospital_day(now))
    return min(begins_at, now - AROUND_MIDNIGHT), max(ends_at, now + AROUND_MIDNIGHT)


def days_around(now: datetime) -> tuple[date, date, date]:
    """Return yesterday, today and tomorrow: whose sessions and queues can reach into `around_today`."""
    today_on = hospital_day(now)
    return today_on - ONE_DAY, today_on, today_on + ONE_DAY


# Looking for a slot


def departments(session: Session, now: datetime) -> list[DepartmentView]:
    """Return all departments in their order, with what is free today and the first day that has anything free."""
    until_at = day_bounds(hospital_day(now) + _days_ahead(session) * ONE_DAY)[1]
    today_ends_at = day_bounds(hospital_day(now))[1]
    counted = session.execute(
        select(
            ClinicSession.department_id,
            func.count().filter(Slot.starts_at < today_ends_at),
            func.min(Slot.starts_at),
        )
        .select_from(Slot)
        .join(ClinicSession, ClinicSession.id == Slot.session_id)
        .where(_lately(now, until_at), Slot.starts_at > now, Slot.starts_at < until_at, ~is_taken(now))
        .group_by(ClinicSession.department_id)
    ).all()
    free = {department: (today, first) for department, today, first in counted}
    rows = session.scalars(select(Department).order_by(Department.clinic_id, Department.position, Department.letter))
    return [
        DepartmentView(
            row.id,
            row.clinic_id,
            Words(row.name_zh, row.name_en),
            free.get(row.id, (0, None))[0],
            None if row.id not in free else hospital_day(free[row.id][1]),
        )
        for row in rows
    ]


def department(session: Session, department_id: str) -> DepartmentView:
    """Return one department, uncounted. Raises NotFound."""
    row = session.get(Department, department_id)
    if row is None:
        raise NotFound()
    return DepartmentView(row.id, row.clinic_id, Words(row.name_zh, row.name_en), 0, None)


def days(session: Session, department_id: str, now: datetime) -> list[DayView]:
    """Return the days that are open for booking, today first, each with the department's free slots."""
    clinic = session.get(Clinic, department(session, department_id).clinic_id)
    assert clinic is not None  # noqa: S101 (a foreign key says so)
    today_on = hospital_day(now)
    last_on = booking_rules.last_bookable_on(rules_of(clinic).booking, now)
    starts = session.scalars(
        select(Slot.starts_at)
        .join(ClinicSession, ClinicSession.id == Slot.session_id)
        .where(
            ClinicSession.department_id == department_id,
            _lately(now, day_bounds(last_on)[1]),
            Slot.starts_at > now,
            Slot.starts_at < day_bounds(last_on)[1],
            ~is_taken(now),
        )
    ).all()
    free: dict[date, int] = {}
    for starts_at in starts:
        free[hospital_day(starts_at)] = free.get(hospital_day(starts_at), 0) + 1
    every_day = [today_on + n * ONE_DAY for n in range((last_on - today_on).days + 1)]
    return [DayView(day_on, free.get(day_on, 0)) for day_on in every_day]


def doctors(session: Session, department_id: str, day_on: date, now: datetime) -> list[SessionView]:
    """Return who sits in the department with slots on that day that have not begun, the one with the earliest first."""
    from_at, to_at = day_bounds(day_on)
    counts = session.execute(
        select(Slot.session_id, func.count().filter(~is_taken(now)), func.min(Slot.starts_at))
        .join(ClinicSession, ClinicSession.id == Slot.session_id)
        .where(
            ClinicSession.department_id == department_id,
            _lately(from_at, to_at),
            Slot.starts_at > now,
            Slot.starts_at >= from_at,
            Slot.starts_at < to_at,
        )
        .group_by(Slot.session_id)
        .order_by(func.min(Slot.starts_at), Slot.session_id)
    ).all()
    found = sessions(session, [row[0] for row in counts])
    return [_with_free(found[session_id], free) for session_id, free, _first in counts]


def slots(session: Session, session_id: str, day_on: date, now: datetime) -> list[SlotView]:
    """Return the session's slots that begin on that day and have not begun, by time. Raises NotFound for no session."""
    if session.get(ClinicSession, session_id) is None:
        raise NotFound()
    from_at, to_at = day_bounds(day_on)
    rows = session.execute(
        select(Slot, is_taken(now))
        .join(ClinicSession, ClinicSession.id == Slot.session_id)
        .where(Slot.session_id == session_id, Slot.starts_at > now, Slot.starts_at >= from_at, Slot.starts_at < to_at)
        .order_by(Slot.starts_at)
    ).all()
    return [SlotView(slot.id, slot.session_id, slot.starts_at, slot.ends_at, not taken) for slot, taken in rows]


def sessions(session: Session, session_ids: list[str]) -> dict[str, SessionView]:
    """Return the sessions there are of these, by id, with their names."""
    if not session_ids:
        return {}
    return {view.id: view for view in _session_views(session, ClinicSession.id.in_(session_ids))}


def session_of(session: Session, session_id: str) -> SessionView:
    """Return one session. Raises NotFound."""
    found = sessions(session, [session_id])
    if session_id not in found:
        raise NotFound()
    return found[session_id]


def sessions_of(session: Session, clinician_ref: str, now: datetime) -> list[SessionView]:
    """Return the clinician's sessions of today, by time."""
    from_at, to_at = around_today(now)
    mine = and_(
        ClinicSession.clinician_ref == clinician_ref, ClinicSession.starts_at < to_at, ClinicSession.ends_at > from_at
    )
    return _session_views(session, mine)


def sessions_in(session: Session, clinic_id: str, now: datetime) -> list[SessionView]:
    """Return the clinic's sessions of today, by time."""
    from_at, to_at = around_today(now)
    here = and_(
        ClinicSession.clinic_id == clinic_id,
        ClinicSession.day_on.in_(days_around(now)),
        ClinicSession.starts_at < to_at,
        ClinicSession.ends_at > from_at,
    )
    return _session_views(session, here)


def clinic_names(session: Session) -> dict[str, Words]:
    """Return the name of every clinic by its id."""
    return {row.id: Words(row.name_zh, row.name_en) for row in session.scalars(select(Clinic).order_by(Clinic.id))}


# Private


def _lately(from_at: datetime, to_at: datetime):  # type: ignore[no-untyped-def]
    """Say in SQL that a session may have slots between two instants: none lasts a day. It keeps the look off old sessions."""
    return and_(ClinicSession.starts_at > from_at - ONE_DAY, ClinicSession.starts_at < to_at)


def _days_ahead(session: Session) -> int:
    return max((rules_of(row).booking.days_ahead for row in session.scalars(select(Clinic))), default=0)


def _session_views(session: Session, which) -> list[SessionView]:  # type: ignore[no-untyped-def]
    rows = session.execute(
        select(ClinicSession, Clinic, Department, Room, Staff)
        .join(Clinic, Clinic.id == ClinicSession.clinic_id)
        .join(Department, Department.id == ClinicSession.department_id)
        .join(Room, Room.id == ClinicSession.room_id)
        .join(Staff, Staff.ref == ClinicSession.clinician_ref)
        .where(which)
        .order_by(ClinicSession.starts_at, ClinicSession.id)
    ).all()
    return [
        SessionView(
            id=row.id,
            clinic_id=row.clinic_id,
            department_id=row.department_id,
            queue_id=row.queue_id,
            clinician_ref=row.clinician_ref,
            kind=row.kind,
            day_on=row.day_on,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            clinic=Words(clinic.name_zh, clinic.name_en),
            department=Words(owning.name_zh, owning.name_en),
            room=Words(room.name_zh, room.name_en),
            doctor=Words(staff.name_zh, staff.name_en),
            title=Words(staff.title_zh, staff.title_en),
            is_stopped=row.stopped_at is not None,
        )
        for row, clinic, owning, room, staff in rows
    ]


def _with_free(view: SessionView, free: int) -> SessionView:
    return replace(view, free=free)
