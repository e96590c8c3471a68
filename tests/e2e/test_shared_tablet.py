"""The desk's tablet through a morning: it locks by itself, opens where it was, and changes hands by a PIN. Time is the page's own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.domain.actor import SYSTEM
from app.services import planning, staff
from tests.e2e.watching import Watched, look
from tests.live import LiveSite

TABLET = {"width": 1180, "height": 820}
PASSWORD, PIN, OTHER_PIN = "seven kettles on a roof", "2580", "904183"
LOCKED = re.compile(r"/staff/lock\?next=")
SHOTS = os.environ.get("SHOTS", "")


@pytest.fixture
def site(var: Path) -> Iterator[LiveSite]:
    """A clinic with two nurses."""
    with LiveSite(var, seals=False, RECEIPT_WAIT_MS="0") as live:
        house = live.house()
        with house.writing_session() as session:
            now = house.clock()
            clinic = planning.create_clinic(session, SYSTEM, "门诊", "Clinic", now)
            for login, name in (("he", "何佳"), ("sun", "孙立")):
                staff.create(
                    session, SYSTEM, now, login=login, password_hash=house.passwords.hash(PASSWORD), name_zh=name,
                    name_en=login, role="desk", clinic_id=clinic,
                )  # fmt: skip
        yield live


def sign_in(page: Page, site: LiveSite, login: str, pin: str) -> None:
    page.goto(f"{site.url}/staff/sign-in?anew=1")
    page.locator("#login").fill(login)
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url("**/staff/desk/")
    page.goto(f"{site.url}/staff/me")
    page.locator("#pin").fill(pin)
    page.get_by_role("button", name="设 PIN").click()
    expect(page.get_by_role("button", name="换 PIN")).to_be_visible()
    page.wait_for_load_state("load")  # the page is seen before its script watches over touches


def leave_for_five_minutes(page: Page) -> None:
    page.clock.fast_forward(5 * 60 * 1000 + 2000)
    expect(page.locator(".ih-cover #secret")).to_be_visible()


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png")


def test_left_alone_it_covers_its_names_and_the_pin_brings_the_same_page_back(site, chromium: Browser) -> None:
    watched = Watched(chromium, TABLET)
    page = watched.page()
    page.clock.install()
    sign_in(page, site, "he", PIN)
    there = f"{site.url}/staff/desk/?x=1"
    page.goto(there)
    expect(page.locator("main h1").first).to_be_visible()
    leave_for_five_minutes(page)

    expect(page.locator("main").first).not_to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(10_000)
    assert [url for url in asked if "/now" in url] == []  # nothing is asked for that would be refused anyway
    assert look(page) == []
    shoot(page, "lock-cover-zh")
    page.locator("#secret").fill("9999")
    page.get_by_role("button", name="解锁").click()
    expect(page.locator(".ih-cover .ih-field__error")).to_contain_text("PIN 不对")
    page.locator("#secret").fill(PIN)
    page.get_by_role("button", name="解锁").click()
    expect(page.locator("main h1").first).to_be_visible()
    assert page.url == there
    assert [c for c in watched.complaints if "400 (BAD REQUEST)" not in c] == []  # the wrong PIN
    watched.close()


def test_what_was_half_written_is_there_after_the_lock_and_touching_puts_it_off(site, chromium: Browser) -> None:
    watched = Watched(chromium, TABLET)
    page = watched.page()
    page.clock.install()
    sign_in(page, site, "he", PIN)
    page.locator("#current").fill("half of a password")
    for _ in range(3):
        page.clock.fast_forward(3 * 60 * 1000)
        page.keyboard.press("Shift")
        expect(page.locator(".ih-cover")).to_have_count(0)
    leave_for_five_minutes(page)
    page.locator("#secret").fill(PIN)
    page.get_by_role("button", name="解锁").click()
    expect(page.locator(".ih-cover")).to_have_count(0)
    expect(page.locator("#current")).to_have_value("half of a password")
    page.reload()
    expect(page.get_by_role("heading", name="我的登录")).to_be_visible()
    assert watched.complaints == []
    watched.close()


def test_two_nurses_hand_the_tablet_over_by_pin_and_the_lock_button_works(site, chromium: Browser) -> None:
    watched = Watched(chromium, TABLET)
    page = watched.page()
    sign_in(page, site, "he", PIN)
    sign_in(page, site, "sun", OTHER_PIN)
    shoot(page, "me-zh")
    assert look(page) == []
    page.get_by_role("link", name="换人").click()
    expect(page.get_by_text("何佳")).to_be_visible()
    shoot(page, "switch-zh")
    assert look(page) == []
    page.locator("#secret").fill(PIN)
    page.get_by_role("button", name="开始").click()
    page.wait_for_url("**/staff/desk/")
    expect(page.locator(".ih-bar__who")).to_contain_text("何佳")
    page.get_by_role("button", name="锁屏").click()
    page.wait_for_url(LOCKED)
    shoot(page, "lock-page-zh")
    assert look(page) == []
    page.go_back()  # what the browser kept shows nothing
    page.wait_for_url(LOCKED)
    page.get_by_text("何佳", exact=True).click()
    page.locator("#secret").fill(PIN)
    page.get_by_role("button", name="解锁").click()
    page.wait_for_url("**/staff/desk/")
    assert watched.complaints == []
    watched.close()
