"""The answers: a grant with what it rests on, or a denial with the rule."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.domain.access.facts import PART_OF, Part


class Basis(StrEnum):
    """Why it is allowed; part of the event's words."""

    SELF = "self"
    SELF_UNPROVEN = "self_unproven"
    GUARDIAN = "guardian"
    FAMILY = "family"
    TREATING = "treating"
    CONSENT = "consent"
    BREAK_GLASS = "break_glass"
    OWN_SESSION = "own_session"
    CLINIC = "clinic"
    OFFICE = "office"


class Rule(StrEnum):
    """Why it is not."""

    SIGN_IN = "sign_in"
    ROLE = "role"
    NO_LINK = "no_link"
    LINK_ENDED = "link_ended"
    LINK_UNPROVEN = "link_unproven"
    GUARDIAN_UNVERIFIED = "guardian_unverified"
    GUARDIAN_AGE_UNKNOWN = "guardian_age_unknown"
    GUARDIAN_OF_MINOR = "guardian_of_minor"
    GUARDIAN_OF_ADULT = "guardian_of_adult"
    OWN_SAY_LATER = "own_say_later"
    OWN_PROOF_MISSING = "own_proof_missing"
    OWN_CONSENT_ONLY = "own_consent_only"
    NOT_TREATING = "not_treating"
    PART_WITHHELD = "part_withheld"
    OTHER_SESSION = "other_session"
    OTHER_DAY = "other_day"
    OTHER_CLINIC = "other_clinic"


HIDING = frozenset({Rule.NO_LINK, Rule.LINK_ENDED, Rule.LINK_UNPROVEN})
"""Denials that must look as if the thing were absent, so that nobody learns that it exists (A6)."""


@dataclass(frozen=True)
class Grant:
    """Allowed, on `basis`. Where `since_at` is set only what was recorded from then on is included, and where `parts` is
    set only these kinds of data: whoever shows several things asks `covers` of each.

    `cites` names the rows that it rests on, as events spell them: `permit:<id>@<version>`. `purpose` is what a consent was
    given for; `until_at` is when the grant ends by itself. Neither is part of what makes two grants equal.
    """

    basis: Basis
    since_at: datetime | None = None
    parts: frozenset[Part] | None = None
    cites: str = field(default="", compare=False)
    purpose: str = field(default="", compare=False)
    until_at: datetime | None = field(default=None, compare=False)

    def covers(self, kind: str, recorded_at: datetime) -> bool:
        """Return whether a record of this kind, recorded then, is included."""
        is_late_enough = self.since_at is None or recorded_at >= self.since_at
        return is_late_enough and (self.parts is None or PART_OF.get(kind) in self.parts)

    @property
    def kinds(self) -> frozenset[str] | None:
        """The kinds of record that are included, for a query; None for all."""
        return None if self.parts is None else frozenset(kind for kind, part in PART_OF.items() if part in self.parts)

    @property
    def has_visits(self) -> bool:
        """Whether visits are included as such; otherwise what is included of them stands by its day."""
        return self.parts is None or Part.VISITS in self.parts


@dataclass(frozen=True)
class Denial:
    """Not allowed; `rule` says why."""

    rule: Rule

    @property
    def hides(self) -> bool:
        return self.rule in HIDING


Answer = Grant | Denial


def cite(kind: str, ref: str, version: int) -> str:
    """Return how an event cites a row that a grant rests on; empty where the fact names none."""
    return f"{kind}:{ref}@{version}" if ref else ""
