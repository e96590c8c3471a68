"""One row of the board, opened: who it is, and what the desk can do for them."""

from __future__ import annotations

from typing import Any

from flask import render_template

from app.services import boards, desk_identity, priority_notes
from app.web import event_words, queue_words
from app.web.desk import bp
from app.web.desk.presses import is_sent_by_page, press
from app.web.disclosing import disclosing
from app.web.login import staff_required
from app.web.transaction import act


@bp.get("/visits/<appointment_id>")
@staff_required("desk")
@disclosing
@press
def visit(appointment_id: str) -> Any:
    """Open a row: a disclosure, on record before the first byte. To the board's script only the part about this visit."""
    return opened(appointment_id)


def opened(appointment_id: str, errors: dict[str, str] | None = None, typed: dict[str, str] | None = None) -> str:
    """Return the opened row, recording the disclosure; `errors` and `typed` where something that was typed has to change."""
    with act(is_keyed=False) as a:
        found = boards.opened_row(a.session, a.actor, appointment_id, a.now)
        who = desk_identity.open_row(a.session, a.actor, appointment_id, a.now)
        has_note = priority_notes.count_of(a.session, found.row.ticket_id) > 0
    undoable = found.row.undoable
    return render_template(
        "desk/_visit.html" if is_sent_by_page() else "desk/visit.html",
        row=found.row,
        clinic=found.clinic_id,
        elsewhere=found.elsewhere,
        departments=found.departments,
        who=who,
        has_note=has_note,
        grounds=queue_words.choices_for("desk"),
        marks_of=queue_words.MARKS,
        undo_words=event_words.type_words(undoable) if undoable else "",
        errors=errors or {},
        typed=typed or {},
    )


@bp.get("/tickets/<ticket_id>/priority/note")
@staff_required("desk")
@disclosing
def priority_note(ticket_id: str) -> Any:
    """Who gave a ticket its class and why, the sealed note with it: a disclosure of its own."""
    with act(is_keyed=False) as a:
        found = priority_notes.of_ticket(a.session, a.actor, ticket_id, a.now)
    return render_template(
        "desk/priority_note.html", notes=found, classes=queue_words.CLASSES, reasons=queue_words.REASONS
    )
