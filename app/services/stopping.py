"""Stopping a session (停诊): at once nothing in it can be booked; then each of its people is offered to move, in batches.

Nobody is moved without consent. What each may answer, and what that does: `moves`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from app.domain import booking as booking_rules
from app.domain import stopping as rules
from app.domain.actor import SYSTEM, Actor
from app.domain.booking import BookingRule
from app.domain.calendar import ONE_DAY
from app.domain.errors import NotFound
from app.domain.ids import new_ref
from app.domain.stopping import AlreadyStopped, Candidate, MoveRule, StopReason
from app.models import Appointment, Clinic, ClinicSession, Department, MoveOffer, Room, Slot, Staff, Ticket, projected
from app.services import availability, beside, clinics, events, freeing, rights
from app.services.clinics import Words
from app.services.sealing import seal_next

BATCH = 20
DAYS_AHEAD = 14  # how far offers look for another slot
STANDS_IN_LINE = ("waiting", "missed", "away")
_LOOKS_BACK = timedelta(days=1)


def stop(session: Session, actor: Actor, session_id: str, reason: StopReason, now: datetime) -> int:
    """Stop a session and return how many people that concerns; the first of them get their offers in the same transaction.

    The desk of its clinic may, and its admin. Raises NotFound, NotAllowed, AlreadyStopped.
    """
    sitting = session.scalar(select(ClinicSession).where(ClinicSession.id == session_id).with_for_update())
    if sitting is None:
        raise NotFound()
    require_may_stop(actor, sitting, now)
    if sitting.stopped_at is not None or sitting.ends_at <= now:
        raise AlreadyStopped()
    sitting.stopped_at, sitting.stop_reason = now, reason.value
    session.flush()
    concerned = len(_unsettled(session, sitting, None))
    detail = {"why": reason.value, "people": concerned, "starts_at": projected(sitting.starts_at)}
    events.record(session, "session.stopped", actor, now, detail=detail)
    _settle(session, sitting, now, BATCH)
    return concerned


def require_may_stop(actor: Actor, sitting: ClinicSession, now: datetime) -> None:
    """Require the desk of the session's clinic, or its admin. Raises NotFound, NotAllowed."""
    _require_clinic(actor, sitting.clinic_id, now)


def _require_clinic(actor: Actor, clinic_id: str, now: datetime) -> None:
    if actor.role == "admin":
        rights.manage_staff(actor, now)
        if clinic_id not in actor.clinics:
            raise NotFound()
    else:
        rights.run_desk(actor, clinic_id, now)


@dataclass(frozen=True)
class SessionAhead:
    """A session that can still be stopped, or was: who, when, where, how many are booked in it, how late its clinician is."""

    id: str
    clinic_id: str
    starts_at: datetime
    ends_at: datetime
    doctor: Words
    title: Words
    department: Words
    room: Words
    booked: int
    is_stopped: bool
    stop_reason: str
    late_minutes: int


def sessions_ahead(session: Session, actor: Actor, clinic_id: str, now: datetime) -> list[SessionAhead]:
    """Return the clinic's sessions that are not over, by time, as far as can be booked. Raises NotFound, NotAllowed."""
    _require_clinic(actor, clinic_id, now)
    until_at = now + (DAYS_AHEAD + 1) * ONE_DAY
    which = and_(ClinicSession.clinic_id == clinic_id, ClinicSession.ends_at > now, ClinicSession.starts_at < until_at)
    return _ahead(session, which)


def session_ahead(session: Session, actor: Actor, session_id: str, now: datetime) -> SessionAhead:
    """Return one session. Raises NotFound, NotAllowed."""
    sitting = session.get(ClinicSession, session_id)
    if sitting is None:
        raise NotFound()
    require_may_stop(actor, sitting, now)
    return _ahead(session, ClinicSession.id == session_id)[0]


