"""Where the staff's own pages are, and their cookie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response

from app.web.login import set_session_cookie

AREAS = ("doctor", "desk", "lab", "pharmacy", "admin", "auditor")


def in_every_area(bp: Blueprint, method: str, rule: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a view of one's own under `/staff` and under each area of it: the demo's cookies come to one area's addresses
    only."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        bp.add_url_rule(rule, view_func=view, methods=[method])
        bp.add_url_rule(f"/<any({', '.join(AREAS)}):area>{rule}", view_func=view, methods=[method])
        return view

    return decorate


def keep_token(response: Response, token: str, area: str) -> Response:
    """Put a sitting's token into the cookie that the one before it had."""
    return set_session_cookie(response, "staff", token, path=f"/staff/{area}" if area else None)
