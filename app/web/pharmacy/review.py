"""The pharmacist's list, and one prescription with its checks: in force, or back to the doctor."""

from __future__ import annotations

from typing import Any

from flask import make_response, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.domain import prescribing as rules
from app.domain.errors import BadInput, NotFound
from app.services import clinics, pharmacy
from app.web.disclosing import disclosing
from app.web.fragments import fragment
from app.web.house import house
from app.web.i18n import language_tag
from app.web.login import staff_required
from app.web.messages import words_for
from app.web.pharmacy import bp
from app.web.transaction import act, current_actor, reading, see_other


def clinic_of_request() -> str:
    """Return the clinic that was asked for, of those the actor works in; the first by id where none was. Raises NotFound."""
    mine = sorted(current_actor().clinics)
    asked = request.args.get("clinic") or (mine[0] if mine else "")
    if asked not in mine:
        raise NotFound()
    return asked


@bp.get("/")
@staff_required("pharmacist")
def work() -> Any:
    """The clinic's list: to review, in force and not dispensed, returned."""
    return render_template("pharmacy/work.html", **_shown())


@bp.get("/now")
@staff_required("pharmacist")
def work_now() -> Any:
    """The part that changes by itself."""
    return fragment("pharmacy/_work.html", **_shown())


def _shown() -> dict[str, Any]:
    clinic, actor = clinic_of_request(), current_actor()
    with reading() as session:
        words = _words(session, clinic)
        is_recorded = pharmacy.is_work_recorded(session, actor, clinic)
    if not is_recorded:
        with act(is_keyed=False) as a:
            pharmacy.record_work_opened(a.session, a.actor, clinic, a.now)
    return words


def _words(session: Session, clinic: str) -> dict[str, Any]:
    mine = {one: words for one, words in clinics.clinic_names(session).items() if one in current_actor().clinics}
    shown = pharmacy.work(session, current_actor(), clinic, house().clock())
    return {"work": shown, "clinic": clinic, "clinics": mine}


@bp.get("/prescriptions/<record_id>")
@staff_required("pharmacist")
@disclosing
def prescription(record_id: str) -> Any:
    """One prescription with what its review needs. Opening it is a disclosure."""
    return _page(record_id, {}, {})


def _page(record_id: str, typed: dict[str, str], errors: dict[str, str], status: int = 200) -> Any:
    with act(is_keyed=False) as a:
        review = pharmacy.open_review(a.session, a.actor, record_id, a.now)
    is_english = language_tag() == "en"
    page = render_template(
        "pharmacy/prescription.html",
        review=review,
        typed=typed,
        errors=errors,
        reason_words=[
            (code, english if is_english else chinese) for code, (chinese, english) in rules.RETURN_REASONS.items()
        ],
        here=url_for("pharmacy.prescription", record_id=record_id),
    )
    return make_response(page, status)


@bp.post("/prescriptions/<record_id>/accept")
@staff_required("pharmacist")
def accept(record_id: str) -> Any:
    """The prescription is in force."""
    with act() as a:
        pharmacy.accept(a.session, a.actor, record_id, a.now)
        a.answer = see_other("pharmacy.prescription", record_id=record_id)
    return a.sealed()


@bp.post("/prescriptions/<record_id>/return")
@staff_required("pharmacist")
def send_back(record_id: str) -> Any:
    """Back to the doctor, with the reason."""
    typed = {name: request.form.get(name, "") for name in ("reason", "note")}
    try:
        with act() as a:
            pharmacy.send_back(a.session, a.actor, record_id, typed["reason"], typed["note"], a.now)
            a.answer = see_other("pharmacy.prescription", record_id=record_id)
    except BadInput as wrong:
        says = _("选一个理由。") if wrong.field == "reason" else words_for(wrong).title
        return _page(record_id, typed, {wrong.field: says}, 400)
    return a.sealed()


@bp.post("/prescriptions/<record_id>/dispense")
@staff_required("pharmacist")
def dispense(record_id: str) -> Any:
    """The medicines were handed over."""
    with act() as a:
        pharmacy.dispense(a.session, a.actor, record_id, a.now)
        a.answer = see_other("pharmacy.prescription", record_id=record_id)
    return a.sealed()
