"""Scanning with the camera: a film of a code is what this Chromium's camera sees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import segno
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.services import checkin
from tests.browser import LAUNCH_ARGUMENTS, chromium_path
from tests.e2e.clinic_site import ClinicSite, Seen
from tests.e2e.watching import PHONE

DESK = {"width": 1180, "height": 820}
WIDTH, HEIGHT = 640, 480
MODULE = 8  # pixels


def film(text: str, path: Path) -> Path:
    """Write a YUV4MPEG2 film of one picture: the QR code of `text` in the middle of a white wall."""
    rows = [list(row) for row in segno.make(text, error="m").matrix]
    side = len(rows) * MODULE
    left, top = (WIDTH - side) // 2, (HEIGHT - side) // 2
    assert top > 0
    bright = bytearray(b"\xeb" * (WIDTH * HEIGHT))
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                for line in range(MODULE):
                    at = (top + y * MODULE + line) * WIDTH + left + x * MODULE
                    bright[at : at + MODULE] = b"\x10" * MODULE
    colour = b"\x80" * (WIDTH * HEIGHT // 2)
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(head + (b"FRAME\n" + bytes(bright) + colour) * 5)
    return path


@contextmanager
def looking_at(text: str, folder: Path) -> Iterator[Browser]:
    """A Chromium whose camera sees the code of `text`, and that asks nobody whether it may look."""
    seen = film(text, folder / "wall.y4m")
    camera = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={seen}",
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium_path()), args=[*LAUNCH_ARGUMENTS, *camera]
        )  # fmt: skip
        yield browser
        browser.close()


@pytest.fixture
def site(var: Path) -> Iterator[ClinicSite]:
    with ClinicSite(var) as live:
        yield live


def sign_in(phone: Seen, site: ClinicSite, ref: str) -> None:
    token = site.ward.token("patient", ref)
    phone.watched.context.add_cookies([{"name": "mz_patient", "value": token, "url": site.url, "httpOnly": True}])


def scan(page: Page) -> None:
    page.get_by_role("button", name="用相机扫码").click()


def test_a_phone_in_any_browser_scans_the_screens_code(site: ClinicSite, tmp_path: Path) -> None:
    who = site.ward.person("李明")
    site.ward.booked(who, site.open_now)
    with looking_at(f"{site.url}/c/{site.ward.venue_code()}", tmp_path) as chromium:
        phone = Seen(chromium, PHONE, site.url, has_touch=True)
        sign_in(phone, site, str(who.actor.ref))
        page = phone.go("/check-in")
        scan(page)
        expect(page.get_by_role("button", name="给李明签到")).to_be_visible()
        assert page.url == f"{site.url}/check-in"  # the code was exchanged and stands in no address
        page.get_by_role("button", name="给李明签到").click()
        expect(page.locator(".ih-ticket__number")).to_have_text("A001")
        assert phone.found == [] and phone.watched.complaints == []


def test_a_code_of_somewhere_else_opens_nothing(site: ClinicSite, tmp_path: Path) -> None:
    who = site.ward.person("李明")
    site.ward.booked(who, site.open_now)
    with looking_at("https://elsewhere.example/c/" + "x" * 22, tmp_path) as chromium:
        phone = Seen(chromium, PHONE, site.url, has_touch=True)
        sign_in(phone, site, str(who.actor.ref))
        page = phone.go("/check-in")
        scan(page)
        expect(page.get_by_text("这不是这里的码，换一个试试")).to_be_visible()
        assert page.url == f"{site.url}/check-in"


def test_the_desk_scans_the_code_on_a_phone(site: ClinicSite, tmp_path: Path) -> None:
    who = site.ward.person("李明")
    appointment = site.ward.booked(who, site.open_now)
    site.ward.booked(site.ward.person("王小红"), site.open_now)
    code = site.ward.do(checkin.own_code_of, who.actor, appointment)
    with looking_at(code.text, tmp_path) as chromium:
        desk = site.staff_page(chromium, site.ward.desk, DESK)
        page = desk.go("/staff/desk/")
        scan(page)
        expect(page.get_by_text("找到 1 人")).to_be_visible()
        assert desk.found == [] and desk.watched.complaints == []
