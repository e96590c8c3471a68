"""The record on the phone: a list of days, and pages whose opening is a disclosure."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from app import fhir_load
from app.domain.actor import Actor
from app.domain.errors import NotAllowed
from app.models import Patient
from app.services import accounts, identity, queueing
from tests.browsing import Browser
from tests.fixtures_visit import Person, Ward
from tests.services.test_records import begin, opened, write


@pytest.fixture
def li(ward: Ward) -> Person:
    return ward.person("李明")


@pytest.fixture
def visit_id(ward: Ward, li: Person) -> str:
    visit, ticket = begin(ward, li)
    write(ward, visit)
    ward.do(queueing.finish, ward.chen, ticket)
    return visit


@pytest.fixture
def phone(browser: Browser, ward: Ward, li: Person) -> Browser:
    browser.set_cookie("mz_patient", ward.token("patient", li.actor.ref))
    return browser


def test_the_list_shows_days_and_doctors_and_opens_nothing(phone, ward, li, visit_id):
    page = phone.get("/records")
    assert "3月2日" in page.text and "陈大夫" in page.text and f"/records/{visit_id}" in page.text
    assert "糖尿病" not in page.text
    assert opened(ward, li) == []


def test_a_visit_shows_value_unit_range_and_flag_and_its_opening_is_recorded(phone, ward, li, visit_id):
    page = phone.get(f"/records/{visit_id}")
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    for words in ("2型糖尿病", "E11.9", "7.2", "mmol/L", "3.9-6.1", "偏高"):
        assert words in page.text
    assert len(opened(ward, li)) == 1
    assert "/receipts/" in page.text


def test_reloading_within_fifteen_minutes_is_the_same_opening(phone, ward, li, visit_id):
    first, second = phone.get(f"/records/{visit_id}").text, phone.get(f"/records/{visit_id}").text
    assert len(opened(ward, li)) == 1
    assert first.split("/receipts/")[1][:36] == second.split("/receipts/")[1][:36]


def test_head_opens_nothing(phone, ward, li, visit_id):
    answer = phone.client.head(f"/records/{visit_id}")
    assert answer.status_code == 405 and answer.headers["Allow"] == "GET"
    assert opened(ward, li) == []


@pytest.mark.parametrize(
    "header",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
    ],
)
def test_what_a_browser_fetches_ahead_of_the_person_is_refused(phone, ward, li, visit_id, header):
    answer = phone.get(f"/records/{visit_id}", headers=header)
    assert (answer.status_code, answer.data) == (403, b"")
    assert opened(ward, li) == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_link_is_asked_first_with_a_button(phone, ward, li, visit_id, site):
    page = phone.get(f"/records/{visit_id}", headers={"Sec-Fetch-Site": site})
    assert page.status_code == 200 and f'href="/records/{visit_id}"' in page.text
    assert "糖尿病" not in page.text and opened(ward, li) == []
    assert "糖尿病" in phone.get(f"/records/{visit_id}", headers={"Sec-Fetch-Site": "same-origin"}).text


def test_the_event_is_in_the_database_before_the_page_is_made(phone, ward, li, visit_id, app, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "app.web.patient.records.render_template", lambda *a, **k: seen.append(len(opened(ward, li))) or ""
    )
    phone.get(f"/records/{visit_id}")
    assert seen == [1]


def test_signed_out_nothing_is_opened_and_the_way_leads_back(browser, ward, li, visit_id):
    answer = browser.get(f"/records/{visit_id}")
    assert answer.status_code == 303 and f"/records/{visit_id}" in answer.headers["Location"]
    assert opened(ward, li) == []


def test_somebody_elses_visit_and_one_that_never_was_look_the_same(browser, ward, li, visit_id):
    other = ward.person()
    browser.set_cookie("mz_patient", ward.token("patient", other.actor.ref))
    theirs, nobodys = browser.get(f"/records/{visit_id}"), browser.get("/records/nobodys")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.text.replace(visit_id, "nobodys") == nobodys.text
    assert ward.types(li.ref)[-1] == "act.refused"  # and the person whose visit it is can see the attempt


def test_somebody_elses_list_is_not_shown(browser, ward, li, visit_id):
    other = ward.person()
    browser.set_cookie("mz_patient", ward.token("patient", other.actor.ref))
    page = browser.get(f"/records?person={li.ref}")
    assert visit_id not in page.text and "陈大夫" not in page.text


def test_a_course_is_drawn_once_an_analyte_was_measured_twice(phone, ward, li, visit_id, clock):
    assert "ih-trend" not in phone.get(f"/records/{visit_id}").text
    clock.now += timedelta(days=60)
    later, _ = begin(ward, li, ward.plan_again())
    write(ward, later, "6.0")
    page = Browser(phone.app)
    page.set_cookie("mz_patient", ward.token("patient", li.actor.ref))
    text = page.get(f"/records/{later}").text
    assert text.count("<figure") == 2 and "从 2026年3月2日 的 7.2 到 2026年5月1日 的 6.0" in text


def test_the_list_pages_and_its_addresses_name_neither_department_nor_kind(phone, ward, li, monkeypatch, clock):
    monkeypatch.setattr("app.services.timeline.LINES", 1)
    first, ticket = begin(ward, li)
    write(ward, first)
    ward.do(queueing.finish, ward.chen, ticket)
    clock.now += timedelta(days=365)
    second, _ = begin(ward, li, ward.plan_again())
    phone.set_cookie("mz_patient", ward.token("patient", li.actor.ref))
    page = phone.get("/records").text
    assert second in page and first not in page
    older = re.search(r'href="(/records\?[^"]*after=[^"]+)"', page)
    assert older and first in phone.get(older.group(1).replace("&amp;", "&")).text
    for address in re.findall(r'href="(/records\?[^"]+)"', page):
        assert not re.search("diagnosis|report|prescription|cardio", address) and ward.department not in address
    with_report = re.search(r'href="([^"]+)"[^>]*>有检验结果<', page)
    assert with_report and first in phone.get(with_report.group(1).replace("&amp;", "&")).text


def test_a_guardian_of_a_fourteen_year_old_reads_why_not(browser, ward, li, app, monkeypatch):
    def refuse(*_: object, **_more: object) -> None:
        raise NotAllowed(rule="guardian_of_minor")

    monkeypatch.setattr("app.services.timeline.page", refuse)
    browser.set_cookie("mz_patient", ward.token("patient", li.actor.ref))
    assert "病历由本人查看" in browser.get("/records").text


def test_an_account_without_a_person_is_shown_the_way(browser, ward):
    with ward.house.writing_session() as session:
        ref = accounts.account_for_phone(session, "+8613900139000", ward.now)
    browser.set_cookie("mz_patient", ward.token("patient", Actor("patient", ref).ref))
    assert "/people/new" in browser.get("/records").text


def test_imported_records_of_no_visit_open_by_their_day(phone, ward, li, hospital, tmp_path):
    with ward.house.reading_session() as session:
        number = identity.read_identity(session, session.get_one(Patient, li.ref)).number
    pressure = {
        "resourceType": "Observation", "id": "bp", "status": "entered-in-error", "subject": {"reference": "Patient/li"},
        "code": {"text": "血压"}, "effectiveDateTime": "2026-03-02T10:30:00+08:00",
        "component": [{"code": {"text": "收缩压"}, "valueQuantity": {"value": 128, "unit": "mmHg"}}],
        "note": [{"text": "袖带太小"}],
    }  # fmt: skip
    patient = {"resourceType": "Patient", "id": "li", "name": [{"text": "李明"}], "identifier": [{"value": number}]}
    (tmp_path / "in.ndjson").write_text(json.dumps(patient) + "\n" + json.dumps(pressure))
    ward.clock.now += timedelta(hours=1)
    fhir_load.load(hospital, tmp_path / "in.ndjson", "")

    href = re.search(r'href="(/records/other/[^"]+)"', phone.get("/records").text)
    assert href and opened(ward, li) == []
    page = phone.get(href.group(1)).text
    for words in ("收缩压", "128", "mmHg", "录入有误，已作废", "袖带太小", "从其他系统转入"):
        assert words in page
    assert len(opened(ward, li)) == 1
    assert phone.client.head(href.group(1)).status_code == 405
