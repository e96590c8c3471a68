"""Writing a visit: each part is signed by itself, and what may be read of the person is opened behind one button."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Response, make_response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.domain import clinical
from app.domain import orders as order_rules
from app.domain.actor import Actor
from app.domain.allergies import SUBSTANCES
from app.domain.attachments import KINDS
from app.domain.clinical import MOST_LINES, Kind
from app.domain.errors import BadInput
from app.domain.icd import COMMON
from app.domain.prescribing import FORMULARY
from app.domain.problems import VACCINES
from app.services import identity, records, summary
from app.services.chart import Chart
from app.web.charts import picture
from app.web.disclosing import disclosing
from app.web.doctor import bp
from app.web.login import staff_required
from app.web.messages import words_for
from app.web.transaction import act, opening, see_other

DRUG = ("name", "dose", "frequency", "days")
RESULT = ("analyte", "value")
LINES = 3  # empty lines that a form begins with
REPORT_TITLE = ("检验结果", "Laboratory results")

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Typed:
    """What a form brought that was not signed, and what is wrong with it: field, or field and line, to words."""

    values: dict[str, str] = field(default_factory=dict)
    drugs: Rows = field(default_factory=list)
    results: Rows = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)


@bp.get("/visits/<visit_id>")
@staff_required("doctor")
@disclosing
def visit(visit_id: str) -> Any:
    """The visit with what was signed in it. With `history` also what the person's record holds besides: one disclosure."""
    return _page(opening(lambda session, actor, now: _open(session, actor, visit_id, now)), Typed())


def _open(session: Session, actor: Actor, visit_id: str, now: datetime) -> dict[str, Any]:
    """Return what the page shows of the visit and the person, every opening recorded."""
    own = records.open_own_visit(session, actor, visit_id, now)
    who = identity.masked(session, [own.chart.patient_ref], now).get(own.chart.patient_ref)
    history = known = None
    if _is_history_open():
        known = summary.open_summary(session, actor, own.chart.patient_ref, now)
        history = records.open_history(session, actor, own.chart.patient_ref, now, beside=visit_id)
    return {"own": own, "who": who, "history": history, "known": known}


def _is_history_open() -> bool:
    return request.values.get("history") == "1"


def _page(words: dict[str, Any], typed: Typed, status: int = 200) -> Response:
    page = render_template(
        "doctor/visit.html",
        **words,
        typed=typed,
        drugs=_padded([] if "prescription" in typed.values else typed.drugs, DRUG),
        results=_padded(typed.results, RESULT),
        diagnoses=COMMON.values(),
        analytes=clinical.ANALYTES,
        most_lines=MOST_LINES,
        picture=picture,
        panels=order_rules.PANELS.values(),
        samples=order_rules.SAMPLES,
        cancel_reasons=order_rules.CANCEL_REASONS,
        substances=SUBSTANCES,
        vaccines=VACCINES,
        paper_kinds=KINDS,
        drug_names=[drug.chinese for drug in FORMULARY.values()],
        returned=_returned(words["own"].chart, typed),
    )
    return make_response(page, status)


def _returned(chart: Chart, typed: Typed) -> list[dict[str, Any]]:
    """Return the prescriptions that came back, each with the lines that its form shows: those typed, else as they are."""
    found = []
    for one in chart.prescriptions:
        if one.status == "returned":
            is_typed = typed.values.get("prescription") == one.id
            lines = typed.drugs if is_typed else [{**vars(line), "days": str(line.days or "")} for line in one.lines]
            found.append(
                {
                    "prescription": one,
                    "lines": lines,
                    "is_typed": is_typed,
                    "why": typed.values.get("why", "") if is_typed else "",
                }
            )
    return found


def _padded(rows: Rows, names: tuple[str, ...]) -> Rows:
    empty = dict.fromkeys(names, "")
    return [*rows, *(empty for _ in range(LINES - len(rows)))]


def typed_rows(names: tuple[str, ...]) -> Rows:
    """Return the lines of a form that have anything in them, in order, as many as a form may have at most."""
    columns = [request.form.getlist(name)[:MOST_LINES] for name in names]
    lines = [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=False)]
    return [line for line in lines if any(cell.strip() for cell in line.values())]


def to_visit(visit_id: str) -> dict[str, Any]:
    """Return the answer that leads back to the visit, with the history open where it was."""
    return see_other("doctor.visit", visit_id=visit_id, **({"history": "1"} if _is_history_open() else {}))


