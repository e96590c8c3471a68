"""SMART Health Links: what programs ask of a link that a person handed out. The link is the only right; no cookie and no token.

Source: SMART Health Cards and Links IG (HL7, STU 1), "SMART Health Link Manifest Request" and "Direct File Request".
Whoever asks has to say who they are (`recipient`); it goes into the person's own log as said, and nowhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, current_app, jsonify, request, url_for
from flask_babel import gettext as _

from app.domain.shares import (
    ASK_AGAIN_SECONDS,
    MOST_PASSCODE,
    MOST_RECIPIENT_CHARACTERS,
    ShareOver,
    plain,
    same_passcode,
)
from app.services import disclosure, share_openings
from app.services.share_openings import Handed
from app.web.disclosing import disclosing
from app.web.fhir import bp
from app.web.house import house
from app.web.limits import limiter
from app.web.outcomes import MEDIA_TYPE, frame, outcome_response
from app.web.transaction import act, reading

JOSE = "application/jose"
LONGEST_TOKEN = 100
LIMIT = "60 per minute"  # a link's: programs that ask again, and pages that look whether it is still in force


def by_link() -> str:
    """Key a limit on the link that is asked for, by its hash."""
    return f"shl:{hashlib.sha256(str((request.view_args or {}).get('token', '')).encode()).hexdigest()}"


def link_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Say that a view is for whoever holds a link; the service finds out whether it is one. Links that cannot be are refused here."""

    @wraps(view)
    def guarded(token: str) -> Any:
        if not 20 <= len(token) <= LONGEST_TOKEN:
            raise ShareOver()
        return view(token)

    guarded.audience = frozenset({"share"})  # type: ignore[attr-defined]
    return guarded


limited = limiter.limit(lambda: current_app.config.get("SHL_LIMIT", LIMIT), key_func=by_link)


@bp.post("/shl/<token>")
@limited
@link_required
def shl_manifest(token: str) -> Any:
    """Answer with the manifest: the one file, in it or behind an address that works once."""
    asked = request.get_json(silent=True) if request.is_json else None
    if not isinstance(asked, dict):
        return outcome_response(400, _("请求要是一个 JSON 对象。"))
    recipient, passcode, longest = asked.get("recipient"), asked.get("passcode", ""), asked.get("embeddedLengthMax")
    if not isinstance(recipient, str) or not (recipient := plain(recipient, MOST_RECIPIENT_CHARACTERS)):
        return outcome_response(400, _("要写明是谁在打开。"), expression="recipient")
    if not isinstance(passcode, str) or isinstance(longest, bool) or not isinstance(longest, int | None):
        return outcome_response(400, _("请求里有读不出来的内容。"))
    try:
        remaining = _refused_passcode(token, recipient, same_passcode(passcode[: MOST_PASSCODE * 2]))
        if remaining is not None:
            return _answer({"remainingAttempts": remaining}, 401)
        handed = _open(token, recipient, is_direct=False)
    except ShareOver:
        _over(token, recipient)
        raise
    sealed = _sealed(handed)
    file: dict[str, Any] = {
        "contentType": MEDIA_TYPE,
        "fhirVersion": "4.0.1",
        "status": "can-change" if "L" in handed.flags else "finalized",
    }
    if longest is not None and len(sealed) > longest:
        with act(is_keyed=False) as a:
            once = share_openings.new_location(a.session, handed.share_id, a.now)
        file["location"] = frame().base.removesuffix("/fhir/R4") + url_for("fhir.shl_file", token=once)
    else:
        file["embedded"] = sealed
    response = _answer({"status": file["status"], "files": [file]}, 200)
    response.headers["Retry-After"] = str(ASK_AGAIN_SECONDS)
    return response


@bp.get("/shl/<token>")
@limited
@link_required
@disclosing
def shl_direct(token: str) -> Any:
    """Answer a link with flag U with its one file, sealed."""
    recipient = plain(request.args.get("recipient", ""), MOST_RECIPIENT_CHARACTERS)
    if not recipient:
        return outcome_response(400, _("要写明是谁在打开。"), expression="recipient")
    try:
        return _file(_open(token, recipient, is_direct=True))
    except ShareOver:
        _over(token, recipient)
        raise


@bp.get("/shl/<token>/file")
@limited
@link_required
@disclosing
def shl_file(token: str) -> Any:
    """Answer with the file that a manifest named, once; its manifest recorded the opening."""
    at = frame()
    with act(is_keyed=False) as a:
        share_id = share_openings.take_location(a.session, token, a.now)
    with reading() as session:
        return _file(share_openings.file_of(session, share_id, at, a.now))


@bp.get("/shl/<token>/now")
@limited
@link_required
def shl_now(token: str) -> Any:
    """Say whether a link is in force, for a page that shows what it shared: 204, or 404. It opens nothing."""
    with reading() as session:
        share_openings.require_in_force(session, token, house().clock())
    return Response(status=204)


def _refused_passcode(token: str, recipient: str, passcode: str) -> int | None:
    """Return how many tries are left where the passcode is not the link's; None where it is, or the link has none.

    It is counted first and looked at outside any transaction: looking is slow on purpose.
    """
    with act(is_keyed=False) as a:
        tried = share_openings.begin_try(a.session, token, a.now, has_passcode=bool(passcode))
    if not tried.passcode_hash:
        return None
    is_right = bool(passcode) and house().passwords.is_right(tried.passcode_hash, passcode)
    with act(is_keyed=False) as a:
        remaining = share_openings.end_try(
            a.session, token, recipient, a.now, is_right=is_right, was_tried=bool(passcode)
        )
    return None if is_right else remaining


def _open(token: str, recipient: str, *, is_direct: bool) -> Handed:
    """Look, record, and only then hand on, as `transaction.opening` does for who is signed in."""
    at, now = frame(), house().clock()
    with reading() as session:
        seen = share_openings.look(session, token, recipient, at, now, is_direct=is_direct)
    if seen.is_recorded:
        return seen.handed
    try:
        with act(is_keyed=False) as a:
            share_openings.record(a.session, seen, token, recipient, a.now)
    except disclosure.Changed:
        with act(is_keyed=False) as a:
            return share_openings.open_link(a.session, token, recipient, at, a.now, is_direct=is_direct)
    return seen.handed


def _over(token: str, recipient: str) -> None:
    with act(is_keyed=False) as a:
        share_openings.refuse_over(a.session, token, recipient, a.now)


def _sealed(handed: Handed) -> str:
    return house().seal_compact(handed.key, handed.text.encode(), MEDIA_TYPE)


def _file(handed: Handed) -> Response:
    return Response(_sealed(handed), content_type=JOSE)


def _answer(body: dict[str, Any], status: int) -> Response:
    response = jsonify(body)
    response.status_code = status
    return response
