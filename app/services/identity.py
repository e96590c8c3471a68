"""Who a person is: masked for boards and lists, unmasked as a disclosure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.age import age_on
from app.domain.calendar import hospital_day
from app.domain.masking import mask_document, mask_name, mask_phone
from app.models import Patient
from app.ports import Unreadable
from app.services import people
from app.services.sealing import open_payload, vault_of

NAME_BROKEN = "？？"


@dataclass(frozen=True)
class Masked:
    """What boards and lists show of a person: no disclosure. `name` is NAME_BROKEN where what is kept of them does not open."""

    name: str
    sex: str
    age: int | None
    phone_tail: str


@dataclass(frozen=True)
class Identity:
    """A person unmasked: what the desk compares with a document."""

    patient_ref: str
    name: str
    document: str
    country: str
    number: str
    number_masked: str
    birth_on: date | None
    sex: str
    phone: str
    phone_masked: str
    is_verified: bool


def masked(session: Session, refs: Iterable[str], now: datetime) -> dict[str, Masked]:
    """Return how each of `refs` stands on a board. Unknown refs are left out. Somebody whose payload was tampered with has no name
    there, and everybody else has theirs: one changed row must not close a board for all."""
    wanted = set(refs)
    vault = vault_of(session)
    vault.prepare(wanted, "identity"), vault.prepare(wanted, "contact")
    found = {}
    for patient in session.scalars(select(Patient).where(Patient.ref.in_(wanted))):
        try:
            who = read_identity(session, patient)
        except Unreadable:
            found[patient.ref] = Masked(NAME_BROKEN, "unknown", None, "")
            continue
        age = age_on(who.birth_on, hospital_day(now)) if who.birth_on else None
        found[patient.ref] = Masked(mask_name(who.name), who.sex, age, who.phone[-4:])
    return found


def names_of(session: Session, account_ref: str) -> dict[str, str]:
    """Return the names of an account's active people by ref: its holder's own, no disclosure."""
    return {link.patient_ref: link.name for link in people.links_of(session, account_ref) if link.is_active}


def birth_of(session: Session, patient: Patient) -> date | None:
    """Return a person's birth date for a rule to decide on; None where it is not known. Contact data stay sealed."""
    birth_on = open_payload(session, patient)[0].get("birth_on")
    return date.fromisoformat(birth_on) if birth_on else None


def read_identity(session: Session, patient: Patient) -> Identity:
    """Return a person unmasked. The caller has decided access and records the disclosure, or shows only masks of it."""
    payload = open_payload(session, patient)[0]
    phone = people.contact_of(session, patient).get("phone", "")
    number = payload.get("number", "")
    return Identity(
        patient_ref=patient.ref,
        name=payload.get("name", ""),
        document=payload.get("document", ""),
        country=payload.get("country", ""),
        number=number,
        number_masked=mask_document(number) if number else "",
        birth_on=date.fromisoformat(payload["birth_on"]) if payload.get("birth_on") else None,
        sex=payload.get("sex", "unknown"),
        phone=phone,
        phone_masked=mask_phone(phone) if phone else "",
        is_verified=patient.is_verified,
    )
