"""The waiting room's television in a real browser: read from eight metres, heard, and the same after a day of lost networks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, CDPSession, Page, expect, sync_playwright

from app.services import lines, queueing, screens
from tests.browser import LAUNCH_ARGUMENTS, chromium_path
from tests.fixtures_visit import Ward
from tests.live import wait_until
from tests.served import lend_cookie, served

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


def paired(ward: Ward) -> str:
    """Return the token of a television that was paired with the clinic."""
    code = ward.do(screens.show_pairing_code, ward.desk, ward.clinic)
    with ward.house.writing_session() as session:
        return screens.pair(session, code, ward.now)[0]


def fill(ward: Ward) -> str:
    """Let two lines have more people than a screen has places, one just called and one seen; return the ticket just called."""
    for _ in range(9):
        ward.waiting()
    for _ in range(8):
        ward.waiting(ward.pool)
    seen = ward.do(queueing.call_next, ward.lin, ward.pool)
    ward.do(queueing.start, ward.lin, seen.id)
    ward.clock.now += timedelta(minutes=3)
    favoured = ward.waiting(ward.pool_too)
    ward.do(queueing.grant_priority, ward.desk, favoured, "soldier", "document_seen", "")
    ward.do(queueing.call_next, ward.ma, ward.pool_too)
    ward.clock.now += timedelta(seconds=2)
    elder = ward.waiting()
    ward.do(queueing.grant_priority, ward.desk, elder, "care", "with_infant", "")
    return str(ward.do(queueing.call_next, ward.chen, ward.expert).id)


# A voice that only writes down what it is given, and ends when the test says so.
PRETEND_VOICE = """
window.heard = [];
class Utterance { constructor(text) { this.text = text; } }
Object.defineProperty(window, "SpeechSynthesisUtterance", { value: Utterance });
Object.defineProperty(window, "speechSynthesis", { value: {
  speak(one) { window.heard.push([one.lang, one.text]); setTimeout(() => one.onend && one.onend({}), 0); },
  cancel() {},
} });
"""
# A network that is lost at every other look, and brings one of two boards, in turn, when it is back.
PRETEND_NETWORK = """
(boards) => {
  let asked = 0;
  window.drawn = 0;
  window.fetch = () => {
    asked += 1;
    if (asked % 2) return Promise.reject(new TypeError("network lost"));
    window.drawn += 1;
    const text = boards[window.drawn % 2].replace("</footer>", `<i hidden>${asked}</i></footer>`);
    return Promise.resolve(new Response(text, { status: 200, headers: { ETag: `"${asked}"` } }));
  };
}
"""
# As fast as the page can: no timer, which would wait for four thousandths of a second each.
RECONNECT = """
async (times) => {
  const channel = new MessageChannel();
  const turn = () => new Promise((done) => {
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  });
  const until = window.drawn + times;
  while (window.drawn < until) {
    window.dispatchEvent(new Event("online"));
    await turn();
  }
  channel.port1.close();
}
"""
FIGURES = """
() => Array.from(document.querySelectorAll(".ih-tv__number")).map((element) => {
  const style = getComputedStyle(element);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  return pen.measureText("0123456789").actualBoundingBoxAscent / window.innerHeight;
})
"""
CUT_OFF = """
() => Array.from(document.querySelectorAll(".ih-tv__number")).filter((element) => {
  const mine = element.getBoundingClientRect();
  const column = element.closest("section").getBoundingClientRect();
  return mine.right > column.right + 1 || mine.bottom > column.bottom + 1;
}).map((element) => element.textContent)
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
def television(browser: Browser, base: str, ward: Ward) -> Iterator[Page]:
    """A paired television that keeps quiet about nothing: what it complains of fails the test."""
    said: list[str] = []
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    context.add_init_script(PRETEND_VOICE)
    lend_cookie(context, base, "mz_screen", paired(ward), "/screen")
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert said == []


def look(page: Page) -> None:
    """Let the page ask for its board now, and not when its two seconds are over."""
    with page.expect_response("**/screen/now"):
        page.evaluate("window.dispatchEvent(new Event('online'))")


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720)])
def test_figures_are_at_least_eight_hundredths_of_the_screen_high_and_none_is_cut_off(television, base, ward, size):
    fill(ward)
    television.set_viewport_size({"width": size[0], "height": size[1]})
    television.goto(f"{base}/screen/")
    heights = television.evaluate(FIGURES)
    assert len(heights) >= 12
    assert min(heights) >= 0.08
    assert television.evaluate(CUT_OFF) == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_axe_finds_nothing_serious_on_the_board(browser, base, ward, language):
    fill(ward)
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, bypass_csp=True)
    lend_cookie(context, base, "mz_screen", paired(ward), "/screen")
    page = context.new_page()
    page.goto(f"{base}/language/{language}?next=/")
    page.goto(f"{base}/screen/")
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run().then((all) => all.violations.map((one) => [one.id, one.impact]))")
    context.close()
    assert [one for one in found if one[1] in ("serious", "critical")] == []


