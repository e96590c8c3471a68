"""Corrections that people ask for: the list is masked; opening one is a disclosure; each answer has its reason."""

from __future__ import annotations

from typing import Any

from flask import make_response, render_template, request
from flask_babel import gettext as _

from app.domain.retention import MOST_CORRECTION_CHARACTERS, Answer
from app.services import corrections as service
from app.web.desk import bp
from app.web.desk.board import clinic_of_request
from app.web.disclosing import disclosing
from app.web.erasure_words import ABOUT, ANSWERS
from app.web.house import house
from app.web.login import staff_required
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/corrections")
@staff_required("desk", "admin")
def corrections() -> Any:
    """The clinic's requests, the open ones first."""
    with reading() as session:
        found = service.in_clinic(session, current_actor(), clinic_of_request(), house().clock())
    return render_template("desk/corrections.html", corrections=found, about=ABOUT)


@bp.get("/corrections/<correction_id>")
@staff_required("desk", "admin")
@disclosing
def correction(correction_id: str) -> Any:
    """One request with its words; that it was opened stands in the person's log."""
    return _page(correction_id, {}, {})


@bp.post("/corrections/<correction_id>/answer")
@staff_required("desk", "admin")
def answer_correction(correction_id: str) -> Any:
    """Say that it was amended, or why not, in words that the person reads."""
    typed = {name: request.form.get(name, "").strip() for name in ("answer", "reason")}
    errors = {}
    if typed["answer"] not in set(Answer):
        errors["answer"] = _("选一个答复")
    if not typed["reason"]:
        errors["reason"] = _("写一句理由，患者会看到")
    elif len(typed["reason"]) > MOST_CORRECTION_CHARACTERS:
        errors["reason"] = _("最多 %(n)s 个字", n=MOST_CORRECTION_CHARACTERS)
    if errors:
        return make_response(_page(correction_id, errors, typed), 400)
    with act() as a:
        clinic_id = service.answer(a.session, a.actor, correction_id, Answer(typed["answer"]), typed["reason"], a.now)
        a.answer = see_other("desk.corrections", clinic=clinic_id)
    return a.sealed()


def _page(correction_id: str, errors: dict[str, str], typed: dict[str, str]) -> str:
    with act(is_keyed=False) as a:
        opened = service.open_one(a.session, a.actor, correction_id, a.now)
    choices = [{"value": code, "title": str(words)} for code, words in ANSWERS.items()]
    return render_template(
        "desk/correction.html", opened=opened, about=ABOUT, answers=ANSWERS, choices=choices, errors=errors, typed=typed,
        most=MOST_CORRECTION_CHARACTERS,
    )  # fmt: skip
