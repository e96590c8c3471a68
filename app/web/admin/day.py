"""A clinic's day in figures, its CSV, and closing it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from app.domain.calendar import hospital_day
from app.domain.dayclose import Position
from app.domain.errors import NotFound
from app.services import dayclose
from app.web.admin import bp
from app.web.house import house
from app.web.login import staff_required
from app.web.transaction import act, current_actor, reading, see_other
from ledger.checkpoint import parse_checkpoint
from ledger.errors import NotInLog
from ledger.note import parse_note


@bp.get("/day")
@staff_required("admin", "desk")
def today() -> Any:
    """Go to the present day."""
    return redirect(url_for("admin.day", day=hospital_day(house().clock()).isoformat()), code=303)


@bp.get("/day/<day>")
@staff_required("admin", "desk")
def day(day: str) -> Any:
    """Who was seen, how long they waited, who did not come; by department and doctor, and through the day."""
    day_on, now = _day(day), house().clock()
    with reading() as session:
        view = dayclose.day_of(session, current_actor(), _clinic(), day_on, now)
    page = render_template(
        "admin/day.html",
        view=view,
        before=(day_on - timedelta(days=1)).isoformat(),
        after=(day_on + timedelta(days=1)).isoformat() if day_on < hospital_day(now) else "",
        is_over=day_on <= hospital_day(now),
        is_running=dayclose.is_running(day_on, now),
    )
    return make_response(page)


@bp.get("/day/<day>.csv")
@staff_required("admin", "desk")
def day_csv(day: str) -> Response:
    """The day as a file for spreadsheets: ticket numbers and hours, nobody's name."""
    day_on, now = _day(day), house().clock()
    with reading() as session:
        view = dayclose.day_of(session, current_actor(), _clinic(), day_on, now)
    response = Response(dayclose.csv_of(view, position(), now), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="day-{day_on.isoformat()}.csv"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/day/<day>/close")
@staff_required("admin", "desk")
def close_day(day: str) -> Any:
    """Close the day: its figures stay as they are now, with where the ledger stands."""
    day_on, at = _day(day), position()
    with act() as a:
        dayclose.close(a.session, a.actor, _clinic(), day_on, at, a.now)
        a.answer = see_other("admin.day", day=day_on.isoformat(), clinic=request.form.get("clinic") or None)
    flash(_("这一天已经结束。数字不会再变。"), "success")
    return a.sealed()


def position() -> Position:
    """Where the ledger stands: the size and root of its newest checkpoint, read before any transaction."""
    try:
        note = house().log.read_checkpoint()
    except NotInLog:
        return Position(0, "")
    checkpoint = parse_checkpoint(parse_note(note.encode()).text)
    return Position(checkpoint.size, checkpoint.root.hex())


def _clinic() -> str:
    """Return the clinic asked for, else the first of one's own. Raises NotFound for who has none."""
    asked = request.values.get("clinic", "")
    own = sorted(current_user.actor.clinics)
    if not asked and not own:
        raise NotFound()
    return asked or own[0]


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        abort(404)
    if found.isoformat() != text or not 2020 <= found.year <= 2199:
        abort(404)
    return found
