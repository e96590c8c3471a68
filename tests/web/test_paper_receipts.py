"""Receipts on paper: what the desk and a patient print is read back by anybody, and names the key that signed it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ledger.note import SigningKey
from ledger.paper import fingerprint
from tests.browser import LAUNCH_ARGUMENTS, chromium_path
from tests.e2e.watching import look
from tests.served import lend_cookie, served

pytestmark = pytest.mark.usefixtures("sealing")
DESK = {"width": 1180, "height": 820}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium_path()), args=[*LAUNCH_ARGUMENTS])
        yield browser
        browser.close()


@pytest.fixture
def its_fingerprint(var: Path) -> str:
    return fingerprint(SigningKey.parse((var / "keys" / "ledger.key").read_text().strip()).verifier_key.format())


def printed_slip(doors, ward) -> str:
    """Return the path of a slip that the desk printed for somebody who checked in."""
    desk = doors.staff(ward.desk)
    appointment = ward.booked(ward.person("李明"))
    answer = desk.post(f"/staff/desk/visits/{appointment}/slip")
    return re.sub(r"^https?://[^/]+", "", answer.headers["Location"])


def scan(page: Page, base: str, photo: Path) -> None:
    """Give a picture of paper to the page that checks receipts, as somebody without an account."""
    page.goto(f"{base}/verify")
    page.get_by_label("回执文件，或二维码的照片").set_input_files(photo)
    expect(page.locator("[data-verdict]")).to_contain_text("核验通过", timeout=60_000)


def paper_of(browser: Browser, base: str, cookie: tuple[str, str, str], path: str, photo: Path) -> str:
    """Open a page, look at it, take a photo of its paper; return what is written on it."""
    context = browser.new_context(viewport=DESK, device_scale_factor=2, locale="zh-CN")
    lend_cookie(context, base, *cookie)
    page = context.new_page()
    page.goto(base + path)
    page.locator(".ih-slip").screenshot(path=str(photo))
    words = page.locator(".ih-slip").inner_text()
    assert look(page) == []
    context.close()
    return words


def test_the_slips_large_code_holds_its_receipt_and_the_paper_names_the_key(
    app, doors, ward, chromium, tmp_path, its_fingerprint
):
    path = printed_slip(doors, ward)
    small, large = (doors.staff(ward.desk).get(path + more).text for more in ("", "?code=large"))
    assert its_fingerprint in small and its_fingerprint in large
    assert "打印大码" in small and "ih-slip__qr_large" not in small
    assert "李明" not in re.search(r"(?s)<article.*</article>", large).group()
    with served(app) as base:
        cookie = ("mz_staff", ward.token("staff", ward.desk.ref), "/staff")
        words = paper_of(chromium, base, cookie, f"{path}?code=large", tmp_path / "slip.png")
        assert its_fingerprint in words
        page = chromium.new_page(viewport=PHONE)
        scan(page, base, tmp_path / "slip.png")
        expect(page.locator("[data-step=event]")).to_contain_text("预约成功")
        expect(page.locator("[data-step=event]")).to_contain_text("这是出示用的回执")
        expect(page.locator("[data-step=signature]")).to_contain_text(its_fingerprint)


def test_a_patient_prints_a_receipt_to_show_and_nobody_reads_there_whose_it_is(
    app, doors, ward, chromium, tmp_path, its_fingerprint
):
    who = ward.person("李明")
    ward.booked(who)
    phone = doors.phone(who)
    event_id = re.search(r'href="/receipts/([0-9a-f-]{36})"', phone.get("/receipts").text).group(1)
    deadline = time.monotonic() + 60
    while f"/receipts/{event_id}/paper" not in phone.get(f"/receipts/{event_id}").text:  # once it is sealed
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with served(app) as base:
        cookie = ("mz_patient", ward.token("patient", who.actor.ref), "/")
        words = paper_of(chromium, base, cookie, f"/receipts/{event_id}/paper", tmp_path / "mine.png")
        assert its_fingerprint in words and "李明" not in words
        page = chromium.new_page(viewport=PHONE)
        scan(page, base, tmp_path / "mine.png")
        expect(page.locator("[data-step=event]")).to_contain_text("这是出示用的回执")


def test_nobody_else_prints_a_patients_receipt(doors, ward):
    who, other = ward.person("李明"), ward.person("王小红")
    ward.booked(who)
    event_id = re.search(r'href="/receipts/([0-9a-f-]{36})"', doors.phone(who).get("/receipts").text).group(1)
    assert doors.phone(other).get(f"/receipts/{event_id}/paper").status_code == 404


def test_the_walls_page_shows_the_fingerprint_and_where_to_check(app, its_fingerprint):
    page = app.test_client().get("/ledger/wall").text
    assert its_fingerprint in page and "/verify</p>" in page
    client = app.test_client()
    client.get("/language/en")
    body = client.get("/ledger/wall").text
    assert re.findall("[\u4e00-\u9fff]+", body[body.index("<main") : body.index("</main>")]) == []
