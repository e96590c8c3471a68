"""What the API refuses, and how it says so: bodies of two meanings, fields of another form, rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from tests.calling import Caller, book
from tests.people import LI_ID

UNREADABLE: dict[str, bytes] = {
    "nothing but blanks": b"  ",
    "null": b"null",
    "an array": b'["code"]',
    "a string": b'"code"',
    "a number": b"7",
    "half of it": b'{"code": "x"',
    "two of them": b'{"code": "x"}{"code": "y"}',
    "a key twice": b'{"code": "x", "code": "y"}',
    "a key twice by another spelling": rb'{"code": "x", "\u0063ode": "y"}',
    "half a pair": rb'{"code": "\ud800"}',
    "half a pair in a key": rb'{"\udfff": "x"}',
    "NUL": rb'{"code": "a\u0000b"}',
    "no UTF-8": b'{"code": "\xff"}',
    "a byte order mark": b'\xef\xbb\xbf{"code": "x"}',
    "UTF-16": '{"code": "x"}'.encode("utf-16"),
    "NaN": b'{"code": NaN}',
    "infinity": b'{"code": 1e999}',
    "65 bits": b'{"code": 18446744073709551616}',
    "a million digits": b'{"code": ' + b"9" * 60_000 + b"}",
    "a comment": b'{"code": "x" /* y */}',
    "deep arrays": b'{"code": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "deep objects": b'{"code": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
    "an open end of deep arrays": b"[" * 60_000,
    "a quote without end": b'{"code": "' + b"\\" * 50_001,
}
WRONG: dict[str, bytes] = {
    "an empty object": b"{}",
    "a field too many": b'{"code": "x", "admin": true}',
    "a number for a text": b'{"code": 7}',
    "null for a text": b'{"code": null}',
    "an array for a text": b'{"code": ["x"]}',
    "an object for a text": b'{"code": {"$ne": ""}}',
    "nothing in it": b'{"code": ""}',
    "too long": b'{"code": "' + b"x" * 513 + b'"}',
    "the wrong name": b'{"Code": "x"}',
}


def post_login(app: Flask, body: bytes, content_type: str = "application/json") -> tuple[int, dict[str, Any]]:
    answer = app.test_client().post("/api/v1/login", data=body, content_type=content_type)
    assert answer.mimetype == "application/json"
    return answer.status_code, answer.get_json()


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_two_parsers_could_read_differently_is_refused(app, wechat, body) -> None:
    status, said = post_login(app, body)
    assert (status, said["code"]) == (400, "body_unreadable") and said["errorMsg"]


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_a_body_of_another_form_is_refused_by_its_field_and_not_repeated(app, wechat, body) -> None:
    status, said = post_login(app, body)
    assert (status, said["code"]) == (422, "fields_wrong")
    assert said["field"].strip("?").lower() in ("code", "admin", "code, code")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk", "", "*/*"]
)
def test_a_body_that_calls_itself_something_else_is_refused(app, wechat, content_type) -> None:
    status, said = post_login(app, b'{"code": "code-of-li"}', content_type)
    assert (status, said["code"]) == (415, "body_type")


def test_a_body_that_is_too_large_is_refused(app, wechat) -> None:
    status, said = post_login(app, b'{"code": "' + b"x" * 70_000 + b'"}')
    assert (status, said["code"]) == (413, "http_413")


@pytest.mark.parametrize(
    "body",
    [
        {"person": True, "slot": "x"},
        {"person": "x", "slot": "a b"},
        {"person": "x", "slot": "x' OR '1'='1"},
        {"person": "x" * 65, "slot": "x"},
        {"person": "李明", "slot": "x"},
    ],
)
def test_ids_of_another_form_are_refused(li, body) -> None:
    assert li.call("POST", "/appointments", json=body).status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        "", "department=x", "day=2026-03-02", "department=x&day=2026-13-01", "department=x&day=20260302&day=20260302",
        "department=x&day=2026-03-02&also=1", "department=%00&day=2026-03-02", "department=x&day=1e9",
        "department=x&department=y&day=2026-03-02",
    ],
)  # fmt: skip
def test_a_query_of_another_form_is_refused(li, query) -> None:
    answer = li.call("GET", f"/sessions?{query}")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "fields_wrong")


@pytest.mark.parametrize("before", ["x", "00000000-0000-0000-0000-00000000000g", "-1", "%27"])
def test_a_page_before_nothing_is_refused(li, before) -> None:
    assert li.call("GET", f"/receipts?before={before}").status_code == 422


@pytest.mark.parametrize(
    "path",
    ["/sessions?department=none&day=2026-03-02", "/slots?session=none&day=2026-03-02", "/departments/none/days",
     "/tickets/none", "/records/none", "/receipts/none", "/records/%00", "/nothing"],
)  # fmt: skip
def test_what_is_not_there_is_not_found_in_json(li, path) -> None:
    answer = li.call("GET", path)
    assert answer.status_code == 404 and set(answer.get_json()) >= {"code", "errorMsg"}


def test_consent_is_asked_for_and_a_mistyped_id_is_named_by_its_rule(app, wechat) -> None:
    caller = Caller(app).sign_in("code-of-li")
    body = {"document": "resident_id", "relation": "self", "name": "李明", "number": LI_ID, "consent": False}
    assert caller.call("POST", "/people", json=body).get_json()["code"] == "consent_missing"
    body = {**body, "number": LI_ID[:-1] + "0", "consent": True}
    said = caller.call("POST", "/people", json=body, headers={"Accept-Language": "en-GB"}).get_json()
    assert said["code"] == "document_check_digit" and said["field"] == "number"
    assert said["errorMsg"].isascii() and LI_ID[:6] not in json.dumps(said)


def test_refusals_speak_the_language_that_is_asked_for(app) -> None:
    chinese, english = (
        app.test_client().get("/api/v1/me", headers={"Accept-Language": tag}).get_json()["errorMsg"]
        for tag in ("zh-CN,zh;q=0.9,en;q=0.8", "en")
    )
    assert chinese == "先登录再继续" and english == "Sign in to go on"


def test_checking_in_too_early_says_when(li, ward) -> None:
    person = li.get("/people")[0]["patient_ref"]
    appointment = li.post("/appointments", {"person": person, "slot": ward.slots(ward.expert)[-1]})["id"]
    li.post(f"/appointments/{appointment}/confirm")
    early = li.call("POST", "/check-in", json={"code": ward.venue_code(), "appointments": [appointment]})
    assert (early.status_code, early.get_json()["code"]) == (409, "check_in_too_early")
    assert "开始签到" in early.get_json()["next"]


def test_checking_in_without_having_been_there_is_refused(li, ward) -> None:
    body = {"code": "x" * 22, "appointments": [book(li, ward)]}
    assert li.call("POST", "/check-in", json=body).get_json()["code"] == "venue_code_unknown"
    assert li.get("/tickets") == []
