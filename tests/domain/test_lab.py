from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import lab
from app.domain.errors import LabRangeUnreadable, LabValueUnreadable
from app.domain.lab import Flag, LabValue, ReferenceRange, TrendPoint

decimals = st.decimals("0", "100000", places=2)


@pytest.mark.parametrize(
    ("value", "low", "high", "flag"),
    [
        ("3.89", "3.9", "6.1", Flag.LOW),
        ("3.90", "3.9", "6.1", Flag.NORMAL),
        ("6.1", "3.9", "6.1", Flag.NORMAL),
        ("6.11", "3.9", "6.1", Flag.HIGH),
        ("9", None, "5.2", Flag.HIGH),
        ("0.9", "1.0", None, Flag.LOW),
        ("0.9", None, None, Flag.NORMAL),
    ],
)
def test_both_ends_belong_to_the_range(value, low, high, flag):
    ends = ReferenceRange(low and Decimal(low), high and Decimal(high))
    assert LabValue(Decimal(value), "mmol/L", ends).flag is flag


@pytest.mark.parametrize(
    ("typed", "low", "high"),
    [
        ("3.9-6.1", "3.9", "6.1"),
        ("3.9 ～ 6.1", "3.9", "6.1"),
        ("-2-2", "-2", "2"),
        ("<5.2", None, "5.2"),
        ("≥1.0", "1.0", None),
        ("", None, None),
    ],
)
def test_a_range_is_read_as_laboratories_write_it(typed, low, high):
    assert lab.parse_range(typed) == ReferenceRange(low and Decimal(low), high and Decimal(high))


@pytest.mark.parametrize("typed", ["6.1-3.9", "3.9-", "abc", "1e3-1e4", "3,9-6,1", "nan-1", "1-2-3"])
def test_any_other_form_of_a_range_is_refused(typed):
    with pytest.raises(LabRangeUnreadable):
        lab.parse_range(typed)


@given(st.none() | decimals, st.none() | decimals)
def test_a_range_is_written_and_read_back(low, high):
    if low is not None and high is not None and low > high:
        low, high = high, low
    reference = ReferenceRange(low, high)
    assert lab.parse_range(lab.format_range(reference)) == reference


def test_a_range_that_ends_before_it_begins_is_our_mistake():
    with pytest.raises(ValueError, match="begins"):
        ReferenceRange(Decimal(2), Decimal(1))


@pytest.mark.parametrize("typed", ["", "1e5", "NaN", "Infinity", "1,5", "١", "1_0", "12345678901"])
def test_a_value_is_a_plain_decimal(typed):
    with pytest.raises(LabValueUnreadable):
        lab.parse_value(typed)


def test_a_value_keeps_its_places():
    assert str(lab.parse_value(" 6.10 ")) == "6.10"


def test_a_series_is_in_order_of_time_and_of_one_unit():
    start_at = datetime(2026, 1, 1, tzinfo=UTC)

    def point(days, value, unit="mmol/L"):
        return TrendPoint(start_at + timedelta(days=days), LabValue(Decimal(value), unit))

    series = lab.trend("2345-7", [point(200, "6.8"), point(0, "7.9"), point(100, "126", "mg/dL")])

    assert series.unit == "mmol/L"
    assert [str(p.value.value) for p in series.points] == ["7.9", "6.8"]
    assert lab.trend("2345-7", []) is None
