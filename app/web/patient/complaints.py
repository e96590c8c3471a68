"""Under 谁看过: emergencies told and judged, complaints about a look, and the list to take away."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.domain.complaints import MOST_CHARACTERS, WordsMissing
from app.services import break_glass, complaints, identity, receipts
from app.services.receipts import ReceiptLine
from app.web import event_words, look_words
from app.web.access_words import OUTCOMES, REASONS, VERDICTS
from app.web.disclosing import disclosing
from app.web.house import house
from app.web.i18n import moment
from app.web.login import patient_required
from app.web.messages import words_for
from app.web.patient import bp
from app.web.tables import csv_text
from app.web.transaction import act, current_actor, reading, see_other

MOST_EXPORTED = 5000


@bp.get("/receipts/looks.csv")
@patient_required
def looks_file() -> Any:
    """Every look of others as a file: the same words as on the page, newest first."""
    actor, now = current_actor(), house().clock()
    with reading() as session:
        lines, _earlier = receipts.page_of(session, actor, "look", now, limit=MOST_EXPORTED)
        names = identity.names_of(session, str(actor.ref))
    heads = [_("时间"), _("就诊人"), _("谁"), _("做了什么"), _("用途"), _("根据"), _("其他"), _("回执编号")]
    rows = [_cells(line, names) for line in lines]
    response = Response(csv_text(heads, rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="looks.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _cells(line: ReceiptLine, names: dict[str, str]) -> list[str]:
    told = dict(look_words.fact_words(line))
    purpose, ground = (told.pop(head, "") for head in (_("用途"), _("根据")))
    others = "; ".join(f"{label}: {words}" for label, words in told.items())
    return [
        moment(line.at),
        names.get(line.subject, ""),
        event_words.who_words(line),
        look_words.what_words(line),
        purpose,
        ground,
        others,
        line.id,
    ]


@bp.get("/receipts/<event_id>/complaint")
@patient_required
def complain(event_id: str) -> Any:
    """The form: this was not right. Asked already, it leads to what was asked."""
    with reading() as session:
        line, known = complaints.about(session, current_actor(), event_id, house().clock())
    if known is not None:
        return redirect(url_for("patient.complaint", complaint_id=known), code=303)
    return _form(line, "", {})


@bp.post("/receipts/<event_id>/complaint")
@patient_required
def take_complaint(event_id: str) -> Any:
    """Complain about one look: an auditor answers."""
    typed = request.form.get("words", "")
    try:
        with act() as a:
            made = complaints.complain(a.session, a.actor, event_id, typed, a.now)
            a.answer = see_other("patient.complaint", complaint_id=made)
    except WordsMissing as missing:
        with reading() as session:
            line, _known = complaints.about(session, current_actor(), event_id, house().clock())
        return make_response(_form(line, typed, {"words": words_for(missing).title}), 400)
    flash(_("投诉已交给审计员，答复会出现在这里。"), "success")
    return a.sealed()


@bp.get("/complaints", endpoint="complaints")
@patient_required
def list_complaints() -> Any:
    """The account's own complaints, with their answers."""
    with reading() as session:
        found = complaints.complaints_of(session, current_actor(), house().clock())
    return render_template(
        "patient/complaints.html", complaints=found, words=event_words, looks=look_words, outcomes=OUTCOMES
    )


@bp.get("/complaints/<complaint_id>")
@patient_required
def complaint(complaint_id: str) -> Any:
    """One complaint: what was asked, by when it is answered, and the answer."""
    with reading() as session:
        found = complaints.one(session, current_actor(), complaint_id, house().clock())
    return render_template(
        "patient/complaint.html", complaint=found, words=event_words, looks=look_words, outcomes=OUTCOMES
    )


@bp.get("/emergencies/<emergency_id>")
@patient_required
@disclosing
def emergency(emergency_id: str) -> Any:
    """One emergency with the doctor's words and what the review found."""
    with act() as a:
        found = break_glass.read_notice(a.session, a.actor, emergency_id, a.now)
    return render_template("patient/emergency.html", emergency=found, reasons=REASONS, verdicts=VERDICTS)


def _form(line: ReceiptLine, typed: str, errors: dict[str, str]) -> str:
    return render_template(
        "patient/complain.html",
        line=line,
        words=event_words,
        looks=look_words,
        typed=typed,
        errors=errors,
        most=MOST_CHARACTERS,
    )
