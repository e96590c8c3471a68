"""Booking: hold a slot, confirm, let go, cancel; and the appointments of an account's people.

One slot has one holder (promise Q1): the unique index over living appointments decides between two at once. A hold that
ran out is computed from the clock; its row is let go when somebody else takes the slot.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import booking as rules
from app.domain.actor import Actor
from app.domain.booking import SlotFacts
from app.domain.errors import AppointmentMoved, NotFound, SlotTaken
from app.domain.ids import new_ref
from app.domain.tickets import format_ticket
from app.models import Appointment, Clinic, ClinicSession, Department, Room, Slot, Staff, Ticket, projected
from app.services import availability, beside, clinics, events, freeing, rights, strikes
from app.services.clinics import Words
from app.services.sealing import seal_next

LIVING = ("held", "booked", "checked_in", "in_consult", "completed", "no_show")  # as uq_appointment_slot_living
OPEN = ("held", "booked", "checked_in", "in_consult")


@dataclass(frozen=True)
class AppointmentView:
    """An appointment with the names around it and, once checked in, its ticket ("A001").

    `state` is the stored one, with "expired" for a hold that ran out. `cancel_until` is when cancelling online ends. Who
    walked in has no slot: then `starts_at` is when they came, `ends_at` when the doctor leaves.
    """

    id: str
    patient_ref: str
    state: str
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    held_until: datetime | None
    cancel_until: datetime
    clinic_id: str
    session_id: str
    slot_id: str | None
    clinic: Words
    department: Words
    doctor: Words
    title: Words
    room: Words
    ticket_id: str | None = None
    ticket: str | None = None
    ticket_state: str | None = None
    cancelled_by: str | None = None
    is_stopped: bool = False  # its session does not take place

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


def hold(
    session: Session, actor: Actor, patient_ref: str, slot_id: str, now: datetime, *, device: str | None = None
) -> AppointmentView:
    """Return the patient's hold on a slot, for `hold_minutes` of the clinic's rule. `device` names the browser that asks.

    Holding the same slot again returns the same hold and records nothing. A hold that the patient has elsewhere in the way
    of this one is let go: changing one's mind is no second appointment.

    Raises:
        NotFound: no such slot, or the patient is not the actor's. A desk books for whoever is before it, in its own clinic.
        SlotPast, SlotTooFar, SlotStopped, SlotTaken, AlreadyBooked, BookingLimit, BookingPaused: as the rules decide.
    """
    if actor.kind != "staff":
        rights.act_for(session, actor, patient_ref, now)
    slot, sitting, clinic = _slot(session, slot_id)
    if actor.kind == "staff":
        rights.run_desk(actor, clinic.id, now)
    rule = clinics.rules_of(clinic).booking
    living = _living_in(session, slot_id)
    if living is not None and living.patient_ref == patient_ref and _is_open(living, sitting, now):
        return _one(session, living.id, now)
    is_taken = living is not None and (living.state != "held" or _is_open(living, sitting, now))
    if not is_taken:
        is_return = freeing.is_return(session, actor, patient_ref, slot_id)
        is_taken = availability.keeps(session, slot_id, now, is_return=is_return)
    facts = SlotFacts(slot.starts_at, is_stopped=sitting.stopped_at is not None, is_taken=is_taken)
    with rights.concerning(patient_ref):
        rules.require(rules.decide_slot(rule, facts, now))
        if actor.kind == "patient":
            strikes.require_not_paused(session, patient_ref, clinic, now)
    beside.clear_run_out(session, slot, sitting, patient_ref, rule, now)
    beside.make_room(session, actor, patient_ref, rule, slot, sitting, now)
    if actor.kind == "patient":
        beside.require_within_limits(session, actor, patient_ref, rule, slot.starts_at, device, now)
    row = Appointment(
        id=new_ref(),
        patient_ref=patient_ref,
        account_ref=actor.ref if actor.kind == "patient" else None,
        slot_id=slot_id,
        session_id=sitting.id,
        clinic_id=sitting.clinic_id,
        state="held",
        starts_at=slot.starts_at,
        held_until=min(rules.hold_ends_at(rule, now), slot.starts_at),
        created_at=now,
        excludes=rules.exclusion(rule, sitting.id, sitting.department_id, slot.starts_at),
        device=beside.device_digest(device),
    )
    seal_next(session, row)
    freeing.draw(session, slot, rule, row.held_until or now)  # should it run out, the slot is released like any other
    try:
        session.flush()
    except IntegrityError as lost:  # two at once: an index let in the other
        raise SlotTaken(about=patient_ref) from lost
    detail = {"starts_at": projected(row.starts_at), "held_until": projected(row.held_until)}
    events.record(session, "appointment.held", actor, now, subject=patient_ref, objects=[row], detail=detail)
    return _one(session, row.id, now)


def confirm(session: Session, actor: Actor, appointment_id: str, now: datetime) -> AppointmentView:
    """Return the appointment, booked. Confirming again returns the same and records nothing.

    A hold that the waitlist offered is accepted by it. Raises NotFound, HoldExpired, AppointmentMoved.
    """
    row = _own(session, actor, appointment_id, now)
    if row.state == "booked":
        return _one(session, row.id, now)
    sitting = session.get_one(ClinicSession, row.session_id)
    with rights.concerning(row.patient_ref):
        rules.require(rules.decide_confirm(beside.facts_of(row, sitting), now))
    row.state, row.held_until = "booked", None
    seal_next(session, row)
    offered = freeing.accepted(session, row)
    kind = "waitlist.accepted" if offered else "appointment.booked"
    detail = {"starts_at": projected(row.starts_at)}
    events.record(session, kind, actor, now, subject=row.patient_ref, objects=[row, *offered], detail=detail)
    return _one(session, row.id, now)


def release(session: Session, actor: Actor, appointment_id: str, now: datetime) -> None:
    """Let a hold go. Letting go again, or of a hold that ran out, is no harm. Raises NotFound, AppointmentMoved."""
    row = _own(session, actor, appointment_id, now)
    if row.state == "released":
        return
    if row.state != "held":
        raise AppointmentMoved(about=row.patient_ref, state=row.state)
    freeing.let_go(session, actor, row, now)


def cancel(session: Session, actor: Actor, appointment_id: str, now: datetime) -> AppointmentView:
    """Return the appointment, cancelled; its slot is free again. Cancelling again returns the same and records nothing.

    A patient is bound by the clinic's cut-off, its desk is not. Raises NotFound, CancelTooLate, AppointmentMoved.
    """
    row = _own(session, actor, appointment_id, now)
    if row.state == "cancelled":
        return _one(session, row.id, now)
    if row.state == "held":
        freeing.let_go(session, actor, row, now)
        return _one(session, row.id, now)
    sitting = session.get_one(ClinicSession, row.session_id)
    if actor.kind == "staff":
        if row.state != "booked":
            raise AppointmentMoved(about=row.patient_ref, state=row.state)
    else:
        rule = clinics.rules_of(session.get_one(Clinic, row.clinic_id)).booking
        with rights.concerning(row.patient_ref):
            rules.require(rules.decide_cancel(rule, beside.facts_of(row, sitting), now))
    by = "desk" if actor.kind == "staff" else "patient"
    row.state, row.cancelled_at, row.cancelled_by = "cancelled", now, by
    seal_next(session, row)
    freeing.give_back(session, row, now)
    recorded = events.record(
        session, "appointment.cancelled", actor, now, subject=row.patient_ref, objects=[row], detail={"by": by}
    )
    if by == "patient":
        strikes.after_cancel(session, row, recorded.id, now)
    return _one(session, row.id, now)


def appointment(session: Session, actor: Actor, appointment_id: str, now: datetime) -> AppointmentView:
    """Return one appointment of the account's people, or of the desk's clinic. Raises NotFound."""
    row = session.get(Appointment, appointment_id)
    if row is None:
        raise NotFound()
    if actor.kind == "staff":
        rights.run_desk(actor, row.clinic_id, now)
    else:
        rights.see_own(session, actor, row.patient_ref, now, recorded_at=row.created_at)
    return _one(session, appointment_id, now)


def appointments_of(session: Session, actor: Actor, now: datetime) -> list[AppointmentView]:
    """Return what the account's active people have booked, from today on, by time; holds that ran out are left out."""
    mine = of_people(session, actor, now)
    if mine is None:
        return []
    from_at, _ = clinics.around_today(now)
    found = views(session, and_(mine, Appointment.starts_at >= from_at, Appointment.state.in_(LIVING)), now)
    return [view for view in found if view.state != "expired"]


