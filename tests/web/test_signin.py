"""Signing in at both doors, and what a session is."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.models import Event, WebSession
from tests.browsing import Browser
from tests.people import LI_ID

pytestmark = pytest.mark.usefixtures("sealing")


def sign_in_by_phone(browser: Browser, phone: str = "13800138000") -> str:
    browser.get("/sign-in")
    browser.post("/sign-in/phone", phone=phone)
    code = browser.last_sms()
    answer = browser.post("/sign-in/code", phone="+86" + phone, code=code)
    assert answer.status_code == 303
    return code


def test_a_phone_and_its_code_sign_in_and_leave_sealed_receipts(browser, reading):
    sign_in_by_phone(browser)
    assert "登录手机号" in browser.get("/me").text
    with reading() as session:
        assert session.scalars(select(Event.type).order_by(Event.serial)).all() == [
            "account.created",
            "session.signed_in",
        ]


def test_a_code_signs_in_once(browser):
    code = sign_in_by_phone(browser)
    assert browser.post("/sign-in/code", phone="+8613800138000", code=code).status_code == 400


def test_a_second_code_within_the_minute_is_not_sent(browser):
    browser.get("/sign-in")
    assert browser.post("/sign-in/phone", phone="13800138000").status_code == 200
    assert browser.post("/sign-in/phone", phone="13800138000").status_code == 429


def test_a_phone_that_is_none_is_said_beside_the_field_and_kept(browser):
    browser.get("/sign-in")
    page = browser.post("/sign-in/phone", phone="12345")
    assert page.status_code == 400
    assert "手机号是 11 位数字" in page.text and 'value="12345"' in page.text


def test_signing_out_kills_the_session_even_for_a_copied_cookie(browser):
    sign_in_by_phone(browser)
    stolen = browser.cookie("mz_patient")
    browser.post("/sign-out")
    browser.set_cookie("mz_patient", stolen)
    assert browser.get("/me").status_code == 303


def test_only_the_hash_of_a_token_is_stored(browser, reading):
    sign_in_by_phone(browser)
    with reading() as session:
        row = session.scalars(select(WebSession)).one()
    assert browser.cookie("mz_patient").encode() not in row.token_hash and len(row.token_hash) == 32


def test_a_form_without_this_browsers_token_is_refused(browser):
    browser.get("/sign-in")
    browser.forget_form()
    page = browser.post("/sign-in/phone", phone="13800138000")
    assert page.status_code == 400 and "放得太久" in page.text


def test_another_sites_form_is_refused(browser):
    browser.get("/sign-in")
    page = browser.post("/sign-in/phone", phone="13800138000", headers={"Sec-Fetch-Site": "cross-site"})
    assert page.status_code == 400


@pytest.mark.parametrize("away", ["//evil.example", "/\\evil.example", "https:evil.example", "javascript:alert(1)"])
def test_after_signing_in_nobody_is_sent_to_another_site(browser, away):
    browser.get("/sign-in")
    browser.post("/sign-in/phone", phone="13800138000")
    answer = browser.post("/sign-in/code", phone="+8613800138000", code=browser.last_sms(), next=away)
    assert answer.headers["Location"] == "/"


def test_binding_oneself_takes_one_page_and_keeps_what_was_typed(browser):
    sign_in_by_phone(browser)
    browser.get("/people/new")
    page = browser.post(
        "/people/new", relation="self", document="resident_id", name="李明", number=LI_ID[:-1] + "0", next="/me"
    )
    assert page.status_code == 400 and "李明" in page.text and "有一位输错了" in page.text and "勾选同意" in page.text
    page = browser.post(
        "/people/new", relation="self", document="resident_id", name="李明", number=LI_ID, consent="yes", next="/me"
    )
    assert page.status_code == 303
    assert "李明" in browser.get("/me").text


def test_the_cookie_of_a_patient_opens_no_staff_page(browser):
    sign_in_by_phone(browser)
    token = browser.cookie("mz_patient")
    browser.set_cookie("mz_staff", token, path="/staff")
    assert browser.get("/staff/admin/people").status_code == 303
    assert re.search("sign-in", browser.get("/staff/admin/people").headers["Location"])
