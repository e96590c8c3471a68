"""The link on a slip of paper: its receipt in the form to show, checked in the browser of whoever holds the paper."""

from __future__ import annotations

from typing import Any

from flask import make_response, render_template

from app.services import slips
from app.web import event_words
from app.web.house import house
from app.web.limits import ADDRESS_SIGN_IN, BROWSER_SIGN_IN, by_address, limiter
from app.web.log import bp
from app.web.login import public
from app.web.sealing import key_fingerprints, witness_policy
from app.web.transaction import reading
from ledger.errors import NotInLog


@bp.get("/slips/<token>")
@public
@limiter.limit(BROWSER_SIGN_IN)
@limiter.limit(ADDRESS_SIGN_IN, key_func=by_address)
def slip(token: str) -> Any:
    """What happened and when, and nothing of whom. A link that ran out looks like one that never was."""
    with reading() as session:
        entry, extra, expires_at = slips.shown(session, token, house().clock())
    try:
        receipt: str | None = house().log.receipt_for(entry, extra)
    except NotInLog:
        receipt = None
    types, fields = event_words.for_check()
    page = render_template(
        "log/slip.html",
        receipt=receipt,
        expires_at=expires_at,
        keys=key_fingerprints(),
        policy=witness_policy(),
        event_words=types,
        field_words=fields,
    )
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-store"
    return answer
