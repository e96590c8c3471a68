"""Waiting for a slot of a full day: join, see where one stands, take what is offered, leave."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from flask import session as browser
from sqlalchemy.orm import Session

from app.domain.calendar import parse_day
from app.domain.errors import AlreadyBooked, NotFound, SlotPast, SlotStopped, SlotTooFar
from app.domain.strikes import BookingPaused
from app.domain.waitlist import WaitlistClosed, WaitlistFull, WaitlistNotNeeded
from app.services import identity, waitlist
from app.web.fragments import fragment
from app.web.house import house
from app.web.login import patient_required
from app.web.patient import bp
from app.web.patient.book import times_page
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/waitlist")
@patient_required
def waitlists() -> Any:
    """Every line that the account's people stand in."""
    with reading() as session:
        words = _words(session)
    return render_template("patient/waitlists.html", **words)


@bp.get("/waitlist/now")
@patient_required
def waitlists_now() -> Any:
    """The part of it that changes by itself."""
    with reading() as session:
        words = _words(session)
    return fragment("patient/_waitlists.html", **words)


@bp.post("/waitlist/join")
@patient_required
def join_waitlist() -> Any:
    """Wait for a slot of the day that is looked at: of the doctor that was tapped, or of any."""
    patient_ref = request.form.get("person", "")
    browser["person"] = patient_ref[:64]
    department_id, session_id = browser.get("department"), request.form.get("session") or None
    if not department_id and not session_id:
        return redirect(url_for("patient.book"), code=303)
    day_on = parse_day(request.form.get("day", ""))
    if day_on is None:
        raise NotFound()
    try:
        with act() as a:
            waitlist.join(a.session, a.actor, patient_ref, department_id, day_on, a.now, session_id=session_id)
            a.answer = see_other("patient.waitlists")
    except (
        AlreadyBooked, BookingPaused, SlotPast, SlotStopped, SlotTooFar, WaitlistClosed, WaitlistFull, WaitlistNotNeeded,
    ) as refused:  # fmt: skip
        return times_page(refused, day_on)
    return a.sealed()


@bp.post("/waitlist/<entry_id>/accept")
@patient_required
def accept_offer(entry_id: str) -> Any:
    """Take the slot that is kept."""
    with act() as a:
        appointment_id = waitlist.accept(a.session, a.actor, entry_id, a.now)
        a.answer = see_other("patient.visit", appointment_id=appointment_id)
    return a.sealed()


@bp.post("/waitlist/<entry_id>/leave")
@patient_required
def leave_waitlist(entry_id: str) -> Any:
    """Wait no longer, or do without what is offered."""
    with act() as a:
        waitlist.leave(a.session, a.actor, entry_id, a.now)
        a.answer = see_other("patient.waitlists")
    return a.sealed()


def _words(session: Session) -> dict[str, Any]:
    actor, now = current_actor(), house().clock()
    entries = waitlist.entries_of(session, actor, now)
    seconds = {e.id: max(0, int((e.offered_until - now).total_seconds())) if e.offered_until else 0 for e in entries}
    return {"entries": entries, "seconds": seconds, "names": identity.names_of(session, str(actor.ref))}
