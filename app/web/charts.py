"""What the pages of a record need beside the record: courses as pictures draw them, days as axes write them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from flask_babel import format_datetime

from app.services.chart import Trend
from app.web.i18n import language_tag


class Drawn(float):
    """A measured value as a number to draw, which prints as it was measured: 6.0 is not 6."""

    def __new__(cls, measured: Decimal) -> Drawn:
        number = super().__new__(cls, measured)
        number.measured = f"{measured:f}"
        return number

    measured: str

    def __str__(self) -> str:
        return self.measured


@dataclass(frozen=True)
class Picture:
    """A trend for the macro `trend_chart`: points (day, number, flag), and the newest value's range."""

    points: list[tuple[str, Drawn, str | None]]
    low: Drawn | None
    high: Drawn | None


def picture(trend: Trend) -> Picture:
    """Return what `trend_chart` draws."""
    newest = trend.points[-1]
    points = [(plain_day(p.at), Drawn(p.number), p.out_of_range) for p in trend.points if p.at and p.number is not None]
    low, high = newest.low, newest.high
    return Picture(points, None if low is None else Drawn(low), None if high is None else Drawn(high))


def plain_day(at: datetime) -> str:
    """Return a day with its year and no weekday: 2026年3月2日, or 2 Mar 2026."""
    return str(format_datetime(at, "d MMM y" if language_tag() == "en" else "y年M月d日"))
