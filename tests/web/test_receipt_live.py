"""A receipt in a real browser on plain HTTP, and a sequencer that dies in the middle of a journey (I10)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser import LAUNCH_ARGUMENTS, chromium_path
from tests.browsing import Browser
from tests.live import LiveSite, wait_until
from tests.people import LI_ID

CSP_REPORTS = """
window.__refused = [];
document.addEventListener("securitypolicyviolation", (e) => window.__refused.push(e.violatedDirective + " " + e.blockedURI));
"""


@pytest.fixture
def site(var: Path) -> Iterator[LiveSite]:
    with LiveSite(var) as live:
        yield live


@pytest.fixture
def page(site: LiveSite) -> Iterator[Page]:
    """A phone that reaches the site by a name, without TLS: no secure context, so no crypto.subtle."""
    said: list[str] = []
    with sync_playwright() as playwright:
        arguments = [*LAUNCH_ARGUMENTS, "--host-resolver-rules=MAP hospital.test 127.0.0.1"]
        chromium = playwright.chromium.launch(executable_path=str(chromium_path()), args=arguments)
        context = chromium.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
        context.add_init_script(CSP_REPORTS)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"http://hospital.test:{site.port}/ledger/")
        yield page
        refused = page.evaluate("window.__refused")
        chromium.close()
    assert said == []
    assert refused == []


def newest_receipt(page: Page, base: str) -> None:
    page.goto(f"{base}/receipts")
    with page.expect_navigation():
        page.locator(".ih-timeline a").first.click()


def test_a_receipt_is_seen_verified_and_seen_broken_on_a_phone(page: Page, site: LiveSite) -> None:
    base = f"http://hospital.test:{site.port}"
    site.sign_in(page)
    site.wait_for_seals()
    newest_receipt(page, base)
    assert page.evaluate("[isSecureContext, typeof crypto.subtle]") == [False, "undefined"]
    verdict = page.locator("[data-verdict]")
    expect(verdict).to_contain_text("核验通过")
    expect(page.locator("[data-step=event]")).to_contain_text("登录账号")
    page.get_by_role("button", name="改动一个字节看看").click()
    expect(verdict).to_contain_text("核验不通过")
    page.get_by_role("button", name="复原").click()
    expect(verdict).to_contain_text("核验通过")
    with page.expect_download() as download:
        page.get_by_role("link", name="下载，自己留存").click()
    assert download.value.suggested_filename.endswith(".tlog-proof")

    # The same file, given to the page for strangers.
    page.goto(f"{base}/verify")
    page.locator("[data-file]").set_input_files(download.value.path())
    expect(page.locator("[data-verdict]")).to_contain_text("核验通过")


def test_a_look_appears_under_who_looked_by_itself(page: Page, site: LiveSite) -> None:
    base = f"http://hospital.test:{site.port}"
    site.sign_in(page)
    other = Browser(site.app)
    other.get("/sign-in")
    other.post("/sign-in/phone", phone="13900139000")
    other.post("/sign-in/code", phone="+8613900139000", code=site.last_code())
    page.goto(f"{base}/receipts")
    theirs = page.locator(".ih-timeline a").first.get_attribute("href")
    page.goto(f"{base}/receipts?side=look")
    expect(page.get_by_text("还没有别人看过")).to_be_visible()

    assert other.get(str(theirs)).status_code == 404

    expect(page.locator(".ih-timeline").get_by_text("另一个账号 · 想看或想办，被拒绝了")).to_be_visible(timeout=60_000)


def test_a_killed_sequencer_stops_nobody_and_everything_completes_after_it_is_back(page: Page, site: LiveSite) -> None:
    """I10: acts go on as "sealing", `/readyz` says so, the waiting page completes by itself after the restart."""
    base = f"http://hospital.test:{site.port}"
    site.sign_in(page)
    site.kill_sequencer()

    page.goto(f"{base}/people/new?relation=self&next=/me")
    page.locator("input[name=name]").fill("李明")
    page.locator("input[name=number]").fill(LI_ID)
    page.locator("input[name=consent]").check()
    page.locator("form[action*='/people/new'] button[type=submit], main form button[type=submit]").last.click()
    page.wait_for_url(re.compile(r":\d+/me"))
    expect(page.locator("main")).to_contain_text("李明")
    wait_until(lambda: site.status("/readyz") == 503)
    assert site.status("/healthz") == 200

    newest_receipt(page, base)
    expect(page.locator("main")).to_contain_text("存证中…")

    site.start_sequencer()
    expect(page.locator("[data-verdict]")).to_contain_text("核验通过", timeout=60_000)
    site.wait_for_seals()
    page.goto(f"{base}/receipts")
    expect(page.locator(".ih-timeline")).not_to_contain_text("存证中")
    wait_until(lambda: site.status("/readyz") == 200)
