"""Pages whose opening is a disclosure (A4): what must be so before their view runs.

1. HEAD never discloses: it is not among the methods.
2. What a browser fetches before anybody asked for it (Sec-Purpose: prefetch, prerender) is refused, without a word.
3. A visit that another site began is asked first, with a button: nobody's log is filled by a link they were led onto.

The view itself opens `act()`, so that the event is committed before the first byte. Answers are `no-store` (`browser`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, render_template, request
from werkzeug.exceptions import Forbidden, MethodNotAllowed

OWN_SITE = (None, "same-origin", "none")  # "none": typed, from a bookmark, or opened by an app


def disclosing(view: Callable[..., Any]) -> Callable[..., Any]:
    """Guard a GET view that discloses. It goes below the decorator that says who may come in."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if request.method == "HEAD":
            raise MethodNotAllowed(valid_methods=["GET"])
        is_call = request.path.startswith(("/api/", "/fhir/"))  # carries its token itself: no other site can begin it
        if is_prefetch():
            if is_call:
                raise Forbidden()
            return Response(status=403)
        if not is_call and request.headers.get("Sec-Fetch-Site") not in OWN_SITE:
            frame = "staff.html" if request.path.startswith("/staff/") else "base.html"
            return render_template("ask_first.html", frame=frame, here=request.full_path.rstrip("?"))
        return view(*args, **kwargs)

    guarded.discloses = True  # type: ignore[attr-defined]
    return guarded


def is_prefetch() -> bool:
    """Say whether the browser asks on its own account, ahead of the person: Sec-Purpose, and its older spellings."""
    purposes = [request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz", "X-Purpose")]
    return any(word in purpose.lower() for purpose in purposes for word in ("prefetch", "prerender", "preview"))
