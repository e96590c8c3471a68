"""A foreigner with a passport and a phone of any country: signed in, bound, booked and checked in, in English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.services import identity, people
from tests.e2e.clinic_site import ClinicSite, Seen
from tests.e2e.watching import PHONE


@pytest.fixture
def site(var: Path) -> Iterator[ClinicSite]:
    with ClinicSite(var) as live:
        yield live


def test_a_passport_and_a_borrowed_phone_are_enough_for_a_visit(site: ClinicSite, chromium: Browser) -> None:
    phone = Seen(chromium, PHONE, site.url, "en", has_touch=True)
    site.sign_in(phone.page, "+447700900123")
    page = phone.go("/people/new?relation=self&next=/me")
    page.locator("label.ih-choice", has_text="Passport").click()
    page.locator("#name").fill("Anna-Lena Größe")
    page.locator("#country").select_option("DEU")
    page.locator("#passport_number").fill("c01x00t47")
    page.locator("#birth_on").fill("1990-06-21")
    page.locator("label.ih-choice", has_text=re.compile(r"^\s*Female")).click()
    expect(page.locator(".ih-when-self")).to_contain_text("This phone +44")
    page.locator("label.ih-choice", has_text="Somebody else").click()
    page.locator("#consent").check()
    me = phone.press("main form button[type=submit]")
    expect(me.locator("main")).to_contain_text("ANNA-LENA GRÖSSE")

    phone.go("/book")
    phone.press("main form button >> nth=0")
    phone.book_first()
    phone.go(f"/c/{site.ward.venue_code()}")
    phone.press("form[action$='/check-in'] button[type=submit]")
    queue = phone.go("/queue")
    expect(queue.locator(".ih-ticket__number")).to_have_text(re.compile(r"A\d{3}"))
    expect(queue.locator("main")).to_contain_text("ANNA-LENA GRÖSSE")
    assert not re.search(r"[\u4e00-\u9fff]", queue.locator(".ih-ticket").inner_text())  # English throughout

    with site.house().reading_session() as session:
        patient = session.scalars(people.select(people.Patient)).one()
        assert identity.read_identity(session, patient).phone == ""  # a borrowed phone is nobody's contact
    phone.close()
