"""What the waitlist offers: the chore that gives freed slots to those who wait, in order, each for a time.

An offer is a hold (Q1). It runs out by the clock; the chore writes that down and offers the slot to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, and_, exists, or_, select, tuple_, type_coerce
from sqlalchemy.orm import Session

from app.domain import booking as booking_rules
from app.domain import waitlist as rules
from app.domain.actor import SYSTEM
from app.domain.ids import new_ref
from app.domain.waitlist import InLine
from app.models import Appointment, Clinic, ClinicSession, Slot, WaitlistEntry, projected, to_ms
from app.services import availability, beside, clinics, events, freeing
from app.services.sealing import seal_next

BATCH = 20
MOST_LOOKED_AT = 400  # slots in one round


def is_due(session: Session, now: datetime) -> bool:
    """Return whether an offer ran out, a slot is to be offered, or somebody waits in vain."""
    return bool(_run_out(session, now, 1) or _offerable(session, now, 1) or _in_vain(session, now, 1))


def run(session: Session, now: datetime) -> int:
    """Write down offers that ran out, offer what is free to who is next, end what nobody can be offered any more; say how many.

    1. An offer that ran out lapses: its slot goes to the next in line.
    2. Each free slot that is waited for is offered to the first who may have it.
    3. Who waits for what will not come any more is told.
    """
    done = 0
    for row in _run_out(session, now, BATCH):
        lapse(session, row, now)
        done += 1
    session.flush()
    done += _offer_all(session, now)
    for row, why in _in_vain(session, now, BATCH):
        _end(session, row, why, now)
        done += 1
    return done


def _run_out(session: Session, now: datetime, limit: int) -> Sequence[WaitlistEntry]:
    return session.scalars(
        select(WaitlistEntry)
        .where(WaitlistEntry.state == "offered", WaitlistEntry.offered_until <= now)
        .order_by(WaitlistEntry.patient_ref)
        .limit(limit)
    ).all()


def _offer_all(session: Session, now: datetime) -> int:
    """Offer free slots, the earliest first, BATCH at most. Those that nobody in line may have do not keep later ones back."""
    done, looked, after = 0, 0, None
    while done < BATCH and looked < MOST_LOOKED_AT:
        found = _offerable(session, now, BATCH, after)
        for slot, sitting in found:
            done += _offer(session, slot, sitting, now)
            session.flush()
        if len(found) < BATCH:
            break
        looked += len(found)
        after = found[-1][0]
    return done


def _offerable(
    session: Session, now: datetime, limit: int, after: Slot | None = None
) -> Sequence[tuple[Slot, ClinicSession]]:
    """Return free slots that somebody waits for, the earliest first: those of today and later, nobody's, of no stopped session;
    `after` one of them the next ones."""
    rows = session.execute(
        select(Slot, ClinicSession)
        .join(ClinicSession, ClinicSession.id == Slot.session_id)
        .where(
            ClinicSession.day_on.in_(select(WaitlistEntry.day_on).where(WaitlistEntry.state == "waiting")),
            Slot.starts_at > now,
            availability.is_waited_for(now),
            ~availability.is_lived_in(now),
            ~availability.is_offered_elsewhere(now),
            ~availability.is_stopped(),
            *(() if after is None else (tuple_(Slot.starts_at, Slot.id) > tuple_(after.starts_at, after.id),)),
        )
        .order_by(Slot.starts_at, Slot.id)
        .limit(limit)
    )
    return [(slot, sitting) for slot, sitting in rows]


def _in_vain(session: Session, now: datetime, limit: int) -> Sequence[tuple[WaitlistEntry, str]]:
    """Return who waits where no slot can come any more: all begin too soon ("over"), or nobody sits there ("stopped")."""
    reach = and_(
        ClinicSession.department_id == WaitlistEntry.department_id,
        ClinicSession.day_on == WaitlistEntry.day_on,
        or_(WaitlistEntry.session_id.is_(None), WaitlistEntry.session_id == ClinicSession.id),
        ClinicSession.stopped_at.is_(None),
    )
    still = exists(
        select(Slot.id)
        .join(ClinicSession, ClinicSession.id == Slot.session_id)
        .where(reach, type_coerce(Slot.starts_at, BigInteger) > to_ms(now) + WaitlistEntry.stop_minutes * 60_000)
    )
    sits = exists(select(ClinicSession.id).where(reach))
    rows = session.execute(
        select(WaitlistEntry, sits)
        .where(WaitlistEntry.state == "waiting", ~still)
        .order_by(WaitlistEntry.patient_ref)
        .limit(limit)
    )
    return [(row, "over" if is_sat else "stopped") for row, is_sat in rows]


def _offer(session: Session, slot: Slot, sitting: ClinicSession, now: datetime) -> int:
    """Offer the slot to the first in line who may have it. Return how many events that made."""
    clinic = session.get_one(Clinic, sitting.clinic_id)
    rule = clinics.rules_of(clinic)
    ends_at = rules.offer_ends_at(rule.waitlist, slot.starts_at, now)
    if ends_at is None:
        return 0
    line = {
        row.place: row
        for row in session.scalars(
            select(WaitlistEntry)
            .where(
                WaitlistEntry.department_id == sitting.department_id,
                WaitlistEntry.day_on == sitting.day_on,
                WaitlistEntry.state == "waiting",
            )
            .with_for_update()
        )
    }
    ended = 0
    for one in rules.next_for(sitting.id, [InLine(row.place, row.session_id) for row in line.values()]):
        row = line[one.place]
        in_the_way = beside.in_the_way(session, row.patient_ref, rule.booking, slot, sitting, now)
        if in_the_way == "booked":  # they have one by now
            _end(session, row, "booked", now)
            ended += 1
        elif in_the_way is None:
            _hold_for(session, row, slot, sitting, rule.booking, ends_at, now)
            return ended + 1
    return ended


def _hold_for(
    session: Session,
    row: WaitlistEntry,
    slot: Slot,
    sitting: ClinicSession,
    rule: booking_rules.BookingRule,
    ends_at: datetime,
    now: datetime,
) -> None:
    beside.clear_run_out(session, slot, sitting, row.patient_ref, rule, now)
    held = Appointment(
        id=new_ref(),
        patient_ref=row.patient_ref,
        account_ref=row.account_ref,
        slot_id=slot.id,
        session_id=sitting.id,
        clinic_id=sitting.clinic_id,
        state="held",
        starts_at=slot.starts_at,
        held_until=ends_at,
        created_at=now,
        excludes=booking_rules.exclusion(rule, sitting.id, sitting.department_id, slot.starts_at),
    )
    seal_next(session, held)
    freeing.draw(session, slot, rule, ends_at)
    session.flush()
    row.state, row.appointment_id, row.offered_until = "offered", held.id, ends_at
    seal_next(session, row)
    detail = {"starts_at": projected(slot.starts_at), "until": projected(ends_at)}
    events.record(session, "waitlist.offered", SYSTEM, now, subject=row.patient_ref, objects=[row, held], detail=detail)


def ran_out(row: WaitlistEntry, now: datetime) -> bool:
    """Return whether an offer is over by the clock."""
    return row.state == "offered" and row.offered_until is not None and row.offered_until <= now


def lapse(session: Session, row: WaitlistEntry, now: datetime) -> None:
    """Write down that an offer ran out; the hold that it was goes with it."""
    held = session.get(Appointment, row.appointment_id) if row.appointment_id else None
    if held is not None and held.state == "held":
        freeing.let_go(session, SYSTEM, held, now)


def _end(session: Session, row: WaitlistEntry, why: str, now: datetime) -> None:
    row.state = "lapsed"
    seal_next(session, row)
    events.record(session, "waitlist.lapsed", SYSTEM, now, subject=row.patient_ref, objects=[row], detail={"why": why})