def of_people(session: Session, actor: Actor, now: datetime):  # type: ignore[no-untyped-def]
    """Return in SQL which appointments are of the account's active people, as far as each link reaches; None for nobody."""
    whose = [
        Appointment.patient_ref == ref
        if since_at is None
        else and_(Appointment.patient_ref == ref, Appointment.created_at >= since_at)
        for ref, since_at in rights.reached(session, actor, now)
    ]
    return or_(*whose) if whose else None


_APPOINTMENTS = (
    select(Appointment, Slot, ClinicSession, Clinic, Department, Room, Staff, Ticket)
    .outerjoin(Slot, Slot.id == Appointment.slot_id)
    .join(ClinicSession, ClinicSession.id == Appointment.session_id)
    .join(Clinic, Clinic.id == Appointment.clinic_id)
    .join(Department, Department.id == ClinicSession.department_id)
    .join(Room, Room.id == ClinicSession.room_id)
    .join(Staff, Staff.ref == ClinicSession.clinician_ref)
    .outerjoin(Ticket, Ticket.appointment_id == Appointment.id)
    .order_by(Appointment.starts_at, Appointment.id)
)


def views(session: Session, which, now: datetime, *, limit: int | None = None) -> list[AppointmentView]:  # type: ignore[no-untyped-def]
    """Return the appointments that `which` selects, by time, the first `limit`. The caller has decided who may see them."""
    rows = session.execute(_APPOINTMENTS.where(which).limit(limit)).all()
    return [_view(*row, now) for row in rows]


