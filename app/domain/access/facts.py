"""The facts that access turns on: ties of accounts to people, treating, consents, and the broken glass.

A fact says itself of whom and for whom it is, and the rules compare that again: a service that fetched somebody else's
gives nothing away. `ref` and `version` name the row that a fact was read from, so that an event can cite it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Part(StrEnum):
    """A kind of data in a record, as a person chooses it: what a consent covers."""

    VISITS = "visits"  # visits with diagnosis and advice
    MEDICINES = "medicines"
    RESULTS = "results"
    ALLERGIES = "allergies"
    VACCINES = "vaccines"
    DOCUMENTS = "documents"


ALL_PARTS = frozenset(Part)

PART_OF: Mapping[str, Part] = {
    "visit": Part.VISITS,
    "diagnosis": Part.VISITS,
    "advice": Part.VISITS,
    "problem": Part.VISITS,
    "prescription": Part.MEDICINES,
    "report": Part.RESULTS,
    "observation": Part.RESULTS,
    "order": Part.RESULTS,
    "allergy": Part.ALLERGIES,
    "immunization": Part.VACCINES,
    "document": Part.DOCUMENTS,
}
"""The part that a kind of record belongs to. A kind that is not listed belongs to none: only who reads all reads it."""


class Relation(StrEnum):
    """What an account's holder is to a patient."""

    SELF = "self"
    GUARDIAN = "guardian"
    FAMILY = "family"


@dataclass(frozen=True)
class Link:
    """The tie of an account to a patient.

    `since_at` is when it was made. `proven_at` is when the hospital saw proof: for oneself a code to the phone on file
    or a claim code of the desk, for a guardian the papers at the desk, for family such a code from the grown-up whose record
    it is. `ends_at` is when it stops, ended or expired.
    """

    account: str
    patient: str
    relation: Relation
    since_at: datetime
    proven_at: datetime | None = None
    ends_at: datetime | None = None
    ref: str = ""
    version: int = 0


@dataclass(frozen=True)
class Treating:
    """A patient checked in to a clinician's session; from then the clinician treats, to the end of the next day."""

    clinician: str
    patient: str
    checked_in_at: datetime
    ref: str = ""
    version: int = 0


@dataclass(frozen=True)
class Permit:
    """A consent by which a person lets staff read (授权): for one `purpose`, of these `parts`, to one `clinician` or to all of
    a `department`, from `since_at` until before `until_at`, unless withdrawn.

    `recorded_from` cuts what it reaches, where who gave it reached no further themself.
    """

    ref: str
    version: int
    patient: str
    purpose: str
    parts: frozenset[Part]
    since_at: datetime
    until_at: datetime
    clinician: str | None = None
    department: str | None = None
    withdrawn_at: datetime | None = None
    recorded_from: datetime | None = None


@dataclass(frozen=True)
class BrokenGlass:
    """An emergency in which a doctor opened a record without any relation: until `until_at`, or until they ended it."""

    ref: str
    version: int
    clinician: str
    patient: str
    opened_at: datetime
    until_at: datetime
    ended_at: datetime | None = None
