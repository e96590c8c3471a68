"""One appointment through its life: confirm, come, wait, be called; or let go and cancel."""

from __future__ import annotations

from typing import Any

from flask import render_template
from sqlalchemy.orm import Session

from app.services import booking, checkin, identity, lines, moves
from app.web.fair_words import STOP_REASONS
from app.web.fragments import fragment
from app.web.house import house
from app.web.login import patient_required
from app.web.patient import bp
from app.web.patient.standing import appointment_card, window_words
from app.web.patient.ticket_words import ticket_cards
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/visits/<appointment_id>")
@patient_required
def visit(appointment_id: str) -> Any:
    """The appointment with its one next step."""
    with reading() as session:
        words = _words(session, appointment_id)
    return render_template("patient/visit.html", **words)


@bp.get("/visits/<appointment_id>/now")
@patient_required
def visit_now(appointment_id: str) -> Any:
    """The part of it that changes by itself."""
    with reading() as session:
        words = _words(session, appointment_id)
    return fragment("patient/_visit.html", **words)


@bp.post("/visits/<appointment_id>/confirm")
@patient_required
def confirm_visit(appointment_id: str) -> Any:
    """Turn the hold into an appointment."""
    with act() as a:
        booking.confirm(a.session, a.actor, appointment_id, a.now)
        a.answer = see_other("patient.visit", appointment_id=appointment_id)
    return a.sealed()


@bp.post("/visits/<appointment_id>/release")
@patient_required
def release_visit(appointment_id: str) -> Any:
    """Let the hold go and choose again."""
    with act() as a:
        booking.release(a.session, a.actor, appointment_id, a.now)
        a.answer = see_other("patient.book_times")
    return a.sealed()


@bp.post("/visits/<appointment_id>/cancel")
@patient_required
def cancel_visit(appointment_id: str) -> Any:
    """Give the appointment back, until the clinic's cut-off."""
    with act() as a:
        booking.cancel(a.session, a.actor, appointment_id, a.now)
        a.answer = see_other("patient.visit", appointment_id=appointment_id)
    return a.sealed()


def _words(session: Session, appointment_id: str) -> dict[str, Any]:
    actor, now = current_actor(), house().clock()
    view = booking.appointment(session, actor, appointment_id, now)
    names = identity.names_of(session, str(actor.ref))
    [here] = checkin.windows_of(session, [view], now)
    card = appointment_card(view, names, now)
    found = [lines.position(session, actor, view.ticket_id, now)] if view.ticket_id else []
    ticket = next(iter(ticket_cards(session, found, names, now)), None)
    seconds = max(0, int((view.held_until - now).total_seconds())) if view.held_until else 0
    return {
        "card": card,
        "move": moves.of_appointment(session, appointment_id, now) if view.state in ("booked", "checked_in") else None,
        "reasons": STOP_REASONS,
        "person": card.person,
        "appointment": view,
        "ticket": ticket,
        "here": here,
        "window": window_words(here),
        "held_seconds": seconds,
        "may_cancel": view.state == "booked" and now <= view.cancel_until,
        "may_cancel_online": now <= view.cancel_until,
    }
