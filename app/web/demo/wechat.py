"""The pretend WeChat behind our own address, so that a demo needs one port only."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, request

from app.ports import WeChatUnavailable
from app.web.demo import bp
from app.web.house import house
from app.web.login import public


@bp.route("/wechat-mock/<path:rest>", methods=["GET", "POST"])
@public
def neighbour(rest: str) -> Any:
    """Pass a request on as it is, and the answer back."""
    there = house().neighbour
    if there is None:
        abort(404)
    query = request.query_string.decode("ascii", "replace")
    path = request.full_path if query else request.path
    try:
        answer = there.ask(request.method, path, dict(request.headers), request.get_data())
    except WeChatUnavailable:
        abort(503)
    response = Response(answer.body, status=answer.status)
    response.headers.clear()
    for name, value in answer.headers:
        response.headers.add(name, value)
    return response
