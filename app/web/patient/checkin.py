"""Checking in by phone: a scan gives this browser a presence, the presence checks in whoever of the account is due."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask import session as browser
from flask_babel import gettext as _

from app.domain.calendar import hospital_day
from app.domain.checkin import Presence, is_present
from app.domain.errors import AppointmentMoved, CheckInTooEarly, CheckInTooLate, PresenceNeeded, VenueCodeUnknown
from app.domain.rates import VENUE_SHORT_CODE
from app.services import booking, checkin, clinics, identity
from app.web.house import house
from app.web.i18n import clock, named
from app.web.limits import limiter
from app.web.login import patient_required, public
from app.web.messages import words_for
from app.web.patient import bp
from app.web.patient.standing import appointment_card, window_words
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/c/<code>")
@public
def arrive(code: str) -> Any:
    """Exchange the scanned code for a presence at once; signing in and choosing people may take ten minutes (Q3).

    Records nothing: nobody has done anything yet, and nobody need be signed in.
    """
    with reading() as session:
        presence = checkin.presence_from_code(session, code, house().clock())
    remember(presence)
    return redirect(url_for("patient.check_in"), code=303)


@bp.get("/check-in")
@patient_required
def check_in() -> Any:
    """Today's visits where this browser is, ready to check in; or how to show that one is there."""
    return _page({}, 200)


@bp.post("/check-in")
@patient_required
def take_check_in() -> Any:
    """Check in the visits that were chosen, each with its own receipt, and show the tickets."""
    chosen = request.form.getlist("appointment")[:20]
    if not chosen:
        return _page({"appointment": _("选至少一位就诊人")}, 400)
    try:
        with act() as a:
            checkin.check_in_all(a.session, a.actor, chosen, present(), a.now)
            a.answer = see_other("patient.queue")
    except (AppointmentMoved, CheckInTooEarly, CheckInTooLate, PresenceNeeded) as refused:
        said = words_for(refused)
        return _page({"": f"{said.title}。{said.next_step}"}, refused.status)
    response = a.sealed()
    state = response.headers["X-Receipt-State"]
    for event in a.events[:-1]:  # the last one's line is there already
        flash(event.id, f"receipt-{state}")
    return response


@bp.post("/check-in/code")
@patient_required
@limiter.limit(str(VENUE_SHORT_CODE[0]))
def type_code() -> Any:
    """The six digits beside the screen's code, for those who cannot scan. Records nothing, as a scan."""
    try:
        with reading() as session:
            typed = request.form.get("code", "")
            presence = checkin.presence_from_typed(session, current_actor(), typed, house().clock())
    except VenueCodeUnknown as unknown:
        return _page({"code": words_for(unknown).title}, 400)
    remember(presence)
    return redirect(url_for("patient.check_in"), code=303)


def remember(presence: Presence) -> None:
    """Keep the presence in this browser's signed cookie."""
    browser["presence"] = [presence.clinic, presence.granted_at.isoformat()]


def present() -> Presence | None:
    """Return this browser's presence, run out or not; None where it has none."""
    kept = browser.get("presence")
    return Presence(kept[0], datetime.fromisoformat(kept[1])) if kept else None


def _page(errors: dict[str, str], status: int) -> Any:
    actor, now, presence = current_actor(), house().clock(), present()
    with reading() as session:
        names = identity.names_of(session, str(actor.ref))
        if presence is not None and is_present(presence, presence.clinic, now):
            found = checkin.visits_here(session, actor, presence.clinic, now)
            clinic = clinics.clinic_names(session).get(presence.clinic)
        else:
            today = [
                view
                for view in booking.appointments_of(session, actor, now)
                if view.state == "booked" and hospital_day(view.starts_at) == hospital_day(now)
            ]
            found, clinic = [checkin.visit_window(session, view, now) for view in today], None
    rows = [(appointment_card(here.appointment, names, now), here, window_words(here)) for here in found]
    due = [card for card, here, _words in rows if here.decision == "open"]
    words = _("给%(name)s签到", name=due[0].person) if len(due) == 1 else _("给%(count)s人签到", count=len(due))
    choices = [
        {
            "value": card.appointment.id,
            "title": card.person,
            "text": f"{clock(card.appointment.starts_at)} · {named(card.appointment.department)}",
        }
        for card in due
    ]
    page = render_template(
        "patient/check_in.html",
        here=url_for("patient.check_in"),
        rows=rows,
        due=due,
        choices=choices,
        words=words,
        clinic=clinic,
        names=names,
        errors=errors,
    )
    return make_response(page, status)
