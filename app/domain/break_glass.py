"""Opening a record in an emergency (紧急查阅): why, for how long, and how it is judged afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.domain.errors import BadInput, Conflict, NotFound

MOST_CHARACTERS = 500
FEWEST_CHARACTERS = 2


@dataclass(frozen=True)
class BreakGlassRule:
    """A clinic's rule: for how many minutes the record stays open."""

    minutes: int = 180


class Reason(StrEnum):
    """Why, from a list: what a patient and an auditor read. The doctor's own words stand beside it, sealed."""

    UNCONSCIOUS = "unconscious"
    LIFE_THREAT = "life_threat"
    CANNOT_ASK = "cannot_ask"
    COLLEAGUE_AWAY = "colleague_away"
    OTHER = "other"


class Verdict(StrEnum):
    """What the review found."""

    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"


class ReasonMissing(BadInput):
    """No reason was chosen from the list, or none was written down in the doctor's own words; `field` says which."""

    code = "break_glass_reason"


class NoSuchPerson(NotFound):
    """No record has the document that was typed."""

    code = "no_such_person"


class NotNeeded(Conflict):
    """The doctor reads the record anyway: there is no glass to break."""

    code = "break_glass_not_needed"


class BreakGlassOver(Conflict):
    """The emergency is over, by the clock or by the doctor's own hand."""

    code = "break_glass_over"


class AlreadyReviewed(Conflict):
    """An auditor has judged already, otherwise."""

    code = "already_reviewed"


def parse_reason(reason: str, words: str) -> tuple[Reason, str]:
    """Return the reason and the words that were typed. Both have to be there. Raises ReasonMissing."""
    if reason not in set(Reason):
        raise ReasonMissing("reason")
    said = words.strip()[:MOST_CHARACTERS]
    if len(said) < FEWEST_CHARACTERS:
        raise ReasonMissing("words")
    return Reason(reason), said
