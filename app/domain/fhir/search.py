"""What a search asks for: parameters of each resource type, read strictly, and whether a resource is among the answers. Pure.

No name, birth date or document can be searched for: addresses stand in logs and histories (promise A5), and whoever may
search holds a token of one person anyway.

Sources: HL7 FHIR R4 3.1.1 Search (3.1.1.4.5 date, 3.1.1.4.9 token, 3.1.1.5.8 _sort), 3.1.0.1.9 Prefer, search parameters of each type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

from app.domain.calendar import HOSPITAL_ZONE, ONE_DAY
from app.domain.fhir.write import FHIR_ID, Resource

DEFAULT_COUNT, MOST_COUNT = 50, 200
LONGEST_VALUE = 300
MOST_VALUES = 20  # alternatives of one parameter, and repetitions of it
Kind = Literal["id", "date", "token", "reference"]


@dataclass(frozen=True)
class Parameter:
    """One search parameter: its type, where in the resource it looks, what it says of itself."""

    kind: Kind
    path: str
    words: str


def _date(path: str) -> Parameter:
    return Parameter("date", path, f"{path}, with the prefixes eq ne gt lt ge le sa eb ap")


def _token(path: str) -> Parameter:
    return Parameter("token", path, f"{path}: code, system|code, |code or system|")


_ID = Parameter("id", "id", "the resource's id")
_PATIENT = Parameter("reference", "subject", "the token's patient; no other is let")
_ABOUT = {"patient": _PATIENT, "subject": _PATIENT}  # most clients ask by the one, some by the other

# resource type -> its parameters. Its date parameter is also what _sort takes; the default is the newest first.
PARAMETERS: Mapping[str, Mapping[str, Parameter]] = MappingProxyType(
    {
        "Patient": {"_id": _ID},
        "Encounter": {"_id": _ID, **_ABOUT, "date": _date("period"), "status": _token("status"), "class": _token("class")},
        "Observation": {
            "_id": _ID, **_ABOUT, "date": _date("effective"), "code": _token("code"), "category": _token("category"),
            "status": _token("status"),
        },
        "DiagnosticReport": {
            "_id": _ID, **_ABOUT, "date": _date("effective"), "code": _token("code"), "category": _token("category"),
            "status": _token("status"),
        },
        "MedicationRequest": {
            "_id": _ID, **_ABOUT, "authoredon": _date("authoredOn"), "code": _token("medicationCodeableConcept"),
            "status": _token("status"), "intent": _token("intent"),
        },
        "MedicationStatement": {
            "_id": _ID, **_ABOUT, "effective": _date("effective"), "code": _token("medicationCodeableConcept"),
            "status": _token("status"),
        },
        "Condition": {
            "_id": _ID, **_ABOUT, "recorded-date": _date("recordedDate"), "code": _token("code"),
            "category": _token("category"), "clinical-status": _token("clinicalStatus"),
            "verification-status": _token("verificationStatus"),
        },
        "AllergyIntolerance": {
            "_id": _ID, "patient": _PATIENT, "date": _date("recordedDate"), "code": _token("code"), "category": _token("category"),
            "clinical-status": _token("clinicalStatus"), "verification-status": _token("verificationStatus"),
        },
        "Immunization": {
            "_id": _ID, "patient": _PATIENT, "date": _date("occurrence"), "vaccine-code": _token("vaccineCode"),
            "status": _token("status"),
        },
        "Appointment": {"_id": _ID, "patient": _PATIENT, "date": _date("start"), "status": _token("status")},
        "Schedule": {"_id": _ID, "date": _date("planningHorizon"), "active": _token("active")},
        "Slot": {
            "_id": _ID, "start": _date("start"), "status": _token("status"),
            "schedule": Parameter("reference", "schedule", "the sitting that it is of"),
        },
        "Consent": {"_id": _ID, "patient": _PATIENT, "date": _date("dateTime"), "status": _token("status")},
        "AuditEvent": {"_id": _ID, "patient": _PATIENT, "date": _date("recorded"), "outcome": _token("outcome"), "subtype": _token("subtype")},
        "Provenance": {
            "_id": _ID, "patient": _PATIENT, "recorded": _date("recorded"),
            "target": Parameter("reference", "target", "what it is about"),
        },
    }
)  # fmt: skip
NEXT_FIRST = ("Schedule", "Slot")  # of what is to come the next comes first, of what was the newest
COMMON = ("_count", "_sort", "_cursor", "_format", "_pretty")
UNSAID = ("_format", "_pretty")  # about the form of one answer: not in the address of the next
JSON_FORMATS = (
    "json",
    "application/json",
    "application/fhir+json",
    "application/fhir json",
)  # a plus sign that was not escaped

_DATE = re.compile(
    r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2})?)?)?)?"
)
_REFERENCE = re.compile(r"(?:(?:https?://[^?#\s]{1,200}/)?([A-Z][A-Za-z]{2,30})/)?([A-Za-z0-9\-.]{1,64})")


class SearchUnreadable(Exception):
    """A parameter is not understood. `parameter` names it, never what it held; `code` is of issue-type."""

    def __init__(self, parameter: str, why: str, code: str = "invalid") -> None:
        super().__init__(parameter)
        self.parameter = parameter
        self.why = why
        self.code = code


class OtherPatient(Exception):
    """The search names a person who is not the token's."""


