"""Tokens of servers, and what they open: getAccessToken, getStableAccessToken, getTicket, checkSessionKey, phone."""

import hmac
import json
from pathlib import Path

import pytest

from tests.wechat_mock.process import APPID, OTHER_APPID, OTHER_SECRET

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "wechat.json").read_text(encoding="utf-8"))


def is_good(wire, token):
    return wire.ticket(token)["errcode"] == 0


def test_a_new_plain_token_leaves_the_former_one_five_more_minutes(wire, clock):
    old = wire.plain_token()["access_token"]
    clock.seconds += 1000
    new = wire.plain_token()["access_token"]

    assert old != new
    clock.seconds += 299
    assert is_good(wire, old)
    assert is_good(wire, new)
    clock.seconds += 1
    assert wire.ticket(old)["errcode"] == 40001  # no longer the latest
    assert is_good(wire, new)


def test_a_token_left_alone_expires_after_two_hours(wire, clock):
    token = wire.plain_token()
    assert token["expires_in"] == 7200
    clock.seconds += 7199
    assert is_good(wire, token["access_token"])
    clock.seconds += 1
    assert wire.ticket(token["access_token"])["errcode"] == 42001


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"appid": ""}, 41002),
        ({"appid": "wx0000000000000000"}, 40013),
        ({"grant_type": "authorization_code"}, 40002),
        ({"secret": ""}, 41004),
        ({"secret": "f" * 32}, 40125),
    ],
)
def test_both_kinds_refuse_wrong_parameters_alike(wire, change, errcode):
    assert wire.plain_token(**change)["errcode"] == errcode
    assert wire.stable_token(**change)["errcode"] == errcode


class TestStable:
    def test_it_stays_the_same_and_counts_down(self, wire, clock):
        first = wire.stable_token()
        clock.seconds += 6900
        second = wire.stable_token()

        assert first["expires_in"] == 7200
        assert second == {"access_token": first["access_token"], "expires_in": 300}

    def test_with_less_than_five_minutes_left_a_new_one_overlaps_the_old(self, wire, clock):
        old = wire.stable_token()["access_token"]
        clock.seconds += 6901
        new = wire.stable_token()

        assert new["access_token"] != old
        assert new["expires_in"] == 7200
        assert is_good(wire, old)
        assert is_good(wire, new["access_token"])
        clock.seconds += 299
        assert wire.ticket(old)["errcode"] == 42001

    def test_forcing_kills_the_old_at_once(self, wire, clock):
        old = wire.stable_token()["access_token"]
        clock.seconds += 30
        new = wire.stable_token(force_refresh=True)["access_token"]

        assert wire.ticket(old)["errcode"] == 40001
        assert is_good(wire, new)
        assert wire.stable_token()["access_token"] == new

    def test_forcing_again_within_thirty_seconds_changes_nothing(self, wire, clock):
        first = wire.stable_token(force_refresh=True)["access_token"]
        clock.seconds += 29

        assert wire.stable_token(force_refresh=True)["access_token"] == first

    def test_forcing_works_twenty_times_a_day(self, wire, clock):
        tokens = set()
        for _ in range(20):
            tokens.add(wire.stable_token(force_refresh=True)["access_token"])
            clock.seconds += 30

        assert len(tokens) == 20
        assert wire.stable_token(force_refresh=True)["errcode"] == 45009
        clock.seconds += 24 * 3600
        assert "access_token" in wire.stable_token(force_refresh=True)

    def test_it_knows_nothing_of_the_plain_kind(self, wire, clock):
        stable = wire.stable_token()["access_token"]
        clock.seconds += 60
        wire.plain_token()
        wire.plain_token()
        clock.seconds += 301

        assert is_good(wire, stable)

    def test_parameters_count_in_a_posted_json_object_only(self, wire):
        def errcode(**how):
            return wire.post("/cgi-bin/stable_token", **how).get_json()["errcode"]

        assert wire.json("/cgi-bin/stable_token", appid=APPID)["errcode"] == 43002
        assert errcode() == 44002
        assert errcode(data=b"appid=x") == 47001
        assert errcode(data=b"[]") == 47001
        assert errcode(data=b"[" * 9000) == 47001
        assert errcode(query_string={"appid": APPID}, data=b"{}") == 41002


