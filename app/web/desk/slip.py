"""The slip of paper: looking at it, printing it, and the printed page with its link."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for

from app.services import slips
from app.services.slips import Paper
from app.web.desk import bp
from app.web.house import house
from app.web.login import staff_required
from app.web.paper import large_code, receipt_to_print
from app.web.sealing import base_url, key_fingerprints, qr_svg
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/tickets/<ticket_id>/slip")
@staff_required("desk")
def slip(ticket_id: str) -> Any:
    """A ticket's slip as it will be printed."""
    with reading() as session:
        paper = slips.of_ticket(session, current_actor(), ticket_id, house().clock())
    return _page(paper)


@bp.get("/visits/<appointment_id>/slip")
@staff_required("desk")
def booking_slip(appointment_id: str) -> Any:
    """The slip of an appointment, for who was booked at the desk and comes another day."""
    with reading() as session:
        paper = slips.of_appointment(session, current_actor(), appointment_id, house().clock())
    return _page(paper)


@bp.post("/visits/<appointment_id>/slip")
@staff_required("desk")
def print_slip(appointment_id: str) -> Any:
    """Make the link for a slip, then show the page that prints; pressed twice it is the same slip."""
    with act() as a:
        slip_id = slips.print_slip(a.session, a.actor, appointment_id, a.now)
        a.answer = see_other("desk.printed_slip", slip_id=slip_id)
    return a.sealed()


@bp.get("/slips/<slip_id>")
@staff_required("desk")
def printed_slip(slip_id: str) -> Any:
    """The slip with its link, to print on receipt paper or A5; again, if the printer jams.

    By `?code=large` with the receipt itself in a large code, which is checked with no network.
    """
    now = house().clock()
    with reading() as session:
        paper = slips.printed(session, current_actor(), slip_id, now)
        if request.args.get("code") != "large":
            return _page(paper, slip_id)
        entry, extra, _expires_at = slips.shown(session, paper.token, now)
    return _page(paper, slip_id, wants_large=True, receipt=receipt_to_print(entry, extra))


def _page(paper: Paper, slip_id: str = "", *, wants_large: bool = False, receipt: str | None = None) -> str:
    address = base_url(request.host_url) + url_for("log.slip", token=paper.token) if paper.token else ""
    return render_template(
        "desk/slip.html",
        paper=paper,
        slip_id=slip_id,
        address=address,
        qr=qr_svg(address) if address else None,
        large=large_code(receipt) if receipt else None,
        wants_large=wants_large,
        keys=key_fingerprints(),
    )
