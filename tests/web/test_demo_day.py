"""The demo's days: whatever the hour, one doctor sits with people waiting, and later days can be booked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.models import ClinicSession
from app.services import clinics
from app.services.demo import coming, day
from app.services.demo import house as demo_house
from app.web.demo.keeping import keep_day


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
