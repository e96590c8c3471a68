"""The desk's board in a real browser: presses wait for a lost network and a restarted server; keyboard and scanner."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from werkzeug.serving import BaseWSGIServer, make_server

from app import create_app
from app.domain.actor import SYSTEM
from app.services import queueing, staff
from tests.conftest import settings_in
from tests.e2e.watching import Watched, look
from tests.fixtures_visit import Person, Ward

DESK = {"width": 1180, "height": 820}
LONG = 60_000  # a loaded machine is no failure


class Desk:
    """A ward's site on a socket, which can be ended and begun again at the same address; and a tablet at its desk."""

    def __init__(self, ward: Ward, var: Path, browser: Browser) -> None:
        self.ward, self.var = ward, var
        self.port = 0
        self.server: BaseWSGIServer | None = None
        self.apps: list[Any] = []
        self.begin()
        self.watched = Watched(browser, DESK)
        self.sign_in(str(ward.desk.ref))
        self.page = self.watched.page()

    def sign_in(self, staff_ref: str) -> None:
        token = self.ward.token("staff", staff_ref)
        cookie = {"name": "mz_staff", "value": token, "domain": "127.0.0.1", "path": "/staff"}
        self.watched.context.add_cookies([cookie])  # type: ignore[list-item]

    def begin(self) -> None:
        self.apps.append(create_app(settings_in(self.var, RECEIPT_WAIT_MS="0"), self.ward.clock))
        self.server = make_server("127.0.0.1", self.port, self.apps[-1], threaded=True)
        self.port = self.server.port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def open(self) -> Page:
        self.page.goto(f"http://127.0.0.1:{self.port}/staff/desk/")
        return self.page

    def close(self) -> None:
        self.watched.close()
        self.end()
        for app in self.apps:
            app.extensions["mingzhen"].close()


@pytest.fixture
def desk(ward: Ward, var: Path, chromium: Browser) -> Iterator[Desk]:
    at = Desk(ward, var, chromium)
    yield at
    at.close()


def row(page: Page, visit: str) -> Any:
    return page.locator(f'.ih-drow[data-row="{visit}"]')


def colleague(ward: Ward) -> str:
    with ward.house.writing_session() as session:
        return staff.create(
            session, SYSTEM, ward.now, login="desk.two", password_hash="none", name_zh="小吴", name_en="Wu",
            title_zh="护士", title_en="Nurse", role="desk", clinic_id=ward.clinic,
        )  # fmt: skip


def acts(ward: Ward, ref: str, kind: str) -> int:
    return ward.types(ref).count(kind)


def passed(ward: Ward, who: Person) -> str:
    """Return the ticket of somebody who was called and did not come."""
    ticket = ward.waiting(who=who)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.do(queueing.pass_, ward.chen, ticket)
    return ticket


def test_presses_wait_for_the_network_and_a_new_server_and_each_is_done_once_in_order(desk: Desk) -> None:
    ward = desk.ward
    missed = ward.person()
    passed(ward, missed)
    first, second = ward.person(), ward.person()
    visits = [ward.booked(first, ward.pool), ward.booked(second, ward.pool)]
    page = desk.open()
    expect(page.locator(".ih-drow_expected:visible")).to_have_count(2)

    desk.watched.context.set_offline(True)
    row(page, visits[0]).locator("button").dblclick()
    page.locator(".ih-drow_missed button").click()
    row(page, visits[1]).locator("button").click()
    for waits in (row(page, visits[0]), row(page, visits[1]), page.locator(".ih-drow_missed")):
        expect(waits.locator("[data-says]")).to_contain_text("连接恢复后发送")
    expect(page.locator("[data-presses]")).to_contain_text("3 次操作")
    assert look(page) == []
    assert acts(ward, first.ref, "appointment.checked_in") == 0

    desk.end()
    desk.watched.context.set_offline(False)  # the network is back before the server is
    desk.begin()
    expect(page.locator(".ih-drow_waiting:visible")).to_have_count(3, timeout=LONG)
    expect(page.locator("[data-presses]")).to_be_empty()

    assert acts(ward, first.ref, "appointment.checked_in") == acts(ward, second.ref, "appointment.checked_in") == 1
    assert acts(ward, missed.ref, "ticket.requeued") == 1
    numbers = page.locator(".ih-drow_waiting .ih-drow__number").all_inner_texts()
    assert sorted(numbers) == ["A001", "B001", "B002"]
    assert row(page, visits[0]).locator(".ih-drow__number").inner_text() == "B001"  # pressed first


