"""How api.weixin.qq.com writes its answers: HTTP 200, compact JSON in UTF-8, an errcode only where something failed."""

import json
import secrets
import string
from typing import Any

from flask import Response

from app.wechat_mock.errors import NOT_LATEST_ADVICE, Refusal

SNS_CONTENT_TYPE = "text/plain"  # the platform says so, although the body is JSON in UTF-8
CGI_CONTENT_TYPE = "application/json; encoding=utf-8"


def answer(body: dict[str, Any], content_type: str) -> Response:
    """Return `body` as the platform writes it: keys in the given order, no blanks, Chinese as it is."""
    return Response(json.dumps(body, ensure_ascii=False, separators=(",", ":")), content_type=content_type)


def sns_refusal(refusal: Refusal, now: float) -> Response:
    """Return a failed /sns call: a comma before the request id."""
    body = {"errcode": refusal.errcode, "errmsg": f"{refusal.text}, rid: {request_id(now)}"}
    return answer(body, SNS_CONTENT_TYPE)


def cgi_refusal(refusal: Refusal, now: float) -> Response:
    """Return a failed /cgi-bin or /wxa call: no comma before the request id, except for 48001."""
    text = refusal.text + (NOT_LATEST_ADVICE if refusal.errcode == 40001 else "")
    if refusal.hinted:
        letters = "".join(secrets.choice(string.ascii_letters) for _ in range(15))
        text += f" hint: [{letters[:9]}-{letters[9:]}]"
    comma = "," if refusal.errcode == 48001 else ""
    body = {"errcode": refusal.errcode, "errmsg": f"{text}{comma} rid: {request_id(now)}"}
    return answer(body, CGI_CONTENT_TYPE)


def request_id(now: float) -> str:
    """Return a request id: three groups of eight hexadecimal digits, the first of them the Unix time in seconds."""
    return f"{int(now):08x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
