"""Answers to what a stopped session offered: accept, and the appointment moves; decline, and the clinic cancels it. No strike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from app.domain import booking as booking_rules
from app.domain.actor import Actor
from app.domain.errors import AppointmentMoved, NotFound
from app.domain.stopping import MoveOver
from app.domain.tickets import format_ticket
from app.models import Appointment, Clinic, ClinicSession, MoveOffer, Prepared, Room, Slot, Staff, Ticket, projected
from app.services import booking, clinics, events, identity, queueing, rights, stopping
from app.services.clinics import Words
from app.services.identity import Masked
from app.services.sealing import seal_next

UNANSWERED = ("booked", "checked_in")


@dataclass(frozen=True)
class MoveView:
    """An offer. `state`: open, accepted, declined, ended, or over where it ran out by the clock; `to_at` None: none was found.

    `is_in_line`: the person waits already and is offered another doctor's line, number kept.
    """

    id: str
    patient_ref: str
    appointment_id: str
    state: str
    reason: str
    was_at: datetime
    from_doctor: Words
    to_at: datetime | None
    to_doctor: Words | None
    to_title: Words | None
    to_room: Words | None
    until_at: datetime
    is_in_line: bool
    is_same_rank: bool
    is_unanswered: bool
    ticket: str | None

    @property
    def may_accept(self) -> bool:
        return self.state == "open" and self.to_doctor is not None


_ANY = Prepared(select(MoveOffer.id).where(MoveOffer.patient_ref == bindparam("patient")).limit(1))


def offers_of(session: Session, actor: Actor, now: datetime) -> list[MoveView]:
    """Return what the account's people have not answered, also where the time for it is over."""
    session.flush()
    connection = session.connection()
    if not any(_ANY.first(connection, patient=ref) for ref, _ in rights.reached(session, actor, now)):
        return []
    mine = booking.of_people(session, actor, now)
    found = _views(session, mine, now) if mine is not None else []
    return [view for view in found if view.state in ("open", "over")]


def of_appointment(session: Session, appointment_id: str, now: datetime) -> MoveView | None:
    """Return the unanswered offer about an appointment. The caller has decided who may see that."""
    found = _views(session, MoveOffer.appointment_id == appointment_id, now)
    return next((view for view in found if view.state in ("open", "over")), None)


def of_session(
    session: Session, actor: Actor, session_id: str, now: datetime
) -> tuple[list[MoveView], dict[str, Masked]]:
    """Return everybody whom the stop of a session concerned, and how each stands on a board. Raises NotFound, NotAllowed."""
    sitting = session.get(ClinicSession, session_id)
    if sitting is None:
        raise NotFound()
    stopping.require_may_stop(actor, sitting, now)
    found = _views(session, MoveOffer.from_session_id == session_id, now, only_unanswered=False)
    return found, identity.masked(session, [view.patient_ref for view in found], now)


def accept(session: Session, actor: Actor, offer_id: str, now: datetime) -> str:
    """Return the id of the appointment, moved to what was offered. Accepting again returns the same and records nothing.

    Who waits in the line moves with their number. Raises NotFound, MoveOver, AppointmentMoved.
    """
    offer, row = _own(session, actor, offer_id, now)
    if offer.state == "accepted":
        return row.id
    if offer.state != "open" or offer.until_at <= now or offer.to_session_id is None:
        raise MoveOver(about=row.patient_ref)
    from_at = row.starts_at
    if offer.to_slot_id is None:
        return _accept_line(session, actor, offer, row, now)
    if row.state != "booked":
        raise AppointmentMoved(about=row.patient_ref, state=row.state)
    slot = session.get_one(Slot, offer.to_slot_id)
    sitting = session.get_one(ClinicSession, slot.session_id)
    if sitting.stopped_at is not None:
        raise MoveOver(about=row.patient_ref)
    rule = clinics.rules_of(session.get_one(Clinic, sitting.clinic_id)).booking
    row.slot_id, row.session_id, row.clinic_id, row.starts_at = slot.id, sitting.id, sitting.clinic_id, slot.starts_at
    row.excludes = booking_rules.exclusion(rule, sitting.id, sitting.department_id, slot.starts_at)
    offer.state = "accepted"
    seal_next(session, row)
    seal_next(session, offer)
    try:
        session.flush()
    except IntegrityError as lost:  # the slot, or the person's day, went to another appointment
        raise MoveOver(about=offer.patient_ref) from lost
    detail = {"was_at": projected(from_at), "to_at": projected(slot.starts_at)}
    events.record(
        session, "appointment.moved", actor, now, subject=row.patient_ref, objects=[row, offer], detail=detail
    )
    return row.id


