"""Somebody did not come: the phone says so in plain words, takes an appeal, and the desk decides it with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.services import strikes
from tests.e2e.clinic_site import ClinicSite, verified
from tests.e2e.test_stop_clinic import phone_of

DESK = {"width": 1180, "height": 820}
STORY = "孩子半夜发烧"
SAYS = {"zh": ("记一次", "已撤销"), "en": ("Counts", "Removed")}


@pytest.fixture
def site(var: Path) -> Iterator[ClinicSite]:
    with ClinicSite(var) as live:
        yield live


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_strike_is_explained_appealed_against_and_lifted(site: ClinicSite, chromium: Browser, language: str) -> None:
    ward, (counts, lifted) = site.ward, SAYS[language]
    real = ward.clock
    ward.clock = lambda: real() - timedelta(days=2)
    who = ward.person()
    missed = ward.plan_again()
    ward.booked(who, slot_id=ward.slots(missed)[-1])
    ward.clock = real
    ward.do(strikes.run)

    phone = phone_of(site, chromium, who, language)
    phone.go("/me")
    phone.press("a[href='/me/promises']")
    expect(phone.page.locator("main")).to_contain_text(counts)
    phone.press("main li a")
    phone.page.locator("input[value=urgent]").check()
    phone.page.locator("textarea[name=words]").fill(STORY)
    phone.press("main form button[type=submit]")

    desk = site.staff_page(chromium, ward.desk, DESK, language)
    desk.go("/staff/desk/appeals")
    assert STORY not in desk.page.content() and who.name not in desk.page.content()
    desk.press("main li a")
    expect(desk.page.locator("main")).to_contain_text(STORY)
    desk.page.locator("input[value=goodwill]").check()
    desk.press("main form button[type=submit]")

    phone.go("/me/promises")
    expect(phone.page.locator("main")).to_contain_text(lifted)
    site.wait_for_seals()
    phone.go("/receipts")
    phone.press(".ih-timeline a")
    verified(phone.page)
    assert ward.types(who.ref)[-3:] == ["appeal.made", "appeal.opened", "appeal.upheld"]
    phone.close()
    desk.close()
