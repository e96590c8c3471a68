"""The road of a visit: hold, confirm, let go, cancel, check in."""

from __future__ import annotations

from typing import Any

from app.domain.rates import VENUE_SHORT_CODE
from app.services import booking, checkin
from app.web.api import answers, bp, examples, forms
from app.web.api.operation import answer, operation, plain
from app.web.api.waiting import presence_of
from app.web.house import house
from app.web.limits import limiter
from app.web.login import bearer_required
from app.web.transaction import act, current_actor, data, reading


@bp.get("/appointments")
@bearer_required
@operation(list[answers.Appointment], [examples.BOOKED])
def appointments() -> Any:
    """What the account's people have booked, from today on, by time."""
    with reading() as session:
        found = booking.appointments_of(session, current_actor(), house().clock())
    return answer(list[answers.Appointment], found)


@bp.post("/appointments")
@bearer_required
@operation(
    answers.Appointment, examples.HELD, takes=forms.Hold, status=201,
    refuses=(
        "slot_taken", "slot_past", "slot_too_far", "slot_stopped", "already_booked", "booking_limit", "booking_paused",
    ),
)  # fmt: skip
def hold(body: forms.Hold) -> Any:
    """Hold a slot for a person: it is theirs until `held_until`, and booked once confirmed."""
    with act() as a:
        held = booking.hold(a.session, a.actor, body.person, body.slot, a.now)
        a.answer = data(plain(answers.Appointment, held), 201)
    return a.sealed()


@bp.post("/appointments/<appointment_id>/confirm")
@bearer_required
@operation(answers.Appointment, examples.BOOKED, takes=forms.Nothing, refuses=("hold_expired", "appointment_moved"))
def confirm(appointment_id: str, body: forms.Nothing) -> Any:
    """Turn a hold into an appointment."""
    with act() as a:
        booked = booking.confirm(a.session, a.actor, appointment_id, a.now)
        a.answer = data(plain(answers.Appointment, booked))
    return a.sealed()


@bp.post("/appointments/<appointment_id>/release")
@bearer_required
@operation(answers.Appointment, examples.RELEASED, takes=forms.Nothing, refuses=("appointment_moved",))
def release(appointment_id: str, body: forms.Nothing) -> Any:
    """Let a hold go."""
    with act() as a:
        booking.release(a.session, a.actor, appointment_id, a.now)
        a.session.flush()
        released = booking.appointment(a.session, a.actor, appointment_id, a.now)
        a.answer = data(plain(answers.Appointment, released))
    return a.sealed()


@bp.post("/appointments/<appointment_id>/cancel")
@bearer_required
@operation(
    answers.Appointment, examples.CANCELLED, takes=forms.Nothing, refuses=("cancel_too_late", "appointment_moved")
)
def cancel(appointment_id: str, body: forms.Nothing) -> Any:
    """Give an appointment back, until the clinic's cut-off."""
    with act() as a:
        cancelled = booking.cancel(a.session, a.actor, appointment_id, a.now)
        a.answer = data(plain(answers.Appointment, cancelled))
    return a.sealed()


@bp.post("/check-in")
@bearer_required
@limiter.limit(str(VENUE_SHORT_CODE[1]))
@operation(
    list[answers.Issued], [examples.ISSUED], takes=forms.CheckIn,
    refuses=("venue_code_unknown", "check_in_too_early", "check_in_too_late", "slot_stopped", "way_not_used", "appointment_moved"),
)  # fmt: skip
def check_in(body: forms.CheckIn) -> Any:
    """Check in appointments at the clinic whose code was scanned or typed: all of them or none, a receipt each.

    The code is looked at inside the act, so that a retry with its idempotency key has its answer though the code has gone.
    """
    with act() as a:
        issued = checkin.check_in_all(a.session, a.actor, body.appointments, presence_of(a, body.code), a.now)
        a.answer = data(plain(list[answers.Issued], issued))
    return a.sealed()
