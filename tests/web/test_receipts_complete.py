"""My receipts complete: the browser finds what was removed, doubled or changed between the receipts that somebody holds."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, Route, expect, sync_playwright

from app.services import receipts
from ledger.receipt import ForMe, parse_extra, parse_receipt
from tests.browser import LAUNCH_ARGUMENTS, chromium_path
from tests.e2e.watching import look
from tests.sealed import until_sealed
from tests.served import lend_cookie, served

pytestmark = pytest.mark.usefixtures("sealing")
PART = "**/receipts/complete/part*"


@pytest.fixture
def who(doors, ward):
    """Somebody who did a few things, each with a receipt."""
    person = ward.person("李明")
    ward.booked(person)
    phone = doors.phone(person)
    for _ in range(3):
        assert phone.get("/records").status_code == 200
    until_sealed(ward.house)
    return person


@pytest.fixture
def page(app, ward, who):
    with served(app) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium_path()), args=[*LAUNCH_ARGUMENTS])
        context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
        lend_cookie(context, base, "mz_patient", ward.token("patient", who.actor.ref))
        page = context.new_page()
        page.goto(f"{base}/receipts/complete")
        yield page
        browser.close()


def check(page: Page) -> str:
    page.get_by_role("button", name="开始核对").click()
    expect(page.locator("[data-done]")).to_be_attached(timeout=60_000)
    return page.locator("[data-answer]").inner_text()


def without(numbers: set[int]):
    """Answer for the site as one that hides some of the holder's receipts would."""

    def answer(route: Route) -> None:
        answered = route.fetch()
        part = answered.json()
        kept = [text for i, text in enumerate(part["receipts"]) if i not in numbers]
        route.fulfill(response=answered, body=json.dumps(part | {"receipts": kept}))

    return answer


def test_what_is_whole_is_called_whole_for_each_person_and_the_account(page, who):
    said = check(page)
    assert "齐的" in said and "不齐" not in said
    assert "李明" in said and "您的账号" in said
    assert page.locator("[data-complete=true]").count() == 2
    assert look(page) == []


def test_a_hidden_receipt_is_named_by_its_number(page, doors, who):
    held = doors.phone(who).get("/receipts/complete/part").json["receipts"]
    of_person = [i for i, text in enumerate(held) if _own(text)["subject"] == who.ref]
    hidden = of_person[1]
    page.route(PART, without({hidden}))
    said = check(page)
    assert f"第 {_own(held[hidden])['seq']} 件不在这些回执里" in said
    assert page.locator("[data-complete=false]").count() == 1


def test_a_receipt_that_was_kept_shows_what_the_site_now_hides(page, doors, who, tmp_path):
    """The newest two are hidden, so that nothing the site shows has a gap: the saved file has one after it."""
    held = doors.phone(who).get("/receipts/complete/part").json["receipts"]
    of_person = [i for i, text in enumerate(held) if _own(text)["subject"] == who.ref]
    kept = tmp_path / "kept.tlog-proof"
    kept.write_text(held[of_person[0]], encoding="utf-8")
    page.route(PART, without(set(of_person[:2])))
    assert "不齐" not in check(page)
    page.get_by_label("以前存下的回执").set_input_files(kept)
    assert f"第 {_own(held[of_person[1]])['seq']} 件不在这些回执里" in check(page)


def test_a_bad_file_is_named_and_left_out(page, tmp_path):
    bad = tmp_path / "bad.tlog-proof"
    bad.write_text("hello", encoding="utf-8")
    page.get_by_label("以前存下的回执").set_input_files(bad)
    said = check(page)
    assert "bad.tlog-proof：核验不通过" in said and "齐的" in said


def test_receipts_come_in_parts_and_nobody_elses_are_among_them(doors, ward, who, monkeypatch):
    other = ward.person("王小红")
    ward.booked(other)
    until_sealed(ward.house)
    monkeypatch.setattr(receipts.whole_page_of, "__kwdefaults__", {"before": None, "limit": 2})
    phone, seen, before = doors.phone(who), [], ""
    for _ in range(40):
        part = phone.get(f"/receipts/complete/part{before}").json
        seen += part["receipts"]
        if part["earlier"] is None:
            break
        before = f"?before={part['earlier']}"
    subjects = {_own(text)["subject"] for text in seen}
    assert subjects == {who.ref, who.actor.ref}
    assert len(seen) == len(set(seen)) > 4


def test_without_script_the_page_says_which_command_does_it(doors, who):
    text = doors.phone(who).get("/receipts/complete").text
    assert re.search(r"<noscript>[^$]*python -m ledger chain \*\.tlog-proof --key [\w.+/&;#=-]+", text)
    assert "/receipts/complete" in doors.phone(who).get("/receipts").text


def _own(text: str) -> dict[str, object]:
    opening = parse_extra(parse_receipt(text.encode()).extra)
    assert isinstance(opening, ForMe)
    own: dict[str, object] = json.loads(opening.own)
    return own
