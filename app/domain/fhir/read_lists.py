"""What a FHIR R4 resource says of a person beside visits and results: conditions, allergies, immunizations, documents, and what a
source states is being taken. Readers as in `read`.

Sources: HL7 FHIR R4 9.2 Condition, 9.1 AllergyIntolerance, 11.5 Immunization, 2.42 DocumentReference, 11.4 MedicationStatement;
International Patient Summary 2.0.0, "Absent and Unknown Data".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from app.domain import attachments
from app.domain.clinical import LONGEST_TEXT, Kind
from app.domain.errors import BadInput
from app.domain.fhir.parse import BrokenFHIR, Resource
from app.domain.fhir.read import (
    LONGEST_LABEL,
    Record,
    as_dict,
    as_list,
    as_text,
    concept,
    dosage,
    instant_of,
    status_of,
)
from app.domain.problems import STATUSES

VOID = ("entered-in-error", "refuted")  # verification statuses of what does not count
LONGEST_SAID = 200
ABSENT_SYSTEM = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
SNOMED = "http://snomed.info/sct"
NOTHING_KNOWN = frozenset(
    {"716186003", "160245001", "787481004", "1003774007"}
)  # SNOMED CT: no known allergy, problem …
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
# Substances that our own list names, so that the pharmacy's check knows them; the source's words stay as they are.
SUBSTANCES: Mapping[tuple[str, str], str] = {
    (SNOMED, "764146007"): "penicillin",  # substance with penicillin structure
    (SNOMED, "373270004"): "penicillin",
    (SNOMED, "91936005"): "penicillin",  # allergy to penicillin
    (RXNORM, "7980"): "penicillin",
    (SNOMED, "387458008"): "nsaid",  # aspirin
    (SNOMED, "387207008"): "nsaid",  # ibuprofen
    (RXNORM, "1191"): "nsaid",
    (RXNORM, "5640"): "nsaid",
    (SNOMED, "387517004"): "paracetamol",
    (RXNORM, "161"): "paracetamol",
    (SNOMED, "762952008"): "peanut",
    (SNOMED, "91935009"): "peanut",
    (SNOMED, "102263004"): "egg",
    (SNOMED, "91930004"): "egg",
    (SNOMED, "44027008"): "seafood",
    (SNOMED, "91937001"): "seafood",
}


@dataclass(frozen=True)
class Listed:
    """A row of a person's lists: `payload` has the form of `app.domain.problems` or `.attachments`; `at` is when it was given,
    found or dated; `data` are a document's bytes."""

    table: Literal["problem", "immunization", "document"]
    status: str
    at: datetime | None
    payload: dict[str, Any] = field(repr=False)
    data: bytes = field(default=b"", repr=False)


def is_absence(resource: Resource) -> bool:
    """Say whether a resource states that there is nothing, or that nothing is known: no row, for it names no thing."""
    for name in ("code", "vaccineCode", "medicationCodeableConcept"):
        for coding in as_list(as_dict(resource, name), "coding"):
            system, code = as_text(coding, "system"), as_text(coding, "code")
            if system == ABSENT_SYSTEM or (system == SNOMED and code in NOTHING_KNOWN):
                return True
    return False


def read_condition(condition: Resource) -> Listed:
    """Return a Condition as a problem. Raises BrokenFHIR."""
    name = concept(as_dict(condition, "code"))[:LONGEST_SAID] or "—"
    code, system = _coded(as_dict(condition, "code"))
    status = _code_of(as_dict(condition, "clinicalStatus"))
    verification = _code_of(as_dict(condition, "verificationStatus"))
    if verification in VOID:
        status = "entered-in-error"
    onset = _day_of(condition, "onset")
    notes = [as_text(note, "text") for note in as_list(condition, "note")]
    if verification not in ("", "confirmed"):
        notes.insert(0, verification)
    payload = {
        "code": code,
        "system": system,
        "name_zh": name,
        "name_en": name,
        "onset_on": onset,
        "until_on": _day_of(condition, "abatement"),
        "note": "；".join(n for n in notes if n)[:LONGEST_TEXT],
    }
    known = status if status in STATUSES or status == "entered-in-error" else "unknown"
    return Listed("problem", known, instant_of(as_text(condition, "recordedDate")) or _instant(onset), payload)


def read_allergy(allergy: Resource) -> Record:
    """Return an AllergyIntolerance as a record. Raises BrokenFHIR."""
    code = as_dict(allergy, "code")
    reactions = as_list(allergy, "reaction")
    name = concept(code) or next((w for r in reactions if (w := concept(as_dict(r, "substance")))), "") or "—"
    number, system = _coded(code)
    named = [(as_text(c, "system"), as_text(c, "code")) for c in as_list(code, "coding")]
    known = next((SUBSTANCES[one] for one in named if one in SUBSTANCES), "other")
    signs = [concept(sign) for reaction in reactions for sign in as_list(reaction, "manifestation")]
    said = [as_text(reaction, "description") for reaction in reactions]
    verification, clinical = (_code_of(as_dict(allergy, f"{kind}Status")) for kind in ("verification", "clinical"))
    notes = [as_text(note, "text") for note in as_list(allergy, "note")]
    payload = {
        "substance": known,
        "name_zh": name[:LONGEST_SAID],
        "name_en": name[:LONGEST_SAID],
        "note": "；".join(n for n in notes if n)[:LONGEST_TEXT],
        "code": number,
        "system": system,
        "reactions": "；".join(w for w in (*signs, *said) if w)[:LONGEST_TEXT],
        "severity": as_text(allergy, "criticality")[:LONGEST_LABEL],
        "status": clinical[:LONGEST_LABEL],
    }
    at = instant_of(as_text(allergy, "recordedDate")) or _instant(_day_of(allergy, "onset"))
    return Record(Kind.ALLERGY, verification if verification in VOID else clinical or "unknown", at, payload)


