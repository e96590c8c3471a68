"""The auditor's pages: every event, nobody's name, and the opening itself recorded once."""

from __future__ import annotations

import re

import pytest

from app.services import queueing, staff
from ledger.receipt import verify_receipt
from tests.browsing import Browser
from tests.live import wait_until
from tests.web.test_receipts import sealed

ROW = re.compile(r'href="(/staff/auditor/events/[0-9a-f-]{36})"')


@pytest.fixture
def auditor(app, ward, hospital) -> Browser:
    """The signed-in browser of somebody who is nothing but auditor."""
    with hospital.writing_session() as session:
        ref = staff.create(
            session, ward.desk, ward.now, login="audit", password_hash="none", name_zh="审计员老郑", name_en="Zheng",
            role="auditor", clinic_id=ward.clinic,
        )  # fmt: skip
    browser = Browser(app)
    browser.set_cookie("mz_staff", ward.token("staff", ref), path="/staff")
    return browser


def test_the_list_shows_types_in_words_and_no_name(auditor, ward):
    ward.booked(ward.person("李明"))
    page = auditor.get("/staff/auditor/events").text
    assert "预约成功" in page and "绑定就诊人" in page and "存证中" in page
    assert "李" not in re.sub(r"<header.*?</header>", "", page, flags=re.S)


def test_opening_the_book_is_recorded_once_a_sitting(auditor, ward):
    for _ in range(3):
        assert auditor.get("/staff/auditor/events").status_code == 200
    boards = [own for kind, own in ward.events(None) if kind == "board.opened"]
    assert [own["detail"] for own in boards] == [{"board": "audit"}]
    assert boards[0]["actor"]["role"] == "auditor"


def test_one_type_can_be_asked_for(auditor, ward):
    ward.booked(ward.person("李明"))
    page = auditor.get("/staff/auditor/events?type=staff.created").text
    body = page[page.index("<tbody>") :]
    assert "添加工作人员" in body and "预约成功" not in body
    assert "没有这样的事件" in auditor.get("/staff/auditor/events?type=nothing.such").text


def test_the_list_goes_on(auditor, ward):
    for _ in range(12):
        ward.person()
    first = auditor.get("/staff/auditor/events").text
    older = re.search(r'href="(/staff/auditor/events\?before=[^"]+)"', first)
    assert older and len(ROW.findall(first)) == 50
    second = auditor.get(older[1]).text
    assert not set(ROW.findall(first)) & set(ROW.findall(second)) and ROW.findall(second)


def test_an_event_is_shown_as_it_lies_under_the_ledger(auditor, ward, var, hospital):
    li = ward.person("李明")
    ward.booked(li)
    sealed(var, hospital)
    path = ROW.findall(auditor.get("/staff/auditor/events?type=appointment.booked").text)[0]
    page = auditor.get(path).text
    assert li.ref in page and "appointment.booked" in page and "第 " in page
    assert "salt" not in page and "只有本人能下载" in page
    assert auditor.get(f"{path}.tlog-proof").status_code == 404


def test_receipts_of_the_house_are_the_auditors(auditor, ward, var, hospital):
    sealed(var, hospital)
    path = ROW.findall(auditor.get("/staff/auditor/events?type=clinic.created").text)[0]
    assert "下载回执" in auditor.get(path).text
    opened = verify_receipt(auditor.get(f"{path}.tlog-proof").data, hospital.log_keys[0])
    assert opened.open["type"] == "clinic.created" and opened.own["subject"] is None


def test_an_event_that_is_not_there_is_absent(auditor):
    assert auditor.get("/staff/auditor/events/0198f6a0-0000-7000-8000-000000000000").status_code == 404


@pytest.mark.parametrize("role", ["chen", "desk"])
def test_other_staff_are_told_that_it_is_not_theirs(app, ward, role):
    browser = Browser(app)
    browser.set_cookie("mz_staff", ward.token("staff", getattr(ward, role).ref), path="/staff")
    assert browser.get("/staff/auditor/events").status_code == 403


def test_while_sealing_stands_still_staff_see_a_banner(auditor):
    assert "存证暂停了" in auditor.get("/staff/auditor/events").text


@pytest.mark.usefixtures("sealing")
def test_while_sealing_runs_there_is_no_banner(auditor):
    wait_until(lambda: "存证暂停了" not in auditor.get("/staff/auditor/events").text)


def test_an_auditor_reads_why_a_class_was_granted_and_not_to_whom(auditor, ward):
    ticket = ward.waiting()
    who = ward.people[-1]
    ward.do(queueing.grant_priority, ward.desk, ticket, "care", "other", "刚做完手术")
    page = auditor.get("/staff/auditor/events?type=ticket.priority_granted")
    event = auditor.get(ROW.search(page.text).group(1)).text
    assert "刚做完手术" not in event
    link = re.search(r'href="(/staff/auditor/priorities/[\w-]{22})"', event).group(1)
    note = auditor.get(link).text
    assert "刚做完手术" in note and "前台小周" in note and who.name not in note and who.ref not in note
    kind, own = ward.events(who.ref)[-1]
    assert kind == "priority_note.opened" and own["reason"] == "office" and own["purpose"] == "audit_review"
