"""The waitlist (候补): join, leave, accept, and where one stands. What is offered to whom and when: `offers`.

An offer is a hold of the slot for the one it is offered to (promise Q1: the same index decides), so that accepting it is
confirming that hold. Each step is an event of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import booking as booking_rules
from app.domain import waitlist as rules
from app.domain.actor import Actor
from app.domain.booking import AppointmentFacts
from app.domain.calendar import ONE_DAY, day_bounds, hospital_day
from app.domain.errors import AlreadyBooked, Conflict, NotFound, SlotPast, SlotStopped, SlotTooFar
from app.domain.ids import new_ref
from app.domain.waitlist import InLine, OfferOver, WaitlistClosed, WaitlistFull, WaitlistNotNeeded
from app.models import Appointment, Clinic, ClinicSession, Department, Prepared, Slot, Staff, WaitlistEntry
from app.services import availability, beside, booking, clinics, events, offers, rights, strikes
from app.services.clinics import Words
from app.services.sealing import seal_next

IN_LINE = ("waiting", "offered")


@dataclass(frozen=True)
class EntryView:
    """Where somebody stands. `state`: waiting, offered, accepted, left, or lapsed, also where an offer ran out by the clock.

    `ahead` come before them; `appointment_id`, `starts_at` and `offered_until` are the offer's.
    """

    id: str
    patient_ref: str
    state: str
    day_on: date
    department: Words
    doctor: Words | None
    session_id: str | None
    department_id: str
    ahead: int
    appointment_id: str | None = None
    starts_at: datetime | None = None
    offered_until: datetime | None = None


def join(
    session: Session,
    actor: Actor,
    patient_ref: str,
    department_id: str | None,
    day_on: date,
    now: datetime,
    *,
    session_id: str | None = None,
) -> EntryView:
    """Return the person's place in the line of a department and day; with `session_id` for that doctor's session alone, whose
    department it then is.

    Joining again returns the same place and records nothing.

    Raises:
        NotFound: no such department or session, or the patient is not the actor's.
        WaitlistNotNeeded: something is free. SlotPast, SlotStopped, WaitlistClosed, SlotTooFar: nothing will be offered any more,
            or not yet. WaitlistFull, AlreadyBooked, BookingPaused: as the rules decide.
    """
    rights.act_for(session, actor, patient_ref, now)
    department, clinic = _place(session, department_id, session_id)
    department_id = department.id
    day_on = _day_of_line(session, department_id, session_id, day_on, now)
    known = session.scalar(
        select(WaitlistEntry).where(
            WaitlistEntry.patient_ref == patient_ref,
            WaitlistEntry.department_id == department_id,
            WaitlistEntry.day_on == day_on,
            WaitlistEntry.session_id.is_(None) if session_id is None else WaitlistEntry.session_id == session_id,
            WaitlistEntry.state.in_(IN_LINE),
        )
    )
    if known is not None and not offers.ran_out(known, now):
        return _one(session, known.id, now)
    if known is not None:
        offers.lapse(session, known, now)
    rule = clinics.rules_of(clinic)
    with rights.concerning(patient_ref):
        if actor.kind == "patient":
            strikes.require_not_paused(session, patient_ref, clinic, now)
        _require_worth_waiting(session, rule, department_id, session_id, day_on, now)
        _require_room(session, actor, rule.waitlist, department_id, day_on)
        _require_not_booked(session, patient_ref, rule.booking, department_id, session_id, day_on, now)
    last = session.scalar(
        select(func.max(WaitlistEntry.place)).where(
            WaitlistEntry.department_id == department_id, WaitlistEntry.day_on == day_on
        )
    )
    row = WaitlistEntry(
        id=new_ref(),
        patient_ref=patient_ref,
        account_ref=actor.ref if actor.kind == "patient" else None,
        clinic_id=department.clinic_id,
        department_id=department_id,
        day_on=day_on,
        session_id=session_id,
        place=(last or 0) + 1,
        state="waiting",
        stop_minutes=rule.waitlist.stop_minutes,
        joined_at=now,
    )
    seal_next(session, row)
    try:
        session.flush()
    except IntegrityError as lost:  # two at once for one place, or one person twice: the index let in the other
        raise Conflict(about=patient_ref) from lost
    view = _one(session, row.id, now)
    detail = {"day": day_on.isoformat(), "place": view.ahead + 1}
    events.record(session, "waitlist.joined", actor, now, subject=patient_ref, objects=[row], detail=detail)
    return view


def leave(session: Session, actor: Actor, entry_id: str, now: datetime) -> None:
    """Leave the line, or decline what was offered. Leaving again is no harm. Raises NotFound."""
    row = _own(session, actor, entry_id, now)
    if row.state == "offered" and row.appointment_id:
        if offers.ran_out(row, now):
            offers.lapse(session, row, now)
        else:
            booking.release(session, actor, row.appointment_id, now)
    elif row.state == "waiting":
        row.state = "left"
        seal_next(session, row)
        events.record(session, "waitlist.left", actor, now, subject=row.patient_ref, objects=[row])


def accept(session: Session, actor: Actor, entry_id: str, now: datetime) -> str:
    """Return the id of the appointment, booked. Accepting again returns the same. Raises NotFound, OfferOver, HoldExpired."""
    row = _own(session, actor, entry_id, now)
    if row.appointment_id is None or row.state not in ("offered", "accepted"):
        raise OfferOver(about=row.patient_ref)
    return booking.confirm(session, actor, row.appointment_id, now).id


_ANY = Prepared(select(WaitlistEntry.id).where(WaitlistEntry.patient_ref == bindparam("patient")).limit(1))


def entries_of(session: Session, actor: Actor, now: datetime) -> list[EntryView]:
    """Return where the account's people stand in lines of today and later; of those that ended, today's lapsed ones."""
    session.flush()
    connection = session.connection()
    whose = [
        WaitlistEntry.patient_ref == ref
        if since_at is None
        else and_(WaitlistEntry.patient_ref == ref, WaitlistEntry.joined_at >= since_at)
        for ref, since_at in rights.reached(session, actor, now)
        if _ANY.first(connection, patient=ref)
    ]
    if not whose:
        return []
    which = and_(
        or_(*whose),
        or_(
            WaitlistEntry.state.in_(IN_LINE),
            and_(WaitlistEntry.state == "lapsed", WaitlistEntry.day_on >= hospital_day(now)),
        ),
    )
    return _views(session, which, now)


def entry(session: Session, actor: Actor, entry_id: str, now: datetime) -> EntryView:
    """Return one entry of the account's people. Raises NotFound."""
    return _one(session, _own(session, actor, entry_id, now).id, now)


