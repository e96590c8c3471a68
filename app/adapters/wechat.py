"""WeChat over HTTP, as developers.weixin.qq.com documents it: web OAuth, code2Session, getPhoneNumber, stable token.

The platform answers 200 whatever happened and calls JSON text/plain, so only the body counts. URLs carry the secret
and the code: they are kept out of every error and log line, errors of `requests` included.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests
import structlog
from requests.adapters import HTTPAdapter

from app.ports import OutsideError, WeChatIdentity, WeChatRefused, WeChatUnavailable

AUTHORIZE_BASE = "https://open.weixin.qq.com"
API_BASE = "https://api.weixin.qq.com"
PAY_BASE = "https://api.mch.weixin.qq.com"
MAX_STATE_BYTES = 128
MAX_ANSWER_BYTES = 64 * 1024
TOKEN_MARGIN_SECONDS = 60
POOL_SIZE = 32  # kept connections: more than a worker has threads

_COME_BACK_LATER = frozenset({-1, 45009, 45011})
_TOKEN_IS_STALE = frozenset({40001, 40014, 42001})
_NOT_REACHED = frozenset({"no connection", "no connection in time", "HTTP status 429", "HTTP status 503"})
_INVALID_CODE = 40029
_ADDRESS_NOT_ALLOWED = 40164
_CODE = re.compile(r"[!-~]{1,512}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")

log = structlog.get_logger(__name__)


def is_real_platform(base_urls: Iterable[str]) -> bool:
    """Return whether these are WeChat's own hosts over https, spelt exactly, and nothing else; False for none."""
    given = list(base_urls)
    return bool(given) and all(url in (AUTHORIZE_BASE, API_BASE, PAY_BASE) for url in given)


@dataclass(frozen=True)
class _ServerToken:
    text: str = field(repr=False)
    fresh_until: float


