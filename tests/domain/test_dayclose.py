"""A day's figures and its CSV: what is counted, and that no cell is a formula."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.dayclose import (
    BOM,
    FORMULA_STARTS,
    Line,
    Position,
    csv_text,
    figures,
    groups,
    hours,
    percentile,
    safe_cell,
)

NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def line(state: str = "done", wait: int | None = 10, **other: str) -> Line:
    seen_at = None if wait is None else NINE + timedelta(minutes=wait, seconds=59)
    names = {"department_zh": "内科", "department_en": "Medicine", "doctor_zh": "陈大夫", "doctor_en": "Dr Chen"}
    return Line(**{"ticket": "A001", **names, **other}, state=state, came_at=NINE, seen_at=seen_at)


def test_who_came_was_seen_left_and_did_not_come_are_counted_apart():
    counted = figures(
        [line(), line("serving", 5), line("waiting", None), line("left", None), line("no_show", None),
         Line("", "内科", "", "陈大夫", "", "no_show")]
    )  # fmt: skip
    assert (counted.booked_or_came, counted.came, counted.seen) == (6, 5, 1)
    assert (counted.no_show, counted.left, counted.unfinished) == (2, 1, 2)


def test_waits_are_whole_minutes_by_nearest_rank():
    counted = figures([line(wait=n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 60)])
    assert (counted.wait_median, counted.wait_p90) == (5, 9)
    assert figures([line(wait=None)]).wait_median is None


@given(st.lists(st.integers(0, 500), min_size=1, max_size=60), st.integers(1, 100))
def test_a_percentile_is_a_value_with_that_share_at_or_below_it(waits, share):
    ordered = sorted(waits)
    found = percentile(ordered, share)
    at_or_below = sum(w <= found for w in ordered)
    assert at_or_below * 100 >= share * len(ordered)
    assert sum(w < found for w in ordered) * 100 < share * len(ordered)


def test_a_departments_figures_are_those_of_its_doctors_together():
    lines = [line(doctor_zh="甲"), line(doctor_zh="乙"), line(department_zh="外科", doctor_zh="丙")]
    found = groups(lines)
    assert [(g.department[0], g.doctor and g.doctor[0], g.figures.came) for g in found] == [
        ("内科", None, 2), ("内科", "乙", 1), ("内科", "甲", 1), ("外科", None, 1), ("外科", "丙", 1),
    ]  # fmt: skip


def test_the_hours_are_the_hospitals_and_have_no_holes():
    found = hours([line(wait=150)])
    assert [(h.hour, h.came, h.seen) for h in found] == [(9, 1, 0), (10, 0, 0), (11, 0, 1)]
    assert hours([]) == []


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_what_a_spreadsheet_would_run_is_text(start):
    assert safe_cell(f"{start}1+1") == f"'{start}1+1"
    assert safe_cell(f" {start}1+1").startswith("'")
    assert safe_cell("内科 =1") == "内科 =1"


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_cell_of_the_file_begins_as_a_formula_whatever_the_house_is_called(department, doctor):
    made = csv_text(
        [line(department_zh=department, doctor_zh=doctor)], department, "2026-03-02", Position(7, "ab"), NINE
    )
    assert made.startswith(BOM)
    for row in csv.reader(io.StringIO(made.removeprefix(BOM), newline="")):
        for cell in row:
            assert not cell.lstrip(" \n").startswith(FORMULA_STARTS)


def test_the_file_says_where_the_ledger_stood_and_one_row_for_each():
    made = csv_text([line(), line("left", None)], "明诊", "2026-03-02", Position(7, "ab" * 32), NINE)
    rows = list(csv.reader(io.StringIO(made.removeprefix(BOM))))
    assert rows[:5] == [
        ["clinic", "明诊"], ["day", "2026-03-02"], ["made_at", "2026-03-02T01:00:00Z"], ["ledger_size", "7"],
        ["ledger_root", "ab" * 32],
    ]  # fmt: skip
    assert rows[7] == ["A001", "内科", "陈大夫", "done", "09:00", "09:10", "", "10"]
    assert len(rows) == 9
