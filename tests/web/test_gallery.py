"""Frames, macros and scripts in a real browser: contrast and names by axe, targets, and what the scripts do."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import make_server

from tests.browser import LAUNCH_ARGUMENTS, chromium_path
from tests.web.gallery_app import PAGES, gallery_app

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PHONE, TABLET = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
RUN_AXE = """() => axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    .then(result => result.violations.map(one => one.id + ": " + one.nodes.map(node => node.html).join(" | ")))"""
SMALL_TARGETS = """() => Array.from(document.querySelectorAll("button, summary, select, input:not([type=hidden]), nav a, .ih-btn"))
    .map(one => [one.outerHTML.slice(0, 90), (one.closest("label") || one).getBoundingClientRect()])
    .filter(([html, box]) => box.width && (box.width < 43.5 || box.height < 43.5)).map(([html]) => html)"""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, gallery_app(), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(chromium_path()), args=list(LAUNCH_ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """A phone on the gallery's site; the test fails when the console complained."""
    complaints: list[str] = []
    context = browser.new_context(viewport=PHONE, base_url=site)
    opened = context.new_page()
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert [text for text in complaints if "net::ERR_INTERNET_DISCONNECTED" not in text] == []


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", [PHONE, TABLET], ids=["phone", "tablet"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_nothing_overflows(page: Page, name, size, language):
    page.set_viewport_size(size)
    page.goto(f"/language/{language}?next=/gallery/{name}")
    page.evaluate(AXE.read_text("utf-8"))

    assert page.evaluate(RUN_AXE) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(SMALL_TARGETS) == []


def test_called_numbers_are_at_least_a_twelfth_of_the_screens_height(page: Page):
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto("/gallery/screen")

    sizes = page.evaluate(
        "Array.from(document.querySelectorAll('.ih-tv__number')).map(one => parseFloat(getComputedStyle(one).fontSize))"
    )

    assert min(sizes) >= 0.08 * 1080


def test_the_part_that_polls_changes_by_itself_and_says_so(page: Page):
    page.goto("/gallery/patient")

    page.wait_for_selector("[data-poll-body] >> text=A009", timeout=60_000)

    expect(page.locator("[data-poll-says]")).to_have_text("A009")


def test_a_lost_network_is_said_and_taken_back_when_it_returns(page: Page):
    page.goto("/gallery/patient")
    page.context.set_offline(True)
    page.wait_for_selector("[data-poll-lost]", state="visible", timeout=60_000)

    page.context.set_offline(False)

    page.wait_for_selector("[data-poll-lost]", state="hidden", timeout=60_000)


def test_a_dangerous_button_asks_first_and_no_means_no(page: Page):
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.route("**/cancel", lambda route: route.fulfill(body="gone"))
    page.goto("/gallery/patient")

    page.click("form[action='/cancel'] button")
    page.click(".ih-dialog >> text=先不")
    assert (posts, page.locator(".ih-dialog").count()) == ([], 0)
    assert page.evaluate("document.activeElement.textContent") == "取消预约"

    page.click("form[action='/cancel'] button")
    page.click(".ih-dialog .ih-btn_danger")
    page.wait_for_url("**/cancel")
    assert len(posts) == 1


def test_pressing_twice_sends_once(page: Page):
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.route("**/check-in", lambda route: route.fulfill(status=204))  # keeps the page where it is
    page.goto("/gallery/patient")

    page.click("form[action='/check-in'] button")
    page.click("form[action='/check-in'] button", force=True)

    assert len(posts) == 1
    assert page.get_attribute("form[action='/check-in'] button", "aria-disabled") == "true"


def test_a_function_key_presses_the_staffs_button(page: Page):
    page.set_viewport_size(TABLET)
    page.route("**/next", lambda route: route.fulfill(body="called"))
    page.goto("/gallery/staff")

    page.keyboard.press("F2")

    page.wait_for_url("**/next")


def test_the_copy_button_works_on_plain_http(page: Page):
    page.goto("/gallery/patient")

    page.click("button[data-module=copy]")

    expect(page.locator("button[data-module=copy]")).to_have_text("已复制")


def test_without_script_everything_is_there_and_nothing_pretends(browser: Browser, site: str):
    context = browser.new_context(viewport=PHONE, base_url=site, java_script_enabled=False)
    page = context.new_page()
    page.goto("/gallery/patient")

    assert page.locator("button[data-module=copy]").is_hidden()
    assert page.locator("[data-poll-lost]").first.is_hidden()
    assert page.locator("form[action='/check-in'] button").is_visible()
    context.close()
