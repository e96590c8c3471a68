"""One ticket of the doctor's line, masked: a class with its ground, another room, left."""

from __future__ import annotations

from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.domain.errors import BadInput
from app.services import identity, lines, priority_notes, queueing
from app.web import queue_words
from app.web.disclosing import disclosing
from app.web.doctor import bp
from app.web.house import house
from app.web.i18n import named
from app.web.login import staff_required
from app.web.messages import words_for
from app.web.transaction import act, current_actor, reading, see_other

MOST_NOTE = 200


@bp.get("/tickets/<ticket_id>")
@staff_required("doctor")
def ticket(ticket_id: str) -> Any:
    """What there is to do with one who waits."""
    return _page(ticket_id)


@bp.post("/tickets/<ticket_id>/priority")
@staff_required("doctor")
def priority(ticket_id: str) -> Any:
    """Give a class on a ground from the list; a note, where there is one, is sealed."""
    chosen, note = request.form.get("ground", "")[:80], request.form.get("note", "")[:MOST_NOTE]
    known, _colon, reason = chosen.partition(":")
    try:
        with act() as a:
            queueing.grant_priority(a.session, a.actor, ticket_id, known, reason, note, a.now)
            a.answer = _back()
    except BadInput as wrong:
        field = "note" if wrong.field == "note" else "ground"
        page = _page(ticket_id, {field: words_for(wrong).title}, {"ground": chosen, "note": note})
        return make_response(page, wrong.status)
    return a.sealed()


@bp.post("/tickets/<ticket_id>/priority/withdraw")
@staff_required("doctor")
def withdraw_priority(ticket_id: str) -> Any:
    """Take the class away."""
    with act() as a:
        queueing.withdraw_priority(a.session, a.actor, ticket_id, a.now)
        a.answer = _back()
    return a.sealed()


@bp.get("/tickets/<ticket_id>/priority/note")
@staff_required("doctor")
@disclosing
def priority_note(ticket_id: str) -> Any:
    """Who gave a ticket of the line its class and why, the sealed note with it: a disclosure of its own."""
    with act(is_keyed=False) as a:
        found = priority_notes.of_ticket(a.session, a.actor, ticket_id, a.now)
    return render_template(
        "doctor/priority_note.html",
        notes=found,
        classes=queue_words.CLASSES,
        reasons=queue_words.REASONS,
        back=request.args.get("session", "")[:40],
    )


@bp.post("/tickets/<ticket_id>/move")
@staff_required("doctor")
def move(ticket_id: str) -> Any:
    """Let somebody wait for another room of the department, with the same number."""
    with act() as a:
        moved = queueing.move(a.session, a.actor, ticket_id, request.form.get("to", "")[:40], a.now)
        a.answer = _back()
    flash(
        _(
            "%(ticket)s 换到 %(room)s，号码不变。",
            ticket=moved.ticket,
            room=named(moved.room) or named(moved.department),
        ),
        "success",
    )
    return a.sealed()


@bp.post("/tickets/<ticket_id>/left")
@staff_required("doctor")
def left(ticket_id: str) -> Any:
    """Somebody will wait no longer."""
    with act() as a:
        queueing.leave(a.session, a.actor, ticket_id, a.now)
        a.answer = _back()
    return a.sealed()


def _back() -> dict[str, Any]:
    return see_other("doctor.queue", session=request.form.get("session"))


def _page(ticket_id: str, errors: dict[str, str] | None = None, typed: dict[str, str] | None = None) -> Any:
    actor, now = current_actor(), house().clock()
    with reading() as session:
        shown = lines.ticket_of_line(session, actor, ticket_id, now)
        who = identity.masked(session, {shown.patient_ref}, now).get(shown.patient_ref)
        beside = lines.beside(session, shown, now)
        has_note = priority_notes.count_of(session, ticket_id) > 0
    if shown.state not in ("waiting", "missed", "away"):
        return redirect(url_for("doctor.queue", session=request.args.get("session")), 303)
    return render_template(
        "doctor/ticket.html",
        ticket=shown,
        who=who,
        beside=beside,
        has_note=has_note,
        classes=queue_words.choices_for(actor.role),
        marks_of=queue_words.MARKS,
        place={"session": request.values.get("session", "")},
        errors=errors or {},
        typed=typed or {},
    )
