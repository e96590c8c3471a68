"""Every ticket of the account's people that something is still to come of, live; back from tests; and leaving a queue."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, url_for
from sqlalchemy.orm import Session

from app.domain.checkin import WayNotUsed
from app.domain.errors import PresenceNeeded
from app.services import identity, lines, queueing
from app.web.fragments import fragment
from app.web.house import house
from app.web.login import patient_required
from app.web.patient import bp
from app.web.patient.checkin import present, refused_here
from app.web.patient.ticket_words import TicketCard, ticket_cards
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/queue")
@patient_required
def queue() -> Any:
    """The tickets, whoever's turn is nearest first."""
    return render_template("patient/queue.html", tickets=_tickets())


@bp.get("/queue/now")
@patient_required
def queue_now() -> Any:
    """The part that changes by itself."""
    return fragment("patient/_queue.html", tickets=_tickets())


@bp.post("/queue/<ticket_id>/back")
@patient_required
def take_back(ticket_id: str) -> Any:
    """Back from tests: wait again with the same number. Who has not shown to be here is shown how."""
    try:
        with act() as a:
            queueing.back_from_tests(a.session, a.actor, ticket_id, a.now, present())
            a.answer = see_other("patient.queue")
    except (PresenceNeeded, WayNotUsed) as refused:
        return refused_here(refused)
    return a.sealed()


@bp.get("/queue/<ticket_id>/leave")
@patient_required
def leave_queue(ticket_id: str) -> Any:
    """Say what leaving means, and ask; whoever was called meanwhile is led back to the queue."""
    with reading() as session:
        card = _card(session, ticket_id)
    return (
        render_template("patient/leave_queue.html", card=card)
        if card.leave_href
        else redirect(url_for("patient.queue"), code=303)
    )


@bp.post("/queue/<ticket_id>/leave")
@patient_required
def take_leave(ticket_id: str) -> Any:
    """Leave the queue: the ticket ends, and nobody is counted as absent for it."""
    with act() as a:
        queueing.leave(a.session, a.actor, ticket_id, a.now)
        a.answer = see_other("patient.queue")
    return a.sealed()


def _tickets() -> tuple[TicketCard, ...]:
    actor, now = current_actor(), house().clock()
    with reading() as session:
        names = identity.names_of(session, str(actor.ref))
        return ticket_cards(session, lines.tickets_of(session, actor, now), names, now, present())


def _card(session: Session, ticket_id: str) -> TicketCard:
    actor, now = current_actor(), house().clock()
    view = lines.position(session, actor, ticket_id, now)
    return ticket_cards(session, [view], identity.names_of(session, str(actor.ref)), now)[0]
