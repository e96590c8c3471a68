"""Guardians: who asks to be one, and whom the desk has verified with the papers before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.age import is_child
from app.domain.calendar import hospital_day
from app.domain.errors import NotFound
from app.models import Link, Patient
from app.services import events, identity, people, proofs
from app.services.people import NotAChild

OWN_SAY_FROM_YEARS = 14


@dataclass(frozen=True)
class GuardianRequest:
    """A guardian who waits for the desk: what the desk compares with the papers it is shown."""

    link_id: str
    guardian_ref: str
    guardian_name: str
    asked_at: datetime


def guardian_requests(session: Session, patient_ref: str) -> list[GuardianRequest]:
    """Return who asks to be this child's guardian, with the name of the account's own person."""
    found = []
    for link in session.scalars(
        select(Link).where(Link.patient_ref == patient_ref, Link.relation == "guardian", Link.state == "pending")
    ):
        own = next((v for v in people.links_of(session, link.account_ref) if v.relation == "self"), None)
        is_known = own is not None and own.is_active  # else the name is what that account typed of somebody
        found.append(
            GuardianRequest(
                link.id, own.patient_ref if own and is_known else "", own.name if own else "", link.created_at
            )
        )
    return found


def verify_guardianship(session: Session, actor: Actor, link_id: str, now: datetime) -> None:
    """Open a guardian's link after the desk saw the papers; it reaches to the day before the fourteenth birthday.

    Raises NotFound when nobody asks, NotAllowed.
    """
    link = session.get(Link, link_id)
    if link is None or link.relation != "guardian" or link.state != "pending":
        raise NotFound()
    proofs.require_desk(actor, link.patient_ref, now)
    patient = session.get(Patient, link.patient_ref)
    born = identity.birth_of(session, patient) if patient else None
    if born is None or not is_child(born, hospital_day(now)):
        raise NotAChild()
    proofs.open_link(session, actor, link, "desk", now)
    until = _birthday(born, OWN_SAY_FROM_YEARS)
    events.record(
        session,
        "guardianship.verified",
        actor,
        now,
        subject=link.patient_ref,
        objects=[link],
        detail={"until": until.isoformat()},
    )


def _birthday(born: date, years: int) -> date:
    """Return the birthday in `years` years; born on 29 February, the first of March in other years."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)
