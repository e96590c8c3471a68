"""What the desk does with a visit, each a press of its own: check in, call on a room's behalf, pass, put back."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from app.services import booking, checkin, queueing
from app.web.desk import bp
from app.web.desk.presses import answer, press, sealed
from app.web.login import staff_required
from app.web.transaction import act


@bp.post("/visits/<appointment_id>/check-in")
@staff_required("desk")
@press
def check_in(appointment_id: str) -> Any:
    """Check in somebody who stands at the desk, document seen."""
    with act() as a:
        issued = checkin.check_in_at_desk(a.session, a.actor, appointment_id, a.now)
        said = _("已签到，号码 %(ticket)s。请患者到候诊区等叫号。", ticket=issued.ticket)
        a.answer = answer(said)
    return sealed(a, said)


@bp.post("/visits/<appointment_id>/cancel")
@staff_required("desk")
@press
def cancel(appointment_id: str) -> Any:
    """Cancel for somebody who asks at the desk or by telephone, cut-off or not."""
    with act() as a:
        booking.cancel(a.session, a.actor, appointment_id, a.now)
        said = _("预约已取消，号放回了。")
        a.answer = answer(said)
    return sealed(a, said)


@bp.post("/sessions/<session_id>/call")
@staff_required("desk")
@press
def call_next(session_id: str) -> Any:
    """Call the next of a session's line into its room, on the room's behalf."""
    with act() as a:
        called = queueing.call_next(a.session, a.actor, session_id, a.now)
        said = _("已叫 %(ticket)s。", ticket=called.ticket) if called else _("没有人在等。")
        a.answer = answer(said)
    return sealed(a, said)


@bp.post("/tickets/<ticket_id>/recall")
@staff_required("desk")
@press
def recall(ticket_id: str) -> Any:
    """Call somebody once more."""
    with act() as a:
        said = _("又叫了一次 %(ticket)s。", ticket=queueing.recall(a.session, a.actor, ticket_id, a.now).ticket)
        a.answer = answer(said)
    return sealed(a, said)


@bp.post("/tickets/<ticket_id>/pass")
@staff_required("desk")
@press
def pass_over(ticket_id: str) -> Any:
    """Nobody came into the room."""
    with act() as a:
        said = _("%(ticket)s 过号了。", ticket=queueing.pass_(a.session, a.actor, ticket_id, a.now).ticket)
        a.answer = answer(said)
    return sealed(a, said)


@bp.post("/tickets/<ticket_id>/put-back")
@staff_required("desk")
@press
def put_back(ticket_id: str) -> Any:
    """Put somebody who was passed back into the line."""
    with act() as a:
        said = _("%(ticket)s 放回队里了。", ticket=queueing.put_back(a.session, a.actor, ticket_id, a.now).ticket)
        a.answer = answer(said)
    return sealed(a, said)