def test_a_token_in_the_body_is_missing(wire):
    token = wire.plain_token()["access_token"]
    answer = wire.post("/wxa/business/getuserphonenumber", json={"access_token": token, "code": "x"}).get_json()

    assert answer["errcode"] == 41001


def test_the_ticket_is_one_for_everybody_until_it_expires(wire, clock):
    first = wire.ticket(wire.plain_token()["access_token"])
    second = wire.ticket(wire.stable_token()["access_token"])
    other_app = wire.plain_token(appid=OTHER_APPID, secret=OTHER_SECRET)["access_token"]

    assert first == second
    assert 0 < first["expires_in"] <= 7200
    assert wire.ticket(other_app)["ticket"] != first["ticket"]
    clock.seconds += first["expires_in"]
    assert wire.ticket(wire.plain_token()["access_token"])["ticket"] != first["ticket"]


@pytest.mark.parametrize("known", VECTORS["session_signature"], ids=lambda row: row["id"])
def test_our_hmac_is_keyed_with_the_text_of_the_session_key(known):
    """The rule that the next test and the mock use, on the values of the documentation."""
    signature = hmac.new(known["sessionKey"].encode(), known["postData"].encode(), "sha256").hexdigest()

    assert signature == known["signature"]


class TestCheckSession:
    def check(self, wire, session, *, key=None, **other):
        signature = hmac.new((key or session["session_key"]).encode(), b"", "sha256").hexdigest()
        query = {
            "access_token": wire.plain_token()["access_token"],
            "openid": session["openid"],
            "signature": signature,
            "sig_method": "hmac_sha256",
        }
        return wire.json("/wxa/checksession", **query | other)

    def test_the_key_in_force_is_told_from_a_replaced_one(self, wire):
        old = wire.session(wire.js_code())
        assert self.check(wire, old) == {"errcode": 0, "errmsg": "ok"}
        new = wire.session(wire.js_code())

        assert self.check(wire, old)["errcode"] == 87009
        assert self.check(wire, new)["errcode"] == 0

    def test_wrong_parameters_have_their_codes(self, wire):
        session = wire.session(wire.js_code())

        assert self.check(wire, session, sig_method="md5")["errcode"] == 87008
        assert self.check(wire, session, signature="签")["errcode"] == 87009
        assert self.check(wire, session, openid="o" * 28)["errcode"] == 40003


class TestPhone:
    def code(self, wire, account="wang"):
        return wire.json("/_demo/phone-code", account=account, appid=APPID)["code"]

    def ask(self, wire, **body):
        path = f"/wxa/business/getuserphonenumber?access_token={wire.stable_token()['access_token']}"
        return wire.post(path, json=body).get_json()

    def test_a_code_of_the_button_gives_the_number_once(self, wire, clock):
        code = self.code(wire)
        info = self.ask(wire, code=code)["phone_info"]

        assert (info["countryCode"], info["purePhoneNumber"]) == ("86", "13800000002")
        assert info["watermark"] == {"timestamp": int(clock()), "appid": APPID}
        assert self.ask(wire, code=code)["errcode"] == 40029

    def test_the_code_of_a_sign_in_is_another(self, wire):
        assert self.ask(wire, code=wire.js_code("wang"))["errcode"] == 40029

    def test_an_openid_beside_the_code_must_be_its_owner(self, wire):
        wang, chen = (wire.session(wire.js_code(name))["openid"] for name in ("wang", "chen"))

        assert self.ask(wire, code=self.code(wire), openid=chen)["errcode"] == 40003
        assert self.ask(wire, code=self.code(wire), openid=wang)["errcode"] == 0

    def test_who_has_no_number_cannot_press_the_button(self, wire):
        assert wire.get("/_demo/phone-code", account="emma").status_code == 404
