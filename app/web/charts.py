"""What the pages of a record need beside the record: courses as pictures draw them, days as axes write them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from flask_babel import format_datetime

from app.services.chart import Trend
from app.web.i18n import language_tag

MOST_NUMBERS = 6  # beside the dots of one picture; more would hide the line
LEAST_ROOM = 0.14  # of the picture's width, between two numbers: "10.25" at its size


class Drawn(float):
    """A measured value as a number to draw, which prints as it was measured: 6.0 is not 6."""

    def __new__(cls, measured: Decimal) -> Drawn:
        number = super().__new__(cls, measured)
        number.measured = f"{measured:f}"
        return number

    measured: str

    def __str__(self) -> str:
        return self.measured


class Point(NamedTuple):
    """One value of a course. `along` is when it was measured: 0 the first, 1 the last, a year as wide as twelve months.
    `is_told` if its number has room beside its dot; the table tells all."""

    day: str
    number: Drawn
    flag: str | None
    along: float
    is_told: bool


@dataclass(frozen=True)
class Picture:
    """A trend for the macro `trend_chart`: its points, oldest first, and the newest value's range."""

    points: list[Point]
    low: Drawn | None
    high: Drawn | None


def picture(trend: Trend) -> Picture:
    """Return what `trend_chart` draws."""
    newest = trend.points[-1]
    measured = [(p.at, Drawn(p.number), p.out_of_range) for p in trend.points if p.at and p.number is not None]
    along = in_time([at for at, _, _ in measured])
    points = [
        Point(plain_day(at), number, flag, place, is_told)
        for (at, number, flag), place, is_told in zip(measured, along, with_room(along), strict=True)
    ]
    low, high = newest.low, newest.high
    return Picture(points, None if low is None else Drawn(low), None if high is None else Drawn(high))


def in_time(instants: list[datetime]) -> list[float]:
    """Return where each of the instants, which are in order, lies between the first (0) and the last (1); spaced evenly if
    they are all the same one."""
    if not instants:
        return []
    span = instants[-1] - instants[0]
    if not span:
        return [index / max(1, len(instants) - 1) for index in range(len(instants))]
    return [(at - instants[0]) / span for at in instants]


def with_room(along: list[float]) -> list[bool]:
    """Return which places of a picture have room for a number: the first and the last, and if there are few those between
    that stand far enough from both neighbours that have one."""
    last = len(along) - 1
    told, taken = [], 0.0
    for index, place in enumerate(along):
        between = last < MOST_NUMBERS and place - taken >= LEAST_ROOM and along[last] - place >= LEAST_ROOM
        told.append(index in (0, last) or between)
        taken = place if told[-1] else taken
    return told


def plain_day(at: datetime) -> str:
    """Return a day with its year and no weekday: 2026年3月2日, or 2 Mar 2026."""
    return str(format_datetime(at, "d MMM y" if language_tag() == "en" else "y年M月d日"))
