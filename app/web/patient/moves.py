"""The answer to what a stopped session offered: move, or cancel without a strike."""

from __future__ import annotations

from typing import Any

from app.services import moves
from app.web.login import patient_required
from app.web.patient import bp
from app.web.transaction import act, see_other


@bp.post("/moves/<offer_id>/accept")
@patient_required
def accept_move(offer_id: str) -> Any:
    """Move to what was offered."""
    with act() as a:
        appointment_id = moves.accept(a.session, a.actor, offer_id, a.now)
        a.answer = see_other("patient.visit", appointment_id=appointment_id)
    return a.sealed()


@bp.post("/moves/<offer_id>/decline")
@patient_required
def decline_move(offer_id: str) -> Any:
    """Let the hospital cancel."""
    with act() as a:
        moves.decline(a.session, a.actor, offer_id, a.now)
        a.answer = see_other("patient.home")
    return a.sealed()
