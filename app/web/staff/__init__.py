"""The staff's door: signing in, and the way to one's own work."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app.domain import lockout
from app.services import staff_signin
from app.web.i18n import language_tag
from app.web.login import clear_session_cookie, staff_required, token_of
from app.web.transaction import act

bp = Blueprint("staff", __name__, url_prefix="/staff")
HOME = {
    "doctor": "doctor.queue",
    "desk": "desk.board",
    "lab": "lab.work",
    "pharmacist": "pharmacy.work",
    "admin": "admin.people",
    "auditor": "auditor.events",
}


@bp.post("/sign-out")
@bp.post("/<any(doctor, desk, lab, pharmacy, admin, auditor):area>/sign-out")
@staff_required(*HOME)
def sign_out(area: str = "") -> Any:
    """End this session at once (A3). A cookie that was given for one area's pages comes to that area's address only."""
    _door, token = token_of(request)
    with act() as a:
        staff_signin.sign_out(a.session, a.actor, str(token), a.now)
        a.answer = {"location": url_for("staff.sign_in")}
    response = clear_session_cookie(a.sealed(), "staff")
    return clear_session_cookie(response, "staff", path=f"/staff/{area}") if area else response


@bp.get("/")
@staff_required(*HOME)
def home() -> Any:
    """Go to the work of one's role."""
    return redirect(url_for(HOME[str(current_user.actor.role)]), code=303)


def frame() -> dict[str, Any]:
    """What the staff's frame shows: who is signed in, and the pages of their roles."""
    if not current_user.is_authenticated or current_user.actor.kind != "staff":
        return {"staff": None, "nav": []}
    area = current_user.area or None
    roles = current_user.roles
    reach = f"/staff/{area}/" if area else "/staff/"  # a cookie of the demo's comes to one area's pages only
    pages = [
        ("doctor", "doctor.queue", _("叫号与接诊")),
        ("doctor", "doctor.came_back", _("结果和退回")),
        ("doctor", "doctor.readable", _("我能看的病历")),
        ("doctor", "doctor.emergency", _("紧急查阅")),
        ("doctor", "doctor.restricted", _("只保存的病历")),
        ("desk", "desk.board", _("前台看板")),
        ("desk", "claims.look_up", _("核对证件")),
        ("desk", "desk.sessions", _("停诊安排")),
        ("desk", "desk.appeals", _("申诉")),
        ("desk", "desk.corrections", _("更正")),
        ("lab", "lab.work", _("检验")),
        ("pharmacist", "pharmacy.work", _("处方审核")),
        ("admin", "admin.people", _("人员")),
        ("admin", "admin.apps", _("外部应用")),
        ("admin", "admin.rules", _("门诊规则")),
        ("admin", "admin.today", _("一天的数字")),
        *(
            []
            if "desk" in roles
            else [
                ("admin", "desk.sessions", _("停诊安排")),
                ("admin", "desk.appeals", _("申诉")),
                ("admin", "desk.corrections", _("更正")),
            ]
        ),
        ("auditor", "auditor.events", _("审计")),
        ("auditor", "auditor.reviews", _("待审核和投诉")),
    ]
    nav = [
        {"href": url_for(endpoint), "text": text, "current": _is_open(endpoint)}
        for role, endpoint, text in pages
        if role in roles and url_for(endpoint).startswith(reach)
    ]
    words = {
        "doctor": _("医生"),
        "desk": _("前台"),
        "lab": _("检验"),
        "pharmacist": _("药师"),
        "admin": _("管理员"),
        "auditor": _("审计员"),
    }
    role = str(current_user.actor.role)
    name = current_user.name_en if language_tag() == "en" and current_user.name_en else current_user.name_zh
    return {
        "staff": {"name": name, "role": words.get(role, role), "clinic": ""},
        "nav": nav,
        "leave": url_for("staff.sign_out", area=area),
        "own_page": url_for("staff.me", area=area),
        "lock": {
            "action": url_for("staff.lock", area=area),
            "page": url_for("staff.lock_page", area=area),
            "active": url_for("staff.active", area=area),
            "seconds": int(lockout.lock_after(roles).total_seconds()),
            "every": int(lockout.TOUCHES_TOLD_EVERY.total_seconds()),
            "sitting": current_user.actor.session,
            "here": request.full_path.rstrip("?") if request.method == "GET" else "",
        },
    }


def _is_open(endpoint: str) -> bool:
    """Whether a page of the bar is open, or one under it: a door's first page is not above all the others."""
    there = url_for(endpoint)
    return request.endpoint == endpoint or (not there.endswith("/") and request.path.startswith(f"{there}/"))


@bp.app_context_processor
def staff_frame() -> dict[str, Any]:
    return frame() if request.path.startswith("/staff") else {}


from app.web.staff import lock, mine, signin  # noqa: E402, F401 (their views register themselves on `bp`)
