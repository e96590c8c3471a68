"""Priority classes, as data: who may grant each, on what ground, and how it counts in the queue.

A class lets somebody in before their turn; the cap of `app.domain.queueing` says how often that may happen. Emergencies
stand outside the cap. Grounds are codes from a list, never a diagnosis: they stand on the receipt of whoever has the class.
Words for people are the door's business (`app/web/queue_words.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from types import MappingProxyType

from app.domain.age import age_on
from app.domain.errors import BadInput, Conflict, Refused

OTHER = "other"  # the one ground that needs a note


class Priority(IntEnum):
    """How a class counts: emergencies always first; the favoured in turn with everybody else, as the cap allows."""

    EMERGENCY = 0
    PRIORITY = 1
    NORMAL = 2


@dataclass(frozen=True)
class PriorityClass:
    """One class. `granted_by` are roles; empty: it comes with an act of its own and is not granted by hand.

    `age_from` and `age_below` are whole years on the hospital's day, where the class hangs on age and the age is known.
    """

    code: str
    rank: Priority
    reasons: tuple[str, ...]
    granted_by: frozenset[str] = frozenset({"desk", "doctor"})
    age_from: int | None = None
    age_below: int | None = None


RETURNING = "returning"

CLASSES: Mapping[str, PriorityClass] = MappingProxyType(
    {
        known.code: known
        for known in (
            PriorityClass("emergency", Priority.EMERGENCY, ("triage", "doctor_asked")),
            PriorityClass(RETURNING, Priority.PRIORITY, ("back_from_tests",), frozenset()),
            PriorityClass("elder", Priority.PRIORITY, ("document_seen",), age_from=80),
            PriorityClass("child", Priority.PRIORITY, ("document_seen",), age_below=6),
            PriorityClass("soldier", Priority.PRIORITY, ("document_seen",)),
            PriorityClass("care", Priority.PRIORITY, ("cannot_stand_long", "with_infant", "hospital_error", OTHER)),
        )
    }
)
"""The classes in the order in which staff choose among them."""


class PriorityUnknown(BadInput):
    """There is no such class, it is not granted by hand, or the ground is not one of its grounds."""

    code = "priority_unknown"


class PriorityNoteMissing(BadInput):
    """The ground "other" needs a note."""

    code = "priority_note_missing"


class PriorityNotDue(Refused):
    """The class hangs on an age that this person has not; `code` is the class, `years` the limit."""

    code = "priority_not_due"


class NoPriority(Conflict):
    """There is no class to take away."""

    code = "no_priority"


def rank_of(code: str | None) -> Priority:
    """Return how a class counts; no class is normal. Raises KeyError for a code that never was one: a mistake of ours."""
    return Priority.NORMAL if code is None else CLASSES[code].rank


def grantable_by(role: str | None) -> tuple[PriorityClass, ...]:
    """Return the classes that a role may grant by hand, in the order in which staff choose among them."""
    return tuple(known for known in CLASSES.values() if role in known.granted_by)


def require_grounds(code: str, reason: str, note: str, birth_on: date | None, day_on: date) -> PriorityClass:
    """Return the class when it may be granted on this ground to somebody born then.

    An unknown birth date stands in nobody's way: the ground says that a document was seen. Raises PriorityUnknown,
    PriorityNoteMissing, PriorityNotDue.
    """
    known = CLASSES.get(code)
    if known is None or not known.granted_by:
        raise PriorityUnknown("priority")
    if reason not in known.reasons:
        raise PriorityUnknown("reason")
    if reason == OTHER and not note.strip():
        raise PriorityNoteMissing("note")
    if birth_on is not None:
        years = age_on(birth_on, max(day_on, birth_on))
        if known.age_from is not None and years < known.age_from:
            raise PriorityNotDue(priority=code, years=known.age_from)
        if known.age_below is not None and years >= known.age_below:
            raise PriorityNotDue(priority=code, years=known.age_below)
    return known
