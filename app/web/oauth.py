"""WeChat's web OAuth as this browser goes through it: a state that only it can bring back, spent by being looked at."""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta

from flask import request, url_for
from flask import session as browser

from app.web.house import house
from app.web.i18n import page_of_ours

STATE_LIFE = timedelta(minutes=10)


def start(next_page: str) -> str:
    """Return where to send the browser, and remember the state and the page to come back to."""
    state = secrets.token_urlsafe(16)
    browser["oauth"] = {"state": state, "next": page_of_ours(next_page), "at": house().clock().timestamp()}
    back = (house().settings.public_url or request.host_url.rstrip("/")) + url_for("patient.wechat_callback")
    return house().wechat.authorize_url(back, state)


def take_back(state: str) -> str | None:
    """Return the page to go on to when `state` is this browser's and not older than ten minutes; else None."""
    asked = browser.pop("oauth", None)
    if not asked or not hmac.compare_digest(str(asked["state"]).encode(), state.encode()):
        return None
    if house().clock().timestamp() - asked["at"] > STATE_LIFE.total_seconds():
        return None
    return page_of_ours(str(asked["next"]))
