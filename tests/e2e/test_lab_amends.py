"""What a doctor asks others for, as everybody sees it: tests measured and amended, a prescription returned and put in force.

The patient holds a phone; doctor, laboratory and pharmacist work in one browser, each with a cookie for their own pages. Every
page is looked at by axe; the consoles and the content policy stay silent.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_whole_visit import Road

DESK_PC = {"width": 1180, "height": 820}
WORDS = {
    "zh": {
        "be": "周强", "department": "内科", "confirm": "确认预约", "check_in": "签到", "start": "开始就诊", "write": "看病历、写病历",
        "doctors": ("孙立", "张海燕"), "lab": "陆晨", "pharmacist": "潘悦", "screen": "接通大屏", "order": "开出检验", "panel": "血常规",
        "waits": "待采样", "open": "打开", "collect": "核对无误，已采样", "sign": "签发正式报告", "amend": "签发修改", "low": "偏低",
        "reason": "录入错误", "amended": "检验报告修改", "allergy": "登记过敏", "rx": "签名处方", "to_review": "待审核",
        "clash": "过敏", "back": "退回", "returned": "已退回", "again": "再次签名", "accept": "通过，处方生效", "in_force": "已生效",
    },
    "en": {
        "be": "Emma Brown", "department": "Internal medicine", "confirm": "Confirm", "check_in": "Check in",
        "start": "Begin the visit", "write": "Read and write the record", "doctors": ("Sun Li", "Zhang Haiyan"), "lab": "Lu Chen",
        "pharmacist": "Pan Yue", "screen": "Connect the screen", "order": "Order", "panel": "Blood count",
        "waits": "Sample to be taken", "open": "Open", "collect": "Checked, sample taken", "sign": "Sign the final report",
        "amend": "Sign the amendment", "low": "Low", "reason": "Mistyped", "amended": "Laboratory report amended",
        "allergy": "Record the allergy", "rx": "Sign the prescription", "to_review": "Waiting for the pharmacist",
        "clash": "Allergy", "back": "Return", "returned": "Returned to the doctor", "again": "Sign again",
        "accept": "Accept: in force", "in_force": "In force",
    },
}  # fmt: skip


def in_the_room(road: Road, words: dict) -> Page:
    """Let the patient book, check in and be called; return the doctor's page of the visit."""
    phone, tablet, tv, base = road.phone, road.tablet, road.tv, road.base
    phone.goto(f"{base}/sign-in/wechat")
    road.press(phone, words["be"])
    phone.wait_for_url(re.compile(re.escape(base) + "/(#.*)?$"))
    phone.goto(f"{base}/book")
    road.press(phone, words["department"])
    phone.locator("button.ih-slot").first.click()
    road.press(phone, words["confirm"])
    road.demo_press(tv, words["screen"])
    link = str(tv.locator(".ih-tv__checkin a").get_attribute("href"))
    phone.goto(base + link if link.startswith("/") else link)
    road.press(phone, words["check_in"])
    expect(phone.locator(".ih-ticket__number, .ih-ticket").first).to_be_visible()
    number = re.search(r"A\d{3}", phone.locator("main").inner_text())
    assert number
    phone.goto(f"{base}/demo")
    phone.evaluate("document.querySelectorAll('form[target]').forEach((f) => f.removeAttribute('target'))")
    phone.locator("form[action='/demo/call-me'] button").click()
    phone.wait_for_load_state("load")
    tablet.set_viewport_size(DESK_PC)
    for doctor in words["doctors"]:
        road.demo_press(tablet, doctor)
        if tablet.locator(".ih-called strong", has_text=number.group()).count():
            break
    road.press(tablet, words["start"])
    if "/visits/" not in tablet.url:
        tablet.get_by_role("link", name=re.compile(words["write"], re.I)).first.click()
    expect(tablet.locator("#code")).to_be_visible()
    return tablet


def at_work(road: Road, name: str) -> Page:
    """Return another page of the staff's browser, signed in as one more of them."""
    page = road.tablet.context.new_page()
    page.set_viewport_size(DESK_PC)
    road.demo_press(page, name)
    return page


def read_visit(road: Road) -> Page:
    """Open the newest visit on the phone."""
    road.phone.goto(f"{road.base}/records")
    road.phone.locator("a[href*='/records/']:not([href*='person='])").first.click()
    road.phone.wait_for_load_state("load")
    return road.phone


