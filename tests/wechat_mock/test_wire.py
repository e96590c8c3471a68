"""What the platform's bytes look like, held against bodies that others captured from it."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.wechat_mock.process import APPID, SECRET

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "wechat.json").read_text(encoding="utf-8"))
CAPTURED = {row["id"]: row["body"] for row in VECTORS["error_bodies"]}


def form(body: str) -> str:
    """The body with what differs each time (request id, hint) replaced."""
    body = re.sub(r"rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}", "rid: R", body)
    return re.sub(r"hint: \[[0-9A-Za-z]{9}-[0-9A-Za-z]{6}\]", "hint: [H]", body)


WRONG_APPID = {"appid": "wx0000000000000000", "secret": SECRET}


def used_js_code(wire):
    code = wire.js_code()
    wire.session(code)
    return wire.get("/sns/jscode2session", appid=APPID, secret=SECRET, js_code=code, grant_type="authorization_code")


def expired_token(wire):
    token = wire.plain_token()["access_token"]
    wire.clock.seconds += 7200
    return wire.get("/cgi-bin/ticket/getticket", access_token=token, type="jsapi")


def base_token_at_userinfo(wire):
    got = wire.exchange(wire.oauth_code(scope="snsapi_base"))
    return wire.get("/sns/userinfo", access_token=got["access_token"], openid=got["openid"])


def phone(wire, data):
    path = f"/wxa/business/getuserphonenumber?access_token={wire.plain_token()['access_token']}"
    return wire.post(path, data=data)


REQUESTS = {
    "live-error-1": lambda w: w.get("/cgi-bin/token", grant_type="client_credential", **WRONG_APPID),
    "live-error-2": lambda w: w.get("/cgi-bin/token", **WRONG_APPID),
    "live-error-3": lambda w: w.post("/cgi-bin/stable_token", json=WRONG_APPID),
    "live-error-4": lambda w: w.get("/wxa/checksession", access_token="wrong"),
    "live-error-5": lambda w: w.get("/wxa/checksession"),
    "live-error-6": lambda w: w.get("/cgi-bin/ticket/getticket", type="jsapi", access_token="wrong"),
    "live-error-7": lambda w: w.get("/sns/oauth2/access_token", **WRONG_APPID),
    "live-error-8": lambda w: w.get("/sns/userinfo", access_token="wrong", openid="o"),
    "reported-error-1": lambda w: w.get(
        "/sns/jscode2session", appid=APPID, secret=SECRET, js_code="never", grant_type="authorization_code"
    ),
    "reported-error-2": used_js_code,
    "reported-error-3": lambda w: w.post("/sns/jscode2session", data={"appid": APPID, "secret": SECRET}),
    "reported-error-4": lambda w: w.get("/sns/oauth2/access_token", appid=APPID, secret=SECRET, grant_type="x"),
    "reported-error-5": expired_token,
    "reported-error-8": lambda w: phone(w, b"code=1"),
    "reported-error-9": lambda w: phone(w, b'{"code":"never"}'),
    "reported-error-12": base_token_at_userinfo,
}


def test_every_captured_body_has_its_request():
    assert REQUESTS.keys() == CAPTURED.keys()


@pytest.mark.parametrize("captured", REQUESTS)
def test_an_error_is_written_as_the_platform_wrote_it(wire, clock, captured):
    wire.clock = clock
    response = REQUESTS[captured](wire)

    assert response.status_code == 200
    assert form(response.text) == form(CAPTURED[captured])


def second_of(body: str) -> datetime:
    return datetime.fromtimestamp(int(re.search(r"rid: ([0-9a-f]{8})-", body)[1], 16), UTC)


@pytest.mark.parametrize("captured", VECTORS["error_bodies"], ids=lambda row: row["id"])
def test_captured_request_ids_begin_with_the_second_they_were_given_in(captured):
    assert second_of(captured["body"]).isoformat() == captured["rid_time_utc"]


def test_so_do_ours(wire, clock):
    assert second_of(wire.get("/cgi-bin/token").text).timestamp() == int(clock())


def test_sns_calls_its_json_text_and_cgi_bin_spells_the_encoding_its_own_way(wire):
    assert wire.get("/sns/auth").headers["Content-Type"] == "text/plain"
    assert wire.get("/cgi-bin/token").headers["Content-Type"] == "application/json; encoding=utf-8"
    assert wire.get("/wxa/checksession").headers["Content-Type"] == "application/json; encoding=utf-8"


def test_chinese_is_written_as_it_is_and_without_blanks(wire):
    got = wire.exchange(wire.oauth_code("lin", scope="snsapi_userinfo"))
    body = wire.get("/sns/userinfo", access_token=got["access_token"], openid=got["openid"]).data

    assert '"nickname":"林秀兰"'.encode() in body
    assert b": " not in body


SUCCESSES = {row["request"]: list(json.loads(row["body"])) for row in VECTORS["success_bodies"]}


def test_answers_have_the_keys_of_the_captured_ones_in_their_order(wire):
    token = wire.plain_token()
    oauth = wire.exchange(wire.oauth_code(scope="snsapi_base"))
    session = wire.session(wire.js_code())
    code = wire.json("/_demo/phone-code", account="lin", appid=APPID)["code"]
    shared = phone(wire, json.dumps({"code": code}).encode()).get_json()

    assert list(token) == SUCCESSES["GET /cgi-bin/token"]
    assert list(oauth) == SUCCESSES["GET /sns/oauth2/access_token (snsapi_base)"]
    assert list(session) == [*SUCCESSES["GET /sns/jscode2session"], "unionid"]  # last, where bound
    assert list(wire.ticket(token["access_token"])) == SUCCESSES["GET /cgi-bin/ticket/getticket?type=jsapi"]
    assert list(shared) == SUCCESSES["POST /wxa/business/getuserphonenumber"]
    assert list(shared["phone_info"]) == ["phoneNumber", "purePhoneNumber", "countryCode", "watermark"]


def test_nothing_is_kept_by_caches_or_carried_on_by_a_referer(wire):
    for response in (wire.get("/sns/auth"), wire.get("/_demo/js-code", account="lin")):
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
