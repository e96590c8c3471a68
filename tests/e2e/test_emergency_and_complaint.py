"""Who opened my record, and was that right: an emergency that the phone learns of at once, its review, and a complaint answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.domain.actor import SYSTEM, Actor
from app.models import Patient
from app.services import identity, people, proofs, queueing, staff
from tests.e2e.clinic_site import ClinicSite, Seen, verified
from tests.e2e.test_stop_clinic import phone_of
from tests.fixtures_visit import Person

PC = {"width": 1180, "height": 820}
WORDS = "送来时昏迷，需要知道用药和过敏"
STORY = "我那天清醒着，没有人问我"
NOTE = "急诊记录属实，当时无法交谈"
ANSWER = "值班记录显示当时血压测不到，符合规定"
SAYS = {
    "zh": {"alert": "有医生紧急查看了病历", "over": "紧急查阅已经结束", "justified": "理由成立", "waits": "等待答复",
           "in_order": "这次查看符合规定", "ground": "紧急查阅：没有您的授权", "gone": "已撤回", "ended": "授权已经结束"},
    "en": {"alert": "A doctor opened the record in an emergency", "over": "The emergency opening is over",
           "justified": "Justified", "waits": "Waiting for an answer", "in_order": "This look was in order",
           "ground": "An emergency, without your permission", "gone": "Withdrawn",
           "ended": "The permission is over"},
}  # fmt: skip


@pytest.fixture
def site(var: Path) -> Iterator[ClinicSite]:
    with ClinicSite(var) as live:
        yield live


def auditor_of(site: ClinicSite) -> Actor:
    ward = site.ward
    with ward.house.writing_session() as session:
        ref = staff.create(
            session, SYSTEM, ward.now, login="auditor", password_hash="none", name_zh="审计老师", name_en="Auditor",
            role="auditor", clinic_id=ward.clinic,
        )  # fmt: skip
    return Actor("staff", ref, "auditor", "sitting-auditor", frozenset({ward.clinic}))


def seen_once(site: ClinicSite) -> Person:
    """Return somebody proven, whom doctor Chen saw an hour ago."""
    ward = site.ward
    who = ward.person("李明")
    with ward.house.reading_session() as session:
        link = people.links_of(session, str(who.actor.ref))[0].id
    ward.do(proofs.prove, who.actor, link, ward.do(proofs.issue_claim_code, ward.desk, who.ref))
    ward.waiting(site.open_now, who)
    ward.do(queueing.start, ward.chen, ward.do(queueing.call_next, ward.chen, site.open_now).id)
    return who


def number_of(site: ClinicSite, who: Person) -> str:
    with site.ward.house.reading_session() as session:
        return identity.read_identity(session, session.get_one(Patient, who.ref)).number


def break_glass(doctor: Seen, number: str) -> None:
    doctor.go("/staff/doctor/emergency")
    doctor.page.locator("#number").fill(number)
    doctor.page.locator("input[value=unconscious]").check()
    doctor.page.locator("textarea[name=words]").fill(WORDS)
    doctor.press("main form.ih-box button[type=submit]")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_emergency_alerts_the_phone_is_reviewed_complained_about_and_answered(
    site: ClinicSite, chromium: Browser, language: str
) -> None:
    ward, says = site.ward, SAYS[language]
    who, auditor = seen_once(site), auditor_of(site)
    number = number_of(site, who)
    phone = phone_of(site, chromium, who, language)
    home = phone.go("/")
    expect(home.locator("main")).not_to_contain_text(says["alert"])

    doctor = site.staff_page(chromium, ward.lin, PC, language)
    break_glass(doctor, number)
    expect(doctor.page.locator("details").first).to_be_visible()
    assert who.name not in doctor.page.title() and number not in doctor.page.url

    # The home page that lies open learns of it by itself; the list of looks says who, why and on what ground.
    expect(home.locator("main")).to_contain_text(says["alert"], timeout=60_000)
    phone.see()
    phone.go("/receipts?side=look")
    expect(phone.page.locator("main")).to_contain_text(says["ground"])
    phone.press("a[href^='/emergencies/']")
    expect(phone.page.locator("main")).to_contain_text(WORDS)

    # The doctor's page closes when the emergency ends, also the one that lies open elsewhere.
    other = site.staff_page(chromium, ward.lin, PC, language)
    other.go(doctor.page.url)
    doctor.press("form[action$='/end'] button")
    expect(other.page.locator("main")).to_contain_text(says["over"], timeout=60_000)
    expect(other.page.locator("details")).to_have_count(0)

    # This was not right: a complaint, and the auditor's two queues.
    phone.go("/receipts?side=look")
    phone.press("a[href$='/complaint']")
    phone.page.locator("textarea[name=words]").fill(STORY)
    phone.press("main form.ih-card button[type=submit]")
    expect(phone.page.locator("main")).to_contain_text(says["waits"])
    complaint = phone.page.url

    audit = site.staff_page(chromium, auditor, PC, language)
    audit.go("/staff/auditor/reviews")
    assert who.name not in audit.page.content() and STORY not in audit.page.content()
    audit.press("a[href^='/staff/auditor/emergencies/']")
    expect(audit.page.locator("main")).to_contain_text(WORDS)
    assert who.name not in audit.page.content() and number not in audit.page.content()
    audit.page.locator("input[value=justified]").check()
    audit.page.locator("textarea[name=note]").fill(NOTE)
    audit.press("main form.ih-box button[type=submit]")
    audit.press("a[href^='/staff/auditor/complaints/']")
    expect(audit.page.locator("main")).to_contain_text(STORY)
    audit.page.locator("input[value=in_order]").check()
    audit.page.locator("textarea[name=answer]").fill(ANSWER)
    audit.press("main form.ih-box button[type=submit]")

    phone.go(complaint)
    expect(phone.page.locator("main")).to_contain_text(says["in_order"])
    expect(phone.page.locator("main")).to_contain_text(ANSWER)
    phone.go("/")
    phone.press("a[href^='/emergencies/']")
    expect(phone.page.locator("main")).to_contain_text(says["justified"])
    expect(phone.page.locator("main")).to_contain_text(NOTE)
    site.wait_for_seals()
    phone.go("/receipts?side=look")
    phone.press(".ih-timeline__title a")
    verified(phone.page)
    found = ward.types(who.ref)
    wanted = ["break_glass.opened", "break_glass.ended", "complaint.made", "break_glass.read", "break_glass.reviewed",
              "complaint.opened", "complaint.answered"]  # fmt: skip
    assert [kind for kind in found if kind in wanted] == wanted
    for seen in (phone, doctor, other, audit):
        seen.close()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_person_permits_a_doctor_and_takes_it_back(site: ClinicSite, chromium: Browser, language: str) -> None:
    ward = site.ward
    who = seen_once(site)
    phone = phone_of(site, chromium, who, language)
    phone.go("/me")
    phone.press("a[href='/permits']")
    phone.press("a[href='/permits/new']")
    phone.page.locator("#reader").select_option(f"doctor:{ward.lin.ref}")
    phone.page.locator("input[value=second_opinion]").check()
    phone.press("main form.ih-card button[type=submit]")
    assert ward.types(who.ref)[-1] == "permit.given"

    doctor = site.staff_page(chromium, ward.lin, PC, language)
    doctor.go("/staff/doctor/records")
    doctor.press("main .ih-row__do a")
    expect(doctor.page.locator("details").first).to_be_visible()
    phone.press("form[action$='/withdraw'] button")
    expect(phone.page.locator("main")).to_contain_text(SAYS[language]["gone"])
    expect(doctor.page.locator("details")).to_have_count(0, timeout=60_000)  # closed by itself
    expect(doctor.page.locator("main")).to_contain_text(SAYS[language]["ended"])
    doctor.see()
    assert ward.types(who.ref)[-3:] == ["permit.given", "record.opened", "permit.withdrawn"]
    phone.close()
    doctor.close()
