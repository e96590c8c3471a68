"""Binding people to accounts.

Knowing somebody's ID proves nothing (DESIGN, section 6). One's own document that no record has makes a new record, which
opens from now on. A document that a record has, and any other adult's, makes a *pending* link, which opens nothing until the
hospital has a proof: see `proofs`. A child's waits for the desk: see `guardianship`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.domain import access
from app.domain.actor import Actor
from app.domain.age import is_under_age
from app.domain.calendar import day_bounds, hospital_day
from app.domain.documents import DocumentKind, Passport, ResidentID, document_key
from app.domain.errors import NotFound, Refused
from app.domain.ids import new_ref
from app.domain.names import match_key
from app.models import Consent, Link, Patient, Prepared
from app.services import accounts, events, restriction
from app.services.sealing import open_payload, seal_again, seal_next, vault_of

CONSENT_SENSITIVE = "sensitive_data"
MOST_PEOPLE = 8  # an account's, pending ones included
CONSENT_WORDING = "2026-11"  # the wording shown on the bind page; a new wording gets a new name


class AlreadyBound(Refused):
    """The account holds oneself already."""

    code = "already_bound"
    is_recorded = False


class PeopleFull(Refused):
    """The account holds as many people as one may: a family, not a register."""

    code = "people_full"
    is_recorded = False


class NotGrownUp(Refused):
    """The document is of somebody under eighteen: a guardian stands in, and the desk sees the papers."""

    code = "not_grown_up"
    is_recorded = False


class NotAChild(Refused):
    """The document is of somebody of eighteen or more: nobody is their guardian any more."""

    code = "not_a_child"
    is_recorded = False


class ConsentMissing(Refused):
    """The separate consent for sensitive data was not given (PIPL, articles 28 to 31)."""

    code = "consent_missing"
    status = 400
    is_recorded = False


class NameDiffers(Refused):
    """The hospital has seen this document before, with another name on it: the desk compares the two."""

    code = "name_differs"


Document = ResidentID | Passport


@dataclass(frozen=True)
class LinkView:
    """A person of an account, as the account's own pages show it."""

    id: str
    patient_ref: str
    relation: str
    state: str
    proof: str
    opens_from: datetime | None
    until_on: date | None
    name: str  # as typed by this account where the link is pending, so that nothing of the record shows
    birth_on: date | None
    sex: str

    @property
    def is_active(self) -> bool:
        return self.state == "active"


def bind(
    session: Session,
    actor: Actor,
    document: Document,
    name: str,
    now: datetime,
    *,
    relation: Literal["self", "guardian", "family"],
    has_consented: bool,
    is_own_phone: bool = True,
) -> str:
    """Bind a person to the actor's account and return the link's id; the same bind again returns the same link.

    `name` is cleaned already (`domain.names`); `document` is parsed. A guardian's link waits for the desk; one to
    a record that exists, or to another adult's, waits for a proof. `is_own_phone` says whether the phone by which the account
    signed in is this person's own: a borrowed one is not put on file.

    Raises ConsentMissing, AlreadyBound, PeopleFull, NotAChild, NotGrownUp.
    """
    if not has_consented:
        raise ConsentMissing()
    is_minor = is_under_age(document.birth_on, hospital_day(now))
    if relation == "guardian" and not is_minor:
        raise NotAChild()
    if relation == "family" and is_minor:
        raise NotGrownUp()
    if isinstance(document, Passport):
        name = document.name  # as printed
    account_ref = str(actor.ref)
    vault = vault_of(session)
    ref = vault.claim("document", document.key, new_ref())
    patient = session.get(Patient, ref)
    living = _living_links(session, account_ref)
    for link in living:
        if link.patient_ref == ref:
            return link.id
        if link.relation == relation == "self":
            raise AlreadyBound(relation=relation)
    if len(living) >= MOST_PEOPLE:
        raise PeopleFull(most=MOST_PEOPLE)
    existed = patient is not None
    if existed:
        restriction.welcome_back(session, ref)
    if patient is None:
        phone = accounts.phone_of(session, account_ref) if relation == "self" and is_own_phone else None
        patient = create_patient(session, ref, document, name, phone, "bound", now)
    consent = Consent(
        id=new_ref(),
        patient_ref=ref,
        account_ref=account_ref,
        purpose=CONSENT_SENSITIVE,
        wording=CONSENT_WORDING,
        given_at=now,
    )
    seal_next(session, consent)
    is_open = relation == "self" and not existed
    link = Link(
        id=new_ref(),
        account_ref=account_ref,
        patient_ref=ref,
        relation=relation,
        state="active" if is_open else "pending",
        proof="none",
        opens_from=now,
        created_at=now,
    )
    seal_next(session, link, {"typed_name": name})
    begun = [] if existed else [patient]
    # Before the proof the person's log must say that somebody tried, not who may read it: subject is the person.
    events.record(
        session, "consent.given", actor, now, subject=account_ref, objects=[consent],
        detail={"purpose": CONSENT_SENSITIVE, "wording": CONSENT_WORDING},
    )  # fmt: skip
    if is_open:
        events.record(
            session, "person.bound", actor, now, subject=ref, objects=[link, patient],
            detail={"relation": relation, "proof": "none"},
        )  # fmt: skip
    elif relation == "guardian":
        events.record(session, "guardianship.requested", actor, now, subject=ref, objects=[link, *begun])
    else:
        events.record(
            session, "person.bind_requested", actor, now, subject=ref, objects=[link, *begun],
            detail={"relation": relation},
        )  # fmt: skip
    return link.id


