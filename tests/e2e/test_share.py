"""Li shares part of her record with a doctor elsewhere and stops while it is open there; in both languages, looked at by axe."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.domain import clinical
from app.domain.clinical import Kind
from app.services import queueing, records
from tests.e2e.clinic_site import ClinicSite, Seen
from tests.e2e.watching import PHONE, ROOT

PASSCODE = "482915"
WORDS = {
    "zh": {
        "who": "省人民医院 张医生", "allergy": "青霉素类", "result": "空腹血糖", "flag": "偏高", "withheld": "没有选择分享",
        "over": "对方已停止分享", "again": "想看的话", "wrong": "还能试 9 次", "log": "自称：省人民医院 张医生", "none": "这一页要从分享链接打开",
    },
    "en": {
        "who": "Dr Zhang, Provincial Hospital", "allergy": "Penicillins", "result": "Fasting", "flag": "High",
        "withheld": "chose not to share", "over": "no longer shared", "again": "To see it, ask", "wrong": "Tries left: 9",
        "log": "says to be: Dr Zhang, Provincial Hospital", "none": "This page opens from a shared link",
    },
}  # fmt: skip


@pytest.fixture
def site(var: Path) -> Iterator[ClinicSite]:
    with ClinicSite(var) as live:
        yield live


def seen_by_a_doctor(site: ClinicSite) -> str:
    """Let doctor Chen see Li and write an allergy and a report; return the token of Li's browser."""
    ward = site.ward
    li = ward.person("李明")
    ward.waiting(site.open_now, li)
    ticket = ward.do(queueing.call_next, ward.chen, site.open_now).id
    visit = str(ward.do(queueing.start, ward.chen, ticket))
    ward.do(records.sign, ward.chen, visit, Kind.ALLERGY, clinical.allergy("penicillin", "皮疹"))
    values = [clinical.observation("15074-8", "7.90")]
    ward.do(records.sign_results, ward.chen, visit, "血糖", "Glucose", values)
    ward.do(queueing.finish, ward.chen, ticket)
    return ward.token("patient", li.actor.ref)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_doctor_elsewhere_reads_it_until_its_person_stops(site: ClinicSite, chromium: Browser, language: str) -> None:
    words = WORDS[language]
    token = seen_by_a_doctor(site)
    phone = Seen(chromium, PHONE, site.url, language)
    phone.watched.context.add_cookies([{"name": "mz_patient", "value": token, "url": site.url, "httpOnly": True}])
    page = phone.go("/me")
    phone.press("a[href='/me/shares']")
    phone.press("main a[href='/me/shares/new']")
    page.locator("input[name=kinds][value=medications]").uncheck()
    page.locator("input[name=results]").first.check()
    page.locator("input[name=passcode]").fill(PASSCODE)
    phone.press("main form[action$='/me/shares/new'] button[type=submit]")
    address = page.locator("#share-address").inner_text()
    assert address.startswith(f"{site.url}/share#shlink:/")
    expect(page.locator(".ih-qr svg")).to_be_visible()

    doctor = Seen(chromium, PHONE, site.url, language)
    theirs = doctor.go("/share")
    expect(theirs.locator("[data-says]")).to_contain_text(words["none"])
    theirs = doctor.watched.page()
    doctor.page = theirs
    asked: list[str] = []
    theirs.on("request", lambda request: asked.append(request.url))
    doctor.go(address)
    form = theirs.locator("form[data-ask]")
    expect(form).to_be_visible()
    form.locator("button[type=submit]").click()  # nothing typed: it says what is missing
    expect(theirs.locator("[data-wrong]")).to_be_visible()
    form.locator("input[name=recipient]").fill(words["who"])
    form.locator("input[name=passcode]").fill("000000")
    form.locator("button[type=submit]").click()
    expect(theirs.locator("[data-wrong]")).to_contain_text(words["wrong"])
    doctor.see()
    form.locator("input[name=passcode]").fill(PASSCODE)
    form.locator("button[type=submit]").click()
    document = theirs.locator("[data-document]")
    for said in ("李明", words["allergy"], words["result"], "7.90", words["flag"], words["withheld"]):
        expect(document).to_contain_text(said)
    doctor.see()
    assert not any("shlink" in url or "#" in url for url in asked)  # the key went nowhere
    key_is_kept = "Object.keys(localStorage).length + Object.keys(sessionStorage).length"
    assert theirs.evaluate(key_is_kept) == 0

    looks = phone.go("/receipts?side=look")
    expect(looks.locator("main")).to_contain_text(words["log"])
    phone.go("/me/shares")
    page.locator("form[action$='/stop'] button").click()
    phone.press(".ih-dialog button.ih-btn_danger")
    expect(theirs.locator("[data-says]")).to_contain_text(
        words["over"], timeout=60_000
    )  # the open page finds out by itself
    expect(document).to_be_hidden()
    assert "李明" not in theirs.locator("main").inner_text() and document.inner_text() == ""
    doctor.see()
    theirs.reload()
    form.locator("input[name=recipient]").fill(words["who"])
    form.locator("input[name=passcode]").fill(PASSCODE)
    form.locator("button[type=submit]").click()
    expect(theirs.locator("[data-says]")).to_contain_text(words["over"])
    expect(theirs.locator("[data-says]")).to_contain_text(words["again"])  # it showed nothing here

    refused = ("status of 401", "status of 404")  # the wrong passcode, and what was asked after the end
    assert doctor.found == []
    assert [said for said in doctor.watched.complaints if not any(code in said for code in refused)] == []
    doctor.watched.close()
    phone.close()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_summaries_that_others_published_are_laid_out_too(site: ClinicSite, chromium: Browser, language: str) -> None:
    """The examples of hl7.fhir.uv.ips: the page shows each section in words, nothing as a script's own spelling of a gap."""
    seen = Seen(chromium, PHONE, site.url, language)
    page = seen.go("/share")
    shown = []
    examples = sorted((ROOT / "node_modules" / "hl7.fhir.uv.ips" / "example").glob("Bundle-*.json"))
    assert len(examples) == 5
    for example in examples:
        shown.append(page.evaluate(SHOWS, [example.read_text("utf-8"), language == "en"]))
        assert not any(gap in shown[-1] for gap in ("undefined", "[object", "NaN", "null")), example.name
        seen.see()
    wanted = {
        "zh": ("正在用的药", "过敏", "健康问题", "接种"),
        "en": ("Medicines", "Allergy", "Problems", "Immunizations"),
    }
    assert all(any(words in text for text in shown) for words in wanted[language])
    seen.close()


