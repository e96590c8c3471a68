"""Taking back the last move of a ticket, once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import queueing as rules
from app.domain.actor import Actor
from app.domain.errors import RoomBusy, TicketMoved
from app.models import Appointment, Bound, PriorityGrant, Ticket
from app.services import events, favouring, lines, moving, strikes
from app.services import ticket_rows as rows
from app.services.lines import TicketView
from app.services.sealing import seal_again, seal_next


def undo(session: Session, actor: Actor, ticket_id: str, now: datetime, *, meant: str = "") -> TicketView:
    """Take back the last move of a ticket: it stands as it stood before. Only the last one, once; `TicketView.undoable` names it.
    `meant` is the move that the page showed: another one, made meanwhile, is not taken back for it.

    By who works the line; what concerns a room, by its doctor or the desk. A patient's own leaving can be taken back at the
    desk. The events of both the move and its undoing stay.

    Raises NotFound, NotAllowed, TicketMoved, CannotUndo (with the act), RoomBusy where it would lead into a room with
    somebody in it.
    """
    row, _ = rows.of_line(session, actor, ticket_id, now)
    kept = row.undo
    if kept is None:
        raise rules.CannotUndo(about=row.patient_ref, act="")
    act, was = str(kept["act"]), rows.was_before(row)
    if meant not in ("", act):
        raise rules.CannotUndo(about=row.patient_ref, act=meant)
    old, new = rules.State(row.state), rules.State(was.get("state", row.state))
    if (old, new) not in rules.UNDOES.get(act, frozenset()):
        raise rules.CannotUndo(about=row.patient_ref, act=act)
    caller = was.get("called_by", row.called_by)
    is_about_room = {old.value, new.value} & set(lines.IN_ROOM)
    if actor.role == "doctor" and is_about_room and actor.ref not in (caller, row.called_by):
        raise TicketMoved(about=row.patient_ref, state=row.state)
    if new.value in lines.IN_ROOM and (busy := rows.in_clinicians_room(session, caller)) is not None:
        raise RoomBusy(ticket=lines.number_of(busy))
    objects: list[Bound] = [row, *_around(session, row, act, kept, was, now)]
    for name, value in was.items():
        setattr(row, name, value)
    row.changed_at, row.undo = now, None
    seal_next(session, row)
    about = row.patient_ref
    try:
        session.flush()
    except IntegrityError as taken:  # the room, or the slot that was given back, has somebody else by now
        raise rules.CannotUndo(about=about, act=act) from taken
    detail = {"ticket": lines.number_of(row), "undone": act}
    events.record(session, "ticket.undone", actor, now, subject=row.patient_ref, objects=objects, detail=detail)
    return lines.ticket(session, row.id, now)


def _around(
    session: Session, row: Ticket, act: str, kept: dict[str, Any], was: dict[str, Any], now: datetime
) -> list[Bound]:
    """Put back what the move changed around the ticket, and return the rows that are another version by it."""
    changed: list[Bound] = []
    if act == "ticket.called":
        line = rows.hold_line(session, row.queue_id, row.clinician_ref)
        line.calls -= 1
        rows.keep_calls(line, rules.after_undone_call(rows.calls_of(line), row.id))
    if act == "ticket.moved":
        rows.hold_line(session, row.queue_id, was.get("clinician_ref", row.clinician_ref))
        back = lines.sitting_of(session, str(was["session_id"]))
        changed.append(moving.write_move(session, row, "undo", back, now))
    if "appointment" in kept:
        appointment = session.get_one(Appointment, row.appointment_id)
        appointment.state = kept["appointment"]
        appointment.cancelled_at = appointment.cancelled_by = None
        seal_next(session, appointment)
        changed.append(appointment)
    if act == "ticket.no_show" and (struck := strikes.taken_back(session, row.appointment_id)) is not None:
        changed.append(struck)
    if kept.get("grant") and (ended := favouring.end_grant(session, row, now)) is not None:
        changed.append(ended)
    if kept.get("ended_grant"):
        grant = session.get_one(PriorityGrant, kept["ended_grant"])
        grant.ended_at = None
        seal_again(session, grant)
        changed.append(grant)
    return changed
