from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import calendar
from app.domain.calendar import HalfDay


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "day_on"),
    [
        (utc(2026, 1, 4, 15, 59, 59, 999999), date(2026, 1, 4)),
        (utc(2026, 1, 4, 16, 0), date(2026, 1, 5)),
        (utc(2026, 12, 31, 16, 0), date(2027, 1, 1)),
    ],
)
def test_the_hospitals_day_changes_at_16_utc(at, day_on):
    assert calendar.hospital_day(at) == day_on


def test_an_instant_without_a_zone_is_our_mistake():
    with pytest.raises(ValueError, match="time zone"):
        calendar.local(datetime(2026, 1, 5))


@given(st.datetimes(datetime(1992, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_every_instant_lies_inside_the_bounds_of_its_own_day(at):
    begins_at, ends_at = calendar.day_bounds(calendar.hospital_day(at))

    assert begins_at <= at < ends_at
    assert ends_at - begins_at == timedelta(days=1)
    assert begins_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("hour", "words"), [(0, "凌晨 00:30"), (6, "上午 06:30"), (9, "上午 09:30"), (12, "下午 12:30"), (18, "晚上 18:30")]
)
def test_chinese_names_the_half_day_and_keeps_24_hours(hour, words):
    at = calendar.instant(date(2026, 1, 5), time(hour, 30))
    assert calendar.format_instant(at, "zh") == f"2026年1月5日 周一 {words}"


def test_english_says_the_same_instant():
    assert calendar.format_instant(utc(2026, 1, 5, 1, 30), "en") == "Mon 5 Jan 2026, 09:30"


def test_a_week_has_its_seven_names():
    days = [date(2026, 1, 5) + timedelta(days=n) for n in range(7)]
    assert [calendar.format_day(d, "zh")[-1] for d in days] == list("一二三四五六日")
    assert [calendar.format_day(d, "en")[:3] for d in days] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def test_half_days_begin_on_the_hospitals_clock():
    assert calendar.half_day(utc(2026, 1, 5, 3, 59)) is HalfDay.MORNING
    assert calendar.half_day(utc(2026, 1, 5, 4, 0)) is HalfDay.AFTERNOON
    assert calendar.half_day(utc(2026, 1, 4, 16, 0)) is HalfDay.NIGHT
