"""A course is drawn true to time, and no number of it lies over another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.web.charts import LEAST_ROOM, MOST_NUMBERS, in_time, with_room

FIRST = datetime(2025, 3, 2, 9, 0, tzinfo=UTC)
days = st.lists(st.integers(0, 400), min_size=1, max_size=12).map(sorted)


def at(*days_after: int) -> list[datetime]:
    return [FIRST + timedelta(days=day) for day in days_after]


def test_a_year_is_as_wide_as_twelve_months() -> None:
    assert in_time(at(0, 10, 100, 400)) == [0, 0.025, 0.25, 1]


def test_values_of_one_instant_stand_beside_each_other() -> None:
    assert in_time(at(5, 5, 5)) == [0, 0.5, 1] and in_time(at(5)) == [0] and in_time([]) == []


def test_numbers_stand_where_they_have_room_and_always_at_both_ends() -> None:
    assert with_room(in_time(at(0, 10, 100, 200, 390, 400))) == [True, False, True, True, False, True]
    assert with_room(in_time(at(0, 60, 120, 180, 240, 300, 400))) == [True, *[False] * 5, True]


@given(days)
def test_no_number_lies_over_another(after: list[int]) -> None:
    along = in_time(at(*after))
    assert along == sorted(along) and along[0] == 0 and (along[-1] == 1 or len(along) == 1)
    told = with_room(along)
    places = [place for place, is_told in zip(along, told, strict=True) if is_told]
    assert told[0] and told[-1] and len(places) <= MOST_NUMBERS
    assert all(right - left >= LEAST_ROOM for left, right in pairwise(places))
