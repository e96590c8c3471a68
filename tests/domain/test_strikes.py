from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import strikes
from app.domain.strikes import DENIED_FOR, UPHELD_FOR, DecisionReason, Excuse, StrikeRule

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
RULE = StrikeRule()  # three in 90 days rest it for 30


def test_two_strikes_rest_nothing_and_the_third_rests_booking_for_thirty_days():
    two = [NOW - 40 * DAY, NOW - 20 * DAY]
    assert strikes.ban_ends_at(RULE, two, NOW) is None
    assert strikes.ban_ends_at(RULE, [*two, NOW - DAY], NOW) == NOW + 29 * DAY


def test_strikes_too_far_apart_do_not_add_up():
    assert strikes.ban_ends_at(RULE, [NOW - 95 * DAY, NOW - 20 * DAY, NOW - DAY], NOW) is None


def test_a_rest_ends_by_itself():
    happened = [NOW, NOW + DAY, NOW + 2 * DAY]
    assert strikes.ban_ends_at(RULE, happened, NOW + 31 * DAY) == NOW + 32 * DAY
    assert strikes.ban_ends_at(RULE, happened, NOW + 32 * DAY) is None


def test_a_hospital_that_strikes_nobody_sets_the_count_to_none():
    assert strikes.ban_ends_at(StrikeRule(count=0), [NOW] * 9, NOW) is None


@given(days=st.lists(st.integers(0, 200), max_size=8), lifted=st.integers(0, 7))
def test_a_strike_that_is_lifted_never_makes_a_rest_longer(days, lifted):
    happened = [NOW - day * DAY for day in days]
    fewer = happened[:lifted] + happened[lifted + 1 :]
    ends_at, shorter = strikes.ban_ends_at(RULE, happened, NOW), strikes.ban_ends_at(RULE, fewer, NOW)
    assert shorter is None or (ends_at is not None and shorter <= ends_at)


@pytest.mark.parametrize(("before", "is_late"), [(119, True), (120, False), (0, True), (-5, True)])
def test_cancelling_is_late_within_two_hours_of_the_start(before, is_late):
    assert strikes.is_late_cancel(RULE, NOW, NOW - timedelta(minutes=before)) is is_late


@pytest.mark.parametrize(
    ("stopped", "late", "excuse"),
    [(False, 0, None), (False, 19, None), (False, 20, Excuse.CLINICIAN_LATE), (True, 0, Excuse.STOPPED)],
)
def test_what_was_the_hospitals_doing_excuses(stopped, late, excuse):
    assert strikes.excuse_of(RULE, is_stopped=stopped, clinician_late_minutes=late) is excuse


def test_a_rule_of_no_minutes_does_not_excuse_everybody():
    rule = StrikeRule(clinician_late_minutes=0)
    assert strikes.excuse_of(rule, is_stopped=False, clinician_late_minutes=0) is None


def test_every_decision_is_either_for_or_against():
    assert sorted(UPHELD_FOR + DENIED_FOR) == sorted(DecisionReason)
    assert not set(UPHELD_FOR) & set(DENIED_FOR)
