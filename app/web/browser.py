"""This browser: a signed cookie with a random id, its language, a presence, and the guard against forged forms.

The cookie is Flask's own session. It says nothing about who is signed in, so it is the same before and after.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import Any

from flask import Flask, Response, current_app, g, request
from flask import session as browser
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_login import current_user

from app.domain.errors import Refused
from app.web.house import house

SAFE = ("GET", "HEAD", "OPTIONS")


class FormExpired(Refused):
    """The form's token is not this browser's: an old page, or another site's form."""

    code = "form_expired"
    status = 400
    is_recorded = False


def browser_id() -> str:
    """Return the random id of this browser, giving it one where it has none."""
    if "id" not in browser:
        browser["id"] = secrets.token_urlsafe(16)
        browser.permanent = True
    return str(browser["id"])


def csrf_token() -> str:
    """Return the token that this browser's forms carry: HMAC-SHA256 of its id under the site's key."""
    whose = browser_id()
    kept: tuple[str, str] | None = g.get("csrf_token")  # a board has hundreds of forms
    if kept is None or kept[0] != whose:
        key = current_app.secret_key
        assert isinstance(key, bytes)  # noqa: S101 (we set it)
        kept = g.csrf_token = whose, hmac.new(key, f"csrf\n{whose}".encode(), sha256).hexdigest()
    return kept[1]


def new_key() -> str:
    """Return a fresh idempotency key for a form."""
    return secrets.token_urlsafe(16)


def require_same_site() -> None:
    """Refuse an unsafe request that another site may have made (OWASP ASVS 5.0, 3.5.1 to 3.5.3).

    The API and the FHIR door are left out: they take no cookie, so another site's form can do nothing there. The mock platform is a neighbour
    with cookies of its own.
    """
    if request.method in SAFE or request.path.startswith(("/api/", "/fhir/", "/wechat-mock/")):
        return
    if request.headers.get("Sec-Fetch-Site") not in (None, "same-origin", "none"):
        raise FormExpired()
    origin = request.headers.get("Origin")
    # Under our own no-referrer policy browsers say "null" where they would say this site: then the token decides alone.
    if origin not in (None, "null") and str(origin).partition("://")[2] != request.host:
        raise FormExpired()
    sent = request.form.get("csrf_token") or request.headers.get("X-CSRF-Token") or ""
    if "id" not in browser or not hmac.compare_digest(sent.encode(), csrf_token().encode()):
        raise FormExpired()


CSP = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors {frames}"
)


def add_headers(response: Response) -> Response:
    """Put the security headers on every answer; pages are `no-store` unless their door said otherwise."""
    settings = house().settings
    wanted = security_headers(settings.is_demo, settings.insecure_cookies)
    wanted["Cache-Control"] = "no-store"  # static files say for themselves: no-cache, and an ETag to ask with
    set_already = {name.lower() for name, _ in response.headers}
    response.headers.extend([pair for pair in wanted.items() if pair[0].lower() not in set_already])
    return response


def security_headers(is_demo: bool, insecure_cookies: bool) -> dict[str, str]:
    """Return what every answer carries unless its door said otherwise."""
    headers = {
        "Content-Security-Policy": CSP.format(frames="'self'" if is_demo else "'none'"),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN" if is_demo else "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), geolocation=(self), microphone=(), payment=()",
    }
    if not insecure_cookies:
        headers["Strict-Transport-Security"] = "max-age=31536000"
        # Browsers ignore this one without TLS, and complain about it on every page of a demo on a local network.
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return headers


def template_words() -> dict[str, Any]:
    return {
        "csrf_token": csrf_token,
        "new_key": new_key,
        "current_user": current_user,
        "is_demo": house().settings.is_demo,
    }


class BrowserCookie(SecureCookieSessionInterface):
    """Flask's own session, except on files that are the same for everybody: those neither set a cookie nor vary by one.

    Its signer is made once: the keys do not change while a process runs."""

    _signer: Any = None

    def get_signing_serializer(self, app: Flask) -> Any:
        if self._signer is None:
            self._signer = super().get_signing_serializer(app)
        return self._signer

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not response.cache_control.public:
            super().save_session(app, session, response)


def init_browser(app: Flask) -> None:
    app.session_interface = BrowserCookie()
    app.config.update(SESSION_COOKIE_NAME="mz_browser", SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_HTTPONLY=True)
    app.before_request(require_same_site)
    app.after_request(add_headers)
    app.context_processor(template_words)
