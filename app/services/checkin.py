"""Checking in: from "I am here" to a ticket.

A scan of the venue's code gives the browser a presence; a presence checks in each of the account's visits there once
(promise Q3). The desk checks in whom it has in front of it. The number comes from the queue's counter, locked by the
UPDATE itself, under a UNIQUE constraint (Q4): no number twice, none skipped, because a refused act gives its number back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, select, update
from sqlalchemy.orm import Session

from app.domain import booking as booking_rules
from app.domain import checkin as rules
from app.domain import own_codes
from app.domain import queueing as queue_rules
from app.domain.actor import Actor
from app.domain.checkin import Presence, Way, WindowRule
from app.domain.errors import AppointmentMoved, NotFound, SlotStopped
from app.domain.ids import new_ref
from app.domain.tickets import format_ticket
from app.models import Appointment, Clinic, ClinicSession, Department, Prepared, Queue, Ticket
from app.services import booking, clinics, events, rights
from app.services.booking import AppointmentView
from app.services.sealing import held, write_first, write_next


@dataclass(frozen=True)
class Issued:
    """A ticket as check-in answers with it. `is_new` is false where it was there already."""

    ticket_id: str
    ticket: str
    appointment_id: str
    patient_ref: str
    is_new: bool


@dataclass(frozen=True)
class VisitHere:
    """One of today's visits at the clinic. `opens_at` and `closes_at` are the window; `decision` says where now stands:
    "open", "early", "late" (with the minutes), "stopped" where the clinician does not come, or "done" when it has its ticket.
    `ways` are those that the department takes."""

    appointment: AppointmentView
    decision: str
    minutes: int
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    ways: frozenset[Way] = frozenset()


@dataclass(frozen=True)
class OwnCode:
    """What a phone shows at the desk: the QR's text, eight digits to read out, and for how many seconds both are the newest."""

    text: str
    digits: str
    seconds_left: int


# Today's visits


def visits_here(session: Session, actor: Actor, clinic_id: str, now: datetime) -> list[VisitHere]:
    """Return today's visits of the account's people at one clinic, by time: those to check in, and those that are."""
    return windows_of(session, [view for view in today_of(session, actor, now) if view.clinic_id == clinic_id], now)


def windows_of(session: Session, views: Sequence[AppointmentView], now: datetime) -> list[VisitHere]:
    """Return where `now` stands in the window of each visit."""
    sittings = {view.session_id for view in views}
    found = session.execute(
        select(ClinicSession, Clinic.rules, Department.check_in)
        .join(Clinic, Clinic.id == ClinicSession.clinic_id)
        .join(Department, Department.id == ClinicSession.department_id)
        .where(ClinicSession.id.in_(sittings))
    )
    of = {sitting.id: (clinics.check_in_rule_of(clinic, own), sitting) for sitting, clinic, own in found}
    return [_here(view, *of[view.session_id], now) for view in views]


# Checking in


def check_in(session: Session, actor: Actor, appointment_id: str, presence: Presence | None, now: datetime) -> Issued:
    """Return the patient's ticket, issuing it the first time.

    Phones lose answers and patients press again: a second call returns the same ticket and records nothing.

    Raises:
        NotFound: none such, or not the actor's to check in. The answer is the same.
        AppointmentMoved: it is not booked.
        SlotStopped: the clinician does not come.
        CheckInTooEarly, CheckInTooLate: outside the clinic's window, with the instant and the minutes.
        PresenceNeeded: this browser was not at that clinic in the last ten minutes.
    """
    return check_in_all(session, actor, [appointment_id], presence, now)[0]


def check_in_all(
    session: Session, actor: Actor, appointment_ids: Iterable[str], presence: Presence | None, now: datetime
) -> list[Issued]:
    """Return the tickets of several visits, all or none, one event each, in the order of their patients.

    Raises what `check_in` raises.
    """
    return [_by_patient(session, actor, visit, presence, now) for visit in _locked(session, set(appointment_ids))]


def check_in_at_desk(session: Session, actor: Actor, appointment_id: str, now: datetime) -> Issued:
    """Return the ticket of somebody who stands at the desk, document seen. The desk decides about early and late, within
    the day. Raises NotFound, NotAllowed, AppointmentMoved, SlotStopped."""
    (visit,) = _locked(session, {appointment_id})
    row = visit.appointment
    rights.run_desk(actor, row.clinic_id, now)
    known = _known(session, row)
    if known is not None:
        return known
    with rights.concerning(row.patient_ref):
        _require_booked(row)
        from_at, to_at = clinics.around_today(now)
        if not from_at <= row.starts_at < to_at:
            raise AppointmentMoved(state=row.state)
        _require_sitting(visit)
    return _issue(session, actor, visit, Way.DESK, now)


