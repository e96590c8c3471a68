"""A hospital that is set up by commands, from nothing to a slot that a patient can book."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.models import Event
from tests.browsing import Browser
from tests.people import LI_ID
from tests.web.test_signin import sign_in_by_phone

pytestmark = pytest.mark.usefixtures("sealing")


def run(app: Flask, *command: str) -> str:
    answer = app.test_cli_runner().invoke(args=list(command))
    assert answer.exit_code == 0, answer.output
    return answer.output.strip().splitlines()[-1] if answer.output.strip() else ""


def refused(app: Flask, *command: str) -> str:
    answer = app.test_cli_runner().invoke(args=list(command))
    assert answer.exit_code != 0 and "Traceback" not in answer.output
    return answer.output


def test_from_nothing_to_a_slot_and_a_doctor_who_signs_in(app: Flask, browser: Browser, reading) -> None:
    clinic = run(app, "create-clinic", "门诊", "Clinic")
    department = run(app, "create-department", clinic, "A", "内科", "Internal medicine")
    room = run(app, "create-room", clinic, "1 诊室", "Room 1")
    password = run(app, "create-staff", clinic, "doctor", "doctor.li", "李医生", "Dr Li")
    run(app, "plan-session", department, "doctor.li", room, "2026-03-02", "10:30", "12:00", "--slot-minutes", "15")
    with reading() as session:
        types = session.scalars(select(Event.type).order_by(Event.serial)).all()
    assert types == [
        "clinic.created", "department.created", "room.created", "staff.created", "staff.role_granted", "session.planned",
    ]  # fmt: skip

    listed = app.test_cli_runner().invoke(args=["office"]).output
    assert (
        clinic in listed
        and department in listed
        and room in listed
        and "doctor.li" in listed
        and password not in listed
    )

    sign_in_by_phone(browser)
    browser.get("/people/new")
    browser.post(
        "/people/new", relation="self", document="resident_id", name="李明", number=LI_ID, consent="yes", next="/"
    )
    assert "内科" in browser.get("/book").text
    doctor = Browser(app)
    doctor.get("/staff/sign-in")
    assert (
        doctor.post("/staff/sign-in", login="doctor.li", password=password).headers["Location"] == "/staff/sign-in/next"
    )
    own = "seven kettles on a roof"
    assert doctor.post("/staff/sign-in/next", step="password", password=own, again=own).status_code == 303
    assert "10:30" in doctor.get("/staff/doctor/").text


def test_what_cannot_be_is_said_in_a_sentence(app: Flask) -> None:
    clinic = run(app, "create-clinic", "门诊", "Clinic")
    run(app, "create-department", clinic, "A", "内科", "Internal medicine")
    assert "letter" in refused(app, "create-department", clinic, "A", "外科", "Surgery")
    assert "one letter" in refused(app, "create-department", clinic, "ab", "外科", "Surgery")
    assert "one letter" in refused(app, "create-department", clinic, "O", "外科", "Surgery")
    assert "no such" in refused(app, "create-room", "nowhere", "1 诊室", "Room 1")
    assert "no such" in refused(app, "create-staff", "nowhere", "desk", "d", "甲", "A")
    run(app, "create-staff", clinic, "desk", "d", "甲", "A")
    assert "login_taken" in refused(app, "create-staff", clinic, "desk", "d", "乙", "B")
    assert "no such" in refused(app, "plan-session", "nowhere", "d", "r", "2026-03-02", "09:00", "10:00")
    assert "ends after" in refused(app, "plan-session", "x", "d", "r", "2026-03-02", "10:00", "09:00")
