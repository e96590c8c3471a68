"""The queue at work: call, recall, pass, put back, start, finish.

A call takes the row in the state it was seen in, and a clinician has one patient at a time by a unique index, so that two
rooms never call one person (promise Q1). Order and positions are in `lines`.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from math import ceil

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import access
from app.domain import queueing as rules
from app.domain.actor import SYSTEM, Actor
from app.domain.calendar import ONE_DAY, hospital_day
from app.domain.errors import NotFound, RoomBusy, TicketMoved
from app.domain.ids import new_ref
from app.models import Appointment, ClinicSession, Opening, Room, Ticket, Visit
from app.services import events, lines, rights
from app.services.checkin import PLACES_PER_NUMBER
from app.services.lines import IN_ROOM, TicketView
from app.services.sealing import seal_again, seal_next

# Moves


def call_next(session: Session, actor: Actor, session_id: str, now: datetime) -> TicketView | None:
    """Call the next person of the session's line into its room, and return the ticket; None when nobody waits.

    Raises NotFound, NotAllowed, and RoomBusy while the clinician's last patient is neither finished nor passed.
    """
    sitting = lines.sitting_of(session, session_id)
    rights.work_queue(session, actor, sitting, now)
    busy = session.scalar(select(Ticket).where(Ticket.called_by == sitting.clinician_ref, Ticket.state.in_(IN_ROOM)))
    if busy is not None:
        if not _is_left_behind(session, busy, now):
            raise RoomBusy(ticket=lines.number_of(busy))
        _clear_left_behind(session, busy, now)
    for entry in rules.order(lines.entries(session, *lines.line_of(sitting))):
        # Somebody else may have called this one a moment ago: then it is locked or no longer waits, and the next one's turn.
        row = session.scalar(
            select(Ticket)
            .where(Ticket.id == entry.ticket_id, Ticket.state == "waiting")
            .with_for_update(skip_locked=True)
        )
        if row is not None:
            return _call(session, actor, sitting, row, now)
    return None


def recall(session: Session, actor: Actor, ticket_id: str, now: datetime) -> TicketView:
    """Call the called patient once more. Raises NotFound, NotAllowed, TicketMoved."""
    row, _ = _in_hand(session, actor, ticket_id, now)
    if row.state != "called":
        raise TicketMoved(about=row.patient_ref, state=row.state)
    row.calls += 1
    row.called_at = row.changed_at = now
    seal_next(session, row)
    detail = {"ticket": lines.number_of(row), "room": _room_name(session, row), "calls": row.calls}
    events.record(session, "ticket.recalled", actor, now, subject=row.patient_ref, objects=[row], detail=detail)
    return lines.ticket(session, row.id, now)


def pass_(session: Session, actor: Actor, ticket_id: str, now: datetime) -> TicketView:
    """Nobody came (过号): the ticket is missed, and after the third pass no longer expected.

    Raises NotFound, NotAllowed, TicketMoved.
    """
    row, _ = _in_hand(session, actor, ticket_id, now)
    entry = rules.pass_over(lines.entry_of(row))
    row.state, row.passes, row.changed_at = entry.state.value, entry.passes, now
    seal_next(session, row)
    objects: list[Ticket | Appointment] = [row]
    event = "ticket.passed"
    if entry.state is rules.State.NO_SHOW:
        event = "ticket.no_show"
        appointment = session.get_one(Appointment, row.appointment_id)
        appointment.state = "no_show"
        seal_next(session, appointment)
        objects.append(appointment)
    detail = {"ticket": lines.number_of(row), "passes": row.passes}
    events.record(session, event, actor, now, subject=row.patient_ref, objects=objects, detail=detail)
    return lines.ticket(session, row.id, now)


def put_back(session: Session, actor: Actor, ticket_id: str, now: datetime) -> TicketView:
    """A missed patient is there after all: back into the line, behind the next three. By the desk or the line's clinician.

    Raises NotFound, NotAllowed, TicketMoved.
    """
    row = _locked(session, ticket_id)
    rights.work_queue(session, actor, lines.sitting_of(session, row.session_id), now)
    waiting = lines.entries(session, row.queue_id, row.clinician_ref)
    entry = rules.put_back(lines.entry_of(row), waiting)
    # Rounded up: a place between two others stays behind the first of them.
    row.state, row.order_key, row.changed_at = entry.state.value, ceil(entry.place * PLACES_PER_NUMBER), now
    row.room_id = row.called_by = None
    seal_next(session, row)
    places = min(rules.PLACES_BACK_AFTER_PASS, len(waiting))
    detail = {"ticket": lines.number_of(row), "places": places}
    events.record(session, "ticket.requeued", actor, now, subject=row.patient_ref, objects=[row], detail=detail)
    return lines.ticket(session, row.id, now)


def start(session: Session, actor: Actor, ticket_id: str, now: datetime) -> str:
    """Begin the visit of the called patient and return the visit's id; beginning again returns the same.

    Raises NotFound, NotAllowed, TicketMoved.
    """
    row, sitting = _in_hand(session, actor, ticket_id, now)
    if row.state == "serving":
        return session.scalars(select(Visit.id).where(Visit.appointment_id == row.appointment_id)).one()
    entry = rules.move(lines.entry_of(row), rules.State.SERVING)
    appointment = session.get_one(Appointment, row.appointment_id)
    row.state, row.changed_at, appointment.state = entry.state.value, now, "in_consult"
    visit = Visit(
        id=new_ref(),
        patient_ref=row.patient_ref,
        appointment_id=row.appointment_id,
        clinician_ref=row.called_by,
        session_id=sitting.id,
        state="in_progress",
        started_at=now,
        recorded_at=now,
        source="here",
    )
    for changed in (row, appointment, visit):
        seal_next(session, changed)
    events.record(
        session,
        "visit.started",
        actor,
        now,
        subject=row.patient_ref,
        objects=[row, appointment, visit],
        detail={"room": _room_name(session, row)},
    )
    return visit.id


def finish(session: Session, actor: Actor, ticket_id: str, now: datetime) -> str:
    """End the visit and return its id; ending again returns the same. Raises NotFound, NotAllowed, TicketMoved."""
    row, _ = _in_hand(session, actor, ticket_id, now)
    visit = session.scalar(select(Visit).where(Visit.appointment_id == row.appointment_id))
    if row.state == "done" and visit is not None:
        return visit.id
    rules.move(lines.entry_of(row), rules.State.DONE)
    if visit is None:
        raise TicketMoved(about=row.patient_ref, state=row.state)
    _end(session, actor, row, visit, now)
    return visit.id


# Boards


def record_board(session: Session, actor: Actor, board: str, place: str, now: datetime) -> None:
    """Record once per staff sign-in that `board` ("desk" or "doctor") of `place` was opened: it shows masked names."""
    key = _board_key(actor, board, place)
    if session.get(Opening, key) is None:
        event = events.record(session, "board.opened", actor, now, detail={"board": board})
        session.add(Opening(key=key, event_id=event.id, at=now))


def is_board_recorded(session: Session, actor: Actor, board: str, place: str) -> bool:
    return session.get(Opening, _board_key(actor, board, place)) is not None


# Private


def _board_key(actor: Actor, board: str, place: str) -> bytes:
    return hashlib.sha256(f"board\n{actor.ref}\n{actor.session}\n{board}\n{place}".encode()).digest()


def _locked(session: Session, ticket_id: str) -> Ticket:
    row = session.scalar(select(Ticket).where(Ticket.id == ticket_id).with_for_update())
    if row is None:
        raise NotFound()
    return row


def _in_hand(session: Session, actor: Actor, ticket_id: str, now: datetime) -> tuple[Ticket, ClinicSession]:
    """Return a ticket, locked, and the session in whose room it is; a doctor's only if called by that doctor."""
    row = _locked(session, ticket_id)
    sitting = lines.sitting_of(session, row.session_id)
    if row.clinician_ref is None:
        # A pool's ticket is in the room of whoever called it, not of the session it was booked in.
        question = access.WorkQueue(sitting.clinic_id, None, sitting.day_on)
        access.require(actor, question, now)
        called_in = session.scalar(
            select(ClinicSession)
            .where(ClinicSession.queue_id == row.queue_id, ClinicSession.clinician_ref == row.called_by)
            .order_by(ClinicSession.starts_at.desc())
            .limit(1)
        )
        sitting = called_in or sitting
    else:
        rights.work_queue(session, actor, sitting, now)
    if actor.role == "doctor" and row.called_by != actor.ref:
        raise TicketMoved(about=row.patient_ref, state=row.state)
    return row, sitting


