"""At the desk, document in hand: proving who somebody is, for themselves or for their child."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app.domain.calendar import hospital_day
from app.domain.documents import DocumentKind, parse_resident_id
from app.domain.errors import BadInput
from app.services import desk_identity, guardianship, proofs, rights
from app.services.desk_identity import AtDesk
from app.web.event_words import value_words
from app.web.house import house
from app.web.login import staff_required
from app.web.messages import words_for
from app.web.transaction import act

bp = Blueprint("claims", __name__, url_prefix="/staff/desk/documents")


@bp.get("")
@staff_required("desk")
def look_up() -> Any:
    """The form: which document lies on the desk?"""
    return render_template("claims/look_up.html", errors={}, typed={"document": "resident_id"})


@bp.post("")
@staff_required("desk")
def open_document() -> Any:
    """Open the person whose document lies on the desk: a disclosure, then what can be done for them."""
    typed = {f: request.form.get(f, "").strip() for f in ("document", "number", "country")}
    try:
        if typed["document"] == "passport":
            kind, country, number = DocumentKind.PASSPORT, typed["country"].upper(), typed["number"]
        else:
            parsed = parse_resident_id(typed["number"], hospital_day(house().clock()))
            kind, country, number = parsed.kind, parsed.country, parsed.number
    except BadInput as wrong:
        errors = {"number": words_for(wrong).title}
        return make_response(render_template("claims/look_up.html", errors=errors, typed=typed), 400)
    with act() as a:
        found = desk_identity.open_by_document(a.session, a.actor, kind, country, number, a.now)
    if found is None:
        errors = {"number": _("医院没有这份证件的记录。对照证件再输一次；新来的人不用证明，直接登记。")}
        return make_response(render_template("claims/look_up.html", errors=errors, typed=typed), 404)
    return _person(found)


@bp.post("/<patient_ref>/claim-code")
@staff_required("desk")
def claim_code(patient_ref: str) -> Any:
    """Give out a claim code: shown once, on this page, for the person to type on their own phone."""
    with act() as a:
        rights.see_identity(a.session, a.actor, patient_ref, a.now, clinics=current_user.actor.clinics)
        code = proofs.issue_claim_code(a.session, a.actor, patient_ref, a.now)
        found = desk_identity.open_person(a.session, a.actor, patient_ref, a.now)
    a.wait_for_seal()
    return _person(found, code)


@bp.post("/guardianships/<link_id>/verify")
@staff_required("desk")
def verify_guardian(link_id: str) -> Any:
    """Open a guardian's link: the papers were seen."""
    papers = request.form.get("papers", "")
    kind = next((known for known in guardianship.PAPERS if known == papers), None)
    if kind is None:  # the event says which papers were seen: that is nothing to guess
        raise BadInput("papers")
    try:
        until_on = date.fromisoformat(request.form["until_on"]) if request.form.get("until_on") else None
    except ValueError:
        raise guardianship.UntilWrong("until_on") from None
    with act() as a:
        guardianship.verify_guardianship(a.session, a.actor, link_id, a.now, papers=kind, until_on=until_on)
        a.answer = {"location": url_for("claims.look_up")}
    flash(_("监护关系已确认。"), "success")
    return a.sealed()


@bp.post("/guardianships/<link_id>/revoke")
@staff_required("desk")
def revoke_guardian(link_id: str) -> Any:
    """End what a guardian or family holds of the person whose document lies on the desk, at once."""
    with act() as a:
        guardianship.revoke(a.session, a.actor, link_id, a.now)
        a.answer = {"location": url_for("claims.look_up")}
    flash(_("已取消，对方现在起看不到任何内容。"), "success")
    return a.sealed()


def _person(found: AtDesk, code: str | None = None) -> str:
    return render_template(
        "claims/person.html",
        who=found.identity,
        requests=found.requests,
        held_by=found.held_by,
        code=code,
        papers=[(kind, value_words("papers", kind)) for kind in guardianship.PAPERS],
        here=url_for("claims.look_up"),
    )
