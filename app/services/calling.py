"""Calling: the next one into the room, once more, nobody came, back into the line, begin, finish.

A call is decided under its line's lock and takes the row in the state it was seen in; a clinician has one patient at a time by
a unique index: so two rooms never call one person (promise Q1).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import queueing as rules
from app.domain.actor import SYSTEM, Actor
from app.domain.calendar import ONE_DAY, hospital_day
from app.domain.errors import RoomBusy, TicketMoved
from app.domain.ids import new_ref
from app.domain.strikes import Excuse
from app.models import Appointment, ClinicSession, QueueLine, Ticket, Visit
from app.services import events, lines, rights
from app.services import ticket_rows as rows
from app.services.lines import TicketView
from app.services.sealing import seal_next


def call_next(session: Session, actor: Actor, session_id: str, now: datetime) -> TicketView | None:
    """Call the next person of the session's line into its room, and return the ticket; None when nobody waits.

    Raises NotFound, NotAllowed, and RoomBusy while the clinician's last patient is neither finished nor passed.
    """
    sitting = lines.sitting_of(session, session_id)
    rights.work_queue(session, actor, sitting, now)
    line = rows.hold_line(session, *lines.line_of(sitting))
    busy = rows.in_clinicians_room(session, sitting.clinician_ref)
    if busy is not None:
        if not _is_left_behind(session, busy, now):
            raise RoomBusy(ticket=lines.number_of(busy))
        _clear_left_behind(session, busy, now)
    waiting = lines.entries(session, *lines.line_of(sitting))
    while (entry := rules.next_to_call(waiting, rows.calls_of(line))) is not None:
        row = session.scalar(
            select(Ticket).where(Ticket.id == entry.ticket_id, Ticket.state == "waiting").with_for_update()
        )
        if row is not None:
            return _call(session, actor, sitting, line, row, rules.turn_of(entry, waiting), now)
        waiting = [other for other in waiting if other is not entry]  # it left a moment ago
    return None


def recall(session: Session, actor: Actor, ticket_id: str, now: datetime) -> TicketView:
    """Call the called patient once more. Raises NotFound, NotAllowed, TicketMoved."""
    row, _ = rows.in_hand(session, actor, ticket_id, now)
    if row.state != "called":
        raise TicketMoved(about=row.patient_ref, state=row.state)
    rows.change(row, "ticket.recalled", now, calls=row.calls + 1, called_at=now)
    seal_next(session, row)
    detail = {"ticket": lines.number_of(row), "room": rows.room_name(session, row.room_id), "calls": row.calls}
    events.record(session, "ticket.recalled", actor, now, subject=row.patient_ref, objects=[row], detail=detail)
    return lines.ticket(session, row.id, now)


def pass_(session: Session, actor: Actor, ticket_id: str, now: datetime) -> TicketView:
    """Nobody came (过号): the ticket is missed, and after the third pass no longer expected. Who had been with the doctor
    before the tests has then left, and the visit ends. One before the session has begun, or while its clinician is late, does
    not count: who was told to come later is not absent.

    Raises NotFound, NotAllowed, TicketMoved.
    """
    row, sitting = rows.in_hand(session, actor, ticket_id, now)
    is_excused = not rules.has_begun(sitting.starts_at, sitting.late_minutes or 0, now)
    with rights.concerning(row.patient_ref):
        entry = rules.pass_over(lines.entry_of(row), is_excused=is_excused)
    _passed(session, actor, row, entry, now, is_excused=is_excused)
    return lines.ticket(session, row.id, now)


def put_back(session: Session, actor: Actor, ticket_id: str, now: datetime) -> TicketView:
    """A missed patient is there after all: back into the line, behind the next three. By the desk or the line's clinician.

    Raises NotFound, NotAllowed, TicketMoved.
    """
    row, _ = rows.of_line(session, actor, ticket_id, now)
    waiting = lines.entries(session, row.queue_id, row.clinician_ref)
    with rights.concerning(row.patient_ref):
        entry = rules.put_back(lines.entry_of(row), waiting)
    rows.change(
        row, "ticket.requeued", now, state=entry.state.value, order_key=rules.order_key(entry.place), queued_at=now,
        room_id=None, called_by=None, turn=None,
    )  # fmt: skip
    seal_next(session, row)
    places = min(rules.PLACES_BACK_AFTER_PASS, len(waiting))
    detail = {"ticket": lines.number_of(row), "places": places}
    events.record(session, "ticket.requeued", actor, now, subject=row.patient_ref, objects=[row], detail=detail)
    return lines.ticket(session, row.id, now)


def start(session: Session, actor: Actor, ticket_id: str, now: datetime) -> str:
    """Begin the visit of the called patient and return the visit's id; beginning again returns the same. Who is back from
    tests goes on with the visit that was begun.

    Raises NotFound, NotAllowed, TicketMoved.
    """
    row, sitting = rows.in_hand(session, actor, ticket_id, now)
    visit = rows.visit_of(session, row)
    if row.state == "serving" and visit is not None:
        return visit.id
    with rights.concerning(row.patient_ref):
        entry = rules.move(lines.entry_of(row), rules.State.SERVING)
    rows.change(row, "visit.started", now, state=entry.state.value)
    seal_next(session, row)
    detail = {"room": rows.room_name(session, row.room_id)}
    if visit is not None:
        events.record(session, "visit.resumed", actor, now, subject=row.patient_ref, objects=[row], detail=detail)
        return visit.id
    appointment = session.get_one(Appointment, row.appointment_id)
    appointment.state = "in_consult"
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
    for changed in (appointment, visit):
        seal_next(session, changed)
    objects = [row, appointment, visit]
    events.record(session, "visit.started", actor, now, subject=row.patient_ref, objects=objects, detail=detail)
    return visit.id


def finish(session: Session, actor: Actor, ticket_id: str, now: datetime) -> str:
    """End the visit and return its id; ending again returns the same. Raises NotFound, NotAllowed, TicketMoved."""
    row, _ = rows.in_hand(session, actor, ticket_id, now)
    visit = rows.visit_of(session, row)
    if row.state == "done" and visit is not None:
        return visit.id
    with rights.concerning(row.patient_ref):
        rules.move(lines.entry_of(row), rules.State.DONE)
    if visit is None:
        raise TicketMoved(about=row.patient_ref, state=row.state)
    _end(session, actor, row, visit, now)
    return visit.id


# Private


def _call(
    session: Session,
    actor: Actor,
    sitting: ClinicSession,
    line: QueueLine,
    row: Ticket,
    turn: rules.Turn,
    now: datetime,
) -> TicketView:
    entry = rules.move(lines.entry_of(row), rules.State.CALLED)
    rows.change(
        row, "ticket.called", now, state=entry.state.value, room_id=sitting.room_id, called_by=sitting.clinician_ref,
        called_at=now, calls=row.calls + 1, turn=turn.value,
    )  # fmt: skip
    line.calls += 1
    rows.keep_calls(line, rules.after_call(rows.calls_of(line), row.id, turn))
    seal_next(session, row)
    try:
        session.flush()
    except IntegrityError as lost:  # the same clinician in two windows: uq_ticket_room_busy let in the other
        raise RoomBusy(ticket="") from lost
    detail = {"ticket": lines.number_of(row), "room": rows.room_name(session, row.room_id)}
    events.record(session, "ticket.called", actor, now, subject=row.patient_ref, objects=[row], detail=detail)
    return lines.ticket(session, row.id, now)


def _passed(
    session: Session, actor: Actor, row: Ticket, entry: rules.QueueEntry, now: datetime, *, is_excused: bool = False
) -> None:
    visit = rows.visit_of(session, row) if entry.state is rules.State.LEFT else None
    event = {rules.State.NO_SHOW: "ticket.no_show", rules.State.LEFT: "ticket.left"}.get(entry.state, "ticket.passed")
    rows.change(row, event, now, state=entry.state.value, passes=entry.passes)
    objects: list[Ticket | Appointment | Visit] = [row]
    detail: dict[str, str | int | bool | None] = {"ticket": lines.number_of(row), "passes": row.passes}
    if event == "ticket.no_show":
        appointment = session.get_one(Appointment, row.appointment_id)
        row.undo = {**(row.undo or {}), "appointment": appointment.state}
        appointment.state = "no_show"
        seal_next(session, appointment)
        objects.append(appointment)
    elif event == "ticket.left":
        row.undo = None  # the visit ends by it
        detail = {"ticket": lines.number_of(row), "by": "passes"}
        if visit is not None:
            objects += [rows.end_visit(session, row, visit, now), visit]
    elif event == "ticket.passed":
        detail["why"] = Excuse.CLINICIAN_LATE.value if is_excused else None
    seal_next(session, row)
    events.record(session, event, actor, now, subject=row.patient_ref, objects=objects, detail=detail)


def _is_left_behind(session: Session, row: Ticket, now: datetime) -> bool:
    """Say whether a ticket is still in a room on a day on which nobody may end it any more (`access.WorkQueue`)."""
    return hospital_day(now) > lines.sitting_of(session, row.session_id).day_on + ONE_DAY


def _clear_left_behind(session: Session, row: Ticket, now: datetime) -> None:
    """End what a clinician forgot to end days ago, so that the room is free; the record says that nobody did it."""
    visit = rows.visit_of(session, row)
    if row.state == "serving" and visit is not None:
        _end(session, SYSTEM, row, visit, now)
        return
    _passed(session, SYSTEM, row, rules.pass_over(lines.entry_of(row)), now)


def _end(session: Session, actor: Actor, row: Ticket, visit: Visit, now: datetime) -> None:
    rows.change(row, "visit.finished", now, state="done")
    seal_next(session, row)
    appointment = rows.end_visit(session, row, visit, now)
    objects = [row, appointment, visit]
    events.record(session, "visit.finished", actor, now, subject=row.patient_ref, objects=objects)
