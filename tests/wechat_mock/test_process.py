"""The mock as its own process, met over HTTP: start and refusals, sixty-four at once, other people's client."""

import json
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatClientException, WeChatOAuthException
from wechatpy.oauth import WeChatOAuth

from app.wechat_mock import app_from_environment
from app.wechat_mock.errors import RefusedToStart
from tests.wechat_mock.process import (
    APPID,
    CALLBACK,
    OTHER_APPID,
    OTHER_SECRET,
    ROOT,
    SECRET,
    authorize_path,
    query_of,
    running_mock,
    tap,
)

APPS = f"{APPID}:{SECRET}"


@pytest.mark.parametrize(
    "environment",
    [
        {"APP_ENV": "production", "WECHAT_MOCK_APPS": APPS, "WECHAT_MOCK_DATABASE": ":memory:"},
        {"WECHAT_MOCK_APPS": APPS},
        {"WECHAT_MOCK_DATABASE": ":memory:"},
        {"WECHAT_MOCK_DATABASE": ":memory:", "WECHAT_MOCK_APPS": f"{SECRET}"},
        {"WECHAT_MOCK_DATABASE": "/no/such/folder/x", "WECHAT_MOCK_APPS": APPS},
    ],
)
def test_settings_that_do_not_do_stop_the_start_without_repeating_a_secret(environment):
    with pytest.raises(RefusedToStart) as refusal:
        app_from_environment(environment)
    assert SECRET not in str(refusal.value)


def test_production_ends_the_process_with_one_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "app.wechat_mock", "--port", "0", "--database", str(tmp_path / "m")],
        cwd=ROOT,
        env={**os.environ, "APP_ENV": "production", "WECHAT_MOCK_APPS": APPS},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("wechat_mock: APP_ENV is production")
    assert "Traceback" not in done.stderr


def test_people_and_living_tokens_survive_a_restart_and_no_secret_lies_in_the_file(tmp_path):
    database = tmp_path / "mock.sqlite3"
    stable = {"grant_type": "client_credential", "appid": APPID, "secret": SECRET}
    with running_mock(database) as base:
        code = query_of(tap(base, "new"))["code"]
        token = requests.post(f"{base}/cgi-bin/stable_token", json=stable, timeout=10).json()["access_token"]
        made = requests.get(f"{base}/_demo/accounts", timeout=10).json()[-1]
    with running_mock(database) as base:
        assert requests.get(f"{base}/_demo/accounts", timeout=10).json()[-1] == made
        assert requests.post(f"{base}/cgi-bin/stable_token", json=stable, timeout=10).json()["access_token"] == token

    dump = "\n".join(sqlite3.connect(database).iterdump())
    assert made["nickname"] in dump
    for secret in (SECRET, code, token):
        assert secret not in dump
        assert secret.encode().hex() not in dump.lower()


def test_it_writes_no_log_of_what_was_asked(tmp_path, capfd):
    with running_mock(tmp_path / "m") as base:
        code = query_of(tap(base, "lin"))["code"]
        requests.get(f"{base}/sns/oauth2/access_token", {"appid": APPID, "secret": SECRET, "code": code}, timeout=10)

    out, err = capfd.readouterr()
    assert code not in out + err
    assert SECRET not in out + err


def test_sixty_four_sign_ins_at_once_all_succeed(mock_base):
    """The whole round: page, tap, code for a token, token for a person; each over its own connections."""

    def sign_in(number):
        with requests.Session() as browser, requests.Session() as server:
            path = authorize_path(state=f"state-{number}", scope="snsapi_userinfo")
            assert browser.get(mock_base + path, timeout=20).status_code == 200
            back = browser.post(mock_base + path, data={"account": "new"}, allow_redirects=False, timeout=20)
            answer = query_of(back.headers["Location"])
            assert answer["state"] == f"state-{number}"
            query = {"appid": APPID, "secret": SECRET, "code": answer["code"], "grant_type": "authorization_code"}
            token = server.get(f"{mock_base}/sns/oauth2/access_token", params=query, timeout=20).json()
            query = {"access_token": token["access_token"], "openid": token["openid"]}
            person = server.get(f"{mock_base}/sns/userinfo", params=query, timeout=20)
            return json.loads(person.content)["openid"]

    with ThreadPoolExecutor(64) as threads:
        people = list(threads.map(sign_in, range(64)))

    assert len(set(people)) == 64