def create_patient(
    session: Session,
    ref: str,
    document: Document | None,
    name: str,
    phone: str | None,
    source: Literal["bound", "desk", "import"],
    now: datetime,
    *,
    extra: dict[str, Any] | None = None,
    is_verified: bool = False,
    has_keys: bool = False,
) -> Patient:
    """Return a new person's row, sealed; its keys are made first, in the keyring (unless it `has_keys`). Records no event: the
    caller does."""
    vault = vault_of(session)
    if not has_keys:
        vault.welcome(ref)
    identity: dict[str, Any] = {"name": name, **(extra or {})}
    if document is not None:
        identity |= document_said(document)
    patient = Patient(ref=ref, source=source, is_verified=is_verified, created_at=now, contact_version=0)
    seal_next(session, patient, identity)
    if phone:
        # Whoever typed the ID first is not known to be this person: their phone may be called, and proves nothing.
        set_contact(session, patient, {"phone": phone, "is_own_word": True} if source == "bound" else {"phone": phone})
    session.flush()
    return patient


def document_said(document: Document) -> dict[str, Any]:
    """Return what a document says, as a person's sealed identity holds it."""
    return {
        "document": document.kind.value,
        "country": document.country,
        "number": document.number,
        "birth_on": document.birth_on.isoformat(),
        "sex": document.sex.value,
    }


def set_contact(session: Session, patient: Patient, contact: dict[str, Any]) -> None:
    """Put contact data on file, sealed under their own key."""
    patient.contact_version += 1
    place = f"patient/contact|{patient.ref}|{patient.contact_version}"
    patient.contact = vault_of(session).seal(patient.ref, "contact", place, contact)


def put_phone_on_file(session: Session, patient_ref: str, phone: str) -> None:
    """Put a phone (E.164) on file for a person of whom the hospital has none itself: what the desk was told, or an old
    record says."""
    patient = session.get(Patient, patient_ref)
    if patient is not None and proving_phone(contact_of(session, patient)) is None:
        set_contact(session, patient, {"phone": phone})


def contact_of(session: Session, patient: Patient) -> dict[str, Any]:
    """Return the contact data on file: to send to, never to show."""
    if patient.contact is None:
        return {}
    place = f"patient/contact|{patient.ref}|{patient.contact_version}"
    return vault_of(session).open(patient.ref, "contact", place, patient.contact)


def proving_phone(contact: dict[str, Any]) -> str | None:
    """Return the phone that a code may be sent to as a proof; None for one that came with a bind by itself."""
    return None if contact.get("is_own_word") else contact.get("phone")


def _living_links(session: Session, account_ref: str) -> Sequence[Link]:
    return session.scalars(
        select(Link).where(Link.account_ref == account_ref, Link.state != "ended").order_by(Link.created_at)
    ).all()


def links_of(session: Session, account_ref: str) -> list[LinkView]:
    """Return the people of an account, oneself first, as its own pages show them; whose guardianship has run out is left out."""
    today_on = hospital_day(session.info["clock"]())
    views = []
    for link in sorted(_living_links(session, account_ref), key=lambda x: (x.relation != "self", x.created_at)):
        typed = open_payload(session, link)[0].get("typed_name", "")
        birth, sex, name = None, "unknown", typed
        if link.until_on is not None and link.until_on <= today_on:
            continue
        if link.state == "active":
            patient = session.get(Patient, link.patient_ref)
            identity = open_payload(session, patient)[0] if patient else {}
            name = identity.get("name", typed)
            sex = identity.get("sex", "unknown")
            birth = date.fromisoformat(identity["birth_on"]) if identity.get("birth_on") else None
        if link.relation == "guardian" and birth is not None and not is_under_age(birth, max(today_on, birth)):
            continue
        view = (link.id, link.patient_ref, link.relation, link.state, link.proof, link.opens_from, link.until_on)
        views.append(LinkView(*view, name, birth, sex))
    return views