def ends_well(road: Road) -> None:
    assert road.found == []
    assert [c for watched in road.watched for c in watched.complaints] == []
    for watched in road.watched:
        watched.close()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_amended_report_shows_the_patient_what_changed(demo, chromium: Browser, language: str) -> None:
    road = Road(f"http://127.0.0.1:{demo().port}", chromium, language)
    words = WORDS[language]
    doctor = in_the_room(road, words)

    # The doctor orders; the patient sees what waits.
    doctor.get_by_label(re.compile(words["panel"])).check()
    road.press(doctor, words["order"])
    expect(doctor.get_by_text("S0001").first).to_be_visible()
    road.see(doctor)
    phone = read_visit(road)
    expect(phone.get_by_text(words["waits"])).to_be_visible()
    road.see(phone)

    # The laboratory takes the sample, measures and signs; both see it at once.
    lab = at_work(road, words["lab"])
    road.see(lab)
    lab.get_by_role("link", name=re.compile(words["open"] + ".*S0001")).click()
    road.see(lab)
    road.press(lab, words["collect"])
    for code, value in (("6690-2", "5.1"), ("789-8", "4.6"), ("718-7", "58"), ("777-3", "220")):
        lab.locator(f'[id="{code}"]').fill(value)
    road.see(lab)
    road.press(lab, words["sign"])
    expect(lab.locator("#reason")).to_be_visible()
    road.see(lab)
    doctor.reload()
    expect(doctor.get_by_text("58", exact=True).first).to_be_visible()
    road.see(doctor)
    listed = road.tablet.context.new_page()
    listed.goto(f"{road.base}/staff/doctor/back")
    expect(listed.get_by_text("S0001").first).to_be_visible()
    road.see(listed)
    phone = read_visit(road)
    expect(phone.get_by_text("58", exact=True).first).to_be_visible()
    road.see(phone)

    # It was mistyped: everybody sees the old value struck, the new one, and why.
    lab.locator('[id="718-7"]').fill("158" if language == "zh" else "148")
    lab.locator("#reason").select_option("typing")
    road.press(lab, words["amend"])
    expect(lab.locator(".ih-version_amended")).to_be_visible()
    road.see(lab)
    phone = read_visit(road)
    expect(phone.locator("del").first).to_contain_text("58")
    expect(phone.locator(".ih-version_amended")).to_contain_text(words["reason"])
    road.see(phone)

    # The receipt of the amendment is the patient's, and verifies.
    phone.goto(f"{road.base}/receipts")
    phone.get_by_role("link", name=re.compile(words["amended"])).first.click()
    expect(phone.locator("[data-module=receipt-check]")).to_have_attribute("data-result", "passed")
    road.see(phone)
    assert "血红蛋白" not in phone.content() and "Haemoglobin" not in phone.content()
    ends_well(road)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_prescription_is_in_force_only_after_the_pharmacist(demo, chromium: Browser, language: str) -> None:
    road = Road(f"http://127.0.0.1:{demo().port}", chromium, language)
    words = WORDS[language]
    doctor = in_the_room(road, words)

    # An allergy, and a prescription that forgets it.
    doctor.locator("#substance").select_option("penicillin")
    road.press(doctor, words["allergy"])
    for field, value in (("name", "阿莫西林胶囊"), ("dose", "0.5 g"), ("frequency", "每天三次"), ("days", "7")):
        doctor.locator(f"#{field}-0").fill(value)
    road.press(doctor, words["rx"])
    phone = read_visit(road)
    expect(phone.get_by_text(words["to_review"]).first).to_be_visible()
    road.see(phone)

    # The pharmacist sees that they do not go together, and returns it.
    pharmacist = at_work(road, words["pharmacist"])
    road.see(pharmacist)
    pharmacist.get_by_role("link", name=re.compile(words["open"])).first.click()
    expect(pharmacist.locator(".ih-check_warn")).to_contain_text(words["clash"])
    road.see(pharmacist)
    pharmacist.locator("#reason").select_option("allergy")
    pharmacist.locator("form[action$='/return'] button").click()
    expect(pharmacist.get_by_text(words["returned"]).first).to_be_visible()
    phone = read_visit(road)
    expect(phone.get_by_text(words["returned"]).first).to_be_visible()
    road.see(phone)

    # The doctor changes it, the pharmacist accepts it, and the patient may take it.
    doctor.reload()
    back = doctor.locator("form[action*='/prescriptions/']")
    back.locator("[name=name]").fill("阿奇霉素片")
    back.locator("[name=frequency]").fill("每天一次")
    road.see(doctor)
    road.press(doctor, words["again"])
    pharmacist.reload()
    road.press(pharmacist, words["accept"])
    expect(pharmacist.get_by_text(words["in_force"]).first).to_be_visible()
    road.see(pharmacist)
    phone = read_visit(road)
    expect(phone.get_by_text(words["in_force"]).first).to_be_visible()
    road.see(phone)
    ends_well(road)