def _ahead(session: Session, which) -> list[SessionAhead]:  # type: ignore[no-untyped-def]
    booked = (
        select(func.count())
        .select_from(Appointment)
        .where(Appointment.session_id == ClinicSession.id, Appointment.state.in_(("booked", "checked_in")))
        .scalar_subquery()
    )
    rows = session.execute(
        select(ClinicSession, Staff, Department, Room, booked)
        .join(Staff, Staff.ref == ClinicSession.clinician_ref)
        .join(Department, Department.id == ClinicSession.department_id)
        .join(Room, Room.id == ClinicSession.room_id)
        .where(which)
        .order_by(ClinicSession.starts_at, ClinicSession.id)
    )
    return [
        SessionAhead(
            row.id, row.clinic_id, row.starts_at, row.ends_at, Words(staff.name_zh, staff.name_en),
            Words(staff.title_zh, staff.title_en), Words(department.name_zh, department.name_en),
            Words(room.name_zh, room.name_en), count, row.stopped_at is not None, row.stop_reason or "",
            row.late_minutes or 0,
        )
        for row, staff, department, room, count in rows
    ]  # fmt: skip


def is_due(session: Session, now: datetime) -> bool:
    """Return whether somebody of a stopped session has not heard yet."""
    return next(_stopped_with_people(session, now), None) is not None


def run(session: Session, now: datetime) -> int:
    """Make the next offers to people of stopped sessions, a batch in all, and return how many."""
    done = 0
    for sitting in _stopped_with_people(session, now):
        if done < BATCH:
            done += _settle(session, sitting, now, BATCH - done)
    return done


def _stopped_with_people(session: Session, now: datetime) -> Iterator[ClinicSession]:
    stopped = session.scalars(
        select(ClinicSession)
        .where(ClinicSession.stopped_at.is_not(None), ClinicSession.ends_at > now - _LOOKS_BACK)
        .where(exists(select(Appointment.id).where(Appointment.session_id == ClinicSession.id, _is_left())))
        .order_by(ClinicSession.id)
    ).all()
    return (sitting for sitting in stopped if _unsettled(session, sitting, 1))


def _is_left():  # type: ignore[no-untyped-def]
    """The appointment is open, and its session's stop has offered it nothing yet."""
    offered = exists(
        select(MoveOffer.id).where(
            MoveOffer.appointment_id == Appointment.id, MoveOffer.from_session_id == Appointment.session_id
        )
    )
    in_line = and_(Appointment.state == "checked_in", Ticket.state.in_(STANDS_IN_LINE))
    waits = exists(select(Ticket.id).where(Ticket.appointment_id == Appointment.id, in_line))
    return and_(~offered, or_(Appointment.state.in_(("held", "booked")), waits))


def _unsettled(session: Session, sitting: ClinicSession, limit: int | None) -> Sequence[Appointment]:
    """Return who has to hear, in subject order. Who stands in a pool's line stays there while another room calls from it."""
    which = and_(Appointment.session_id == sitting.id, _is_left())
    if sitting.kind == "general" and _another_room(session, sitting):
        which = and_(which, Appointment.state != "checked_in")
    query = select(Appointment).where(which).order_by(Appointment.patient_ref, Appointment.id).limit(limit)
    return session.scalars(query).all()


def _another_room(session: Session, sitting: ClinicSession) -> bool:
    return bool(
        session.scalar(
            select(ClinicSession.id)
            .where(
                ClinicSession.queue_id == sitting.queue_id,
                ClinicSession.kind == "general",
                ClinicSession.stopped_at.is_(None),
                ClinicSession.id != sitting.id,
            )
            .limit(1)
        )
    )


