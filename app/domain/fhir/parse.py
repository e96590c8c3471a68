"""Finding resources in what a file holds: one resource, a Bundle of any type, or NDJSON (one resource a line).

Strict, because what is loaded here is read by doctors: a key that stands twice, a number that is none, text that is not
UTF-8 are broken, never guessed at. FHIR R4: 2.6 (JSON), 2.36 (Bundle, 2.36.4 resolving references).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any

MOST_BYTES = 50 * 1024 * 1024  # of one file
MOST_DEPTH = 100
LONGEST_NUMBER = 40  # characters of a decimal as written
LARGEST_EXPONENT = 400  # HL7's own example has 1E-245
DEEPEST_BUNDLE = 4

SUPPORTED = (
    "Patient", "Encounter", "Observation", "DiagnosticReport", "MedicationRequest", "MedicationStatement", "Condition",
    "AllergyIntolerance", "Immunization", "DocumentReference",
)  # fmt: skip
# Name what a prescription refers to, and hold a document's bytes; no record by themselves.
HELPING = ("Medication", "Binary")

Resource = dict[str, Any]

_REST = re.compile(r"(?P<base>.*?)/?(?P<name>[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")

_MAY_BE_HALF = re.compile(
    r"\\u[dD][89a-fA-F]"
)  # most files escape none of that range, and are not written out again to look

# In ASCII JSON a whole pair is high then low; anything else of that range is half a character, which no text has.
_SURROGATE = re.compile(r"\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f]")


class BrokenFHIR(Exception):
    """What was read is not FHIR R4 JSON. `why` is for the operator: it names the place, never a value."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Found:
    """One resource and where it stood.

    `address` names it for good: its absolute URL or URN, else type and id within the source, else its content. `base` and
    `file` are what relative references in it are resolved against.
    """

    resource: Resource = field(repr=False)
    address: str
    file: str
    base: str = ""

    @property
    def type(self) -> str:
        kind = self.resource.get("resourceType")
        return kind if isinstance(kind, str) else ""


def parse_file(data: bytes, file: str, *, is_lines: bool = False) -> list[Found | BrokenFHIR]:
    """Return what a file holds, in its order; a line or entry that is broken stands as such among the others.

    Raises BrokenFHIR when the whole file is.
    """
    if len(data) > MOST_BYTES:
        raise BrokenFHIR(f"larger than {MOST_BYTES // 1024 // 1024} MB")
    if not is_lines:
        return list(_unfold(parse_json(data), file, "", "", 0))
    found: list[Found | BrokenFHIR] = []
    for number, line in enumerate(data.splitlines(), start=1):
        if line.strip():
            try:
                found.extend(_unfold(parse_json(line), file, "", "", 0))
            except BrokenFHIR as broken:
                found.append(BrokenFHIR(f"line {number}: {broken.why}"))
    return found


def parse_json(data: bytes) -> Resource:
    """Return a JSON object whose decimals are Decimal. Raises BrokenFHIR."""
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(
            text, object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer, parse_constant=_constant
        )
    except UnicodeDecodeError:
        raise BrokenFHIR("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BrokenFHIR(f"not JSON: {error.msg} at line {error.lineno}") from None
    except RecursionError:
        raise BrokenFHIR("nested too deeply") from None
    if not isinstance(value, dict):
        raise BrokenFHIR("not a JSON object")
    _check_depth(value)
    if _MAY_BE_HALF.search(text) and _SURROGATE.search(content_of(value).replace("\\\\", "")):
        raise BrokenFHIR("half a surrogate pair")
    if "\\u0000" in text and "\\u0000" in content_of(value).replace("\\\\", ""):
        raise BrokenFHIR("NUL in a text")  # datatypes, string: no character below 32 but tab and line ends
    return value


def local_name(resource: Resource) -> str:
    """Return `Type/id`, or an empty text for a resource without an id."""
    its_id = resource.get("id")
    return f"{resource.get('resourceType')}/{its_id}" if isinstance(its_id, str) and its_id else ""


# Made once: every resource of a load goes through it.
_content = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str).encode


def content_of(resource: Resource) -> str:
    """Return a text that is equal for equal content, whatever its order and blanks."""
    return _content(resource)


