"""The waiting room's television."""

from __future__ import annotations

from typing import Any

import segno
from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_login import current_user
from markupsafe import Markup

from app.domain import speaking
from app.domain.actor import ANONYMOUS
from app.domain.errors import PairingCodeUnknown
from app.services import screens
from app.services.screens import ScreenRow
from app.web.fragments import fragment
from app.web.house import house
from app.web.limits import by_address, limiter
from app.web.login import public, screen_required, set_session_cookie
from app.web.messages import words_for
from app.web.queue_words import class_words, mark_words
from app.web.transaction import act, current_actor, reading, see_other

bp = Blueprint("screen", __name__, url_prefix="/screen")
PAIRING_TRIES = "30 per 10 minutes"  # of eight digits that live ten minutes


@bp.get("/pair")
@public
def pair() -> Any:
    """Ask for the code that the desk shows."""
    if current_user.is_authenticated:
        return redirect(url_for("screen.board"), code=303)
    return render_template("screen/pair.html", errors={})


@bp.post("/pair")
@public
@limiter.limit(PAIRING_TRIES, key_func=by_address)
def take_pairing() -> Any:
    """Give this screen its clinic."""
    try:
        with act(ANONYMOUS) as a:
            token, _actor = screens.pair(a.session, request.form.get("code", "")[:20], a.now)
            a.answer = see_other("screen.board")
    except PairingCodeUnknown as unknown:
        said = words_for(unknown)
        page = render_template("screen/pair.html", errors={"code": f"{said.title}。{said.next_step}"})
        return make_response(page, unknown.status)
    response = redirect(url_for("screen.board"), code=303)  # no receipt on a television
    house().bell.knock()
    return set_session_cookie(response, "screen", token)  # type: ignore[arg-type]


@bp.get("/")
@screen_required
def board() -> Any:
    """Numbers and rooms, and the code to check in by."""
    return render_template("screen/board.html", **_words())


@bp.get("/now")
@screen_required
def board_now() -> Any:
    """The same, as the part that changes by itself."""
    return fragment("screen/_board.html", **_words())


def _words() -> dict[str, Any]:
    now = house().clock()
    with reading() as session:
        found = screens.board(session, current_actor(), now)
    base = house().settings.public_url or request.url_root.rstrip("/")
    link = base + url_for("patient.arrive", code=found.code)
    svg = segno.make(link, error="m").svg_inline(border=2, omitsize=True)
    return {
        "board": found,
        "link": link,
        "svg": Markup(svg),  # noqa: S704 (segno wrote it)
        "now": now,
        "said": {row.call: _said(row) for row in found.calling if row.call},
        "legend": [_legend(code) for code in found.marks],
        "mark_words": mark_words,
    }


def _legend(code: str) -> tuple[str, str]:
    """Return a mark and what it means, where the mark does not say it already."""
    mark, words = mark_words(code), class_words(code)
    return mark, "" if mark == words else words


def _said(row: ScreenRow) -> tuple[str, str]:
    """Return what is read aloud, in both languages whatever the page's own: the room hears both."""
    zh, en = (row.place.zh, row.place.en) if row.place else ("", "")
    return speaking.call_zh(row.ticket, zh), speaking.call_en(row.ticket, en or zh)


from app.web.screen import gate  # noqa: E402, F401 (its views register themselves on `bp`)
