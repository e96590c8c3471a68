"""Strikes (爽约记录): appointments that were not kept, what excuses them, what they lead to, and the day's close.

A strike names its evidence: the appointment and the event that says that it was not kept. Who came is never struck by the clock:
the day's close looks at appointments that nobody ever checked in for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.domain import strikes as rules
from app.domain.actor import SYSTEM, Actor
from app.domain.calendar import day_bounds, hospital_day
from app.domain.errors import NotFound
from app.domain.ids import new_ref
from app.domain.strikes import BookingPaused, Excuse, Kind
from app.models import Appeal, Appointment, Clinic, ClinicSession, Department, Strike, Ticket, projected
from app.services import clinics, events, evidence, rights
from app.services.clinics import Words
from app.services.evidence import Evidence
from app.services.sealing import seal_next

BATCH = 20
LOOKED_AT_FOR = timedelta(days=7)  # a no-show older than this gets no strike any more


@dataclass(frozen=True)
class StrikeView:
    """A strike with its evidence. `state`: standing, excused, lifted, or expired by the clock; `appeal`: open, upheld, denied."""

    id: str
    patient_ref: str
    kind: str
    state: str
    excuse: str | None
    happened_at: datetime
    expires_at: datetime
    appointment_id: str
    starts_at: datetime
    department: Words
    event_id: str | None
    appeal: str | None
    may_appeal: bool


@dataclass(frozen=True)
class Standing:
    """One person's strikes, the newest first. `paused_until` while online booking rests; `count` of `limit` stand."""

    patient_ref: str
    strikes: tuple[StrikeView, ...]
    count: int
    limit: int
    period_days: int
    ban_days: int
    paused_until: datetime | None


def require_not_paused(session: Session, patient_ref: str, clinic: Clinic, now: datetime) -> None:
    """Raise BookingPaused while too many strikes stand against the person."""
    ends_at = _paused_until(session, patient_ref, clinic, now)
    if ends_at is not None:
        raise BookingPaused(about=patient_ref, until_at=ends_at)


def after_cancel(session: Session, row: Appointment, event_id: str, now: datetime) -> None:
    """Strike a late cancellation beyond those that the rule lets go. The appointment says who cancelled and when."""
    rule = clinics.rules_of(session.get_one(Clinic, row.clinic_id)).strikes
    if not rules.is_late_cancel(rule, row.starts_at, now):
        return
    session.flush()
    since_at = now - timedelta(days=rule.late_cancel_days)
    lately = session.execute(
        select(Appointment.starts_at, Appointment.cancelled_at).where(
            Appointment.patient_ref == row.patient_ref,
            Appointment.cancelled_by == "patient",
            Appointment.cancelled_at > since_at,
            ~exists(select(Ticket.id).where(Ticket.appointment_id == Appointment.id)),  # who left a line came
        )
    ).all()
    late = [one for one in lately if one.cancelled_at and rules.is_late_cancel(rule, one.starts_at, one.cancelled_at)]
    if len(late) > rule.free_late_cancels:  # this one is among them
        _add(session, row, Kind.LATE_CANCEL, event_id, now)


def after_no_show(session: Session, row: Appointment, now: datetime, event_id: str | None = None) -> None:
    """Strike an appointment that nobody came for, or record what excuses it. A second call finds the first and does nothing.

    `event_id` is the event that says so; without one it is that of the pass which made it one.
    """
    if session.scalar(select(Strike.id).where(Strike.appointment_id == row.id)) is not None:
        return
    _add(session, row, Kind.NO_SHOW, event_id or evidence.no_show_of(session, row), now)


def taken_back(session: Session, appointment_id: str) -> Strike | None:
    """Lift the strike for a no-show that was itself taken back, and return it; None where none stands. The caller records it."""
    with session.no_autoflush:  # the caller's flush is where a row that cannot go back is told
        row = session.scalar(select(Strike).where(Strike.appointment_id == appointment_id, Strike.state == "standing"))
    if row is not None:
        row.state = "lifted"
        seal_next(session, row)
    return row


def standing_of(session: Session, actor: Actor, now: datetime) -> list[Standing]:
    """Return how it stands with each of the account's people."""
    return [_standing(session, ref, since_at, now) for ref, since_at in rights.reached(session, actor, now)]


def strike(session: Session, actor: Actor, strike_id: str, now: datetime) -> StrikeView:
    """Return one strike of the account's people. Raises NotFound."""
    row = session.get(Strike, strike_id)
    if row is None:
        raise NotFound()
    rights.see_own(session, actor, row.patient_ref, now, recorded_at=row.happened_at)
    return _views(session, Strike.id == strike_id, now)[0]


def evidence_of(session: Session, actor: Actor, strike_id: str, now: datetime) -> Evidence:
    """Return what a strike of the account's people rests on, as far back as the account reads. Raises NotFound."""
    row = session.get(Strike, strike_id)
    if row is None:
        raise NotFound()
    grant = rights.see_own(session, actor, row.patient_ref, now, recorded_at=row.happened_at)
    return evidence.of_strike(session, strike_id, grant.since_at)


# The day's close


def is_due(session: Session, now: datetime) -> bool:
    """Return whether a day is to be closed or a no-show to be looked at."""
    return bool(_unkept(session, now, 1) or _unjudged(session, now, 1))