@dataclass(frozen=True)
class Window:
    """One date as it was asked for: the instants it stands for, from `low` to before `high`, and how to compare."""

    prefix: str
    low: datetime
    high: datetime


@dataclass(frozen=True)
class Search:
    """A search that was understood. Lists are joined by AND, what is in one of them by OR. `used` are the parameters that
    count, for the address of the answer."""

    kind: str
    ids: tuple[frozenset[str], ...] = ()
    dates: tuple[tuple[Window, ...], ...] = ()
    tokens: tuple[tuple[str, tuple[str, ...]], ...] = ()
    references: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    is_newest_first: bool = True
    count: int = DEFAULT_COUNT
    cursor: str = ""
    used: tuple[tuple[str, str], ...] = field(default=())


def parse_search(
    kind: str, pairs: Iterable[tuple[str, str]], patient: str, now: datetime, *, is_lenient: bool = False
) -> Search:
    """Return what the parameters ask for. `patient` is the token's, as a FHIR id. Unknown parameters are refused, or left out
    where the client said `Prefer: handling=lenient`; a known one that cannot be read is refused always.

    Raises SearchUnreadable, OtherPatient.
    """
    known = PARAMETERS[kind]
    used: list[tuple[str, str]] = []
    ids: list[frozenset[str]] = []
    dates: list[tuple[Window, ...]] = []
    tokens: list[tuple[str, tuple[str, ...]]] = []
    references: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    said: dict[str, str] = {}
    for number, (name, value) in enumerate(pairs):
        if number >= MOST_VALUES:
            raise SearchUnreadable(_named(name, known), "too many parameters", "too-costly")
        if name not in known and name not in COMMON:
            if is_lenient:
                continue
            why = f"not a parameter of this search; there are {', '.join((*known, *COMMON[:2]))}"
            raise SearchUnreadable(_named(name, known), why, "not-supported")
        if not value or len(value) > LONGEST_VALUE or not value.isprintable():
            raise SearchUnreadable(name, "empty, too long, or not text")
        if name in COMMON:
            if name in said:
                raise SearchUnreadable(name, "stands twice")
            said[name] = value
            if name not in UNSAID:
                used.append((name, value))
            continue
        used.append((name, value))
        values = tuple(value.split(",", MOST_VALUES + 1))
        if len(values) > MOST_VALUES or not all(values):
            raise SearchUnreadable(name, "an empty alternative, or too many")
        match known[name].kind:
            case "id":
                ids.append(frozenset(values))
            case "date":
                dates.append(tuple(_window(name, one, now) for one in values))
            case "token":
                tokens.append((known[name].path, values))
            case "reference" if known[name] is _PATIENT:
                if any(_reference(name, one) not in (("Patient", patient), ("", patient)) for one in values):
                    raise OtherPatient()
            case _:
                references.append((known[name].path, tuple(_reference(name, one) for one in values)))
    return Search(
        kind,
        tuple(ids),
        tuple(dates),
        tuple(tokens),
        tuple(references),
        _sorted(kind, said.get("_sort", "")),
        _count(said.get("_count", str(DEFAULT_COUNT))),
        _cursor(said.get("_cursor", "")),
        tuple((name, value) for name, value in used if name != "_cursor"),
    )


def date_parameter(kind: str) -> str:
    """Return the name of the type's date parameter, empty where it has none."""
    return next((name for name, one in PARAMETERS[kind].items() if one.kind == "date"), "")


def is_match(search: Search, resource: Resource) -> bool:
    """Tell whether a resource is among the answers, dates aside: those the store has compared."""
    return (
        all(resource["id"] in wanted for wanted in search.ids)
        and all(_has_token(resource, path, wanted) for path, wanted in search.tokens)
        and all(_refers(resource, path, wanted) for path, wanted in search.references)
    )


