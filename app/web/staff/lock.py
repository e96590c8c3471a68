"""The shared tablet: covering the page, uncovering it by PIN, and letting somebody else go on.

A locked sitting opens nothing: pages lead here and fragments too, so that names leave the screen and stay away. The page comes back
where it was, with what it showed.
"""

from __future__ import annotations

import re
from typing import Any

from flask import make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app.domain import passwords
from app.domain.actor import Actor
from app.domain.lockout import PinNotHere, TriedTooOften
from app.services import pins, staff_signin, websessions
from app.web.device import is_known_device, this_device
from app.web.house import house
from app.web.i18n import page_of_ours
from app.web.limits import ADDRESS_STAFF_SIGN_IN, STAFF_STEPS, by_address, limiter
from app.web.login import public, staff_required, staff_standing, token_of
from app.web.staff import HOME, bp
from app.web.staff.place import in_every_area, keep_token
from app.web.staff.signin import log, said, too_often, was_wrong, where_to
from app.web.transaction import act, reading

A_PIN = re.compile("[0-9]{4,6}")


@in_every_area(bp, "POST", "/active")
@staff_required(*HOME)
def active(area: str = "") -> Any:
    """Hear that the page was touched: that it was asked moves the time at which it would lock (`app.web.login`)."""
    return "", 204


@in_every_area(bp, "POST", "/lock")
@staff_required(*HOME)
def lock(area: str = "") -> Any:
    """Cover this browser's pages until the PIN or the password was typed."""
    next_page = request.form.get("next", "")
    cause = "idle" if request.form.get("cause") == "idle" else "button"
    with act(is_keyed=False) as a:
        pins.lock(a.session, a.actor, str(token_of(request)[1]), cause, a.now)
        a.answer = {"location": url_for("staff.lock_page", area=area or None, next=_ours(next_page))}
    return a.sealed()


@in_every_area(bp, "GET", "/lock")
@public
def lock_page(area: str = "") -> Any:
    """Ask for the PIN of whose page this is, or of whoever goes on here."""
    return _page(area, {}, request.args.get("next", ""), is_by_password=request.args.get("with") == "password")


def _ours(next_page: str) -> str | None:
    return page_of_ours(next_page) if next_page.startswith("/staff/") else None


def _owner() -> str | None:
    """Return whose sitting this browser has, locked or open."""
    if current_user.is_authenticated:
        return str(current_user.actor.ref)
    standing = staff_standing()
    return standing.owner_ref if standing is not None and not standing.needs else None


def _page(
    area: str, errors: dict[str, str], next_page: str, status: int = 200, *, is_by_password: bool = False, who: str = ""
) -> Any:
    owner = _owner()
    with reading() as session:
        here = pins.people_here(session, this_device().key, house().clock())
        login, *name = staff_signin.names_of(session, owner) if owner else ("", "", "")
    others = [(p.staff_ref, (p.name_zh, p.name_en)) for p in here if p.staff_ref != owner]
    is_locked = not current_user.is_authenticated
    if owner is None and not others:
        return redirect(url_for("staff.sign_in", next=_ours(next_page)), code=303)
    has_pin = any(p.staff_ref == owner for p in here)
    page = render_template(
        "staff/lock_page.html",
        owner=owner,
        login=login,
        owner_name=name,
        others=others,
        is_locked=is_locked,
        is_by_pin=bool(has_pin or owner is None or not is_locked) and not is_by_password,
        has_pin=has_pin,
        chosen=who or (owner if is_locked and owner else ""),
        errors=errors,
        next=_ours(next_page) or "",
        area=area or None,
    )
    return make_response(page, status)


@in_every_area(bp, "POST", "/lock/open")
@public
@limiter.limit(STAFF_STEPS)
@limiter.limit(ADDRESS_STAFF_SIGN_IN, key_func=by_address, exempt_when=is_known_device)
def unlock(area: str = "") -> Any:
    """Uncover the page, or let somebody else go on. A PIN is digits alone, a password never is: the field takes both."""
    owner, next_page = _owner(), request.form.get("next", "")
    who, secret = request.form.get("who", "") or owner or "", request.form.get("secret", "")
    if not who:
        if owner is None:
            return redirect(url_for("staff.sign_in"), code=303)
        return _page(area, {"who": _("选是谁在用。")}, next_page, 400)
    if not A_PIN.fullmatch(secret):
        if who != owner:
            return _page(area, {"secret": _("填写这个人的 PIN，4 到 6 位数字。")}, next_page, 400, who=who)
        return _by_password(area, owner, secret, next_page)
    return _by_pin(area, owner, who, secret, next_page)


def _by_pin(area: str, owner: str | None, who: str, pin: str, next_page: str) -> Any:
    at_house = house()
    try:
        with at_house.writing_session() as session:
            tried = pins.begin_try(session, this_device().key, who, at_house.clock())
    except PinNotHere as refused:
        if who != owner:
            return _page(area, {"who": said(refused)}, next_page, 409)
        return _page(area, {"secret": said(refused)}, next_page, 409, is_by_password=True)
    if not at_house.passwords.is_right(tried.pin_hash, pin):
        log.warning("staff.sign_in_refused", endpoint=request.endpoint, way="pin", known_device=True)
        with at_house.writing_session() as session:
            pins.wrong(session, tried, at_house.clock())
        at_house.bell.knock()
        return _page(area, {"secret": _("PIN 不对。再试一次；连续错 5 次后要用密码。")}, next_page, 400, who=who)
    token = token_of(request)[1]
    is_own = who == owner and token is not None
    with act(Actor("staff"), is_keyed=False) as a:
        pins.right(a.session, tried)
        if is_own:
            actor = pins.unlock(a.session, str(token), "pin", a.now)
        else:
            if area:  # a cookie of one area: theirs, not the one before
                coming, _roles = websessions.member_as_actor(a.session, who, "")
                area = url_for(HOME[str(coming.role)]).split("/")[2] if coming else area
            token, actor = pins.switch(a.session, tried, a.now, replaces=token, area=area)
        a.answer = {"location": where_to(next_page if is_own or _suits(next_page, actor) else "", actor)}
    return a.sealed() if is_own else keep_token(a.sealed(), str(token), area)


def _suits(next_page: str, actor: Actor) -> bool:
    """Return whether a page is in the work of the one who goes on: another role's would only say no."""
    return next_page.startswith(url_for(HOME[str(actor.role)]))


def _by_password(area: str, owner: str, secret: str, next_page: str) -> Any:
    at_house = house()
    try:
        with at_house.writing_session() as session:
            tried = staff_signin.begin_try(session, "password", this_device(), at_house.clock(), staff_ref=owner)
    except TriedTooOften as refused:
        page = _page(area, {"secret": said(refused)}, next_page, refused.status, is_by_password=True)
        return too_often(refused, page)
    if not at_house.passwords.is_right(tried.password_hash, passwords.normal(secret)):
        was_wrong(tried)
        return _page(area, {"secret": _("PIN 或密码不对。再试一次。")}, next_page, 400, is_by_password=True)
    with act(Actor("staff"), is_keyed=False) as a:
        staff_signin.right(a.session, tried)
        actor = pins.unlock(a.session, str(token_of(request)[1]), "password", a.now)
        staff_signin.remember_here(a.session, actor, this_device(), a.now)
        a.answer = {"location": where_to(next_page, actor)}
    return a.sealed()
