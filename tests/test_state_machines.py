"""docs/state-machines.md says what the tables in the code say: states, what follows, what can be taken back, classes."""

from __future__ import annotations

import re

import pytest

from app import ROOT
from app.domain import booking, orders, prescribing, priorities, queueing
from app.models import Appointment, LabOrder, Ticket

PAGE = (ROOT / "docs" / "state-machines.md").read_text("utf-8")


def rows(heading):
    """Return the cells of the first table below a heading."""
    below = PAGE.split(f"\n## {heading}\n", 1)[1]
    table = re.search(r"(?m)(?:^\|.*\n)+", below).group().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def named(cell):
    return set(re.findall(r"`([a-z_.]+)`", cell))


@pytest.mark.parametrize(
    ("heading", "table"),
    [
        ("Tickets", queueing.TRANSITIONS),
        ("Appointments", booking.TRANSITIONS),
        ("Laboratory orders", orders.TRANSITIONS),
        ("Prescriptions", prescribing.TRANSITIONS),
    ],
)
def test_what_may_follow_is_what_the_page_says(heading, table):
    written = {named(state).pop(): named(following) for state, _, _, following in rows(heading)}
    assert written == {old.value: {new.value for new in following} for old, following in table.items()}


def test_what_can_be_taken_back_is_what_the_page_says():
    written = {}
    for act, ways in rows("Taking back"):
        pairs = set(re.findall(r"`(\w+)` → `(\w+)`", ways)) | {(s, s) for s in re.findall(r"`(\w+)` stays", ways)}
        written[named(act).pop()] = pairs
    assert written == {act: {(a.value, b.value) for a, b in ways} for act, ways in queueing.UNDOES.items()}


def test_every_undo_goes_back_along_an_arrow_or_stays():
    for ways in queueing.UNDOES.values():
        for new, old in ways:
            assert new is old or queueing.is_allowed(old, new)


def test_the_classes_are_what_the_page_says():
    written = {
        named(code).pop(): (rank, named(reasons), named(granted), age)
        for code, rank, reasons, granted, age in rows("Priority classes")
    }
    assert written == {
        known.code: (
            known.rank.name.lower(),
            set(known.reasons),
            set(known.granted_by) or {"ticket.returned"},
            f"from {known.age_from}" if known.age_from else f"below {known.age_below}" if known.age_below else "",
        )
        for known in priorities.CLASSES.values()
    }


@pytest.mark.parametrize(
    ("model", "states"),
    [(Ticket, set(queueing.State)), (Appointment, {*booking.State, "released"}), (LabOrder, set(orders.State))],
    ids=["ticket", "appointment", "lab_order"],
)
def test_the_database_takes_these_states_and_no_other(model, states):
    (check,) = [c for c in model.__table__.constraints if str(c.name or "").endswith("_state")]
    assert set(re.findall(r"'(\w+)'", str(check.sqltext))) == {str(state) for state in states}


def test_the_promise_on_the_page_is_the_one_that_is_tested():
    assert (queueing.most_calls(0), queueing.most_calls(10)) == (2, 17)
    assert "nobody before me, the second; ten before me, the seventeenth" in PAGE
