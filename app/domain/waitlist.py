"""Waiting for a slot of a full day (候补): who comes first, how long an offer stands, and when none is made any more.

An offer is a hold. That it ran out is computed from the clock, never stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.errors import Conflict, Refused

SHARE_OF_THE_TIME_LEFT = 6  # an offer takes no more than this part of the time until the slot begins


class WaitlistNotNeeded(Refused):
    """There are free slots: one may book at once."""

    code = "waitlist_not_needed"


class WaitlistClosed(Refused):
    """So near to the last slot nothing is offered any more."""

    code = "waitlist_closed"


class WaitlistFull(Refused):
    """As many as the rule allows wait already; `limit` of them, or of one account's where `scope` is "account"."""

    code = "waitlist_full"


class OfferOver(Conflict):
    """The entry has no offer that could be accepted: it ran out, was taken, or never came."""

    code = "offer_over"


@dataclass(frozen=True)
class WaitlistRule:
    """One clinic's rule, in minutes and heads.

    An offer stands for `answer_minutes`, near the start for a sixth of the time left, `least_answer_minutes` at least. None is
    made within `stop_minutes` of the slot: nobody could come. `most_waiting` stand in the line of a department and day.
    """

    answer_minutes: int = 15
    least_answer_minutes: int = 5
    stop_minutes: int = 30
    most_waiting: int = 30
    per_account: int = 6


@dataclass(frozen=True)
class InLine:
    """Somebody in the line of a department and day; `session_id` none takes any doctor."""

    place: int
    session_id: str | None


def offer_ends_at(rule: WaitlistRule, starts_at: datetime, now: datetime) -> datetime | None:
    """Return until when an offer made now stands; None where the slot begins too soon to offer it."""
    left = starts_at - now
    if left <= timedelta(minutes=rule.stop_minutes):
        return None
    longest = timedelta(minutes=rule.answer_minutes)
    least = timedelta(minutes=rule.least_answer_minutes)
    return now + min(longest, max(least, left / SHARE_OF_THE_TIME_LEFT), left)


def serves(waiting: InLine, session_id: str) -> bool:
    """Return whether a slot of this session is what somebody waits for."""
    return waiting.session_id is None or waiting.session_id == session_id


def ahead_of(entry: InLine, line: Iterable[InLine]) -> int:
    """Return how many are offered a slot before `entry`: those who came earlier and wait for what it waits for."""
    return sum(
        1
        for other in line
        if other.place < entry.place and (entry.session_id is None or serves(other, entry.session_id))
    )


def next_for(session_id: str, line: Iterable[InLine]) -> list[InLine]:
    """Return those who wait for a slot of this session, in the order in which they are offered one."""
    return sorted((one for one in line if serves(one, session_id)), key=lambda one: one.place)