def decline(session: Session, actor: Actor, offer_id: str, now: datetime) -> None:
    """Let the clinic cancel, without a strike; also when the offer ran out. Declining again is no harm. Raises NotFound."""
    offer, row = _own(session, actor, offer_id, now)
    if offer.state != "open" or row.state not in UNANSWERED:
        return
    if row.state == "checked_in":
        ticket = session.scalar(select(Ticket.id).where(Ticket.appointment_id == row.id))
        queueing.leave(session, actor, str(ticket), now)  # which ends the appointment too, and the offer with it
        return
    offer.state = "declined"
    seal_next(session, offer)
    row.state, row.cancelled_at, row.cancelled_by = "cancelled", now, "clinic"
    seal_next(session, row)
    events.record(
        session, "appointment.cancelled", actor, now, subject=row.patient_ref, objects=[row, offer], detail={"by": "clinic"}
    )  # fmt: skip


# Private


def _accept_line(session: Session, actor: Actor, offer: MoveOffer, row: Appointment, now: datetime) -> str:
    ticket = session.scalar(select(Ticket).where(Ticket.appointment_id == row.id))
    sitting = session.get_one(ClinicSession, str(offer.to_session_id))
    if ticket is None or sitting.stopped_at is not None:
        raise MoveOver(about=row.patient_ref)
    row.session_id, offer.state = sitting.id, "accepted"
    seal_next(session, row)
    seal_next(session, offer)
    session.flush()
    detail = {"was_at": projected(row.starts_at), "to_at": None}
    events.record(
        session, "appointment.moved", actor, now, subject=row.patient_ref, objects=[row, offer], detail=detail
    )
    verb = queueing.move if actor.kind == "staff" else queueing.move_by_consent
    verb(session, actor, ticket.id, sitting.id, now)
    ticket.undo = None  # the appointment went too, out of a session that is stopped: there is no way back
    return row.id


def _own(session: Session, actor: Actor, offer_id: str, now: datetime) -> tuple[MoveOffer, Appointment]:
    """Return the offer and its appointment, locked, if the actor may answer: for its own person, or at the desk for one
    who stands there or is on the telephone."""
    offer = session.scalar(select(MoveOffer).where(MoveOffer.id == offer_id).with_for_update())
    if offer is None:
        raise NotFound()
    row = session.scalar(select(Appointment).where(Appointment.id == offer.appointment_id).with_for_update())
    assert row is not None  # noqa: S101 (a foreign key says so)
    if actor.kind == "staff":
        rights.run_desk(actor, row.clinic_id, now)
    else:
        rights.arrange(session, actor, row.patient_ref, now, recorded_at=row.created_at)
    return offer, row


_old, _old_staff = aliased(ClinicSession), aliased(Staff)
_OFFERS = (
    select(MoveOffer, Appointment, _old, _old_staff, ClinicSession, Staff, Room, Slot.starts_at, Ticket)
    .join(Appointment, Appointment.id == MoveOffer.appointment_id)
    .join(_old, _old.id == MoveOffer.from_session_id)
    .join(_old_staff, _old_staff.ref == _old.clinician_ref)
    .outerjoin(ClinicSession, ClinicSession.id == MoveOffer.to_session_id)
    .outerjoin(Staff, Staff.ref == ClinicSession.clinician_ref)
    .outerjoin(Room, Room.id == ClinicSession.room_id)
    .outerjoin(Slot, Slot.id == MoveOffer.to_slot_id)
    .outerjoin(Ticket, Ticket.appointment_id == Appointment.id)
    .order_by(Appointment.starts_at, Appointment.id)
)


def _views(session: Session, which, now: datetime, *, only_unanswered: bool = True) -> list[MoveView]:  # type: ignore[no-untyped-def]
    query = _OFFERS.where(which)
    if only_unanswered:
        query = query.where(MoveOffer.state == "open", Appointment.state.in_(UNANSWERED))
    return [_view(*row, now) for row in session.execute(query)]


def _view(
    offer: MoveOffer,
    row: Appointment,
    old: ClinicSession,
    old_staff: Staff,
    new: ClinicSession | None,
    staff: Staff | None,
    room: Room | None,
    slot_at: datetime | None,
    ticket: Ticket | None,
    now: datetime,
) -> MoveView:
    is_in_line = new is not None and offer.to_slot_id is None
    return MoveView(
        id=offer.id,
        patient_ref=offer.patient_ref,
        appointment_id=row.id,
        state="over" if offer.state == "open" and offer.until_at <= now else offer.state,
        reason=old.stop_reason or "",
        was_at=row.starts_at,
        from_doctor=Words(old_staff.name_zh, old_staff.name_en),
        to_at=slot_at,
        to_doctor=Words(staff.name_zh, staff.name_en) if staff else None,
        to_title=Words(staff.title_zh, staff.title_en) if staff else None,
        to_room=Words(room.name_zh, room.name_en) if room else None,
        until_at=offer.until_at,
        is_in_line=is_in_line,
        is_same_rank=staff is not None and staff.title_zh == old_staff.title_zh,
        is_unanswered=offer.state == "open" and row.state in UNANSWERED,
        ticket=format_ticket(ticket.letter, ticket.number) if ticket else None,
    )
