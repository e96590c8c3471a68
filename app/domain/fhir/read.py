"""What a FHIR R4 resource says, in the hospital's own words: a person, a visit, or the payload of a clinical record.

Readers take a parsed resource and return plain values; what they do not need they do not look at. A field of another type
than R4 gives it (a text where a list must be) is BrokenFHIR, with the field's name and never its value.

Sources: HL7 FHIR R4 8.1 Patient, 8.11 Encounter, 10.1 Observation, 10.3 DiagnosticReport, 11.1 MedicationRequest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from app.domain import lab
from app.domain.calendar import instant
from app.domain.clinical import LONGEST_TEXT, Kind
from app.domain.documents import ResidentID, Sex, parse_resident_id
from app.domain.errors import BadInput
from app.domain.fhir.parse import BrokenFHIR, Resource
from app.domain.names import LONGEST_NAME, clean_name
from app.domain.phones import parse_phone

LONGEST_LABEL = 300
PLAIN_EXPONENT = 20  # numbers further from 1 than ten to this are written as their source writes them
FLAGS = {"L": "L", "LL": "LL", "LU": "LL", "N": "N", "H": "H", "HH": "HH", "HU": "HH"}  # v3 ObservationInterpretation

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PART_OF_DAY = re.compile(r"\d{4}(-\d{2})?")
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_LOOKS_LIKE_RESIDENT_ID = re.compile(r"[1-8]\d{13,17}[\dXx]")
_PLAIN_MOBILE = re.compile(r"1[3-9]\d[\s-]?\d{4}[\s-]?\d{4}")


@dataclass(frozen=True)
class Person:
    """A Patient. `document` is a resident ID that holds and agrees with the rest; `has_unusable_id` tells of one that
    looks like it and does not, so that the person is kept unverified."""

    name: str
    sex: Sex
    birth_on: date | None
    phone: str | None
    document: ResidentID | None
    has_unusable_id: bool


@dataclass(frozen=True)
class Encounter:
    """A visit somewhere. `state`: "finished", or "other" for whatever else its source says."""

    state: str
    started_at: datetime | None
    finished_at: datetime | None
    payload: dict[str, Any]


@dataclass(frozen=True)
class Record:
    """One clinical record: its payload has the form of its kind in `app.domain.clinical`."""

    kind: Kind
    status: str
    effective_at: datetime | None
    payload: dict[str, Any] = field(repr=False)


def read_person(patient: Resource, today_on: date) -> Person:
    """Return a Patient as a person; `today_on` is the hospital's day. Raises BrokenFHIR."""
    birth_text = as_text(patient, "birthDate")
    birth_on = _day(birth_text) if _DAY.fullmatch(birth_text) else None
    gender = as_text(patient, "gender")
    sex = Sex(gender) if gender in set(Sex) else Sex.UNKNOWN
    document, has_unusable_id = None, False
    for identifier in as_list(patient, "identifier"):
        number = as_text(identifier, "value").strip()
        if not _LOOKS_LIKE_RESIDENT_ID.fullmatch(number):
            continue
        try:
            document = document or parse_resident_id(number, today_on, birth_on=birth_on, sex=sex)
        except BadInput:
            has_unusable_id = True
    return Person(_name(patient), sex, birth_on, _phone(patient), document, has_unusable_id and document is None)


def read_encounter(encounter: Resource) -> Encounter:
    """Return an Encounter as a visit. Raises BrokenFHIR."""
    period = as_dict(encounter, "period")
    kind = as_dict(encounter, "class")
    provider = as_dict(encounter, "serviceProvider")
    reasons = [concept(reason) for reason in as_list(encounter, "reasonCode")]
    place = concept(as_dict(encounter, "serviceType")) or as_text(provider, "display")
    status = as_text(encounter, "status")
    payload = {
        "place": place[:LONGEST_LABEL],
        "reason": "；".join(r for r in reasons if r)[:LONGEST_TEXT],
        "class": (as_text(kind, "display") or as_text(kind, "code"))[:LONGEST_LABEL],
        "status": status[:LONGEST_LABEL],
    }
    state = "finished" if status == "finished" else "other"
    return Encounter(state, instant_of(as_text(period, "start")), instant_of(as_text(period, "end")), payload)


def read_observation(observation: Resource) -> Record:
    """Return an Observation with its components as parts. Raises BrokenFHIR."""
    payload = _measured(observation)
    parts = [_measured(component) for component in as_list(observation, "component")]
    if parts:
        payload["parts"] = parts
    if parts and not payload["value"] and "remark" in payload:
        parts[-1].setdefault("remark", payload["remark"])  # what is said of all stands below the last
    if not payload["value"] and not parts:
        payload["value"] = concept(as_dict(observation, "dataAbsentReason")) or "—"
    effective_at = instant_of(as_text(observation, "effectiveDateTime")) or instant_of(
        as_text(observation, "effectiveInstant")
    )
    if effective_at is None:
        period = as_dict(observation, "effectivePeriod")
        effective_at = instant_of(as_text(period, "start")) or instant_of(as_text(period, "end"))
    return Record(Kind.OBSERVATION, status_of(observation), effective_at, payload)


