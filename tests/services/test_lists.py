"""The lists that everybody looks at every two seconds read what they show, however many years lie in the tables (P1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.calendar import hospital_day
from app.services import boards, booking, clinics, lines

GROWING = ("appointment", "ticket", "slot", "clinic_session", "event", "patient", "link", "visit")

LISTS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "departments": lambda s, w, _who: clinics.departments(s, w.now),
    "days": lambda s, w, _who: clinics.days(s, w.department, w.now),
    "doctors": lambda s, w, _who: clinics.doctors(s, w.department, hospital_day(w.now), w.now),
    "slots": lambda s, w, _who: clinics.slots(s, w.expert, hospital_day(w.now), w.now),
    "whether a slot is taken": lambda s, _w, _who: booking._living_in(s, "none"),
    "my appointments": lambda s, w, who: booking.appointments_of(s, who.actor, w.now),
    "my tickets": lambda s, w, who: lines.tickets_of(s, who.actor, w.now),
    "a doctor's line": lambda s, w, _who: boards.doctor_board(s, w.chen, w.expert, w.now),
    "the desk's board": lambda s, w, _who: boards.desk_board(s, w.desk, w.clinic, w.now),
    "the screen's numbers": lambda s, w, _who: lines.tickets_in(s, w.clinic, w.now),
}


@pytest.mark.parametrize("name", LISTS)
def test_no_list_reads_a_whole_table_that_grows(ward, name):
    who = ward.person()
    ward.waiting(who=who)
    ward.booked(ward.person())
    said: list[str] = []

    with ward.house.reading_session() as session:
        driver = session.connection().connection.driver_connection
        driver.set_trace_callback(said.append)  # every statement that SQLite runs, whoever hands it over
        try:
            LISTS[name](session, ward, who)
        finally:
            driver.set_trace_callback(None)
        asked = [statement for statement in said if statement.startswith("SELECT")]
        plans = [row[3] for statement in asked for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert plans
    assert [plan for plan in plans if any(plan.startswith(f"SCAN {table}") for table in GROWING)] == []