def _is_left_behind(session: Session, row: Ticket, now: datetime) -> bool:
    """Say whether a ticket is still in a room on a day on which nobody may end it any more (`access.WorkQueue`)."""
    return hospital_day(now) > lines.sitting_of(session, row.session_id).day_on + ONE_DAY


def _clear_left_behind(session: Session, row: Ticket, now: datetime) -> None:
    """End what a clinician forgot to end days ago, so that the room is free; the record says that nobody did it."""
    visit = session.scalar(select(Visit).where(Visit.appointment_id == row.appointment_id))
    if row.state == "serving" and visit is not None:
        _end(session, SYSTEM, row, visit, now)
        return
    row.state, row.passes, row.changed_at = "missed", row.passes + 1, now
    seal_next(session, row)
    detail = {"ticket": lines.number_of(row), "passes": row.passes}
    events.record(session, "ticket.passed", SYSTEM, now, subject=row.patient_ref, objects=[row], detail=detail)


def _end(session: Session, actor: Actor, row: Ticket, visit: Visit, now: datetime) -> None:
    appointment = session.get_one(Appointment, row.appointment_id)
    row.state, row.changed_at, appointment.state = "done", now, "completed"
    visit.state, visit.finished_at = "finished", now
    seal_next(session, row)
    seal_next(session, appointment)
    seal_again(session, visit)
    events.record(session, "visit.finished", actor, now, subject=row.patient_ref, objects=[row, appointment, visit])


def _call(session: Session, actor: Actor, sitting: ClinicSession, row: Ticket, now: datetime) -> TicketView:
    entry = rules.move(lines.entry_of(row), rules.State.CALLED)
    row.state, row.room_id, row.called_by = entry.state.value, sitting.room_id, sitting.clinician_ref
    row.called_at = row.changed_at = now
    row.calls += 1
    seal_next(session, row)
    try:
        session.flush()
    except IntegrityError as lost:  # the same clinician in two windows: uq_ticket_room_busy let in the other
        raise RoomBusy(ticket="") from lost
    detail = {"ticket": lines.number_of(row), "room": _room_name(session, row)}
    events.record(session, "ticket.called", actor, now, subject=row.patient_ref, objects=[row], detail=detail)
    return lines.ticket(session, row.id, now)


def _room_name(session: Session, row: Ticket) -> str:
    room = session.get(Room, row.room_id) if row.room_id else None
    return room.name_zh if room else ""
