"""From the demo page to a called ticket, its receipt seen verified and seen broken: twelve taps, no typing, at any hour."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from tests.e2e.watching import Watched

WIDE = {"width": 1600, "height": 1200}


class Fingers:
    """Counts taps."""

    def __init__(self) -> None:
        self.taps = 0

    def tap(self, where: Page | Frame, role: str, name: str) -> None:
        self.taps += 1
        where.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]


def frame(page: Page, name: str) -> Frame:
    found = page.frame(name=name)
    assert found is not None
    return found


@pytest.mark.parametrize("clock", ["03:00", "12:00", "23:58"])
def test_twelve_taps_lead_to_a_called_ticket_and_a_receipt_seen_true_and_false(
    demo, chromium: Browser, clock: str
) -> None:
    site = demo(clock)
    watched = Watched(chromium, WIDE)
    page = watched.page()
    page.goto(f"http://127.0.0.1:{site.port}/demo")
    finger = Fingers()
    phone, screen = frame(page, "phone"), frame(page, "screen")

    finger.tap(page, "button", "李明")
    expect(phone.get_by_text("要看医生吗")).to_be_visible()
    finger.tap(page, "button", "接通大屏")
    expect(screen.get_by_text("扫码签到")).to_be_visible()
    finger.tap(phone, "link", "预约")
    finger.tap(phone, "button", "内科")
    finger.taps += 1
    phone.locator("button.ih-slot").first.click()
    finger.tap(phone, "button", "确认预约")
    expect(phone.get_by_text("到医院了就签到")).to_be_visible()
    finger.tap(screen, "link", "打开签到页")
    finger.tap(phone, "button", "给李明签到")
    expect(phone.get_by_text("您的号码")).to_be_visible()
    finger.tap(page, "button", "让医生叫到我")
    expect(phone.get_by_text("诊室就诊").first).to_be_visible(timeout=60_000)

    finger.tap(phone, "link", "看回执")
    finger.taps += 1
    phone.locator(".ih-timeline a").first.click()
    check = phone.locator("[data-module=receipt-check]")
    expect(check).to_have_attribute("data-result", "passed")
    finger.tap(phone, "button", "改动一个字节看看")
    expect(check).to_have_attribute("data-result", "refused")

    assert finger.taps <= 12, finger.taps
    assert watched.complaints == []
    watched.close()


def test_a_demo_started_days_later_is_as_alive(demo, chromium: Browser) -> None:
    site = demo("00:05", days=4)
    watched = Watched(chromium, WIDE)
    page = watched.page()
    page.goto(f"http://127.0.0.1:{site.port}/demo")
    page.get_by_role("button", name="接通大屏").click()
    screen = frame(page, "screen")
    expect(screen.get_by_text("扫码签到")).to_be_visible()
    expect(screen.get_by_text("A008")).to_be_visible(timeout=60_000)
    assert watched.complaints == []
    watched.close()
