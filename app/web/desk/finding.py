"""Finding somebody on the board: what was typed, pasted or scanned."""

from __future__ import annotations

from typing import Any

from flask import jsonify, render_template, request, url_for

from app.services import boards
from app.web.desk import bp
from app.web.desk.board import clinic_of_request, words_of_board
from app.web.desk.presses import is_sent_by_page, press
from app.web.house import house
from app.web.login import staff_required
from app.web.transaction import current_actor, reading

LONGEST = 300  # the link of a slip


@bp.post("/find")
@staff_required("desk")
@press
def find() -> Any:
    """Look somebody up by ticket, phone tail or slip: a POST, so that none of these stands in an address. Masked."""
    clinic_id, typed = clinic_of_request(), request.form.get("find", "")[:LONGEST]
    with reading() as session:
        found = boards.find(session, current_actor(), clinic_id, typed, house().clock())
    words = words_of_board(clinic_id)
    if is_sent_by_page():
        return jsonify({"found": [row.id for row in found]})
    here = url_for("desk.board", clinic=clinic_id)  # where the language switch leads: this address takes no GET
    return render_template("desk/board.html", **words, found=found, typed=typed, here=here)