class Index:
    """The resources of one run, found again by the references in one another."""

    def __init__(self) -> None:
        self._by_address: dict[str, Found] = {}
        self._by_file: dict[tuple[str, str], Found] = {}
        self._by_name: dict[str, Found] = {}

    def __len__(self) -> int:
        return len(self._by_address)

    def __iter__(self) -> Iterator[Found]:
        return iter(self._by_address.values())

    def add(self, found: Found) -> Found | None:
        """Take one in; return the one that has its address already, if any (which stays)."""
        known = self._by_address.setdefault(found.address, found)
        name = local_name(found.resource)
        if known is found and name:
            self._by_file.setdefault((found.file, name), found)
            if found.address == name:
                self._by_name[name] = found
        return None if known is found else known

    def resolve(self, reference: str, origin: Found) -> Found | None:
        """Return what `reference` names, seen from `origin`: contained in it, in its Bundle, or anywhere in this run."""
        if reference.startswith("#"):
            return _contained(origin, reference[1:])
        match = _REST.fullmatch(reference)
        name, base = (match["name"], match["base"]) if match else (reference, "")
        if base:
            return self._by_address.get(f"{base}/{name}")
        if not match:
            return self._by_address.get(reference)
        beside = self._by_address.get(f"{origin.base}/{name}") if origin.base else None
        return beside or self._by_file.get((origin.file, name)) or self._by_name.get(name)

    def address_of(self, reference: str, origin: Found) -> str:
        """Return the address that `reference` would have: for what an earlier run loaded and this one does not bring."""
        match = _REST.fullmatch(reference)
        if not match:
            return reference
        base = match["base"] or origin.base
        return f"{base}/{match['name']}" if base else match["name"]


def contained_in(found: Found) -> list[Found]:
    """Return the resources contained in one, each with an address of its own below it."""
    inside = found.resource.get("contained", [])
    if not isinstance(inside, list):
        raise BrokenFHIR("contained is not a list")
    return [
        Found(resource, f"{found.address}#{resource['id']}", found.file, found.base)
        for resource in inside
        if isinstance(resource, dict) and isinstance(resource.get("id"), str)
    ]


def _contained(origin: Found, wanted: str) -> Found | None:
    return next((inside for inside in contained_in(origin) if inside.resource["id"] == wanted), None)


def _unfold(resource: Resource, file: str, base: str, full_url: str, depth: int) -> Iterable[Found | BrokenFHIR]:
    if resource.get("resourceType") != "Bundle":
        yield Found(resource, _address(resource, base, full_url), file, base)
        return
    entries = resource.get("entry", [])
    if depth > DEEPEST_BUNDLE or not isinstance(entries, list):
        yield BrokenFHIR("Bundle.entry is not a list" if depth <= DEEPEST_BUNDLE else "Bundles nested too deeply")
        return
    for number, entry in enumerate(entries):
        inside = entry.get("resource") if isinstance(entry, dict) else None
        if inside is None and isinstance(entry, dict):
            continue  # an answer or a deletion: nothing to load
        url = entry.get("fullUrl", "") if isinstance(entry, dict) else ""
        if not isinstance(inside, dict) or not isinstance(url, str):
            yield BrokenFHIR(f"Bundle.entry[{number}] is not an object with a resource")
            continue
        match = _REST.fullmatch(url) if url.startswith(("http://", "https://")) else None
        yield from _unfold(inside, file, match["base"] if match else "", url, depth + 1)


def _address(resource: Resource, base: str, full_url: str) -> str:
    match = _REST.fullmatch(full_url) if base else None
    if match:
        return f"{base}/{match['name']}"
    return full_url or local_name(resource) or f"content:{sha256(content_of(resource).encode()).hexdigest()}"


def _object(pairs: list[tuple[str, Any]]) -> Resource:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BrokenFHIR("a key stands twice in one object")
    return found


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if len(text) > LONGEST_NUMBER or abs(number.adjusted()) > LARGEST_EXPONENT:
        raise BrokenFHIR("a number that nobody measured")
    return number


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise BrokenFHIR("a number that nobody measured")
    return int(text)


def _constant(_text: str) -> Any:
    raise BrokenFHIR("not JSON: NaN or Infinity")


_HOLDING = (dict, list)  # what may hold more


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MOST_DEPTH):
        level = [
            below
            for one in level
            for below in (one.values() if isinstance(one, dict) else one)
            if isinstance(below, _HOLDING)
        ]
        if not level:
            return
    raise BrokenFHIR("nested too deeply")