def own_code_of(session: Session, actor: Actor, appointment_id: str, now: datetime) -> OwnCode:
    """Return the code that the account's phone shows for one of its visits of today, whether its window is open yet or not.

    Raises NotFound, AppointmentMoved where there is nothing to check in, WayNotUsed.
    """
    (visit,) = _locked(session, {appointment_id})
    row = visit.appointment
    rights.arrange(session, actor, row.patient_ref, now, recorded_at=row.created_at)
    _require_booked(row)
    rules.require_way(clinics.check_in_rule_of(visit.rules, visit.department_rule), Way.OWN_CODE)
    secret = session.scalars(select(Clinic.venue_secret).where(Clinic.id == row.clinic_id)).one()
    return OwnCode(
        own_codes.own_code(secret, row.id, now), own_codes.own_digits(secret, row.id, now), rules.seconds_left(now)
    )


def visit_of_own_code(session: Session, actor: Actor, clinic_id: str, text: str, now: datetime) -> str:
    """Return whose visit of today here, as its id, a phone showed the code of: to the desk's scanner or to a gate.

    Raises NotAllowed, NotFound, OwnCodeUnknown.
    """
    rights.read_own_codes(actor, clinic_id, now)
    from_at, to_at = clinics.around_today(now)
    today = select(Appointment.id).where(
        Appointment.clinic_id == clinic_id,
        Appointment.starts_at >= from_at,
        Appointment.starts_at < to_at,
        Appointment.state == "booked",
    )
    secret = session.scalars(select(Clinic.venue_secret).where(Clinic.id == clinic_id)).first()
    if secret is None:
        raise NotFound()
    return own_codes.visit_of_code(secret, session.scalars(today).all(), text, now)


def check_in_by_own_code(session: Session, actor: Actor, clinic_id: str, text: str, now: datetime) -> Issued:
    """Return the ticket of whose code a gate or a scanner has read. The code works once: after it the visit has its ticket.

    Raises NotAllowed, NotFound, OwnCodeUnknown, CheckInTooEarly, CheckInTooLate, SlotStopped, WayNotUsed.
    """
    (visit,) = _locked(session, {visit_of_own_code(session, actor, clinic_id, text, now)})
    with rights.concerning(visit.appointment.patient_ref):
        _require_booked(visit.appointment)
        rules.require_way(_require_open(visit, now), Way.OWN_CODE)
    return _issue(session, actor, visit, Way.OWN_CODE, now)


# Private


class _Visit(NamedTuple):
    """An appointment, locked, with what checking in asks of the session and the clinic that it is in."""

    appointment: Appointment
    queue_id: str
    kind: str
    clinician_ref: str | None
    late_minutes: int | None
    stopped_at: datetime | None
    rules: dict[str, Any]
    department_rule: dict[str, Any] | None


_COLUMNS = Appointment.__table__.columns.keys()


@cache
def _locking(count: int) -> Prepared:
    """Return the statement that locks `count` appointments, in the order of their subjects."""
    return Prepared(
        select(
            *Appointment.__table__.columns,
            ClinicSession.queue_id,
            ClinicSession.kind,
            ClinicSession.clinician_ref,
            ClinicSession.late_minutes,
            ClinicSession.stopped_at,
            Clinic.rules,
            Department.check_in,
        )
        .join(ClinicSession, ClinicSession.id == Appointment.session_id)
        .join(Clinic, Clinic.id == Appointment.clinic_id)
        .join(Department, Department.id == ClinicSession.department_id)
        .where(Appointment.id.in_([bindparam(f"id{n}", type_=Appointment.id.type) for n in range(count)]))
        .order_by(Appointment.patient_ref, Appointment.starts_at, Appointment.id)
        .with_for_update(of=Appointment)
    )


def _locked(session: Session, appointment_ids: Set[str]) -> list[_Visit]:
    """Return the visits, locked in the order of their subjects. Raises NotFound unless all are there."""
    session.flush()
    named = {f"id{n}": appointment_id for n, appointment_id in enumerate(appointment_ids)}
    found = _locking(len(named)).all(session.connection(), **named)
    if len(found) != len(named):
        raise NotFound()
    return [_Visit(held(Appointment, dict(zip(_COLUMNS, row, strict=False))), *row[len(_COLUMNS) :]) for row in found]


