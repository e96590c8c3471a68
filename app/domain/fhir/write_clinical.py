"""What was written about a person, as FHIR R4: measurements, reports, prescriptions.

What `read` makes of the answer is what it made of the source: `read(write(read(x)))` equals `read(x)` for every resource that
can be imported. docs/fhir.md lists what an import does not keep.

Sources: HL7 FHIR R4 10.1 Observation, 10.3 DiagnosticReport, 11.1 MedicationRequest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.domain import orders, prescribing
from app.domain.fhir.parse import LONGEST_NUMBER
from app.domain.fhir.write import (
    LOINC,
    TERMINOLOGY,
    UCUM,
    About,
    Frame,
    Resource,
    clean,
    coding,
    concept,
    fhir_id,
    head,
    instant_text,
    moment,
    reference,
    shown,
)

OBSERVATION_STATUSES = frozenset(
    {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"}
)
REPORT_STATUSES = OBSERVATION_STATUSES | {"partial", "appended"}
STATEMENT_STATUSES = frozenset(
    {"active", "completed", "entered-in-error", "intended", "stopped", "on-hold", "unknown", "not-taken"}
)
REQUEST_STATUSES = frozenset(
    {"active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"}
)
# Nothing prescribed here may be taken by before a pharmacist accepted it: until then it is a draft to the outside.
PRESCRIPTION_STATUS: Mapping[str, str] = {
    prescribing.Status.SIGNED: "draft",
    prescribing.Status.RETURNED: "on-hold",
    prescribing.Status.ACTIVE: "active",
    prescribing.Status.DISPENSED: "completed",
}
INTERPRETATIONS: Mapping[str, str] = {
    "LL": "Critical low", "L": "Low", "N": "Normal", "H": "High", "HH": "Critical high", "A": "Abnormal",
}  # fmt: skip
# The vital signs of the R4 profile (LOINC), which belong to that category whoever measured them.
VITAL_SIGNS = frozenset(
    {
        "85353-1", "9279-1", "8867-4", "2708-6", "59408-5", "8310-5", "8302-2", "9843-4", "29463-7", "39156-5", "85354-9",
        "8480-6", "8462-4", "3141-9",
    }
)  # fmt: skip
UNITS: Mapping[str, str] = {
    "mmHg": "mm[Hg]", "mm[Hg]": "mm[Hg]", "mmol/L": "mmol/L", "umol/L": "umol/L", "g/L": "g/L", "g/dL": "g/dL", "mg/dL": "mg/dL",
    "10*9/L": "10*9/L", "10*12/L": "10*12/L", "U/L": "U/L", "%": "%", "kg": "kg", "g": "g", "cm": "cm", "m": "m", "kg/m2": "kg/m2",
    "/min": "/min", "Cel": "Cel", "mL": "mL", "L": "L", "mg": "mg",
}  # fmt: skip
_LOINC_CODE = re.compile(r"\d{1,7}-\d")
_QUANTITY = re.compile(r"(<=|>=|<|>)?(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")


def write_observation(
    about: About, status: str, at: datetime | None, payload: Mapping[str, Any], *, is_of_report: bool
) -> Resource:
    """Return a measurement. What belongs to a report was measured in a laboratory; vital signs say so by their code."""
    measured = _measured(payload)
    parts = [dict(part) for part in payload.get("parts", ())]
    remark = str(payload.get("remark", ""))
    if parts and remark and parts[-1].get("remark") == remark:
        del parts[-1]["remark"]  # what is said of the whole, and was put below the last when it was read
    codes = {str(one.get("code", "")) for one in (payload, *parts)}
    return clean(
        {
            **head("Observation", about.ref, about.version),
            "status": status if status in OBSERVATION_STATUSES else "unknown",
            "category": _category(codes, is_of_report),
            "code": measured.pop("code"),
            "subject": reference("Patient", about.patient),
            "encounter": reference("Encounter", about.encounter) if about.encounter else None,
            "effectiveDateTime": moment(at) if at else None,
            "performer": [author] if (author := shown(about.author)) else [],
            **measured,
            "note": [{"text": remark}] if remark else [],
            "component": [_component(part) for part in parts],
        }
    )


def write_report(
    about: About, status: str, at: datetime | None, payload: Mapping[str, Any], results: Sequence[str]
) -> Resource:
    """Return a report; `results` are the references of its observations that the reader may have, in its order."""
    author = shown(about.author)
    is_of_lab = bool(author)
    category = coding(f"{TERMINOLOGY}/v2-0074", "LAB", "Laboratory")
    return clean(
        {
            **head("DiagnosticReport", about.ref, about.version),
            "status": status if status in REPORT_STATUSES else "unknown",
            "category": [concept("", category)] if is_of_lab or results else [],
            "code": _titled(str(payload.get("title_zh", "")), str(payload.get("title_en", ""))),
            "subject": reference("Patient", about.patient),
            "encounter": reference("Encounter", about.encounter) if about.encounter else None,
            "effectiveDateTime": moment(at) if at else None,
            "issued": instant_text(about.recorded_at) if about.recorded_at else None,
            "performer": [author] if author else [],
            "result": [reference("Observation", ref) for ref in results],
            "conclusion": str(payload.get("conclusion", "")),
        }
    )


def write_prescription(
    frame: Frame, about: About, status: str, at: datetime | None, payload: Mapping[str, Any]
) -> list[Resource]:
    """Return a prescription as one request for each line, held together by the prescription's number."""
    if payload.get("form") == "statement":
        return []
    status = PRESCRIPTION_STATUS.get(status, status)
    author = shown(about.author)
    found = []
    for number, line in enumerate(payload.get("lines", ()), start=1):
        days, frequency = line.get("days"), str(line.get("frequency", ""))
        said = "，".join(part for part in (str(line.get("dose", "")), frequency) if part)
        duration = {"value": days, "unit": "d", "system": UCUM, "code": "d"} if days else None
        resource = {
            **head("MedicationRequest", about.ref, about.version),
            "id": line_id(about.ref, number),
            "status": status if status in REQUEST_STATUSES else "unknown",
            "intent": "order",
            "medicationCodeableConcept": concept(str(line.get("name", ""))),
            "subject": reference("Patient", about.patient),
            "encounter": reference("Encounter", about.encounter) if about.encounter else None,
            "authoredOn": moment(at) if at else None,
            "requester": author,
            "groupIdentifier": {"system": frame.sid("prescription"), "value": about.ref},
            "dosageInstruction": [{"text": said}] if said else [],
            "dispenseRequest": {"expectedSupplyDuration": duration} if duration else None,
        }
        found.append(clean(resource))
    return found


