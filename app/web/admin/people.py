"""The admin's pages about staff: who works here, and one member's roles, password and second factor."""

from __future__ import annotations

import secrets
from typing import Any

from flask import make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_login import current_user

from app.services import rights, staff
from app.web.admin import bp
from app.web.house import house
from app.web.i18n import language_tag
from app.web.login import staff_required
from app.web.messages import words_for
from app.web.transaction import act, reading, see_other

ROLE_WORDS = {
    "doctor": lazy_gettext("医生"),
    "desk": lazy_gettext("前台"),
    "lab": lazy_gettext("检验"),
    "pharmacist": lazy_gettext("药师"),
    "auditor": lazy_gettext("审计员"),
    "admin": lazy_gettext("管理员"),
}
PASSWORD_BYTES = 12  # 96 bits: nobody guesses a first password, and it is changed at the first sign-in
TYPED = ("login", "name_zh", "name_en", "title_zh", "title_en", "role", "clinic")


@bp.get("/people")
@staff_required("admin")
def people() -> Any:
    """Everybody who works here, and the form for one more."""
    return _page({}, {"role": "desk"})


def _choices(clinics: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Return the clinics in which the admin may give roles: their own."""
    is_english = language_tag() == "en"
    return [(ref, en if is_english else zh) for ref, zh, en in clinics if ref in current_user.actor.clinics]


def _page(errors: dict[str, str], typed: dict[str, str], status: int = 200, made: dict[str, str] | None = None) -> Any:
    with reading() as session:
        members, clinics = staff.all_staff(session), staff.clinics(session)
    page = render_template(
        "admin/people.html",
        members=members,
        clinic_choices=_choices(clinics),
        role_words=ROLE_WORDS,
        errors=errors,
        typed=typed,
        made=made,
    )
    return make_response(page, status)


@bp.post("/people")
@staff_required("admin")
def create() -> Any:
    """Make a member of staff; the first password is made here, shown once, and changed by its owner at the first sign-in."""
    typed = {f: request.form.get(f, "").strip() for f in TYPED}
    errors = {f: _("填写这一项。") for f in ("login", "name_zh", "name_en") if not typed[f]}
    if typed["role"] not in ROLE_WORDS:
        errors["role"] = _("选一个角色。")
    if errors:
        return _page(errors, typed, 400)
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    hashed = house().passwords.hash(password)
    try:
        with act() as a:
            rights.manage_staff(a.actor, a.now)
            clinic = typed["clinic"] or next(iter(current_user.actor.clinics))
            ref = staff.create(
                a.session, a.actor, a.now, login=typed["login"], password_hash=hashed, name_zh=typed["name_zh"],
                name_en=typed["name_en"], title_zh=typed["title_zh"], title_en=typed["title_en"], role=typed["role"],
                clinic_id=clinic, must_change_password=True,
            )  # fmt: skip
    except staff.LoginTaken as taken:
        return _page({"login": words_for(taken).title}, typed, 409)
    return _page({}, {"role": "desk"}, made={"ref": ref, "login": typed["login"], "password": password})


@bp.get("/people/<staff_ref>")
@staff_required("admin")
def person(staff_ref: str) -> Any:
    """One member: roles by clinic, and what an admin can do for them."""
    return _person_page(staff_ref, {})


def _person_page(
    staff_ref: str, errors: dict[str, str], status: int = 200, typed: dict[str, str] | None = None, password: str = ""
) -> Any:
    with reading() as session:
        member = staff.member(session, current_user.actor, staff_ref)
        clinics = staff.clinics(session)
    page = render_template(
        "admin/person.html",
        member=member,
        clinic_choices=_choices(clinics),
        role_words=ROLE_WORDS,
        is_me=staff_ref == current_user.actor.ref,
        errors=errors,
        typed=typed or {},
        password=password,
    )
    return make_response(page, status)


@bp.post("/people/<staff_ref>/grants")
@staff_required("admin")
def grant(staff_ref: str) -> Any:
    """Give a role in one of the own clinics; the member's open pages end, so that the next sign-in has it (A3)."""
    typed = {f: request.form.get(f, "") for f in ("role", "clinic")}
    if typed["role"] not in ROLE_WORDS:
        return _person_page(staff_ref, {"role": _("选一个角色。")}, 400, typed)
    try:
        with act() as a:
            rights.manage_staff(a.actor, a.now)
            staff.grant(a.session, a.actor, staff_ref, typed["role"], typed["clinic"], a.now)
            a.answer = see_other("admin.person", staff_ref=staff_ref)
    except staff.RoleHeld as held:
        return _person_page(staff_ref, {"role": words_for(held).title}, 409, typed)
    return a.sealed()


@bp.post("/people/<staff_ref>/grants/<grant_id>/end")
@staff_required("admin")
def end_grant(staff_ref: str, grant_id: str) -> Any:
    """Take a role back: the member's sessions end at once (A3)."""
    with act() as a:
        rights.manage_staff(a.actor, a.now)
        staff.end_grant(a.session, a.actor, staff_ref, grant_id, a.now)
        a.answer = see_other("admin.person", staff_ref=staff_ref)
    return a.sealed()


@bp.post("/people/<staff_ref>/disable")
@staff_required("admin")
def disable(staff_ref: str) -> Any:
    """Disable a member: their sessions die at once (A3)."""
    with act() as a:
        rights.manage_staff(a.actor, a.now)
        staff.disable(a.session, a.actor, staff_ref, a.now)
        a.answer = see_other("admin.person", staff_ref=staff_ref)
    return a.sealed()


@bp.post("/people/<staff_ref>/enable")
@staff_required("admin")
def enable(staff_ref: str) -> Any:
    """Let a disabled member sign in again."""
    with act() as a:
        rights.manage_staff(a.actor, a.now)
        staff.enable(a.session, a.actor, staff_ref, a.now)
        a.answer = see_other("admin.person", staff_ref=staff_ref)
    return a.sealed()


@bp.post("/people/<staff_ref>/password")
@staff_required("admin")
def reset_password(staff_ref: str) -> Any:
    """Make a first password anew, shown once; the member's sessions end."""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    hashed = house().passwords.hash(password)
    with act() as a:
        rights.manage_staff(a.actor, a.now)
        staff.reset_password(a.session, a.actor, staff_ref, hashed, a.now)
    a.wait_for_seal()
    return _person_page(staff_ref, {}, password=password)


@bp.post("/people/<staff_ref>/second-factor")
@staff_required("admin")
def reset_totp(staff_ref: str) -> Any:
    """Take a lost second factor away; never one's own."""
    with act() as a:
        rights.manage_staff(a.actor, a.now)
        staff.reset_second_factor(a.session, a.actor, staff_ref, a.now)
        a.answer = see_other("admin.person", staff_ref=staff_ref)
    return a.sealed()
