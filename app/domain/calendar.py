"""The hospital's calendar: its days, its clock, and how both are written for people.

The hospital lives in Asia/Shanghai. Instants are stored and passed as aware UTC datetimes (`_at`), days are
hospital-local dates (`_on`). Only this module turns the one into the other.
"""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

HOSPITAL_ZONE = ZoneInfo("Asia/Shanghai")

ONE_DAY = timedelta(days=1)
AROUND_MIDNIGHT = timedelta(
    hours=3
)  # so near to now another day's work is today's too: a session past midnight, or soon after
FIRST_DAY, LAST_DAY = date(2020, 1, 1), date(2199, 12, 31)  # that a page can be asked for


class Language(StrEnum):
    """The two languages that dates are written in; the values are the ones in the `lang` attribute of our pages."""

    CHINESE = "zh"
    ENGLISH = "en"


class HalfDay(StrEnum):
    """Which part of the hospital's day an instant falls in."""

    NIGHT = "night"  # 00:00 to 05:59
    MORNING = "morning"  # 06:00 to 11:59
    AFTERNOON = "afternoon"  # 12:00 to 17:59
    EVENING = "evening"  # 18:00 to 23:59


_HALF_DAYS = (HalfDay.NIGHT, HalfDay.MORNING, HalfDay.AFTERNOON, HalfDay.EVENING)
_HALF_DAY_WORDS = {
    HalfDay.NIGHT: "凌晨",
    HalfDay.MORNING: "上午",
    HalfDay.AFTERNOON: "下午",
    HalfDay.EVENING: "晚上",
}
_WEEKDAYS = {
    Language.CHINESE: ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
    Language.ENGLISH: ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def local(at: datetime) -> datetime:
    """Return the same instant on the hospital's clock.

    Raises ValueError for a naive datetime: that is a mistake of ours, and guessing its zone would move it by hours.
    """
    if at.tzinfo is None:
        raise ValueError("an instant needs its time zone")
    return at.astimezone(HOSPITAL_ZONE)


def hospital_day(at: datetime) -> date:
    """Return the hospital-local day an instant falls on: 16:00 UTC is already the next day."""
    return local(at).date()


def day_bounds(day_on: date) -> tuple[datetime, datetime]:
    """Return when a hospital day begins and when the next one begins, as UTC: begin <= instant < end."""
    return instant(day_on, time()), instant(day_on + ONE_DAY, time())


def parse_day(text: str) -> date | None:
    """Return the day that ISO text names, or None: for none, and for one in a century in which nobody here is seen."""
    try:
        day_on = date.fromisoformat(text)
    except ValueError:
        return None
    return day_on if FIRST_DAY <= day_on <= LAST_DAY else None


def instant(day_on: date, clock: time) -> datetime:
    """Return the UTC instant at which the hospital's clock shows `clock` on `day_on`."""
    return datetime.combine(day_on, clock, HOSPITAL_ZONE).astimezone(UTC)


def half_day(at: datetime) -> HalfDay:
    """Return the part of the hospital's day that `at` falls in."""
    return _HALF_DAYS[local(at).hour // 6]


def format_day(day_on: date, language: Language | str) -> str:
    """Return a day as people read it: `2026年1月5日 周一`, `Mon 5 Jan 2026`."""
    weekday = _WEEKDAYS[Language(language)][day_on.weekday()]
    if Language(language) is Language.CHINESE:
        return f"{day_on.year}年{day_on.month}月{day_on.day}日 {weekday}"
    return f"{weekday} {day_on.day} {_MONTHS[day_on.month - 1]} {day_on.year}"


def format_clock(at: datetime) -> str:
    """Return the hospital's clock in 24 hours: `09:30`."""
    return local(at).strftime("%H:%M")


def format_instant(at: datetime, language: Language | str) -> str:
    """Return day, half day and clock: `2026年1月5日 周一 上午 09:30`, `Mon 5 Jan 2026, 09:30`.

    English leaves the half day out, which a 24-hour clock already says.
    """
    day = format_day(hospital_day(at), language)
    if Language(language) is Language.CHINESE:
        return f"{day} {_HALF_DAY_WORDS[half_day(at)]} {format_clock(at)}"
    return f"{day}, {format_clock(at)}"
