"""A person reads their own record on a phone: the days filtered, one value over time, an amended report, a document; and their own
browser finds that nothing was changed since it was signed, and finds it when something was.

The doctor writes and attaches in a browser of their own; every page is looked at by axe, the consoles stay silent.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.domain import clinical, problems
from app.domain.calendar import hospital_day
from app.domain.clinical import Kind
from app.models import Problem
from app.services import lab, orders, queueing, records
from app.services import problems as lists
from app.services.sealing import open_payload
from tests.e2e.clinic_site import ClinicSite, Seen
from tests.e2e.watching import PHONE
from tests.fixtures_visit import Person
from tests.papers import png
from tests.services.colleagues import hire

DESK_PC = {"width": 1180, "height": 820}
PICTURES = os.environ.get("PICTURES_TO")  # a folder: then each page is kept as a picture, for looking at
WORDS = {
    "zh": {"with_report": "有检验结果", "amended": "修改", "same": "自签名以来没有改过", "changed": "有内容和签名时不一样",
           "history": "全部历史", "summary": "健康概要", "check": "签名以后改过吗"},
    "en": {"with_report": "with test results", "amended": "Amended", "same": "unchanged since they were signed",
           "changed": "not as it was signed", "history": "Whole history", "summary": "Health summary", "check": "Changed since"},
}  # fmt: skip


def keep(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def begin(site: ClinicSite, who: Person) -> tuple[str, str]:
    ward = site.ward
    ward.waiting(site.open_now, who)
    called = ward.do(queueing.call_next, ward.chen, site.open_now)
    return ward.do(queueing.start, ward.chen, called.id), called.id


def live(site: ClinicSite, who: Person) -> str:
    """Let a person have had three visits with glucose, the last with an amended glucose of the laboratory's; return the last, still open."""
    ward, scientist = site.ward, hire(site.ward, "lab")
    for value in ("7.9", "6.8"):
        visit, ticket = begin(site, who)
        ward.do(records.sign_results, ward.chen, visit, "血糖", "Glucose", [clinical.observation("15074-8", value)])
        ward.do(queueing.finish, ward.chen, ticket)
    visit, _ticket = begin(site, who)
    ward.do(records.sign, ward.chen, visit, Kind.DIAGNOSIS, clinical.diagnosis("E11.9"))
    ward.do(records.sign_results, ward.chen, visit, "血糖", "Glucose", [clinical.observation("15074-8", "6.0")])
    order = ward.do(orders.place, ward.chen, visit, ["15074-8"])
    ward.do(lab.collect, scientist, order)
    ward.do(lambda s, a, now: lab.sign(s, a, order, {"15074-8": "7.1"}, now, is_final=True), scientist)
    ward.do(lab.amend, scientist, order, {"15074-8": "6.1"}, "typing", "")
    diabetes = problems.problem("E11.9", onset="2019-05-01", today_on=hospital_day(ward.now))
    problem = ward.do(lists.record_problem, ward.chen, visit, diabetes)
    ward.do(lists.change_problem, ward.chen, visit, problem, "remission", "")
    ward.do(records.sign, ward.chen, visit, Kind.ALLERGY, clinical.allergy("penicillin", "皮疹"))
    return visit


@pytest.mark.parametrize(("language", "viewport"), [("zh", PHONE), ("en", DESK_PC)])
def test_a_person_reads_filters_follows_a_value_and_checks_that_nothing_was_changed(
    chromium: Browser, var: Path, tmp_path: Path, language: str, viewport: dict[str, int]
) -> None:
    words = WORDS[language]
    with ClinicSite(var) as site:
        li = site.ward.person("李明")
        visit = live(site, li)
        attach(site, chromium, visit, tmp_path, language)
        phone = Seen(chromium, viewport, site.url, language)
        token = site.ward.token("patient", li.actor.ref)
        phone.watched.context.add_cookies([{"name": "mz_patient", "value": token, "domain": "127.0.0.1", "path": "/"}])

        page = phone.go("/records")
        page.locator(".ih-filter > summary").click()
        keep(page, f"records-{language}")
        page.get_by_role("link", name=words["with_report"]).click()
        phone.see()
        expect(page.locator(".ih-chip_on", has_text=words["with_report"])).to_be_visible()
        assert page.locator(f"a[href='/records/{visit}']").count() == 1

        page = phone.go(f"/records/{visit}")
        expect(page.locator(".ih-version_amended").first).to_contain_text("7.1")
        keep(page, f"record-{language}")
        page.get_by_role("link", name=words["history"]).first.click()
        phone.see()
        rows = page.locator(".ih-course tbody tr")
        expect(rows).to_have_count(4)
        expect(rows.last).to_contain_text("7.9")
        keep(page, f"course-{language}")

        page = phone.go(f"/records/{visit}")
        page.get_by_role("link", name=words["check"]).click()
        phone.see()
        expect(page.locator("[data-verdict]")).to_contain_text(words["same"], timeout=60_000)
        assert page.locator(".ih-same_changed, .ih-same_unnamed, .ih-same_pending").count() == 0
        expect(page.locator(".ih-same_file_same")).to_have_count(1, timeout=60_000)
        keep(page, f"unchanged-{language}")

        page = phone.go("/records/known")
        keep(page, f"known-{language}")
        page.locator("a.ih-paper").click()
        phone.see()
        assert page.evaluate("document.querySelector('.ih-picture img').naturalWidth") == 300
        keep(page, f"document-{language}")

        with site.ward.house.writing_session() as session:  # somebody rewrites the database
            row = session.query(Problem).one()
            sealed = site.ward.house.vault.seal(
                row.patient_ref, row.RETENTION, f"problem|{row.id}|{row.version}", {**open_payload(session, row)[0], "code": "I10", "_salt": "A" * 43 + "="}
            )  # fmt: skip
            session.execute(Problem.__table__.update().values(sealed=sealed))
        page = phone.go(f"/records/{visit}")
        page.get_by_role("link", name=words["check"]).click()
        phone.see()
        expect(page.locator("[data-verdict]")).to_contain_text(words["changed"], timeout=60_000)
        phone.close()


def attach(site: ClinicSite, browser: Browser, visit: str, folder: Path, language: str) -> None:
    """Let the doctor put a picture into the record, after a file that is none."""
    doctor = site.staff_page(browser, site.ward.chen, DESK_PC, language)
    doctor.go(f"/staff/doctor/visits/{visit}?history=1")
    page = doctor.page
    page.locator("details:has(#paper_kind) > summary").click()
    for name, data in (("fake.png", b"<html>"), ("scan.png", picture())):
        (folder / name).write_bytes(data)
        page.locator("#title").fill("胸片")
        page.locator("#paper_kind").select_option("picture")
        page.locator("#file").set_input_files(str(folder / name))
        with page.expect_navigation():
            page.locator("form[action$='/documents'] button").click()
        doctor.see()
        if name == "fake.png":
            expect(page.locator("#file-error")).to_be_visible()  # the part that has the mistake is open
    expect(page.locator("a.ih-paper").first).to_contain_text("胸片")
    keep(page, f"doctor-{language}")
    doctor.watched.complaints[:] = [c for c in doctor.watched.complaints if "415" not in c and "400" not in c]
    doctor.close()


def picture() -> bytes:
    """A grey square of 300 by 200."""
    return png(300, 200, (b"\x00" + b"\xb0\xc4\xb8" * 300) * 200)
