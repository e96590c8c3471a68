"""The clinic's day: who is expected, who waits, who is in, who was passed; masked, live."""

from __future__ import annotations

from typing import Any

from flask import flash, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.services import boards, booking, checkin, clinics, queueing
from app.web.desk import bp
from app.web.fragments import fragment
from app.web.house import house
from app.web.login import staff_required
from app.web.transaction import act, current_actor, reading, see_other


def clinic_of_request() -> str:
    """Return the clinic that was asked for, of those the actor works in; the first by id where none was. Raises NotFound."""
    mine = sorted(current_actor().clinics)
    asked = request.args.get("clinic") or request.form.get("clinic") or (mine[0] if mine else "")
    if asked not in mine:
        raise NotFound()
    return asked


@bp.get("/")
@staff_required("desk")
def board() -> Any:
    """The whole board."""
    words = _shown(clinic_of_request())
    return render_template("desk/board.html", **words)


@bp.get("/now")
@staff_required("desk")
def board_now() -> Any:
    """The part of the board that changes by itself."""
    return fragment("desk/_board.html", **_shown(clinic_of_request()))


@bp.post("/find")
@staff_required("desk")
def find() -> Any:
    """Look somebody up by ticket or the phone's last digits: a POST, so that neither stands in an address. Masked."""
    clinic_id, typed = clinic_of_request(), request.form.get("find", "")[:20]
    words = _shown(clinic_id)
    with reading() as session:
        found = boards.find(session, current_actor(), clinic_id, typed, house().clock())
    here = url_for("desk.board", clinic=clinic_id)  # where the language switch leads: this address takes no GET
    return render_template("desk/board.html", **words, found=found, typed=typed, here=here)


@bp.post("/visits/<appointment_id>/check-in")
@staff_required("desk")
def check_in(appointment_id: str) -> Any:
    """Check in somebody who stands at the desk, document seen."""
    with act() as a:
        issued = checkin.check_in_at_desk(a.session, a.actor, appointment_id, a.now)
        a.answer = see_other("desk.board", clinic=request.form.get("clinic"))
    flash(_("已签到，号码 %(ticket)s。请患者到候诊区等叫号。", ticket=issued.ticket), "success")
    return a.sealed()


@bp.post("/visits/<appointment_id>/cancel")
@staff_required("desk")
def cancel(appointment_id: str) -> Any:
    """Cancel for somebody who asks at the desk or by telephone, cut-off or not."""
    with act() as a:
        booking.cancel(a.session, a.actor, appointment_id, a.now)
        a.answer = see_other("desk.board", clinic=request.form.get("clinic"))
    return a.sealed()


@bp.post("/tickets/<ticket_id>/put-back")
@staff_required("desk")
def put_back(ticket_id: str) -> Any:
    """Put somebody who was passed back into the line."""
    with act() as a:
        queueing.put_back(a.session, a.actor, ticket_id, a.now)
        a.answer = see_other("desk.board", clinic=request.form.get("clinic"))
    return a.sealed()


def _shown(clinic_id: str) -> dict[str, Any]:
    """Return what the board shows; the first look of a sign-in, by whichever page, is recorded before anything is sent."""
    actor = current_actor()
    with reading() as session:
        is_recorded = queueing.is_board_recorded(session, actor, "desk", clinic_id)
        words = _words(session, clinic_id)
    if not is_recorded:
        with act() as a:
            queueing.record_board(a.session, a.actor, "desk", clinic_id, a.now)
    return words


def _words(session: Session, clinic_id: str) -> dict[str, Any]:
    found = boards.desk_board(session, current_actor(), clinic_id, house().clock())
    return {
        "board": found,
        "clinic": clinic_id,
        "clinics": {ref: name for ref, name in clinics.clinic_names(session).items() if ref in current_actor().clinics},
    }
