"""Refusals become pages, or JSON at the API. What the visitor reads says what happened and what to do next."""

from __future__ import annotations

import uuid

import structlog
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask.globals import request_ctx
from flask_babel import gettext as _
from flask_limiter import RateLimitExceeded
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from app.domain.errors import BadInput, Conflict, Refused, SignInNeeded
from app.ports import Unreadable
from app.web.login import ask_no_more
from app.web.messages import Said, broken_seal_words, status_words, wait_words, words_for
from app.web.outcomes import outcome_response, program_words
from app.web.transaction import Replay, respond

log = structlog.get_logger()
BUSY_RETRY_SECONDS = 2
PASSING = (
    "database is locked",
    "database table is locked",
    "locking protocol",
)  # sqlite.org/rescode.html: BUSY, LOCKED, PROTOCOL


def wants_json() -> bool:
    return request.path.startswith("/api/")


def init_errors(app: Flask, busy: type[Exception]) -> None:
    """Register them all; `busy` is what the database raises when it stayed busy for too long."""
    app.register_error_handler(Refused, on_refused)
    app.register_error_handler(Replay, on_replay)
    app.register_error_handler(RateLimitExceeded, on_limit)
    app.register_error_handler(HTTPException, on_http)
    app.register_error_handler(busy, on_busy)
    app.register_error_handler(OperationalError, on_database)
    app.register_error_handler(PoolTimeout, on_database)
    # Of two changes of one row at once the version in the WHERE lets one through; this is the other.
    app.register_error_handler(StaleDataError, lambda _error: on_refused(Conflict()))
    app.register_error_handler(Unreadable, on_unreadable)
    app.register_error_handler(Exception, on_bug)


def on_replay(replay: Replay) -> Response:
    """Give a key the answer that it had; the header says so, for limits that count acts and not presses."""
    response = respond(replay.answer, replay.event_ids, is_sealed=True)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def on_refused(refusal: Refused) -> Response:
    """Say which rule refused, in words. A door that shows the form again catches the refusal before it comes here."""
    said = words_for(refusal)
    retry = refusal.facts.get("retry_seconds")
    field = refusal.field if isinstance(refusal, BadInput) else ""
    # A refusal that repeats is 429 to programs; a person may still do at once what its words say, and is told no seconds.
    is_repeated = refusal.status != type(refusal).status
    return _answer(
        refusal.status,
        refusal.code,
        said,
        field=field,
        retry=int(str(retry)) if retry else None,
        says_when=not is_repeated,
    )


def on_limit(error: RateLimitExceeded) -> Response:
    retry = max(1, int(error.limit.limit.get_expiry())) if error.limit else 60
    return _answer(429, "too_many", retry=min(retry, 600))


def on_busy(_error: Exception) -> Response:
    return _answer(503, "busy", retry=BUSY_RETRY_SECONDS)


def on_database(error: OperationalError | PoolTimeout) -> Response:
    """A reader waits at no gate, but SQLite too may tell it to come again: while somebody recovers or closes the journal, or where
    it lost a hundred races for its moment on a starved machine. That passes: 503. Anything else is a mistake of ours."""
    if isinstance(error, OperationalError) and str(error.orig) not in PASSING:
        return on_bug(error)
    ask_no_more()  # the page of this needs no database
    log.warning("database.busy", endpoint=request.endpoint, kind=type(error).__name__)
    return on_busy(error)


def on_http(error: HTTPException) -> Response:
    """Flask's own refusals: 404, 405, 413 and so on. The description is Werkzeug's and is not shown."""
    if request_ctx.url_adapter is None:  # a Host that is not ours: no page of ours can even be addressed
        return Response("This host name is not served here.\n", status=400, mimetype="text/plain")
    if error.code is not None and 300 <= error.code < 400:
        return error.get_response()  # type: ignore[return-value]
    response = _answer(error.code or 500, "http_" + str(error.code))
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def on_unreadable(error: Unreadable) -> Response:
    """What is kept was changed, moved or put back behind our back: not a word of it is shown, and the page says so. The log names
    the place, for the operator to look with `flask --app wsgi audit`."""
    ask_no_more()
    number = str(uuid.uuid4())[:8]
    log.error("request.failed", number=number, endpoint=request.endpoint, kind=type(error).__name__, place=error.place)
    return _answer(500, "seal_broken", broken_seal_words(), number=number)


def on_bug(error: Exception) -> Response:
    """A mistake of ours: the log gets it with a number, the visitor gets the number. Never the exception's text."""
    ask_no_more()  # the page of this needs no database
    number = str(uuid.uuid4())[:8]
    log.error("request.failed", number=number, endpoint=request.endpoint, kind=type(error).__name__, exc_info=error)
    return _answer(500, "internal", number=number)


def _answer(
    status: int,
    code: str,
    said: Said | None = None,
    *,
    field: str = "",
    retry: int | None = None,
    says_when: bool = True,
    number: str | None = None,
) -> Response:
    """Return the answer; where `said` is silent, the words of the status speak."""
    usual = status_words(status)
    is_fhir = request.path.startswith("/fhir/")
    words = said if said and said.title else usual
    if is_fhir:
        response = outcome_response(
            status, program_words(status) or " ".join(filter(None, (words.title, words.next_step, number)))
        )
    elif wants_json():
        body = {"code": code, "errorMsg": words.title, "next": words.next_step, "field": field, "number": number}
        response = jsonify({name: value for name, value in body.items() if value})
    else:
        words = words if words.next_step else Said(words.title, usual.next_step)
        page = render_template(
            "error.html",
            code=status,
            said=words,
            request_number=number,
            retry_after=wait_words(retry) if retry and says_when else None,
            ways=_ways(status, code),
        )
        response = make_response(page)
    response.status_code = status
    if retry:
        response.headers["Retry-After"] = str(retry)
    g.refusal = code
    return response


def _ways(status: int, code: str) -> list[tuple[str, str]]:
    if request.path.startswith("/staff"):
        way = ("/staff/sign-in", _("去登录")) if status == SignInNeeded.status else ("/staff/", _("回到工作台"))
        return [way]
    if status == SignInNeeded.status or code in ("wechat_said_no", "wechat_away"):
        return [("/sign-in", _("去登录"))]
    return [("/", _("回到首页"))]
