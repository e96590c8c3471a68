"""When and how people check in: the rules, and what one would mean before it is saved."""

from __future__ import annotations

import re
from datetime import time
from typing import Any

from flask import make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_login import current_user

from app.domain import checkin, places
from app.domain.calendar import instant, local
from app.domain.checkin import CHOSEN_WAYS, Open, Way, WindowRule
from app.domain.places import MICRO, Fence
from app.services import rules as rulebook
from app.web.admin import bp
from app.web.house import house
from app.web.login import staff_required
from app.web.transaction import act, current_actor, reading, see_other

MOST_MINUTES = 480
NINE = time(9)
WAYS = {
    Way.VENUE: (lazy_gettext("候诊区屏幕上的码"), lazy_gettext("扫码，或输入 6 位数字")),
    Way.PLACE: (lazy_gettext("手机定位"), lazy_gettext("在诊所围栏之内；只记大约的距离")),
    Way.OWN_CODE: (lazy_gettext("患者自己的签到码"), lazy_gettext("前台或闸机扫")),
}


@bp.get("/rules")
@staff_required("admin")
def rules() -> Any:
    """The rules of each of one's clinics and their departments, each with what it means for a visit at nine."""
    with reading() as session:
        found = rulebook.all_of(session, current_user.actor.clinics)
    return render_template("admin/rules.html", clinics=found, example=example, ways=WAYS)


@bp.get("/rules/<clinic_id>")
@staff_required("admin")
def rule(clinic_id: str) -> Any:
    return _rule_page(clinic_id, "")


@bp.post("/rules/<clinic_id>")
@staff_required("admin")
def change_rule(clinic_id: str) -> Any:
    """Show what a clinic's rule would mean, or save it."""
    return _take_rule(clinic_id, "")


@bp.get("/rules/<clinic_id>/parts/<part_id>")
@staff_required("admin")
def department_rule(clinic_id: str, part_id: str) -> Any:
    return _rule_page(clinic_id, part_id)


@bp.post("/rules/<clinic_id>/parts/<part_id>")
@staff_required("admin")
def change_department_rule(clinic_id: str, part_id: str) -> Any:
    """Show what a department's own rule would mean, save it, or let the department go by the clinic's again."""
    return _take_rule(clinic_id, part_id)


@bp.get("/rules/<clinic_id>/fence")
@staff_required("admin")
def fence(clinic_id: str) -> Any:
    return _fence_page(clinic_id, {}, None, 200)


@bp.post("/rules/<clinic_id>/fence")
@staff_required("admin")
def change_fence(clinic_id: str) -> Any:
    """Draw the clinic's fence, or take it away."""
    drawn: Fence | None = None
    if request.form.get("do") != "remove":
        typed = {
            name: request.form.get(name, "").strip()[:20] for name in ("latitude", "longitude", "radius", "accuracy")
        }
        try:
            drawn = places.parse_fence(
                {
                    "latitude_e6": round(float(typed["latitude"]) * MICRO),
                    "longitude_e6": round(float(typed["longitude"]) * MICRO),
                    "radius_m": int(typed["radius"]),
                    "accuracy_max_m": int(typed["accuracy"]),
                }
            )
        except (ValueError, OverflowError, places.RuleMalformed):
            wrong = _("经纬度填十进制度数，例如 31.216540 和 121.473701；半径 20 到 1000 米；误差 5 到 1000 米。")
            return _fence_page(clinic_id, {"latitude": wrong}, typed, 400)
    with act() as a:
        rulebook.change_fence(a.session, a.actor, clinic_id, drawn, a.now)
        a.answer = see_other("admin.rules")
    return a.sealed()


def example(shown: WindowRule) -> tuple[str, str]:
    """Return from when to when a visit at nine could check in under a rule."""
    nine = instant(local(house().clock()).date(), NINE)
    decision = checkin.decide_window(shown, nine, nine)
    opens, closes = (decision.opens_at, decision.closes_at) if isinstance(decision, Open) else (nine, nine)
    return local(opens).strftime("%H:%M"), local(closes).strftime("%H:%M")


def _take_rule(clinic_id: str, department_id: str) -> Any:
    do = request.form.get("do", "")
    drawn: WindowRule | None = None
    if not (do == "inherit" and department_id):
        typed = {
            name: request.form.get(name, "").strip()[:5] for name in ("early_minutes", "late_minutes", "hard_close")
        }
        typed["ways"] = " ".join(way for way in CHOSEN_WAYS if way in request.form.getlist("ways"))
        errors = _errors(typed)
        if errors:
            return _rule_page(clinic_id, department_id, errors, typed, 400)
        drawn = WindowRule(
            int(typed["early_minutes"]),
            int(typed["late_minutes"]),
            hard_close=time.fromisoformat(typed["hard_close"]) if typed["hard_close"] else None,
            ways=frozenset(Way(way) for way in typed["ways"].split()),
        )
        if do == "preview":
            return _rule_page(clinic_id, department_id, {}, typed, 200, preview=example(drawn))
    with act() as a:
        rulebook.change_window(a.session, a.actor, clinic_id, department_id, drawn, a.now)
        a.answer = see_other("admin.rules")
    return a.sealed()


def _errors(typed: dict[str, str]) -> dict[str, str]:
    errors = {}
    for name in ("early_minutes", "late_minutes"):
        if not re.fullmatch("[0-9]{1,3}", typed[name]) or int(typed[name]) > MOST_MINUTES:
            errors[name] = _("填 0 到 480 之间的分钟数。")
    if typed["hard_close"] and not re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", typed["hard_close"]):
        errors["hard_close"] = _("填 24 小时制的时间，例如 11:30；不用就留空。")
    return errors


def _rule_page(
    clinic_id: str,
    department_id: str,
    errors: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    status: int = 200,
    preview: tuple[str, str] | None = None,
) -> Any:
    with reading() as session:
        found = rulebook.one_of(session, current_actor(), clinic_id, department_id)
    shown = typed or {
        key: "" if value is None else str(value) for key, value in checkin.format_window(found.rule).items()
    }
    choices = [{"value": way.value, "title": title, "text": text} for way, (title, text) in WAYS.items()]
    page = render_template(
        "admin/rule.html", found=found, shown=shown, errors=errors or {}, now=example(found.rule), preview=preview,
        choices=choices,
    )  # fmt: skip
    return make_response(page, status)


def _fence_page(clinic_id: str, errors: dict[str, str], typed: dict[str, str] | None, status: int) -> Any:
    with reading() as session:
        found = rulebook.fence_of(session, current_actor(), clinic_id)
        clinic = rulebook.one_of(session, current_actor(), clinic_id)
    drawn = found or Fence(0, 0)
    shown = typed or {
        "latitude": f"{drawn.latitude_e6 / MICRO:.6f}" if found else "",
        "longitude": f"{drawn.longitude_e6 / MICRO:.6f}" if found else "",
        "radius": str(drawn.radius_m),
        "accuracy": str(drawn.accuracy_max_m),
    }
    page = render_template("admin/fence.html", clinic=clinic, is_on=found is not None, shown=shown, errors=errors)
    return make_response(page, status)
