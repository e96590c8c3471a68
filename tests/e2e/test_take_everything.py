"""Somebody takes everything away on the phone, and checks a receipt of it in a browser that has no network."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app import packing
from tests.e2e.clinic_site import ClinicSite, Seen
from tests.e2e.watching import PHONE
from tests.sealed import until_sealed


@pytest.fixture
def site(var: Path) -> Iterator[ClinicSite]:
    with ClinicSite(var) as live:
        yield live


@pytest.mark.parametrize("language", ["zh", "en"])
def test_everything_is_taken_away_and_checked_without_us(
    site: ClinicSite, chromium: Browser, tmp_path: Path, language: str
) -> None:
    ward = site.ward
    li = ward.person("李明")
    ward.waiting(site.open_now, li)
    phone = Seen(chromium, PHONE, site.url, language, accept_downloads=True)
    token = ward.token("patient", li.actor.ref)
    phone.watched.context.add_cookies([{"name": "mz_patient", "value": token, "url": site.url, "httpOnly": True}])
    page = phone.go("/me/takeout")
    phone.press("form[action$='/me/takeout'] button[type=submit]")
    until_sealed(ward.house)
    while packing.work(ward.house):  # what the chore does every two seconds
        pass
    expect(page.locator("form[action$='/fetch'] button")).to_be_visible(timeout=60_000)  # the page finds out by itself
    phone.see()
    page.locator("form[action$='/fetch'] button").click()
    with page.expect_download() as download:
        page.locator(".ih-dialog button.ih-btn_danger").click()
    archive = tmp_path / "mingzhen.zip"
    download.value.save_as(archive)
    with zipfile.ZipFile(archive) as files:
        files.extractall(tmp_path / "home")
    assert phone.found == [] and phone.watched.complaints == []

    receipts = sorted((tmp_path / "home" / "receipts").glob("*.tlog-proof"))
    assert receipts
    alone = chromium.new_context(viewport=PHONE, offline=True)
    home = alone.new_page()
    home.goto((tmp_path / "home" / "verify.html").as_uri())
    home.set_input_files("input[type=file] >> nth=0", receipts[0])
    expect(home.locator("main")).to_contain_text({"zh": "核验通过", "en": "Verified"}[language], timeout=60_000)
    home.set_input_files("input[type=file] >> nth=0", receipts)
    all_good = {"zh": f"{len(receipts)} 份回执都通过", "en": f"All verified: {len(receipts)}"}[language]
    expect(home.locator("[data-verdict]")).to_contain_text(all_good, timeout=60_000)
    assert len(receipts) > 1
    alone.close()
    phone.watched.close()
