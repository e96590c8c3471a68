"""A person's lists, written from a visit: problems, immunizations, documents."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.domain import attachments as papers
from app.domain import problems as rules
from app.domain.calendar import hospital_day
from app.domain.errors import BadInput
from app.services import attachments, problems
from app.web.disclosing import disclosing
from app.web.doctor import bp
from app.web.doctor.visit import Typed, again, to_visit
from app.web.house import house
from app.web.login import staff_required
from app.web.messages import words_for
from app.web.papers import file_of, file_typed, take_files
from app.web.transaction import act, opening

take_files(bp, "doctor.attach")


def _typed(*names: str) -> dict[str, str]:
    return {name: request.form.get(name, "") for name in names}


@bp.post("/visits/<visit_id>/problems")
@staff_required("doctor")
def record_problem(visit_id: str) -> Any:
    """Write a problem into the person's list."""
    typed = _typed("problem", "problem_note", "onset")
    try:
        payload = rules.problem(
            typed["problem"], typed["problem_note"], typed["onset"], today_on=hospital_day(house().clock())
        )
    except BadInput as wrong:
        field = {"code": "problem", "note": "problem_note"}.get(wrong.field, wrong.field)
        says = {
            "problem_note": _("编码不在常用表里，写上名称。"),
            "onset": _("填写过去的日期，像 2019-05-01，或不填。"),
        }
        return again(visit_id, Typed(typed, errors={field: says.get(field) or words_for(wrong).title}))
    with act() as a:
        problems.record_problem(a.session, a.actor, visit_id, payload, a.now)
        a.answer = to_visit(visit_id)
    return a.sealed()


@bp.post("/visits/<visit_id>/problems/<problem_id>")
@staff_required("doctor")
def change_problem(visit_id: str, problem_id: str) -> Any:
    """Give a problem another status; what it was before stays."""
    typed = _typed("status", "until")
    try:
        with act() as a:
            problems.change_problem(a.session, a.actor, visit_id, problem_id, typed["status"], typed["until"], a.now)
            a.answer = to_visit(visit_id)
    except BadInput:
        return again(visit_id, Typed(errors={f"status-{problem_id}": _("选一个状态；日期可不填。")}))
    return a.sealed()


@bp.post("/visits/<visit_id>/immunizations")
@staff_required("doctor")
def record_immunization(visit_id: str) -> Any:
    """Write down a vaccination, given here today or elsewhere before."""
    typed = _typed("vaccine", "dose", "lot", "place", "given", "vaccine_note")
    try:
        payload = rules.immunization(
            typed["vaccine"], typed["dose"], typed["lot"], "", typed["place"], typed["vaccine_note"]
        )
        given_on = rules.given_on(typed["given"], hospital_day(house().clock()))
    except BadInput as wrong:
        says = {
            "vaccine": _("选一种疫苗。"),
            "vaccine_note": _("写上疫苗的名称。"),
            "given": _("填写过去的日期，像 2019-05-01；不填就是今天。"),
        }
        return again(visit_id, Typed(typed, errors={wrong.field: says.get(wrong.field) or words_for(wrong).title}))
    with act() as a:
        problems.record_immunization(a.session, a.actor, visit_id, payload, given_on, a.now)
        a.answer = to_visit(visit_id)
    return a.sealed()


@bp.post("/visits/<visit_id>/documents")
@staff_required("doctor")
def attach(visit_id: str) -> Any:
    """Take a document into the record."""
    typed = _typed("title", "paper_kind")
    try:
        data = file_typed()
        payload = papers.document(typed["title"], typed["paper_kind"], data)
        with act() as a:
            attachments.attach(a.session, a.actor, visit_id, payload, data, a.now)
            a.answer = to_visit(visit_id)
    except BadInput as wrong:
        return again(visit_id, Typed(typed, errors=paper_errors(wrong)))
    return a.sealed()


def paper_errors(wrong: BadInput) -> dict[str, str]:
    """Return what is wrong with a document that was to be taken in, by field."""
    field = {"kind": "paper_kind"}.get(wrong.field, wrong.field)
    says = {"title": _("写上标题，最多 80 个字。"), "paper_kind": _("选一个种类。")}
    if field == "file" and wrong.code == "bad_input":
        return {"file": _("选一个文件。")}
    return {field: says.get(field) or words_for(wrong).title}


@bp.post("/visits/<visit_id>/documents/<document_id>/withdraw")
@staff_required("doctor")
def withdraw_document(visit_id: str, document_id: str) -> Any:
    """Take back a document that was put into the wrong record."""
    with act() as a:
        attachments.withdraw(a.session, a.actor, visit_id, document_id, a.now)
        a.answer = to_visit(visit_id)
    return a.sealed()


@bp.get("/documents/<document_id>")
@staff_required("doctor")
@disclosing
def document(document_id: str) -> Response:
    """Hand out a document's bytes while the actor may read this person's record."""
    file = opening(lambda session, actor, now: attachments.open_file(session, actor, document_id, now))
    return file_of(file)
