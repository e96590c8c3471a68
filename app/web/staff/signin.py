"""Signing in: the password, then whatever else is asked for before the sitting begins."""

from __future__ import annotations

from typing import Any

import segno
import structlog
from flask import Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup

from app.domain import passwords
from app.domain.actor import Actor
from app.domain.errors import BadInput, SignInNeeded
from app.domain.lockout import TriedTooOften
from app.domain.totp import OneTimeCodeWrong
from app.services import events, pins, staff_signin, totp, websessions
from app.services.staff_signin import Begun, Try
from app.services.websessions import Standing
from app.web.device import is_known_device, this_device
from app.web.house import house
from app.web.i18n import page_of_ours
from app.web.limits import ADDRESS_STAFF_SIGN_IN, STAFF_SIGN_IN, STAFF_STEPS, by_address, limiter
from app.web.login import clear_session_cookie, public, set_session_cookie, staff_standing, token_of
from app.web.messages import words_for
from app.web.staff import HOME, bp
from app.web.transaction import act, reading

log = structlog.get_logger()


@bp.get("/sign-in")
@public
def sign_in() -> Any:
    """Show the form; who is half-way in goes on where they were."""
    standing, next_page = staff_standing(), request.args.get("next", "")
    if request.args.get("anew"):  # somebody else, whoever sits here now
        return _page({}, "", next_page)
    if current_user.is_authenticated:
        return redirect(url_for("staff.home"), code=303)
    if standing is not None and standing.needs:
        return redirect(url_for("staff.step", next=next_page), code=303)
    if standing is not None and standing.is_locked:
        return redirect(url_for("staff.lock_page", area=standing.area or None, next=next_page), code=303)
    return _page({}, "", next_page)


def _page(errors: dict[str, str], login: str, next_page: str, status: int = 200) -> Any:
    with reading() as session:
        here = pins.people_here(session, this_device().key, house().clock())
    page = render_template("staff/sign_in.html", errors=errors, login=login, next=next_page, people_here=here)
    return make_response(page, status)


@bp.post("/sign-in")
@public
@limiter.limit(STAFF_SIGN_IN)
@limiter.limit(ADDRESS_STAFF_SIGN_IN, key_func=by_address, exempt_when=is_known_device)
def take_sign_in() -> Any:
    """Check the password outside any transaction, then begin the session or the step that comes first.

    The answer and the time are the same for a wrong name and a wrong password.
    """
    login, next_page = request.form.get("login", "").strip(), request.form.get("next", "")
    at_house, device = house(), this_device()
    try:
        with at_house.writing_session() as session:
            tried = staff_signin.begin_try(session, "password", device, at_house.clock(), login=login)
    except TriedTooOften as refused:
        return too_often(refused, _page({"password": said(refused)}, login, next_page, refused.status))
    typed = passwords.normal(request.form.get("password", ""))
    if not at_house.passwords.is_right(tried.password_hash, typed) or tried.staff_ref is None:
        was_wrong(tried)
        return _page({"password": _("登录名或密码不对。再试一次，或请管理员重设。")}, login, next_page, 400)
    with act(Actor("staff")) as a:
        staff_signin.right(a.session, tried)
        begun = staff_signin.start(
            a.session, tried.staff_ref, device, a.now,
            must_enrol=not at_house.settings.is_demo, replaces=token_of(request)[1],
        )  # fmt: skip
        a.answer = {"location": after(begun, next_page)}
    return into(a.sealed(), begun)


def said(refused: Exception) -> str:
    """Return a refusal's words as one line for a form."""
    words = words_for(refused)  # type: ignore[arg-type]
    return "。".join(filter(None, (words.title.rstrip("。"), words.next_step)))


def too_often(refused: TriedTooOften, page: Response) -> Response:
    """Give the page its Retry-After, and the security log its line."""
    log.warning("staff.tried_too_often", endpoint=request.endpoint)
    page.headers["Retry-After"] = str(refused.facts["retry_seconds"])
    return page


def was_wrong(tried: Try) -> None:
    """Leave a wrong try counted; on a device of the member's own it is an event, of strangers a line of the security log (A6)."""
    log.warning("staff.sign_in_refused", endpoint=request.endpoint, way=tried.way, known_device=tried.is_known)
    if tried.is_known:
        at_house = house()
        with at_house.writing_session() as session:
            staff_signin.wrong(session, tried, at_house.clock())
        at_house.bell.knock()


def after(begun: Begun, next_page: str) -> str:
    """Return where to go: to the next step, or to the page that was wanted, or to one's work."""
    if begun.needs:
        return url_for("staff.step", next=next_page or None)
    return where_to(next_page, begun.actor)


def where_to(next_page: str, actor: Actor | None) -> str:
    if next_page.startswith("/staff/"):
        return page_of_ours(next_page)
    return url_for(HOME[str(actor.role)] if actor else "staff.home")


def into(response: Response, begun: Begun) -> Response:
    """Put the token into the browser. A cookie of one area (demos) would hide it there, so that one goes."""
    if begun.actor is not None and house().settings.is_demo:
        area = url_for(HOME[str(begun.actor.role)]).split("/")[2]
        clear_session_cookie(response, "staff", path=f"/staff/{area}")
    return set_session_cookie(response, "staff", begun.token)


# The steps after the password


