"""What stands beside a wanted appointment: the person's others, and what the account and the browser have open.

One open appointment a person, department and day (or session) is held by a unique index; here is who is told so, and which mere
holds make room.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.domain import booking as rules
from app.domain.actor import SYSTEM, Actor
from app.domain.booking import AppointmentFacts, BookingRule
from app.domain.calendar import day_bounds, hospital_day
from app.domain.errors import AlreadyBooked
from app.models import Account, Appointment, ClinicSession, Slot
from app.services import freeing, rights

OPEN = ("held", "booked", "checked_in", "in_consult")


def facts_of(row: Appointment, sitting: ClinicSession) -> AppointmentFacts:
    """Return what the rules need to know of an appointment."""
    state = rules.State.CANCELLED if row.state == "released" else rules.State(row.state)
    return AppointmentFacts(state, row.session_id, sitting.department_id, row.starts_at, row.held_until)


def of_patient(session: Session, patient_ref: str) -> list[tuple[Appointment, AppointmentFacts]]:
    """Return the person's open appointments, holds that ran out among them."""
    rows = session.execute(
        select(Appointment, ClinicSession)
        .join(ClinicSession, ClinicSession.id == Appointment.session_id)
        .where(Appointment.patient_ref == patient_ref, Appointment.state.in_(OPEN))
    )
    return [(row, facts_of(row, sitting)) for row, sitting in rows]


def in_the_way(
    session: Session, patient_ref: str, rule: BookingRule, slot: Slot, sitting: ClinicSession, now: datetime
) -> str | None:
    """Return what keeps the person from this slot: "held" for a mere hold, "booked" for more, None for nothing."""
    wanted = AppointmentFacts(rules.State.HELD, sitting.id, sitting.department_id, slot.starts_at)
    found = [
        facts.state
        for _, facts in of_patient(session, patient_ref)
        if isinstance(rules.decide_beside(rule, wanted, [facts], now), rules.Refusal)
    ]
    if not found:
        return None
    return "held" if set(found) == {rules.State.HELD} else "booked"


def clear_run_out(
    session: Session, slot: Slot, sitting: ClinicSession, patient_ref: str, rule: BookingRule, now: datetime
) -> None:
    """Write down holds that ran out by the clock where an index still counts them: in this slot, and the person's own."""
    key = rules.exclusion(rule, sitting.id, sitting.department_id, slot.starts_at)
    own = and_(Appointment.patient_ref == patient_ref, Appointment.excludes == key)
    for row in session.scalars(
        select(Appointment)
        .where(Appointment.state == "held", Appointment.held_until <= now, or_(Appointment.slot_id == slot.id, own))
        .order_by(Appointment.patient_ref)
        .with_for_update()
    ).all():
        freeing.let_go(session, SYSTEM, row, now)
    session.flush()


def make_room(
    session: Session,
    actor: Actor,
    patient_ref: str,
    rule: BookingRule,
    slot: Slot,
    sitting: ClinicSession,
    now: datetime,
) -> None:
    """Refuse a second appointment where the rule says one, letting go of mere holds that are in the way."""
    wanted = AppointmentFacts(rules.State.HELD, sitting.id, sitting.department_id, slot.starts_at)
    for row, facts in of_patient(session, patient_ref):
        decision = rules.decide_beside(rule, wanted, [facts], now)
        if isinstance(decision, rules.Allowed):
            continue
        if row.state != "held":
            scope = decision.error.facts["scope"]
            raise AlreadyBooked(about=patient_ref, scope=scope, appointment_id=row.id)
        freeing.let_go(session, actor, row, now)
    session.flush()


def require_within_limits(
    session: Session,
    actor: Actor,
    patient_ref: str,
    rule: BookingRule,
    starts_at: datetime,
    device: str | None,
    now: datetime,
) -> None:
    """Refuse more than an account, a browser may have open on that day. The account's row is the lock."""
    session.scalar(select(Account.ref).where(Account.ref == actor.ref).with_for_update())
    from_at, to_at = day_bounds(hospital_day(starts_at))
    is_held = and_(Appointment.state == "held", Appointment.held_until > now)
    is_open = or_(Appointment.state.in_(("booked", "checked_in", "in_consult")), is_held)
    is_that_day = and_(is_open, Appointment.starts_at >= from_at, Appointment.starts_at < to_at)
    own, digest = Appointment.account_ref == actor.ref, device_digest(device)

    def count(*which: ColumnElement[bool]) -> int:
        return session.scalar(select(func.count()).select_from(Appointment).where(*which)) or 0

    already = rules.Open(
        of_account=count(own, is_that_day),
        of_device=count(Appointment.device == digest, is_that_day) if digest else 0,
        holds=count(own, is_held),
    )
    with rights.concerning(patient_ref):
        rules.require(rules.decide_limits(rule, already))


def device_digest(device: str | None) -> bytes | None:
    """Return how a browser stands in the table: enough to count by, and no way back to its cookie."""
    return hashlib.sha256(b"booking\n" + device.encode()).digest()[:16] if device else None
