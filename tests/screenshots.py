"""The pictures of the README: `python -m tests.screenshots` (that is `make screenshots`) takes them all again.

A demo of its own, in a folder that is thrown away, at a quarter past ten of the hospital's clock; a phone, the screen on
the wall, a doctor's tablet and the desk's computer live one visit in it. A page that no longer has what the picture is of
stops the command.
"""

from __future__ import annotations

import base64
import re
import signal
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.browser import LAUNCH_ARGUMENTS, NoBrowser, chromium_path
from tests.e2e.conftest import offset_to
from tests.server.launched import Site

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
CLOCK = "10:15"
PHONE = {"width": 390, "height": 800}
TABLET = SCREEN = {"width": 1024, "height": 576}
DESK = {"width": 1180, "height": 820}
WHO = "王建国"
DOCTORS = ("孙立", "张海燕")  # one of the two sits at this hour
SIDE_BY_SIDE = """<!doctype html><style>body {{ margin: 0; padding: 16px; display: flex; gap: 16px; background: #dfe5e3 }}
img {{ height: 576px; border-radius: 8px; box-shadow: 0 2px 8px #0003 }}</style><img src="{0}"><img src="{1}">"""


def main() -> int:
    """Take the pictures; 1 when there is no browser to take them with."""
    try:
        executable = str(chromium_path())
    except NoBrowser as missing:
        print(missing, file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder) / "var", DEMO_CLOCK_OFFSET_SECONDS=str(offset_to(CLOCK))).prepare().start()
        try:
            site.ready()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=executable, args=list(LAUNCH_ARGUMENTS))
                live_a_visit(browser, f"http://127.0.0.1:{site.port}")
                browser.close()
            site.end(signal.SIGINT)
        finally:
            site.sweep()
    return 0


def live_a_visit(browser: Browser, base: str) -> None:
    """Book, check in, be called, hold the receipt, and take a picture at each."""
    phone, screen, tablet = (new_page(browser, size) for size in (PHONE, SCREEN, TABLET))

    demo_press(phone, base, WHO)
    phone.goto(f"{base}/book")
    phone.get_by_role("button", name=re.compile("内科")).first.click()
    phone.locator("button.ih-slot").first.click()
    phone.get_by_role("button", name="确认预约").click()
    expect(phone.get_by_text("到医院了就签到")).to_be_visible()

    demo_press(screen, base, "接通大屏")
    code = screen.locator(".ih-tv__checkin a")
    expect(code).to_be_visible()
    phone.goto(base + re.sub(r"^https?://[^/]+", "", str(code.get_attribute("href"))))
    button = phone.get_by_role("button", name=f"给{WHO}签到")
    expect(button).to_be_visible()
    keep(phone, "phone-check-in")
    button.click()
    expect(phone.get_by_text("您的号码")).to_be_visible()

    for name in DOCTORS:
        demo_press(tablet, base, name)
        if tablet.get_by_text("A001").count():
            break
    tablet.get_by_role("button", name=re.compile("叫下一位")).first.click()
    expect(tablet.get_by_role("button", name=re.compile("重呼"))).to_be_visible()
    expect(screen.locator(".ih-tv__col_waiting")).to_contain_text("A009")
    expect(screen.locator(".ih-tv__col_calling")).to_contain_text("A001")
    keep_two(browser, tablet, screen, "doctor-and-screen")

    desk = new_page(browser, DESK)
    demo_press(desk, base, "何佳")
    expect(desk.locator(".ih-drow_waiting").first).to_be_visible()
    keep(desk, "desk-board")
    desk.close()

    phone.goto(f"{base}/")
    expect(phone.get_by_text("A009").first).to_be_visible()
    keep(phone, "phone-home")

    phone.goto(f"{base}/receipts")
    phone.get_by_role("link", name=re.compile("到院签到")).first.click()
    check = phone.locator("[data-module=receipt-check]")
    expect(check).to_have_attribute("data-result", "passed")
    keep(phone, "receipt-verified", check)
    phone.get_by_role("button", name="改动一个字节看看").click()
    expect(check).to_have_attribute("data-result", "refused")
    keep(phone, "receipt-broken", check)


def new_page(browser: Browser, size: dict[str, int]) -> Page:
    context = browser.new_context(viewport=size, locale="zh-CN", device_scale_factor=2)  # type: ignore[arg-type]
    context.set_default_timeout(30_000)
    return context.new_page()


def demo_press(page: Page, base: str, name: str) -> None:
    """Press a button of the demo page, with what it opens in this window instead of its frame."""
    page.goto(f"{base}/demo")
    page.evaluate("document.querySelectorAll('form[target]').forEach((f) => f.removeAttribute('target'))")
    page.get_by_role("button", name=name).first.click()
    page.wait_for_load_state("load")


def keep(page: Page, name: str, there: Locator | None = None) -> None:
    """Write one picture of what a visitor sees first, or once `there` is scrolled to the top."""
    page.mouse.move(0, 0)
    if there is not None:
        there.evaluate("(part) => window.scrollTo(0, part.getBoundingClientRect().top + window.scrollY - 64)")
    page.screenshot(path=IMAGES / f"{name}.png", animations="disabled", caret="hide")


def keep_two(browser: Browser, left: Page, right: Page, name: str) -> None:
    """Write two pages as one picture, side by side."""
    shots = [base64.b64encode(p.screenshot(animations="disabled")).decode() for p in (left, right)]
    width = TABLET["width"] + SCREEN["width"] + 3 * 16
    paper = browser.new_page(viewport={"width": width, "height": TABLET["height"] + 2 * 16})
    paper.set_content(SIDE_BY_SIDE.format(*(f"data:image/png;base64,{shot}" for shot in shots)))
    keep(paper, name)
    paper.close()


if __name__ == "__main__":
    sys.exit(main())
