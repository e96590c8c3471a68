"""Laboratory orders: which state follows which, and how a value is judged for the person it was measured in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import orders
from app.domain.documents import Sex
from app.domain.errors import BadInput, LabValueUnreadable
from app.domain.orders import OrderMoved, State

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
HAEMOGLOBIN, POTASSIUM = orders.ANALYTES["718-7"], orders.ANALYTES["2823-3"]


@pytest.mark.parametrize("old", State)
@pytest.mark.parametrize("new", State)
def test_a_move_that_the_table_does_not_name_is_refused_with_the_present_state(old, new):
    if new in orders.TRANSITIONS[old]:
        orders.require_move(old, new)
    else:
        with pytest.raises(OrderMoved) as moved:
            orders.require_move(old, new)
        assert moved.value.facts["state"] == old.value


@given(st.lists(st.sampled_from(State), max_size=12))
def test_whatever_is_pressed_a_final_report_is_never_taken_back(wanted):
    """Nothing but an amendment follows what was signed as final, and nothing at all a cancellation."""
    state, been = State.ORDERED, []
    for new in wanted:
        try:
            orders.require_move(state, new)
        except OrderMoved:
            continue
        state = new
        been.append(new)
    for before, after in pairwise(been):
        if before in (State.FINAL, State.AMENDED):
            assert after is State.AMENDED
        assert before is not State.CANCELLED


@pytest.mark.parametrize(
    ("sex", "age", "said"),
    [
        (Sex.MALE, 40, ("130", "175")), (Sex.FEMALE, 40, ("115", "150")), (Sex.MALE, 18, ("130", "175")),
        (Sex.MALE, 17, ("129", "172")), (Sex.FEMALE, 8, ("118", "156")), (Sex.UNKNOWN, 8, ("118", "156")),
    ],
)  # fmt: skip
def test_the_range_is_the_one_for_this_sex_and_age(sex, age, said):
    found = orders.range_for(HAEMOGLOBIN, sex, age)
    assert (found.low, found.high) == tuple(map(Decimal, said))


@pytest.mark.parametrize(("sex", "age"), [(Sex.UNKNOWN, 40), (Sex.OTHER, 40), (Sex.MALE, None), (Sex.MALE, 1)])
def test_without_an_agreed_range_nothing_is_called_normal(sex, age):
    assert orders.result(HAEMOGLOBIN, "140", sex, age)["flag"] is None


@pytest.mark.parametrize(
    ("value", "flag"),
    [("2.7", "LL"), ("2.8", "L"), ("3.4", "L"), ("3.5", "N"), ("5.3", "N"), ("5.4", "H"), ("6.2", "H"), ("6.3", "HH")],
)
def test_a_value_is_flagged_at_the_edges_of_range_and_critical_limits(value, flag):
    assert orders.result(POTASSIUM, value, Sex.FEMALE, 40)["flag"] == flag


def test_a_critical_value_is_said_also_where_there_is_no_range():
    assert orders.result(HAEMOGLOBIN, "40", Sex.UNKNOWN, None)["flag"] == "LL"


@given(st.sampled_from(list(orders.ANALYTES.values())), st.sampled_from(Sex), st.integers(0, 110) | st.none())
def test_nobody_has_two_ranges_for_one_analyte(analyte, sex, age):
    """The bands of one analyte never overlap: the first that fits is the only one."""
    fits = [
        band
        for band in analyte.bands
        if band.sex in (None, sex) and age is not None and band.from_years <= age < band.below_years
    ]
    assert len(fits) <= 1


def test_a_result_in_words_is_one_of_the_two():
    rpr = orders.ANALYTES["20507-0"]
    assert orders.result(rpr, "positive", Sex.MALE, 40)["flag"] == "A"
    assert orders.result(rpr, "negative", Sex.MALE, 40)["value_en"] == "Negative"
    for typed in ("", "阳性", "1"):
        with pytest.raises(BadInput) as wrong:
            orders.result(rpr, typed, Sex.MALE, 40)
        assert wrong.value.field == "20507-0"


@pytest.mark.parametrize("typed", ["", "high", "1e3", "NaN", "5,1", "٥"])
def test_what_is_no_plain_number_is_refused_at_its_own_field(typed):
    with pytest.raises(LabValueUnreadable) as wrong:
        orders.result(POTASSIUM, typed, Sex.MALE, 40)
    assert wrong.value.field == "2823-3"


def test_every_panel_measures_what_there_is_from_a_sample_that_there_is_by_a_rule_that_there_is():
    for panel in orders.PANELS.values():
        assert set(panel.tests) <= set(orders.ANALYTES) and panel.sample in orders.SAMPLES
        assert panel.release in orders.RELEASES
    with pytest.raises(BadInput):
        orders.parse_panels(["58410-2", "none"])
    with pytest.raises(BadInput):
        orders.parse_panels([])


def test_the_strictest_rule_holds_for_a_report_of_several_panels():
    assert orders.shown_from(["58410-2"], NOW) == NOW
    assert orders.shown_from(["58410-2", "20507-0"], NOW) == NOW + timedelta(days=3)


def test_a_change_is_what_is_written_otherwise_even_by_a_zero():
    assert orders.changes({"a": "6.1", "b": "5"}, {"a": "6.10", "b": "5"}) == (orders.Change("a", "6.1", "6.10"),)
