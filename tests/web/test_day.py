"""The day in figures: what the page says equals what was recorded, and a closed day never changes."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from datetime import datetime, timedelta
from statistics import median

import pytest
from sqlalchemy import select

from app.domain.actor import SYSTEM, Actor
from app.domain.dayclose import BOM, percentile
from app.models import Event
from app.services import calling, dayclose, moving, staff
from tests.fixtures_visit import Ward
from tests.sealed import until_sealed

DAY = "2026-03-02"


@pytest.fixture
def admin(ward: Ward) -> Actor:
    with ward.house.writing_session() as session:
        ref = staff.create(
            session, SYSTEM, ward.now, login="admin", password_hash="none", name_zh="管理员", name_en="Admin",
            role="admin", clinic_id=ward.clinic,
        )  # fmt: skip
    return Actor("staff", ref, "admin", "sitting-admin", frozenset({ward.clinic}))


def live_a_day(ward: Ward) -> None:
    """Four come, two are seen, one leaves, one waits; one was booked and does not come."""
    tickets = [ward.waiting(ward.expert) for _ in range(4)]
    ward.booked(ward.person(), ward.expert)
    for minutes in (7, 13):
        ward.clock.now += timedelta(minutes=minutes)
        called = ward.do(calling.call_next, ward.chen, ward.expert)
        ward.clock.now += timedelta(minutes=1)
        ward.do(calling.start, ward.chen, called.id)
        ward.clock.now += timedelta(minutes=9)
        ward.do(calling.finish, ward.chen, called.id)
    ward.do(moving.leave, ward.desk, tickets[2])


def end(ward: Ward) -> None:
    """The last one is seen, and the session is over."""
    called = ward.do(calling.call_next, ward.chen, ward.expert)
    ward.do(calling.start, ward.chen, called.id)
    ward.do(calling.finish, ward.chen, called.id)
    ward.clock.now += timedelta(hours=3)


def recorded(ward: Ward) -> dict[str, list[tuple[str, datetime]]]:
    """The events of patients by type: whose, and when."""
    found: dict[str, list[tuple[str, datetime]]] = {}
    with ward.house.reading_session() as session:
        for event in session.scalars(select(Event).where(Event.subject_ref.is_not(None)).order_by(Event.serial)):
            found.setdefault(event.type, []).append((str(event.subject_ref), event.at))
    return found


def test_the_numbers_equal_the_recorded_events(ward, admin):
    live_a_day(ward)
    end(ward)
    view = ward.look(dayclose.day_of, admin, ward.clinic, ward.now.date())
    events = recorded(ward)
    came, began = dict(events["appointment.checked_in"]), dict(events["visit.started"])
    waits = sorted(int((began[who] - came[who]).total_seconds() // 60) for who in began)
    assert view.figures.came == len(came)
    assert view.figures.seen == len(events["visit.finished"])
    assert view.figures.left == len(events["ticket.left"])
    assert view.figures.no_show == len(events["appointment.booked"]) - len(came)
    assert view.figures.unfinished == 0
    assert (view.figures.wait_median, view.figures.wait_p90) == (median(waits), percentile(waits, 90))
    assert sum(h.came for h in view.hours) == len(came) and sum(h.seen for h in view.hours) == len(began)


def test_a_day_on_which_somebody_waits_is_not_closed(ward, doors, admin):
    live_a_day(ward)
    office = doors.staff(admin)
    page = office.get(f"/staff/admin/day/{DAY}")
    assert page.status_code == 200 and "还有 1 人没有结束" in page.text and "/close" not in page.text
    answer = office.post(f"/staff/admin/day/{DAY}/close", clinic=ward.clinic)
    assert answer.status_code == 409 and "还有 1 人没有结束" in answer.text
    assert office.post("/staff/admin/day/2026-03-03/close", clinic=ward.clinic).status_code == 409


def test_a_session_that_runs_past_midnight_keeps_its_day_open(ward, doors, admin, sealing):
    ward.clock.now = ward.now.replace(hour=15, minute=50)  # 23:50 in Shanghai
    ward.waiting(ward.plan_again())
    midnight = ward.now + timedelta(minutes=10)
    for minutes, status in ((10, 409), (170, 409), (185, 303)):  # after three hours somebody forgot to end it
        ward.clock.now = midnight + timedelta(minutes=minutes)
        office = doors.staff(admin)
        page = office.get(f"/staff/admin/day/{DAY}").text
        assert ("还有 1 人没有结束" in page) is (status == 409) and ("/close" in page) is (status == 303)
        assert office.post(f"/staff/admin/day/{DAY}/close", clinic=ward.clinic).status_code == status, minutes


def test_closed_once_it_keeps_its_numbers_and_is_never_opened_again(ward, doors, admin, sealing):
    live_a_day(ward)
    end(ward)
    office = doors.staff(admin)
    office.get(f"/staff/admin/day/{DAY}")
    closed = office.follow(office.post(f"/staff/admin/day/{DAY}/close", clinic=ward.clinic))
    assert "这一天已经结束" in closed.text and "当时账本有几条" in closed.text
    assert office.post(f"/staff/admin/day/{DAY}/close", clinic=ward.clinic).status_code == 409

    before = office.get(f"/staff/admin/day/{DAY}.csv").data
    [detail] = [own["detail"] for kind, own in ward.events(None) if kind == "day.closed"]
    assert detail == {"day": DAY, "came": 4, "seen": 3, "digest": hashlib.sha256(before).hexdigest()}

    ward.waiting(ward.plan_again())  # somebody comes after all
    ward.clock.now += timedelta(minutes=2)
    assert office.get(f"/staff/admin/day/{DAY}.csv").data == before
    assert re.search(r"<dt>已签到</dt><dd>4</dd>", office.get(f"/staff/admin/day/{DAY}").text)


def test_the_file_names_nobody_and_says_where_the_ledger_stood(ward, doors, admin, sealing):
    live_a_day(ward)
    until_sealed(ward.house)
    answer = doors.staff(admin).get(f"/staff/admin/day/{DAY}.csv")
    assert answer.mimetype == "text/csv" and answer.headers["Cache-Control"] == "no-store"
    text = answer.data.decode()
    assert text.startswith(BOM)
    rows = list(csv.reader(io.StringIO(text.removeprefix(BOM))))
    about = dict(row for row in rows if len(row) == 2)
    assert int(about["ledger_size"]) > 0 and re.fullmatch("[0-9a-f]{64}", about["ledger_root"])
    assert [row[0] for row in rows[7:]] == ["A001", "A002", "A003", "A004"]
    for person in ward.people:
        assert person.name not in text and person.ref not in text


def test_a_desk_sees_its_own_clinic_and_no_other(ward, doors):
    desk = doors.staff(ward.desk)
    assert desk.get(f"/staff/admin/day/{DAY}").status_code == 200
    assert desk.get(f"/staff/admin/day/{DAY}?clinic=elsewhere").status_code == 404
    assert doors.staff(ward.chen).get(f"/staff/admin/day/{DAY}").status_code == 403


@pytest.mark.parametrize("day", ["2026-3-2", "20260302", "2026-02-30", "today", "1999-01-01"])
def test_a_day_has_one_spelling(doors, admin, day):
    assert doors.staff(admin).get(f"/staff/admin/day/{day}").status_code == 404
