"""A clinic's day in figures: who came, was seen, left or did not come, and how long they waited; as a table, a chart and a CSV.

Everything is counted from one line for each ticket or missed appointment, and a line names nobody: a ticket's number, a department, a
doctor, and hours.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.calendar import format_clock, local
from app.domain.errors import Conflict

SEEN_STATES = ("done",)
UNFINISHED_STATES = ("waiting", "called", "serving", "away", "missed")
BOM = "﻿"  # without it, spreadsheets read Chinese as another encoding
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class DayNotOver(Conflict):
    """People are still waited for or with a doctor; carries how many (`count`)."""

    code = "day_not_over"


class DayAhead(Conflict):
    """The day has not come yet."""

    code = "day_ahead"


class DayClosed(Conflict):
    """The day was closed before; a closed day is never opened again."""

    code = "day_closed"


@dataclass(frozen=True)
class Line:
    """One who came (`ticket`), or was booked and did not (`ticket` is "" and `state` no_show)."""

    ticket: str
    department_zh: str
    department_en: str
    doctor_zh: str
    doctor_en: str
    state: str
    came_at: datetime | None = None
    seen_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def wait_minutes(self) -> int | None:
        """Whole minutes from check-in to the doctor."""
        if self.came_at is None or self.seen_at is None:
            return None
        return max(0, int((self.seen_at - self.came_at).total_seconds() // 60))


@dataclass(frozen=True)
class Figures:
    """What is counted of some lines. Waits are in minutes, None where nobody was seen."""

    booked_or_came: int
    came: int
    seen: int
    no_show: int
    left: int
    unfinished: int
    wait_median: int | None
    wait_p90: int | None


def figures(lines: Iterable[Line]) -> Figures:
    """Return the figures of lines."""
    every = list(lines)
    waits = sorted(line.wait_minutes for line in every if line.wait_minutes is not None)
    return Figures(
        booked_or_came=len(every),
        came=sum(bool(line.ticket) for line in every),
        seen=sum(line.state in SEEN_STATES for line in every),
        no_show=sum(line.state == "no_show" for line in every),
        left=sum(line.state == "left" for line in every),
        unfinished=sum(line.state in UNFINISHED_STATES for line in every),
        wait_median=percentile(waits, 50),
        wait_p90=percentile(waits, 90),
    )


def percentile(ordered: Sequence[int], share: int) -> int | None:
    """Return the nearest-rank percentile of an ascending sequence: the smallest value with `share` % at or below it."""
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


@dataclass(frozen=True)
class Group:
    """The figures of one doctor, or of a department (then without a doctor)."""

    department: tuple[str, str]
    doctor: tuple[str, str] | None
    figures: Figures


def groups(lines: Sequence[Line]) -> list[Group]:
    """Return each department's figures, its doctors' after them, by name."""
    found = []
    for department in sorted({(line.department_zh, line.department_en) for line in lines}):
        of_it = [line for line in lines if (line.department_zh, line.department_en) == department]
        found.append(Group(department, None, figures(of_it)))
        for doctor in sorted({(line.doctor_zh, line.doctor_en) for line in of_it}):
            theirs = [line for line in of_it if (line.doctor_zh, line.doctor_en) == doctor]
            found.append(Group(department, doctor, figures(theirs)))
    return found


@dataclass(frozen=True)
class Hour:
    """One hour of the day by the hospital's clock: who came and who was seen in it."""

    hour: int
    came: int
    seen: int


def hours(lines: Iterable[Line]) -> list[Hour]:
    """Return the hours from the first in which anything happened to the last."""
    every = list(lines)
    came = [local(line.came_at).hour for line in every if line.came_at]
    seen = [local(line.seen_at).hour for line in every if line.seen_at]
    if not came and not seen:
        return []
    first, last = min([*came, *seen]), max([*came, *seen])
    return [Hour(hour, came.count(hour), seen.count(hour)) for hour in range(first, last + 1)]


# CSV

COLUMNS = ("ticket", "department", "doctor", "state", "came", "seen", "ended", "wait_minutes")


@dataclass(frozen=True)
class Position:
    """Where the ledger stood: the size and root of its newest checkpoint; size 0 and no root before the first."""

    size: int
    root: str


def csv_text(lines: Iterable[Line], clinic: str, day: str, position: Position, made_at: datetime) -> str:
    """Return the day as CSV (RFC 4180, UTF-8 with BOM): a few named values, an empty row, then one row for each line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    about = (
        ("clinic", clinic),
        ("day", day),
        ("made_at", made_at.strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("ledger_size", str(position.size)),
        ("ledger_root", position.root),
    )
    for row in about:
        writer.writerow([safe_cell(cell) for cell in row])
    writer.writerow([])
    writer.writerow(COLUMNS)
    for line in lines:
        wait = line.wait_minutes
        cells = (
            line.ticket, line.department_zh, line.doctor_zh, line.state, _clock(line.came_at), _clock(line.seen_at),
            _clock(line.ended_at), "" if wait is None else str(wait),
        )  # fmt: skip
        writer.writerow([safe_cell(cell) for cell in cells])
    return BOM + out.getvalue()


def safe_cell(value: str) -> str:
    """Return a value that no spreadsheet takes for a formula: OWASP, "CSV Injection". A name can begin with any character."""
    return f"'{value}" if value.lstrip(" \n").startswith(FORMULA_STARTS) else value


def digest(text: str) -> str:
    """Return what binds a CSV to its event: the SHA-256 of its bytes, in hex."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _clock(at: datetime | None) -> str:
    return "" if at is None else format_clock(at)