class WeChatPlatform:
    """One WeChat app (one AppID) seen from our server; implements `app.ports.WeChat`."""

    def __init__(
        self,
        appid: str,
        secret: str,
        *,
        authorize_base: str = AUTHORIZE_BASE,
        api_base: str = API_BASE,
        connect_timeout_seconds: float = 0.3,
        read_timeout_seconds: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`authorize_base` is what a browser follows (it may be a path), `api_base` what this server asks.

        Neither ends in a slash. `clock` gives seconds that never go back.
        """
        self.appid = appid
        self._secret = secret
        self._authorize_base = authorize_base
        self._api_base = api_base
        self._timeouts = (connect_timeout_seconds, read_timeout_seconds)
        self._clock = clock
        self._session = requests.Session()
        # A proxy set for this machine must not stand between us and a mock on the same machine.
        self._session.trust_env = is_real_platform([api_base])
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=POOL_SIZE, max_retries=0))
        self._token: _ServerToken | None = None
        self._token_lock = threading.Lock()
        # At DEBUG this logger prints whole URLs, with secret and code.
        urllib3_log = logging.getLogger("urllib3.connectionpool")
        urllib3_log.setLevel(max(urllib3_log.level, logging.INFO))

    def __repr__(self) -> str:
        return f"WeChatPlatform(appid={self.appid!r}, api_base={self._api_base!r})"

    def authorize_url(self, redirect_uri: str, state: str, scope: str = "snsapi_base") -> str:
        """Return the link; order and case of its parameters are what the platform insists on.

        Raises ValueError for a state that is empty or over 128 bytes, or another scope: mistakes of ours.
        """
        if not 1 <= len(state.encode()) <= MAX_STATE_BYTES:
            raise ValueError("state must be 1 to 128 bytes long")
        if scope not in ("snsapi_base", "snsapi_userinfo"):
            raise ValueError(f"no such scope: {scope}")
        return (
            f"{self._authorize_base}/connect/oauth2/authorize?appid={quote(self.appid, safe='')}"
            f"&redirect_uri={quote(redirect_uri, safe='')}&response_type=code&scope={scope}"
            f"&state={quote(state, safe='')}#wechat_redirect"
        )

    def exchange_code(self, code: str, *, with_nickname: bool = False) -> WeChatIdentity:
        """Return who came back with `code`; asked for a nickname, one more call is made, whose failure costs only it.

        A nickname needs the scope snsapi_userinfo; it is somebody's free text, to be shown escaped.
        """
        answer = self._call("exchange_code", "GET", "/sns/oauth2/access_token", self._with_secret(code=_sound(code)))
        openid = _identifier(answer, "openid")
        nickname = None
        if with_nickname and answer.get("scope") == "snsapi_userinfo":
            nickname = self._nickname(answer.get("access_token"), openid)
        return WeChatIdentity(
            appid=self.appid,
            openid=openid,
            unionid=_identifier(answer, "unionid") if answer.get("unionid") else None,
            is_snapshot=answer.get("is_snapshotuser", 0) == 1,
            nickname=nickname,
        )

    def js_code_to_session(self, js_code: str) -> WeChatIdentity:
        """Return who called wx.login, with the session_key that the mini-program's data is sealed under."""
        query = self._with_secret(js_code=_sound(js_code))
        answer = self._call("js_code_to_session", "GET", "/sns/jscode2session", query)
        session_key = answer.get("session_key")
        if not isinstance(session_key, str) or not session_key:
            raise WeChatUnavailable("the answer has no session_key")
        return WeChatIdentity(
            appid=self.appid,
            openid=_identifier(answer, "openid"),
            unionid=_identifier(answer, "unionid") if answer.get("unionid") else None,
            session_key=session_key,
        )

    def phone_number(self, code: str) -> str:
        """Return in E.164 the phone behind the code of a getPhoneNumber button (not the code of wx.login)."""
        answer = self._call_with_token("phone_number", "/wxa/business/getuserphonenumber", {"code": _sound(code)})
        info = answer.get("phone_info")
        # The documentation calls countryCode a string, and its sample shows a number.
        number = f"+{info.get('countryCode')}{info.get('purePhoneNumber')}" if isinstance(info, dict) else ""
        if not re.fullmatch(r"\+[1-9][0-9]{5,14}", number):
            raise WeChatUnavailable("the answer has no phone number")
        return number

    def send_notice(self, openid: str, template_id: str, page: str, data: dict[str, dict[str, str]]) -> None:
        """Send a subscribe message (developers.weixin.qq.com, sendMessage). A stale token is asked for anew once."""
        body = {
            "touser": openid,
            "template_id": template_id,
            "page": page,
            "miniprogram_state": "formal",
            "lang": "zh_CN",
            "data": data,
        }
        self._call_with_token("send_notice", "/cgi-bin/message/subscribe/send", body)

    def _nickname(self, access_token: Any, openid: str) -> str | None:
        query = {"access_token": access_token, "openid": openid, "lang": "zh_CN"}
        try:
            nickname = self._call("nickname", "GET", "/sns/userinfo", query).get("nickname")
        except OutsideError:
            return None
        return nickname if isinstance(nickname, str) and nickname else None

    def _with_secret(self, **code: str) -> dict[str, str]:
        return {"appid": self.appid, "secret": self._secret, **code, "grant_type": "authorization_code"}

    def _call_with_token(self, name: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST with the server's token; where that has just died, once more with the one after it."""
        token = self._server_token()
        try:
            return self._call(name, "POST", path, {"access_token": token}, body)
        except WeChatRefused as refused:
            if refused.errcode not in _TOKEN_IS_STALE:
                raise
        token = self._server_token(refused=token)
        return self._call(name, "POST", path, {"access_token": token}, body)

    def _server_token(self, refused: str | None = None) -> str:
        """Return a token believed good, asking for one where there is none, or only the `refused` one.

        One thread asks while the others wait, no longer than a call may take.
        """
        cached = self._token
        if cached is None or cached.text == refused or self._clock() >= cached.fresh_until:
            if not self._token_lock.acquire(timeout=sum(self._timeouts)):
                raise WeChatUnavailable("no access token in time")
            try:
                cached = self._token
                if cached is None or cached.text == refused or self._clock() >= cached.fresh_until:
                    cached = self._token = self._fetch_server_token()
            finally:
                self._token_lock.release()
        return cached.text

    def _fetch_server_token(self) -> _ServerToken:
        # The stable kind stays the same for every worker that asks; the plain kind would end the others' tokens.
        body = {
            "grant_type": "client_credential",
            "appid": self.appid,
            "secret": self._secret,
            "force_refresh": False,
        }
        asked_at = self._clock()
        try:
            answer = self._call("server_token", "POST", "/cgi-bin/stable_token", {}, body)
        except WeChatUnavailable as unavailable:
            unavailable.maybe_done = False  # whatever the token was for has not begun
            raise
        text, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(text, str) or not text or not isinstance(seconds, int):
            raise WeChatUnavailable("the answer has no access token")
        return _ServerToken(text, asked_at + seconds - TOKEN_MARGIN_SECONDS)

    def _call(
        self, name: str, method: str, path: str, query: dict[str, Any], body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the JSON object that the platform answers. Never retries: the call may have spent a code.

        Raises WeChatRefused for an errcode, WeChatUnavailable for no answer or none that can be read.
        """
        answer, trouble = self._ask(method, path, query, body)
        if answer is None:
            # Raised here, and not where `requests` failed: its error holds the URL, and would travel along as context.
            log.warning("wechat.unavailable", call=name, trouble=trouble)
            raise WeChatUnavailable(trouble, maybe_done=trouble not in _NOT_REACHED)
        errcode = answer.get("errcode", 0)
        if errcode == 0:
            return answer
        if not isinstance(errcode, int):
            log.warning("wechat.unavailable", call=name, trouble="errcode is no number")
            raise WeChatUnavailable("errcode is no number", maybe_done=True)
        if errcode == _ADDRESS_NOT_ALLOWED:
            # Its text names the address of ours that the operator has to allow, and nothing else.
            log.error("wechat.address_not_allowed", call=name, errcode=errcode, says=str(answer.get("errmsg"))[:200])
        else:
            log.info("wechat.refused", call=name, errcode=errcode)
        if errcode in _COME_BACK_LATER:
            raise WeChatUnavailable("it asks to come back later", errcode)
        raise WeChatRefused(errcode)

    def _ask(
        self, method: str, path: str, query: dict[str, Any], body: dict[str, Any] | None
    ) -> tuple[dict[str, Any] | None, str]:
        """Return (answer, "") or (None, what went wrong in words that hold nothing of the request)."""
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {"Accept": "application/json"} if data is None else {"Content-Type": "application/json"}
        give_up_at = time.monotonic() + sum(self._timeouts)
        content = b""
        try:
            with self._session.request(
                method,
                self._api_base + path,
                params=query,
                data=data,
                headers=headers,
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.status_code != 200:
                    return None, f"HTTP status {response.status_code}"
                for chunk in response.iter_content(MAX_ANSWER_BYTES):
                    content += chunk
                    if len(content) > MAX_ANSWER_BYTES:
                        return None, "the answer is too long"
                    if time.monotonic() > give_up_at:
                        return None, "the answer trickles"
            answer = json.loads(content.decode("utf-8"))
        except requests.ConnectTimeout:
            return None, "no connection in time"
        except requests.Timeout:
            return None, "no answer in time"
        except requests.RequestException as error:
            return None, "no connection" if _was_refused(error) else "no connection to the end"
        except (ValueError, RecursionError):
            return None, "the answer is not JSON in UTF-8"
        return (answer, "") if isinstance(answer, dict) else (None, "the answer is no JSON object")


def _was_refused(error: requests.RequestException) -> bool:
    """Tell whether no connection was made at all, so that nothing of the request can have arrived."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return any(kind.__name__ == "NewConnectionError" for kind in type(reason).__mro__)


def _sound(code: str) -> str:
    """Return the code if it could be one. Raises WeChatRefused 40029 without asking anybody: it came from outside."""
    if not _CODE.fullmatch(code):
        raise WeChatRefused(_INVALID_CODE)
    return code


def _identifier(answer: dict[str, Any], name: str) -> str:
    """Return an openid or unionid of the answer. Raises WeChatUnavailable when it has not the form of one."""
    value = answer.get(name)
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise WeChatUnavailable(f"the answer has no {name}")
    return value
