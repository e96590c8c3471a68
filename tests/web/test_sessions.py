"""Sessions: new at sign-in, of one door, dead when they should be (A3); codes under many hands at once."""

from __future__ import annotations

import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.adapters.passwords import Passwords
from app.domain.actor import SYSTEM
from app.domain.lockout import LOCK_AFTER, TOUCHES_TOLD_EVERY
from app.domain.rates import CODE_TRIES
from app.models import Account, ProofCode, WebSession
from app.services import codes, screens, staff, websessions
from tests.browsing import Browser
from tests.calling import with_pretend_wechat

PASSWORD = "correct horse battery"


def by_phone(browser: Browser, phone: str = "13800138000") -> None:
    browser.get("/sign-in")
    browser.post("/sign-in/phone", phone=phone)
    assert browser.post("/sign-in/code", phone="+86" + phone, code=browser.last_sms()).status_code == 303


@pytest.fixture
def nurse(ward) -> str:
    with ward.house.writing_session() as session:
        return staff.create(
            session, SYSTEM, ward.now, login="nurse", password_hash=Passwords().hash(PASSWORD), name_zh="护士",
            name_en="Nurse", role="desk", clinic_id=ward.clinic,
        )  # fmt: skip


def at_desk(app) -> Browser:
    browser = Browser(app)
    browser.get("/staff/sign-in")
    assert browser.post("/staff/sign-in", login="nurse", password=PASSWORD).status_code == 303
    return browser


def test_a_token_that_was_planted_before_signing_in_is_not_the_one_after(app, browser):
    browser.set_cookie("mz_patient", "planted-by-somebody")
    by_phone(browser)
    assert browser.cookie("mz_patient") != "planted-by-somebody"
    planted = Browser(app)
    planted.set_cookie("mz_patient", "planted-by-somebody")
    assert planted.get("/me").status_code == 303


def test_signing_in_again_ends_the_session_that_the_browser_had(app, browser):
    with_pretend_wechat(app)
    by_phone(browser)
    old = browser.cookie("mz_patient")
    state = re.search(r"state=([\w-]+)", browser.get("/sign-in/wechat").headers["Location"]).group(1)
    browser.get("/sign-in/wechat/callback", query_string={"state": state, "code": "code-of-other"})
    assert browser.cookie("mz_patient") != old
    thief = Browser(app)
    thief.set_cookie("mz_patient", old)
    assert thief.get("/me").status_code == 303 and browser.get("/me").status_code == 200


def test_staff_signing_in_again_end_the_session_that_the_browser_had(app, nurse):
    browser = at_desk(app)
    old = browser.cookie("mz_staff")
    browser.post("/staff/sign-in", login="nurse", password=PASSWORD)
    thief = Browser(app)
    thief.set_cookie("mz_staff", old, "/staff")
    assert thief.get("/staff/desk/").status_code == 303 and browser.get("/staff/desk/").status_code == 200


def test_a_token_opens_its_own_door_only(app, ward):
    tokens = {
        kind: ward.token(kind, ref)
        for kind, ref in (
            ("patient", ward.person().actor.ref),
            ("api", ward.people[0].actor.ref),
            ("staff", ward.desk.ref),
        )
    }
    tokens["screen"] = ""
    code = ward.do(screens.show_pairing_code, ward.desk, ward.clinic)
    with ward.house.writing_session() as session:
        tokens["screen"], _ = screens.pair(session, code, ward.now)
    doors = {
        "patient": ("mz_patient", "/", "/me"),
        "staff": ("mz_staff", "/staff", "/staff/desk/"),
        "screen": ("mz_screen", "/screen", "/screen/"),
    }
    for kind, token in tokens.items():
        for door, (cookie, path, page) in doors.items():
            browser = Browser(app)
            browser.set_cookie(cookie, token, path)
            assert (browser.get(page).status_code == 200) == (kind == door), (kind, door)
        answer = app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code == 200) == (kind == "api"), kind
        cookies_alone = Browser(app)
        cookies_alone.set_cookie("mz_patient", token)
        assert cookies_alone.get("/api/v1/me").status_code == 401


def test_a_receipt_is_no_token(app, ward):
    for token in ("c2sp.org/tlog-proof@v1", ward.person().ref, ward.people[0].actor.ref):
        assert app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize("kind", ["patient", "staff"])
