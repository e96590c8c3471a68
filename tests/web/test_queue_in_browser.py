"""The patient's queue in a real browser: what a screen reader hears, a phone that slept, and axe."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.services import queueing
from tests.browser import LAUNCH_ARGUMENTS, chromium_path
from tests.fixtures_visit import Person, Ward
from tests.served import lend_cookie, served

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
# What stands in the polite region, each time it changes; and whether looks are answered at all.
LISTEN = """
() => {
  window.heard = [];
  const region = document.querySelector("[data-poll-says]");
  new MutationObserver(() => window.heard.push(region.textContent)).observe(region, { childList: true, characterData: true });
}
"""
# The page is told that it is hidden, as a phone in a pocket tells it; nothing else changes.
SLEEP = """
(isHidden) => {
  Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(chromium_path()), args=list(LAUNCH_ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def base(app: Flask) -> Iterator[str]:
    with served(app) as address:
        yield address


@pytest.fixture
def me(ward: Ward) -> Person:
    """Somebody who waits behind two others."""
    for _ in range(2):
        ward.waiting()
    who = ward.person("王小红")
    ward.waiting(who=who)
    return who


@pytest.fixture
def phone(browser: Browser, base: str, ward: Ward, me: Person) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, bypass_csp=True)
    lend_cookie(context, base, "mz_patient", ward.token("patient", me.actor.ref))
    page = context.new_page()
    yield page
    context.close()


def look(page: Page) -> None:
    """Let the page ask now, and not when its two seconds are over."""
    with page.expect_response("**/queue/now"):
        page.evaluate("window.dispatchEvent(new Event('online'))")


def see(ward: Ward) -> None:
    called = ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.do(queueing.start, ward.chen, called.id)
    ward.do(queueing.finish, ward.chen, called.id)


def test_a_screen_reader_hears_the_sentence_when_it_changes_and_nothing_at_the_other_looks(phone, base, ward):
    phone.goto(f"{base}/queue")
    expect(phone.locator(".ih-ticket__state")).to_have_text("您排第 3 位，前面还有 2 人")
    phone.evaluate(LISTEN)
    for _ in range(3):
        look(phone)
    called = ward.do(queueing.call_next, ward.chen, ward.expert)
    look(phone)
    expect(phone.locator(".ih-ticket__state")).to_have_text("您排第 2 位，前面还有 1 人")
    ward.do(queueing.start, ward.chen, called.id)  # changes nothing for who waits
    look(phone)
    assert phone.evaluate("window.heard") == ["您排第 2 位，前面还有 1 人"]
    assert phone.locator("[data-poll-says]").get_attribute("aria-live") == "polite"


def test_a_phone_that_slept_shows_the_present_the_moment_it_is_looked_at(phone, base, ward):
    phone.goto(f"{base}/queue")
    phone.evaluate(SLEEP, True)
    see(ward)
    see(ward)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    expect(phone.locator(".ih-ticket__state")).to_contain_text("前面还有 2 人")  # nobody asks while it sleeps
    with phone.expect_response("**/queue/now"):
        phone.evaluate(SLEEP, False)
    expect(phone.locator(".ih-ticket__state")).to_have_text("请到 1诊室就诊")


def test_a_page_from_the_browsers_own_memory_asks_at_once(phone, base, ward):
    """Going back brings a page as it was left (pageshow, persisted): its numbers are of then."""
    phone.goto(f"{base}/queue")
    see(ward)
    with phone.expect_response("**/queue/now"):
        phone.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(phone.locator(".ih-ticket__state")).to_have_text("您排第 2 位，前面还有 1 人")


def test_a_look_that_fell_asleep_unanswered_holds_up_no_later_one(phone, base, ward):
    phone.goto(f"{base}/queue")
    phone.evaluate(
        """() => {
          const real = window.fetch;
          window.fetch = () => new Promise(() => {});
          window.dispatchEvent(new Event("online"));
          window.fetch = real;
          const then = Date.now;
          Date.now = () => then() + 3600 * 1000;  // the phone slept for an hour
        }"""
    )
    see(ward)
    with phone.expect_response("**/queue/now"):
        phone.evaluate(SLEEP, False)
    expect(phone.locator(".ih-ticket__state")).to_have_text("您排第 2 位，前面还有 1 人")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_axe_finds_nothing_serious_on_the_queue_and_on_leaving_it(phone, base, ward, language):
    phone.goto(f"{base}/language/{language}?next=/queue")
    for path in ("/queue", phone.locator("a[href$='/leave']").get_attribute("href"), "/"):
        phone.goto(base + str(path))
        phone.add_script_tag(path=AXE)
        found = phone.evaluate("axe.run().then((all) => all.violations.map((one) => [one.id, one.impact]))")
        assert [one for one in found if one[1] in ("serious", "critical")] == [], path
        assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_leaving_asks_first_and_needs_no_script(browser, base, ward, me):
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    lend_cookie(context, base, "mz_patient", ward.token("patient", me.actor.ref))
    page = context.new_page()
    page.goto(f"{base}/queue")
    page.get_by_role("link", name="不等了").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("退出排队？")
    page.get_by_role("link", name="继续等").click()
    page.get_by_role("link", name="不等了").click()
    page.get_by_role("button", name="退出排队").click()
    expect(page.get_by_text("现在没有在排的号")).to_be_visible()
    assert ward.types(me.ref)[-1] == "ticket.left"
    context.close()


def test_titles_and_addresses_tell_nothing_of_anybody(phone, base, ward, me):
    ward.clock.now += timedelta(minutes=1)
    for path in ("/queue", "/"):
        phone.goto(base + path)
        assert "王小红" not in phone.title() and "A003" not in phone.title() and "心内科" not in phone.title()
        assert me.ref not in phone.content().split("<main")[0]