# Private


def _place(session: Session, department_id: str | None, session_id: str | None) -> tuple[Department, Clinic]:
    if session_id is not None:
        sitting = session.get(ClinicSession, session_id)
        if sitting is None:
            raise NotFound()
        department_id = sitting.department_id
    department = session.get(Department, department_id) if department_id else None
    if department is None:
        raise NotFound()
    return department, session.get_one(Clinic, department.clinic_id)


def _day_of_line(session: Session, department_id: str, session_id: str | None, day_on: date, now: datetime) -> date:
    """Return the day by which the line goes: that of the sessions with slots on `day_on`, which may have begun before midnight."""
    from_at, to_at = day_bounds(day_on)
    which = ClinicSession.id == session_id if session_id is not None else ClinicSession.department_id == department_id
    days = session.scalars(
        select(ClinicSession.day_on)
        .join(Slot, Slot.session_id == ClinicSession.id)
        .where(which, ClinicSession.day_on.in_((day_on, day_on - ONE_DAY)))
        .where(Slot.starts_at > now, Slot.starts_at >= from_at, Slot.starts_at < to_at)
        .distinct()
    ).all()
    if not days and session_id is not None:
        raise NotFound()
    return max(days, default=day_on)


def _require_worth_waiting(
    session: Session,
    rule: clinics.ClinicRules,
    department_id: str,
    session_id: str | None,
    day_on: date,
    now: datetime,
) -> None:
    if day_on > booking_rules.last_bookable_on(rule.booking, now):
        raise SlotTooFar(opens_on=day_on - (booking_rules.last_bookable_on(rule.booking, now) - hospital_day(now)))
    here = and_(
        ClinicSession.department_id == department_id,
        ClinicSession.day_on == day_on,
        ClinicSession.id == session_id if session_id is not None else ClinicSession.id.is_not(None),
    )
    rows = session.execute(
        select(Slot.starts_at, availability.is_taken(now), availability.is_stopped())
        .join(ClinicSession, ClinicSession.id == Slot.session_id)
        .where(here, Slot.starts_at > now)
    ).all()
    if not rows:
        raise SlotPast()
    if all(stopped for _, _, stopped in rows):
        raise SlotStopped()
    if any(not taken for _, taken, _ in rows):
        raise WaitlistNotNeeded()
    last = max(starts_at for starts_at, _, stopped in rows if not stopped)
    if rules.offer_ends_at(rule.waitlist, last, now) is None:
        raise WaitlistClosed()


