"""Somebody asks to be erased: reads what goes and what law keeps until when, confirms, and sees that it is done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import update

from app import erasing
from app.audit import Auditor
from app.domain import clinical
from app.domain.clinical import Kind
from app.models import Erasure
from app.services import queueing, records
from ledger.receipt import verify_receipt
from tests.e2e.clinic_site import ClinicSite, verified
from tests.e2e.test_stop_clinic import phone_of
from tests.services.test_erasure import prove

DESK = {"width": 1180, "height": 820}
SAYS = {
    "zh": ("法律要求保存", "正在删除", "您的资料已经删除", "名字写错了", "已更正"),
    "en": ("Kept because the law says so", "Erasing", "Your data is erased", "my name is wrong", "Corrected"),
}


@pytest.fixture
def site(var: Path) -> Iterator[ClinicSite]:
    with ClinicSite(var) as live:
        yield live


def treated(site: ClinicSite):  # type: ignore[no-untyped-def]
    """Return somebody whose visit is over, and who has shown to be who they are."""
    ward = site.ward
    who = ward.person()
    prove(ward, who)
    ward.waiting(site.open_now, who)
    ticket = ward.do(queueing.call_next, ward.chen, site.open_now).id
    visit = ward.do(queueing.start, ward.chen, ticket)
    ward.do(records.sign, ward.chen, visit, Kind.DIAGNOSIS, clinical.diagnosis("I10"))
    ward.do(queueing.finish, ward.chen, ticket)
    return who


@pytest.mark.parametrize("language", ["zh", "en"])
def test_asking_reading_confirming_and_done(site: ClinicSite, chromium: Browser, language: str) -> None:
    keeps, going_on, done, _, _ = SAYS[language]
    who = treated(site)
    phone = phone_of(site, chromium, who, language)
    phone.go("/me")
    phone.press("a[href='/me/erase']")
    page = phone.page
    expect(page.locator("main")).to_contain_text(keeps)
    expect(page.locator("main")).to_contain_text(str(site.ward.now.year + 15))
    page.locator("#sure").check()
    phone.press("main form button[type=submit]")
    assert page.url.endswith("/erased")
    expect(page.locator("h1")).to_contain_text(going_on)

    house = site.house()
    assert erasing.carry_on(house) == 1
    with house.writing_session() as session:  # a minute later
        session.execute(update(Erasure).values(destroyed_at=house.clock() - timedelta(seconds=61)))
    assert erasing.carry_on(house) == 1
    site.wait_for_seals()
    phone.go("/erased")
    expect(page.locator("h1")).to_contain_text(done)
    verified(page)
    with page.expect_download() as download:
        page.locator("a[download]").click()
    held = verify_receipt(Path(download.value.path()).read_bytes(), house.log_keys[0])
    assert held.open["type"] == "erasure.begun"
    phone.go("/me")
    assert "/sign-in" in page.url
    assert Auditor(house.settings).run().findings.kept == []
    phone.close()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_correction_is_asked_for_and_answered(site: ClinicSite, chromium: Browser, language: str) -> None:
    *_, story, corrected = SAYS[language]
    who = treated(site)
    phone = phone_of(site, chromium, who, language)
    phone.go("/me/corrections")
    phone.page.locator("input[value=identity]").check()
    phone.page.locator("textarea[name=wrong]").fill(story)
    phone.press("main form button[type=submit]")

    desk = site.staff_page(chromium, site.ward.desk, DESK, language)
    desk.go("/staff/desk/corrections")
    assert story not in desk.page.content() and who.name not in desk.page.content()
    desk.press("main li a")
    expect(desk.page.locator("main")).to_contain_text(story)
    desk.page.locator("input[value=amended]").check()
    desk.page.locator("textarea[name=reason]").fill("OK 已改")
    desk.press("main form button[type=submit]")

    phone.go("/me/corrections")
    expect(phone.page.locator("main")).to_contain_text(corrected)
    expect(phone.page.locator("main")).to_contain_text("OK 已改")
    assert site.ward.types(who.ref)[-3:] == ["correction.asked", "correction.opened", "correction.answered"]
    phone.close()
    desk.close()
