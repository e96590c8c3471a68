"""What answers in FHIR share: where resources live, and an OperationOutcome for every refusal, in the language that the call asks for."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.domain.fhir.write import Frame
from app.domain.fhir.write_bundle import to_json, write_outcome
from app.web.house import house

MEDIA_TYPE = "application/fhir+json"
# Status -> issue-type (HL7 FHIR R4 2.28, value set issue-type).
CODES = {
    400: "invalid", 401: "login", 403: "forbidden", 404: "not-found", 405: "not-supported", 406: "not-supported", 409: "conflict",
    410: "expired", 413: "too-long", 415: "not-supported", 422: "processing", 429: "throttled", 503: "transient",
}  # fmt: skip


def frame() -> Frame:
    """Return where this house's resources live, and which ledger holds its receipts."""
    settings = house().settings
    return Frame(f"{settings.public_url or request.host_url.rstrip('/')}/fhir/R4", settings.ledger_origin)


def fhir_response(resource: dict[str, Any], status: int = 200) -> Response:
    """Return a resource as an answer."""
    return Response(to_json(resource), status=status, content_type=f"{MEDIA_TYPE}; charset=utf-8")


def program_words(status: int) -> str:
    """Return what a refusal of this status says to whoever writes a program; empty where the words for people do."""
    return {
        401: _("没有令牌，或者它不对、已过期：带上 Authorization: Bearer，或重新请患者授权。"),
        403: _("这个令牌不能读这一项：患者没有授权这一类，或者它是别人的。"),
        404: _("没有这一项，或者它不是这个令牌、这个链接能看的。"),
        405: _("这个地址不接受这种方法；接受的写在 Allow 里。这里只能读取和搜索。"),
        406: _("这里只有 JSON：Accept 写 application/fhir+json。"),
        429: _("请求太频繁：等 Retry-After 写的秒数再来。"),
        503: _("现在太忙：等 Retry-After 写的秒数再来。"),
    }.get(status, "")


def outcome_response(status: int, words: str, *, code: str = "", expression: str = "") -> Response:
    """Return a refusal. `words` are for people and quote nothing that was sent; `expression` names the parameter."""
    code = code or CODES.get(status, "exception" if status >= 500 else "processing")
    return fhir_response(write_outcome(code, words, expression=expression), status)
