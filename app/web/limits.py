"""Limits on signing in and on codes, by Flask-Limiter: keyed on browser, account or phone, by address only far above a
hospital's own Wi-Fi. With Redis the limits are shared; when it dies each worker goes on counting in memory."""

from __future__ import annotations

from flask import Flask, request
from flask import session as browser
from flask_limiter import Limiter
from flask_login import current_user

from app.domain import rates
from app.web.browser import browser_id

REDIS_TIMEOUT_SECONDS = 0.03  # a dead Redis costs a request 100 ms at most (P3): a read, a connect and another read


WHOLE_DOORS = ("fhir",)  # blueprints under one limit


def by_browser() -> str:
    """Key a limit on the signed-in account, else on this browser."""
    if current_user.is_authenticated:
        return f"ref:{current_user.actor.ref}"
    return f"browser:{browser['id'] if 'id' in browser else browser_id()}"


def by_address() -> str:
    return f"address:{request.remote_addr}"


class _Limits(Limiter):
    """A Limiter that looks before a request only where a whole door is limited: a limited view looks by itself."""

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        if not in_middleware or request.blueprint in WHOLE_DOORS:
            super()._check_request_limit(callable_name, in_middleware)


# Without headers of its own: it would put a Retry-After on every answer of a limited route, over the one that means it.
# A Redis that dies between the question and the deduction must not turn an act that was done into a failure.
limiter = _Limits(key_func=by_browser, in_memory_fallback_enabled=True, swallow_errors=True, strategy="moving-window")

# Behind one address stands a whole hospital: its own Wi-Fi at eight in the morning. These stop machines, not people.
ADDRESS_SIGN_IN = "3000 per 10 minutes"
BROWSER_SIGN_IN = "30 per 10 minutes"
BROWSER_CODE = "10 per hour"
STAFF_SIGN_IN = "20 per 10 minutes"
STAFF_STEPS = "120 per 10 minutes"  # codes, and the PINs of everybody at a shared tablet
# Each try of a password costs a processor a tenth of a second. Guesses at one account are bounded by `app.domain.lockout`, apart for
# the devices that its owner uses: whoever knows a login cannot keep its owner out.
ADDRESS_STAFF_SIGN_IN = str(next(limit for limit in rates.STAFF_SIGN_IN if limit.key is rates.Key.ADDRESS))
ADDRESS_CODE = str(next(limit for limit in rates.SEND_CODE if limit.key is rates.Key.ADDRESS))  # messages cost money


def init_limits(app: Flask, redis_url: str | None) -> None:
    app.config["RATELIMIT_STORAGE_URI"] = redis_url or "memory://"
    if redis_url:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        app.config["RATELIMIT_STORAGE_OPTIONS"] = {
            "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
            "socket_timeout": REDIS_TIMEOUT_SECONDS,
            "retry": Retry(NoBackoff(), 0),
        }
    limiter.init_app(app)
