"""A parent with two children: bound on the phone, verified at the desk, booked, checked in by one scan, all in one queue page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.clinic_site import ClinicSite, Seen
from tests.e2e.watching import PHONE
from tests.people import CHILD_ID, LI_ID, with_check

DESK = {"width": 1180, "height": 820}
SECOND_ID = with_check("11010520200505003")
CHILDREN = (("李小明", CHILD_ID), ("李小风", SECOND_ID))


@pytest.fixture
def site(var: Path) -> Iterator[ClinicSite]:
    with ClinicSite(var) as live:
        yield live


def bind(phone: Seen, relation: str, name: str, number: str) -> Page:
    page = phone.go(f"/people/new?relation={relation}&next=/me")
    page.locator("#name").fill(name)
    page.locator("#number").fill(number)
    page.locator("#consent").check()
    return phone.press("main form button[type=submit]")


def test_a_parent_books_two_children_and_one_scan_checks_everybody_in(site: ClinicSite, chromium: Browser) -> None:
    phone = Seen(chromium, PHONE, site.url, has_touch=True)
    desk = site.staff_page(chromium, site.ward.desk, DESK)
    site.sign_in(phone.page)
    bind(phone, "self", "李明", LI_ID)
    for name, number in CHILDREN:
        bind(phone, "guardian", name, number)
        papers = desk.go("/staff/desk/documents")
        papers.locator("#number").fill(number)
        desk.press("main form button[type=submit]")
        expect(papers.locator("main")).to_contain_text("李明")  # who asks
        desk.press("form[action$='/verify'] button[type=submit]")
    me = phone.go("/me")
    for name, _ in CHILDREN:
        expect(me.locator("main")).to_contain_text(name)

    for name in ("李明", *(name for name, _ in CHILDREN)):
        phone.page.goto(f"{site.url}/book")
        phone.press("main form button >> nth=0")
        phone.page.locator("label.ih-choice", has_text=name).locator("input").check(force=True)
        phone.book_first()

    link = f"/c/{site.ward.venue_code()}"
    page = phone.go(link)
    assert page.locator("input[name=appointment]:checked").count() == 3
    phone.press("form[action$='/check-in'] button[type=submit]")
    queue = phone.go("/queue")
    cards = queue.locator(".ih-ticket")
    expect(cards).to_have_count(3)
    said = queue.locator("main").inner_text()
    assert all(name in said for name in ("李明", "李小明", "李小风"))
    numbers = re.findall(r"A\d{3}", " ".join(queue.locator(".ih-ticket__number").all_inner_texts()))
    assert numbers == sorted(set(numbers)) and len(numbers) == 3  # each its own, whoever's turn is nearest first
    home = phone.go("/")
    assert all(name in home.locator("main").inner_text() for name in ("李小明", "李小风"))

    # The desk ends one guardianship: an open queue page loses that child by itself.
    phone.go("/queue")
    papers = desk.go("/staff/desk/documents")
    papers.locator("#number").fill(SECOND_ID)
    desk.press("main form button[type=submit]")
    papers.locator("form[action$='/revoke'] button").click()
    papers.get_by_role("alertdialog").get_by_role("button").last.click()
    expect(papers.locator("main")).to_contain_text("现在起看不到")
    expect(phone.page.locator(".ih-ticket")).to_have_count(2, timeout=60_000)
    assert "李小风" not in phone.page.locator("main").inner_text()

    phone.close()
    desk.close()
