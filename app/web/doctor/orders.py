"""What a doctor asks others for from a visit, and what comes back: tests, results, returned prescriptions."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from flask_babel import gettext as _

from app.domain import clinical
from app.domain.clinical import Kind
from app.domain.errors import BadInput
from app.services import inbox, orders, pharmacy, queueing, records
from app.web.doctor import bp
from app.web.doctor.visit import DRUG, Typed, again, read_drugs, to_visit, typed_rows
from app.web.fragments import fragment
from app.web.house import house
from app.web.login import staff_required
from app.web.messages import words_for
from app.web.transaction import act, current_actor, reading


@bp.post("/visits/<visit_id>/orders")
@staff_required("doctor")
def order_tests(visit_id: str) -> Any:
    """Order the panels that were ticked."""
    try:
        with act() as a:
            orders.place(a.session, a.actor, visit_id, request.form.getlist("panel"), a.now)
            a.answer = to_visit(visit_id)
    except BadInput:
        return again(visit_id, Typed(errors={"panel": _("选一项或几项检验。")}))
    return a.sealed()


@bp.post("/orders/<order_id>/cancel")
@staff_required("doctor")
def cancel_order(order_id: str) -> Any:
    """Take an order back before there is a result."""
    with act() as a:
        visit_id = orders.cancel(a.session, a.actor, order_id, request.form.get("reason", ""), a.now)
        a.answer = to_visit(visit_id)
    return a.sealed()


@bp.post("/orders/<order_id>/release")
@staff_required("doctor")
def release_result(order_id: str) -> Any:
    """Open a result to the person, after the talk."""
    with act() as a:
        visit_id = orders.release(a.session, a.actor, order_id, a.now)
        a.answer = to_visit(visit_id)
    return a.sealed()


@bp.post("/visits/<visit_id>/allergies")
@staff_required("doctor")
def record_allergy(visit_id: str) -> Any:
    """Record one allergy."""
    typed = {name: request.form.get(name, "") for name in ("substance", "allergy_note")}
    try:
        payload = clinical.allergy(typed["substance"], typed["allergy_note"])
    except BadInput as wrong:
        says = {"substance": _("选一种。"), "note": _("写上对什么过敏。")}[wrong.field]
        return again(visit_id, Typed(typed, errors={{"note": "allergy_note"}.get(wrong.field, wrong.field): says}))
    with act() as a:
        records.sign(a.session, a.actor, visit_id, Kind.ALLERGY, payload, a.now)
        a.answer = to_visit(visit_id)
    return a.sealed()


@bp.post("/visits/<visit_id>/prescriptions/<record_id>")
@staff_required("doctor")
def sign_again(visit_id: str, record_id: str) -> Any:
    """Sign a returned prescription again: changed, or as it was with the reason."""
    rows, why = typed_rows(DRUG), request.form.get("why", "")
    lines, errors = read_drugs(rows)
    shown = {"prescription": record_id, "why": why}
    if errors:
        return again(visit_id, Typed(shown, drugs=rows, errors=errors))
    try:
        with act() as a:
            a.answer = to_visit(pharmacy.sign_again(a.session, a.actor, record_id, lines, why, a.now))
    except BadInput as wrong:
        says = _("没有改动的话，写上为什么照原样签。") if not why.strip() else words_for(wrong).title
        return again(visit_id, Typed(shown, drugs=rows, errors={"why": says}))
    return a.sealed()


@bp.get("/back")
@staff_required("doctor")
def came_back() -> Any:
    """Results and returned prescriptions of the own people, masked; each leads to its visit."""
    return render_template("doctor/came_back.html", **_came_back())


@bp.get("/back/now")
@staff_required("doctor")
def came_back_now() -> Any:
    """The part that changes by itself."""
    return fragment("doctor/_came_back.html", **_came_back())


def _came_back() -> dict[str, Any]:
    """Return what the list shows; the first look of a sign-in is recorded before anything is sent."""
    actor = current_actor()
    place = str(actor.ref)
    with reading() as session:
        lines = inbox.came_back(session, actor, house().clock())
        is_recorded = queueing.is_board_recorded(session, actor, "doctor", place)
    if not is_recorded:
        with act(is_keyed=False) as a:
            queueing.record_board(a.session, a.actor, "doctor", place, a.now)
    return {"lines": lines}
