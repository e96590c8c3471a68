"""What the desk opens when a document lies before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.documents import DocumentKind
from app.domain.errors import NotFound
from app.models import Patient
from app.services import disclosure, guardianship, identity, people, rights
from app.services.guardianship import GuardianRequest
from app.services.identity import Identity


@dataclass(frozen=True)
class AtDesk:
    """A person at the desk, unmasked, and who asks to be their guardian."""

    identity: Identity
    requests: tuple[GuardianRequest, ...]


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
    return AtDesk(identity.read_identity(session, patient), requests)
