"""What a priority class was granted on, its note with it: to the desk while the ticket is of today, and to an auditor.

The note is sealed because it may tell of somebody's life. So that it was read stands in the person's own log (A4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.models import PriorityGrant, Staff, Ticket
from app.services import disclosure, lines, rights
from app.services.clinics import Words
from app.services.sealing import open_payload

EVENT = "priority_note.opened"
PURPOSES = {"doctor": "treatment"}  # by role; to the desk it is its board


@dataclass(frozen=True)
class GrantNote:
    """One grant: which class to which number, on what ground and with what note, by whom (None: nobody's hand), from when
    until when (None: still)."""

    id: str
    ticket: str
    priority: str
    reason: str
    note: str
    by: Words | None
    granted_at: datetime
    ended_at: datetime | None


def named_in(own: dict[str, Any]) -> list[str]:
    """Return the ids of the grants that an event's own half names."""
    return [str(o["id"]) for o in own["objects"] if o["type"] == PriorityGrant.OBJECT]


def count_of(session: Session, ticket_id: str | None) -> int:
    """Return how many grants a ticket ever had; the caller has decided who may know."""
    query = select(func.count()).select_from(PriorityGrant).where(PriorityGrant.ticket_id == ticket_id)
    return session.scalar(query) or 0


def of_ticket(session: Session, actor: Actor, ticket_id: str, now: datetime) -> tuple[GrantNote, ...]:
    """Return a ticket's grants for who works its line, the newest first, recording the disclosure.

    Raises NotFound, also for a ticket that never had one, and NotAllowed.
    """
    row = session.get(Ticket, ticket_id)
    if row is None:
        raise NotFound()
    rights.work_queue(session, actor, lines.sitting_of(session, row.session_id), now)
    grants = session.scalars(
        select(PriorityGrant)
        .where(PriorityGrant.ticket_id == ticket_id)
        .order_by(PriorityGrant.granted_at.desc(), PriorityGrant.id)
    ).all()
    if not grants:
        raise NotFound()
    return _opened(session, actor, row, grants, now, purpose=PURPOSES.get(actor.role or "", "desk_board"))


def one(session: Session, actor: Actor, grant_id: str, now: datetime) -> GrantNote:
    """Return one grant to an auditor, without whose it is, recording the disclosure. Raises NotFound, NotAllowed."""
    rights.audit_events(actor, now)
    grant = session.get(PriorityGrant, grant_id)
    if grant is None:
        raise NotFound()
    ticket = session.get_one(Ticket, grant.ticket_id)
    return _opened(session, actor, ticket, [grant], now, purpose="audit_review")[0]


def _opened(
    session: Session, actor: Actor, ticket: Ticket, grants: Sequence[PriorityGrant], now: datetime, *, purpose: str
) -> tuple[GrantNote, ...]:
    number = lines.number_of(ticket)
    detail = {"ticket": number, "count": len(grants)}
    disclosure.opened(session, actor, EVENT, ticket.patient_ref, grants, now, detail=detail, purpose=purpose)
    found = []
    for grant in grants:
        giver = session.get(Staff, grant.granted_by) if grant.granted_by else None
        found.append(
            GrantNote(
                id=grant.id,
                ticket=number,
                priority=grant.priority,
                reason=grant.reason,
                note=str(open_payload(session, grant)[0].get("note", "")),
                by=Words(giver.name_zh, giver.name_en) if giver else None,
                granted_at=grant.granted_at,
                ended_at=grant.ended_at,
            )
        )
    return tuple(found)
