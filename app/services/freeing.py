"""What becomes of a slot that is given back: a moment is drawn at which it is free to everybody, once, and kept.

Whoever watches for a freed slot with a robot cannot know the moment; whoever gave it back may have it again until then. Those
who wait for it come first: `availability` and `waitlist` see to that.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import booking as rules
from app.domain.actor import Actor
from app.domain.booking import BookingRule
from app.models import Appointment, Bound, Clinic, ClinicSession, Slot, WaitlistEntry
from app.services import availability, clinics, events
from app.services.sealing import seal_next

_dice = secrets.SystemRandom()


def draw(session: Session, slot: Slot, rule: BookingRule, at: datetime) -> None:
    """Draw when `slot`, given back at `at`, is free to everybody."""
    slot.free_from = rules.free_from(rule, slot.starts_at, at, _dice.random())


def give_back(session: Session, row: Appointment, now: datetime) -> None:
    """Let the appointment's slot, if it has one, be free to everybody after a time that nobody knows."""
    if row.slot_id is not None:
        rule = clinics.rules_of(session.get_one(Clinic, row.clinic_id)).booking
        draw(session, session.get_one(Slot, row.slot_id), rule, now)


def is_return(session: Session, actor: Actor, patient_ref: str, slot_id: str) -> bool:
    """Return whether the slot was last let go by the same person or account: changing one's mind back is no sniping."""
    last = session.execute(
        select(Appointment.patient_ref, Appointment.account_ref)
        .where(Appointment.slot_id == slot_id)
        .order_by(Appointment.created_at.desc(), Appointment.id)
        .limit(1)
    ).first()
    return last is not None and (
        last.patient_ref == patient_ref or (actor.ref is not None and last.account_ref == actor.ref)
    )


def let_go(session: Session, actor: Actor, row: Appointment, now: datetime) -> None:
    """Let a hold go; one that the waitlist offered ends that offer too, and the event says so.

    One that ran out was given back when it ran out, and the moment drawn with it stands.
    """
    ran_out = row.held_until is not None and row.held_until <= now
    row.state, row.held_until = "released", None
    seal_next(session, row)
    if not ran_out:
        give_back(session, row, now)
    entry = session.scalar(
        select(WaitlistEntry).where(WaitlistEntry.appointment_id == row.id, WaitlistEntry.state == "offered")
    )
    if entry is None:
        events.record(session, "appointment.released", actor, now, subject=row.patient_ref, objects=[row])
        return
    has_left = actor.kind != "system"
    entry.state, entry.offered_until = ("left" if has_left else "lapsed"), None
    seal_next(session, entry)
    kind, detail = ("waitlist.left", {}) if has_left else ("waitlist.lapsed", {"why": "no_answer"})
    events.record(session, kind, actor, now, subject=row.patient_ref, objects=[entry, row], detail=detail)


def accepted(session: Session, row: Appointment) -> list[Bound]:
    """Return the waitlist entry whose offer this hold was, now accepted; nothing where it was no offer."""
    entry = session.scalar(
        select(WaitlistEntry).where(WaitlistEntry.appointment_id == row.id, WaitlistEntry.state == "offered")
    )
    if entry is None:
        return []
    entry.state, entry.offered_until = "accepted", None
    seal_next(session, entry)
    return [entry]


def returnable(session: Session, account_ref: str, now: datetime) -> frozenset[str]:
    """Return the slots that this account gave back lately and may have again before everybody else."""
    return frozenset(
        slot_id
        for slot_id in session.scalars(
            select(Slot.id)
            .join(ClinicSession, ClinicSession.id == Slot.session_id)
            .where(
                Slot.id.in_(
                    select(Appointment.slot_id).where(
                        Appointment.account_ref == account_ref,
                        Appointment.starts_at > now,
                        Appointment.state.in_(("held", "released", "cancelled")),
                    )
                ),
                Slot.free_from > now,
                ~availability.is_lived_in(now),
                ~availability.is_offered_elsewhere(now),
                ~availability.is_waited_for(now),
                ~availability.is_stopped(),
            )
        )
    )
