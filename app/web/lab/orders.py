"""The laboratory's list, and one order from the tube to the signed report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import make_response, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.domain import attachments as attachments_rules
from app.domain import orders as rules
from app.domain.errors import BadInput, NotFound
from app.services import attachments, clinics, lab, orders
from app.web.disclosing import disclosing
from app.web.fragments import fragment
from app.web.house import house
from app.web.i18n import language_tag
from app.web.lab import bp
from app.web.login import staff_required
from app.web.messages import words_for
from app.web.papers import file_typed, take_files
from app.web.transaction import act, current_actor, reading, see_other

take_files(bp, "lab.attach")


def clinic_of_request() -> str:
    """Return the clinic that was asked for, of those the actor works in; the first by id where none was. Raises NotFound."""
    mine = sorted(current_actor().clinics)
    asked = request.args.get("clinic") or (mine[0] if mine else "")
    if asked not in mine:
        raise NotFound()
    return asked


@bp.get("/")
@staff_required("lab")
def work() -> Any:
    """The clinic's list: to collect, to measure, signed lately."""
    return render_template("lab/work.html", **_shown())


@bp.get("/now")
@staff_required("lab")
def work_now() -> Any:
    """The part that changes by itself."""
    return fragment("lab/_work.html", **_shown())


def _shown() -> dict[str, Any]:
    clinic, actor = clinic_of_request(), current_actor()
    with reading() as session:
        words = _words(session, clinic)
        is_recorded = lab.is_work_recorded(session, actor, clinic)
    if not is_recorded:
        with act(is_keyed=False) as a:
            lab.record_work_opened(a.session, a.actor, clinic, a.now)
    return words


def _words(session: Session, clinic: str) -> dict[str, Any]:
    mine = {one: words for one, words in clinics.clinic_names(session).items() if one in current_actor().clinics}
    shown = lab.work(session, current_actor(), clinic, house().clock())
    return {"work": shown, "clinic": clinic, "clinics": mine}


@bp.get("/orders/<order_id>")
@staff_required("lab")
@disclosing
def order(order_id: str) -> Any:
    """One order: whose sample, what to measure, what was signed. Opening it is a disclosure."""
    return _page(order_id, {}, {})


def _page(order_id: str, typed: Mapping[str, str], errors: dict[str, str], status: int = 200) -> Any:
    with act(is_keyed=False) as a:
        opened = lab.open_order(a.session, a.actor, order_id, a.now)
    is_english = language_tag() == "en"
    page = render_template(
        "lab/order.html",
        order=opened,
        typed=typed,
        errors=errors,
        choices=rules.CHOICES,
        amend_words=[
            (code, english if is_english else chinese) for code, (chinese, english) in rules.AMEND_REASONS.items()
        ],
        cancel_reasons=rules.CANCEL_REASONS,
        here=url_for("lab.order", order_id=order_id),
    )
    return make_response(page, status)


@bp.post("/orders/<order_id>/collect")
@staff_required("lab")
def collect(order_id: str) -> Any:
    """The sample was taken."""
    with act() as a:
        lab.collect(a.session, a.actor, order_id, a.now)
        a.answer = see_other("lab.order", order_id=order_id)
    return a.sealed()


@bp.post("/orders/<order_id>/results")
@staff_required("lab")
def sign(order_id: str) -> Any:
    """Sign what was measured, as final or, with the other button, the part that is there as preliminary."""
    typed = _typed()
    try:
        with act() as a:
            lab.sign(a.session, a.actor, order_id, typed, a.now, is_final="preliminary" not in request.form)
            a.answer = see_other("lab.order", order_id=order_id)
    except BadInput as wrong:
        return _page(order_id, typed, _errors(wrong), 400)
    return a.sealed()


@bp.post("/orders/<order_id>/amend")
@staff_required("lab")
def amend(order_id: str) -> Any:
    """Change values of a signed report, with the reason; what it said before stays."""
    typed = _typed()
    try:
        with act() as a:
            lab.amend(a.session, a.actor, order_id, typed, typed["reason"], typed["note"], a.now)
            a.answer = see_other("lab.order", order_id=order_id)
    except BadInput as wrong:
        return _page(order_id, typed, _errors(wrong), 400)
    return a.sealed()


@bp.post("/orders/<order_id>/cancel")
@staff_required("lab")
def cancel(order_id: str) -> Any:
    """Cancel an order that has no result: the sample cannot be used, or the person declined."""
    try:
        with act() as a:
            orders.cancel(a.session, a.actor, order_id, request.form.get("reason", ""), a.now)
            a.answer = see_other("lab.work")
    except BadInput:
        return _page(order_id, {}, {"cancel-reason": _("选一个理由。")}, 400)
    return a.sealed()


@bp.post("/orders/<order_id>/documents")
@staff_required("lab")
def attach(order_id: str) -> Any:
    """Put a document beside a signed report: the print of an instrument, a picture."""
    typed = {"title": request.form.get("title", "")}
    try:
        data = file_typed()
        payload = attachments_rules.document(typed["title"], "report", data)
        with act() as a:
            attachments.attach_to_report(a.session, a.actor, order_id, payload, data, a.now)
            a.answer = see_other("lab.order", order_id=order_id)
    except BadInput as wrong:
        says = _("选一个文件。") if wrong.code == "bad_input" and wrong.field == "file" else words_for(wrong).title
        if wrong.field == "title":
            says = _("写上标题，最多 80 个字。")
        return _page(order_id, typed, {wrong.field: says}, 400)
    return a.sealed()


def _typed() -> dict[str, str]:
    named = {code: request.form.get(code, "")[:20] for code in rules.ANALYTES}
    return {**named, "reason": request.form.get("reason", ""), "note": request.form.get("note", "")}


def _errors(wrong: BadInput) -> dict[str, str]:
    if wrong.field == "reason":
        return {"reason": _("选一个理由。")}
    if wrong.field in rules.ANALYTES:
        analyte = rules.ANALYTES[wrong.field]
        name = analyte.english if language_tag() == "en" else analyte.chinese
        says = _("选阴性或阳性。") if analyte.is_choice else words_for(wrong).title
        return {wrong.field: f"{name}：{says}" if language_tag() != "en" else f"{name}: {says}"}
    return {wrong.field or "values": words_for(wrong).title}