SHOWS = """async ([text, isEnglish]) => {
  const { parseDocument } = await import("/static/js/share-link.js");
  const { Reader } = await import("/static/js/share-show.js");
  const root = document.getElementById("shared");
  const place = root.querySelector("[data-document]");
  place.textContent = "";
  new Reader(parseDocument(text), JSON.parse(root.dataset.words), isEnglish).show(place);
  root.querySelector("[data-shown]").hidden = false;
  return place.innerText;
}"""


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_link_that_has_run_out_says_so_before_it_asks_anything(
    site: ClinicSite, chromium: Browser, language: str
) -> None:
    """By the link's own time, and only where the house agrees: a device whose clock is wrong is asked as usual."""
    ward = site.ward
    li = ward.person("李明")
    phone = Seen(chromium, PHONE, site.url, language)
    token = ward.token("patient", li.actor.ref)
    phone.watched.context.add_cookies([{"name": "mz_patient", "value": token, "url": site.url, "httpOnly": True}])
    page = phone.go("/me/shares/new")
    phone.press("main form[action$='/me/shares/new'] button[type=submit]")
    address = page.locator("#share-address").inner_text()
    phone.close()

    reader = Seen(chromium, PHONE, site.url, language)
    theirs = reader.go("/")
    theirs.clock.set_fixed_time(datetime.now(UTC) + timedelta(days=3))  # theirs alone: the house's has not moved
    theirs.goto("about:blank")
    reader.go(address)
    expect(theirs.locator("form[data-ask]")).to_be_visible()
    theirs.goto("about:blank")
    theirs.route("**/now", lambda route: route.fulfill(status=404))  # what the house says once its own time is over
    reader.go(address)
    expect(theirs.locator("[data-says]")).to_contain_text({"zh": "已经到期", "en": "has run out"}[language])
    expect(theirs.locator("form[data-ask]")).to_be_hidden()
    reader.see()
    assert reader.found == []
    reader.watched.close()
