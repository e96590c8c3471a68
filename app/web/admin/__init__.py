"""The admin's door: staff, roles, rules. No patients."""

from __future__ import annotations

import re
import secrets
from typing import Any

from flask import Blueprint, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app.services import rights, staff
from app.services import rules as window_rules
from app.web.house import house
from app.web.login import staff_required
from app.web.messages import words_for
from app.web.transaction import act, reading, see_other

bp = Blueprint("admin", __name__, url_prefix="/staff/admin")
ROLES = ("doctor", "desk", "auditor", "admin")
PASSWORD_LENGTH = 12
MOST_MINUTES = 480


@bp.get("/people")
@staff_required("admin")
def people() -> Any:
    """Everybody who works here, and the form for one more."""
    return _page({}, {"role": "desk"})


def _page(errors: dict[str, str], typed: dict[str, str], status: int = 200, password: str | None = None) -> Any:
    with reading() as session:
        members, clinics = staff.all_staff(session), staff.clinics(session)
    page = render_template(
        "admin/people.html",
        members=members,
        clinics=clinics,
        clinic_choices=[(ref, zh) for ref, zh, _en in clinics],
        errors=errors,
        typed=typed,
        password=password,
    )
    return make_response(page, status)


@bp.post("/people")
@staff_required("admin")
def create() -> Any:
    """Make a member of staff; the password is made here, shown once, and changed by nobody but a new one."""
    typed = {f: request.form.get(f, "").strip() for f in ("login", "name_zh", "name_en", "role", "clinic")}
    errors = {f: _("填写这一项。") for f in ("login", "name_zh", "name_en") if not typed[f]}
    if typed["role"] not in ROLES:
        errors["role"] = _("选一个角色。")
    if errors:
        return _page(errors, typed, 400)
    password = secrets.token_urlsafe(PASSWORD_LENGTH)
    hashed = house().passwords.hash(password)
    try:
        with act() as a:
            rights.manage_staff(a.actor, a.now)
            clinic = typed["clinic"] or next(iter(current_user.actor.clinics))
            staff.create(
                a.session, a.actor, a.now, login=typed["login"], password_hash=hashed, name_zh=typed["name_zh"],
                name_en=typed["name_en"], role=typed["role"], clinic_id=clinic,
            )  # fmt: skip
    except staff.LoginTaken as taken:
        return _page({"login": words_for(taken).title}, typed, 409)
    return _page({}, {"role": "desk"}, password=password)


@bp.post("/people/<staff_ref>/disable")
@staff_required("admin")
def disable(staff_ref: str) -> Any:
    """Disable a member: their sessions die at once (A3)."""
    with act() as a:
        rights.manage_staff(a.actor, a.now)
        staff.disable(a.session, a.actor, staff_ref, a.now)
        a.answer = see_other("admin.people")
    return a.sealed()


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