def _settle(session: Session, sitting: ClinicSession, now: datetime, limit: int) -> int:
    people = _unsettled(session, sitting, limit)
    if not people:
        return 0
    rule = clinics.rules_of(session.get_one(Clinic, sitting.clinic_id))
    rank = session.get_one(Staff, sitting.clinician_ref).title_zh
    free = _candidates(session, sitting, rule.moving, now)
    lines = _lines(session, sitting, now)
    found: dict[str, Candidate] = {}
    for row in sorted(people, key=lambda one: one.starts_at):  # who comes first in the day chooses first
        open_to = lines if row.state == "checked_in" else _open_to(session, row, rule.booking, sitting, free)
        best = rules.choose(row.starts_at, rank, open_to) if row.state != "held" else None
        if best is not None:
            found[row.id] = best
            if row.state == "booked":
                free.remove(best)
    for row in people:  # in subject order, as rows of several people are locked
        if row.state == "held":
            freeing.let_go(session, SYSTEM, row, now)
        else:
            _offer(session, row, found.get(row.id), rule.moving, sitting, now)
    return len(people)


def _candidates(session: Session, sitting: ClinicSession, rule: MoveRule, now: datetime) -> list[Candidate]:
    """Return the department's free slots that could be offered: nobody's, kept for nobody, not too soon."""
    from_at = now + timedelta(minutes=rule.notice_minutes + 1)
    rows = session.execute(
        select(Slot.id, ClinicSession.id, Slot.starts_at, Staff.title_zh)
        .join(ClinicSession, ClinicSession.id == Slot.session_id)
        .join(Staff, Staff.ref == ClinicSession.clinician_ref)
        .where(
            ClinicSession.department_id == sitting.department_id,
            ClinicSession.stopped_at.is_(None),
            Slot.starts_at > from_at,
            Slot.starts_at < now + DAYS_AHEAD * ONE_DAY,
            ~availability.is_lived_in(now),
            ~availability.is_offered_elsewhere(now),
        )
        .order_by(Slot.starts_at)
        .limit(500)
    )
    return [Candidate(slot_id, in_session, starts_at, title) for slot_id, in_session, starts_at, title in rows]


def _lines(session: Session, sitting: ClinicSession, now: datetime) -> list[Candidate]:
    """Return the department's other sessions of the day, whose line somebody who waits already could stand in."""
    rows = session.execute(
        select(ClinicSession.id, ClinicSession.starts_at, Staff.title_zh)
        .join(Staff, Staff.ref == ClinicSession.clinician_ref)
        .where(
            ClinicSession.queue_id == sitting.queue_id,
            ClinicSession.id != sitting.id,
            ClinicSession.stopped_at.is_(None),
            ClinicSession.ends_at > now,
        )
    )
    return [Candidate("", in_session, starts_at, title) for in_session, starts_at, title in rows]


def _open_to(
    session: Session, row: Appointment, rule: BookingRule, sitting: ClinicSession, free: list[Candidate]
) -> list[Candidate]:
    """Return those candidates that none of the person's other appointments excludes."""
    taken = {
        other.excludes
        for other, _ in beside.of_patient(session, row.patient_ref)
        if other.id != row.id and other.excludes
    }
    return [
        one
        for one in free
        if booking_rules.exclusion(rule, one.session_id, sitting.department_id, one.starts_at) not in taken
    ]


def _offer(
    session: Session, row: Appointment, to: Candidate | None, rule: MoveRule, sitting: ClinicSession, now: datetime
) -> None:
    """Offer somebody a slot, or another line where they wait already; or tell them that there is nothing to offer."""
    until_at = max(sitting.ends_at, now) + ONE_DAY
    if to is not None and to.slot_id:
        until_at = rules.offer_ends_at(rule, to.starts_at, now)
    offer = MoveOffer(
        id=new_ref(),
        patient_ref=row.patient_ref,
        appointment_id=row.id,
        from_session_id=row.session_id,
        to_slot_id=to.slot_id or None if to else None,
        to_session_id=to.session_id if to else None,
        state="open",
        made_at=now,
        until_at=until_at,
    )
    seal_next(session, offer)
    session.flush()
    detail = {
        "was_at": projected(row.starts_at),
        "to_at": projected(to.starts_at) if to and to.slot_id else None,
        "until": projected(until_at) if to else None,
    }
    events.record(
        session, "appointment.move_offered", SYSTEM, now, subject=row.patient_ref, objects=[offer], detail=detail
    )