def _named(name: str, known: Mapping[str, Parameter]) -> str:
    """Return a parameter's name where it is a name: what was put in its place may be anything."""
    return name if name in known or re.fullmatch(r"[a-zA-Z_:.-]{1,40}", name) else "?"


def _has_token(resource: Resource, path: str, wanted: Sequence[str]) -> bool:
    held = list(_codes(resource.get(path)))
    return any(_is_token(one, system, code) for one in wanted for system, code in held)


def _is_token(wanted: str, system: str, code: str) -> bool:
    asked_system, bar, asked_code = wanted.rpartition("|")
    if not bar:
        return asked_code == code
    return asked_system == system and (not asked_code or asked_code == code)


def _codes(value: Any) -> Iterable[tuple[str, str]]:
    """Yield (system, code) of whatever holds codes: a code, a Coding, a CodeableConcept, or a list of them."""
    if isinstance(value, list):
        for one in value:
            yield from _codes(one)
    elif isinstance(value, bool):
        yield "", str(value).lower()
    elif isinstance(value, str):
        yield "", value
    elif isinstance(value, dict):
        if "code" in value:
            yield str(value.get("system", "")), str(value["code"])
        yield from _codes(value.get("coding", []))


def _refers(resource: Resource, path: str, wanted: Sequence[tuple[str, str]]) -> bool:
    value = resource.get(path, [])
    found = [
        str(one.get("reference", "")).split("/_history/")[0] for one in (value if isinstance(value, list) else [value])
    ]
    return any(
        one == f"{kind}/{its_id}" or (not kind and one.endswith(f"/{its_id}"))
        for kind, its_id in wanted
        for one in found
    )


def _reference(name: str, value: str) -> tuple[str, str]:
    match = _REFERENCE.fullmatch(value)
    if match is None:
        raise SearchUnreadable(name, "not a reference")
    return match[1] or "", match[2]


def _sorted(kind: str, text: str) -> bool:
    by = date_parameter(kind)
    if not text:
        return kind not in NEXT_FIRST
    if by and text == f"-{by}":
        return True
    if not by or text != by:
        raise SearchUnreadable("_sort", f"only {by or 'nothing'} sorts here", "not-supported")
    return False


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) < 1:
        raise SearchUnreadable("_count", "a number from 1")
    return min(int(text), MOST_COUNT)


def _cursor(text: str) -> str:
    if text and not FHIR_ID.fullmatch(text):
        raise SearchUnreadable("_cursor", "not one that was given out")
    return text


def _window(name: str, text: str, now: datetime) -> Window:
    """Return a date of any precision as the instants it stands for; one without a zone is the hospital's."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise SearchUnreadable(name, "not a date")
    prefix = match[1] or "eq"
    try:
        low, high = _span([int(part) if part else None for part in match.groups()[1:7]], match[8], match[9])
        if prefix == "ap":  # within a tenth of the time from then till now (3.1.1.4.5)
            slack = abs(now - low) / 10
            low, high = low - slack, high + slack
    except (ValueError, OverflowError):
        raise SearchUnreadable(name, "not a date") from None
    return Window("eq" if prefix == "ap" else prefix, low, high)


def _span(parts: list[int | None], fraction: str | None, zone: str | None) -> tuple[datetime, datetime]:
    year, month, day, hour, minute, second = parts
    if year is None or year < 1:
        raise ValueError("no such year")
    first = date(year, month or 1, day or 1)
    if hour is not None:
        micro = int((fraction or "0").ljust(6, "0")[:6])
        text = f"{first.isoformat()}T{hour:02}:{minute or 0:02}:{second or 0:02}.{micro:06}{zone or ''}"
        at = datetime.fromisoformat(text)
        at = (at if at.tzinfo else at.replace(tzinfo=HOSPITAL_ZONE)).astimezone(UTC)
        wide = (
            timedelta(minutes=1)
            if second is None
            else timedelta(seconds=1)
            if fraction is None
            else timedelta(milliseconds=1)
        )
        return at, at + wide
    if day is not None:
        after = first + ONE_DAY
    elif month is not None:
        after = date(year + month // 12, month % 12 + 1, 1)
    else:
        after = date(year + 1, 1, 1)
    return _midnight(first), _midnight(after)


def _midnight(day_on: date) -> datetime:
    return datetime(day_on.year, day_on.month, day_on.day, tzinfo=HOSPITAL_ZONE).astimezone(UTC)
