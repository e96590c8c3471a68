"""Whether anything is missing between one's receipts: the page, and the receipts that the browser checks for itself."""

from __future__ import annotations

from typing import Any

from flask import jsonify, render_template, request, url_for

from app.services import identity, receipts
from app.web.house import house
from app.web.login import patient_required
from app.web.paper import receipt_to_print
from app.web.patient import bp
from app.web.sealing import verifier_keys
from app.web.transaction import current_actor, reading


@bp.get("/receipts/complete")
@patient_required
def receipts_complete() -> Any:
    """The page; without script it says which command does the same."""
    actor = current_actor()
    with reading() as session:
        people = identity.names_of(session, str(actor.ref))
    url = url_for("patient.receipts_whole")
    return render_template("patient/receipts_complete.html", people=people, keys=verifier_keys(), url=url)


@bp.get("/receipts/complete/part")
@patient_required
def receipts_whole() -> Any:
    """A part of the holder's receipts, newest first: {receipts, pending, earlier}, `earlier` for the next part or null."""
    with reading() as session:
        held, earlier = receipts.whole_page_of(
            session, current_actor(), house().clock(), before=request.args.get("before")
        )
    files = [receipt_to_print(entry, extra) for entry, extra in held]
    sealed = [file for file in files if file is not None]
    return jsonify(receipts=sealed, pending=len(files) - len(sealed), earlier=earlier)
