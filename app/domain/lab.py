"""Laboratory values: number, unit, reference range, flag, and one series over time.

Values are decimals, never floats: 6.10 measured to two places is not 6.1. Units are UCUM text and only ever compared
whole: two values with different units share no series.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from app.domain.errors import LabRangeUnreadable, LabValueUnreadable

_DECIMAL = r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?"
_BETWEEN = re.compile(rf"({_DECIMAL})\s*[-–~～]\s*({_DECIMAL})")
_BELOW = re.compile(rf"(?:<|≤|<=)\s*({_DECIMAL})")
_ABOVE = re.compile(rf"(?:>|≥|>=)\s*({_DECIMAL})")


class Flag(StrEnum):
    """As HL7's interpretation codes spell it. The page adds an arrow and a word, so that colour is never alone."""

    LOW = "L"
    HIGH = "H"
    NORMAL = "N"


@dataclass(frozen=True)
class ReferenceRange:
    """Both ends belong to the range; an end that is None is open."""

    low: Decimal | None = None
    high: Decimal | None = None

    def __post_init__(self) -> None:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("a range begins below its end")


@dataclass(frozen=True)
class LabValue:
    """One measured value."""

    value: Decimal
    unit: str
    range: ReferenceRange = ReferenceRange()

    @property
    def flag(self) -> Flag:
        return flag(self.value, self.range.low, self.range.high)


@dataclass(frozen=True)
class TrendPoint:
    """One value of a series, and when it was measured."""

    at: datetime
    value: LabValue


@dataclass(frozen=True)
class Trend:
    """Values of one analyte in one unit, the oldest first."""

    code: str
    unit: str
    points: tuple[TrendPoint, ...]


def flag(value: Decimal, low: Decimal | None, high: Decimal | None) -> Flag:
    """Return whether `value` lies below, above or inside its reference range."""
    if low is not None and value < low:
        return Flag.LOW
    if high is not None and value > high:
        return Flag.HIGH
    return Flag.NORMAL


def trend(code: str, points: Iterable[TrendPoint]) -> Trend | None:
    """Return the series of the newest point's unit, or None without points; values in other units are left out."""
    by_time = sorted(points, key=lambda point: point.at)
    if not by_time:
        return None
    unit = by_time[-1].value.unit
    return Trend(code, unit, tuple(point for point in by_time if point.value.unit == unit))


def parse_value(text: str, field: str = "value") -> Decimal:
    """Return a typed value. Raises LabValueUnreadable for anything but a plain decimal (no exponent, no NaN)."""
    if not re.fullmatch(_DECIMAL, text.strip()):
        raise LabValueUnreadable(field)
    return Decimal(text.strip())


def parse_range(text: str, field: str = "range") -> ReferenceRange:
    """Return the range written `3.9-6.1`, `<5.2`, `>1.0`, or the open one for an empty text.

    Raises LabRangeUnreadable for any other form, and for a range that ends below its beginning.
    """
    typed = text.strip()
    if not typed:
        return ReferenceRange()
    if match := _BETWEEN.fullmatch(typed):
        low, high = Decimal(match[1]), Decimal(match[2])
        if low > high:
            raise LabRangeUnreadable(field)
        return ReferenceRange(low, high)
    if match := _BELOW.fullmatch(typed):
        return ReferenceRange(high=Decimal(match[1]))
    if match := _ABOVE.fullmatch(typed):
        return ReferenceRange(low=Decimal(match[1]))
    raise LabRangeUnreadable(field)


def format_range(reference: ReferenceRange) -> str:
    """Return `3.9-6.1`, `≤5.2`, `≥1.0`, or an empty text for a range open at both ends."""
    if reference.low is not None and reference.high is not None:
        return f"{reference.low:f}-{reference.high:f}"
    if reference.high is not None:
        return f"≤{reference.high:f}"
    return f"≥{reference.low:f}" if reference.low is not None else ""