def test_a_press_whose_answer_was_lost_is_kept_over_a_reload_and_sent_again_without_being_done_again(
    desk: Desk,
) -> None:
    ward, who = desk.ward, desk.ward.person()
    passed(ward, who)
    page = desk.open()
    lost: list[int] = []

    def lose_the_answer(route: Route) -> None:
        lost.append(route.fetch().status)  # the server did it; the page never hears of it
        route.abort()

    page.route("**/put-back", lose_the_answer)
    page.locator(".ih-drow_missed button").click()
    expect(page.locator("[data-presses]")).to_contain_text("1 次操作", timeout=LONG)
    assert lost and acts(ward, who.ref, "ticket.requeued") == 1
    page.reload()
    expect(page.locator("[data-presses]")).to_contain_text("1 次操作", timeout=LONG)
    page.unroute("**/put-back")
    expect(page.locator("[data-presses]")).to_be_empty(timeout=LONG)
    expect(page.locator(".ih-drow_waiting [data-says]")).to_contain_text("A001 放回队里了", timeout=LONG)
    assert acts(ward, who.ref, "ticket.requeued") == 1
    assert "act.refused" not in ward.types(who.ref)


def test_what_is_refused_after_the_wait_is_said_at_its_row_and_what_comes_behind_it_is_sent(desk: Desk) -> None:
    ward = desk.ward
    missed, other = ward.person(), ward.person()
    ticket = passed(ward, missed)
    visit = ward.booked(other, ward.pool)
    page = desk.open()
    desk.watched.context.set_offline(True)
    page.locator(".ih-drow_missed button").click()
    row(page, visit).locator("button").click()
    ward.do(queueing.put_back, ward.desk, ticket)  # a colleague at another tablet was there first
    desk.watched.context.set_offline(False)
    refused = page.locator(".ih-drow", has_text="A001")
    expect(refused.locator("[data-says]")).to_contain_text("没有办成", timeout=LONG)
    expect(row(page, visit)).to_have_class(re.compile("ih-drow_waiting"), timeout=LONG)
    assert acts(ward, missed.ref, "ticket.requeued") == 1
    page.reload()
    expect(refused.locator("[data-says]")).to_contain_text("没有办成")  # until somebody has read it
    refused.get_by_role("button", name="知道了").click()
    expect(refused.locator("[data-says]")).to_be_empty()


def test_a_press_that_met_the_lock_is_sent_when_the_page_is_unlocked(desk: Desk) -> None:
    ward, who = desk.ward, desk.ward.person()
    visit = ward.booked(who)
    page = desk.open()
    page.route("**/check-in", lambda route: route.fulfill(status=401, json={"title": "locked"}))
    row(page, visit).locator("button").click()
    expect(page.locator("[data-presses]")).to_contain_text("操作都记着", timeout=LONG)
    page.unroute("**/check-in")
    page.evaluate("window.dispatchEvent(new Event('online'))")  # as the lock does where it uncovers a page in work
    expect(row(page, visit)).to_have_class(re.compile("ih-drow_waiting"), timeout=LONG)
    expect(page.locator("[data-presses]")).not_to_contain_text("操作都记着")
    assert acts(ward, who.ref, "appointment.checked_in") == 1


def test_what_one_person_pressed_is_never_sent_as_another(desk: Desk) -> None:
    ward, who = desk.ward, desk.ward.person()
    visit = ward.booked(who)
    page = desk.open()
    page.route("**/check-in", lambda route: route.abort())
    row(page, visit).locator("button").click()
    expect(page.locator("[data-presses]")).to_contain_text("1 次操作", timeout=LONG)
    desk.sign_in(colleague(ward))
    page.unroute("**/check-in")
    expect(page.locator("[data-presses]")).to_contain_text("操作都记着", timeout=LONG)
    page.reload()
    expect(page.locator("[data-presses]")).to_contain_text("另一位同事")
    assert acts(ward, who.ref, "appointment.checked_in") == 0
    desk.sign_in(str(ward.desk.ref))
    page.reload()
    expect(row(page, visit)).to_have_class(re.compile("ih-drow_waiting"), timeout=LONG)
    assert [own["actor"]["ref"] for kind, own in ward.events(who.ref) if kind == "appointment.checked_in"] == [
        ward.desk.ref
    ]


