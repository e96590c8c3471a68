"""Every ticket of the account's people that something is still to come of, live."""

from __future__ import annotations

from typing import Any

from flask import render_template

from app.services import identity, lines
from app.web.fragments import fragment
from app.web.house import house
from app.web.login import patient_required
from app.web.patient import bp
from app.web.patient.standing import TicketCard, ticket_card
from app.web.transaction import current_actor, reading


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


def _tickets() -> list[TicketCard]:
    actor = current_actor()
    with reading() as session:
        names = identity.names_of(session, str(actor.ref))
        return [ticket_card(t, names) for t in lines.tickets_of(session, actor, house().clock())]