@bp.get("/sign-in/next")
@public
def step() -> Any:
    """Ask for what is still to come: the one-time code, making a second factor, a new password."""
    half = staff_standing()
    if half is None or not half.needs:
        return redirect(url_for("staff.sign_in", next=request.args.get("next")), code=303)
    return _step_page(half, {}, request.args.get("next", ""))


def _step_page(half: Standing, errors: dict[str, str], next_page: str, status: int = 200) -> Any:
    words: dict[str, Any] = {"step": half.needs[0], "errors": errors, "next": next_page, "qr": None, "secret": ""}
    with reading() as session:
        words["login"] = staff_signin.names_of(session, half.owner_ref)[0]
        if half.needs[0] == "enrol":
            words["qr"], words["secret"] = to_scan(session, half.owner_ref)
    return make_response(render_template("staff/step.html", **words), status)


def to_scan(session: Any, staff_ref: str) -> tuple[Markup, str]:
    """Return the QR code of a secret that waits for its first code, and the secret in groups of four to type."""
    address, secret = totp.to_scan(session, staff_ref, _("明诊"))
    drawn = segno.make(address, micro=False).svg_inline(omitsize=True, border=2, svgclass=None, lineclass=None)
    return Markup(drawn), " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))  # noqa: S704 (drawn by segno)


@bp.post("/sign-in/next")
@public
@limiter.limit(STAFF_STEPS)
@limiter.limit(ADDRESS_STAFF_SIGN_IN, key_func=by_address, exempt_when=is_known_device)
def take_step() -> Any:
    """Take one step."""
    half, next_page = staff_standing(), request.form.get("next", "")
    if half is None or not half.needs:
        return redirect(url_for("staff.sign_in", next=next_page or None), code=303)
    if request.form.get("step") != half.needs[0]:
        return redirect(url_for("staff.step", next=next_page or None), code=303)
    take = {"code": _take_code, "enrol": _take_enrol, "password": _take_password}[half.needs[0]]
    return take(half, str(token_of(request)[1]), next_page)


def _take_code(half: Standing, token: str, next_page: str) -> Any:
    at_house, device = house(), this_device()
    try:
        with at_house.writing_session() as session:
            tried = staff_signin.begin_try(session, "code", device, at_house.clock(), staff_ref=half.owner_ref)
    except TriedTooOften as refused:
        return too_often(refused, _step_page(half, {"code": said(refused)}, next_page, refused.status))
    try:
        with act(Actor("staff"), is_keyed=False) as a:
            how = totp.spend(a.session, half.owner_ref, request.form.get("code", ""), a.now)
            staff_signin.right(a.session, tried)
            if how == "recovery":
                actor, _roles = websessions.member_as_actor(a.session, half.owner_ref, half.ref)
                events.record(a.session, "totp.recovery_used", actor or Actor("staff"), a.now)
            begun = staff_signin.advance(a.session, token, "code", device, a.now, way=how)
            a.answer = {"location": after(begun, next_page)}
    except OneTimeCodeWrong as refused:
        was_wrong(tried)
        return _step_page(half, {"code": said(refused)}, next_page, 400)
    return into(a.sealed(), begun)


def _take_enrol(half: Standing, token: str, next_page: str) -> Any:
    try:
        with act(Actor("staff"), is_keyed=False) as a:
            actor, _roles = websessions.member_as_actor(a.session, half.owner_ref, half.ref)
            if actor is None:
                raise SignInNeeded()
            codes = totp.confirm(a.session, actor, half.owner_ref, request.form.get("code", ""), a.now)
            begun = staff_signin.advance(a.session, token, "enrol", this_device(), a.now, way="password_code")
    except OneTimeCodeWrong as refused:
        return _step_page(half, {"code": said(refused)}, next_page, 400)
    a.wait_for_seal()
    page = render_template("staff/recovery_codes.html", codes=codes, onward=after(begun, next_page))
    return into(make_response(page), begun)


def _take_password(half: Standing, token: str, next_page: str) -> Any:
    with reading() as session:
        about = staff_signin.names_of(session, half.owner_ref)
        present = staff_signin.password_hash_of(session, half.owner_ref)
    errors = new_password_errors(about, present)
    if errors:
        return _step_page(half, errors, next_page, 400)
    hashed = house().passwords.hash(passwords.normal(request.form["password"]))
    with act(Actor("staff"), is_keyed=False) as a:
        actor, _roles = websessions.member_as_actor(a.session, half.owner_ref, half.ref)
        if actor is None:
            raise SignInNeeded()
        staff_signin.change_password(a.session, half.owner_ref, hashed, a.now, actor=actor, keep=half.ref)
        begun = staff_signin.advance(a.session, token, "password", this_device(), a.now)
        a.answer = {"location": after(begun, next_page)}
    return into(a.sealed(), begun)


def new_password_errors(about: tuple[str, ...], present_hash: str) -> dict[str, str]:
    """Return what is wrong with the password that the form chose; `about`: what everybody knows of the member."""
    typed = request.form.get("password", "")
    try:
        passwords.check_password(typed, (*about, _("明诊"), "Mingzhen"))
    except BadInput as refused:
        return {"password": said(refused)}
    if request.form.get("again", "") != typed:
        return {"again": _("两次输入的不一样。再输入一次新密码。")}
    if house().passwords.is_right(present_hash, passwords.normal(typed)):
        return {"password": _("这就是现在的密码。换一个新的。")}
    return {}
