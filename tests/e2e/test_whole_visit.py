"""The whole visit as people live it: the patient on a phone, staff on a tablet, the screen on the wall, in both languages.

Every page is looked at by axe (A and AA, no rule switched off); the consoles and the content policy stay silent.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.watching import PHONE, TABLET, Watched, look

WORDS = {
    "zh": {
        "wechat": "用微信登录", "person": "周强", "book": "预约", "department": "内科", "confirm": "确认预约", "check_in": "签到",
        "next": "叫下一位", "start": "开始就诊", "finish": "完成就诊", "write": "看病历、写病历", "sign": "签名", "code": "编码",
        "note": "名称或说明", "advice": "给患者的话", "room": "诊室", "looked": "谁看过",
        "record": "2型糖尿病", "doctor": "孙立", "verified": "核验通过",
    },
    "en": {
        "wechat": "WeChat", "person": "EMMA BROWN", "book": "Book", "department": "Internal medicine", "confirm": "Confirm",
        "check_in": "Check in", "next": "Call next", "start": "Begin the visit", "finish": "Finish the visit",
        "write": "Read and write the record", "sign": "Sign",
        "code": "Code", "note": "Name", "advice": "For the patient", "room": "Room", "looked": "Who looked",
        "record": "Type 2 diabetes", "doctor": "Sun Li", "verified": "verified",
    },
}  # fmt: skip


class Road:
    """One visit with three pairs of eyes."""

    def __init__(self, base: str, browser: Browser, language: str) -> None:
        self.base, self.language, self.words = base, language, WORDS[language]
        self.watched = [
            Watched(browser, PHONE, has_touch=True),
            Watched(browser, TABLET),
            Watched(browser, {"width": 1280, "height": 720}),
        ]
        self.phone, self.tablet, self.tv = (w.page() for w in self.watched)
        self.found: list[str] = []
        for page in (self.phone, self.tablet, self.tv):
            page.goto(f"{base}/language/{language}?next=/demo")

    def see(self, page: Page) -> None:
        page.wait_for_load_state("load")
        self.found += look(page)

    def press(self, page: Page, name: str, role: str = "button") -> None:
        page.get_by_role(role, name=re.compile(re.escape(name), re.I)).first.click()  # type: ignore[arg-type]

    def demo_press(self, page: Page, name: str) -> None:
        """Press a button of the demo page in this window itself, as on a phone that has no room for frames."""
        page.goto(f"{self.base}/demo")
        page.evaluate("document.querySelectorAll('form[target]').forEach((f) => f.removeAttribute('target'))")
        page.get_by_role("button", name=re.compile(re.escape(name))).first.click()
        page.wait_for_load_state("load")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_visit_from_sign_in_to_the_record_and_its_receipts(demo, chromium: Browser, language: str) -> None:
    site = demo()
    base = f"http://127.0.0.1:{site.port}"
    road = Road(base, chromium, language)
    words, phone, tablet, tv = road.words, road.phone, road.tablet, road.tv
    name = words["person"]

    # Sign in through the pretend WeChat's own page.
    phone.goto(f"{base}/sign-in")
    road.see(phone)
    road.press(phone, words["wechat"], "link")
    road.see(phone)
    road.press(phone, "周强" if language == "zh" else "Emma Brown")
    phone.wait_for_url(re.compile(re.escape(base) + "/(#.*)?$"))
    road.see(phone)

    # Book the first free slot.
    phone.goto(f"{base}/book")
    road.see(phone)
    road.press(phone, words["department"])
    road.see(phone)
    phone.locator("button.ih-slot").first.click()
    road.see(phone)
    road.press(phone, words["confirm"])
    road.see(phone)
    visit_page = phone.url

    # The screen on the wall; its code is scanned by opening the link that it shows.
    road.demo_press(tv, "接通大屏" if language == "zh" else "Connect the screen")
    expect(tv.locator(".ih-tv__checkin")).to_be_visible()
    road.see(tv)
    link = tv.locator(".ih-tv__checkin a").get_attribute("href")
    phone.goto(base + str(link) if str(link).startswith("/") else str(link))
    road.see(phone)
    road.press(phone, words["check_in"])
    expect(phone.locator(".ih-ticket__number, .ih-ticket").first).to_be_visible()
    road.see(phone)
    number = re.search(r"A\d{3}", phone.locator("main").inner_text())
    assert number

    # The desk sees the person, masked.
    road.demo_press(tablet, "何佳" if language == "zh" else "He Jia")
    expect(tablet.get_by_text(number.group()).first).to_be_visible()
    assert name not in tablet.content()
    road.see(tablet)
    tablet.goto(f"{base}/staff/desk/documents")
    road.see(tablet)

    # The doctor calls until it is this patient's turn, writes and finishes.
    road.demo_press(tablet, "孙立" if language == "zh" else "Sun Li")
    if not tablet.get_by_text(number.group()).count():
        road.demo_press(tablet, "张海燕" if language == "zh" else "Zhang Haiyan")
    road.see(tablet)
    for _ in range(12):
        road.press(tablet, words["next"])
        expect(tablet.locator(".ih-called").first).to_be_visible()
        current = tablet.locator(".ih-called strong").first.inner_text()
        if current == number.group():
            break
        road.press(tablet, words["start"])
        road.press(tablet, words["finish"])
        tablet.wait_for_load_state("load")
    assert current == number.group()
    expect(phone.get_by_text(words["room"]).first).to_be_visible(timeout=60_000)
    expect(tv.locator("body")).to_contain_text(number.group())
    road.see(tablet)
    road.press(tablet, words["start"])
    road.see(tablet)
    if "/visits/" not in tablet.url:
        tablet.get_by_role("link", name=re.compile(words["write"], re.I)).first.click()
    road.see(tablet)
    tablet.locator("#code").fill("E11.9")
    tablet.locator("form:has(#code) button").first.click()
    expect(tablet.get_by_text(words["record"]).filter(visible=True).first).to_be_visible()
    tablet.locator("#advice").fill("少吃甜食 Less sugar")
    tablet.locator("form:has(#advice) button").first.click()
    tablet.locator("a[href*='history=1']").first.click()
    road.see(tablet)
    tablet.goto(f"{base}/staff/doctor")
    tablet.get_by_role("button", name=re.compile(words["finish"], re.I)).first.click()
    road.see(tablet)

    # The patient reads the visit on the phone, and sees who looked.
    phone.goto(visit_page)
    road.see(phone)
    phone.goto(f"{base}/records")
    road.see(phone)
    phone.locator("a[href*='/records/']:not([href*='person='])").first.click()
    expect(phone.get_by_text(words["record"]).filter(visible=True).first).to_be_visible()
    road.see(phone)
    phone.goto(f"{base}/receipts?side=look")
    expect(phone.get_by_text(re.compile("孙立|张海燕|Sun Li|Zhang Haiyan")).first).to_be_visible()
    road.see(phone)
    phone.goto(f"{base}/receipts")
    road.see(phone)
    phone.locator(".ih-timeline a").first.click()
    expect(phone.locator("[data-module=receipt-check]")).to_have_attribute("data-result", "passed")
    road.see(phone)
    for path in ("/me", "/queue", "/verify", "/ledger/", "/people/new", "/no-such-page"):
        phone.goto(base + path)
        road.see(phone)
    for path in ("/staff/doctor",):
        tablet.goto(base + path)
        road.see(tablet)

    assert road.found == []
    complaints = [c for w in road.watched for c in w.complaints if "404 (NOT FOUND)" not in c]
    assert complaints == []
    for watched in road.watched:
        watched.close()


def test_sign_in_check_in_queue_and_records_work_without_script(demo, chromium: Browser) -> None:
    site = demo()
    base = f"http://127.0.0.1:{site.port}"
    watched = Watched(chromium, PHONE, java_script_enabled=False)
    phone = watched.page()
    phone.goto(f"{base}/sign-in/wechat")
    phone.get_by_role("button", name=re.compile("王建国")).click()
    phone.goto(f"{base}/book")
    phone.get_by_role("button", name=re.compile("内科")).click()
    phone.locator("button.ih-slot").first.click()
    phone.get_by_role("button", name=re.compile("确认预约")).click()
    screen = Watched(chromium, TABLET)
    tv = screen.page()
    tv.goto(f"{base}/demo")
    tv.evaluate("document.querySelectorAll('form[target]').forEach((f) => f.removeAttribute('target'))")
    tv.locator("form[action='/demo/screen'] button").click()
    link = str(tv.locator(".ih-tv__checkin a").get_attribute("href"))
    phone.goto(base + link if link.startswith("/") else link)
    phone.get_by_role("button", name=re.compile("给王建国签到")).click()
    assert re.search(r"A\d{3}", phone.locator("main").inner_text())
    phone.goto(f"{base}/queue")
    assert phone.locator("noscript meta[http-equiv=refresh], meta[http-equiv=refresh]").count()
    phone.goto(f"{base}/records")
    phone.locator("a[href*='/records/']:not([href*='person='])").first.click()
    assert "2型糖尿病" in phone.locator("main").inner_text()
    watched.close()
    screen.close()
