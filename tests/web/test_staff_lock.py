"""The shared tablet: what a locked page gives out (nothing), what opens it, and who goes on."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.domain import lockout
from app.domain.actor import SYSTEM
from app.models import Event, StaffDevice, WebSession
from app.services import staff
from app.services.events import read_event
from tests.browsing import Browser, shown_words

PASSWORD, PIN, OTHER_PIN = "seven kettles on a roof", "2580", "904183"
POLL = {"X-Requested-With": "fetch"}


@pytest.fixture
def hire(ward):
    hashed = ward.house.passwords.hash(PASSWORD)

    def make(login: str, role: str = "desk", name: str = "护士") -> str:
        with ward.house.writing_session() as session:
            return staff.create(
                session, SYSTEM, ward.now, login=login, password_hash=hashed, name_zh=name, name_en=login, role=role,
                clinic_id=ward.clinic,
            )  # fmt: skip

    return make


def sign_in(browser: Browser, login: str, pin: str = "") -> Browser:
    browser.get("/staff/sign-in?anew=1")
    assert browser.post("/staff/sign-in", login=login, password=PASSWORD).status_code == 303
    browser.get("/staff/me")
    if pin:
        assert browser.post("/staff/me/pin", pin=pin).status_code == 303
    return browser


@pytest.fixture
def tablet(app, hire) -> Browser:
    """The desk's tablet, where He has a PIN."""
    hire("he", name="何佳")
    return sign_in(Browser(app), "he", PIN)


def types(reading, *wanted: str) -> list[str]:
    with reading() as session:
        return [t for t in session.scalars(select(Event.type).order_by(Event.serial)) if t in wanted]


def details(reading, kind: str) -> list[dict]:
    with reading() as session:
        rows = session.scalars(select(Event).where(Event.type == kind).order_by(Event.serial)).all()
        return [read_event(session, row)[1]["detail"] for row in rows]


def is_locked(browser: Browser) -> bool:
    answer = browser.get("/staff/desk/")
    return answer.status_code == 303 and answer.headers["Location"].startswith("/staff/lock")


def lock(browser: Browser, **fields: str):
    browser.get("/staff/me")
    return browser.post("/staff/lock", **fields)


def unlock(browser: Browser, secret: str, **fields: str):
    browser.get("/staff/lock")
    return browser.post("/staff/lock/open", secret=secret, **fields)


def test_a_page_left_for_five_minutes_gives_out_no_name_and_asking_by_itself_keeps_nothing_open(
    tablet, clock, reading
) -> None:
    left_at = clock.now
    while clock.now < left_at + lockout.LOCK_AFTER["desk"]:
        assert tablet.get("/staff/desk/now", headers=POLL).status_code == 200
        clock.now += timedelta(seconds=10)
    clock.now = left_at + lockout.LOCK_AFTER["desk"] + lockout.TOUCHES_TOLD_EVERY
    answer = tablet.get("/staff/desk/now", headers=POLL)
    assert answer.status_code == 303 and answer.headers["Location"].startswith("/staff/lock?next=")
    assert is_locked(tablet)
    refused = tablet.post("/staff/desk/find", q="A001")
    assert refused.status_code == 401 and "屏幕已锁定" in refused.text
    with reading() as session:
        assert session.scalars(select(WebSession.seen_at).where(WebSession.kind == "staff")).one() == left_at


def test_a_touch_that_is_told_keeps_the_page_open(tablet, clock) -> None:
    for _ in range(6):
        clock.now += timedelta(minutes=4)
        assert tablet.post("/staff/active").status_code == 204
        assert tablet.get("/staff/desk/now", headers=POLL).status_code == 200


def test_the_pin_leads_back_to_where_the_page_was_in_the_same_sitting(tablet, clock, reading) -> None:
    clock.now += timedelta(minutes=7)
    there = tablet.get("/staff/desk/?filter=late").headers["Location"]
    page = tablet.get(there).text
    assert "屏幕已锁定" in page and "何佳" in page
    wanted = re.search(r'name="next" value="([^"]*)"', page)
    assert wanted and wanted[1] == "/staff/desk/?filter=late"
    answer = tablet.post("/staff/lock/open", secret=PIN, next=wanted[1])
    assert answer.headers["Location"] == "/staff/desk/?filter=late"
    assert tablet.get("/staff/desk/").status_code == 200
    assert types(reading, "staff.signed_in", "staff.unlocked") == ["staff.signed_in", "staff.unlocked"]
    assert details(reading, "staff.unlocked") == [{"way": "pin"}]


def test_the_button_locks_at_once_and_pressing_it_again_is_one_event(tablet, reading) -> None:
    answer = lock(tablet, next="/staff/desk/")
    assert answer.headers["Location"] == "/staff/lock?next=/staff/desk/"
    assert is_locked(tablet)
    assert tablet.post("/staff/lock").status_code == 401
    assert details(reading, "staff.locked") == [{"cause": "button"}]
    assert tablet.post("/staff/active").status_code == 401 and is_locked(tablet)  # a touch opens nothing


