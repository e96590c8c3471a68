"""Proving who somebody is to the hospital: by a code to the phone on file, or by a claim code from the desk, document seen.

A proof opens what the hospital has of the person, and ends the links that others made to them without one.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import access
from app.domain.actor import Actor
from app.domain.errors import NotFound, Refused
from app.domain.rates import CLAIM_CODE_LIFE
from app.models import Link, Patient
from app.services import codes, events, people
from app.services.sealing import seal_again


class NoPhoneOnFile(Refused):
    """The hospital has no phone of this person: the desk can see the document instead."""

    code = "no_phone_on_file"
    is_recorded = False


def issue_claim_code(session: Session, actor: Actor, patient_ref: str, now: datetime) -> str:
    """Return a claim code for the person whose document the desk has just seen; it works once, for half an hour.

    Raises NotAllowed.
    """
    require_desk(actor, patient_ref, now)
    code = codes.issue(session, "claim_desk", patient_ref, now, life=CLAIM_CODE_LIFE, is_sent=False)
    minutes = int(CLAIM_CODE_LIFE.total_seconds() // 60)
    events.record(session, "claim_code.issued", actor, now, subject=patient_ref, detail={"valid_minutes": minutes})
    return code


def ask_phone_proof(session: Session, actor: Actor, link_id: str, now: datetime) -> tuple[str, str]:
    """Return (phone on file, code) for the door to send after the commit. The phone is not shown to who asked.

    Raises NotFound, NoPhoneOnFile, TooMany.
    """
    link = people.own_link(session, actor, link_id)
    patient = session.get(Patient, link.patient_ref)
    phone = people.proving_phone(people.contact_of(session, patient)) if patient else None
    if link.state != "pending" or link.relation == "guardian" or not phone:
        raise NoPhoneOnFile()
    codes.count_message(
        session, "claim_phone", phone, now
    )  # whoever asks, by whatever link: it is one phone that rings
    code = codes.issue(session, "claim_phone", link.id, now, is_sent=False)
    events.record(session, "code.sent", actor, now, subject=link.patient_ref, detail={"purpose": "claim"})
    return phone, code


def prove(session: Session, actor: Actor, link_id: str, code: str, now: datetime) -> bool:
    """Return whether `code` (from the phone on file, or from the desk) opened the link. A wrong try is kept: commit it.

    For family the code is the grown-up's word: it goes to their phone, or into their hand at the desk. Raises NotFound.
    """
    link = people.own_link(session, actor, link_id)
    if link.relation == "guardian":
        raise NotFound()
    if codes.spend(session, "claim_phone", link.id, code, now):
        proof = "phone"
    elif codes.spend(session, "claim_desk", link.patient_ref, code, now):
        proof = "desk"
    else:
        return False
    open_link(session, actor, link, proof, now)
    events.record(
        session, "person.claimed", actor, now, subject=link.patient_ref, objects=[link], detail={"proof": proof}
    )
    return True


def open_link(session: Session, actor: Actor, link: Link, proof: str, now: datetime) -> None:
    """Make a link reach everything, and end what others hold of this person as themselves without a proof."""
    link.state, link.proof, link.opens_from = "active", proof, None
    seal_again(session, link)
    if link.relation != "self":
        return
    for other in session.scalars(
        select(Link).where(
            Link.patient_ref == link.patient_ref, Link.relation == "self", Link.state != "ended", Link.proof == "none",
            Link.id != link.id,
        )
    ):  # fmt: skip
        other.state, other.ended_at = "ended", now
        seal_again(session, other)
        events.record(session, "person.superseded", actor, now, subject=other.patient_ref, objects=[other])


def require_desk(actor: Actor, patient_ref: str, now: datetime) -> None:
    """Require that the actor is a desk, which has the document before it: that is what any clinic's desk is for."""
    access.require(actor, access.SeeIdentity(patient_ref, actor.clinics), now)
