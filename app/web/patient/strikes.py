"""Promises kept and not (约定与信用): what counts against booking online, why, until when, and the way to appeal."""

from __future__ import annotations

from typing import Any

from flask import make_response, render_template, request
from flask_babel import gettext as _

from app.domain.strikes import MOST_APPEAL_CHARACTERS, AppealReason
from app.services import appeals, identity
from app.services import strikes as service
from app.web import evidence_words
from app.web.fair_words import APPEAL_REASONS, EXCUSES, KINDS
from app.web.house import house
from app.web.login import patient_required
from app.web.patient import bp
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/me/promises")
@patient_required
def strikes() -> Any:
    """How it stands with each of the account's people."""
    actor = current_actor()
    with reading() as session:
        standing = service.standing_of(session, actor, house().clock())
        names = identity.names_of(session, str(actor.ref))
    return render_template("patient/strikes.html", standing=standing, names=names, kinds=KINDS, excuses=EXCUSES)


@bp.get("/me/promises/<strike_id>")
@patient_required
def strike(strike_id: str) -> Any:
    """One strike with its evidence, and the form to appeal."""
    return _form(strike_id, {}, {})


@bp.post("/me/promises/<strike_id>/appeal")
@patient_required
def appeal(strike_id: str) -> Any:
    """Appeal: a reason from the list, and words if one likes."""
    typed = {"reason": request.form.get("reason", ""), "words": request.form.get("words", "").strip()}
    errors = {}
    if typed["reason"] not in set(AppealReason):
        errors["reason"] = _("选一个原因")
    if len(typed["words"]) > MOST_APPEAL_CHARACTERS:
        errors["words"] = _("最多 %(n)s 个字", n=MOST_APPEAL_CHARACTERS)
    if errors:
        return make_response(_form(strike_id, errors, typed), 400)
    with act() as a:
        appeals.appeal(a.session, a.actor, strike_id, AppealReason(typed["reason"]), typed["words"], a.now)
        a.answer = see_other("patient.strikes")
    return a.sealed()


def _form(strike_id: str, errors: dict[str, str], typed: dict[str, str]) -> str:
    actor = current_actor()
    with reading() as session:
        found = service.strike(session, actor, strike_id, house().clock())
        rests_on = service.evidence_of(session, actor, strike_id, house().clock())
        names = identity.names_of(session, str(actor.ref))
    reasons = [{"value": code, "title": str(words)} for code, words in APPEAL_REASONS.items()]
    return render_template(
        "patient/strike.html", strike=found, names=names, kinds=KINDS, excuses=EXCUSES, reasons=reasons,
        errors=errors, typed=typed, most=MOST_APPEAL_CHARACTERS, evidence=rests_on,
        lines=evidence_words.lines_of(rests_on),
    )  # fmt: skip