def test_locking_again_after_unlocking_locks_again_though_the_form_is_the_same(tablet) -> None:
    for _ in range(2):
        tablet.get("/staff/me")
        assert tablet.post("/staff/lock", key="one-form-one-key").status_code == 303
        assert is_locked(tablet)
        assert unlock(tablet, PIN).status_code == 303
        assert tablet.get("/staff/desk/").status_code == 200


def test_no_address_of_elsewhere_follows_an_unlocking(tablet) -> None:
    for there in ("https://evil.example/", "//evil.example/", "/staff/..//evil.example", "/", "javascript:alert(1)"):
        lock(tablet)
        assert unlock(tablet, PIN, next=there).headers["Location"].startswith("/staff/")


def test_after_five_wrong_pins_only_the_password_opens_and_then_the_pin_again(tablet, reading) -> None:
    lock(tablet)
    for _ in range(lockout.PIN_TRIES):
        assert unlock(tablet, "9999").status_code == 400
    answer = unlock(tablet, PIN)
    assert answer.status_code == 409 and "密码" in answer.text and is_locked(tablet)
    assert len(details(reading, "staff.sign_in_failed")) == lockout.PIN_TRIES
    assert unlock(tablet, "a wrong password").status_code == 400
    assert unlock(tablet, PASSWORD).status_code == 303 and not is_locked(tablet)
    lock(tablet)
    assert unlock(tablet, PIN).status_code == 303


def test_twenty_pins_at_once_are_five_tries(app, tablet, reading) -> None:
    from concurrent.futures import ThreadPoolExecutor

    lock(tablet)
    tablet.get("/staff/lock")
    cookies = list(tablet.client._cookies.values())

    def guess(turn: int) -> int:
        one = Browser(app)
        for cookie in cookies:
            one.set_cookie(cookie.key, cookie.value, cookie.path)
        one.token = tablet.token
        return one.post("/staff/lock/open", secret=f"{7000 + turn}").status_code

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(guess, range(20)))
    assert answers.count(400) == lockout.PIN_TRIES and set(answers) <= {400, 409}
    with reading() as session:
        assert session.scalars(select(StaffDevice.pin_tries)).one() == lockout.PIN_TRIES


def test_a_right_pin_forgets_what_was_mistyped(tablet) -> None:
    for _ in range(3):
        lock(tablet)
        for _ in range(lockout.PIN_TRIES - 1):
            unlock(tablet, "9999")
        assert unlock(tablet, PIN).status_code == 303


def test_a_pin_works_only_where_the_password_was_typed_in_the_last_hours(app, tablet, clock) -> None:
    elsewhere = Browser(app)
    elsewhere.set_cookie("mz_staff", tablet.cookie("mz_staff"), "/staff")  # a copied cookie on another device
    lock(tablet)
    assert unlock(elsewhere, PIN).status_code == 409
    assert unlock(tablet, PIN).status_code == 303
    clock.now += lockout.PIN_AFTER_PASSWORD
    page = tablet.get("/staff/desk/")
    assert page.headers["Location"].startswith("/staff/sign-in")
    assert tablet.get("/staff/lock").status_code == 303
    assert "PIN" not in shown_words(tablet.get("/staff/sign-in").text)


def test_somebody_else_goes_on_by_their_pin_and_the_first_can_come_back(app, hire, tablet, reading) -> None:
    hire("sun", name="孙立")
    first = tablet.cookie("mz_staff")
    sign_in(tablet, "sun", OTHER_PIN)
    second = tablet.cookie("mz_staff")
    page = tablet.get("/staff/lock").text
    [he] = re.findall(r'name="who" value="([\w-]+)"', page)
    assert "何佳" in page
    assert tablet.post("/staff/lock/open", who=he, secret=OTHER_PIN).status_code == 400
    assert tablet.post("/staff/lock/open", who=he, secret=PASSWORD).status_code == 400  # by PIN alone, or the sign-in
    assert tablet.post("/staff/lock/open", who=he, secret=PIN).headers["Location"] == "/staff/desk/"
    assert "何佳" in tablet.get("/staff/me").text
    for dead in (first, second):
        kept = Browser(app)
        kept.set_cookie("mz_staff", dead, "/staff")
        assert kept.get("/staff/desk/").headers["Location"].startswith("/staff/sign-in")
    [sun] = re.findall(r'name="who" value="([\w-]+)"', tablet.get("/staff/lock").text)
    assert tablet.post("/staff/lock/open", who=sun, secret=OTHER_PIN).status_code == 303
    assert details(reading, "staff.switched") == [{"role": "desk"}] * 2


