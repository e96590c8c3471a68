"""A person's lists as FHIR R4: diagnoses and problems, allergies, immunizations.

Sources: HL7 FHIR R4 9.2 Condition (con-3 to con-5), 9.1 AllergyIntolerance (ait-1, ait-2), 11.6 Immunization (CVX codes).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.domain.allergies import SUBSTANCES
from app.domain.fhir.write import (
    ICD_10,
    TERMINOLOGY,
    About,
    Frame,
    Resource,
    clean,
    coding,
    concept,
    head,
    moment,
    reference,
    shown,
)
from app.domain.problems import STATUSES, VACCINES

CVX = "http://hl7.org/fhir/sid/cvx"
ALLERGY_CATEGORY: Mapping[str, str] = {
    "penicillin": "medication", "cephalosporin": "medication", "sulfonamide": "medication", "macrolide": "medication",
    "nsaid": "medication", "paracetamol": "medication", "contrast": "medication", "peanut": "food", "seafood": "food",
    "egg": "food", "pollen": "environment",
}  # fmt: skip
VOID = ("entered-in-error", "cancelled")


def write_diagnosis(about: About, status: str, payload: Mapping[str, Any]) -> Resource:
    """Return what a visit was diagnosed with. `status` is the record's: void ones are entered in error."""
    is_void = status in VOID
    return _condition(
        about, "" if is_void else "active", is_void, payload, "encounter-diagnosis", "Encounter Diagnosis"
    )


def write_problem(about: About, status: str, payload: Mapping[str, Any]) -> Resource:
    """Return a problem of a person's list: since when, and until when where it counts no more."""
    is_void = status in VOID
    clinical = "" if is_void or status == "unknown" else status
    written = _condition(about, clinical, is_void, payload, "problem-list-item", "Problem List Item")
    until = "" if STATUSES.get(status, True) else str(payload.get("until_on", ""))
    return clean({**written, "onsetDateTime": str(payload.get("onset_on", "")), "abatementDateTime": until})


def write_allergy(frame: Frame, about: About, status: str, payload: Mapping[str, Any]) -> Resource:
    """Return an allergy. A substance of our list has our code and its category; any other its words alone."""
    is_void = status in VOID
    substance, note = str(payload.get("substance", "")), str(payload.get("note", ""))
    chinese, english = str(payload.get("name_zh", "")), str(payload.get("name_en", ""))
    is_named = substance in SUBSTANCES and substance != "other"
    text = note if substance == "other" and note else chinese
    system = f"{TERMINOLOGY}/allergyintolerance"
    category = ALLERGY_CATEGORY.get(substance)
    return clean(
        {
            **head("AllergyIntolerance", about.ref, about.version),
            "clinicalStatus": None if is_void else concept("", coding(f"{system}-clinical", "active")),
            "verificationStatus": concept(
                "", coding(f"{system}-verification", "entered-in-error" if is_void else "confirmed")
            ),
            "category": [category] if category else [],
            "code": concept(text, *([coding(frame.sid("substance"), substance, english)] if is_named else [])),
            "patient": reference("Patient", about.patient),
            "encounter": reference("Encounter", about.encounter) if about.encounter else None,
            "recordedDate": moment(about.recorded_at) if about.recorded_at else None,
            "recorder": shown(about.author),
            "note": [{"text": note}] if note and note != text else [],
        }
    )


def write_immunization(
    frame: Frame, about: About, status: str, given_at: datetime | None, payload: Mapping[str, Any]
) -> Resource:
    """Return a vaccination, or one that was not given; of no known day `occurrence` says so in words, which R4 asks for."""
    vaccine, note = str(payload.get("vaccine", "")), str(payload.get("note", ""))
    chinese, english = str(payload.get("name_zh", "")), str(payload.get("name_en", ""))
    known = VACCINES.get(vaccine)
    codes = [coding(frame.sid("vaccine"), vaccine, english)] if known else []
    codes += [coding(CVX, known[2])] if known and known[2] else []
    text = note if vaccine == "other" and note else chinese
    dose, place = str(payload.get("dose", "")), str(payload.get("place", ""))
    return clean(
        {
            **head("Immunization", about.ref, about.version),
            "status": status,
            "vaccineCode": concept(text, *codes) or concept("—"),
            "patient": reference("Patient", about.patient),
            "encounter": reference("Encounter", about.encounter) if about.encounter else None,
            "occurrenceDateTime": moment(given_at) if given_at else None,
            "occurrenceString": None if given_at else "unknown",
            "recorded": moment(about.recorded_at) if about.recorded_at else None,
            "location": {"display": place} if place else None,
            "lotNumber": str(payload.get("lot", "")),
            "site": concept(str(payload.get("site", ""))),
            "performer": [{"actor": author}] if (author := shown(about.author)) else [],
            "note": [{"text": note}] if note and note != text else [],
            "protocolApplied": [{"doseNumberString": dose}] if dose else [],
        }
    )


def _condition(
    about: About, clinical: str, is_void: bool, payload: Mapping[str, Any], category: str, shown_as: str
) -> Resource:
    note = str(payload.get("note", ""))
    code, chinese, english = (str(payload.get(name, "")) for name in ("code", "name_zh", "name_en"))
    is_icd = len(code) >= 3 and code[0].isalpha() and code[1].isdigit()
    named = [coding(ICD_10 if is_icd else "", code, english if english != chinese else "")] if code else []
    verification = "entered-in-error" if is_void else "confirmed"
    return clean(
        {
            **head("Condition", about.ref, about.version),
            "clinicalStatus": concept("", coding(f"{TERMINOLOGY}/condition-clinical", clinical)) if clinical else None,
            "verificationStatus": concept("", coding(f"{TERMINOLOGY}/condition-ver-status", verification)),
            "category": [concept("", coding(f"{TERMINOLOGY}/condition-category", category, shown_as))],
            "code": concept(chinese, *named),
            "subject": reference("Patient", about.patient),
            "encounter": reference("Encounter", about.encounter) if about.encounter else None,
            "recordedDate": moment(about.recorded_at) if about.recorded_at else None,
            "recorder": shown(about.author),
            "note": [{"text": note}] if note and note != chinese else [],
        }
    )
