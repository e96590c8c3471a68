"""The numbers of a clinic's rules: which groups there are, between what bounds each number lies, and what was typed for them.

A rule's own module says what it does and what is usual; the bounds here keep an admin from a number that nobody means: a hold
below ten minutes, an emergency of a week.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from types import MappingProxyType
from typing import Any

from app.domain.board import WaitLevels
from app.domain.booking import BookingRule, Scope
from app.domain.break_glass import BreakGlassRule
from app.domain.stopping import MoveRule
from app.domain.strikes import StrikeRule
from app.domain.waitlist import WaitlistRule

Rule = BookingRule | WaitlistRule | StrikeRule | MoveRule | WaitLevels | BreakGlassRule
KINDS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "booking": BookingRule,
        "waitlist": WaitlistRule,
        "strikes": StrikeRule,
        "moving": MoveRule,
        "waits": WaitLevels,
        "break_glass": BreakGlassRule,
    }
)


@dataclass(frozen=True)
class Bound:
    """The whole numbers that a field takes, both ends included. `may_be_empty`: without one the rule goes another way."""

    least: int
    most: int
    may_be_empty: bool = False


BOUNDS: Mapping[str, Mapping[str, Bound]] = MappingProxyType(
    {
        "booking": {
            "hold_minutes": Bound(10, 60),
            "days_ahead": Bound(0, 90),
            "cancel_minutes_before": Bound(0, 1440),
            "cancel_days_before": Bound(0, 14, may_be_empty=True),
            "account_per_day": Bound(1, 50),
            "device_per_day": Bound(1, 200),
            "holds_at_once": Bound(1, 20),
            "release_least_minutes": Bound(0, 120),
            "release_most_minutes": Bound(0, 240),
        },
        "waitlist": {
            "answer_minutes": Bound(5, 240),
            "least_answer_minutes": Bound(1, 60),
            "stop_minutes": Bound(0, 1440),
            "most_waiting": Bound(0, 500),
            "per_account": Bound(1, 50),
        },
        "strikes": {
            "count": Bound(0, 20),
            "period_days": Bound(1, 730),
            "ban_days": Bound(1, 365),
            "late_cancel_minutes": Bound(0, 2880),
            "free_late_cancels": Bound(0, 20),
            "late_cancel_days": Bound(1, 365),
            "clinician_late_minutes": Bound(1, 240),
        },
        "moving": {"answer_minutes": Bound(10, 2880), "notice_minutes": Bound(0, 1440)},
        "waits": {"long_minutes": Bound(1, 600), "very_long_minutes": Bound(2, 600)},
        "break_glass": {"minutes": Bound(15, 1440)},
    }
)
# Which number may not be smaller than which, by group: (the larger, the smaller, whether they may be equal).
ORDER: Mapping[str, tuple[str, str, bool]] = MappingProxyType(
    {
        "booking": ("release_most_minutes", "release_least_minutes", True),
        "waitlist": ("answer_minutes", "least_answer_minutes", True),
        "waits": ("very_long_minutes", "long_minutes", False),
    }
)
CLOCK, SCOPE = "cancel_until", "one_per"  # the two fields of booking that are no numbers

_CLOCK = re.compile("(?:[01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True)
class Wrong:
    """What is the matter with a field. `kind`: number (not within the bounds), clock, choice, order (below `other`)."""

    kind: str
    bound: Bound | None = None
    other: str = ""


def usual(group: str) -> Any:
    """Return the rule of a clinic that changed nothing."""
    return KINDS[group]()


def parse_typed(group: str, typed: Mapping[str, str]) -> tuple[Any | None, dict[str, Wrong]]:
    """Return (the rule, {}) as it was typed, or (None, what is wrong by field). A field that is not there counts as empty."""
    values: dict[str, Any] = {}
    wrong: dict[str, Wrong] = {}
    for name, bound in BOUNDS[group].items():
        text = typed.get(name, "").strip()
        if not text and bound.may_be_empty:
            values[name] = None
        elif re.fullmatch("[0-9]{1,5}", text) and bound.least <= int(text) <= bound.most:
            values[name] = int(text)
        else:
            wrong[name] = Wrong("number", bound)
    if group == "booking":
        clock, scope = typed.get(CLOCK, "").strip(), typed.get(SCOPE, "")
        if _CLOCK.fullmatch(clock):
            values[CLOCK] = time.fromisoformat(clock)
        else:
            wrong[CLOCK] = Wrong("clock")
        if scope in set(Scope):
            values[SCOPE] = Scope(scope)
        else:
            wrong[SCOPE] = Wrong("choice")
    if group in ORDER and not wrong:
        larger, smaller, may_equal = ORDER[group]
        if values[larger] < values[smaller] or (values[larger] == values[smaller] and not may_equal):
            wrong[larger] = Wrong("order", other=smaller)
    return (None, wrong) if wrong else (KINDS[group](**values), {})


def format_typed(rule: Rule) -> dict[str, str]:
    """Return the rule as its form shows it: what `parse_typed` reads as the same rule again."""
    found = {}
    for name, value in vars(rule).items():
        if isinstance(value, time):
            found[name] = value.strftime("%H:%M")
        else:
            found[name] = "" if value is None else str(value)
    return found


def changed(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[str, str]:
    """Return what differs, before and after, as an event says it: "ban_days=30 count=3", sorted by name; both empty where
    nothing does."""
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))

    def said(rule: Mapping[str, object]) -> str:
        return " ".join(f"{name}={'-' if rule.get(name) is None else rule[name]}" for name in names)

    return said(old), said(new)
