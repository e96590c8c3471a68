"""Receipts and 谁看过 through the patient's door: lists, the page of one, the file, and what others get of it."""

from __future__ import annotations

import re
from datetime import date

import pytest

from app.domain.documents import parse_resident_id
from app.services import events, guardianship, people
from ledger.note import VerifierKey
from ledger.receipt import verify_receipt
from ledger.stores.sql import SQLStore
from tests.browsing import Browser
from tests.conftest import sequencer_in
from tests.live import wait_until
from tests.people import CHILD_ID

ROW = re.compile(r'href="(/receipts/[0-9a-f-]{36})"')


@pytest.fixture
def phone(app, ward):
    """Return a function that gives a person's signed-in phone."""

    def sign_in(who) -> Browser:
        browser = Browser(app)
        browser.set_cookie("mz_patient", ward.token("patient", who.actor.ref))
        return browser

    return sign_in


@pytest.fixture
def key(hospital) -> VerifierKey:
    return hospital.log_keys[0]


def sealed(var, hospital) -> None:
    """Let a sequencer run until nothing waits."""
    with sequencer_in(var):
        hospital.bell.knock()
        store = SQLStore(hospital.engine)
        wait_until(lambda: not store.pending(1) and store.newest_size() == store.load_tree().size)


def said(page) -> str:
    """Return what a page says, its own address aside."""
    return page.text[page.text.index("<main") : page.text.index("</main>")]


def look(ward, subject, actor=None, purpose="treatment"):
    def record(session, now):
        return events.record(
            session, "record.opened", actor or ward.chen, now, subject=subject, detail={"count": 2}, purpose=purpose
        ).id

    return ward.do(record)


def test_nobody_signed_out_sees_a_list_or_a_receipt(browser, ward):
    li = ward.person()
    for path in ("/receipts", "/receipts/part", f"/receipts/{look(ward, li.ref)}"):
        answer = browser.get(path)
        assert answer.status_code == 303 and answer.headers["Location"].startswith("/sign-in?next=")


def test_acts_are_listed_newest_first_in_words_with_their_state(phone, ward, var, hospital):
    li = ward.person("李明")
    ward.booked(li)
    mine = phone(li)
    page = mine.get("/receipts").text
    assert page.index("预约成功") < page.index("选号，暂时保留") < page.index("绑定就诊人")
    assert "存证中" in page and "已存证" not in page

    sealed(var, hospital)
    page = mine.get("/receipts").text
    assert "已存证" in page and "存证中" not in page


def test_who_looked_shows_who_what_and_why_apart_from_ones_own(phone, ward):
    li = ward.person("李明")
    look(ward, li.ref)
    mine = phone(li)
    page = mine.get("/receipts?side=look").text
    assert "医生 陈大夫 · 打开了病历" in page and "用途：诊疗" in page and "看了：2 项内容" in page
    assert "打开了病历" not in mine.get("/receipts").text


def test_an_english_page_names_staff_in_english(phone, ward):
    li = ward.person("李明")
    look(ward, li.ref)
    mine = phone(li)
    mine.get("/language/en")
    page = mine.get("/receipts?side=look").text
    assert "Doctor Dr Chen · Records opened" in page and "Purpose: Treatment" in page


def test_lists_go_on_to_older_ones(phone, ward):
    li = ward.person("李明")
    seen = [look(ward, li.ref) for _ in range(25)]
    mine = phone(li)
    first = mine.get("/receipts?side=look").text
    older = re.search(r'href="(/receipts\?side=look&amp;before=[^"]+)"', first)
    assert older
    second = mine.get(older[1].replace("&amp;", "&")).text
    shown = [path.rsplit("/", 1)[1] for path in [*ROW.findall(first), *ROW.findall(second)]]
    assert shown == seen[::-1]
    assert "data-url" not in second  # an old page does not change, and does not ask


