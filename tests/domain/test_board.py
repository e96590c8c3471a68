import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.board import Place, WaitLevels, minutes_between, parse_levels, place_of, verbs_of
from app.domain.errors import RuleMalformed
from app.domain.queueing import ACTIVE, State

APPOINTMENTS = ("booked", "checked_in", "in_consult", "completed", "no_show", "cancelled")


@pytest.mark.parametrize(
    ("appointment", "ticket", "place"),
    [
        ("booked", None, Place.EXPECTED),
        ("no_show", None, Place.DONE),
        ("checked_in", "waiting", Place.WAITING),
        ("checked_in", "called", Place.IN_ROOM),
        ("in_consult", "serving", Place.IN_ROOM),
        ("in_consult", "away", Place.AWAY),
        ("checked_in", "missed", Place.MISSED),
        ("cancelled", "left", Place.DONE),
        ("completed", "done", Place.DONE),
    ],
)
def test_a_visit_stands_where_its_ticket_says_once_there_is_one(appointment, ticket, place):
    assert place_of(appointment, ticket) is place


def test_every_state_of_a_ticket_has_its_place_and_who_still_waits_for_something_is_not_done():
    for state in State:
        assert (place_of("checked_in", state.value) is Place.DONE) == (state not in ACTIVE)


def test_what_is_done_offers_nothing_but_taking_the_last_step_back():
    for appointment, ticket in itertools.product(APPOINTMENTS, [s.value for s in State]):
        if place_of(appointment, ticket) is Place.DONE:
            assert verbs_of(appointment, ticket, priority="care") == ()
            assert verbs_of(appointment, ticket, undoable="ticket.left") == ("undo",)


def test_a_class_can_be_taken_away_where_there_is_one():
    assert "withdraw" not in verbs_of("checked_in", "waiting")
    assert verbs_of("checked_in", "waiting", priority="care")[:2] == ("priority", "withdraw")


@pytest.mark.parametrize(("minutes", "level"), [(0, ""), (29, ""), (30, "long"), (59, "long"), (60, "very_long")])
def test_a_wait_is_long_from_thirty_minutes_and_very_long_from_sixty(minutes, level):
    assert WaitLevels().level(minutes) == level


def test_a_clinic_has_its_own_levels_and_the_usual_ones_where_it_says_nothing():
    assert parse_levels({"long_minutes": 10, "very_long_minutes": 20}).level(12) == "long"
    assert parse_levels(None) == WaitLevels()


@pytest.mark.parametrize(
    "wrong",
    [
        {"long_minutes": 0, "very_long_minutes": 20},
        {"long_minutes": 20, "very_long_minutes": 20},
        {"long_minutes": "10", "very_long_minutes": 20},
        {"long_minutes": True, "very_long_minutes": 20},
        {"long_minutes": 10},
        {},
    ],
)
def test_levels_that_are_none_are_refused(wrong):
    with pytest.raises(RuleMalformed):
        parse_levels(wrong)


@given(st.integers(-7200, 7200))
def test_minutes_are_whole_and_never_negative(seconds):
    now = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
    minutes = minutes_between(now, now + timedelta(seconds=seconds))
    assert minutes == max(0, seconds // 60 if seconds >= 0 else 0)