def read_report(report: Resource) -> Record:
    """Return a DiagnosticReport; which observations are its own, its references say. Raises BrokenFHIR."""
    title = concept(as_dict(report, "code"))[:LONGEST_LABEL]
    codes = [concept(code) for code in as_list(report, "conclusionCode")]
    conclusion = "\n".join(text for text in (as_text(report, "conclusion"), *codes) if text)[:LONGEST_TEXT]
    period = as_dict(report, "effectivePeriod")
    effective_at = (
        instant_of(as_text(report, "effectiveDateTime"))
        or instant_of(as_text(period, "start"))
        or instant_of(as_text(report, "issued"))
    )
    payload = {"title_zh": title, "title_en": title, "conclusion": conclusion}
    return Record(Kind.REPORT, status_of(report), effective_at, payload)


def read_prescription(request: Resource, medication: Resource | None) -> Record:
    """Return a MedicationRequest as a prescription of one line; `medication` is what it refers to, where that was found.

    Raises BrokenFHIR.
    """
    reference = as_dict(request, "medicationReference")
    name = (
        concept(as_dict(request, "medicationCodeableConcept"))
        or (concept(as_dict(medication, "code")) if medication else "")
        or as_text(reference, "display")
        or "—"
    )
    doses = [dosage(one) for one in as_list(request, "dosageInstruction")]
    duration = as_dict(as_dict(request, "dispenseRequest"), "expectedSupplyDuration")
    days = _number(duration, "value") if as_text(duration, "code") == "d" else None
    is_whole = days is not None and days == days.to_integral_value() and 0 < days < 10000
    line = {
        "name": name[:LONGEST_LABEL],
        "dose": "；".join(d for d in doses if d)[:LONGEST_TEXT],
        "frequency": "",
        "days": int(days) if days is not None and is_whole else None,
    }
    return Record(Kind.PRESCRIPTION, status_of(request), instant_of(as_text(request, "authoredOn")), {"lines": [line]})


def references(resource: Resource, name: str) -> list[str]:
    """Return the literal references of a field, one or many: `subject`, `encounter`, `result`. Raises BrokenFHIR."""
    value = resource.get(name, [])
    targets = value if isinstance(value, list) else [value]
    if not all(isinstance(target, dict) for target in targets):
        raise BrokenFHIR(f"{name} is not a Reference")
    return [reference for target in targets if (reference := as_text(target, "reference"))]


def concept(value: Resource) -> str:
    """Return a CodeableConcept in words: its text, else a coding's display, else a code."""
    codings = as_list(value, "coding")
    words = [as_text(value, "text"), *(as_text(c, "display") for c in codings), *(as_text(c, "code") for c in codings)]
    return next((" ".join(word.split()) for word in words if word.strip()), "")


def instant_of(text: str) -> datetime | None:
    """Return a date or dateTime as an instant; a day begins at the hospital's midnight, and less than a day is none.

    Raises BrokenFHIR for what is no date.
    """
    if not text or _PART_OF_DAY.fullmatch(text):
        return None
    try:
        if _DAY.fullmatch(text):
            return instant(date.fromisoformat(text), time(0))
        if _DATE_TIME.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BrokenFHIR("a date that is none")


def _measured(source: Resource) -> dict[str, Any]:
    """Return an Observation, or a component of one, as the payload of a measurement."""
    code = as_dict(source, "code")
    codings = as_list(code, "coding")
    loinc = [c for c in codings if as_text(c, "system") == "http://loinc.org"]
    name = concept(code)[:LONGEST_LABEL]
    value, unit, number = _value(source)
    low = high = None
    range_text = ""
    for reference_range in as_list(source, "referenceRange")[:1]:
        low, high = _plain(as_dict(reference_range, "low")), _plain(as_dict(reference_range, "high"))
        range_text = as_text(reference_range, "text")[:LONGEST_LABEL]
    if low is not None and high is not None and low > high:
        raise BrokenFHIR("a reference range that ends below its beginning")
    said = [as_text(c, "code") for i in as_list(source, "interpretation") for c in as_list(i, "coding")]
    flag = next((FLAGS[word] for word in said if word in FLAGS), None)
    if flag is None and number is not None and (low is not None or high is not None):
        flag = lab.flag(number, low, high).value
    payload: dict[str, Any] = {
        "code": next((as_text(c, "code") for c in (*loinc, *codings)), "")[:LONGEST_LABEL],
        "name_zh": name,
        "name_en": name,
        "value": value[:LONGEST_TEXT],
        "unit": unit[:LONGEST_LABEL],
        "low": None if low is None else f"{low:f}",
        "high": None if high is None else f"{high:f}",
        "flag": flag,
    }
    if range_text:
        payload["range_text"] = range_text
    remarks = [concept(i) for i in as_list(source, "interpretation")] if flag is None else []
    remarks += [as_text(note, "text") for note in as_list(source, "note")]
    if any(remarks):
        payload["remark"] = "；".join(r for r in remarks if r)[:LONGEST_TEXT]
    return payload


