"""A small clinic on real sockets, open now at whatever hour it is: for journeys that need no demo around them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from playwright.sync_api import Browser, Page, expect

from app.domain.actor import SYSTEM, Actor
from app.models import ClinicSession
from app.services import planning
from tests.e2e.watching import Watched, look
from tests.fixtures_visit import Ward, build_ward
from tests.live import LiveSite

COUNTS_PRINTS = "window.print = () => { window.printed = (window.printed || 0) + 1; };"


class ClinicSite(LiveSite):
    """A site with a ward in it. `open_now` is a session of doctor Chen's that runs for two more hours, `pool_now` one of the pool's."""

    def __enter__(self) -> ClinicSite:
        super().__enter__()
        self.ward: Ward = build_ward(self.house(), self.house().clock)
        self.open_now = self.ward.plan_again()
        self.pool_now = self._pool_now()
        return self

    def _pool_now(self) -> str:
        ward = self.ward
        with ward.house.reading_session() as session:
            room = session.get_one(ClinicSession, ward.pool).room_id
        hours = ward.now - timedelta(hours=1), ward.now + timedelta(hours=2)
        department = ward.pool_department
        plan = (ward.clinic, department, ward.lin.ref, room, *hours, 10, "general")
        return str(ward.do(planning.plan_session, SYSTEM, *plan))

    def staff_page(self, browser: Browser, who: Actor, viewport: dict[str, int], language: str = "zh") -> Seen:
        """Return a page in which a member of staff has signed in."""
        seen = Seen(browser, viewport, self.url, language)
        token = self.ward.token("staff", who.ref)
        seen.watched.context.add_cookies(
            [{"name": "mz_staff", "value": token, "domain": "127.0.0.1", "path": "/staff", "httpOnly": True}]
        )
        return seen


class Seen:
    """A page that is watched, and looked at by axe wherever `see` is called."""

    def __init__(
        self, browser: Browser, viewport: dict[str, int], base: str, language: str = "zh", **more: Any
    ) -> None:
        self.watched = Watched(browser, viewport, **more)
        self.watched.context.add_init_script(COUNTS_PRINTS)
        self.page: Page = self.watched.page()
        self.base = base
        self.found: list[str] = []
        self.page.goto(f"{base}/language/{language}?next=/ledger/")

    def go(self, path: str) -> Page:
        self.page.goto(self.base + path if path.startswith("/") else path)
        return self.see()

    def see(self) -> Page:
        self.page.wait_for_load_state("load")
        self.found += look(self.page)
        return self.page

    def press(self, selector: str) -> Page:
        """Press, wait for the page that follows, and look at it."""
        with self.page.expect_navigation():
            self.page.locator(selector).first.click()
        return self.see()

    def book_first(self) -> Page:
        """On the page of times: press the first free time, on the first day that has one, and confirm."""
        if not self.page.locator("button.ih-slot").count():
            self.press("a.ih-day:has(.ih-day__free:text-matches('[0-9]'))")
        self.press("button.ih-slot")
        return self.press("main form.ih-oneform button.ih-btn_primary")

    def close(self) -> None:
        self.watched.close()
        assert self.found == []
        assert self.watched.complaints == []


def verified(page: Page) -> None:
    expect(page.locator("[data-module=receipt-check]")).to_have_attribute("data-result", "passed")
