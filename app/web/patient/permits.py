"""Letting a doctor read (授权管理): who may, what for, which parts, until when; taken back with one press."""

from __future__ import annotations

from typing import Any

from flask import flash, make_response, render_template, request
from flask_babel import gettext as _

from app.domain.access import Part
from app.domain.errors import NotAllowed, NotFound
from app.domain.permits import PERIOD_DAYS, USUAL_DAYS, ChooseOneMore, Purpose, parse_choice
from app.services import identity, rights
from app.services import permits as service
from app.web.access_words import PARTS
from app.web.event_words import PURPOSES
from app.web.house import house
from app.web.i18n import named
from app.web.login import patient_required
from app.web.messages import words_for
from app.web.patient import bp
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/permits")
@patient_required
def permits() -> Any:
    """Whom each of the account's people lets read."""
    actor, now = current_actor(), house().clock()
    people = []
    with reading() as session:
        names = identity.names_of(session, str(actor.ref))
        for patient_ref, _since in rights.reached(session, actor, now):
            try:
                people.append((patient_ref, service.permits_of(session, actor, patient_ref, now)))
            except (NotAllowed, NotFound):
                continue  # of somebody of fourteen or more these are their own
    return render_template("patient/permits.html", people=people, names=names, parts=PARTS, purposes=PURPOSES)


@bp.get("/permits/new")
@patient_required
def new_permit() -> Any:
    """The form: for whom, what for, which parts, how long."""
    typed = {"person": request.args.get("person", ""), "days": str(USUAL_DAYS), "parts": [part.value for part in Part]}
    return _form(typed, {})


@bp.post("/permits/new")
@patient_required
def give_permit() -> Any:
    """Let somebody read, from now on."""
    typed = {name: request.form.get(name, "") for name in ("person", "reader", "purpose", "days")}
    chosen = request.form.getlist("parts")
    try:
        choice = parse_choice(typed["purpose"], chosen, typed["days"], typed["reader"])
    except ChooseOneMore as missing:
        return make_response(_form({**typed, "parts": chosen}, {missing.field: words_for(missing).title}), 400)
    with act() as a:
        service.give(a.session, a.actor, typed["person"], choice, a.now)
        a.answer = see_other("patient.permits")
    flash(_("已授权。随时可以撤回，撤回马上生效。"), "success")
    return a.sealed()


@bp.post("/permits/<permit_id>/withdraw")
@patient_required
def withdraw_permit(permit_id: str) -> Any:
    """Take it back: from this moment on nobody reads on it."""
    with act() as a:
        service.withdraw(a.session, a.actor, permit_id, a.now)
        a.answer = see_other("patient.permits")
    flash(_("已撤回，对方现在起打不开了。"), "success")
    return a.sealed()


def _form(typed: dict[str, Any], errors: dict[str, str]) -> str:
    actor, now = current_actor(), house().clock()
    with reading() as session:
        names = identity.names_of(session, str(actor.ref))
        people = [ref for ref, _since in rights.reached(session, actor, now) if _may_give(session, ref)]
        readers = service.readers(session, now)
    purposes = [{"value": one.value, "title": str(PURPOSES[one.value])} for one in Purpose]
    parts = [{"value": one.value, "title": str(PARTS[one.value])} for one in Part]
    words = {1: _("只今天"), 7: _("7 天"), 30: _("30 天"), 365: _("一年")}
    return render_template(
        "patient/new_permit.html", typed=typed, errors=errors, people=[(ref, names.get(ref, "")) for ref in people],
        people_cards=[{"value": ref, "title": names.get(ref, "")} for ref in people],
        readers=[(one.department_id, named(one.name), [(ref, _doctor(who, title)) for ref, who, title in one.doctors]) for one in readers],
        purposes=purposes, parts=parts, days=[{"value": str(n), "title": words[n]} for n in PERIOD_DAYS],
    )  # fmt: skip


def _doctor(name: Any, title: Any) -> str:
    return f"{named(name)} {named(title)}".strip()


def _may_give(session: Any, patient_ref: str) -> bool:
    try:
        rights.give_permit(session, current_actor(), patient_ref, house().clock())
    except (NotAllowed, NotFound):
        return False
    return True