def test_a_locked_page_lets_somebody_else_go_on_without_showing_the_first_ones_work(hire, tablet) -> None:
    hire("sun", name="孙立")
    sign_in(tablet, "sun", OTHER_PIN)
    lock(tablet)
    page = tablet.get("/staff/lock").text
    who = dict(re.findall(r'name="who"[^>]* value="([\w-]+)"[^>]*>.*?ih-choice__title">([^<]+)<', page, re.DOTALL))
    [he] = [ref for ref, name in who.items() if name == "何佳"]
    assert tablet.post("/staff/lock/open", who=he, secret=PIN, next="/staff/desk/").status_code == 303
    assert tablet.get("/staff/desk/").status_code == 200 and "何佳" in tablet.get("/staff/desk/").text


def test_who_signed_out_or_was_disabled_is_not_offered_any_more(app, hire, tablet, ward) -> None:
    ref = hire("sun", name="孙立")
    sign_in(tablet, "sun", OTHER_PIN)
    tablet.post("/staff/sign-out")
    page = tablet.get("/staff/lock").text
    assert "何佳" in page and "孙立" not in page
    assert tablet.post("/staff/lock/open", who=ref, secret=OTHER_PIN).status_code == 409
    he = re.search(r'name="who" value="([\w-]+)"', page)[1]  # type: ignore[index]
    with ward.house.writing_session() as session:
        staff.disable(session, SYSTEM, he, ward.now)
    assert tablet.get("/staff/lock").headers["Location"].startswith("/staff/sign-in")
    assert tablet.post("/staff/lock/open", who=he, secret=PIN).status_code in (303, 409)
    assert tablet.get("/staff/desk/").status_code == 303


def test_whoever_needs_a_second_factor_has_no_pin(app, hire, tablet, ward) -> None:
    hire("boss", "admin")
    boss = sign_in(Browser(app), "boss")
    assert "新的 PIN" not in boss.get("/staff/me").text
    assert boss.post("/staff/me/pin", pin=PIN).status_code == 403
    [he] = re.findall(r'data-owner="([\w-]+)"', tablet.get("/staff/me").text)
    with ward.house.writing_session() as session:
        staff.grant(session, SYSTEM, he, "admin", ward.clinic, ward.now)  # the PIN that was there stops working
    assert tablet.get("/staff/lock").headers["Location"].startswith("/staff/sign-in")


def test_a_new_pin_outside_a_demo_takes_the_password(app, hire, monkeypatch) -> None:
    from app.config import Settings

    monkeypatch.setattr(Settings, "is_demo", property(lambda _self: False))
    hire("he")
    browser = sign_in(Browser(app), "he")
    assert browser.post("/staff/me/pin", pin=PIN).status_code == 400
    assert browser.post("/staff/me/pin", pin="1234", pin_password=PASSWORD).status_code == 400
    assert browser.post("/staff/me/pin", pin=PIN, pin_password=PASSWORD).status_code == 303


def test_role_change_and_disablement_end_a_locked_sitting_too(tablet, ward) -> None:
    [he] = re.findall(r'data-owner="([\w-]+)"', tablet.get("/staff/me").text)
    lock(tablet)
    with ward.house.writing_session() as session:
        staff.grant(session, SYSTEM, he, "lab", ward.clinic, ward.now)
    page = tablet.get("/staff/desk/")
    assert page.headers["Location"].startswith("/staff/sign-in")
    assert tablet.get("/staff/lock").status_code == 200  # by PIN, in a sitting that has the new role
    assert unlock(tablet, PIN, who=he).status_code == 303
    with ward.house.writing_session() as session:
        staff.disable(session, SYSTEM, he, ward.now)
    assert unlock(tablet, PIN, who=he).status_code in (303, 409) and tablet.get("/staff/desk/").status_code == 303


def test_the_demos_staff_lock_and_unlock_at_the_addresses_of_their_own_area(scene, pristine) -> None:
    """The demo's cookie for the desk comes to the desk's addresses only."""
    from app import demo_data

    scene.fresh(pristine)
    demo_data.bring_up(scene.app.extensions["mingzhen"](), lambda account: f"code-of-{account}")
    browser = Browser(scene.app)
    browser.get("/demo")
    assert browser.post("/demo/work/desk.he").status_code == 303
    page = browser.get("/staff/desk/").text
    assert 'action="/staff/desk/lock"' in page and 'href="/staff/desk/me"' in page
    assert browser.post("/staff/desk/lock").headers["Location"] == "/staff/desk/lock"
    assert browser.get("/staff/desk/").headers["Location"].startswith("/staff/desk/lock?next=")
    assert "2580" in browser.get("/staff/desk/lock").text
    assert browser.post("/staff/desk/lock/open", secret="2580").headers["Location"] == "/staff/desk/"
    assert browser.get("/staff/desk/").status_code == 200
    assert browser.post("/demo/work/doctor.zhang").status_code == 303  # in the same browser, beside the desk
    assert browser.get("/staff/doctor/").status_code == browser.get("/staff/desk/").status_code == 200
