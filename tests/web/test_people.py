"""Binding people as they live it: on the phone, and at the desk with the document on the table."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from app.domain.actor import SYSTEM
from app.services import people, planning, staff
from tests.browsing import Browser, shown_words
from tests.people import CHILD_ID, LI_ID
from tests.web.test_signin import sign_in_by_phone

pytestmark = pytest.mark.usefixtures("sealing")
MINE = {"relation": "self", "document": "resident_id", "name": "李明", "number": LI_ID, "consent": "yes", "next": "/me"}
CODE = re.compile(r"<strong>(\d{6})</strong>")


@pytest.fixture
def desk(app: Flask, hospital, writing, clock) -> Browser:
    """A browser in which a nurse has signed in with her password."""
    with writing() as session:
        clinic = planning.create_clinic(session, SYSTEM, "门诊", "Clinic", clock())
        staff.create(
            session, SYSTEM, clock(), login="nurse", password_hash=hospital.passwords.hash("correct horse"), name_zh="何佳",
            name_en="He Jia", role="desk", clinic_id=clinic,
        )  # fmt: skip
    return signed_in(app, "nurse")


def signed_in(app: Flask, login: str, password: str = "correct horse") -> Browser:
    browser = Browser(app)
    browser.get("/staff/sign-in")
    assert browser.post("/staff/sign-in", login=login, password=password).status_code == 303
    return browser


def another(app: Flask, phone: str) -> Browser:
    browser = Browser(app)
    sign_in_by_phone(browser, phone)
    browser.get("/people/new")
    return browser


def known_before(writing, clock) -> None:
    """The hospital has a record of Li with a phone on file, from before anybody signed in."""
    from app.domain.calendar import hospital_day
    from app.domain.documents import parse_resident_id

    with writing() as session:
        document = parse_resident_id(LI_ID, hospital_day(clock()))
        people.register_at_desk(session, SYSTEM, document, "李明", "+8613700137000", clock())


def test_name_and_id_and_a_phone_of_ones_own_open_nothing_old(app, desk, writing, clock) -> None:
    known_before(writing, clock)
    thief = another(app, "13900139000")
    page = thief.follow(thief.post("/people/new", **MINE))
    assert "医院已有这份证件的记录" in page.text
    assert "13700137000" not in page.text and "137" not in shown_words(page.text)
    assert "李明" not in thief.get("/records").text
    assert "李明" not in thief.get("/book").text


def test_who_waits_to_be_proved_is_led_there_by_every_page_and_asked_to_add_nobody_again(
    app, desk, writing, clock
) -> None:
    known_before(writing, clock)
    browser = another(app, "13900139000")
    for page in ("/book", "/check-in", "/records", "/records/known"):
        assert "添加本人" in browser.get(page).text
    browser.get("/people/new")
    browser.post("/people/new", **MINE)
    for page in ("/", "/book", "/check-in", "/records", "/records/known"):
        text = browser.get(page).text
        assert "还差一步" in text and "添加本人" not in text
        assert re.search(r'href="/people/[\w-]+">去核对', text)


def test_the_code_to_the_phone_on_file_opens_the_record(app, desk, writing, clock) -> None:
    known_before(writing, clock)
    owner = another(app, "13800138000")
    where = owner.post("/people/new", **MINE).headers["Location"]
    owner.get(where)
    assert "已发送" in owner.post(f"{where}/proof/phone").text
    wrong = owner.post(f"{where}/proof", code="000000")
    assert wrong.status_code == 400
    assert "留存手机核对过" in owner.follow(owner.post(f"{where}/proof", code=owner.last_sms())).text


def test_the_claim_code_of_the_desk_opens_the_record_once(app, desk, writing, clock) -> None:
    known_before(writing, clock)
    owner = another(app, "13800138000")
    where = owner.post("/people/new", **MINE).headers["Location"]
    desk.get("/staff/desk/documents")
    page = desk.post("/staff/desk/documents", document="resident_id", number=LI_ID)
    assert "李明" in page.text
    form = re.search(r'action="(/staff/desk/documents/[^"]+/claim-code)"', page.text)
    assert form
    code = CODE.search(desk.post(form.group(1)).text)
    assert code
    owner.get(where)
    assert "前台核对过证件" in owner.follow(owner.post(f"{where}/proof", code=code.group(1))).text
    looks = owner.get("/receipts?side=look").text
    assert "何佳" in looks  # the desk's look at the document stands in the owner's log


def test_a_guardian_waits_for_the_desk_and_then_books_for_the_child(app, desk) -> None:
    parent = another(app, "13800138000")
    parent.post("/people/new", **MINE)
    parent.get("/people/new")
    child = {**MINE, "relation": "guardian", "name": "李小雨", "number": CHILD_ID}
    page = parent.follow(parent.post("/people/new", **child))
    assert "请到前台核对一次" in page.text
    assert "李小雨" not in parent.get("/book/times").text
    desk.get("/staff/desk/documents")
    page = desk.post("/staff/desk/documents", document="resident_id", number=CHILD_ID)
    assert "李明" in page.text  # who asks to be the guardian
    form = re.search(r'action="(/staff/desk/documents/guardianships/[^"]+/verify)"', page.text)
    assert form and desk.post(form.group(1), papers="birth_certificate").status_code == 303
    assert "等待核对" not in parent.get("/me").text


def test_a_second_child_and_a_second_self_are_told_the_way(app, desk) -> None:
    parent = another(app, "13800138000")
    parent.post("/people/new", **MINE)
    page = parent.post("/people/new", **{**MINE, "number": CHILD_ID, "name": "李小雨"})
    assert page.status_code == 409 and "前台" in page.text and "李小雨" in page.text


def test_a_grown_up_is_nobodys_child_and_a_child_is_no_grown_up(app, desk) -> None:
    parent = another(app, "13800138000")
    page = parent.post("/people/new", **{**MINE, "relation": "guardian"})
    assert page.status_code == 409 and "已满十八岁" in page.text
    page = parent.post("/people/new", **{**MINE, "relation": "family", "number": CHILD_ID})
    assert page.status_code == 409 and "按孩子添加" in page.text


def test_a_passport_binds_a_foreigner_with_any_phone(app, desk) -> None:
    guest = Browser(app)
    guest.get("/sign-in")
    guest.post("/sign-in/phone", phone="+447700900123")
    guest.post("/sign-in/code", phone="+447700900123", code=guest.last_sms())
    guest.get("/people/new")
    form = {
        "relation": "self", "document": "passport", "name": "Emma Brown", "country": "GBR", "passport_number": "P9990001X",
        "birth_on": "1990-06-21", "sex": "female", "consent": "yes", "next": "/me",
    }  # fmt: skip
    wrong = guest.post("/people/new", **{**form, "passport_number": "!", "birth_on": "not a day"})
    assert wrong.status_code == 400 and "Emma Brown" in wrong.text
    assert guest.post("/people/new", **form).status_code == 303
    assert re.search("emma brown", guest.get("/me").text, re.IGNORECASE)


def test_without_the_separate_consent_nothing_is_kept(app, desk, reading) -> None:
    from sqlalchemy import func, select

    from app.models import Patient

    person = another(app, "13800138000")
    assert person.post("/people/new", **{**MINE, "consent": ""}).status_code == 400
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Patient)) == 0


def test_a_wrong_name_and_a_wrong_password_get_one_answer(app, desk) -> None:
    browser = Browser(app)
    browser.get("/staff/sign-in")
    pages = [browser.post("/staff/sign-in", login=login, password="no").text for login in ("nurse", "nobody")]
    strip = [re.sub(r'value="[^"]*"', "", page) for page in pages]
    assert strip[0] == strip[1]
