"""Waiting: tickets live, back from tests, leaving; the waitlist; the answer to what a stopped session offered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.domain.checkin import VENUE_CODE_LENGTH, Presence
from app.domain.rates import VENUE_SHORT_CODE
from app.services import booking, lines, moves, presences, queueing, waitlist, waits
from app.services.lines import TicketView
from app.web.api import answers, bp, examples, forms
from app.web.api.operation import answer, operation, plain
from app.web.house import house
from app.web.limits import limiter
from app.web.login import bearer_required
from app.web.transaction import Act, act, current_actor, data, reading


def presence_of(a: Act, code: str) -> Presence:
    """Return the presence that the clinic's code gives, scanned (22 characters) or typed (six digits)."""
    if len(code) == VENUE_CODE_LENGTH:
        return presences.presence_from_code(a.session, code, a.now)
    return presences.presence_from_typed(a.session, a.actor, code, a.now)


# Tickets


@bp.get("/tickets")
@bearer_required
@operation(list[answers.Ticket], [examples.TICKET])
def tickets() -> Any:
    """Every ticket that something is still to come of, whoever's turn is nearest first."""
    with reading() as session:
        found = lines.tickets_of(session, current_actor(), house().clock())
        return answer(list[answers.Ticket], _shown(session, found))


@bp.get("/tickets/<ticket_id>")
@bearer_required
@operation(answers.Ticket, examples.TICKET)
def ticket(ticket_id: str) -> Any:
    """One ticket, and where it stands."""
    with reading() as session:
        found = lines.position(session, current_actor(), ticket_id, house().clock())
        return answer(answers.Ticket, _shown(session, [found])[0])


@bp.post("/tickets/<ticket_id>/back")
@bearer_required
@limiter.limit(str(VENUE_SHORT_CODE[1]))
@operation(
    answers.Ticket, examples.TICKET, takes=forms.Back,
    refuses=("venue_code_unknown", "presence_needed", "way_not_used", "ticket_moved"),
)  # fmt: skip
def back(ticket_id: str, body: forms.Back) -> Any:
    """Back from tests: wait again with the same number. The clinic's code shows that one is there."""
    with act() as a:
        queueing.back_from_tests(a.session, a.actor, ticket_id, a.now, presence_of(a, body.code))
        a.answer = _ticket_data(a, ticket_id)
    return a.sealed()


@bp.post("/tickets/<ticket_id>/leave")
@bearer_required
@operation(answers.Ticket, examples.LEFT, takes=forms.Nothing, refuses=("ticket_moved",))
def leave(ticket_id: str, body: forms.Nothing) -> Any:
    """Leave the queue: the ticket ends, and nobody is counted as absent for it."""
    with act() as a:
        queueing.leave(a.session, a.actor, ticket_id, a.now)
        a.answer = _ticket_data(a, ticket_id)
    return a.sealed()


def _ticket_data(a: Act, ticket_id: str) -> dict[str, Any]:
    a.session.flush()
    found = lines.position(a.session, a.actor, ticket_id, a.now)
    return data(plain(answers.Ticket, _shown(a.session, [found])[0]))


def _shown(session: Session, found: Sequence[TicketView]) -> list[dict[str, Any]]:
    """Return the tickets with the range of their wait, where one may be said."""
    ranges = waits.ranges(session, found, house().clock())
    named = answers.Ticket.model_fields.keys() - {"wait", "overtaken"}
    return [
        {name: getattr(one, name) for name in named}
        | {"wait": ranges.get(one.id), "overtaken": [{"priority": code, "count": n} for code, n in one.overtaken]}
        for one in found
    ]


# The waitlist


@bp.get("/waitlist")
@bearer_required
@operation(list[answers.InLine], [examples.IN_LINE])
def waitlists() -> Any:
    """Every line for a freed time that the account's people stand in, and what is offered to them."""
    with reading() as session:
        return answer(list[answers.InLine], waitlist.entries_of(session, current_actor(), house().clock()))


@bp.post("/waitlist")
@bearer_required
@operation(
    answers.InLine, examples.IN_LINE, takes=forms.Join, status=201,
    refuses=("waitlist_not_needed", "waitlist_full", "waitlist_closed", "already_booked", "booking_paused"),
)  # fmt: skip
def join_waitlist(body: forms.Join) -> Any:
    """Wait for a freed time of a day: of any doctor of the department, or of one session."""
    with act() as a:
        entry = waitlist.join(
            a.session, a.actor, body.person, body.department, body.day, a.now, session_id=body.session
        )
        a.answer = data(plain(answers.InLine, entry), 201)
    return a.sealed()


@bp.post("/waitlist/<entry_id>/accept")
@bearer_required
@operation(answers.Appointment, examples.BOOKED, takes=forms.Nothing, refuses=("offer_over", "hold_expired"))
def accept_offer(entry_id: str, body: forms.Nothing) -> Any:
    """Take the time that is kept."""
    with act() as a:
        a.answer = _appointment_data(a, waitlist.accept(a.session, a.actor, entry_id, a.now))
    return a.sealed()


@bp.post("/waitlist/<entry_id>/leave")
@bearer_required
@operation(answers.InLine, examples.NOT_IN_LINE, takes=forms.Nothing)
def leave_waitlist(entry_id: str, body: forms.Nothing) -> Any:
    """Wait no longer, or do without what is offered."""
    with act() as a:
        waitlist.leave(a.session, a.actor, entry_id, a.now)
        a.session.flush()
        a.answer = data(plain(answers.InLine, waitlist.entry(a.session, a.actor, entry_id, a.now)))
    return a.sealed()


# What a stopped session offered


@bp.get("/moves")
@bearer_required
@operation(list[answers.Move], [examples.MOVE])
def list_moves() -> Any:
    """What is offered instead of stopped sessions and waits for an answer."""
    with reading() as session:
        return answer(list[answers.Move], moves.offers_of(session, current_actor(), house().clock()))


@bp.post("/moves/<offer_id>/accept")
@bearer_required
@operation(answers.Appointment, examples.BOOKED, takes=forms.Nothing, refuses=("move_over", "appointment_moved"))
def accept_move(offer_id: str, body: forms.Nothing) -> Any:
    """Move to what was offered."""
    with act() as a:
        a.answer = _appointment_data(a, moves.accept(a.session, a.actor, offer_id, a.now))
    return a.sealed()


@bp.post("/moves/<offer_id>/decline")
@bearer_required
@operation(None, None, takes=forms.Nothing)
def decline_move(offer_id: str, body: forms.Nothing) -> Any:
    """Let the hospital cancel; it counts as nobody's absence."""
    with act() as a:
        moves.decline(a.session, a.actor, offer_id, a.now)
        a.answer = data(None)
    return a.sealed()


def _appointment_data(a: Act, appointment_id: str) -> dict[str, Any]:
    a.session.flush()
    return data(plain(answers.Appointment, booking.appointment(a.session, a.actor, appointment_id, a.now)))
