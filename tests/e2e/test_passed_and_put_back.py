"""Called, not there, passed, put back; somebody of 80 first, by rule; away for tests and back; one move undone; seen at last.

The phone says each in plain words and never whose turn came instead; each act leaves a receipt that verifies.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from app.domain.calendar import hospital_day
from app.domain.documents import parse_resident_id
from app.services import queueing, walkins
from tests.e2e.clinic_site import ClinicSite, Seen, verified
from tests.e2e.test_stop_clinic import phone_of
from tests.people import with_check

DESK = {"width": 1180, "height": 820}
ELDER = "欧阳守仁"
WORDS = {
    "zh": {
        "called": "请到 1诊室就诊", "missed": "刚才叫过您，没有等到", "to_desk": "到前台说一声", "next": "下一位就是您",
        "rule": "按规定先看的：80 岁以上老人 1 人。", "away": "号码给您留着", "serving": "正在就诊", "nothing": "现在没有在排的号",
        "undo": "撤销", "mark": "老人",
        "acts": ("叫号未到", "过号后重新排队", "去做检查检验，号码保留", "检查检验回来，继续排队", "上一步撤销了", "就诊结束"),
    },
    "en": {
        "called": "Please go to Room 1", "missed": "You were called and not there", "to_desk": "Tell the front desk", "next": "You are next",
        "rule": "Went in before you, by rule – Aged 80 or over: 1.", "away": "your number is kept", "serving": "In visit",
        "nothing": "You are in no queue now", "undo": "Undo", "mark": "Elder",
        "acts": ("Passed over", "Back in the queue", "Off to tests", "Back from tests", "Last step undone", "Visit finished"),
    },
}  # fmt: skip


@pytest.fixture
def site(var: Path) -> Iterator[ClinicSite]:
    with ClinicSite(var) as live:
        yield live


def does(doctor: Seen, verb: str) -> None:
    """Press one of the doctor's buttons of the line."""
    with doctor.page.expect_navigation():
        doctor.page.locator(f"main form[action$='/{verb}'] button").first.click()


def aged_eighty(site: ClinicSite) -> str:
    """Let somebody of 85 walk in after the others; return their ticket's id."""
    today = hospital_day(site.ward.now)
    document = parse_resident_id(with_check(f"110105{today.year - 85}0101471"), today)
    return str(site.ward.do(walkins.walk_in, site.ward.desk, document, ELDER, None, site.open_now).ticket_id)


def row_of(desk: Seen, number: str) -> Locator:
    return desk.page.locator(".ih-drow", has=desk.page.locator(".ih-drow__number", has_text=number)).first


@pytest.mark.parametrize("language", ["zh", "en"])
def test_passed_put_back_overtaken_by_rule_tested_and_seen(site: ClinicSite, chromium: Browser, language: str) -> None:
    ward, words = site.ward, WORDS[language]
    who = ward.person()
    ward.waiting(site.open_now, who)
    phone = phone_of(site, chromium, who, language)
    doctor = site.staff_page(chromium, ward.chen, DESK, language)
    desk = site.staff_page(chromium, ward.desk, DESK, language)
    told = phone.page.locator("main .ih-ticket")
    line = f"/staff/doctor/?session={site.open_now}"
    phone.go("/queue")
    expect(told).to_contain_text(words["next"])

    # Called, and nobody comes. What the phone says is announced, and tells what to do.
    doctor.go(line)
    does(doctor, "call")
    expect(told).to_contain_text(words["called"])
    phone.see()
    does(doctor, "pass")
    expect(told).to_contain_text(words["missed"])
    expect(told).to_contain_text(words["to_desk"])
    expect(phone.page.locator("[aria-live=polite]").filter(has_text=words["missed"])).not_to_have_count(0)
    phone.see()

    # The desk puts the number back; then somebody of 85 comes in, and gets their right on a ground from the list.
    desk.go("/staff/desk/")
    expect(row_of(desk, "A001")).to_have_attribute("data-place", "missed")
    row_of(desk, "A001").locator("form[action$='/put-back'] button").click()
    expect(row_of(desk, "A001")).to_have_attribute("data-place", "waiting")
    desk.see()
    expect(told).to_contain_text(words["next"])
    phone.see()
    elder = aged_eighty(site)
    desk.go("/staff/desk/")
    row_of(desk, "A002").locator("a.ih-drow__open").click()
    opened = desk.page.locator(".ih-visit")
    expect(opened).to_contain_text(ELDER)  # opened: the identity is shown, and that is recorded
    opened.locator("details", has=desk.page.locator("#ground")).locator("summary").click()
    opened.locator("#ground").select_option("elder:document_seen")
    desk.see()
    opened.locator("form[action$='/priority'] button").click()
    expect(row_of(desk, "A002").locator(".ih-drow__marks")).to_contain_text(words["mark"])
    does(doctor, "call")
    expect(doctor.page.locator(".ih-called strong")).to_have_text("A002")
    expect(told).to_contain_text(words["rule"])
    phone.see()
    assert ELDER not in phone.page.content() and "欧阳" not in phone.page.content()
    ward.do(queueing.start, ward.chen, elder)
    ward.do(queueing.finish, ward.chen, elder)
    doctor.go(line)

    # In the room, away for tests, back without a new number.
    for verb, says in (("call", words["called"]), ("start", words["serving"])):
        does(doctor, verb)
        expect(told).to_contain_text(says)
    doctor.go(line)
    does(doctor, "tests")
    expect(told).to_contain_text(words["away"])
    phone.see()
    does(doctor, "back")
    expect(told).to_contain_text(words["next"])

    # A call too many is taken back, once; the next one is meant.
    does(doctor, "call")
    expect(told).to_contain_text(words["called"])
    doctor.see()
    does(doctor, "undo")
    expect(told).to_contain_text(words["next"])
    phone.see()
    mine = doctor.page.locator("main .ih-row", has_text="A001")
    expect(mine.get_by_role("button", name=words["undo"], exact=True)).to_have_count(0)
    does(doctor, "call")
    does(doctor, "start")
    doctor.go(line)
    does(doctor, "finish")
    expect(phone.page.locator("main")).to_contain_text(words["nothing"])
    phone.see()

    # Every one of these acts left a receipt on the phone.
    site.wait_for_seals()
    phone.go("/receipts")
    for act in words["acts"]:
        phone.page.locator(".ih-timeline a", has_text=act).first.click()
        verified(phone.page)
        assert "欧阳" not in phone.page.content()
        phone.page.go_back()
    doctor.see()
    doctor.close()
    phone.close()
    desk.close()
