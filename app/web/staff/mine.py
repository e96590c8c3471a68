"""One's own page: where one is signed in, the password, the PIN, the second factor."""

from __future__ import annotations

from typing import Any

from flask import make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app.domain import passwords
from app.domain.errors import BadInput
from app.domain.lockout import NEEDS_SECOND_FACTOR, TriedTooOften
from app.domain.totp import OneTimeCodeWrong
from app.services import pins, sittings, staff_signin, totp
from app.web.device import device_words, this_device
from app.web.house import house
from app.web.limits import STAFF_STEPS, limiter
from app.web.login import staff_required
from app.web.staff import HOME, bp
from app.web.staff.place import in_every_area
from app.web.staff.signin import new_password_errors, said, to_scan, too_often, was_wrong
from app.web.transaction import act, reading


@in_every_area(bp, "GET", "/me")
@staff_required(*HOME)
def me(area: str = "") -> Any:
    """Show one's own sign-ins and what one signs in with."""
    return _page({})


def _page(errors: dict[str, str], status: int = 200) -> Any:
    actor = current_user.actor
    with reading() as session:
        enrolled, begun = totp.is_enrolled(session, actor.ref), totp.is_begun(session, actor.ref)
        qr, secret = to_scan(session, actor.ref) if begun else (None, "")
        rows = [(device_words(one.device), one) for one in sittings.own(session, actor, house().clock())]
        has_pin = pins.has_pin(session, actor.ref)
        login = staff_signin.names_of(session, actor.ref)[0]
    page = render_template(
        "staff/me.html",
        sittings=rows,
        errors=errors,
        has_pin=has_pin,
        login=login,
        may_have_pin=not NEEDS_SECOND_FACTOR.intersection(current_user.roles),
        is_enrolled=enrolled,
        qr=qr,
        secret=secret,
        area=current_user.area or None,
    )
    return make_response(page, status)


def _back(area: str, said_after: str) -> dict[str, Any]:
    return {"location": url_for("staff.me", area=area or None) + f"#{said_after}"}


@in_every_area(bp, "POST", "/me/sittings/<sitting_ref>/end")
@staff_required(*HOME)
def end_sitting(sitting_ref: str, area: str = "") -> Any:
    """End one of one's own sittings: a tablet that was left somewhere."""
    with act() as a:
        sittings.end(a.session, a.actor, sitting_ref, a.now)
        a.answer = _back(area, "sittings")
    return a.sealed()


@in_every_area(bp, "POST", "/me/password")
@staff_required(*HOME)
@limiter.limit(STAFF_STEPS)
def change_password(area: str = "") -> Any:
    """Change the own password: the present one first, so that a page left open is not enough."""
    ref, refused = str(current_user.actor.ref), _wrong_present_password("current")
    if refused is not None:
        return refused
    with reading() as session:
        about, present = staff_signin.names_of(session, ref), staff_signin.password_hash_of(session, ref)
    errors = new_password_errors(about, present)
    if errors:
        return _page(errors, 400)
    hashed = house().passwords.hash(passwords.normal(request.form["password"]))
    with act() as a:
        staff_signin.change_password(a.session, ref, hashed, a.now, actor=a.actor, keep=a.actor.session)
        a.answer = _back(area, "sittings")
    return a.sealed()


def _wrong_present_password(field: str) -> Any:
    """Return the page that says so where the present password in `field` is wrong, or tried too often; None where it is right."""
    at_house = house()
    try:
        with at_house.writing_session() as session:
            tried = staff_signin.begin_try(
                session, "password", this_device(), at_house.clock(), staff_ref=str(current_user.actor.ref)
            )
    except TriedTooOften as refused:
        return too_often(refused, _page({field: said(refused)}, refused.status))
    if not at_house.passwords.is_right(tried.password_hash, passwords.normal(request.form.get(field, ""))):
        was_wrong(tried)
        return _page({field: _("现在的密码不对。")}, 400)
    with at_house.writing_session() as session:
        staff_signin.right(session, tried)
    return None


@in_every_area(bp, "POST", "/me/pin")
@staff_required(*HOME)
@limiter.limit(STAFF_STEPS)
def set_pin(area: str = "") -> Any:
    """Take a PIN for the shared tablet; the password is asked for, since the PIN will stand in for it."""
    try:
        passwords.check_pin(request.form.get("pin", ""))
    except BadInput as refused:
        return _page({"pin": said(refused)}, 400)
    refused_page = None if house().settings.is_demo else _wrong_present_password("pin_password")
    if refused_page is not None:
        return refused_page
    hashed = house().passwords.hash(request.form["pin"])
    with act() as a:
        pins.set_pin(a.session, a.actor, hashed, a.now)
        a.answer = _back(area, "pin-set")
    return a.sealed()


@in_every_area(bp, "POST", "/me/code")
@staff_required(*HOME)
def begin_totp(area: str = "") -> Any:
    """Make a secret and show it as a QR code; nothing is asked for until its first code was typed."""
    with act() as a:
        totp.begin(a.session, str(a.actor.ref), a.now)
        a.answer = _back(area, "second-factor")
    return a.sealed()


@in_every_area(bp, "POST", "/me/code/confirm")
@staff_required(*HOME)
@limiter.limit(STAFF_STEPS)
def confirm_totp(area: str = "") -> Any:
    """Take the second factor into use, and show the recovery codes once."""
    try:
        with act(is_keyed=False) as a:
            codes = totp.confirm(a.session, a.actor, str(a.actor.ref), request.form.get("code", ""), a.now)
    except OneTimeCodeWrong as refused:
        return _page({"code": said(refused)}, 400)
    a.wait_for_seal()
    onward = url_for("staff.me", area=area or None)
    return render_template("staff/recovery_codes.html", codes=codes, onward=onward)
