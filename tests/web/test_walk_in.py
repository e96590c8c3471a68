"""The desk's own pages for people without a phone: what is typed stays, what is printed can be checked, nothing old is shown."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from app.services import people
from app.web.sealing import qr_svg
from ledger.paper import fingerprint
from tests.browsing import Browser
from tests.people import CHILD_ID, LI_ID, WANG_ID
from tests.services.test_walkins import LI

pytestmark = pytest.mark.usefixtures("sealing")
WALK_IN = "/staff/desk/walk-in"
NUMBER = re.compile(r'class="ih-slip__number">([A-Z]\d{3})<')


def typed(ward, **other):
    return {
        "clinic": ward.clinic,
        "document": "resident_id",
        "number": LI_ID,
        "name": "李明",
        "session": ward.expert,
    } | other


@pytest.fixture
def desk(doors, ward) -> Browser:
    return doors.staff(ward.desk)


def slip_of(desk, answer) -> str:
    """Print the slip that an answer leads to; return the page with its link."""
    page = desk.follow(answer).text
    form = re.search(r'action="(/staff/desk/visits/[^"]+/slip)"', page)
    assert form
    return desk.follow(desk.post(form.group(1))).text


def main_of(page: str) -> str:
    return page[page.index("<main") : page.index("</main>")]


def link_in(page: str) -> str:
    found = re.search(r'href="http://localhost(/slips/[\w-]+)"', page)
    assert found
    return found.group(1)


def test_the_form_asks_for_five_things_of_somebody_with_a_resident_id(desk):
    page = main_of(desk.get(WALK_IN).text)
    outside = re.sub(r'(?s)<div class="ih-when-passport">.*?</fieldset>\s*</div>', "", page)
    asked = set(re.findall(r'<(?:input|select)[^>]* name="([a-z_]+)"', outside))
    assert asked - {"csrf_token", "idempotency_key", "clinic"} == {"document", "number", "name", "session", "phone"}


def test_one_press_leads_to_the_slip_with_the_number(desk, ward):
    page = desk.follow(desk.post(WALK_IN, **typed(ward))).text
    assert NUMBER.findall(page) == ["A001"]
    assert "李明" not in page and LI_ID not in page and "心内科" in page


def test_the_same_press_twice_is_one_ticket_with_the_same_key_and_without(desk, ward):
    answers = [desk.post(WALK_IN, key="one", **typed(ward)) for _ in range(2)] + [desk.post(WALK_IN, **typed(ward))]
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert "今天在这个科室已有号码 A001" in desk.follow(answers[-1]).text


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"number": LI_ID[:-1] + ("0" if LI_ID[-1] != "0" else "1")}, "number", "有一位输错了"),
        ({"name": " "}, "name", "填写姓名"),
        ({"session": "none"}, "session", "选一位今天出诊的医生"),
        ({"phone": "12"}, "phone", "手机号是 11 位数字"),
        ({"document": "passport", "number": "P9990001X", "birth_on": "x", "country": "GBR"}, "birth_on", "还没有填好"),
        (
            {"document": "passport", "number": "P9990001X", "birth_on": "1990-06-21", "country": "ZZZ"},
            "country",
            "签发国家",
        ),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(desk, ward, wrong, field, words):
    answer = desk.post(WALK_IN, **typed(ward, **wrong))
    assert answer.status_code == 400
    assert f'id="{field}-error"' in answer.text and words in answer.text
    assert 'value="李明"' in answer.text or "name" in wrong or "passport" in wrong.values()
    assert ward.types(None)[-1] in ("session.planned", "staff.created", "board.opened")  # nobody was registered


def test_another_name_than_the_verified_one_is_refused_without_saying_which(desk, ward):
    ward.do(people.register_at_desk, ward.desk, LI, "李明", None)
    answer = desk.post(WALK_IN, **typed(ward, name="王小红"))
    assert answer.status_code == 409
    assert "登记的是另一个姓名" in answer.text and "李明" not in answer.text


def test_the_page_for_a_known_person_differs_in_nothing_from_the_page_for_a_new_one(desk, ward):
    ward.do(people.register_at_desk, ward.desk, LI, "李明", "+8613800000001")
    known = desk.follow(desk.post(WALK_IN, **typed(ward))).text
    new = desk.follow(desk.post(WALK_IN, **typed(ward, number=WANG_ID, name="王建国"))).text
    blind = [re.sub(r'value="[^"]*"|A00\d|/visits/[\w-]+', "", main_of(page)) for page in (known, new)]
    assert blind[0] == blind[1]


def test_the_slips_link_shows_a_stranger_the_check_in_and_nothing_of_anybody(desk, ward, app, hospital):
    page = slip_of(desk, desk.post(WALK_IN, **typed(ward)))
    link = link_in(page)
    assert str(qr_svg(f"http://localhost{link}")) in page
    assert all(fingerprint(key.format()) in page for key in hospital.log_keys)
    stranger = Browser(app).get(link)
    assert stranger.status_code == 200
    assert stranger.headers["Cache-Control"] == "no-store"
    assert "c2sp.org/tlog-proof@v1" in stranger.text or "存证中" in stranger.text
    for secret in ("李明", LI_ID, "A001", "心内科", ward.desk.ref):
        assert secret not in stranger.text


def test_a_link_that_ran_out_and_one_that_never_was_get_one_answer(desk, ward, app, clock):
    link = link_in(slip_of(desk, desk.post(WALK_IN, **typed(ward))))
    clock.now += timedelta(days=30, seconds=1)
    gone, never = (Browser(app).get(path) for path in (link, "/slips/" + "x" * 24))
    assert gone.status_code == never.status_code == 404
    strip = [re.sub(r'value="[^"]*"|/slips/[\w-]+|%2Fslips%2F[\w-]+', "", page.text) for page in (gone, never)]
    assert strip[0] == strip[1]


def test_whoever_tries_links_is_stopped(app):
    browser = Browser(app)
    answers = [browser.get(f"/slips/guess-{turn}").status_code for turn in range(31)]
    assert answers[0] == 404 and answers[-1] == 429


def test_the_desk_finds_somebody_for_whom_it_books_by_document_and_registers_whom_nobody_knows(desk, ward):
    times = desk.post("/staff/desk/book-for", **typed(ward, number=CHILD_ID, name="李小雨"))
    page = desk.follow(times).text
    assert "李*雨" in page and "李小雨" not in page
    slot = re.search(r'name="slot" value="([\w-]+)"', page)
    assert slot
    booked = desk.post(times.headers["Location"].split("?")[0], clinic=ward.clinic, slot=slot.group(1))
    assert "预约时间" in desk.follow(booked).text
    again = desk.post(times.headers["Location"].split("?")[0], clinic=ward.clinic, slot="nothing")
    assert again.status_code == 404


def test_a_ticket_that_nobody_has_finds_nobody(desk, ward):
    answer = desk.post("/staff/desk/book-for", clinic=ward.clinic, ticket="Z999")
    assert answer.status_code == 404 and "今天没有这个号码" in answer.text


def test_a_slip_that_is_scanned_finds_its_row_on_the_board(desk, ward):
    link = link_in(slip_of(desk, desk.post(WALK_IN, **typed(ward))))
    for text in (f"http://localhost{link}", link):
        found = desk.post("/staff/desk/book-for", clinic=ward.clinic, ticket=text)
        assert found.status_code == 303 and "/book-for/" in found.headers["Location"]
