"""What calls of the FHIR door share: who holds the token, where resources live, what the client accepts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g, request
from werkzeug.exceptions import NotAcceptable

from app.domain.errors import SignInNeeded
from app.domain.fhir.search import JSON_FORMATS
from app.services import oauth_tokens
from app.services.oauth_tokens import Standing
from app.web.house import house
from app.web.login import use_actor
from app.web.outcomes import MEDIA_TYPE

LONGEST_TOKEN = 200
ACCEPTED = (MEDIA_TYPE, "application/json", "text/json")


def app_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let in whoever holds a token that reads; the rest of the request acts as that application. Raises SignInNeeded."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not 20 <= len(token) <= LONGEST_TOKEN:
            raise SignInNeeded()
        with house().reading_session() as session:
            standing = oauth_tokens.find(session, token, house().clock())
        if standing is None:
            raise SignInNeeded()
        g.standing = standing
        use_actor(standing.actor)
        return view(*args, **kwargs)

    guarded.audience = frozenset({"app"})  # type: ignore[attr-defined]
    return guarded


def standing() -> Standing:
    found: Standing = g.standing
    return found


def json_wanted(view: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse a client that accepts no JSON: there is nothing else. `_format` counts before the header. Raises NotAcceptable."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        wanted = request.values.get("_format")
        if wanted is not None:
            if wanted.lower() not in JSON_FORMATS:
                raise NotAcceptable()
        elif request.accept_mimetypes and not any(kind in request.accept_mimetypes for kind in ACCEPTED):
            raise NotAcceptable()
        return view(*args, **kwargs)

    return guarded
