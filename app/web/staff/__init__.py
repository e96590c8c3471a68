"""The staff's door: signing in, and the way to one's own work."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app.domain.actor import Actor
from app.services import staff
from app.web.house import house
from app.web.i18n import language_tag, page_of_ours
from app.web.limits import ADDRESS_STAFF_SIGN_IN, STAFF_SIGN_IN, by_address, limiter
from app.web.login import clear_session_cookie, public, set_session_cookie, staff_required, token_of
from app.web.transaction import act, reading

bp = Blueprint("staff", __name__, url_prefix="/staff")
HOME = {"doctor": "doctor.queue", "desk": "desk.board", "admin": "admin.people", "auditor": "auditor.events"}


@bp.get("/sign-in")
@public
def sign_in() -> Any:
    """Show the form."""
    if current_user.is_authenticated:
        return redirect(url_for("staff.home"), code=303)
    return render_template("staff/sign_in.html", errors={}, login="", next=request.args.get("next", ""))


@bp.post("/sign-in")
@public
@limiter.limit(STAFF_SIGN_IN)
@limiter.limit(ADDRESS_STAFF_SIGN_IN, key_func=by_address)
def take_sign_in() -> Any:
    """Check the password outside any transaction, then begin the session.

    The answer and the time are the same for a wrong name and a wrong password.
    """
    login, password = request.form.get("login", "").strip(), request.form.get("password", "")
    with reading() as session:
        found = staff.find_for_sign_in(session, login)
    if not house().passwords.is_right(found[1] if found else None, password) or found is None:
        page = render_template(
            "staff/sign_in.html",
            errors={"password": _("登录名或密码不对。再试一次，或请管理员重设。")},
            login=login,
            next=request.form.get("next", ""),
        )
        return make_response(page, 400)
    return begin(found[0], request.form.get("next", ""))


def begin(staff_ref: str, next_page: str = "") -> Any:
    """Begin a staff session for somebody who was just recognised, and go to their work."""
    with act(Actor("staff")) as a:
        token, actor = staff.sign_in(a.session, staff_ref, a.now, replaces=token_of(request)[1])
        there = page_of_ours(next_page) if next_page.startswith("/staff/") else url_for(HOME[str(actor.role)])
        a.answer = {"location": there}
    return set_session_cookie(a.sealed(), "staff", token)


@bp.post("/sign-out")
@bp.post("/<any(doctor, desk, admin, auditor):area>/sign-out")
@staff_required("doctor", "desk", "admin", "auditor")
def sign_out(area: str = "") -> Any:
    """End this session at once (A3). A cookie that was given for one area's pages comes to that area's address only."""
    _door, token = token_of(request)
    with act() as a:
        staff.sign_out(a.session, a.actor, str(token), a.now)
        a.answer = {"location": url_for("staff.sign_in")}
    response = clear_session_cookie(a.sealed(), "staff")
    return clear_session_cookie(response, "staff", path=f"/staff/{area}") if area else response


@bp.get("/")
@staff_required("doctor", "desk", "admin", "auditor")
def home() -> Any:
    """Go to the work of one's role."""
    return redirect(url_for(HOME[str(current_user.actor.role)]), code=303)


def frame() -> dict[str, Any]:
    """What the staff's frame shows: who is signed in, and the pages of their roles."""
    if not current_user.is_authenticated or current_user.actor.kind != "staff":
        return {"staff": None, "nav": []}
    area = request.path.split("/")[2]
    leave = (
        url_for("staff.sign_out", area=area)
        if area in ("doctor", "desk", "admin", "auditor")
        else url_for("staff.sign_out")
    )
    roles = current_user.roles
    pages = [
        ("doctor", "doctor.queue", _("叫号与接诊")),
        ("desk", "desk.board", _("前台看板")),
        ("desk", "claims.look_up", _("核对证件")),
        ("admin", "admin.people", _("人员")),
        ("admin", "admin.rules", _("签到规则")),
        ("auditor", "auditor.events", _("审计")),
    ]
    nav = [
        {"href": url_for(endpoint), "text": text, "current": request.endpoint == endpoint}
        for role, endpoint, text in pages
        if role in roles
    ]
    words = {"doctor": _("医生"), "desk": _("前台"), "admin": _("管理员"), "auditor": _("审计员")}
    role = str(current_user.actor.role)
    name = current_user.name_en if language_tag() == "en" and current_user.name_en else current_user.name_zh
    return {
        "staff": {"name": name, "role": words.get(role, role), "clinic": ""},
        "nav": nav,
        "leave": leave,
    }


@bp.app_context_processor
def staff_frame() -> dict[str, Any]:
    return frame() if request.path.startswith("/staff") else {}
