"""Ages, and what the law hangs on them.

PIPL 28 and 31 draw the line at fourteen: below it personal data is sensitive and a guardian decides. From fourteen to
seventeen a person is a minor (Civil Code 17) whose own say counts.
"""

from datetime import date
from enum import StrEnum

OWN_SAY_FROM_YEARS = 14
ADULT_FROM_YEARS = 18


class AgeGroup(StrEnum):
    """Who decides about a person's data."""

    CHILD = "child"  # under 14: the guardian
    MINOR = "minor"  # 14 to 17: the person, with the guardian told what needs telling
    ADULT = "adult"


def age_on(birth_on: date, day_on: date) -> int:
    """Return the whole years lived on `day_on`; a birthday counts from its first minute.

    Who was born on 29 February grows older on 1 March in a common year. Raises ValueError for a day before the birth.
    """
    if day_on < birth_on:
        raise ValueError("nobody has an age before the day of birth")
    had_birthday = (day_on.month, day_on.day) >= (birth_on.month, birth_on.day)
    return day_on.year - birth_on.year - (0 if had_birthday else 1)


def age_group(birth_on: date, day_on: date) -> AgeGroup:
    """Return the group a person belongs to on `day_on`."""
    years = age_on(birth_on, day_on)
    if years < OWN_SAY_FROM_YEARS:
        return AgeGroup.CHILD
    return AgeGroup.MINOR if years < ADULT_FROM_YEARS else AgeGroup.ADULT


def birthday(birth_on: date, years: int) -> date:
    """Return the day on which a person becomes `years` old: for one born on 29 February 1 March in a common year."""
    try:
        return birth_on.replace(year=birth_on.year + years)
    except ValueError:
        return date(birth_on.year + years, 3, 1)


def is_under_age(birth_on: date, day_on: date) -> bool:
    """Return whether the person is under eighteen on `day_on`: somebody may stand in as guardian."""
    return age_group(birth_on, day_on) is not AgeGroup.ADULT


def is_child(birth_on: date, day_on: date) -> bool:
    """Return whether the person is under fourteen on `day_on`."""
    return age_group(birth_on, day_on) is AgeGroup.CHILD
