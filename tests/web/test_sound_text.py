"""NUL is refused with words wherever a text comes in: PostgreSQL would refuse it later, without any."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import func, select

from app.adapters.neighbour import Answer, Neighbour
from app.models import Event
from tests.browsing import Browser

WORDS = "内容里有不能使用的字符"


def test_a_form_with_nul_is_refused_in_words_and_nothing_is_recorded(doors, ward, reading):
    who = ward.person()
    phone = doors.phone(who)
    phone.get("/people/new")
    before = _events(reading)
    for field in ("name", "a\x00field"):
        answer = phone.post("/people/new", **{"document": "passport", field: "Anna\x00Smith"})
        assert (answer.status_code, WORDS in answer.text) == (400, True)
        assert "Smith" not in answer.text
    assert _events(reading) == before


def test_a_form_with_files_may_bring_bytes_but_no_nul_in_its_fields(doors, ward):
    phone = doors.phone(ward.person())
    phone.get("/me")

    def send(**fields) -> int:
        body = {"csrf_token": phone.token, "file": (io.BytesIO(b"\x00\x01"), "receipt.tlog-proof"), **fields}
        return phone.client.post("/me/nothing", data=body, content_type="multipart/form-data").status_code

    assert (send(words="fine"), send(words="a\x00")) == (404, 400)


def test_a_nurse_reads_it_in_english_and_keeps_the_way_on(doors, ward):
    desk = doors.staff(ward.desk)
    desk.get("/language/en?next=/staff/desk/")
    answer = desk.post("/staff/desk/find", find="A\x00")
    assert answer.status_code == 400
    assert "cannot be used" in answer.text


def test_a_query_with_nul_is_refused_in_words(app):
    answer = Browser(app).get("/sign-in?next=/a%00b")
    assert (answer.status_code, WORDS in answer.text) == (400, True)


def test_an_address_with_nul_is_the_address_of_nothing(app, doors, ward):
    phone = doors.phone(ward.person())
    assert [phone.get(path).status_code for path in ("/receipts/%00", "/visits/a%00b")] == [404, 404]


def test_a_call_with_nul_is_refused_in_json(li):
    answer = li.call("GET", "/sessions?department=%00&day=2026-03-02")
    assert (answer.status_code, answer.get_json()["code"], answer.get_json()["field"]) == (
        422,
        "fields_wrong",
        "department",
    )
    answer = li.client.post("/api/v1/login", data=rb'{"code": "a\u0000b"}', content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "body_unreadable")


@pytest.mark.parametrize("path", ["/fhir/R4/Patient?name=a%00b", "/fhir/R4/Observation?code=%00"])
def test_a_search_with_nul_is_answered_with_an_outcome(app, path):
    answer = app.test_client().get(path)
    assert answer.status_code == 400
    assert answer.get_json()["resourceType"] == "OperationOutcome"


def test_what_is_meant_for_the_pretend_wechat_goes_on_as_it_came(app, monkeypatch):
    """It is a neighbour with a guard of its own; a form that was read here could not be handed on."""
    handed_on = []

    def ask(_neighbour, _method, _path, _headers, body):
        handed_on.append(body)
        return Answer(200, [], b"")

    monkeypatch.setattr(Neighbour, "ask", ask)
    app.test_client().post("/wechat-mock/connect/oauth2/authorize", data={"account": "wang"})
    assert handed_on == [b"account=wang"]


def _events(reading) -> int:
    with reading() as session:
        return int(session.scalar(select(func.count()).select_from(Event)) or 0)
