"""The holder of an old receipt learns on the page that its log ended, and who goes on; from a page on a disk, too, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ledger.note import SigningKey
from ledger.paper import fingerprint
from tests.browser import LAUNCH_ARGUMENTS, chromium_path
from tests.e2e.watching import look
from tests.ledger.made import make_receipt, opening
from tests.served import served
from tests.services.test_restore import Day

NEXT = SigningKey("mingzhen.demo/log-2", b"\x2c" * 32)
PHONE = {"width": 390, "height": 844}
FIRST_SIZE = 3


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium_path()), args=[*LAUNCH_ARGUMENTS])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport=PHONE, locale="zh-CN")
    yield context.new_page()
    context.close()


@pytest.fixture
def key(var: Path) -> SigningKey:
    return SigningKey.parse((var / "keys" / "ledger.key").read_text().strip())


def ended(var: Path, clock, *said: str) -> Day:
    """Return a hospital whose log ended after three acts, and another went on; its last receipt is of the second log."""
    day = Day(var, clock)
    day.live(FIRST_SIZE)
    (var / "keys" / "next.key").write_text(NEXT.format() + "\n")
    assert day.command("succeed", "--to", NEXT.verifier_key.format(), *said) == 0
    day.close()
    day.environ = {"LEDGER_ORIGIN": NEXT.name, "KEY": "next.key"}
    day.open()
    day.live(1)
    return day


def check(page: Page, receipt: bytes) -> None:
    page.get_by_label("或者把回执的内容粘贴到这里").fill(receipt.decode())
    page.get_by_role("button", name="核验", exact=True).click()


def test_an_old_receipt_is_good_and_says_who_goes_on_by_the_old_logs_own_signature(var, clock, key, page, tmp_path):
    """On a page saved to a disk, with no network: the note's signature is checked there."""
    old_key = str(var / "keys" / "ledger.key")
    day = ended(
        var, clock, "--reason", "restored", "--old-key", old_key, "--address", "https://hospital.example/ledger/"
    )
    file = tmp_path / "mingzhen-heyan.html"
    file.write_bytes(day.get("/verify/saved").data)
    day.close()
    page.context.set_offline(True)
    page.goto(file.as_uri())
    verdict = page.locator("[data-verdict]")

    check(page, day.receipts[0])
    expect(verdict).to_contain_text("核验通过")
    told = page.locator(".ih-verify__ended")
    expect(told).to_have_attribute("data-ended", "signed")
    expect(told).to_contain_text(f"{key.name} 写到第 {FIRST_SIZE} 条为止")
    expect(told).to_contain_text(f"现在由 {NEXT.name} 接着写")
    expect(told).to_contain_text(fingerprint(NEXT.verifier_key.format()))
    expect(told.get_by_role("link")).to_have_attribute("href", "http://localhost/ledger/frozen/1/")
    assert look(page) == []
    page.get_by_role("button", name="改动一个字节看看").click()
    expect(verdict).to_contain_text("核验不通过")
    expect(told).to_have_count(0)

    check(page, make_receipt(opening(), key=key))  # over eleven entries, of which the next log knows three
    expect(verdict).to_contain_text("核验通过")
    expect(told).to_contain_text(f"签这份回执时账本有 11 条，接着写的账本只认它的前 {FIRST_SIZE} 条")

    check(page, day.receipts[-1])  # of the log that goes on
    expect(page.locator("[data-step=signature]")).to_contain_text(NEXT.name)
    expect(told).to_have_count(0)


def test_after_a_compromise_no_signature_is_claimed_and_the_hospitals_alone_is_not_enough(var, clock, key, page):
    day = ended(var, clock, "--reason", "key-compromised", "--unsigned")
    with served(day.app) as base:
        page.goto(f"{base}/verify")
        told = page.locator(".ih-verify__ended")
        check(page, day.receipts[0])
        expect(told).to_have_attribute("data-ended", "unsigned")
        expect(told).to_contain_text("光有医院的签名已经不够")
        expect(page.locator("[data-verdict]")).to_contain_text("签名对得上，但还不够")
        expect(page.locator("[data-verdict]")).not_to_contain_text("核验通过")
        expect(told).to_contain_text("挂在医院墙上")
        check(page, make_receipt(opening(), key=key))
        expect(told).to_contain_text("不能只凭这个签名相信它")
        expect(page.locator("[data-module=receipt-check]")).to_have_attribute("data-result", "sealed")
    day.close()


def test_a_log_that_goes_on_has_nothing_to_say(app):
    assert 'data-ended="[]"' in app.test_client().get("/verify").text