def test_each_call_and_recall_is_read_once_in_both_languages_after_a_press(television, base, ward):
    first = fill(ward)
    television.goto(f"{base}/screen/")
    assert television.evaluate("window.heard") == []  # nobody pressed anything yet
    television.get_by_role("button", name="打开声音").click()
    wait_until(lambda: len(television.evaluate("window.heard")) == 4)  # two numbers were called a moment ago
    zh, en = television.evaluate("window.heard.slice(0, 2)")
    assert zh == ["zh-CN", "请 A 零 一 零 号，A 零 一 零 号，请到1诊室就诊。"]
    assert en == ["en-US", "Number A, zero, one, zero, please go to Room 1."]
    for _ in range(3):  # the same board again, and a board whose clock went on
        ward.clock.now += timedelta(seconds=5)
        look(television)
    assert len(television.evaluate("window.heard")) == 4
    ward.clock.now += timedelta(seconds=5)
    ward.do(queueing.recall, ward.chen, first)
    look(television)
    wait_until(lambda: len(television.evaluate("window.heard")) == 6)
    assert television.evaluate("window.heard[4]") == zh


def test_a_reload_reads_nothing_twice(television, base, ward):
    fill(ward)
    television.goto(f"{base}/screen/")
    television.get_by_role("button", name="打开声音").click()
    wait_until(lambda: len(television.evaluate("window.heard")) == 4)
    television.reload()
    expect(television.get_by_role("button", name="声音已打开")).to_be_visible()
    look(television)
    assert television.evaluate("window.heard") == []


def test_a_browser_without_a_voice_shows_no_button(browser, base, ward):
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    context.add_init_script("delete window.speechSynthesis;")
    lend_cookie(context, base, "mz_screen", paired(ward), "/screen")
    page = context.new_page()
    page.goto(f"{base}/screen/")
    assert page.locator(".ih-tv__sound").is_hidden()
    context.close()


def test_a_day_of_sixty_reconnects_an_hour_leaves_the_heap_as_it_was(television, base, ward):
    """24 x 60 reconnects, driven as fast as they go: each is a lost look and one that draws the board anew."""
    fill(ward)
    television.goto(f"{base}/screen/")
    television.get_by_role("button", name="打开声音").click()
    first = television.evaluate("() => fetch('/screen/now').then((answer) => answer.text())")
    ward.clock.now += timedelta(seconds=30)
    ward.do(queueing.pass_, ward.chen, ticket_called_by(ward))
    ward.do(queueing.call_next, ward.chen, ward.expert)
    second = television.evaluate("() => fetch('/screen/now').then((answer) => answer.text())")
    television.evaluate(PRETEND_NETWORK, [first, second])
    devtools = television.context.new_cdp_session(television)
    television.evaluate(RECONNECT, 100)  # what is made once is made
    before = heap(devtools)
    television.evaluate(RECONNECT, 24 * 60)
    after = heap(devtools)
    assert television.evaluate("window.drawn") >= 100 + 24 * 60
    assert after["nodes"] <= before["nodes"] * 1.1
    assert after["listeners"] <= before["listeners"] * 1.1
    assert after["bytes"] <= before["bytes"] * 1.1
    expect(television.locator(".ih-tv__number").first).to_be_visible()


def heap(devtools: CDPSession) -> dict[str, float]:
    """Return what a page holds once everything that it let go of is collected."""
    for _ in range(2):
        devtools.send("HeapProfiler.collectGarbage")
    devtools.send("Performance.enable")
    measured = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    return {
        "bytes": measured["JSHeapUsedSize"],
        "nodes": measured["Nodes"],
        "listeners": measured["JSEventListeners"],
    }


def ticket_called_by(ward: Ward) -> str:
    with ward.house.reading_session() as session:
        called = [t for t in lines.tickets_in(session, ward.clinic, ward.now) if t.state == "called"]
    return next(t.id for t in called if t.ticket.startswith("A"))