# Private


def _slot(session: Session, slot_id: str) -> tuple[Slot, ClinicSession, Clinic]:
    slot = session.get(Slot, slot_id)
    if slot is None:
        raise NotFound()
    sitting = session.get_one(ClinicSession, slot.session_id)
    return slot, sitting, session.get_one(Clinic, sitting.clinic_id)


def _own(session: Session, actor: Actor, appointment_id: str, now: datetime) -> Appointment:
    """Return the appointment, locked, if the actor may arrange it: for its own person, or at the desk of its clinic."""
    row = session.scalar(select(Appointment).where(Appointment.id == appointment_id).with_for_update())
    if row is None:
        raise NotFound()
    if actor.kind == "staff":
        rights.run_desk(actor, row.clinic_id, now)
    else:
        rights.arrange(session, actor, row.patient_ref, now, recorded_at=row.created_at)
    return row


def _living_in(session: Session, slot_id: str) -> Appointment | None:
    return session.scalar(
        select(Appointment).where(Appointment.slot_id == slot_id, Appointment.state.in_(LIVING)).with_for_update()
    )


def _is_open(row: Appointment, sitting: ClinicSession, now: datetime) -> bool:
    return rules.is_open(beside.facts_of(row, sitting), now)


def _one(session: Session, appointment_id: str, now: datetime) -> AppointmentView:
    session.flush()
    return views(session, Appointment.id == appointment_id, now)[0]


def _view(
    row: Appointment,
    slot: Slot | None,
    sitting: ClinicSession,
    clinic: Clinic,
    department: Department,
    room: Room,
    staff: Staff,
    ticket: Ticket | None,
    now: datetime,
) -> AppointmentView:
    ran_out = row.state == "held" and not _is_open(row, sitting, now)
    return AppointmentView(
        id=row.id,
        patient_ref=row.patient_ref,
        state="expired" if ran_out else row.state,
        starts_at=row.starts_at,
        ends_at=slot.ends_at if slot else sitting.ends_at,
        created_at=row.created_at,
        held_until=row.held_until,
        cancel_until=rules.cancel_ends_at(clinics.rules_of(clinic).booking, row.starts_at),
        clinic_id=row.clinic_id,
        session_id=row.session_id,
        slot_id=row.slot_id,
        clinic=Words(clinic.name_zh, clinic.name_en),
        department=Words(department.name_zh, department.name_en),
        doctor=Words(staff.name_zh, staff.name_en),
        title=Words(staff.title_zh, staff.title_en),
        room=Words(room.name_zh, room.name_en),
        ticket_id=ticket.id if ticket else None,
        ticket=format_ticket(ticket.letter, ticket.number) if ticket else None,
        ticket_state=ticket.state if ticket else None,
        cancelled_by=row.cancelled_by,
        is_stopped=sitting.stopped_at is not None,
    )
