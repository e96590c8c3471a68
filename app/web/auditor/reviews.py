"""What waits for the auditor: emergencies to judge and complaints to answer, none saying whose record it was."""

from __future__ import annotations

from typing import Any

from flask import flash, make_response, render_template, request
from flask_babel import gettext as _

from app.domain.break_glass import MOST_CHARACTERS, Verdict
from app.domain.complaints import MOST_CHARACTERS as MOST_ANSWER
from app.domain.complaints import Outcome, WordsMissing, parse_words
from app.services import break_glass, complaints, priority_notes
from app.web import event_words, look_words, queue_words
from app.web.access_words import BASES_FOR_STAFF, OUTCOMES, REASONS, VERDICTS
from app.web.auditor import auditor, bp, record_once
from app.web.disclosing import disclosing
from app.web.house import house
from app.web.login import staff_required
from app.web.messages import words_for
from app.web.transaction import act, reading, see_other


@bp.get("/reviews")
@staff_required("auditor")
def reviews() -> Any:
    """Both queues: what waits first, the one that waits longest or is due first at the top."""
    record_once()
    now = house().clock()
    with reading() as session:
        emergencies = break_glass.to_review(session, auditor(), now)
        asked = complaints.queue(session, auditor(), now)
    return render_template(
        "auditor/reviews.html", emergencies=emergencies, complaints=asked, reasons=REASONS, verdicts=VERDICTS,
        outcomes=OUTCOMES,
    )  # fmt: skip


@bp.get("/emergencies/<emergency_id>")
@staff_required("auditor")
@disclosing
def emergency(emergency_id: str) -> Any:
    """One emergency: the doctor's words and what was opened; that it was read stands in the person's log."""
    record_once()
    return _emergency(emergency_id, {}, {})


@bp.post("/emergencies/<emergency_id>/judge")
@staff_required("auditor")
def judge(emergency_id: str) -> Any:
    """Say whether it was justified, with a note that the person reads."""
    typed = {name: request.form.get(name, "").strip() for name in ("verdict", "note")}
    errors = {}
    if typed["verdict"] not in set(Verdict):
        errors["verdict"] = _("选一个结论")
    try:
        note = parse_words(typed["note"], "note")
    except WordsMissing as missing:
        errors["note"] = words_for(missing).title
    if errors:
        return make_response(_emergency(emergency_id, typed, errors), 400)
    with act(auditor()) as a:
        break_glass.review(a.session, a.actor, emergency_id, Verdict(typed["verdict"]), note, a.now)
        a.answer = see_other("auditor.reviews")
    flash(_("结论已记下，患者会看到。"), "success")
    return a.sealed()


@bp.get("/priorities/<grant_id>")
@staff_required("auditor")
@disclosing
def priority_note(grant_id: str) -> Any:
    """Who gave which class and why, the sealed note with it, and not to whom."""
    record_once()
    with act(auditor(), is_keyed=False) as a:
        found = priority_notes.one(a.session, a.actor, grant_id, a.now)
    return render_template(
        "auditor/priority_note.html", notes=[found], classes=queue_words.CLASSES, reasons=queue_words.REASONS
    )


@bp.get("/complaints/<complaint_id>")
@staff_required("auditor")
@disclosing
def complaint(complaint_id: str) -> Any:
    """One complaint with its words and the look that it is about."""
    record_once()
    return _complaint(complaint_id, {}, {})


@bp.post("/complaints/<complaint_id>/answer")
@staff_required("auditor")
def answer(complaint_id: str) -> Any:
    """Answer it, for its maker to read."""
    typed = {name: request.form.get(name, "").strip() for name in ("outcome", "answer")}
    errors = {}
    if typed["outcome"] not in set(Outcome):
        errors["outcome"] = _("选一个答复")
    try:
        parse_words(typed["answer"], "answer")
    except WordsMissing as missing:
        errors["answer"] = words_for(missing).title
    if errors:
        return make_response(_complaint(complaint_id, typed, errors), 400)
    with act(auditor()) as a:
        complaints.answer(a.session, a.actor, complaint_id, Outcome(typed["outcome"]), typed["answer"], a.now)
        a.answer = see_other("auditor.reviews")
    flash(_("答复已送出。"), "success")
    return a.sealed()


def _emergency(emergency_id: str, typed: dict[str, str], errors: dict[str, str]) -> str:
    with act(auditor(), is_keyed=False) as a:
        found = break_glass.open_review(a.session, a.actor, emergency_id, a.now)
    choices = [{"value": code, "title": str(words)} for code, words in VERDICTS.items()]
    return render_template(
        "auditor/emergency.html", review=found, reasons=REASONS, verdicts=VERDICTS, choices=choices, typed=typed,
        errors=errors, words=event_words, looks=look_words, most=MOST_CHARACTERS,
    )  # fmt: skip


def _complaint(complaint_id: str, typed: dict[str, str], errors: dict[str, str]) -> str:
    with act(auditor(), is_keyed=False) as a:
        found = complaints.open_complaint(a.session, a.actor, complaint_id, a.now)
    choices = [{"value": code, "title": str(words)} for code, words in OUTCOMES.items()]
    return render_template(
        "auditor/complaint.html", opened=found, outcomes=OUTCOMES, choices=choices, typed=typed, errors=errors,
        words=event_words, bases=BASES_FOR_STAFF, most=MOST_ANSWER,
    )  # fmt: skip
