"""A press on the board: a plain form that goes on to the board, or the page's own sending, which is told in JSON.

The page keeps presses while the network is lost and sends them, with their keys, when it is back (static/js/desk/presses.js).
What it is told, once done or refused, it says at the row.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from typing import Any

from flask import Response, flash, jsonify, request

from app.domain.actor import Actor
from app.domain.errors import Refused, SignInNeeded
from app.web.messages import status_words, words_for
from app.web.transaction import Act, current_actor, data, see_other

MARK_LENGTH = 16


def is_sent_by_page() -> bool:
    """Say whether the page's own script asks, and reads JSON or a fragment."""
    return request.headers.get("X-Requested-With") == "fetch"


def mark_of(actor: Actor) -> str:
    """Return a mark of who works at a page, so that what one person pressed is not sent as another's."""
    return sha256(f"desk\n{actor.ref}".encode()).hexdigest()[:MARK_LENGTH]


def answer(said: str) -> dict[str, Any]:
    """Return what an act answers, and answers again to a repeat: to the page what was done, to a form the board."""
    if is_sent_by_page():
        return data({"said": said})
    return see_other("desk.board", clinic=request.form.get("clinic"))


def sealed(a: Act, said: str) -> Response:
    """Return the answer of an act that ended well."""
    if not is_sent_by_page():
        flash(said, "success")
    return a.sealed()


def press(view: Callable[..., Any]) -> Callable[..., Any]:
    """Tell the page's script in JSON what was refused; a form gets the page of the refusal as everywhere."""

    @wraps(view)
    def pressed(*args: Any, **kwargs: Any) -> Any:
        if request.headers.get("X-Desk-Who") not in (None, mark_of(current_actor())):
            raise SignInNeeded()  # somebody else signed in to this browser while the press waited
        try:
            return view(*args, **kwargs)
        except SignInNeeded:
            raise
        except Refused as refusal:
            if not is_sent_by_page():
                raise
            said, usual = words_for(refusal), status_words(refusal.status)
            refused = {
                "code": refusal.code,
                "title": said.title or usual.title,
                "next": said.next_step or usual.next_step,
            }
            response = jsonify(refused)
            response.status_code = refusal.status
            return response

    return pressed
