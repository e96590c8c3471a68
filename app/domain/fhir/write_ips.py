"""A patient summary as one FHIR document: the International Patient Summary's Bundle, Composition, sections and narratives.

Pure: resources as this house writes them come in, a document that stands alone goes out. Nothing in it leads back into the house:
ids are UUIDs made for this document, visits and the hospital's own number stay out, whoever wrote is named and no more.

Sources: HL7 International Patient Summary 2.0.0 (hl7.fhir.uv.ips; its "Absent and Unknown Data" for empty sections), HL7 FHIR R4
3.3 Documents, 2.4 Narrative, the extension data-absent-reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from app.domain.fhir.read import as_dict, as_list, as_text, concept
from app.domain.fhir.write import LOINC, TERMINOLOGY, Name, Resource, clean, coding, instant_text, moment
from app.domain.fhir.write import concept as write_concept

PROFILES = "http://hl7.org/fhir/uv/ips/StructureDefinition"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
URI = "urn:ietf:rfc:3986"
HOUSE = Name("明诊", "Mingzhen")
# Why a section that every summary has is empty: the person did not choose it, or nothing is recorded here. Neither says
# that there is nothing: nobody of this house looked for that.
WITHHELD = ("withheld", "Information Withheld", "本人没有选择提供 · Not shared by the patient")
UNAVAILABLE = ("unavailable", "Unavailable", "本院没有记录 · No information available")

_PROFILED = {
    "Patient": "Patient-uv-ips",
    "Organization": "Organization-uv-ips",
    "Practitioner": "Practitioner-uv-ips",
    "Condition": "Condition-uv-ips",
    "AllergyIntolerance": "AllergyIntolerance-uv-ips",
    "MedicationStatement": "MedicationStatement-uv-ips",
    "Medication": "Medication-uv-ips",
    "Immunization": "Immunization-uv-ips",
    "DiagnosticReport": "DiagnosticReport-uv-ips",
}
_LABORATORY = "Observation-results-laboratory-pathology-uv-ips"
_OF_THE_HOUSE = ("id", "meta", "encounter", "context", "groupIdentifier", "identifier")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production 2
_WHO = ("performer", "recorder", "informationSource", "actor")


@dataclass(frozen=True)
class Section:
    """A section: its LOINC code, what it is called, its resources; `is_chosen` says whether the person wanted it in.
    `columns` are the heads of its table."""

    code: str
    display: str
    title: Name
    columns: tuple[Name, ...]
    resources: Sequence[Resource] = field(default=(), repr=False)
    is_chosen: bool = True
    is_required: bool = False


_WHAT, _WHEN = Name("项目", "What"), Name("日期", "Date")
PROBLEMS = Section(
    "11450-4", "Problem list - Reported", Name("目前的问题", "Problems"), (_WHAT, Name("从何时起", "Since"), Name("说明", "Note")),
    is_required=True,
)  # fmt: skip
PAST_PROBLEMS = Section(
    "11348-0", "History of Past illness note", Name("以前的问题", "Past problems"),
    (_WHAT, Name("从何时起", "Since"), Name("说明", "Note")),
)  # fmt: skip
ALLERGIES = Section(
    "48765-2", "Allergies and adverse reactions Document", Name("过敏", "Allergies and intolerances"),
    (_WHAT, Name("反应", "Reaction"), Name("严重程度", "Criticality")), is_required=True,
)  # fmt: skip
MEDICATIONS = Section(
    "10160-0", "History of Medication use Narrative", Name("正在用的药", "Medications"),
    (_WHAT, Name("用法", "Dose"), Name("起止", "From – until")), is_required=True,
)  # fmt: skip
IMMUNIZATIONS = Section(
    "11369-6", "History of Immunization note", Name("预防接种", "Immunizations"), (_WHAT, _WHEN, Name("剂次", "Dose")),
)  # fmt: skip
RESULTS = Section(
    "30954-2", "Relevant diagnostic tests/laboratory data note", Name("检查检验结果", "Results"),
    (_WHAT, Name("结果", "Result"), Name("参考范围", "Reference range"), _WHEN),
)  # fmt: skip
VITAL_SIGNS = Section(
    "8716-3", "Vital signs note", Name("生命体征", "Vital signs"),
    (_WHAT, Name("结果", "Result"), Name("参考范围", "Reference range"), _WHEN),
)  # fmt: skip


def as_taken(request: Resource, *, is_handed_out: bool, until_at: datetime | None) -> Resource:
    """Return a line of a prescription as what the person takes until then: what was not handed out yet is intended."""
    start = as_text(request, "authoredOn")
    end = moment(until_at) if until_at else ""
    return clean(
        {
            "resourceType": "MedicationStatement",
            "id": request["id"],
            "status": "active" if is_handed_out else "intended",
            "medicationCodeableConcept": request.get("medicationCodeableConcept", write_concept("—")),
            "subject": request["subject"],
            "effectiveDateTime": "" if end else start,
            "effectivePeriod": clean({"start": start, "end": end}) if end else None,
            "informationSource": request.get("requester"),
            "dosage": request.get("dosageInstruction"),
        }
    )


def is_vital_sign(observation: Resource) -> bool:
    return "vital-signs" in _categories(observation)


def write_summary(document: str, patient: Resource, sections: Sequence[Section], at: datetime) -> Resource:
    """Return the document. `document` is a text of this share alone: the same one gives the same ids, another one others.

    Required sections stand in it even when empty, with the reason; others only where they were chosen.
    """
    book = _Book(document)
    subject = book.url_of(f"Patient/{patient['id']}")
    shown = [one for one in sections if one.is_required or one.is_chosen]
    chosen = [resource for one in shown if one.is_chosen for resource in one.resources]
    known = {f"{one['resourceType']}/{one['id']}" for one in (patient, *chosen)}
    book.known = {local: book.url_of(local) for local in known}
    organization = book.add(
        {"resourceType": "Organization", "name": f"{HOUSE.zh} {HOUSE.en}", "active": True}, "Organization/house"
    )
    placed = {id(one): book.add(_settled(one), f"{one['resourceType']}/{one['id']}") for one in (patient, *chosen)}
    composition = clean(
        {
            "resourceType": "Composition",
            "meta": {"profile": [f"{PROFILES}/Composition-uv-ips"]},
            "language": "zh-CN",
            "text": _narrative([f"<p>{_text('患者摘要 · Patient summary')}，{_text(moment(at)[:10])}</p>"]),
            "identifier": {"system": URI, "value": book.url_of(f"Composition/{instant_text(at)}")},
            "status": "final",
            "type": write_concept("", coding(LOINC, "60591-5", "Patient summary Document")),
            "subject": {"reference": subject},
            "date": moment(at),
            "author": [{"reference": organization}],
            "title": "患者摘要 International Patient Summary",
            "confidentiality": "N",
            "custodian": {"reference": organization},
            "event": [
                {
                    "code": [write_concept("", coding(f"{TERMINOLOGY}/v3-ActClass", "PCPR"))],
                    "period": {"end": moment(at)},
                }
            ],
            "section": [_section(one, [placed[id(each)] for each in one.resources if one.is_chosen]) for one in shown],
        }
    )
    its_url = book.url_of("Composition/summary")
    people = [url for url in (subject, organization) if url in book.entries]
    order = [*people, *(url for url in book.entries if url not in people)]
    entries = {its_url: {**composition, "id": _uuid(its_url)}} | {url: book.entries[url] for url in order}
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [f"{PROFILES}/Bundle-uv-ips"]},
        "language": "zh-CN",
        "identifier": {"system": URI, "value": book.url_of(f"Bundle/{instant_text(at)}")},
        "type": "document",
        "timestamp": instant_text(at),
        "entry": [{"fullUrl": url, "resource": resource} for url, resource in entries.items()],
    }


class _Book:
    """The entries of one document, by their full URL, and how references are led to them."""

    def __init__(self, document: str) -> None:
        self._document = document
        self.known: Mapping[str, str] = {}
        self.entries: dict[str, Resource] = {}

    def url_of(self, local: str) -> str:
        """Return the URL of something that this house calls `local`, in this document."""
        made = uuid5(NAMESPACE_URL, f"{self._document} {local}")
        return f"urn:uuid:{made}"

    def add(self, resource: Resource, local: str) -> str:
        """Take a resource in, once, with what it names as entries of their own; return its URL."""
        url = self.url_of(local)
        if url not in self.entries:
            self.entries[url] = {}  # keeps its place before what it names
            kind = resource["resourceType"]
            profile = _profile(resource)
            meta = {"meta": {"profile": [f"{PROFILES}/{profile}"]}} if profile else {}
            rest = {name: self._led(name, value) for name, value in resource.items() if name != "resourceType"}
            if medicine := rest.pop("medicationCodeableConcept", None):
                named = self.add({"resourceType": "Medication", "code": medicine}, f"Medication/{concept(medicine)}")
                rest = {"medicationReference": {"reference": named, "display": concept(medicine)}, **rest}
            self.entries[url] = {"resourceType": kind, "id": _uuid(url), **meta, **clean(rest)}
        return url

    def _led(self, name: str, value: Any) -> Any:
        """Return a value in which references lead within the document; one that leads elsewhere goes."""
        if isinstance(value, list):
            led = [self._led(name, one) for one in value]
            return [one for one in led if one not in (None, {}, [])]
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("reference"), str):
            url = self.known.get(value["reference"])
            return {**value, "reference": url} if url else None
        if name in _WHO and set(value) == {"display"}:
            who = str(value["display"])
            practitioner = {"resourceType": "Practitioner", "name": [{"text": who}]}
            return {"reference": self.add(practitioner, f"Practitioner/{who}"), "display": who}
        return clean({key: self._led(key, one) for key, one in value.items()})


def _uuid(url: str) -> str:
    return url.removeprefix("urn:uuid:")


def _settled(resource: Resource) -> Resource:
    """Return a resource without what is of the house, saying of what its profile asks for and nobody knows that it is unknown."""
    found = {name: value for name, value in resource.items() if name not in _OF_THE_HOUSE}
    kind = resource["resourceType"]
    if kind == "Patient":
        found.setdefault("name", [_UNKNOWN])
        if "birthDate" not in found:
            found["_birthDate"] = _UNKNOWN
    has_time = any(name.startswith("effective") for name in found)
    if kind in ("Observation", "DiagnosticReport", "MedicationStatement") and not has_time:
        found["_effectiveDateTime"] = _UNKNOWN
    if kind == "Observation":
        found.setdefault("performer", [_UNKNOWN])
        if not any(name.startswith("value") or name in ("component", "dataAbsentReason") for name in found):
            found["dataAbsentReason"] = write_concept("", coding(f"{TERMINOLOGY}/data-absent-reason", "unknown"))
    return found


_UNKNOWN: Resource = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}


def _profile(resource: Resource) -> str:
    """Return the profile that a resource keeps, empty where it claims none."""
    if resource["resourceType"] == "Observation":
        return _LABORATORY if "laboratory" in _categories(resource) else ""
    return _PROFILED.get(resource["resourceType"], "")


def _categories(observation: Resource) -> set[str]:
    return {as_text(one, "code") for each in as_list(observation, "category") for one in as_list(each, "coding")}


# Sections, for people and for programs


def _section(section: Section, urls: Sequence[str]) -> Resource:
    title = f"{section.title.zh} {section.title.en}"
    head = {"title": title, "code": write_concept("", coding(LOINC, section.code, section.display))}
    if not section.is_chosen or not urls:
        code, display, words = UNAVAILABLE if section.is_chosen else WITHHELD
        reason = write_concept(words, coding(f"{TERMINOLOGY}/list-empty-reason", code, display))
        return {**head, "text": _narrative([f"<p>{_text(words)}</p>"]), "emptyReason": reason}
    heads = "".join(f"<th>{_text(one.zh)} {_text(one.en)}</th>" for one in section.columns)
    rows = [row for resource in section.resources for row in _ROWS[resource["resourceType"]](resource)]
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return {**head, "text": _narrative([table]), "entry": [{"reference": url} for url in urls]}


def _narrative(blocks: Sequence[str]) -> Resource:
    return {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{"".join(blocks)}</div>',
    }


def _text(words: str) -> str:
    return escape(_NO_XML.sub("", words), quote=True)


def _condition(resource: Resource) -> list[tuple[str, ...]]:
    since = as_text(resource, "onsetDateTime") or as_text(resource, "onsetString")
    return [(concept(as_dict(resource, "code")), since, _notes(resource))]


def _allergy(resource: Resource) -> list[tuple[str, ...]]:
    signs = [concept(sign) for one in as_list(resource, "reaction") for sign in as_list(one, "manifestation")]
    said = "；".join(one for one in (*signs, _notes(resource)) if one)
    return [(concept(as_dict(resource, "code")), said, as_text(resource, "criticality"))]


def _medicine(resource: Resource) -> list[tuple[str, ...]]:
    period = as_dict(resource, "effectivePeriod")
    start = as_text(period, "start") or as_text(resource, "effectiveDateTime")
    span = " – ".join(text[:10] for text in (start, as_text(period, "end")) if text)
    doses = "；".join(as_text(one, "text") for one in as_list(resource, "dosage"))
    return [(concept(as_dict(resource, "medicationCodeableConcept")), doses, span)]


def _vaccine(resource: Resource) -> list[tuple[str, ...]]:
    doses = "；".join(as_text(one, "doseNumberString") for one in as_list(resource, "protocolApplied"))
    return [(concept(as_dict(resource, "vaccineCode")), as_text(resource, "occurrenceDateTime")[:10], doses)]


def _measurement(resource: Resource) -> list[tuple[str, ...]]:
    day = as_text(resource, "effectiveDateTime")[:10]
    rows = [_measured(one, day) for one in as_list(resource, "component")]
    whole = _measured(resource, day)
    return [whole, *rows] if whole[1] or not rows else rows


def _measured(source: Resource, day: str) -> tuple[str, ...]:
    flags = [as_text(one, "code") for each in as_list(source, "interpretation") for one in as_list(each, "coding")]
    value = _quantity(as_dict(source, "valueQuantity")) or concept(as_dict(source, "valueCodeableConcept"))
    value = value or as_text(source, "valueString") or concept(as_dict(source, "dataAbsentReason"))
    marks = " ".join(flag for flag in flags if flag != "N")
    ranges = "；".join(_range(one) for one in as_list(source, "referenceRange"))
    return concept(as_dict(source, "code")), " ".join(part for part in (value, marks) if part), ranges, day


def _range(limits: Resource) -> str:
    low, high = _quantity(as_dict(limits, "low")), _quantity(as_dict(limits, "high"))
    span = f"{low} – {high}" if low and high else f"≥ {low}" if low else f"≤ {high}" if high else ""
    return span or as_text(limits, "text")


def _quantity(quantity: Resource) -> str:
    value = quantity.get("value")
    number = "" if value is None else f"{as_text(quantity, 'comparator')}{value}"
    return " ".join(part for part in (number, as_text(quantity, "unit")) if part)


def _report(resource: Resource) -> list[tuple[str, ...]]:
    day = as_text(resource, "effectiveDateTime")[:10]
    return [(concept(as_dict(resource, "code")), as_text(resource, "conclusion"), "", day)]


def _notes(resource: Resource) -> str:
    return "；".join(as_text(note, "text") for note in as_list(resource, "note"))


_ROWS: Mapping[str, Callable[[Resource], list[tuple[str, ...]]]] = {
    "Condition": _condition,
    "AllergyIntolerance": _allergy,
    "MedicationStatement": _medicine,
    "Immunization": _vaccine,
    "Observation": _measurement,
    "DiagnosticReport": _report,
}
