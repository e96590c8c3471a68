"""The auditor's door: every event as the ledger binds it, without anybody's name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from flask import Blueprint, render_template, request
from flask_login import current_user

from app.domain.actor import Actor
from app.domain.errors import ReceiptPending
from app.services import audit_log, priority_notes, queueing
from app.web import event_words
from app.web.disclosing import disclosing
from app.web.house import house
from app.web.login import staff_required
from app.web.sealing import file_answer, states_of
from app.web.transaction import act, reading
from ledger.errors import NotInLog

bp = Blueprint("auditor", __name__, url_prefix="/staff/auditor")
BOARD = "audit"


def auditor() -> Actor:
    """Return who is signed in, in the auditor's role: somebody may hold another beside it."""
    return replace(current_user.actor, role="auditor")


def record_once() -> None:
    """Record that the book was opened, once per staff sign-in, before anything of it is shown."""
    with reading() as session:
        is_recorded = queueing.is_board_recorded(session, auditor(), BOARD, "")
    if not is_recorded:
        with act(auditor()) as a:
            queueing.record_board(a.session, a.actor, BOARD, "", a.now)


@bp.get("/events")
@staff_required("auditor")
def events() -> Any:
    """All events, newest first, fifty a page; `?type=` chooses one type."""
    record_once()
    chosen = request.args.get("type", "")
    with reading() as session:
        lines, earlier = audit_log.page_of(
            session, auditor(), house().clock(), event_type=chosen or None, before=request.args.get("before")
        )
    states = states_of([line.entry for line in lines])
    return render_template(
        "auditor/events.html",
        lines=list(zip(lines, states, strict=True)),
        types=[(name, event_words.type_words(name)) for name in audit_log.types()],
        chosen=chosen,
        before=request.args.get("before"),
        earlier=earlier,
        words=event_words,
    )


@bp.get("/events/<event_id>")
@staff_required("auditor")
@disclosing
def event(event_id: str) -> Any:
    """One event: both halves as they were recorded, and where it stands in the ledger."""
    record_once()
    with act(auditor()) as a:  # that it was opened stands in the log of whose event it is
        audit_log.record_opened(a.session, a.actor, event_id, a.now)
        found = audit_log.one(a.session, a.actor, event_id, a.now)
    index = house().log.published_indices([found.line.entry])[0]
    return render_template(
        "auditor/event.html",
        line=found.line,
        index=index,
        entry=found.line.entry.hex(),
        opened=json.dumps(found.open, ensure_ascii=False, indent=2, sort_keys=True),
        own=json.dumps(found.own, ensure_ascii=False, indent=2, sort_keys=True),
        words=event_words,
        is_of_house=found.own["subject"] is None,
        grants=priority_notes.named_in(found.own),
    )


@bp.get("/events/<event_id>.tlog-proof")
@staff_required("auditor")
def event_file(event_id: str) -> Any:
    """The receipt of an event of the house; a patient's is the patient's."""
    record_once()
    with reading() as session:
        entry, extra = audit_log.extra_of(session, auditor(), event_id, house().clock())
    try:
        return file_answer(house().log.receipt_for(entry, extra), f"mingzhen-{event_id}.tlog-proof")
    except NotInLog:
        raise ReceiptPending() from None


from app.web.auditor import reviews  # noqa: E402, F401 (its views register themselves on `bp`)
