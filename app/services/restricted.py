"""Opening a restricted record on a reason that law knows: by whoever treats the person, for some hours, with an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.domain.ids import new_ref
from app.domain.retention import RESTRICTED_HOURS, LegalReason
from app.models import ClinicSession, RestrictedOpening, Ticket
from app.services import events, identity, restriction, rights
from app.services.identity import Masked


@dataclass(frozen=True)
class RestrictedView:
    """Somebody whom the actor treats and whose record is restricted, masked, by the ticket."""

    ticket_id: str
    who: Masked | None
    checked_in_at: datetime


def treated(session: Session, actor: Actor, now: datetime) -> list[RestrictedView]:
    """Return whom this doctor treats now, whose record opens only on a legal reason."""
    rows = [
        row
        for row in _tickets(session, actor, now)
        if restriction.blocks(session, str(actor.ref), row.patient_ref, now)
    ]
    people = identity.masked(session, [row.patient_ref for row in rows], now)
    return [RestrictedView(row.id, people.get(row.patient_ref), row.checked_in_at) for row in rows]


def open_record(session: Session, actor: Actor, ticket_id: str, reason: LegalReason, now: datetime) -> None:
    """Open the restricted record of whoever has this ticket to the actor, for some hours; again while it is open is no harm.

    Raises NotFound where the actor does not treat them, or nothing is restricted.
    """
    row = next((one for one in _tickets(session, actor, now) if one.id == ticket_id), None)
    if row is None or not restriction.is_restricted(session, row.patient_ref):
        raise NotFound()
    if not restriction.blocks(session, str(actor.ref), row.patient_ref, now):
        return
    until_at = now + timedelta(hours=RESTRICTED_HOURS)
    opening = RestrictedOpening(
        id=new_ref(),
        patient_ref=row.patient_ref,
        staff_ref=str(actor.ref),
        reason=reason.value,
        opened_at=now,
        until_at=until_at,
    )
    session.add(opening)
    detail = {"reason": reason.value, "hours": RESTRICTED_HOURS}
    events.record(session, "restricted.opened", actor, now, subject=row.patient_ref, detail=detail)


def _tickets(session: Session, actor: Actor, now: datetime) -> list[Ticket]:
    rows = session.scalars(
        select(Ticket)
        .join(ClinicSession, ClinicSession.id == Ticket.session_id)
        .where(Ticket.checked_in_at > now - rights.TREATING_LOOKBACK)
        .where((ClinicSession.clinician_ref == actor.ref) | (Ticket.called_by == actor.ref))
        .order_by(Ticket.checked_in_at.desc())
    ).all()
    return [row for row in rows if rights.treats(session, actor, row.patient_ref, now)]
