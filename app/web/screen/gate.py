"""A gate: a screen of the clinic with a scanner, which checks in whoever shows their own code."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, get_flashed_messages, make_response, redirect, render_template, request, url_for
from flask_limiter import RateLimitExceeded

from app.domain.checkin import WayNotUsed
from app.domain.errors import AppointmentMoved, CheckInTooEarly, CheckInTooLate, SlotStopped
from app.domain.own_codes import PREFIX, OwnCodeUnknown
from app.services import checkin
from app.web.errors import on_limit
from app.web.house import house
from app.web.limits import limiter
from app.web.login import screen_required
from app.web.messages import status_words, words_for
from app.web.screen import bp
from app.web.transaction import act, current_actor, see_other

TRIES = "600 per 10 minutes"  # of one gate: a rush
DIGITS_TRIES = (
    "30 per 10 minutes"  # wrong ones, typed: among a thousand visits of a day one guess in 50,000 is somebody's
)
TICKET = "gate-ticket"


@bp.get("/gate")
@screen_required
def gate() -> Any:
    """Wait for a scan; after one, show the number for some seconds."""
    tickets = get_flashed_messages(category_filter=[TICKET])
    return render_template("screen/gate.html", ticket=tickets[-1] if tickets else "", wrong=None)


def is_scanned() -> bool:
    """Say whether a scanner read the long code, which nobody guesses."""
    return request.form.get("code", "").strip().startswith(PREFIX)


@bp.errorhandler(RateLimitExceeded)
def too_many(error: RateLimitExceeded) -> Response:
    """Keep the gate a gate: nobody stands there to press "back", and the next phone's code is scanned as ever."""
    answer = on_limit(error)
    if request.endpoint == "screen.take_code":
        answer.set_data(render_template("screen/gate.html", ticket="", wrong=status_words(429)))
    return answer


@bp.post("/gate")
@screen_required
@limiter.limit(TRIES)
@limiter.limit(DIGITS_TRIES, exempt_when=is_scanned, deduct_when=lambda answer: answer.status_code >= 400)
def take_code() -> Any:
    """Check in the visit whose code the scanner read. The number shows here, the receipt goes to its owner."""
    (clinic_id,) = current_actor().clinics
    try:
        with act() as a:
            issued = checkin.check_in_by_own_code(
                a.session, a.actor, clinic_id, request.form.get("code", "").strip()[:40], a.now
            )
            a.answer = see_other("screen.gate")
    except (OwnCodeUnknown, WayNotUsed, CheckInTooEarly, CheckInTooLate, SlotStopped, AppointmentMoved) as refused:
        return make_response(render_template("screen/gate.html", ticket="", wrong=words_for(refused)), refused.status)
    flash(issued.ticket, TICKET)
    house().bell.knock()
    return redirect(url_for("screen.gate"), code=303)
