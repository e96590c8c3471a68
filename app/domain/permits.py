"""What a person may choose when they let staff read (授权): what for, which parts, how long.

The purposes follow v3 PurposeOfUse of HL7 as far as people know them apart; the periods are data. PIPL 15: what was given is
as easily withdrawn, and at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.domain.access import Part
from app.domain.age import OWN_SAY_FROM_YEARS, birthday
from app.domain.calendar import ONE_DAY, day_bounds, hospital_day
from app.domain.errors import BadInput, NotAllowed, Refused

WORDING = "2026-11"  # the words beside the button; other words get another name
PERIOD_DAYS = (1, 7, 30, 365)
USUAL_DAYS = 30
MOST_IN_FORCE = 20  # of one person: a list that can still be read


class Purpose(StrEnum):
    """What for."""

    TREATMENT = "treatment"
    SECOND_OPINION = "second_opinion"
    FOLLOW_UP = "follow_up"


class PermitsFull(Refused):
    """As many consents are in force as one person may have; one has to be withdrawn first."""

    code = "permits_full"
    is_recorded = False


class GrantOver(NotAllowed):
    """The actor was let read once, and is not any more: withdrawn, or run out. The person finds the attempt under 谁看过."""

    code = "grant_over"


class ChooseOneMore(BadInput):
    """Nothing was chosen where something has to be; `field` says where."""

    code = "choose_one_more"


@dataclass(frozen=True)
class Choice:
    """What was chosen. One of `clinician` and `department` is set."""

    purpose: Purpose
    parts: frozenset[Part]
    days: int
    clinician: str | None = None
    department: str | None = None


def parse_choice(purpose: str, parts: Iterable[str], days: str, reader: str) -> Choice:
    """Return what a form says. `reader` is `doctor:<ref>` or `department:<id>`. Raises ChooseOneMore with the field."""
    kind, _, ref = reader.partition(":")
    if kind not in ("doctor", "department") or not ref:
        raise ChooseOneMore("reader")
    if purpose not in set(Purpose):
        raise ChooseOneMore("purpose")
    chosen = frozenset(Part(part) for part in parts if part in set(Part))
    if not chosen:
        raise ChooseOneMore("parts")
    if days not in {str(known) for known in PERIOD_DAYS}:
        raise ChooseOneMore("days")
    return Choice(
        Purpose(purpose),
        chosen,
        int(days),
        clinician=ref if kind == "doctor" else None,
        department=ref if kind == "department" else None,
    )


def format_parts(parts: Iterable[Part]) -> str:
    """Return parts as a row holds them, in the order of the list."""
    held = set(parts)
    return " ".join(part.value for part in Part if part in held)


def ends_at(now: datetime, days: int, child_born_on: date | None, guardian_until_on: date | None) -> datetime:
    """Return when a consent of `days` ends: with the hospital's day so many days on, a single day with today.

    What a guardian gives (`child_born_on` is then set) ends at the latest on the child's fourteenth birthday, from when the
    child's own say counts, or when the guardianship does. Raises ValueError where that is not ahead: ours to see before.
    """
    ends = day_bounds(hospital_day(now) + (days - 1) * ONE_DAY)[1]
    caps = [guardian_until_on] if guardian_until_on else []
    if child_born_on is not None:
        caps.append(birthday(child_born_on, OWN_SAY_FROM_YEARS))
    ends = min([ends, *(day_bounds(cap)[0] for cap in caps)])
    if ends <= now:
        raise ValueError("a consent cannot end before it begins")
    return ends


def last_day(until_at: datetime) -> date:
    """Return the last of the hospital's days on which a consent that ends then still holds."""
    return hospital_day(until_at - timedelta(milliseconds=1))
