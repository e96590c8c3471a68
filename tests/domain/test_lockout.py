"""What may be tried: bounded in every hour, whoever guesses and however patiently; and when a page counts as left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import lockout
from app.domain.lockout import KNOWN_DEVICE, OTHER_DEVICES, Patience

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
NO_WAIT = timedelta(0)


@pytest.mark.parametrize("patience", [KNOWN_DEVICE, OTHER_DEVICES])
@given(pauses=st.lists(st.integers(0, 1200), min_size=1, max_size=120))
@settings(max_examples=60)
def test_no_hour_has_more_tries_than_the_rule_says_however_they_are_timed(
    patience: Patience, pauses: list[int]
) -> None:
    tried: list[datetime] = []
    now = NOW
    for pause in pauses:
        now += timedelta(seconds=pause)
        if lockout.wait_for(patience, tried, now) <= NO_WAIT:
            tried.append(now)
    for first in tried:
        assert sum(first <= at < first + lockout.HOUR for at in tried) <= patience.most_per_hour


@pytest.mark.parametrize("patience", [KNOWN_DEVICE, OTHER_DEVICES])
def test_the_first_mistakes_cost_nothing_then_each_doubles_the_wait(patience: Patience) -> None:
    tried: list[datetime] = []
    waits = []
    now = NOW
    for _ in range(patience.most_per_hour):
        wait = max(lockout.wait_for(patience, tried, now), NO_WAIT)
        waits.append(wait)
        now += wait
        tried.append(now)
    assert waits[: patience.free] == [NO_WAIT] * patience.free
    grown = waits[patience.free :]
    assert grown[0] == patience.first_wait and grown[1] == 2 * patience.first_wait
    assert all(wait >= earlier for earlier, wait in pairwise(grown) if wait < patience.longest_wait)


def test_whoever_waits_as_told_may_try_again() -> None:
    tried = [NOW + timedelta(seconds=s) for s in range(OTHER_DEVICES.most_per_hour)]
    wait = lockout.wait_for(OTHER_DEVICES, tried, tried[-1])
    assert NO_WAIT < wait <= lockout.HOUR
    assert lockout.wait_for(OTHER_DEVICES, tried, tried[-1] + lockout.HOUR) <= NO_WAIT


def test_what_was_wrong_an_hour_ago_is_forgotten() -> None:
    tried = [NOW - lockout.HOUR] * 50
    assert lockout.wait_for(OTHER_DEVICES, tried, NOW) <= NO_WAIT


def test_the_desk_locks_after_five_minutes_and_several_roles_after_the_shortest_of_theirs() -> None:
    assert lockout.lock_after({"desk"}) == timedelta(minutes=5)
    assert lockout.lock_after({"doctor", "desk"}) == timedelta(minutes=5)
    assert lockout.lock_after({"doctor"}) > timedelta(minutes=5)
    assert lockout.lock_after({"nobody heard of this"}) == timedelta(minutes=5)
    left = timedelta(minutes=5) + lockout.TOUCHES_TOLD_EVERY
    assert lockout.is_left_alone({"desk"}, NOW, NOW + left)
    assert not lockout.is_left_alone({"desk"}, NOW, NOW + left - timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("hours", "tries", "roles", "is_good"),
    [
        (0, 0, {"desk"}, True),
        (11.99, 4, {"desk"}, True),
        (12, 0, {"desk"}, False),
        (0, 5, {"desk"}, False),
        (0, 0, {"admin"}, False),
        (0, 0, {"desk", "auditor"}, False),
        (-1, 0, {"desk"}, False),
    ],
)
def test_a_pin_opens_a_device_for_twelve_hours_and_five_tries_and_never_goes_around_a_second_factor(
    hours: float, tries: int, roles: set[str], is_good: bool
) -> None:
    assert lockout.is_pin_good(NOW - timedelta(hours=hours), tries, roles, NOW) is is_good
    assert not lockout.is_pin_good(None, 0, roles, NOW)
