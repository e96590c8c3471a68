"""The demo's days: whatever the hour, one doctor sits with people waiting, and later days can be booked."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.models import ClinicSession, Ticket
from app.services import clinics, queueing
from app.services.demo import coming, day
from app.services.demo import house as demo_house
from app.web.demo.keeping import begin_day, keep_day


@pytest.fixture
def built(hospital, clock):
    """The demo's house, without anybody's past."""
    hospital.vault.welcome("hospital")
    with hospital.writing_session() as session:
        demo_house.build(session, lambda password: "argon2", clock())
    with hospital.reading_session() as session:
        return demo_house.find(session)


def test_whatever_the_hour_eight_wait_for_a_doctor_who_has_a_slot_soon(hospital, clock, built) -> None:
    for hours in (0, 4, 9, 15, 22, 26, 33):  # of a night, a morning with a planned session, an afternoon with another
        clock.now += timedelta(hours=hours)
        keep_day(hospital)
        with hospital.reading_session() as session:
            lack = day.look(session, built, clock())
            assert lack.is_nothing, hours
            assert session.get_one(ClinicSession, lack.session_id).room_id in built.rooms[:2]
            assert day.who_sits(session, built, clock()) & set(day.DOCTORS)


def sessions_and_waiting(hospital) -> tuple[int, int]:
    with hospital.reading_session() as session:
        sittings = session.scalar(select(func.count()).select_from(ClinicSession))
        waiting = session.scalar(select(func.count()).select_from(Ticket).where(Ticket.state == "waiting"))
    return int(sittings or 0), int(waiting or 0)


def test_the_clock_opens_the_next_session_and_leaves_one_that_runs_alone(hospital, clock, built) -> None:
    assert begin_day(hospital) == 1
    first = sessions_and_waiting(hospital)
    assert first[1] == day.WAITING
    assert begin_day(hospital) == 0
    with hospital.reading_session() as session:
        session_id = day.look(session, built, clock()).session_id
    with hospital.writing_session() as session:
        doctor = next(
            d for d in built.doctors.values() if d.ref == session.get_one(ClinicSession, session_id).clinician_ref
        )
        queueing.call_next(session, doctor, session_id, clock())
    assert begin_day(hospital) == 0 and sessions_and_waiting(hospital) == (first[0], day.WAITING - 1)
    clock.now += timedelta(days=3)
    assert begin_day(hospital) == 1
    with hospital.reading_session() as session:
        assert day.look(session, built, clock()).is_nothing


def test_before_the_demo_is_there_the_clock_does_nothing(hospital) -> None:
    assert begin_day(hospital) == 0 and sessions_and_waiting(hospital) == (0, 0)


def test_two_who_keep_the_day_at_once_open_one_session_for_eight(hospital, clock, built) -> None:
    """A page of the demo and the work of the clock, in two processes: both find the day over, then take turns."""
    both_looked = threading.Barrier(2, timeout=60)
    look, looked = day.look, threading.local()

    def look_together(*arguments):
        found = look(*arguments)
        if not getattr(looked, "once", False):
            looked.once = True
            both_looked.wait()
        return found

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as crew:
        patch.setattr(day, "look", look_together)
        for one in [crew.submit(keep_day, hospital) for _ in range(2)]:
            one.result(60)
    with hospital.reading_session() as session:
        running = session.scalars(select(ClinicSession).where(ClinicSession.room_id.in_(built.rooms[:2]))).all()
        assert len(running) == 1 and sessions_and_waiting(hospital)[1] == day.WAITING


def test_the_next_three_days_have_slots_for_children_and_for_adults_planned_once(hospital, clock, built) -> None:
    keep_day(hospital)
    keep_day(hospital)
    with hospital.reading_session() as session:
        sittings = session.scalars(select(ClinicSession).where(ClinicSession.room_id == built.rooms[coming.ROOM])).all()
        assert len(sittings) == 2 * coming.DAYS
        assert {s.department_id for s in sittings} == {built.children, built.internal}
        assert min(s.starts_at for s in sittings) > clock()
        for sitting in sittings:
            assert any(slot.is_free for slot in clinics.slots(session, sitting.id, sitting.day_on, clock()))


def test_the_page_names_who_sits_before_those_who_have_nobody_to_call(hospital, clock, built, browser) -> None:
    keep_day(hospital)
    page = browser.get("/demo").get_data(as_text=True)
    with hospital.reading_session() as session:
        sitting = day.who_sits(session, built, clock())
    doctors = re.findall(r'action="/demo/work/(doctor\.\w+)"', page)
    assert sitting and set(doctors[: len(sitting)]) == sitting
    assert page.count("出诊中") == len(sitting)
