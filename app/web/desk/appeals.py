"""Appeals against strikes: the list is masked; opening one is a disclosure; each decision has its reason."""

from __future__ import annotations

from typing import Any

from flask import make_response, render_template, request
from flask_babel import gettext as _

from app.domain.strikes import DENIED_FOR, UPHELD_FOR, DecisionReason
from app.services import appeals as service
from app.web import evidence_words
from app.web.desk import bp
from app.web.desk.board import clinic_of_request
from app.web.disclosing import disclosing
from app.web.fair_words import APPEAL_REASONS, DECISIONS, EXCUSES, KINDS
from app.web.house import house
from app.web.login import staff_required
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/appeals")
@staff_required("desk", "admin")
def appeals() -> Any:
    """The clinic's appeals, the open ones first."""
    clinic_id = clinic_of_request()
    with reading() as session:
        found = service.appeals_in(session, current_actor(), clinic_id, house().clock())
    return render_template("desk/appeals.html", appeals=found, kinds=KINDS)


@bp.get("/appeals/<appeal_id>")
@staff_required("desk", "admin")
@disclosing
def appeal(appeal_id: str) -> Any:
    """One appeal with its words; that it was opened stands in the person's log."""
    return _page(appeal_id, {})


@bp.post("/appeals/<appeal_id>/decide")
@staff_required("desk", "admin")
def decide_appeal(appeal_id: str) -> Any:
    """Uphold or deny, as the chosen reason says."""
    reason = request.form.get("reason", "")
    if reason not in set(DecisionReason):
        return make_response(_page(appeal_id, {"reason": _("选一个处理结果")}), 400)
    with act() as a:
        clinic_id = service.decide(a.session, a.actor, appeal_id, DecisionReason(reason), a.now)
        a.answer = see_other("desk.appeals", clinic=clinic_id)
    return a.sealed()


def _page(appeal_id: str, errors: dict[str, str]) -> str:
    with act(is_keyed=False) as a:
        opened = service.open_appeal(a.session, a.actor, appeal_id, a.now)
    choices = [
        *({"value": code.value, "title": _("撤销爽约：%(why)s", why=DECISIONS[code])} for code in UPHELD_FOR),
        *({"value": code.value, "title": _("维持：%(why)s", why=DECISIONS[code])} for code in DENIED_FOR),
    ]
    return render_template(
        "desk/appeal.html", opened=opened, kinds=KINDS, excuses=EXCUSES, reasons=APPEAL_REASONS,
        decisions=DECISIONS, choices=choices, errors=errors, lines=evidence_words.lines_of(opened.evidence),
    )  # fmt: skip