def read_immunization(immunization: Resource) -> Listed:
    """Return an Immunization. Raises BrokenFHIR."""
    vaccine = as_dict(immunization, "vaccineCode")
    name = concept(vaccine)[:LONGEST_SAID] or "—"
    code, system = _coded(vaccine)
    dose = next((_dose(one) for one in as_list(immunization, "protocolApplied")), "")
    notes = [
        concept(as_dict(immunization, "statusReason")),
        *(as_text(n, "text") for n in as_list(immunization, "note")),
    ]
    payload = {
        "vaccine": "other",
        "name_zh": name,
        "name_en": name,
        "code": code,
        "system": system,
        "dose": dose[:LONGEST_LABEL],
        "lot": as_text(immunization, "lotNumber")[:LONGEST_LABEL],
        "site": concept(as_dict(immunization, "site"))[:LONGEST_LABEL],
        "place": as_text(as_dict(immunization, "location"), "display")[:LONGEST_LABEL],
        "note": "；".join(n for n in notes if n)[:LONGEST_TEXT],
    }
    status = as_text(immunization, "status")
    if status not in ("completed", "not-done", "entered-in-error"):
        raise BrokenFHIR("status is none that an Immunization has")
    given_at = instant_of(as_text(immunization, "occurrenceDateTime"))
    return Listed("immunization", status, given_at, payload)


def read_statement(statement: Resource, medication: Resource | None) -> Record:
    """Return a MedicationStatement as a prescription of one line that its source states; `medication` is what it refers to."""
    name = (
        concept(as_dict(statement, "medicationCodeableConcept"))
        or (concept(as_dict(medication, "code")) if medication else "")
        or as_text(as_dict(statement, "medicationReference"), "display")
        or "—"
    )
    doses = [dosage(one) for one in as_list(statement, "dosage")]
    line = {
        "name": name[:LONGEST_LABEL],
        "dose": "；".join(d for d in doses if d)[:LONGEST_TEXT],
        "frequency": "",
        "days": None,
    }
    period = as_dict(statement, "effectivePeriod")
    at = (
        instant_of(as_text(statement, "effectiveDateTime"))
        or instant_of(as_text(period, "start"))
        or instant_of(as_text(statement, "dateAsserted"))
    )
    status = status_of(statement)
    ended = instant_of(as_text(period, "end"))
    payload = {"lines": [line], "form": "statement", "until": as_text(period, "end")[:LONGEST_LABEL] if ended else ""}
    return Record(Kind.PRESCRIPTION, status, at, payload)


def document_address(document: Resource) -> str:
    """Return where a DocumentReference's first content lies, empty where it carries its bytes itself. Raises BrokenFHIR."""
    attachment = _attachment(document)
    return "" if "data" in attachment else as_text(attachment, "url")


def read_document(document: Resource, binary: Resource | None) -> Listed:
    """Return a DocumentReference with its bytes; `binary` is the Binary that it refers to, where that was found.

    Raises BrokenFHIR, also where the bytes are elsewhere, or neither a PDF nor a picture.
    """
    attachment = _attachment(document)
    source = attachment if "data" in attachment else binary
    if source is None:
        raise BrokenFHIR("its content is in no file")
    try:
        data = base64.b64decode("".join(as_text(source, "data").split()), validate=True)
    except (binascii.Error, ValueError):
        raise BrokenFHIR("data is not base64") from None
    title = as_text(attachment, "title") or as_text(document, "description") or concept(as_dict(document, "type"))
    try:
        sniffed = attachments.sniff(data)
    except attachments.DocumentTooLarge:
        raise BrokenFHIR("a document larger than a record takes") from None
    except BadInput:
        raise BrokenFHIR("a document that is neither PDF nor PNG nor JPEG") from None
    code = _coded(as_dict(document, "type"))[0]
    kinds = {loinc: kind for kind, (_, _, loinc) in attachments.KINDS.items()}
    status = as_text(document, "status")
    if status not in ("current", "superseded", "entered-in-error"):
        raise BrokenFHIR("status is none that a DocumentReference has")
    payload = {
        "title": (" ".join(title.split()) or "—")[: attachments.LONGEST_TITLE],
        "kind": kinds.get(code, "other"),
        "media_type": sniffed.media_type,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return Listed("document", status, instant_of(as_text(document, "date")), payload, data)


def _attachment(document: Resource) -> Resource:
    contents = as_list(document, "content")
    return as_dict(contents[0], "attachment") if contents else {}


def _coded(value: Resource) -> tuple[str, str]:
    """Return code and system of a concept's first coding that has a code."""
    codings = as_list(value, "coding")
    for coding in codings:
        if code := as_text(coding, "code"):
            return code[:LONGEST_LABEL], as_text(coding, "system")[:LONGEST_LABEL]
    return "", ""


def _code_of(value: Resource) -> str:
    return _coded(value)[0]


def _day_of(resource: Resource, name: str) -> str:
    """Return onset or abatement as it is written, to the day at most: a date, the start of a period, or an age in words."""
    text = as_text(resource, f"{name}DateTime") or as_text(as_dict(resource, f"{name}Period"), "start")
    if text:
        instant_of(text)  # refuses what is no date
        return text[:10]
    return as_text(resource, f"{name}String")[:LONGEST_SAID]


def _instant(text: str) -> datetime | None:
    try:
        return instant_of(text)
    except BrokenFHIR:
        return None


def _dose(protocol: Resource) -> str:
    number = protocol.get("doseNumberPositiveInt", protocol.get("doseNumberString", ""))
    if isinstance(number, bool) or not isinstance(number, int | str):
        raise BrokenFHIR("doseNumber is neither number nor text")
    return str(number)
