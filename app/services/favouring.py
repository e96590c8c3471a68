"""Priority classes at work: granting one on a ground, taking it away."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import priorities, queueing
from app.domain.access import Rule
from app.domain.actor import Actor
from app.domain.calendar import hospital_day
from app.domain.errors import NotAllowed, TicketMoved
from app.domain.ids import new_ref
from app.models import Patient, PriorityGrant, Ticket
from app.services import events, identity, lines, rights
from app.services import ticket_rows as rows
from app.services.lines import TicketView
from app.services.sealing import seal_again, seal_next

MOST_NOTE = 200


def grant_priority(
    session: Session, actor: Actor, ticket_id: str, priority_code: str, reason_code: str, note: str, now: datetime
) -> TicketView:
    """Give a waiting ticket a class on one of its grounds, in place of the class it has. The same again records nothing.

    The note is sealed. Where the class hangs on age, the birth date on file decides; nobody gets to see it by that.

    Raises NotFound, NotAllowed, TicketMoved, PriorityUnknown, PriorityNoteMissing, PriorityNotDue.
    """
    row, _ = rows.of_line(session, actor, ticket_id, now)
    known = priorities.CLASSES.get(priority_code)
    if known is not None and known.granted_by and known not in priorities.grantable_by(actor.role):
        raise NotAllowed(about=row.patient_ref, rule=Rule.ROLE.value)
    _require_movable(row)
    with rights.concerning(row.patient_ref):
        birth_on = identity.birth_of(session, session.get_one(Patient, row.patient_ref))
        priorities.require_grounds(priority_code, reason_code, note, birth_on, hospital_day(now))
    if row.priority == priority_code:
        return lines.ticket(session, row.id, now)
    ended = end_grant(session, row, now)
    grant = PriorityGrant(
        id=new_ref(),
        patient_ref=row.patient_ref,
        ticket_id=row.id,
        priority=priority_code,
        reason=reason_code,
        granted_by=actor.ref,
        granted_at=now,
    )
    seal_next(session, grant, {"note": note.strip()[:MOST_NOTE]})
    rows.change(row, "ticket.priority_granted", now, priority=priority_code)
    row.undo = {**(row.undo or {}), "grant": grant.id, "ended_grant": ended.id if ended else None}
    seal_next(session, row)
    detail = {"ticket": lines.number_of(row), "priority": priority_code, "reason": reason_code}
    objects = [row, grant, *([ended] if ended else [])]
    events.record(
        session, "ticket.priority_granted", actor, now, subject=row.patient_ref, objects=objects, detail=detail
    )
    return lines.ticket(session, row.id, now)


def withdraw_priority(session: Session, actor: Actor, ticket_id: str, now: datetime) -> TicketView:
    """Take a ticket's class away. Raises NotFound, NotAllowed, TicketMoved, NoPriority."""
    row, _ = rows.of_line(session, actor, ticket_id, now)
    _require_movable(row)
    if row.priority is None:
        raise priorities.NoPriority(about=row.patient_ref)
    taken, ended = row.priority, end_grant(session, row, now)
    rows.change(row, "ticket.priority_withdrawn", now, priority=None)
    row.undo = {**(row.undo or {}), "ended_grant": ended.id if ended else None}
    seal_next(session, row)
    detail = {"ticket": lines.number_of(row), "priority": taken}
    objects = [row, *([ended] if ended else [])]
    events.record(
        session, "ticket.priority_withdrawn", actor, now, subject=row.patient_ref, objects=objects, detail=detail
    )
    return lines.ticket(session, row.id, now)


# Shared with taking back


def end_grant(session: Session, row: Ticket, now: datetime) -> PriorityGrant | None:
    """End the grant that a ticket's class comes from, and return it; None where it came with an act."""
    grant = session.scalar(
        select(PriorityGrant)
        .where(PriorityGrant.ticket_id == row.id, PriorityGrant.ended_at.is_(None))
        .order_by(PriorityGrant.granted_at.desc(), PriorityGrant.id)
        .limit(1)
    )
    if grant is not None:
        grant.ended_at = now
        seal_again(session, grant)
    return grant


def _require_movable(row: Ticket) -> None:
    if queueing.State(row.state) not in queueing.MOVABLE:
        raise TicketMoved(about=row.patient_ref, state=row.state)