def write_statement(about: About, status: str, at: datetime | None, payload: Mapping[str, Any]) -> list[Resource]:
    """Return what another house stated to be taken, one for each line; nothing for what was prescribed."""
    if payload.get("form") != "statement":
        return []
    until, found = str(payload.get("until", "")), []
    for number, line in enumerate(payload.get("lines", ()), start=1):
        said = str(line.get("dose", ""))
        period = clean({"start": moment(at) if at else None, "end": until}) if until else None
        resource = {
            **head("MedicationStatement", about.ref, about.version),
            "id": line_id(about.ref, number),
            "status": status if status in STATEMENT_STATUSES else "unknown",
            "medicationCodeableConcept": concept(str(line.get("name", ""))),
            "subject": reference("Patient", about.patient),
            "context": reference("Encounter", about.encounter) if about.encounter else None,
            "effectiveDateTime": moment(at) if at and not until else None,
            "effectivePeriod": period,
            "dosage": [{"text": said}] if said else [],
        }
        found.append(clean(resource))
    return found


def line_id(ref: str, number: int) -> str:
    """Return the id of a prescription's line: its reference, and the line's number after a full stop."""
    return f"{fhir_id(ref)}.{number}"


def _category(codes: set[str], is_of_report: bool) -> list[Resource]:
    if codes & VITAL_SIGNS:
        found = ("vital-signs", "Vital Signs")
    elif is_of_report or codes & set(orders.ANALYTES):
        found = ("laboratory", "Laboratory")
    else:
        return []
    return [concept("", coding(f"{TERMINOLOGY}/observation-category", *found))]


def _titled(chinese: str, english: str) -> Resource:
    return concept(chinese, *([{"display": english}] if english and english != chinese else [])) or concept("—")


def _component(part: Mapping[str, Any]) -> Resource:
    """Return a part of a measurement; a component has no notes, so what was remarked stands as its interpretation."""
    written = _measured(part)
    if part.get("remark") and "interpretation" not in written:
        written["interpretation"] = [concept(str(part["remark"]))]
    return written


def _measured(payload: Mapping[str, Any]) -> Resource:
    """Return code, value, interpretation and range, as an Observation and its components share them."""
    code, chinese, english = (str(payload.get(name, "")) for name in ("code", "name_zh", "name_en"))
    unit, flag = str(payload.get("unit", "")), payload.get("flag")
    named = coding(LOINC if _LOINC_CODE.fullmatch(code) else "", code, english if english != chinese else "")
    low, high, text = payload.get("low"), payload.get("high"), str(payload.get("range_text", ""))
    limits = {"low": _limit(low, unit), "high": _limit(high, unit), "text": text}
    interpretation = coding(
        f"{TERMINOLOGY}/v3-ObservationInterpretation", str(flag), INTERPRETATIONS.get(str(flag), "")
    )
    return clean(
        {
            "code": concept(chinese, *([named] if code or named else [])) or concept("—"),
            **_value(payload, unit, is_unjudged=flag is None and not (low is None and high is None)),
            "interpretation": [concept("", interpretation)] if flag else [],
            "referenceRange": [clean(limits)] if clean(limits) else [],
        }
    )


def _value(payload: Mapping[str, Any], unit: str, *, is_unjudged: bool) -> Resource:
    """Return value[x]. A number that nobody judged beside a range stays a text: whoever reads it must not judge it instead."""
    value, english = str(payload.get("value", "")), str(payload.get("value_en", ""))
    if not value:
        return {}
    if value == "—":
        absent = coding(f"{TERMINOLOGY}/data-absent-reason", "unknown")
        return {"dataAbsentReason": concept(value, absent)}
    found = _QUANTITY.fullmatch(value)
    is_number = found is not None and len(found[2]) <= LONGEST_NUMBER and _plain(Decimal(found[2])) == found[2]
    if found and is_number and (found[1] or not is_unjudged):
        return {"valueQuantity": clean({"value": Decimal(found[2]), "comparator": found[1] or "", **_unit(unit)})}
    if english and english != value:
        return {"valueCodeableConcept": concept(value, {"display": english})}
    return {"valueString": value}


def _plain(number: Decimal) -> str:
    """Return a number as `read` writes it down."""
    return f"{number:f}" if abs(number.adjusted()) <= 20 else str(number)


def _limit(limit: Any, unit: str) -> Resource | None:
    return None if limit is None else {"value": Decimal(str(limit)), **_unit(unit)}


def _unit(unit: str) -> Resource:
    code = UNITS.get(unit)
    return clean({"unit": unit, "system": UCUM if code else "", "code": code or ""})