def run(session: Session, now: datetime) -> int:
    """Close past days, a batch at a time, and return how many appointments that touched.

    1. What was booked for a day that is over, and never checked in for, becomes a no-show; or is cancelled by the clinic, where
       its session was stopped.
    2. Each no-show, also one of the third pass, is struck or excused.
    """
    done = 0
    for row, sitting in _unkept(session, now, BATCH):
        if sitting.stopped_at is not None:
            row.state, row.cancelled_at, row.cancelled_by = "cancelled", now, "clinic"
            seal_next(session, row)
            kind, detail = "appointment.cancelled", {"by": "clinic"}
        else:
            row.state = "no_show"
            seal_next(session, row)
            kind, detail = "appointment.no_show", {"starts_at": projected(row.starts_at)}
        said = events.record(session, kind, SYSTEM, now, subject=row.patient_ref, objects=[row], detail=detail)
        session.flush()
        if row.state == "no_show":
            after_no_show(session, row, now, said.id)
        done += 1
    for row in _unjudged(session, now, BATCH):
        after_no_show(session, row, now)
        done += 1
    return done


def _unkept(session: Session, now: datetime, limit: int) -> Sequence[tuple[Appointment, ClinicSession]]:
    today_at = day_bounds(hospital_day(now))[0]
    rows = session.execute(
        select(Appointment, ClinicSession)
        .join(ClinicSession, ClinicSession.id == Appointment.session_id)
        .where(Appointment.state == "booked", Appointment.starts_at < today_at, ClinicSession.ends_at < now)
        .order_by(Appointment.patient_ref, Appointment.id)
        .limit(limit)
    )
    return [(row, sitting) for row, sitting in rows]


def _unjudged(session: Session, now: datetime, limit: int) -> Sequence[Appointment]:
    return session.scalars(
        select(Appointment)
        .where(
            Appointment.state == "no_show",
            Appointment.slot_id.is_not(None),  # who walked in took nobody's slot
            Appointment.starts_at > now - LOOKED_AT_FOR,
            ~exists(select(Strike.id).where(Strike.appointment_id == Appointment.id)),
        )
        .order_by(Appointment.patient_ref, Appointment.id)
        .limit(limit)
    ).all()


# Private


def _add(session: Session, row: Appointment, kind: Kind, event_id: str | None, now: datetime) -> None:
    sitting = session.get_one(ClinicSession, row.session_id)
    rule = clinics.rules_of(session.get_one(Clinic, row.clinic_id)).strikes
    excuse: Excuse | None = None
    if kind is Kind.NO_SHOW:
        late = sitting.late_minutes or 0
        excuse = rules.excuse_of(rule, is_stopped=sitting.stopped_at is not None, clinician_late_minutes=late)
    happened_at = row.starts_at if kind is Kind.NO_SHOW else now
    strike = Strike(
        id=new_ref(),
        patient_ref=row.patient_ref,
        clinic_id=row.clinic_id,
        appointment_id=row.id,
        event_id=event_id,
        kind=kind.value,
        state="standing" if excuse is None else "excused",
        excuse=excuse.value if excuse else None,
        happened_at=happened_at,
        expires_at=rules.expires_at(rule, happened_at),
    )
    seal_next(session, strike)
    session.flush()
    detail: dict[str, str | int | bool | None] = {"kind": kind.value, "starts_at": projected(row.starts_at)}
    if excuse is None:
        detail |= {"until": projected(strike.expires_at), "evidence": event_id}
        detail["calls"] = evidence.calls_of(session, row) if kind is Kind.NO_SHOW else None
        event = "strike.given"
    else:
        detail["why"] = excuse.value
        event = "strike.excused"
    events.record(session, event, SYSTEM, now, subject=row.patient_ref, objects=[strike, row], detail=detail)


def _paused_until(session: Session, patient_ref: str, clinic: Clinic, now: datetime) -> datetime | None:
    rule = clinics.rules_of(clinic).strikes
    happened = session.scalars(
        select(Strike.happened_at).where(
            Strike.patient_ref == patient_ref,
            Strike.state == "standing",
            Strike.happened_at > now - timedelta(days=rule.period_days + rule.ban_days),
        )
    ).all()
    return rules.ban_ends_at(rule, happened, now)


def _standing(session: Session, patient_ref: str, since_at: datetime | None, now: datetime) -> Standing:
    views = [
        view
        for view in _views(session, Strike.patient_ref == patient_ref, now)
        if since_at is None or view.happened_at >= since_at
    ]
    houses = session.scalars(select(Clinic).order_by(Clinic.id)).all()
    rule = clinics.rules_of(houses[0]).strikes if houses else rules.StrikeRule()
    paused = [ends for ends in (_paused_until(session, patient_ref, house, now) for house in houses) if ends]
    return Standing(
        patient_ref=patient_ref,
        strikes=tuple(views),
        count=sum(1 for view in views if view.state == "standing"),
        limit=rule.count,
        period_days=rule.period_days,
        ban_days=rule.ban_days,
        paused_until=max(paused, default=None),
    )


def _views(session: Session, which, now: datetime) -> list[StrikeView]:  # type: ignore[no-untyped-def]
    rows = session.execute(
        select(Strike, Appointment, Department, Appeal.state)
        .join(Appointment, Appointment.id == Strike.appointment_id)
        .join(ClinicSession, ClinicSession.id == Appointment.session_id)
        .join(Department, Department.id == ClinicSession.department_id)
        .outerjoin(Appeal, Appeal.strike_id == Strike.id)
        .where(which)
        .order_by(Strike.happened_at.desc(), Strike.id)
    ).all()
    return [
        StrikeView(
            id=strike.id,
            patient_ref=strike.patient_ref,
            kind=strike.kind,
            state="expired" if strike.state == "standing" and now >= strike.expires_at else strike.state,
            excuse=strike.excuse,
            happened_at=strike.happened_at,
            expires_at=strike.expires_at,
            appointment_id=row.id,
            starts_at=row.starts_at,
            department=Words(department.name_zh, department.name_en),
            event_id=strike.event_id,
            appeal=appeal,
            may_appeal=strike.state == "standing" and now < strike.expires_at and appeal is None,
        )
        for strike, row, department, appeal in rows
    ]
