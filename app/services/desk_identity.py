"""What the desk opens: a row of its board, and whoever's document lies before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.documents import DocumentKind
from app.domain.errors import NotFound
from app.models import Appointment, Patient
from app.services import disclosure, guardianship, identity, people, rights
from app.services.guardianship import GuardianRequest, StandIn
from app.services.identity import Identity


@dataclass(frozen=True)
class AtDesk:
    """A person at the desk, unmasked; who asks to be their guardian; who holds them already, masked."""

    identity: Identity
    requests: tuple[GuardianRequest, ...]
    held_by: tuple[StandIn, ...]


def open_row(session: Session, actor: Actor, appointment_id: str, now: datetime) -> Identity:
    """Return whose visit of the desk's own clinic this is, unmasked, recording the disclosure; no reason is asked.

    Raises NotFound, NotAllowed.
    """
    row = session.get(Appointment, appointment_id)
    if row is None:
        raise NotFound()
    rights.run_desk(actor, row.clinic_id, now)
    rights.see_identity(session, actor, row.patient_ref, now)
    patient = session.get_one(Patient, row.patient_ref)
    detail = {"fields": "name document birth_on sex"}
    disclosure.opened(
        session, actor, "identity.opened", patient.ref, [patient], now, detail=detail, purpose="desk_board"
    )
    return identity.read_identity(session, patient)


def open_by_document(
    session: Session, actor: Actor, kind: DocumentKind, country: str, number: str, now: datetime
) -> AtDesk | None:
    """Return the person whose document this is, recording the disclosure; None where no record has it."""
    ref = people.find_by_document(session, kind, country, number)
    return open_person(session, actor, ref, now) if ref else None


def open_person(session: Session, actor: Actor, patient_ref: str, now: datetime) -> AtDesk:
    """Return a person unmasked, recording the disclosure: the desk has the document, which is what its clinic is for.

    Raises NotFound, NotAllowed.
    """
    rights.see_identity(session, actor, patient_ref, now, clinics=actor.clinics)
    patient = session.get(Patient, patient_ref)
    if patient is None:
        raise NotFound()
    detail = {"fields": "name document birth_on sex"}
    disclosure.opened(
        session, actor, "identity.opened", patient_ref, [patient], now, detail=detail, purpose="document_check"
    )
    requests = tuple(guardianship.guardian_requests(session, patient_ref))
    for asking in requests:
        if asking.guardian_ref:  # their name stands on the page too
            guardian = session.get_one(Patient, asking.guardian_ref)
            disclosure.opened(
                session, actor, "identity.opened", guardian.ref, [guardian], now, detail={"fields": "name"}, purpose="document_check"
            )  # fmt: skip
    held_by = tuple(guardianship.stand_ins(session, patient_ref, now))
    return AtDesk(identity.read_identity(session, patient), requests, held_by)
