"""A receipt on paper, for who keeps things on paper or has no network where it is to be shown."""

from __future__ import annotations

from typing import Any

from flask import render_template

from app.domain.errors import ReceiptPending
from app.services import receipts
from app.web import event_words
from app.web.house import house
from app.web.login import patient_required
from app.web.paper import large_code, receipt_to_print
from app.web.patient import bp
from app.web.sealing import key_fingerprints
from app.web.transaction import current_actor, reading


@bp.get("/receipts/<event_id>/paper")
@patient_required
def receipt_paper(event_id: str) -> Any:
    """A receipt to print, in the form to show, inside a large code: it is checked with no network, and says not whose it is."""
    now = house().clock()
    with reading() as session:
        line = receipts.one(session, current_actor(), event_id, now)
        entry, extra = receipts.extra_of(session, current_actor(), event_id, now, form="show")
    receipt = receipt_to_print(entry, extra)
    if receipt is None:
        raise ReceiptPending()
    return render_template(
        "patient/receipt_paper.html",
        event_id=event_id,
        what=event_words.type_words(line.type),
        at=line.at,
        large=large_code(receipt),
        keys=key_fingerprints(),
    )