def _by_patient(session: Session, actor: Actor, visit: _Visit, presence: Presence | None, now: datetime) -> Issued:
    row = visit.appointment
    rights.arrange(session, actor, row.patient_ref, now, recorded_at=row.created_at)
    known = _known(session, row)
    if known is not None:
        return known
    with rights.concerning(row.patient_ref):
        _require_booked(row)
        rule = _require_open(visit, now)
        shown = rules.require_presence(presence, row.clinic_id, now)
        rules.require_way(rule, shown.way)
    return _issue(session, actor, visit, shown.way, now, within_m=shown.within_m)


def _require_open(visit: _Visit, now: datetime) -> WindowRule:
    _require_sitting(visit)
    rule = clinics.check_in_rule_of(visit.rules, visit.department_rule)
    rules.require_open(rule, visit.appointment.starts_at, now, visit.late_minutes or 0)
    return rule


def _require_sitting(visit: _Visit) -> None:
    """Raise SlotStopped where the clinician does not come: the ticket would be for a line that nobody calls."""
    if visit.stopped_at is not None:
        raise SlotStopped()


def _known(session: Session, row: Appointment) -> Issued | None:
    if row.state == "booked":  # the lock is ours, so nobody has its ticket
        return None
    ticket = session.scalar(select(Ticket).where(Ticket.appointment_id == row.id))
    return None if ticket is None else _issued(ticket, is_new=False)


def _require_booked(row: Appointment) -> None:
    if row.state == "released" or not booking_rules.is_allowed(
        booking_rules.State(row.state), booking_rules.State.CHECKED_IN
    ):
        raise AppointmentMoved(state=row.state)


_NEXT_NUMBER = Prepared(
    update(Queue.__table__)
    .where(Queue.id == bindparam("queue"))
    .values(last_number=Queue.last_number + 1)
    .returning(Queue.last_number, Queue.letter)
)


def _issue(
    session: Session, actor: Actor, visit: _Visit, way: Way, now: datetime, *, within_m: int | None = None
) -> Issued:
    row = visit.appointment
    [(number, letter)] = _NEXT_NUMBER.all(session.connection(), queue=visit.queue_id)
    ticket = held(
        Ticket,
        {
            "id": new_ref(),
            "queue_id": visit.queue_id,
            "letter": letter,
            "number": number,
            "appointment_id": row.id,
            "patient_ref": row.patient_ref,
            "session_id": row.session_id,
            "clinician_ref": visit.clinician_ref if visit.kind == "expert" else None,
            "state": "waiting",
            "order_key": queue_rules.order_key(queue_rules.first_place(number)),
            "calls": 0,
            "passes": 0,
            "method": way.value,
            "checked_in_at": now,
            "changed_at": now,
        },
    )
    write_next(session, row, state="checked_in")
    write_first(session, ticket)
    detail = {"ticket": format_ticket(letter, number), "method": way.value, "within_m": within_m}
    events.record(
        session, "appointment.checked_in", actor, now, subject=row.patient_ref, objects=[row, ticket], detail=detail
    )
    return _issued(ticket, is_new=True)


def _issued(ticket: Ticket, *, is_new: bool) -> Issued:
    number = format_ticket(ticket.letter, ticket.number)
    return Issued(ticket.id, number, ticket.appointment_id, ticket.patient_ref, is_new)


def today_of(session: Session, actor: Actor, now: datetime) -> list[AppointmentView]:
    """Return today's visits of the account's people that are booked, checked in or under way, by time."""
    mine = booking.of_people(session, actor, now)
    if mine is None:
        return []
    from_at, to_at = clinics.around_today(now)
    days = and_(Appointment.starts_at >= from_at, Appointment.starts_at < to_at)
    return booking.views(session, and_(mine, days, Appointment.state.in_(("booked", "checked_in", "in_consult"))), now)


def _here(view: AppointmentView, rule: WindowRule, sitting: ClinicSession, now: datetime) -> VisitHere:
    if view.ticket is not None:
        return VisitHere(view, "done", 0, ways=rule.ways)
    if sitting.stopped_at is not None:
        return VisitHere(view, "stopped", 0)
    decision = rules.decide_window(rule, view.starts_at, now, sitting.late_minutes or 0)
    match decision:
        case rules.Open(opens_at, closes_at):
            return VisitHere(view, "open", 0, opens_at, closes_at, rule.ways)
        case rules.TooEarly(opens_at, minutes):
            return VisitHere(view, "early", minutes, opens_at=opens_at, ways=rule.ways)
        case rules.TooLate(closed_at, minutes):
            return VisitHere(view, "late", minutes, closes_at=closed_at, ways=rule.ways)
