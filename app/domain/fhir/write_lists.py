"""A person's lists as FHIR R4: diagnoses and problems, allergies, immunizations.

Sources: HL7 FHIR R4 9.2 Condition (con-3 to con-5), 9.1 AllergyIntolerance (ait-1, ait-2), 11.6 Immunization (CVX codes).
"""

from __future__ import annotations

import re
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
CRITICALITIES = ("low", "high", "unable-to-assess")
ALLERGY_CLINICAL = ("active", "inactive", "resolved")
LIST_ITEM = ("problem-list-item", "Problem List Item")
VISIT_DIAGNOSIS = ("encounter-diagnosis", "Encounter Diagnosis")

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


def write_diagnosis(about: About, status: str, payload: Mapping[str, Any]) -> Resource:
    """Return what a visit was diagnosed with. `status` is the record's: void ones are entered in error."""
    is_void = status in VOID
    note = _unless(payload.get("note"), payload.get("name_zh"))
    verification = "entered-in-error" if is_void else "confirmed"
    return _condition(
        about, "" if is_void else "active", verification, payload, note, VISIT_DIAGNOSIS, about.recorded_at
    )


def write_problem(about: About, status: str, at: datetime | None, payload: Mapping[str, Any]) -> Resource:
    """Return a problem of a person's list: since when, and until when where it counts no more (con-4). `at` is when it was recorded.

    Of one that was loaded the verification stands in its note, where it was more than confirmed.
    """
    note, verification = str(payload.get("note", "")), "" if "system" in payload else "confirmed"
    if status in VOID:
        verification = next(
            (word for word in ("refuted", "entered-in-error") if note.startswith(word)), "entered-in-error"
        )
        note = note.removeprefix(verification).removeprefix("；")
    elif "system" not in payload:
        note = _unless(note, payload.get("name_zh"))
    clinical = "" if status in VOID or status == "unknown" else status
    written = _condition(about, clinical, verification, payload, note, LIST_ITEM, at)
    until = "" if STATUSES.get(status, True) else str(payload.get("until_on", ""))
    return clean({**written, **_when("onset", str(payload.get("onset_on", ""))), **_when("abatement", until)})


def write_allergy(frame: Frame, about: About, status: str, at: datetime | None, payload: Mapping[str, Any]) -> Resource:
    """Return an allergy. A substance of our list has our code and its category; one that was loaded has its source's code."""
    substance, note = str(payload.get("substance", "")), str(payload.get("note", ""))
    chinese, english = str(payload.get("name_zh", "")), str(payload.get("name_en", ""))
    is_loaded = "code" in payload
    text = note if substance == "other" and note and not is_loaded else chinese
    named = _loaded(payload)
    if not is_loaded and substance in SUBSTANCES and substance != "other":
        named = [coding(frame.sid("substance"), substance, english)]
    verification = status if status in ("entered-in-error", "refuted") else "" if is_loaded else "confirmed"
    clinical = str(payload.get("status", "")) if is_loaded else "active"
    if verification == "entered-in-error" or clinical not in ALLERGY_CLINICAL:
        clinical = ""  # ait-2
    system, severity = f"{TERMINOLOGY}/allergyintolerance", str(payload.get("severity", ""))
    reactions = str(payload.get("reactions", ""))
    category = ALLERGY_CATEGORY.get(substance)
    recorded_at = at or about.recorded_at
    return clean(
        {
            **head("AllergyIntolerance", about.ref, about.version),
            "clinicalStatus": concept("", coding(f"{system}-clinical", clinical)) if clinical else None,
            "verificationStatus": concept("", coding(f"{system}-verification", verification)) if verification else None,
            "category": [category] if category else [],
            "criticality": severity if severity in CRITICALITIES else None,
            "code": concept(text, *named),
            "patient": reference("Patient", about.patient),
            "encounter": reference("Encounter", about.encounter) if about.encounter else None,
            "recordedDate": moment(recorded_at) if recorded_at else None,
            "recorder": shown(about.author),
            "note": [{"text": note}] if note and note != text else [],
            "reaction": [{"manifestation": [concept(reactions)]}] if reactions else [],
        }
    )


def write_immunization(
    frame: Frame, about: About, status: str, given_at: datetime | None, payload: Mapping[str, Any]
) -> Resource:
    """Return a vaccination, or one that was not given; of no known day `occurrence` says so in words, which R4 asks for."""
    vaccine, note = str(payload.get("vaccine", "")), str(payload.get("note", ""))
    chinese, english = str(payload.get("name_zh", "")), str(payload.get("name_en", ""))
    known = VACCINES.get(vaccine)
    is_loaded = "code" in payload
    codes = [coding(frame.sid("vaccine"), vaccine, english)] if known and not is_loaded else _loaded(payload)
    codes += [coding(CVX, known[2])] if known and known[2] else []
    text = note if vaccine == "other" and note and not is_loaded else chinese
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
    about: About,
    clinical: str,
    verification: str,
    payload: Mapping[str, Any],
    note: str,
    category: tuple[str, str],
    at: datetime | None,
) -> Resource:
    code, chinese, english = (str(payload.get(name, "")) for name in ("code", "name_zh", "name_en"))
    named = _loaded(payload)
    if code and "system" not in payload:
        named = [coding(ICD_10, code, _unless(english, chinese))]
    return clean(
        {
            **head("Condition", about.ref, about.version),
            "clinicalStatus": concept("", coding(f"{TERMINOLOGY}/condition-clinical", clinical)) if clinical else None,
            "verificationStatus": (
                concept("", coding(f"{TERMINOLOGY}/condition-ver-status", verification)) if verification else None
            ),
            "category": [concept("", coding(f"{TERMINOLOGY}/condition-category", *category))],
            "code": concept(chinese, *named),
            "subject": reference("Patient", about.patient),
            "encounter": reference("Encounter", about.encounter) if about.encounter else None,
            "recordedDate": moment(at) if at else None,
            "recorder": shown(about.author),
            "note": [{"text": note}] if note else [],
        }
    )


def _loaded(payload: Mapping[str, Any]) -> list[Resource]:
    """Return the coding that a loaded resource brought, none where it had no code."""
    code = str(payload.get("code", "")) if "system" in payload else ""
    return [coding(str(payload.get("system", "")), code)] if code else []


def _when(name: str, text: str) -> Resource:
    """Return onset or abatement: a date of whatever precision, else the words that its source had."""
    return {f"{name}DateTime" if _DATE.fullmatch(text) else f"{name}String": text} if text else {}


def _unless(text: Any, other: Any) -> str:
    return "" if text == other else str(text or "")
