"""Letting an application in: what it asks for in plain words, a choice for each kind of data, for how long.

Sources: RFC 6749, 4.1.1 and 4.1.2; RFC 9700, 2.1 (exact redirects, PKCE); SMART App Launch 2.2, "Obtain authorization code".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Response, make_response, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.datastructures import MultiDict

from app.domain import smart
from app.services import clients, oauth_grants, oauth_tokens
from app.services.clients import AppView
from app.web.browser import security_headers
from app.web.house import house
from app.web.limits import limiter
from app.web.login import patient_required
from app.web.outcomes import frame
from app.web.smart import bp
from app.web.smart_words import KINDS
from app.web.transaction import act, current_actor, reading

ASKED = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "aud", "code_challenge", "code_challenge_method",
)  # fmt: skip
LONGEST = 2000
KIND_TEXTS = {
    "identity": lazy_gettext("不含证件号和手机号"),
    "visits": lazy_gettext("什么时候看过什么科，约了什么时候"),
    "results": lazy_gettext("化验和测量的数值、报告"),
    "medicines": lazy_gettext("开过什么药，怎么吃"),
    "conditions": lazy_gettext("医生写下的诊断"),
    "allergies": lazy_gettext("对什么过敏"),
    "immunizations": lazy_gettext("打过什么疫苗"),
    "log": lazy_gettext("谁在什么时候看过您的资料"),
}
LASTING_WORDS = {
    "day": lazy_gettext("一天"),
    "month": lazy_gettext("三十天"),
    "year": lazy_gettext("一年"),
    smart.ONCE: lazy_gettext("只这一次，一小时"),
}


@dataclass(frozen=True)
class Ask:
    """What an application asks for, checked."""

    app: AppView
    redirect_uri: str
    state: str
    types: tuple[str, ...]
    is_lasting: bool
    challenge: str
    fields: dict[str, str]

    @property
    def host(self) -> str:
        """Return where the person will be led back to, as people read it."""
        return urlsplit(self.redirect_uri).netloc or self.redirect_uri.split(":")[0]


@bp.get("/oauth/authorize")
@patient_required
def authorize() -> Any:
    """Show what an application asks for."""
    ask = _asked(request.args)
    return ask if not isinstance(ask, Ask) else _page(ask, {}, {})


@bp.post("/oauth/authorize")
@patient_required
@limiter.limit("60 per hour")
def decide() -> Any:
    """Let the application in as far as was chosen, or send it away; either way the browser goes back to it."""
    ask = _asked(request.form)
    if not isinstance(ask, Ask):
        return ask
    if request.form.get("decision") != "allow":
        return _back(ask.redirect_uri, error="access_denied", state=ask.state)
    typed = {
        "person": request.form.get("person", ""),
        "lasting": request.form.get("lasting", ""),
        "kinds": request.form.getlist("kinds"),
    }
    errors = {}
    types = smart.chosen(ask.types, typed["kinds"])
    if not types:
        errors["kinds"] = _("至少勾选一项，或按“不允许”。")
    lasting = str(typed["lasting"])
    if lasting not in smart.LASTING:
        errors["lasting"] = _("选一个期限。")
    with reading() as session:
        people = oauth_grants.readable_people(session, current_actor(), house().clock())
    if typed["person"] not in {ref for ref, _name in people}:
        errors["person"] = _("选一位就诊人。")
    if errors:
        return _page(ask, errors, typed, 400)
    with act(is_keyed=False) as a:  # its answer holds a code, which is kept nowhere
        grant = oauth_grants.give(
            a.session, a.actor, ask.app.id, str(typed["person"]), types, lasting, a.now,
            is_lasting=ask.is_lasting and lasting != smart.ONCE,
        )  # fmt: skip
        code = oauth_tokens.issue_code(a.session, grant, ask.redirect_uri, ask.challenge, a.now)
    return _back(ask.redirect_uri, code=code, state=ask.state)


def _asked(values: MultiDict[str, str]) -> Ask | Response:
    """Return what is asked for. Where the application or its address is not known the person is told and led nowhere; any other
    mistake goes back to the application (RFC 6749, 4.1.2.1)."""
    fields = {name: values.get(name, "") for name in ASKED}
    is_plain = all(len(values.getlist(name)) <= 1 and len(fields[name]) <= LONGEST for name in ASKED)
    with reading() as session:
        app = clients.find(session, fields["client_id"]) if is_plain else None
    if app is None or fields["redirect_uri"] not in app.redirects:
        return make_response(render_template("smart/unknown.html"), 400)
    types = smart.types_of(fields["scope"])
    is_challenged = fields["code_challenge_method"] == "S256" and smart.is_challenge(fields["code_challenge"])
    is_stated = 1 <= len(fields["state"]) <= smart.LONGEST_STATE
    is_meant_for_us = fields["aud"].rstrip("/") == frame().base
    error = ""
    if fields["response_type"] != "code":
        error = "unsupported_response_type"
    elif not (is_challenged and is_stated and is_meant_for_us):
        error = "invalid_request"
    elif not types:
        error = "invalid_scope"
    if error:
        return _back(fields["redirect_uri"], error=error, state=fields["state"][: smart.LONGEST_STATE])
    is_lasting = smart.wants_to_last(fields["scope"])
    return Ask(app, fields["redirect_uri"], fields["state"], types, is_lasting, fields["code_challenge"], fields)


def _page(ask: Ask, errors: dict[str, str], typed: dict[str, Any], status: int = 200) -> Response:
    with reading() as session:
        people = oauth_grants.readable_people(session, current_actor(), house().clock())
    kinds = [{"value": kind, "title": KINDS[kind], "text": KIND_TEXTS[kind]} for kind in smart.kinds_of(ask.types)]
    offered = ("month", "day", "year", smart.ONCE) if ask.is_lasting else (smart.ONCE,)
    page = render_template(
        "smart/authorize.html",
        ask=ask,
        people=[{"value": ref, "title": name} for ref, name in people],
        kinds=kinds,
        lasting=[{"value": name, "title": LASTING_WORDS[name]} for name in offered],
        typed={"person": people[0][0] if len(people) == 1 else "", "lasting": offered[0], "kinds": [], **typed},
        errors=errors,
    )
    response = make_response(page, status)
    settings = house().settings
    policy = security_headers(settings.is_demo, settings.insecure_cookies)["Content-Security-Policy"]
    leads = f"form-action 'self' {smart.origin_of(ask.redirect_uri)}"  # browsers hold a form's redirects to it too
    response.headers["Content-Security-Policy"] = policy.replace("form-action 'self'", leads)
    return response


def _back(redirect_uri: str, **answer: str) -> Response:
    """Lead the browser back to the application with an answer; a query that the address has stays."""
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return redirect(f"{redirect_uri}{joint}{urlencode({k: v for k, v in answer.items() if v})}", code=303)  # type: ignore[return-value]
