"""Receipts: what was done and who looked, each with the proof that a person takes away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from flask import make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.domain.errors import ReceiptPending
from app.services import break_glass, identity, receipts
from app.services.receipts import ReceiptLine, Side
from app.web import event_words, look_words
from app.web.house import house
from app.web.login import patient_required
from app.web.patient import bp
from app.web.sealing import base_url, file_answer, qr_svg, states_of, verifier_keys, witness_policy
from app.web.transaction import current_actor, reading
from ledger.errors import NotInLog

Form = Literal["me", "show"]


@dataclass(frozen=True)
class Shown:
    """One event in words; `facts` are (label, words): whose it was where the account holds several people, why, and what."""

    line: ReceiptLine
    state: str
    what: str
    who: str
    facts: list[tuple[str, str]]
    may_complain: bool = False


def _side() -> Side:
    return "look" if request.args.get("side") == "look" else "act"


def _shown(line: ReceiptLine, state: str, names: dict[str, str]) -> Shown:
    about = [
        (_("就诊人"), names.get(line.subject, "") if len(names) > 1 else ""),
        *look_words.fact_words(line),
    ]
    return Shown(
        line=line,
        state=state,
        what=look_words.what_words(line),
        who=event_words.who_words(line),
        facts=[(label, words) for label, words in about if words],
        may_complain=line.side == "look" and not line.is_mine and line.subject in names,
    )


def _list(template: str) -> str:
    actor, side, before = current_actor(), _side(), request.args.get("before")
    now = house().clock()
    with reading() as session:
        lines, earlier = receipts.page_of(session, actor, side, now, before=before)
        names = identity.names_of(session, str(actor.ref))
        within = break_glass.LISTED_FOR
        emergencies = break_glass.notices(session, actor, now, within=within) if side == "look" else []
    states = states_of([line.entry for line in lines])
    shown = [_shown(line, state, names) for line, state in zip(lines, states, strict=True)]
    return render_template(
        template, lines=shown, side=side, before=before, earlier=earlier, emergencies=emergencies, names=names
    )


@bp.get("/receipts", endpoint="receipts")
@patient_required
def list_receipts() -> Any:
    """One's own acts; under 谁看过 the looks of others, refused attempts included. Newest first."""
    return _list("patient/receipts.html")


@bp.get("/receipts/part", endpoint="receipts_part")
@patient_required
def list_part() -> Any:
    """The newest page of a list again, for the page to stay fresh by itself."""
    answer = make_response(_list("patient/_receipts.html"))
    answer.add_etag()
    return answer.make_conditional(request)


@bp.get("/receipts/<event_id>")
@patient_required
def receipt(event_id: str) -> Any:
    """One receipt, checked in the reader's own browser; while it waits for its seal, a page that completes by itself."""
    line, names, file, state = _read(event_id, "me")
    shown = _shown(line, state, names)
    address = base_url(request.host_url) + url_for("patient.receipt", event_id=event_id)
    types, fields = event_words.for_check()
    return render_template(
        "patient/receipt.html",
        shown=shown,
        receipt=file,
        keys=verifier_keys(),
        policy=witness_policy() if state == "witnessed" else "",
        asks_witnesses=bool(witness_policy()),
        event_words=types,
        field_words=fields,
        address=address,
        qr=qr_svg(address),
    )


@bp.get("/receipts/<event_id>/waiting")
@patient_required
def receipt_waiting(event_id: str) -> Any:
    """The words of a receipt that waits; once it is sealed the way to its page."""
    _line, _names, file, _state = _read(event_id, "me")
    if file is not None:
        return redirect(url_for("patient.receipt", event_id=event_id), code=303)
    answer = make_response(render_template("patient/_waiting.html"))
    answer.add_etag()
    return answer.make_conditional(request)


@bp.get("/receipts/<event_id>.tlog-proof")
@patient_required
def receipt_file(event_id: str) -> Any:
    """The file to keep: for oneself, or by `?form=show` the one to show, which says what happened and not to whom."""
    form: Form = "show" if request.args.get("form") == "show" else "me"
    _line, _names, file, _state = _read(event_id, form)
    if file is None:
        raise ReceiptPending()
    return file_answer(file, f"mingzhen-{event_id}{'-show' if form == 'show' else ''}.tlog-proof")


def _read(event_id: str, form: Form) -> tuple[ReceiptLine, dict[str, str], str | None, str]:
    """Return (line, names, receipt, state) of the actor's event; the receipt is None while no published checkpoint covers it.

    Raises NotFound.
    """
    actor, now = current_actor(), house().clock()
    with reading() as session:
        line = receipts.one(session, actor, event_id, now)
        names = identity.names_of(session, str(actor.ref))
        entry, extra = receipts.extra_of(session, actor, event_id, now, form=form)
    try:
        return line, names, *house().log.receipt_with_state(entry, extra)
    except NotInLog:
        return line, names, None, "pending"