def _require_room(session: Session, actor: Actor, rule: rules.WaitlistRule, department_id: str, day_on: date) -> None:
    def count(*which) -> int:  # type: ignore[no-untyped-def]
        waiting = select(func.count()).select_from(WaitlistEntry).where(WaitlistEntry.state.in_(IN_LINE), *which)
        return session.scalar(waiting) or 0

    line = count(WaitlistEntry.department_id == department_id, WaitlistEntry.day_on == day_on)
    if line >= rule.most_waiting:
        raise WaitlistFull(scope="line", limit=rule.most_waiting)
    if actor.kind == "patient" and count(WaitlistEntry.account_ref == actor.ref) >= rule.per_account:
        raise WaitlistFull(scope="account", limit=rule.per_account)


def _require_not_booked(
    session: Session,
    patient_ref: str,
    rule: booking_rules.BookingRule,
    department_id: str,
    session_id: str | None,
    day_on: date,
    now: datetime,
) -> None:
    wanted = AppointmentFacts(booking_rules.State.HELD, session_id or "", department_id, day_bounds(day_on)[0])
    others = [facts for _, facts in beside.of_patient(session, patient_ref)]
    decision = booking_rules.decide_beside(rule, wanted, others, now)
    if isinstance(decision, booking_rules.Refusal):
        raise AlreadyBooked(scope=str(decision.error.facts["scope"]))


def _own(session: Session, actor: Actor, entry_id: str, now: datetime) -> WaitlistEntry:
    row = session.scalar(select(WaitlistEntry).where(WaitlistEntry.id == entry_id).with_for_update())
    if row is None:
        raise NotFound()
    rights.arrange(session, actor, row.patient_ref, now, recorded_at=row.joined_at)
    return row


def _one(session: Session, entry_id: str, now: datetime) -> EntryView:
    session.flush()
    return _views(session, WaitlistEntry.id == entry_id, now)[0]


def _views(session: Session, which, now: datetime) -> list[EntryView]:  # type: ignore[no-untyped-def]
    rows = session.execute(
        select(WaitlistEntry, Department, Staff, Appointment.starts_at)
        .join(Department, Department.id == WaitlistEntry.department_id)
        .outerjoin(ClinicSession, ClinicSession.id == WaitlistEntry.session_id)
        .outerjoin(Staff, Staff.ref == ClinicSession.clinician_ref)
        .outerjoin(Appointment, Appointment.id == WaitlistEntry.appointment_id)
        .where(which)
        .order_by(WaitlistEntry.day_on, WaitlistEntry.joined_at, WaitlistEntry.id)
    ).all()
    return [_view(session, *row, now) for row in rows]


def _view(
    session: Session,
    row: WaitlistEntry,
    department: Department,
    doctor: Staff | None,
    starts_at: datetime | None,
    now: datetime,
) -> EntryView:
    line = session.execute(
        select(WaitlistEntry.place, WaitlistEntry.session_id).where(
            WaitlistEntry.department_id == row.department_id,
            WaitlistEntry.day_on == row.day_on,
            WaitlistEntry.state == "waiting",
        )
    ).all()
    return EntryView(
        id=row.id,
        patient_ref=row.patient_ref,
        state="lapsed" if offers.ran_out(row, now) else row.state,
        day_on=row.day_on,
        department=Words(department.name_zh, department.name_en),
        doctor=Words(doctor.name_zh, doctor.name_en) if doctor else None,
        session_id=row.session_id,
        department_id=row.department_id,
        ahead=rules.ahead_of(InLine(row.place, row.session_id), [InLine(*one) for one in line]),
        appointment_id=row.appointment_id,
        starts_at=starts_at,
        offered_until=row.offered_until,
    )
