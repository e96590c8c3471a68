"""NUL in what a request brings is refused before any door sees it.

No key of any keyboard types it, no name or note has one, and a database may refuse it (PostgreSQL takes none in text), so it
would be a fault far from where it came in. Files that a form brings are bytes, and may hold any. JSON is read by
`app.web.api.body`, which refuses NUL and whatever else two parsers could read differently.
"""

from __future__ import annotations

import re

from flask import Flask, request
from werkzeug.exceptions import NotFound

from app.domain.errors import FieldsWrong, TextUnusable

NUL = "\x00"
OTHERS = ("/api/", "/wechat-mock/")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def require_sound_text() -> None:
    """Refuse NUL in the address, the query, and the fields of a form. Raises NotFound, TextUnusable, FieldsWrong."""
    if NUL in request.path:
        raise NotFound()  # no address of ours has one
    is_call = request.path.startswith("/api/")
    if b"%00" in request.query_string or b"\x00" in request.query_string:
        _require(request.args.items(multi=True), is_call)
    # A call's body is JSON under limits of its own (`read_body`), and the pretend WeChat's goes on as it came (a form that was read
    # cannot be handed on): neither is read here.
    if not request.path.startswith(OTHERS) and request.mimetype in FORMS:
        _require(request.form.items(multi=True), is_call)
        _require(((name, file.filename or "") for name, file in request.files.items(multi=True)), is_call)


def _require(fields, is_call: bool) -> None:  # type: ignore[no-untyped-def]
    for name, value in fields:
        if NUL in name or NUL in value:
            where = re.sub(r"[^A-Za-z0-9_.-]", "?", name)[:64]  # the name is theirs as well
            raise FieldsWrong(where) if is_call else TextUnusable(where)


def init_sound_text(app: Flask) -> None:
    app.before_request(require_sound_text)