def test_of_twenty_processes_worth_of_callers_one_gets_the_person(mock_base):
    code = query_of(tap(mock_base, "lin"))["code"]
    query = {"appid": APPID, "secret": SECRET, "code": code, "grant_type": "authorization_code"}

    def exchange(_):
        return requests.get(f"{mock_base}/sns/oauth2/access_token", params=query, timeout=20).json()

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(exchange, range(20)))

    assert sorted(answer.get("errcode", 0) for answer in answers) == [0] + [40163] * 19


class Elsewhere(requests.adapters.HTTPAdapter):
    """Sends what is meant for api.weixin.qq.com to the mock, and changes nothing else."""

    def __init__(self, base):
        super().__init__()
        self.base = base

    def send(self, request, **how):
        real = "https://api.weixin.qq.com"
        assert request.url.startswith(real)
        request.url = self.base + request.url[len(real) :]
        return super().send(request, **how)


class TestWechatpy:
    """The client library `wechatpy` from PyPI, unmodified."""

    @pytest.fixture
    def client(self, mock_base):
        # The plain token of one app is one for all who ask, so these tests keep to an app of their own.
        client = WeChatClient(OTHER_APPID, OTHER_SECRET)
        client._http.mount("https://", Elsewhere(mock_base))
        return client

    @pytest.fixture
    def oauth(self, mock_base):
        oauth = WeChatOAuth(APPID, SECRET, CALLBACK, "snsapi_userinfo", "state1")
        oauth._http.mount("https://", Elsewhere(mock_base))
        return oauth

    def test_it_gets_a_token_and_a_ticket(self, client):
        assert client.fetch_access_token()["expires_in"] == 7200
        assert client.jsapi.get_ticket()["errcode"] == 0

    def test_it_replaces_a_token_that_is_refused(self, client):
        client.session.set(client.access_token_key, "stale")

        assert client.jsapi.get_ticket()["errcode"] == 0
        assert client.access_token != "stale"

    def test_it_signs_in_a_mini_program_once_per_code(self, client, mock_base):
        query = {"account": "lin", "appid": OTHER_APPID}
        code = requests.get(f"{mock_base}/_demo/js-code", params=query, timeout=10).json()["code"]

        assert list(client.wxa.code_to_session(code)) == ["session_key", "openid", "unionid"]
        for spent, errcode in ((code, 40163), ("never given", 40029)):
            with pytest.raises(WeChatClientException) as refusal:
                client.wxa.code_to_session(spent)
            assert refusal.value.errcode == errcode

    def test_it_walks_through_web_oauth(self, oauth, mock_base):
        link = oauth.authorize_url
        assert link.endswith("#wechat_redirect")
        path = link.removeprefix("https://open.weixin.qq.com").removesuffix("#wechat_redirect")
        answer = query_of(tap(mock_base, "lin", path))

        first = oauth.fetch_access_token(answer["code"])
        assert answer["state"] == "state1"
        assert oauth.get_user_info()["nickname"] == "林秀兰"
        assert oauth.check_access_token() is True
        assert oauth.refresh_access_token(oauth.refresh_token)["access_token"] == first["access_token"]
        with pytest.raises(WeChatOAuthException) as refusal:
            oauth.fetch_access_token(answer["code"])
        assert refusal.value.errcode == 40163

    def test_a_wrong_secret_is_told(self, mock_base):
        client = WeChatClient(OTHER_APPID, "f" * 32)
        client._http.mount("https://", Elsewhere(mock_base))

        with pytest.raises(WeChatClientException) as refusal:
            client.fetch_access_token()
        assert refusal.value.errcode == 40125