def test_a_list_that_did_not_change_is_answered_without_a_body(phone, ward):
    li = ward.person("李明")
    mine = phone(li)
    first = mine.get("/receipts/part?side=look")
    again = mine.get("/receipts/part?side=look", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304 and again.data == b""
    look(ward, li.ref)
    news = mine.get("/receipts/part?side=look", headers={"If-None-Match": first.headers["ETag"]})
    assert news.status_code == 200 and "陈大夫" in news.text


def test_the_page_of_a_receipt_carries_the_file_and_the_key(phone, ward, var, hospital, key):
    li = ward.person("李明")
    ward.booked(li)
    sealed(var, hospital)
    mine = phone(li)
    path = ROW.findall(mine.get("/receipts").text)[0]
    page = mine.get(path).text
    assert "预约成功" in page and "已存证" in page and key.format() in page
    assert "c2sp.org/tlog-proof@v1" in page
    assert f"http://localhost{path}" in page and "<svg" in page
    assert "style=" not in page


def test_downloads_verify_and_a_flipped_byte_does_not(phone, ward, var, hospital, key):
    li = ward.person("李明")
    ward.booked(li)
    sealed(var, hospital)
    mine = phone(li)
    path = ROW.findall(mine.get("/receipts").text)[0]

    file = mine.get(f"{path}.tlog-proof")
    assert file.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert file.headers["Cache-Control"] == "no-store"
    assert re.fullmatch(r'attachment; filename="mingzhen-[0-9a-f-]+\.tlog-proof"', file.headers["Content-Disposition"])
    for_me = verify_receipt(file.data, key)
    assert for_me.open["type"] == "appointment.booked" and for_me.own["subject"] == li.ref
    broken = bytearray(file.data)
    broken[60] ^= 1
    with pytest.raises(Exception):  # noqa: B017 (malformed or untrue, depending on the byte)
        verify_receipt(bytes(broken), key)

    shown = mine.get(f"{path}.tlog-proof?form=show")
    to_show = verify_receipt(shown.data, key)
    assert to_show.open == for_me.open and to_show.own is None
    assert "-show.tlog-proof" in shown.headers["Content-Disposition"]


def test_a_receipt_that_waits_says_so_and_completes_by_itself(phone, ward, var, hospital):
    li = ward.person("李明")
    ward.booked(li)
    mine = phone(li)
    path = ROW.findall(mine.get("/receipts").text)[0]
    page = mine.get(path).text
    assert "存证中…" in page and f'data-url="{path}/waiting"' in page and 'http-equiv="refresh"' in page
    assert "存证中" in mine.get(f"{path}/waiting").text
    refused = mine.get(f"{path}.tlog-proof")
    assert refused.status_code == 409 and "还在存证" in refused.text

    sealed(var, hospital)
    assert mine.get(f"{path}/waiting").headers["Location"] == path
    assert "c2sp.org/tlog-proof@v1" in mine.get(path).text


@pytest.mark.parametrize("ending", ["", "/waiting", ".tlog-proof"])
def test_another_persons_receipt_is_absent_and_the_attempt_is_in_the_owners_log(phone, ward, ending):
    li, wang = ward.person("李明"), ward.person("王小红")
    ward.booked(li)
    path = ROW.findall(phone(li).get("/receipts").text)[0]
    theirs = phone(wang).get(path + ending)
    absent = phone(wang).get("/receipts/0198f6a0-0000-7000-8000-000000000000" + ending)
    assert theirs.status_code == absent.status_code == 404
    assert said(theirs) == said(absent)

    page = phone(li).get("/receipts?side=look").text
    assert "另一个账号 · 想看或想办，被拒绝了" in page and "什么也没有看到" in page
    assert "王" not in page


def test_a_guardian_sees_whose_receipt_it_is(phone, ward):
    li = ward.person("李明")
    child = parse_resident_id(CHILD_ID, date(2026, 3, 2))
    link = ward.do(
        lambda s, now: people.bind(s, li.actor, child, "李小宝", now, relation="guardian", has_consented=True)
    )
    assert "李小宝" not in phone(li).get("/receipts").text  # not before the desk has seen the papers
    ward.do(lambda s, now: guardianship.verify_guardianship(s, ward.desk, link, now))
    page = phone(li).get("/receipts").text
    assert "就诊人：李小宝" in page and "就诊人：李明" in page
