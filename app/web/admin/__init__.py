"""The admin's door: staff, roles, rules. No patients."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app.services import rights
from app.services import rules as window_rules
from app.web.login import staff_required
from app.web.transaction import act, reading

bp = Blueprint("admin", __name__, url_prefix="/staff/admin")
MOST_MINUTES = 480


@bp.get("/rules")
@staff_required("admin")
def rules() -> Any:
    """The check-in window of each of one's clinics, with what it means for a visit at nine."""
    return _rules_page({}, None)


def _rules_page(errors: dict[str, str], typed: dict[str, str] | None, status: int = 200) -> Any:
    with reading() as session:
        shown = window_rules.windows_of(session, current_user.actor.clinics)
    return make_response(render_template("admin/rules.html", windows=shown, errors=errors, typed=typed), status)


@bp.post("/rules/<clinic_id>")
@staff_required("admin")
def change_rule(clinic_id: str) -> Any:
    """Change a clinic's check-in window."""
    early, late = request.form.get("early_minutes", ""), request.form.get("late_minutes", "")
    if not all(re.fullmatch("[0-9]{1,3}", typed) and int(typed) <= MOST_MINUTES for typed in (early, late)):
        return _rules_page({"early_minutes": _("填 0 到 480 之间的分钟数。")}, {"early": early, "late": late}, 400)
    with act() as a:
        rights.manage_staff(a.actor, a.now)
        window_rules.change_window(a.session, a.actor, clinic_id, int(early), int(late), a.now)
        a.answer = {"location": url_for("admin.rules")}
    return a.sealed()


from app.web.admin import day, people  # noqa: E402, F401 (their views register themselves on `bp`)
