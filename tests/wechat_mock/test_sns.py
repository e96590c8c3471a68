"""Codes and user tokens: developers.weixin.qq.com, 网页授权 and code2Session."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.wechat_mock.process import APPID, OTHER_APPID, OTHER_SECRET


def test_an_openid_is_28_characters_stable_per_app_and_different_at_another(wire):
    here, again = wire.session(wire.js_code()), wire.session(wire.js_code())
    there = wire.session(wire.js_code(appid=OTHER_APPID), appid=OTHER_APPID, secret=OTHER_SECRET)

    assert re.fullmatch(r"o[A-Za-z0-9_-]{27}", here["openid"])
    assert here["openid"] == again["openid"] != there["openid"]
    assert re.fullmatch(r"o[A-Za-z0-9_-]{27}", here["unionid"])
    assert here["unionid"] == there["unionid"]


def test_the_browser_and_the_mini_program_of_one_app_meet_the_same_person(wire):
    oauth = wire.exchange(wire.oauth_code("chen", scope="snsapi_userinfo"))

    assert oauth["openid"] == wire.session(wire.js_code("chen"))["openid"]
    assert oauth["unionid"] == wire.session(wire.js_code("chen"))["unionid"]


def test_a_session_key_is_sixteen_bytes_and_the_next_sign_in_replaces_it(wire):
    first, second = wire.session(wire.js_code())["session_key"], wire.session(wire.js_code())["session_key"]

    assert re.fullmatch(r"[A-Za-z0-9+/]{22}==", first)
    assert first != second


@pytest.mark.parametrize("kind", ["oauth", "js"])
class TestCodes:
    def issue(self, wire, kind):
        return wire.oauth_code() if kind == "oauth" else wire.js_code()

    def spend(self, wire, kind, code, **other):
        return wire.exchange(code, **other) if kind == "oauth" else wire.session(code, **other)

    def test_a_code_works_once(self, wire, kind):
        code = self.issue(wire, kind)

        assert "errcode" not in self.spend(wire, kind, code)
        assert self.spend(wire, kind, code)["errcode"] == 40163
        assert self.spend(wire, kind, code)["errcode"] == 40163

    def test_a_code_lives_five_minutes(self, wire, clock, kind):
        in_time, too_late = self.issue(wire, kind), self.issue(wire, kind)
        clock.seconds += 299
        assert "openid" in self.spend(wire, kind, in_time)
        clock.seconds += 1
        assert self.spend(wire, kind, too_late)["errcode"] == 40029

    def test_a_code_of_another_app_is_unknown(self, wire, kind):
        code = self.issue(wire, kind)

        refused = self.spend(wire, kind, code, appid=OTHER_APPID, secret=OTHER_SECRET)
        assert refused["errcode"] == 40029
        assert "openid" in self.spend(wire, kind, code)  # and is not spent by the attempt

    def test_a_code_of_the_other_door_is_unknown(self, wire, kind):
        other = {"oauth": "js", "js": "oauth"}[kind]

        assert self.spend(wire, kind, self.issue(wire, other))["errcode"] == 40029

    @pytest.mark.parametrize(
        ("change", "errcode"),
        [
            ({"appid": ""}, 41002),
            ({"appid": "wx0000000000000000"}, 40013),
            ({"appid": "wx0000000000000000", "grant_type": "x", "secret": "x"}, 40013),  # the appid comes first
            ({"grant_type": ""}, 40002),
            ({"secret": ""}, 41004),
            ({"secret": "f" * 32}, 40125),
        ],
    )
    def test_wrong_parameters_have_their_codes_and_spend_nothing(self, wire, kind, change, errcode):
        code = self.issue(wire, kind)

        assert self.spend(wire, kind, code, **change)["errcode"] == errcode
        assert "openid" in self.spend(wire, kind, code)

    def test_no_code_at_all_is_missing(self, wire, kind):
        assert self.spend(wire, kind, "")["errcode"] == 41008

    def test_of_twenty_at_once_one_gets_the_person(self, wire, kind):
        code = self.issue(wire, kind)
        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(lambda _: self.spend(wire, kind, code), range(20)))

        assert sum("openid" in answer for answer in answers) == 1
        assert sum(answer.get("errcode") == 40163 for answer in answers) == 19


def test_a_user_token_says_what_was_asked(wire):
    base = wire.exchange(wire.oauth_code(scope="snsapi_base"))
    full = wire.exchange(wire.oauth_code(scope="snsapi_userinfo"))

    assert (base["scope"], base["expires_in"]) == ("snsapi_base", 7200)
    assert "unionid" not in base
    assert list(full) == ["access_token", "expires_in", "refresh_token", "openid", "scope", "unionid"]


def test_a_snapshot_page_gives_a_made_up_account(wire):
    real = wire.exchange(wire.oauth_code("lin"))
    virtual = wire.exchange(wire.oauth_code("lin", scope="snsapi_userinfo", more="&forceSnapShot=true"))

    assert virtual["is_snapshotuser"] == 1
    assert virtual["openid"] != real["openid"]
    assert "is_snapshotuser" not in real
    person = wire.json("/sns/userinfo", access_token=virtual["access_token"], openid=virtual["openid"])
    assert person["nickname"] == "微信用户"


def test_userinfo_lists_its_keys_in_order(wire):
    got = wire.exchange(wire.oauth_code("emma", scope="snsapi_userinfo"))
    person = wire.json("/sns/userinfo", access_token=got["access_token"], openid=got["openid"], lang="zh_CN")

    assert " ".join(person) == ("openid nickname sex language city province country headimgurl privilege unionid")
    assert (person["nickname"], person["sex"], person["privilege"]) == ("Emma Brown", 0, [])


def test_auth_tells_good_tokens_from_others(wire, clock):
    lin, chen = wire.exchange(wire.oauth_code("lin")), wire.exchange(wire.oauth_code("chen"))

    def auth(access_token, openid):
        return wire.json("/sns/auth", access_token=access_token, openid=openid)

    assert auth(lin["access_token"], lin["openid"]) == {"errcode": 0, "errmsg": "ok"}
    assert auth(lin["access_token"], chen["openid"])["errcode"] == 40003
    assert auth("", lin["openid"])["errcode"] == 41001
    assert auth("wrong", lin["openid"])["errcode"] == 40001
    clock.seconds += 7200
    assert auth(lin["access_token"], lin["openid"])["errcode"] == 42001


class TestRefresh:
    def refresh(self, wire, refresh_token, appid=APPID):
        query = {"appid": appid, "grant_type": "refresh_token", "refresh_token": refresh_token}
        return wire.json("/sns/oauth2/refresh_token", **query)

    def test_a_living_token_comes_back_the_same_with_its_time_renewed(self, wire, clock):
        first = wire.exchange(wire.oauth_code())
        clock.seconds += 7000
        second = self.refresh(wire, first["refresh_token"])
        clock.seconds += 7000

        assert list(second) == ["openid", "access_token", "expires_in", "refresh_token", "scope"]
        assert second["access_token"] == first["access_token"]
        assert wire.json("/sns/auth", access_token=first["access_token"], openid=first["openid"])["errcode"] == 0

    def test_an_expired_token_comes_back_as_another(self, wire, clock):
        first = wire.exchange(wire.oauth_code())
        clock.seconds += 7200
        second = self.refresh(wire, first["refresh_token"])

        assert second["access_token"] != first["access_token"]
        assert wire.json("/sns/auth", access_token=second["access_token"], openid=first["openid"])["errcode"] == 0

    def test_a_refresh_token_lives_thirty_days_at_its_own_app(self, wire, clock):
        token = wire.exchange(wire.oauth_code())["refresh_token"]

        assert self.refresh(wire, token, OTHER_APPID)["errcode"] == 40030
        assert self.refresh(wire, "wrong")["errcode"] == 40030
        clock.seconds += 30 * 24 * 3600
        assert self.refresh(wire, token)["errcode"] == 42002