_LINK_FOR = Prepared(
    select(
        Link.account_ref,
        Link.patient_ref,
        Link.relation,
        Link.state,
        Link.proof,
        Link.opens_from,
        Link.until_on,
        Link.created_at,
        Link.ended_at,
        Link.id,
        Link.version,
    )
    .where(Link.account_ref == bindparam("account"), Link.patient_ref == bindparam("patient"))
    .order_by((Link.state == "ended").asc(), Link.created_at.desc())
    .limit(1)
)


def link_for(session: Session, account_ref: str, patient_ref: str) -> access.Link | None:
    """Return the tie of an account to a person as the facts that access turns on; None where nothing ties them.

    A pending link to an existing record, or to another adult's, is no tie at all: it opens nothing and shows nothing.
    """
    session.flush()  # a link that this act made or changed counts
    link = _LINK_FOR.first(session.connection(), account=account_ref, patient=patient_ref)
    if link is None or (link.state == "pending" and link.relation != "guardian"):
        return None
    ends = [at for at in (link.ended_at, day_bounds(link.until_on)[0] if link.until_on else None) if at is not None]
    return access.Link(
        account=link.account_ref,
        patient=link.patient_ref,
        relation=access.Relation(link.relation),
        since_at=link.opens_from or link.created_at,
        proven_at=(link.opens_from or link.created_at) if link.proof != "none" else None,
        ends_at=min(ends, default=None),
        ref=link.id,
        version=link.version,
    )


def own_link(session: Session, actor: Actor, link_id: str) -> Link:
    """Return a living link of the actor's account; raises NotFound."""
    link = session.get(Link, link_id)
    if link is None or link.account_ref != actor.ref or link.state == "ended":
        raise NotFound()
    return link


def unbind(session: Session, actor: Actor, link_id: str, now: datetime) -> None:
    """End a link; the record stays the person's and can be bound again. Raises NotFound."""
    link = own_link(session, actor, link_id)
    link.state, link.ended_at = "ended", now
    seal_again(session, link)
    events.record(
        session,
        "person.unbound",
        actor,
        now,
        subject=link.patient_ref,
        objects=[link],
        detail={"relation": link.relation},
    )


def find_by_document(session: Session, kind: DocumentKind, country: str, number: str) -> str | None:
    """Return the ref of the person whose document this is, or None."""
    ref = vault_of(session).find("document", document_key(kind, country, number))
    return ref if ref and session.get(Patient, ref) is not None else None


def register_at_desk(
    session: Session, actor: Actor, document: Document, name: str, phone: str | None, now: datetime
) -> tuple[str, bool]:
    """Return (ref, is_new) of the person whose document the desk has seen, making the record where there is none."""
    ref = vault_of(session).claim("document", document.key, new_ref())
    if session.get(Patient, ref) is not None:
        return ref, False
    patient = create_patient(session, ref, document, name, phone, "desk", now, is_verified=True)
    events.record(
        session,
        "person.registered",
        actor,
        now,
        subject=ref,
        objects=[patient],
        detail={"document": document.kind.value},
    )
    return ref, True


def see_document(
    session: Session, actor: Actor, document: Document, name: str, phone: str | None, now: datetime
) -> str:
    """Return whose document the desk has seen, registered where there was no record; nothing of a record comes out.

    A record that somebody made by typing this ID is now the hospital's own: it takes the name that the document says. One
    that the hospital had verified stays as it is. `phone` (E.164) goes on file where the hospital has none.

    Raises NotAllowed (no desk), NameDiffers.
    """
    access.require(actor, access.RunDesk(next(iter(actor.clinics), "")), now)
    ref, is_new = register_at_desk(session, actor, document, name, phone, now)
    if is_new:
        return ref
    restriction.welcome_back(session, ref)
    patient = session.get_one(Patient, ref)
    identity = open_payload(session, patient)[0]
    if not patient.is_verified:
        patient.is_verified = True
        seal_next(session, patient, {**identity, **document_said(document), "name": name})
        detail = {"document": document.kind.value}
        events.record(session, "person.verified", actor, now, subject=ref, objects=[patient], detail=detail)
    elif match_key(identity.get("name", "")) != match_key(name):
        raise NameDiffers(about=ref)
    if phone:
        put_phone_on_file(session, ref, phone)
    return ref
