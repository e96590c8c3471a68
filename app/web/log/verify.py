"""Checking receipts with no account: the page, the same page as one file to keep, and the worker that keeps it in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Response, current_app, make_response, render_template, request, url_for

from app.web import event_words
from app.web.house import house
from app.web.i18n import language_tag
from app.web.log import bp
from app.web.log.frozen import ended_for_check
from app.web.log.saved import self_contained
from app.web.login import public
from app.web.sealing import base_url, key_fingerprints, witness_policy

SAVED_AS = {
    "zh-Hans": 'attachment; filename="mingzhen-heyan.html"',
    "en": 'attachment; filename="mingzhen-verify.html"',
}


def _parts() -> dict[str, Any]:
    types, fields = event_words.for_check()
    return {
        "keys": key_fingerprints(),
        "policy": witness_policy(),
        "event_words": types,
        "field_words": fields,
        "ended": ended_for_check(),
    }


@bp.get("/verify")
@public
def verify() -> str:
    """Check a receipt, from a file, a photo, the camera or pasted, with no account: it stays in the browser."""
    return render_template("log/verify.html", **_parts())


@bp.get("/verify/saved")
@public
def saved() -> Response:
    """The same as one file, to keep and to open without any network."""
    address = base_url(request.host_url) + url_for("log.verify")
    page = render_template("log/saved.html", saved_on=house().clock(), address=address, **_parts())
    answer = make_response(self_contained(page, Path(str(current_app.static_folder))))
    answer.headers["Content-Disposition"] = SAVED_AS[language_tag()]
    return answer


@bp.get("/verify-worker.js")
@public
def worker() -> Response:
    """The service worker. It lies here and not below /static/, because a worker answers only for what lies beside it."""
    script = (Path(str(current_app.static_folder)) / "js" / "verify-worker.js").read_text("utf-8")
    answer = make_response(script)
    answer.headers["Content-Type"] = "text/javascript; charset=utf-8"
    return answer
