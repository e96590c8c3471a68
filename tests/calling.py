"""A mini-program for tests of the API: it keeps a token as `wx.setStorage` would, and no cookie."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.ports import WeChatIdentity, WeChatRefused, WeChatUnavailable
from tests.fixtures_visit import Ward
from tests.people import LI_ID


class PretendWeChat:
    """Knows the codes "code-of-<openid>", refuses others with 40029, and is away when told so."""

    def __init__(self) -> None:
        self.is_away = False

    def authorize_url(self, redirect_uri: str, state: str, scope: str = "snsapi_base") -> str:
        return f"https://open.weixin.qq.com/connect/oauth2/authorize?state={state}"

    def exchange_code(self, code: str, *, with_nickname: bool = False) -> WeChatIdentity:
        return self.js_code_to_session(code)

    def js_code_to_session(self, js_code: str) -> WeChatIdentity:
        if self.is_away:
            raise WeChatUnavailable("away")
        if not js_code.startswith("code-of-"):
            raise WeChatRefused(40029)
        return WeChatIdentity("wxdemo", js_code.removeprefix("code-of-"), session_key="k")


def with_pretend_wechat(app: Flask) -> PretendWeChat:
    """Put a pretend WeChat behind the port of an application that is running."""
    keeper = app.extensions["mingzhen"]
    pretend = PretendWeChat()
    keeper._house = dataclasses.replace(keeper(), wechat=pretend)
    return pretend


class Caller:
    """One mini-program. `call` returns the answer as it came; `get` and `post` return the data of one that went well."""

    def __init__(self, app: Flask, token: str = "") -> None:
        self.client = app.test_client(use_cookies=False)
        self.token = token
        self.receipts: list[dict[str, Any]] = []

    def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **how: Any) -> TestResponse:
        bearer = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.client.open(f"/api/v1{path}", method=method, headers={**bearer, **(headers or {})}, **how)

    def get(self, path: str, **query: Any) -> Any:
        return self._data(self.call("GET", path, query_string=query))

    def post(self, path: str, body: Any = None, *, key: str = "") -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return self._data(self.call("POST", path, json={} if body is None else body, headers=headers))

    def _data(self, response: TestResponse) -> Any:
        assert response.status_code in (200, 201), (response.status_code, response.text)
        body = response.get_json()
        assert set(body) == {"code", "data", "receipts"} and body["code"] == 0
        self.receipts += body["receipts"]
        return body["data"]

    def sign_in(self, code: str) -> Caller:
        self.token = self.post("/login", {"code": code})["token"]
        return self


@pytest.fixture
def wechat(app: Flask) -> PretendWeChat:
    return with_pretend_wechat(app)


@pytest.fixture
def li(app: Flask, wechat: PretendWeChat, ward: Ward) -> Caller:
    """Li Ming's phone: signed in and bound."""
    caller = Caller(app).sign_in("code-of-li")
    bind(caller)
    return caller


def bind(caller: Caller, number: str = LI_ID, name: str = "李明") -> dict[str, Any]:
    body = {"document": "resident_id", "relation": "self", "name": name, "number": number, "consent": True}
    return caller.post("/people", body)


def hold(caller: Caller, ward: Ward, **how: str) -> dict[str, Any]:
    person = caller.get("/people")[0]["patient_ref"]
    return caller.post("/appointments", {"person": person, "slot": ward.free_slot(ward.expert)}, **how)


def book(caller: Caller, ward: Ward) -> str:
    held = hold(caller, ward)
    return caller.post(f"/appointments/{held['id']}/confirm")["id"]
