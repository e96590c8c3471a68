"""Emergencies (紧急查阅): a record opened without any relation, with a reason, for hours, and with the person told at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.domain import break_glass as rules
from app.domain.actor import Actor
from app.domain.calendar import hospital_day
from app.domain.documents import DocumentKind, parse_resident_id
from app.domain.errors import BadInput
from app.services import break_glass as service
from app.services import identity, records, summary
from app.web.access_words import REASONS
from app.web.charts import picture
from app.web.disclosing import disclosing
from app.web.doctor import bp
from app.web.fragments import fragment
from app.web.house import house
from app.web.limits import limiter
from app.web.login import staff_required
from app.web.messages import words_for
from app.web.transaction import act, current_actor, opening, reading, see_other
from app.web.typed_document import country_choices

FIELDS = ("document", "number", "country", "reason", "words")


@bp.get("/emergency")
@staff_required("doctor")
def emergency() -> Any:
    """The form: whose document, and why; and the own emergencies under way."""
    return _form({"document": "resident_id"}, {})


@bp.post("/emergency")
@staff_required("doctor")
@limiter.limit("20 per hour")
def break_glass() -> Any:
    """Open the record of whoever the document is of. The reason comes first: without one nothing is looked for."""
    typed = {name: request.form.get(name, "").strip() for name in FIELDS}
    errors = {}
    try:
        rules.parse_reason(typed["reason"], typed["words"])
    except rules.ReasonMissing as missing:
        errors[missing.field] = words_for(missing).title
    try:
        kind, country, number = _document(typed)
    except BadInput as wrong:
        errors[wrong.field or "number"] = words_for(wrong).title
    if errors:
        return make_response(_form(typed, errors), 400)
    reason, words = rules.parse_reason(typed["reason"], typed["words"])
    try:
        with act() as a:
            found = service.open_by_document(a.session, a.actor, kind, country, number, reason, words, a.now)
            a.answer = see_other("doctor.emergency_record", emergency_id=found)
    except (rules.NoSuchPerson, rules.NotNeeded) as refused:
        said = words_for(refused)
        return make_response(_form(typed, {"number": f"{said.title}{_('。')}{said.next_step}"}), refused.status)
    return a.sealed()


@bp.get("/emergency/<emergency_id>")
@staff_required("doctor")
@disclosing
def emergency_record(emergency_id: str) -> Any:
    """The record, as long as the emergency lasts; afterwards that it is over."""
    opened = opening(lambda session, actor, now: _open(session, actor, emergency_id, now))
    return render_template(
        "doctor/emergency_record.html", **opened, reasons=REASONS, picture=picture, now=house().clock()
    )


def _open(session: Session, actor: Actor, emergency_id: str, now: datetime) -> dict[str, Any]:
    found = service.one_of_mine(session, actor, emergency_id, now)
    if not found.is_open:
        return {"emergency": found, "who": None, "history": None, "known": None}
    return {
        "emergency": found,
        "who": identity.masked(session, [found.patient_ref], now).get(found.patient_ref),
        "history": records.open_history(session, actor, found.patient_ref, now),
        "known": summary.open_summary(session, actor, found.patient_ref, now),
    }


@bp.get("/emergency/<emergency_id>/now")
@staff_required("doctor")
def emergency_now(emergency_id: str) -> Any:
    """How long it lasts still. Over, it leads to the page, which then shows nothing of the record any more."""
    with reading() as session:
        found = service.one_of_mine(session, current_actor(), emergency_id, house().clock())
    if not found.is_open:
        return redirect(url_for("doctor.emergency_record", emergency_id=emergency_id), code=303)
    return fragment("doctor/_emergency.html", emergency=found, reasons=REASONS)


@bp.post("/emergency/<emergency_id>/end")
@staff_required("doctor")
def end_emergency(emergency_id: str) -> Any:
    """Close the record before the time is up."""
    with act() as a:
        service.end(a.session, a.actor, emergency_id, a.now)
        a.answer = see_other("doctor.emergency")
    flash(_("紧急查阅已结束。"), "success")
    return a.sealed()


def _document(typed: dict[str, str]) -> tuple[DocumentKind, str, str]:
    if typed["document"] == "passport":
        if not typed["number"]:
            raise BadInput("number")
        return DocumentKind.PASSPORT, typed["country"].upper()[:3], typed["number"][:24]
    parsed = parse_resident_id(typed["number"], hospital_day(house().clock()))
    return parsed.kind, parsed.country, parsed.number


def _form(typed: dict[str, str], errors: dict[str, str]) -> str:
    with reading() as session:
        mine = service.mine(session, current_actor(), house().clock())
    reasons = [{"value": code, "title": str(words)} for code, words in REASONS.items()]
    return render_template(
        "doctor/emergency.html", typed=typed, errors=errors, mine=mine, reasons=reasons, why=REASONS,
        countries=country_choices(), most=rules.MOST_CHARACTERS,
    )  # fmt: skip
