"""Moving: away for tests and back, left, to another room or department, and how late a clinician is."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.domain import checkin
from app.domain import queueing as rules
from app.domain.access import Rule
from app.domain.actor import Actor
from app.domain.checkin import Presence
from app.domain.errors import NotAllowed
from app.domain.ids import new_ref
from app.domain.priorities import RETURNING
from app.models import Appointment, Bound, Clinic, ClinicSession, Department, Ticket, TicketMove
from app.services import clinics, events, lines, rights
from app.services import ticket_rows as rows
from app.services.lines import TicketView
from app.services.sealing import seal_next


def send_to_tests(session: Session, actor: Actor, ticket_id: str, now: datetime) -> TicketView:
    """The patient in the room goes to tests and comes back without a new number; the visit stays open and the room is free.

    Raises NotFound, NotAllowed, TicketMoved.
    """
    row, _ = rows.in_hand(session, actor, ticket_id, now)
    with rights.concerning(row.patient_ref):
        entry = rules.move(lines.entry_of(row), rules.State.AWAY)
    rows.change(row, "ticket.away", now, state=entry.state.value)
    return _recorded(session, "ticket.away", actor, row, now)


def back_from_tests(
    session: Session, actor: Actor, ticket_id: str, now: datetime, presence: Presence | None = None
) -> TicketView:
    """Who was away for tests waits again with the old number: behind everybody who waits, brought forward by the class
    "returning" as the cap allows.

    By the desk or the line's clinician; or by the patient, or who stands in for them, with a presence at the clinic of a way
    that the department takes check-ins by. A patient who waits again already gets the same, and nothing is recorded.

    Raises NotFound, NotAllowed, TicketMoved; of patients PresenceNeeded, WayNotUsed.
    """
    if actor.kind == "patient":
        row = rows.locked(session, ticket_id)
        rights.arrange(session, actor, row.patient_ref, now, recorded_at=row.checked_in_at)
        if row.state == "waiting":
            return lines.ticket(session, row.id, now)
        with rights.concerning(row.patient_ref):
            _require_back_here(session, row, presence, now)
    else:
        row, _ = rows.of_line(session, actor, ticket_id, now)
    with rights.concerning(row.patient_ref):
        entry = rules.come_back(lines.entry_of(row), lines.entries(session, row.queue_id, row.clinician_ref))
    rows.change(
        row, "ticket.returned", now, state=entry.state.value, order_key=rules.order_key(entry.place), queued_at=now,
        passes=entry.passes, returns=entry.returns, room_id=None, turn=None,
        priority=row.priority if entry.priority is rules.Priority.EMERGENCY else RETURNING,
    )  # fmt: skip
    return _recorded(session, "ticket.returned", actor, row, now)


def leave(session: Session, actor: Actor, ticket_id: str, now: datetime) -> TicketView:
    """Somebody will wait no longer: the ticket ends as left. Leaving again returns the same and records nothing.

    By the patient, or who stands in for them, from a page of their own; or by who works the line. The appointment is
    cancelled by it, or completed where the visit had begun.

    Raises NotFound, NotAllowed, TicketMoved.
    """
    row = rows.locked(session, ticket_id)
    if actor.kind == "patient":
        rights.arrange(session, actor, row.patient_ref, now, recorded_at=row.checked_in_at)
    else:
        rights.work_queue(session, actor, lines.sitting_of(session, row.session_id), now)
    if row.state == "left":
        return lines.ticket(session, row.id, now)
    with rights.concerning(row.patient_ref):
        entry = rules.move(lines.entry_of(row), rules.State.LEFT)
    by = "patient" if actor.kind == "patient" else str(actor.role)
    rows.change(row, "ticket.left", now, state=entry.state.value)
    visit = rows.visit_of(session, row)
    others: list[Bound]
    if visit is not None:
        row.undo = None  # the visit ends by it
        others = [rows.end_visit(session, row, visit, now), visit]
    else:
        appointment = session.get_one(Appointment, row.appointment_id)
        row.undo = {**(row.undo or {}), "appointment": appointment.state}
        appointment.state, appointment.cancelled_at = "cancelled", now
        appointment.cancelled_by = "patient" if actor.kind == "patient" else "desk"
        seal_next(session, appointment)
        others = [appointment]
    return _recorded(session, "ticket.left", actor, row, now, others, by=by)


def move(session: Session, actor: Actor, ticket_id: str, to_session_id: str, now: datetime) -> TicketView:
    """Let a ticket wait in another session's line of the same queue: another room or doctor of the department that day. The
    number and the place stay, and where it came from is kept (Q4). By who works the line that it leaves.

    Raises NotFound, NotAllowed, TicketMoved, MoveElsewhere (another department or day), MoveNowhere.
    """
    row, _ = rows.of_line(session, actor, ticket_id, now)
    return _moved(session, actor, row, to_session_id, now)


def move_by_consent(session: Session, actor: Actor, ticket_id: str, to_session_id: str, now: datetime) -> TicketView:
    """Move a ticket as `move` does because its holder accepted an offer of the hospital's, which the caller has checked.

    Raises NotFound, TicketMoved, MoveElsewhere, MoveNowhere.
    """
    row = rows.locked(session, ticket_id)
    rights.arrange(session, actor, row.patient_ref, now, recorded_at=row.checked_in_at)
    return _moved(session, actor, row, to_session_id, now)


def say_late(session: Session, actor: Actor, session_id: str, minutes: int, now: datetime) -> None:
    """Say how many minutes late a session's clinician is: shown to those who wait, and nobody loses a place or is passed for
    it. 0 takes it back. Saying the same again records nothing.

    Raises NotFound, NotAllowed, LateUnreadable.
    """
    sitting = lines.sitting_of(session, session_id)
    rights.work_queue(session, actor, sitting, now)
    if actor.role == "doctor" and actor.ref != sitting.clinician_ref:
        raise NotAllowed(rule=Rule.OTHER_SESSION.value)
    if not 0 <= minutes <= rules.MOST_MINUTES_LATE:
        raise rules.LateUnreadable()
    if (sitting.late_minutes or 0) == minutes:
        return
    sitting.late_minutes, sitting.late_at = (minutes, now) if minutes else (None, None)
    detail = {"minutes": minutes, "room": rows.room_name(session, sitting.room_id)}
    events.record(session, "session.late", actor, now, detail=detail)


# Shared with taking back


def write_move(session: Session, row: Ticket, kind: str, to: ClinicSession, now: datetime) -> TicketMove:
    """Write down that a ticket goes from its session to another, and return that; the ticket's columns are the caller's."""
    moved = TicketMove(
        id=new_ref(),
        patient_ref=row.patient_ref,
        ticket_id=row.id,
        kind=kind,
        from_session_id=row.session_id,
        to_session_id=to.id,
        moved_at=now,
    )
    seal_next(session, moved)
    return moved


# Private


def _require_back_here(session: Session, row: Ticket, presence: Presence | None, now: datetime) -> None:
    """Require that whoever says to be back from tests is there, on the day of the ticket: their place is called from then."""
    if row.state != "away" or row.checked_in_at <= now - lines.ACTIVE_FOR:
        raise rules.TicketMoved(state=row.state)
    sitting = lines.sitting_of(session, row.session_id)
    clinic, department = session.get_one(Clinic, sitting.clinic_id), session.get_one(Department, sitting.department_id)
    shown = checkin.require_presence(presence, clinic.id, now)
    checkin.require_way(clinics.check_in_rule_of(clinic.rules, department.check_in), shown.way)


def _moved(session: Session, actor: Actor, row: Ticket, to_session_id: str, now: datetime) -> TicketView:
    to = lines.sitting_of(session, to_session_id)
    with rights.concerning(row.patient_ref):
        if to.queue_id != row.queue_id:
            raise rules.MoveElsewhere()
        state = rules.State(row.state)
        if state not in rules.MOVABLE:
            raise rules.TicketMoved(state=row.state)
        new_line = lines.line_of(to)
        if new_line == (row.queue_id, row.clinician_ref) or to.stopped_at is not None or to.ends_at <= now:
            raise rules.MoveNowhere()
    rows.hold_line(session, *new_line)
    left = lines.sitting_of(session, row.session_id)
    moved = write_move(session, row, "move", to, now)
    rows.change(
        row, "ticket.moved", now, session_id=to.id, clinician_ref=new_line[1], moved_from=row.moved_from or row.session_id,
        turn=None,
    )  # fmt: skip
    names = {"room": rows.room_name(session, to.room_id), "from": rows.room_name(session, left.room_id)}
    return _recorded(session, "ticket.moved", actor, row, now, [moved], **names)


def _recorded(
    session: Session,
    event: str,
    actor: Actor,
    row: Ticket,
    now: datetime,
    others: list[Bound] | None = None,
    **more: str,
) -> TicketView:
    seal_next(session, row)
    objects = [row, *(others or [])]
    detail = {"ticket": lines.number_of(row), **more}
    events.record(session, event, actor, now, subject=row.patient_ref, objects=objects, detail=detail)
    return lines.ticket(session, row.id, now)
