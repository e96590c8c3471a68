"""Writing a visit at the doctor's door."""

from __future__ import annotations

from datetime import timedelta

import pytest
from werkzeug.datastructures import MultiDict

from app.services import queueing, records
from tests.browsing import Browser
from tests.fixtures_visit import Person, Ward
from tests.services.test_records import begin, opened, write


@pytest.fixture
def li(ward: Ward) -> Person:
    return ward.person("李明")


@pytest.fixture
def visit_id(ward: Ward, li: Person) -> str:
    return begin(ward, li)[0]


@pytest.fixture
def desk_pc(browser: Browser, ward: Ward) -> Browser:
    browser.set_cookie("mz_staff", ward.token("staff", ward.chen.ref), path="/staff")
    return browser


def send(browser: Browser, path: str, fields: list[tuple[str, str]]):
    return browser.client.post(path, data=MultiDict([*fields, ("csrf_token", browser.token)]))


def test_the_page_shows_the_person_masked_and_opens_nothing_before_anything_is_written(desk_pc, ward, li, visit_id):
    page = desk_pc.get(f"/staff/doctor/visits/{visit_id}")
    assert page.status_code == 200 and "A001" in page.text and "李*" in page.text and "李明" not in page.text
    assert opened(ward, li) == []


def test_a_diagnosis_is_signed_with_a_receipt_and_shown(desk_pc, ward, li, visit_id):
    url = f"/staff/doctor/visits/{visit_id}"
    desk_pc.get(url)
    answer = desk_pc.post(f"{url}/diagnosis", code="e119", note="")
    assert answer.status_code == 303 and answer.headers["Location"] == url
    assert "2型糖尿病" in desk_pc.follow(answer).text
    assert ward.types(li.ref)[-1] == "record.signed"


def test_a_code_that_is_none_is_said_and_kept(desk_pc, ward, li, visit_id):
    url = f"/staff/doctor/visits/{visit_id}"
    desk_pc.get(url)
    page = desk_pc.post(f"{url}/diagnosis", code="sugar", note="糖")
    assert page.status_code == 400 and 'value="sugar"' in page.text and "J06.9" in page.text
    page = desk_pc.post(f"{url}/diagnosis", code="Z99.9", note="")  # a code of no common name needs one
    assert page.status_code == 400 and 'id="note-error"' in page.text
    assert "record.signed" not in ward.types(li.ref)


def test_several_lines_are_one_prescription_signed_once(desk_pc, ward, li, visit_id):
    url = f"/staff/doctor/visits/{visit_id}"
    assert "待药师审核" in desk_pc.get(url).text
    lines = [("二甲双胍片", "0.5 g", "每天两次", "30"), ("", "", "", ""), ("阿卡波糖片", "50 mg", "每天三次", "30")]
    fields = [pair for line in lines for pair in zip(("name", "dose", "frequency", "days"), line, strict=True)]
    assert send(desk_pc, f"{url}/prescription", fields).status_code == 303
    chart = ward.do(records.open_visit, li.actor, visit_id)
    assert [line.name for line in chart.prescriptions[0].lines] == ["二甲双胍片", "阿卡波糖片"]
    assert chart.prescriptions[0].status == "signed"


def test_a_line_without_days_is_named_and_the_others_stay(desk_pc, ward, li, visit_id):
    url = f"/staff/doctor/visits/{visit_id}"
    desk_pc.get(url)
    page = send(
        desk_pc, f"{url}/prescription",
        [("name", "二甲双胍片"), ("dose", "0.5 g"), ("frequency", "每天两次"), ("days", "many")],
    )  # fmt: skip
    assert page.status_code == 400 and 'id="days-0-error"' in page.text and "二甲双胍片" in page.text
    assert send(desk_pc, f"{url}/prescription", [("name", "")]).status_code == 400


def test_one_more_line_is_shown_and_nothing_signed(desk_pc, ward, li, visit_id):
    url = f"/staff/doctor/visits/{visit_id}"
    desk_pc.get(url)
    page = send(
        desk_pc, f"{url}/prescription", [("name", "甲"), ("dose", ""), ("frequency", ""), ("days", ""), ("more", "yes")]
    )
    assert page.status_code == 200 and 'id="name-3"' in page.text and 'value="甲"' in page.text
    assert "record.signed" not in ward.types(li.ref)


