"""Signing in: two equal doors, WeChat and a phone number with a code. No account is needed to read the pages before."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app.domain import rates
from app.domain.errors import BadInput, Refused, TooMany
from app.domain.phones import format_phone, parse_phone
from app.ports import SMSUnavailable, WeChatRefused, WeChatUnavailable
from app.services import accounts, codes
from app.web import oauth
from app.web.house import house
from app.web.i18n import page_of_ours
from app.web.limits import ADDRESS_CODE, ADDRESS_SIGN_IN, BROWSER_CODE, BROWSER_SIGN_IN, by_address, limiter
from app.web.login import clear_session_cookie, patient_required, public, set_session_cookie, token_of
from app.web.messages import words_for
from app.web.patient import bp
from app.web.transaction import act


class WeChatSaidNo(Refused):
    """WeChat did not sign the person in: refused there, code too old or used, or another browser's sign-in."""

    code = "wechat_said_no"
    status = 400
    is_recorded = False


class WeChatAway(Refused):
    """WeChat does not answer; the phone door is open."""

    code = "wechat_away"
    status = 503
    is_recorded = False


def next_page() -> str:
    return page_of_ours(request.values.get("next", "/"))


@bp.get("/sign-in")
@public
def sign_in() -> Any:
    """Show the two doors. WeChat's comes first only inside WeChat's own browser."""
    if current_user.is_authenticated:
        return redirect(next_page(), code=303)
    return _doors({})


def _doors(errors: dict[str, str], phone: str = "", status: int = 200) -> Response:
    is_inside_wechat = "MicroMessenger" in request.headers.get("User-Agent", "")
    page = render_template(
        "patient/sign_in.html",
        next=next_page(),
        errors=errors,
        phone=phone,
        is_inside_wechat=is_inside_wechat,
        has_phone_door=house().sms is not None,
    )
    return make_response(page, status)


@bp.get("/sign-in/wechat")
@public
@limiter.limit(BROWSER_SIGN_IN)
@limiter.limit(ADDRESS_SIGN_IN, key_func=by_address)
def wechat() -> Any:
    """Send the browser to WeChat, with a state that only this browser can bring back."""
    return redirect(oauth.start(next_page()), code=303)


@bp.get("/sign-in/wechat/callback")
@public
@limiter.limit(BROWSER_SIGN_IN)
@limiter.limit(ADDRESS_SIGN_IN, key_func=by_address)
def wechat_callback() -> Any:
    """Take the code back to WeChat's server and sign the person in.

    1. The state must be this browser's, not older than ten minutes, and is spent by being looked at.
    2. No code: the person said no at WeChat.
    3. The code is exchanged, outside any transaction; it works once.
    """
    there = oauth.take_back(request.args.get("state", ""))
    if there is None:
        raise WeChatSaidNo()
    code = request.args.get("code")
    if not code:
        raise WeChatSaidNo()
    try:
        identity = house().wechat.exchange_code(code)
    except WeChatRefused:
        raise WeChatSaidNo() from None
    except WeChatUnavailable:
        raise WeChatAway(retry_seconds=5) from None
    with act() as a:
        account = accounts.account_for_wechat(a.session, identity, a.now)
        token, _actor = accounts.sign_in(a.session, account, "wechat", a.now, replaces=token_of(request)[1])
        a.answer = {"location": there}
    return set_session_cookie(a.sealed(), "patient", token)


@bp.post("/sign-in/phone")
@public
@limiter.limit(BROWSER_CODE)
@limiter.limit(ADDRESS_CODE, key_func=by_address)
def phone() -> Any:
    """Send a code to the phone that was typed, and show where to type it."""
    sms = house().sms
    if sms is None:
        raise WeChatAway()
    typed = request.form.get("phone", "")
    try:
        number = parse_phone(typed)
    except BadInput as wrong:
        return _doors({"phone": words_for(wrong).title}, typed, 400)
    try:
        with act() as a:
            code = codes.issue(a.session, "sign_in", number, a.now)
    except TooMany as limit:
        return _code_page(number, {"": words_for(limit).title}, 429, retry=limit.facts.get("retry_seconds"))
    try:
        sms.send_code(number, code, "sign_in")
    except SMSUnavailable:
        return _doors({"phone": _("短信暂时发不出去。过一分钟再试，或用微信登录。")}, typed, 503)
    return _code_page(number, {})


def _code_page(number: str, errors: dict[str, str], status: int = 200, retry: object = None) -> Response:
    page = render_template(
        "patient/sign_in_code.html",
        phone=number,
        shown=format_phone(number),
        errors=errors,
        next=next_page(),
        minutes=int(rates.CODE_LIFE.total_seconds() // 60),
        retry=retry,
    )
    return make_response(page, status)


@bp.post("/sign-in/code")
@public
@limiter.limit(BROWSER_SIGN_IN)
@limiter.limit(ADDRESS_SIGN_IN, key_func=by_address)
def phone_code() -> Any:
    """Sign in whoever typed the code that the phone got. A wrong code counts; five kill it."""
    try:
        number = parse_phone(request.form.get("phone", ""))
    except BadInput as wrong:
        return _doors({"phone": words_for(wrong).title}, status=400)
    token = None
    with act() as a:
        if codes.spend(a.session, "sign_in", number, request.form.get("code", ""), a.now):
            account = accounts.account_for_phone(a.session, number, a.now)
            token, _actor = accounts.sign_in(a.session, account, "phone", a.now, replaces=token_of(request)[1])
            a.answer = {"location": next_page()}
    if token is None:
        return _code_page(number, {"code": _("验证码不对或已过期。看看最新一条短信，或重新发送。")}, 400)
    return set_session_cookie(a.sealed(), "patient", token)


@bp.post("/sign-out")
@patient_required
def sign_out() -> Any:
    """End this browser's session at once (A3)."""
    _door, token = token_of(request)
    with act() as a:
        accounts.sign_out(a.session, a.actor, str(token), a.now)
        a.answer = {"location": url_for("patient.sign_in")}
    return clear_session_cookie(a.sealed(), "patient")
