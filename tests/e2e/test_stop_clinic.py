"""A doctor is called away: the desk stops the session, each patient decides on the phone with one tap, nobody is struck."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.domain.actor import SYSTEM
from app.models import ClinicSession
from app.services import booking, moves, planning
from tests.e2e.clinic_site import ClinicSite, Seen, verified
from tests.e2e.watching import PHONE
from tests.fixtures_visit import Person

DESK = {"width": 1180, "height": 820}
WORDS = {"zh": ("同意改约", "已同意"), "en": ("Yes, move it", "Agreed")}


@pytest.fixture
def site(var: Path) -> Iterator[ClinicSite]:
    with ClinicSite(var) as live:
        yield live


def phone_of(site: ClinicSite, browser: Browser, who: Person, language: str) -> Seen:
    seen = Seen(browser, PHONE, site.url, language)
    token = site.ward.token("patient", who.actor.ref)
    seen.watched.context.add_cookies([{"name": "mz_patient", "value": token, "domain": "127.0.0.1", "path": "/"}])
    return seen


def plan_later(site: ClinicSite) -> str:
    """Return a session of doctor Lin's in the same department, four hours from now."""
    ward = site.ward
    with ward.house.reading_session() as session:
        row = session.get_one(ClinicSession, site.open_now)
        place = row.department_id, ward.lin.ref, row.room_id
    hours = ward.now + timedelta(hours=4), ward.now + timedelta(hours=5)
    return str(ward.do(planning.plan_session, SYSTEM, ward.clinic, *place, *hours, 10, "expert"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_desk_stops_a_session_and_a_patient_moves_with_one_tap(
    site: ClinicSite, chromium: Browser, language: str
) -> None:
    ward, (yes, agreed) = site.ward, WORDS[language]
    who, other = ward.person(), ward.person()
    first, second = ward.slots(site.open_now)[-2:]
    appointment, given_up = ward.booked(who, slot_id=first), ward.booked(other, slot_id=second)
    plan_later(site)

    desk = site.staff_page(chromium, ward.desk, DESK, language)
    desk.go("/staff/desk/sessions")
    desk.press(f"a[href$='/sessions/{site.open_now}/stop']")
    desk.page.locator("input[value=emergency]").check()
    desk.page.locator("form[action$='/stop'] button[type=submit]").click()
    desk.page.get_by_role("alertdialog").get_by_role("button").last.click()
    expect(desk.page.locator("main li.ih-row")).to_have_count(2)
    desk.see()
    assert who.name not in desk.page.content()

    phone = phone_of(site, chromium, who, language)
    phone.go("/")
    (offer,) = ward.look(moves.offers_of, who.actor)
    phone.press(f"form[action='/moves/{offer.id}/accept'] button")
    assert yes not in phone.page.locator("main").inner_text()
    view = ward.look(booking.appointment, who.actor, appointment)
    assert (view.state, view.starts_at) == ("booked", offer.to_at)
    site.wait_for_seals()
    phone.go("/receipts")
    phone.press(".ih-timeline a")
    verified(phone.page)

    # The other calls the desk and does without.
    declined = desk.page.locator("main li.ih-row", has=desk.page.locator("form[action$='/decline']")).last
    declined.locator("form[action$='/decline'] button").click()
    desk.page.get_by_role("alertdialog").get_by_role("button").last.click()
    expect(desk.page.get_by_text(agreed)).to_be_visible()
    desk.see()
    gone = ward.look(booking.appointment, other.actor, given_up)
    assert (gone.state, gone.cancelled_by) == ("cancelled", "clinic")
    phone.close()
    desk.close()