def _value(source: Resource) -> tuple[str, str, Decimal | None]:
    """Return (value as it was written, unit, the number where it is exactly one) of whichever value[x] there is."""
    quantity = as_dict(source, "valueQuantity")
    if quantity:
        number = _number(quantity, "value")
        comparator = as_text(quantity, "comparator")
        unit = as_text(quantity, "unit") or as_text(quantity, "code")
        return ("" if number is None else f"{comparator}{_written(number)}"), unit, None if comparator else number
    if "valueCodeableConcept" in source:
        return concept(as_dict(source, "valueCodeableConcept")), "", None
    for name in ("valueString", "valueDateTime", "valueTime"):
        if name in source:
            return as_text(source, name), "", None
    if "valueInteger" in source:
        number = _number(source, "valueInteger")
        return ("" if number is None else _written(number)), "", number
    if "valueBoolean" in source:
        return ("✓" if source["valueBoolean"] is True else "✗"), "", None
    if "valueRange" in source:
        low, high = (as_dict(as_dict(source, "valueRange"), end) for end in ("low", "high"))
        return f"{_quantity(low)}–{_quantity(high)}", "", None
    if "valueRatio" in source:
        top, bottom = (as_dict(as_dict(source, "valueRatio"), end) for end in ("numerator", "denominator"))
        return f"{_quantity(top)} : {_quantity(bottom)}", "", None
    if "valuePeriod" in source:
        period = as_dict(source, "valuePeriod")
        return f"{as_text(period, 'start')} – {as_text(period, 'end')}", "", None
    return ("∿" if "valueSampledData" in source else ""), "", None


def _quantity(quantity: Resource) -> str:
    number = _number(quantity, "value")
    unit = as_text(quantity, "unit") or as_text(quantity, "code")
    return " ".join(part for part in ("" if number is None else _written(number), unit) if part)


def dosage(source: Resource) -> str:
    """Return a dosage in words: its own text, else dose and timing as far as they are words."""
    text = as_text(source, "text") or as_text(source, "patientInstruction")
    if text:
        return text
    doses = [_quantity(as_dict(rate, "doseQuantity")) for rate in as_list(source, "doseAndRate")]
    words = [*doses, concept(as_dict(as_dict(source, "timing"), "code")), concept(as_dict(source, "route"))]
    return "，".join(word for word in words if word)


def _name(patient: Resource) -> str:
    """Return the name to be called by: the official one, else the usual, else the first; empty where there is none."""
    names = sorted(
        (n for n in as_list(patient, "name") if as_text(n, "use") not in ("old", "maiden")),
        key=lambda n: {"official": 0, "usual": 1}.get(as_text(n, "use"), 2),
    )
    for name in names:
        family, given = as_text(name, "family"), " ".join(_texts(name, "given"))
        is_latin = (family + given).isascii()
        whole = as_text(name, "text") or (f"{given} {family}" if is_latin else family + given.replace(" ", "")).strip()
        if whole.strip():
            return _tidy_name(whole)
    return ""


def _tidy_name(name: str) -> str:
    try:
        return clean_name(name[:LONGEST_NAME])
    except BadInput:  # what no document prints, a source may have: digits, brackets
        return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:LONGEST_NAME]


def _phone(patient: Resource) -> str | None:
    """Return a number that a code can be sent to, in E.164. One without a country counts only if it is plainly a mainland
    mobile: a code sent to somebody else would open this record to them."""
    for contact in as_list(patient, "telecom"):
        number = as_text(contact, "value").strip()
        if as_text(contact, "system") != "phone" or as_text(contact, "use") == "old":
            continue
        if number.startswith(("+", "00")) or _PLAIN_MOBILE.fullmatch(number):
            try:
                return parse_phone(number)
            except BadInput:
                continue
    return None


def status_of(resource: Resource) -> str:
    return as_text(resource, "status")[:LONGEST_LABEL] or "unknown"


def _written(number: Decimal) -> str:
    return f"{number:f}" if abs(number.adjusted()) <= PLAIN_EXPONENT else str(number)


def _plain(quantity: Resource) -> Decimal | None:
    """Return a limit of a range, None where there is none that can be drawn."""
    number = _number(quantity, "value")
    return number if number is not None and abs(number.adjusted()) <= PLAIN_EXPONENT else None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BrokenFHIR("a date that is none") from None


def as_text(source: Resource, name: str) -> str:
    value = source.get(name, "")
    if not isinstance(value, str):
        raise BrokenFHIR(f"{name} is not a text")
    return value


def _texts(source: Resource, name: str) -> list[str]:
    values = source.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str | None) for value in values):
        raise BrokenFHIR(f"{name} is not a list of texts")
    return [value for value in values if value]


def as_dict(source: Resource, name: str) -> Resource:
    value = source.get(name, {})
    if not isinstance(value, dict):
        raise BrokenFHIR(f"{name} is not an object")
    return value


def as_list(source: Resource, name: str) -> list[Resource]:
    if name not in source:  # as most fields are most of the time
        return []
    values = source[name]
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise BrokenFHIR(f"{name} is not a list of objects")
    return values


def _number(source: Resource, name: str) -> Decimal | None:
    value = source.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BrokenFHIR(f"{name} is not a number")
    return Decimal(value)