def again(visit_id: str, typed: Typed) -> Response:
    """Show the page again with what was typed; nothing was signed."""
    with act() as a:
        words = _open(a.session, a.actor, visit_id, a.now)
        a.answer = to_visit(visit_id)
    return _page(words, typed, 400 if typed.errors else 200)


def _sign(visit_id: str, kind: Kind, payload: dict[str, Any]) -> Any:
    with act() as a:
        records.sign(a.session, a.actor, visit_id, kind, payload, a.now)
        a.answer = to_visit(visit_id)
    return a.sealed()


@bp.post("/visits/<visit_id>/diagnosis")
@staff_required("doctor")
def sign_diagnosis(visit_id: str) -> Any:
    """Sign one diagnosis."""
    typed = {name: request.form.get(name, "") for name in ("code", "note")}
    try:
        payload = clinical.diagnosis(typed["code"], typed["note"])
    except BadInput as wrong:
        return again(visit_id, Typed(typed, errors={wrong.field: words_for(wrong).title}))
    return _sign(visit_id, Kind.DIAGNOSIS, payload)


@bp.post("/visits/<visit_id>/advice")
@staff_required("doctor")
def sign_advice(visit_id: str) -> Any:
    """Sign one piece of advice."""
    typed = {"advice": request.form.get("advice", "")}
    try:
        payload = clinical.advice(typed["advice"])
    except BadInput as wrong:
        return again(visit_id, Typed(typed, errors={wrong.field: words_for(wrong).title}))
    return _sign(visit_id, Kind.ADVICE, payload)


@bp.post("/visits/<visit_id>/prescription")
@staff_required("doctor")
def sign_prescription(visit_id: str) -> Any:
    """Sign one prescription of several lines, or show one more empty line."""
    rows = typed_rows(DRUG)
    if "more" in request.form:
        return again(visit_id, Typed(drugs=_one_more(rows, DRUG)))
    lines, errors = read_drugs(rows)
    if errors:
        return again(visit_id, Typed(drugs=rows, errors=errors))
    return _sign(visit_id, Kind.PRESCRIPTION, clinical.prescription(lines))


@bp.post("/visits/<visit_id>/results")
@staff_required("doctor")
def sign_results(visit_id: str) -> Any:
    """Sign one report of several values, or show one more empty line."""
    rows = [row for row in typed_rows(RESULT) if row["value"].strip() or not row["analyte"]]
    if "more" in request.form:
        return again(visit_id, Typed(results=_one_more(rows, RESULT)))
    empty = {"analyte": next(iter(clinical.ANALYTES)), "value": ""}
    values, errors = _read(rows or [empty], lambda row: clinical.observation(row["analyte"], row["value"]))
    if errors:
        return again(visit_id, Typed(results=rows, errors=errors))
    with act() as a:
        records.sign_results(a.session, a.actor, visit_id, *REPORT_TITLE, values, a.now)
        a.answer = to_visit(visit_id)
    return a.sealed()


def read_drugs(rows: Rows) -> tuple[list[clinical.PrescriptionLine], dict[str, str]]:
    """Return (the lines of a prescription, what is wrong by field and line); one line is asked for where there is none."""
    return _read(rows or [dict.fromkeys(DRUG, "")], lambda row: clinical.prescription_line(**row))


def _one_more(rows: Rows, names: tuple[str, ...]) -> Rows:
    full = _padded(rows, names)
    return [*full, dict.fromkeys(names, "")][:MOST_LINES]


def _read(rows: Rows, read: Callable[[dict[str, str]], Any]) -> tuple[list[Any], dict[str, str]]:
    """Return (what the lines say, what is wrong by field and line)."""
    found, errors = [], {}
    missing = {
        "name": _("填写药品。"),
        "dose": _("填写每次用量。"),
        "frequency": _("填写用法。"),
        "days": _("天数填 1 到 365 的整数。"),
    }
    for index, row in enumerate(rows):
        empty = [name for name in missing if not row.get(name, "-").strip()]
        errors.update({f"{name}-{index}": missing[name] for name in empty})
        if not empty:
            try:
                found.append(read(row))
            except BadInput as wrong:
                errors[f"{wrong.field}-{index}"] = missing.get(wrong.field, words_for(wrong).title)
    return found, errors
