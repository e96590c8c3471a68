"""/cgi-bin, /wxa and /wxaapi: what a server asks in its own name, with an access token in the query.

developers.weixin.qq.com: getAccessToken, getStableAccessToken, getTicket, checkSessionKey, getPhoneNumber,
subscribeMessage.send, getTemplateList.
"""

import hmac
import json
from typing import Any

from flask import Blueprint, Response, request

from app.wechat_mock import notices
from app.wechat_mock.accounts import openid_of
from app.wechat_mock.answers import CGI_CONTENT_TYPE, answer, cgi_refusal
from app.wechat_mock.errors import Refusal
from app.wechat_mock.platform import App, Platform
from app.wechat_mock.servertokens import issue_plain_token, jsapi_ticket, require_server_token, stable_token

_EITHER = ("GET", "POST")


def make_cgi(platform: Platform, messages_per_day: int = notices.MESSAGES_PER_DAY) -> Blueprint:
    """Return the doors below /cgi-bin, /wxa and /wxaapi."""
    bp = Blueprint("cgi", __name__)

    def require_token() -> App:
        return require_server_token(platform, request.args.get("access_token"))

    @bp.errorhandler(Refusal)
    def refused(refusal: Refusal) -> Response:
        return cgi_refusal(refusal, platform.now())

    @bp.route("/cgi-bin/token", methods=_EITHER)
    def token() -> Response:
        app = platform.require_app(request.args.get("appid"))
        if request.args.get("grant_type") != "client_credential":
            raise Refusal(40002)
        platform.require_secret(app, request.args.get("secret"))
        text, seconds = issue_plain_token(platform, app)
        return answer({"access_token": text, "expires_in": seconds}, CGI_CONTENT_TYPE)

    @bp.route("/cgi-bin/stable_token", methods=_EITHER)
    def stable() -> Response:
        body = _posted_object()
        app = platform.require_app(_text(body, "appid"))
        if body.get("grant_type") != "client_credential":
            raise Refusal(40002)
        secret = platform.require_secret(app, _text(body, "secret"))
        text, seconds = stable_token(platform, app, secret, force_refresh=body.get("force_refresh") is True)
        return answer({"access_token": text, "expires_in": seconds}, CGI_CONTENT_TYPE)

    @bp.route("/cgi-bin/ticket/getticket", methods=_EITHER)
    def getticket() -> Response:
        app = require_token()
        if request.args.get("type") != "jsapi":
            raise Refusal(40097)
        text, seconds = jsapi_ticket(platform, app)
        return answer({"errcode": 0, "errmsg": "ok", "ticket": text, "expires_in": seconds}, CGI_CONTENT_TYPE)

    @bp.route("/wxa/checksession", methods=_EITHER)
    def checksession() -> Response:
        session_key = platform.session_key(require_token(), request.args.get("openid"))
        if request.args.get("sig_method") != "hmac_sha256":
            raise Refusal(87008)
        # The key of this HMAC is the session_key as text, and a GET signs the empty string.
        signature = hmac.new(session_key.encode(), b"", "sha256").hexdigest()
        if not hmac.compare_digest(signature.encode(), request.args.get("signature", "").encode()):
            raise Refusal(87009)
        return answer({"errcode": 0, "errmsg": "ok"}, CGI_CONTENT_TYPE)

    @bp.route("/wxa/business/getuserphonenumber", methods=_EITHER)
    def getuserphonenumber() -> Response:
        app = require_token()
        body = _posted_object()
        try:
            code = platform.spend_code("phone", app, _text(body, "code"))
        except Refusal as refusal:
            # This door knows one text for unknown, expired and used.
            raise Refusal(40029, hinted=True) from refusal
        account = platform.find_account(code.account_id)
        if account is None or account.phone is None:
            raise Refusal(40029, hinted=True)
        if "openid" in body and body["openid"] != openid_of(account.id, app.appid):
            raise Refusal(40003)
        phone_info = {
            "phoneNumber": account.phone,
            "purePhoneNumber": account.phone,
            "countryCode": "86",
            "watermark": {"timestamp": int(platform.now()), "appid": app.appid},
        }
        return answer({"errcode": 0, "errmsg": "ok", "phone_info": phone_info}, CGI_CONTENT_TYPE)

    @bp.route("/cgi-bin/message/subscribe/send", methods=_EITHER)
    def subscribe_send() -> Response:
        app = require_token()
        notices.send(platform, app, _posted_object(), messages_per_day)
        return answer({"errcode": 0, "errmsg": "ok"}, CGI_CONTENT_TYPE)

    @bp.get("/wxaapi/newtmpl/gettemplate")
    def gettemplate() -> Response:
        require_token()
        data = [
            {"priTmplId": t.id, "title": t.title, "content": t.content, "example": "", "type": 2}
            for t in notices.TEMPLATES.values()
        ]
        return answer({"errcode": 0, "errmsg": "ok", "data": data}, CGI_CONTENT_TYPE)

    return bp


def _posted_object() -> dict[str, Any]:
    """Return the JSON object in the body. Raises Refusal 43002, 44002 or 47001."""
    if request.method != "POST":
        raise Refusal(43002)
    data = request.get_data()
    if not data:
        raise Refusal(44002)
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise Refusal(47001, hinted=True) from None
    if not isinstance(body, dict):
        raise Refusal(47001, hinted=True)
    return body


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) else None
