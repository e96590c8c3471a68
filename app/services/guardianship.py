"""Guardians: who asks to be one, whom the desk has verified with the papers before it, and how it ends.

Under fourteen a guardian sees everything; from fourteen to seventeen they arrange visits and see of them what a receipt "to
show" says; at eighteen it is over, by the birth date and with nothing stored. `app.domain.access` decides; here are the links.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import access
from app.domain.actor import Actor
from app.domain.age import ADULT_FROM_YEARS, OWN_SAY_FROM_YEARS, birthday, is_child, is_under_age
from app.domain.calendar import hospital_day
from app.domain.errors import BadInput, NotFound
from app.domain.masking import mask_name
from app.models import Link, Patient
from app.services import events, identity, people, proofs
from app.services.people import NotAChild
from app.services.sealing import seal_again

Papers = Literal["household_register", "birth_certificate", "guardianship_papers"]
PAPERS: tuple[Papers, ...] = ("household_register", "birth_certificate", "guardianship_papers")


class UntilWrong(BadInput):
    """The day on which a guardianship is to end is not after today, or after the person has grown up."""

    code = "until_wrong"


@dataclass(frozen=True)
class GuardianRequest:
    """A guardian who waits for the desk: what the desk compares with the papers it is shown."""

    link_id: str
    guardian_ref: str
    guardian_name: str
    asked_at: datetime


@dataclass(frozen=True)
class StandIn:
    """Who holds a person beside that person: `name` is masked, `until_on` the first day on which it holds no longer."""

    link_id: str
    relation: str
    name: str
    since_at: datetime
    until_on: date | None


@dataclass(frozen=True)
class Stage:
    """How far a guardian's link reaches now, and the first day on which that changes (None where it never does)."""

    sees_health: bool
    changes_on: date | None


def stage_of(link: people.LinkView, now: datetime) -> Stage | None:
    """Return where a guardian's link stands; None for a link that is no open guardianship."""
    if link.relation != "guardian" or not link.is_active or link.birth_on is None:
        return None
    sees_health = is_child(link.birth_on, max(hospital_day(now), link.birth_on))
    changes_on = birthday(link.birth_on, OWN_SAY_FROM_YEARS if sees_health else ADULT_FROM_YEARS)
    return Stage(sees_health, min(filter(None, (changes_on, link.until_on))))


def guardian_requests(session: Session, patient_ref: str) -> list[GuardianRequest]:
    """Return who asks to be this child's guardian, with the name of the account's own person."""
    found = []
    for link in session.scalars(
        select(Link).where(Link.patient_ref == patient_ref, Link.relation == "guardian", Link.state == "pending")
    ):
        own = _holder(session, link)
        is_known = own is not None and own.is_active  # else the name is what that account typed of somebody
        found.append(
            GuardianRequest(
                link.id, own.patient_ref if own and is_known else "", own.name if own else "", link.created_at
            )
        )
    return found


def stand_ins(session: Session, patient_ref: str, now: datetime) -> list[StandIn]:
    """Return who holds this person beside themself, the oldest first: guardians while they are any, and family."""
    patient = session.get(Patient, patient_ref)
    born = identity.birth_of(session, patient) if patient else None
    today_on = hospital_day(now)
    found = []
    for link in session.scalars(
        select(Link)
        .where(Link.patient_ref == patient_ref, Link.relation != "self", Link.state == "active")
        .order_by(Link.created_at)
    ):
        until_on = link.until_on
        if link.relation == "guardian" and born is not None:
            until_on = min(filter(None, (until_on, birthday(born, ADULT_FROM_YEARS))))
        if until_on is not None and until_on <= today_on:
            continue
        own = _holder(session, link)
        found.append(StandIn(link.id, link.relation, mask_name(own.name) if own else "", link.created_at, until_on))
    return found


def verify_guardianship(
    session: Session,
    actor: Actor,
    link_id: str,
    now: datetime,
    *,
    papers: Papers = "household_register",
    until_on: date | None = None,
) -> None:
    """Open a guardian's link after the desk saw `papers`; it reaches to the day before `until_on`, else before the eighteenth
    birthday.

    Raises NotFound when nobody asks, NotAllowed, NotAChild, UntilWrong.
    """
    link = session.get(Link, link_id)
    if link is None or link.relation != "guardian" or link.state != "pending":
        raise NotFound()
    proofs.require_desk(actor, link.patient_ref, now)
    patient = session.get(Patient, link.patient_ref)
    born = identity.birth_of(session, patient) if patient else None
    today_on = hospital_day(now)
    if born is None or not is_under_age(born, today_on):
        raise NotAChild()
    grown_on = birthday(born, ADULT_FROM_YEARS)
    if until_on is not None and not today_on < until_on <= grown_on:
        raise UntilWrong("until_on")
    link.until_on = until_on
    proofs.open_link(session, actor, link, "desk", now)
    detail = {"until": (until_on or grown_on).isoformat(), "papers": papers}
    events.record(session, "guardianship.verified", actor, now, subject=link.patient_ref, objects=[link], detail=detail)


def revoke(session: Session, actor: Actor, link_id: str, now: datetime) -> str:
    """End a guardian's or family's link, at once; return whose person it was. Ending it again is no harm.

    By the desk with the document before it, or by the person themself, proven and of fourteen or more. Who holds the link
    ends it by `people.unbind`.

    Raises NotFound, NotAllowed.
    """
    link = session.get(Link, link_id)
    if link is None or link.relation == "self":
        raise NotFound()
    if actor.kind == "staff":
        proofs.require_desk(actor, link.patient_ref, now)
    else:
        own = people.link_for(session, str(actor.ref), link.patient_ref)
        patient = session.get(Patient, link.patient_ref)
        born = identity.birth_of(session, patient) if own and patient else None
        access.require(actor, access.EndGuardianship(link.patient_ref, own, born), now)
    if link.state != "ended":
        link.state, link.ended_at = "ended", now
        seal_again(session, link)
        detail = {"relation": link.relation, "by": "desk" if actor.kind == "staff" else "patient"}
        events.record(
            session, "guardianship.revoked", actor, now, subject=link.patient_ref, objects=[link], detail=detail
        )
    return link.patient_ref


def _holder(session: Session, link: Link) -> people.LinkView | None:
    """Return the own person of the account that holds a link."""
    return next((v for v in people.links_of(session, link.account_ref) if v.relation == "self"), None)
