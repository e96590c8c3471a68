"""Somebody without a phone or an appointment: one screen at the desk, a slip of paper, and a link that a stranger can check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.domain.calendar import hospital_day
from app.domain.documents import parse_resident_id
from app.services import walkins
from tests.e2e.clinic_site import ClinicSite, Seen, verified
from tests.e2e.watching import PHONE
from tests.people import LI_ID, WANG_ID

DESK = {"width": 1180, "height": 820}


@pytest.fixture
def site(var: Path) -> Iterator[ClinicSite]:
    with ClinicSite(var) as live:
        yield live


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_walk_in_without_a_phone_gets_a_ticket_a_slip_and_a_link_that_verifies(
    site: ClinicSite, chromium: Browser, language: str
) -> None:
    desk = site.staff_page(chromium, site.ward.desk, DESK, language)
    page = desk.go("/staff/desk/walk-in")
    asked = page.locator("main form").first.locator(".ih-field:visible")
    assert asked.count() <= 5
    page.locator("#number").fill(LI_ID)
    page.locator("#name").fill("李明")
    page.locator("#session").select_option(site.open_now)
    desk.press("main form button[type=submit]")
    number = page.locator(".ih-slip__number").inner_text()
    assert re.fullmatch(r"A\d{3}", number)
    assert "李明" not in page.content()

    desk.press("form[action$='/slip'] button")
    expect(page.locator(".ih-slip__qr svg")).to_be_visible()
    assert page.evaluate("window.printed") == 1  # the paper comes out by itself, once
    page.reload()
    assert page.evaluate("window.printed || 0") == 0
    page.locator("[data-module=print]").click()
    assert page.evaluate("window.printed") == 1
    page.emulate_media(media="print")
    assert not page.locator(".ih-bar").is_visible() and page.locator(".ih-slip__number").is_visible()
    assert page.locator(".ih-slip").bounding_box()["width"] <= 460  # type: ignore[index]
    link = str(page.locator("a[href*='/slips/']").last.get_attribute("href"))
    site.wait_for_seals()

    stranger = Seen(chromium, PHONE, site.url, language)
    shown = stranger.go(link)
    verified(shown)
    assert "李" not in shown.locator("main").inner_text() and number not in shown.content()
    stranger.see()

    stranger.close()
    desk.close()


def test_pressing_twice_and_coming_back_gives_the_ticket_there_is(site: ClinicSite, chromium: Browser) -> None:
    desk = site.staff_page(chromium, site.ward.desk, DESK)
    page = desk.page
    numbers = []
    for _ in range(2):
        desk.go("/staff/desk/walk-in")
        page.locator("#number").fill(WANG_ID)
        page.locator("#name").fill("王建国")
        page.locator("#session").select_option(site.open_now)
        page.evaluate("document.querySelector('main form').dispatchEvent(new Event('submit', {cancelable: true}))")
        desk.press("main form button[type=submit]")
        numbers.append(page.locator(".ih-slip__number").inner_text())
    assert numbers == ["A001", "A001"]
    expect(page.locator("main")).to_contain_text("今天在这个科室已有号码 A001")
    desk.close()


def test_the_desk_books_for_somebody_by_their_ticket(site: ClinicSite, chromium: Browser) -> None:
    desk = site.staff_page(chromium, site.ward.desk, DESK)
    li = parse_resident_id(LI_ID, hospital_day(site.ward.now))
    site.ward.do(walkins.walk_in, site.ward.desk, li, "李明", None, site.open_now)
    page = desk.go("/staff/desk/book-for")
    page.locator("#ticket").fill("A001")
    desk.press("form:has(#ticket) button[type=submit]")
    desk.press("nav[aria-label='科室'] a:not([aria-current])")
    desk.press("button.ih-slot")
    expect(page.locator(".ih-slip__when")).to_be_visible()
    assert "李" not in page.locator("main").inner_text()
    desk.close()