def test_an_idle_session_ends_and_no_use_keeps_one_for_ever(app, ward, clock, kind):
    """Of staff an idle page locks, long before the sitting is over: tests/web/test_staff_lock.py has what opens it."""
    page, cookie, path = {"patient": ("/me", "mz_patient", "/"), "staff": ("/staff/desk/", "mz_staff", "/staff")}[kind]
    ref = ward.person().actor.ref if kind == "patient" else ward.desk.ref
    browser = Browser(app)
    browser.set_cookie(cookie, ward.token(kind, ref), path)
    idle = websessions.IDLE[kind] if kind == "patient" else LOCK_AFTER["desk"] + TOUCHES_TOLD_EVERY
    life = websessions.LIFETIME[kind]
    begun = clock.now
    while clock.now + idle * 0.9 < begun + life:
        clock.now += idle * 0.9
        assert browser.get(page).status_code == 200
    clock.now = begun + life
    assert browser.get(page).status_code == 303
    browser.set_cookie(cookie, ward.token(kind, ref), path)
    clock.now += idle
    assert browser.get(page).status_code == 303


def test_a_role_given_or_taken_and_disablement_end_sessions_at_once(app, ward, nurse):
    browser = at_desk(app)
    with ward.house.writing_session() as session:
        staff.grant(session, SYSTEM, nurse, "auditor", ward.clinic, ward.now)
    assert browser.get("/staff/desk/now").status_code == 303
    browser = at_desk(app)
    with ward.house.writing_session() as session:
        staff.disable(session, SYSTEM, nurse, ward.now)
    assert browser.get("/staff/auditor/events").status_code == 303
    browser.get("/staff/sign-in")
    assert browser.post("/staff/sign-in", login="nurse", password=PASSWORD).status_code == 400


def test_cookies_of_sessions_are_out_of_reach_of_scripts_and_other_sites(app, browser, nurse):
    by_phone(browser)
    sign_in = Browser(app)
    sign_in.get("/staff/sign-in")
    answer = sign_in.post("/staff/sign-in", login="nurse", password=PASSWORD)
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("mz_staff="))
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/staff" in cookie and "Domain" not in cookie


def test_sixty_four_sign_ins_at_once_of_one_person_make_one_account(app, hospital, reading):
    """Everybody at the counter at eight: no fault, one account, as many sessions as came through."""
    with_pretend_wechat(app)

    def sign_in(_turn: int) -> int:
        return app.test_client().post("/api/v1/login", json={"code": "code-of-one"}).status_code

    with ThreadPoolExecutor(16) as pool:
        counts = Counter(pool.map(sign_in, range(64)))
    assert set(counts) <= {200, 503} and counts[200] >= 1
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Account)) == 1
        assert session.scalar(select(func.count()).select_from(WebSession)) == counts[200]


def test_fifty_guesses_at_once_are_five_tries(hospital, clock, reading):
    with hospital.writing_session() as session:
        code = codes.issue(session, "sign_in", "+8613800138000", clock())
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    start = threading.Barrier(10)

    def guess(turn: int) -> bool:
        if turn < 10:
            start.wait(10)
        with hospital.writing_session() as session:
            return codes.spend(session, "sign_in", "+8613800138000", wrong, clock())

    with ThreadPoolExecutor(10) as pool:
        assert not any(pool.map(guess, range(50)))
    with reading() as session:
        assert session.scalars(select(ProofCode.tries)).one() == CODE_TRIES
    with hospital.writing_session() as session:
        assert not codes.spend(session, "sign_in", "+8613800138000", code, clock())


def test_one_right_code_typed_twenty_times_at_once_signs_in_once(app, hospital, clock):
    with hospital.writing_session() as session:
        code = codes.issue(session, "sign_in", "+8613800138000", clock())

    def type_code(_turn: int) -> int:
        browser = Browser(app)
        browser.get("/sign-in")
        return browser.post("/sign-in/code", phone="+8613800138000", code=code).status_code

    with ThreadPoolExecutor(10) as pool:
        counts = Counter(pool.map(type_code, range(20)))
    assert counts[303] == 1 and set(counts) <= {303, 400, 503}


def test_a_code_of_one_purpose_serves_no_other(hospital, clock):
    purposes = ("sign_in", "claim_phone", "claim_desk")
    for purpose in purposes:
        with hospital.writing_session() as session:
            code = codes.issue(session, purpose, "same", clock(), is_sent=False)
        for other in purposes:
            if other != purpose:
                with hospital.writing_session() as session:
                    assert not codes.spend(session, other, "same", code, clock())
        with hospital.writing_session() as session:
            assert not codes.spend(session, purpose, "other", code, clock())
            assert codes.spend(session, purpose, "same", code, clock())
        with hospital.writing_session() as session:
            assert not codes.spend(session, purpose, "same", code, clock())


def test_a_code_ends_at_its_minute(hospital, clock):
    with hospital.writing_session() as session:
        code = codes.issue(session, "sign_in", "p", clock(), is_sent=False)
    clock.now += timedelta(minutes=5)
    with hospital.writing_session() as session:
        assert not codes.spend(session, "sign_in", "p", code, clock())
