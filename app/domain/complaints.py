"""Saying that a look at one's record was not right (投诉), and the answer that the hospital owes."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.errors import BadInput, Conflict

MOST_CHARACTERS = 1000
FEWEST_CHARACTERS = 2
ANSWER_WITHIN = timedelta(days=15)


class Outcome(StrEnum):
    """What the answer says of the look."""

    IN_ORDER = "in_order"
    NOT_IN_ORDER = "not_in_order"
    UNCLEAR = "unclear"


class WordsMissing(BadInput):
    """Nothing, or next to nothing, was written; `field` says where."""

    code = "words_missing"


class AlreadyAnswered(Conflict):
    """The complaint was answered already, otherwise."""

    code = "already_answered"


def parse_words(words: str, field: str = "words") -> str:
    """Return what was written, cut at the most that is kept. Raises WordsMissing."""
    said = words.strip()[:MOST_CHARACTERS]
    if len(said) < FEWEST_CHARACTERS:
        raise WordsMissing(field)
    return said


def due_at(made_at: datetime) -> datetime:
    """Return by when an answer is owed."""
    return made_at + ANSWER_WITHIN
