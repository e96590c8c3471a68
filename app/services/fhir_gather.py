"""Gathering FHIR files: what they hold, sorted by the person it is about. Nothing is stored here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.fhir.parse import (
    HELPING,
    MOST_BYTES,
    SUPPORTED,
    BrokenFHIR,
    Found,
    Index,
    contained_in,
    content_of,
    parse_file,
)
from app.domain.fhir.read import references

OF_PATIENT = ("AllergyIntolerance", "Immunization")
LINES = (".ndjson", ".jsonl")
MOST_RESOURCES = 500_000  # that one run holds in memory; a larger delivery is loaded folder by folder
OTHER_FILE = "(no JSON file)"
NO_RESOURCE = "(no resourceType)"


@dataclass(frozen=True)
class Trouble:
    """A file, or one thing in it, that was left out, and why."""

    file: str
    why: str


@dataclass
class Group:
    """One person and all that is about them. `patient` is None where an earlier run brought the person, or with `is_rest` an earlier
    portion of this one."""

    address: str
    patient: Found | None = None
    others: list[Found] = field(default_factory=list)
    is_rest: bool = False


@dataclass
class Batch:
    """What a run is to load, and what it cannot."""

    index: Index = field(default_factory=Index)
    groups: dict[str, Group] = field(default_factory=dict)
    files: int = 0
    repeated: int = 0
    unsupported: Counter[str] = field(default_factory=Counter)
    broken: list[Trouble] = field(default_factory=list)
    without_person: list[Trouble] = field(default_factory=list)


def gather(path: Path) -> Batch:
    """Return what a file or folder holds. Files that cannot be read, or whose content is broken, are named in the batch.

    Raises FileNotFoundError where there is neither.
    """
    batch = Batch()
    if not path.exists():
        raise FileNotFoundError(path)
    for file in _files(path):
        batch.files += 1
        name = str(file.relative_to(path)) if path.is_dir() else file.name
        if file.suffix not in (".json", *LINES):
            batch.unsupported[OTHER_FILE] += 1
            continue
        try:
            if file.stat().st_size > MOST_BYTES:
                raise BrokenFHIR(f"larger than {MOST_BYTES // 1024 // 1024} MB")
            for one in parse_file(file.read_bytes(), name, is_lines=file.suffix in LINES):
                if isinstance(one, BrokenFHIR):
                    batch.broken.append(Trouble(name, one.why))
                else:
                    _take_or_say(batch, one)
        except BrokenFHIR as broken:
            batch.broken.append(Trouble(name, broken.why))
        except OSError as error:
            batch.broken.append(Trouble(name, f"cannot be read: {error.strerror}"))
    _group(batch)
    return batch


def _files(path: Path) -> Iterator[Path]:
    """Yield the files in a settled order; links are not followed, for they may lead anywhere."""
    if path.is_file():
        yield path
        return
    yield from sorted(file for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def _take_or_say(batch: Batch, found: Found) -> None:
    try:
        _take(batch, found)
    except BrokenFHIR as broken:
        batch.broken.append(Trouble(found.file, f"{found.type}: {broken.why}"))


def _take(batch: Batch, found: Found) -> None:
    if found.type not in (*SUPPORTED, *HELPING):
        batch.unsupported[found.type or NO_RESOURCE] += 1
        return
    if len(batch.index) >= MOST_RESOURCES:
        raise BrokenFHIR("too much for one run: load the folder in parts")
    if found.type in HELPING:
        batch.unsupported[found.type] += 1
    inside = [one for one in contained_in(found) if one.type in SUPPORTED]
    known = batch.index.add(found)
    if known is None:
        for one in inside:
            batch.index.add(one)
    elif content_of(known.resource) == content_of(found.resource):
        batch.repeated += 1
    else:
        batch.broken.append(
            Trouble(found.file, f"{found.type}: other content under an address that {known.file} has too")
        )


def _group(batch: Batch) -> None:
    """Sort what was found by person, by the reference `subject`, or `patient` where the type calls it that."""
    for found in batch.index:
        if found.type in HELPING:
            continue
        if found.type == "Patient":
            _group_of(batch, found.address).patient = found
            continue
        try:
            subjects = references(found.resource, "patient" if found.type in OF_PATIENT else "subject")
        except BrokenFHIR as broken:
            batch.broken.append(Trouble(found.file, f"{found.type}: {broken.why}"))
            continue
        if not subjects:
            batch.without_person.append(Trouble(found.file, f"{found.type}: names no person"))
            continue
        target = batch.index.resolve(subjects[0], found)
        if target is not None and target.type != "Patient":
            batch.without_person.append(Trouble(found.file, f"{found.type}: its subject is no Patient"))
            continue
        address = target.address if target else batch.index.address_of(subjects[0], found)
        _group_of(batch, address).others.append(found)


def _group_of(batch: Batch, address: str) -> Group:
    return batch.groups.setdefault(address, Group(address))