def test_results_are_one_report_with_its_values_in_order(desk_pc, ward, li, visit_id):
    url = f"/staff/doctor/visits/{visit_id}"
    desk_pc.get(url)
    fields = [
        ("analyte", "718-7"),
        ("value", "108"),
        ("analyte", "15074-8"),
        ("value", ""),
        ("analyte", "2093-3"),
        ("value", "4.8"),
    ]
    assert send(desk_pc, f"{url}/results", fields).status_code == 303
    chart = ward.do(records.open_visit, li.actor, visit_id)
    assert [(m.code, m.value, m.flag) for m in chart.reports[0].measurements] == [
        ("718-7", "108", "L"), ("2093-3", "4.8", "N"),
    ]  # fmt: skip
    assert [own["detail"] for kind, own in ward.events(li.ref) if kind == "record.signed"] == [{"part": "results"}]
    page = send(desk_pc, f"{url}/results", [("analyte", "718-7"), ("value", "high")])
    assert page.status_code == 400 and 'id="value-0-error"' in page.text


def test_one_button_opens_the_history_once_and_the_patient_sees_who(desk_pc, ward, li, clock):
    first, ticket = begin(ward, li)
    write(ward, first, "7.8")
    ward.do(queueing.finish, ward.chen, ticket)
    clock.now += timedelta(days=90)
    visit_id, _ = begin(ward, li, ward.plan_again())
    desk_pc.set_cookie("mz_staff", ward.token("staff", ward.chen.ref), path="/staff")
    url = f"/staff/doctor/visits/{visit_id}"
    page = desk_pc.get(url)
    assert ">7.8<" not in page.text and f"{url}?history=1" in page.text
    assert ">7.8<" in desk_pc.get(f"{url}?history=1").text
    desk_pc.get(f"{url}?history=1")
    looks = opened(ward, li)
    assert len(looks) == 1 and looks[0]["actor"]["ref"] == ward.chen.ref and looks[0]["purpose"] == "treatment"
    answer = desk_pc.post(f"{url}/advice", advice="多走路", history="1")
    assert answer.headers["Location"] == f"{url}?history=1"
    assert "多走路" in desk_pc.follow(answer).text
    assert len(opened(ward, li)) == 1


def test_a_finished_visit_is_read_only(desk_pc, ward, li):
    visit_id, ticket = begin(ward, li)
    write(ward, visit_id)
    ward.do(queueing.finish, ward.chen, ticket)
    url = f"/staff/doctor/visits/{visit_id}"
    page = desk_pc.get(url)
    assert "就诊已完成" in page.text and "2型糖尿病" in page.text and f"{url}/diagnosis" not in page.text
    assert desk_pc.post(f"{url}/advice", advice="晚了").status_code == 409


@pytest.mark.parametrize(
    ("headers", "status"), [({"Sec-Purpose": "prefetch"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 200)]
)
def test_prefetch_and_other_sites_open_nothing(desk_pc, ward, li, clock, headers, status):
    visit_id, _ = begin(ward, li)
    write(ward, visit_id)
    clock.now += timedelta(minutes=20)
    page = desk_pc.get(f"/staff/doctor/visits/{visit_id}?history=1", headers=headers)
    assert page.status_code == status and "糖尿病" not in page.text
    assert desk_pc.client.head(f"/staff/doctor/visits/{visit_id}").status_code == 405
    assert opened(ward, li) == []


def test_another_doctors_visit_is_not_there(browser, ward, li, visit_id):
    browser.set_cookie("mz_staff", ward.token("staff", ward.lin.ref), path="/staff")
    assert browser.get(f"/staff/doctor/visits/{visit_id}").status_code == 404
    assert ward.types(li.ref)[-1] == "act.refused"


def test_the_desk_has_no_way_in(browser, ward, li, visit_id):
    browser.set_cookie("mz_staff", ward.token("staff", ward.desk.ref), path="/staff")
    assert browser.get(f"/staff/doctor/visits/{visit_id}").status_code == 403