def test_what_waited_too_long_is_sent_only_when_somebody_still_wants_it(desk: Desk) -> None:
    ward, who = desk.ward, desk.ward.person()
    visit = ward.booked(who)
    page = desk.open()
    page.route("**/check-in", lambda route: route.abort())
    row(page, visit).locator("button").click()
    expect(page.locator("[data-presses]")).to_contain_text("1 次操作", timeout=LONG)
    page.evaluate(AN_HOUR_AGO)
    page.reload()
    page.unroute("**/check-in")
    expect(page.locator("[data-presses]")).to_contain_text("还要发送吗")
    assert acts(ward, who.ref, "appointment.checked_in") == 0
    page.get_by_role("button", name="发送", exact=True).click()
    expect(row(page, visit)).to_have_class(re.compile("ih-drow_waiting"), timeout=LONG)
    assert acts(ward, who.ref, "appointment.checked_in") == 1


AN_HOUR_AGO = """() => {
  const kept = JSON.parse(sessionStorage.getItem("mz-desk-presses"));
  for (const press of kept) press.at -= 3600000;
  const text = JSON.stringify(kept);
  window.addEventListener("pagehide", () => sessionStorage.setItem("mz-desk-presses", text));
}"""
SCAN = """(text) => { for (const key of text) document.activeElement.dispatchEvent(
  new KeyboardEvent("keydown", { key: key === "\\n" ? "Enter" : key, bubbles: true, cancelable: true })) }"""


def test_the_board_is_worked_by_keyboard_and_scanner(desk: Desk) -> None:
    ward = desk.ward
    tickets = [ward.waiting(), ward.waiting()]
    ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.do(queueing.pass_, ward.chen, tickets[0])
    page = desk.open()
    expect(page.locator(".ih-drow_missed")).to_have_count(1)

    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("a001")
    page.keyboard.press("Enter")
    expect(page.locator(".ih-drow_found .ih-drow__number")).to_have_text("A001")
    page.keyboard.press("Enter")  # once more opens the row, on record
    expect(page.locator("[data-panel] .ih-visit")).to_contain_text("李明")
    page.keyboard.press("Escape")
    expect(page.locator(".ih-drow_missed [data-open]")).to_be_focused()

    page.evaluate(SCAN, "A002\n")  # as fast as a scanner types: no letter of it acts
    expect(page.locator(".ih-drow_found .ih-drow__number")).to_have_text("A002")
    expect(page.locator("#find")).to_have_value("A002")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".ih-drow_waiting [data-open]")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".ih-drow_missed [data-open]")).to_be_focused()
    page.keyboard.press("b")
    expect(page.locator(".ih-drow_waiting:visible")).to_have_count(2, timeout=LONG)
    page.keyboard.press("?")
    expect(page.locator("[data-keys]")).to_be_visible()
    assert desk.watched.complaints == []


def test_filters_narrow_lists_and_counts_alike_also_without_a_network(desk: Desk) -> None:
    ward = desk.ward
    ward.waiting(), ward.waiting(ward.pool), ward.booked(ward.person(), ward.pool)
    page = desk.open()
    waiting = page.locator(".ih-drow_waiting:visible")
    expect(waiting).to_have_count(2)
    desk.watched.context.set_offline(True)
    page.locator("#department").select_option(label="皮肤科")
    expect(waiting).to_have_count(1)
    expect(page.locator("#chip-waiting strong")).to_have_text("1")
    expect(page.locator("#list-waiting span")).to_have_text("1 人")
    page.locator("#chip-expected").click()
    expect(page.locator(".ih-drow:visible")).to_have_count(1)
    desk.watched.context.set_offline(False)
    page.reload()
    expect(page.locator(".ih-drow:visible")).to_have_count(1)
    expect(page.locator("#chip-expected strong")).to_have_text("1")
