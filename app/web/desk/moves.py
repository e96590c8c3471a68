"""What the desk does with a visit, each a press of its own.

Check in, cancel; call on a room's behalf, once more, nobody came, back into the line; a class with its ground, and taking it
away; another room or department; to tests and back; left; and the last of these taken back.
"""

from __future__ import annotations

from typing import Any

from flask import make_response, request
from flask_babel import gettext as _

from app.domain.errors import BadInput
from app.domain.priorities import PriorityUnknown
from app.domain.queueing import CannotUndo
from app.services import booking, checkin, lines, queueing
from app.services.lines import TicketView
from app.web import queue_words
from app.web.desk import bp
from app.web.desk.presses import answer, is_sent_by_page, press, sealed
from app.web.desk.visit import opened
from app.web.i18n import named
from app.web.login import staff_required
from app.web.messages import words_for
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


@bp.post("/tickets/<ticket_id>/priority")
@staff_required("desk")
@press
def priority(ticket_id: str) -> Any:
    """Give somebody a class, on a ground from the list; the note, where there is one, is sealed."""
    chosen, note = request.form.get("ground", "")[:80], request.form.get("note", "")[:1000]
    known, _colon, reason = chosen.partition(":")
    try:
        if not reason:
            raise PriorityUnknown("ground")
        with act() as a:
            ticket = queueing.grant_priority(a.session, a.actor, ticket_id, known, reason, note, a.now)
            said = _("%(ticket)s 优先：%(what)s。", ticket=ticket.ticket, what=queue_words.class_words(known))
            a.answer = answer(said)
    except BadInput as wrong:
        if is_sent_by_page():
            raise
        field = "note" if wrong.field == "note" else "ground"
        page = opened(request.form.get("visit", ""), {field: words_for(wrong).title}, {"ground": chosen, "note": note})
        return make_response(page, wrong.status)
    return sealed(a, said)


@bp.post("/tickets/<ticket_id>/priority/withdraw")
@staff_required("desk")
@press
def withdraw_priority(ticket_id: str) -> Any:
    """Take somebody's class away."""
    with act() as a:
        ticket = queueing.withdraw_priority(a.session, a.actor, ticket_id, a.now)
        said = _("%(ticket)s 不再优先。", ticket=ticket.ticket)
        a.answer = answer(said)
    return sealed(a, said)


@bp.post("/tickets/<ticket_id>/move")
@staff_required("desk")
@press
def move(ticket_id: str) -> Any:
    """Let somebody wait for another room of the department: same number, same place, and where it came from is kept."""
    with act() as a:
        ticket = queueing.move(a.session, a.actor, ticket_id, request.form.get("to", ""), a.now)
        said = _("%(ticket)s 换到 %(room)s，号码不变。", ticket=ticket.ticket, room=_where(ticket))
        a.answer = answer(said)
    return sealed(a, said)


@bp.post("/tickets/<ticket_id>/transfer")
@staff_required("desk")
@press
def transfer(ticket_id: str) -> Any:
    """Send somebody to another department of the clinic, whose queue goes on with a number of its own."""
    with act() as a:
        ticket = queueing.transfer(a.session, a.actor, ticket_id, request.form.get("to", ""), a.now)
        said = _("转到%(department)s，新号码 %(ticket)s。", department=named(ticket.department), ticket=ticket.ticket)
        a.answer = answer(said)
    return sealed(a, said)


@bp.post("/tickets/<ticket_id>/tests")
@staff_required("desk")
@press
def to_tests(ticket_id: str) -> Any:
    """Somebody goes from the room to tests and will be back with the same number."""
    with act() as a:
        ticket = queueing.send_to_tests(a.session, a.actor, ticket_id, a.now)
        said = _("%(ticket)s 去做检查，号码保留。", ticket=ticket.ticket)
        a.answer = answer(said)
    return sealed(a, said)


@bp.post("/tickets/<ticket_id>/back")
@staff_required("desk")
@press
def from_tests(ticket_id: str) -> Any:
    """Somebody is back from tests."""
    with act() as a:
        ticket = queueing.back_from_tests(a.session, a.actor, ticket_id, a.now)
        said = _("%(ticket)s 检查回来，继续排队。", ticket=ticket.ticket)
        a.answer = answer(said)
    return sealed(a, said)


@bp.post("/tickets/<ticket_id>/left")
@staff_required("desk")
@press
def left(ticket_id: str) -> Any:
    """Somebody will wait no longer."""
    with act() as a:
        ticket = queueing.leave(a.session, a.actor, ticket_id, a.now)
        said = _("%(ticket)s 已离开，不再等候。", ticket=ticket.ticket)
        a.answer = answer(said)
    return sealed(a, said)


@bp.post("/tickets/<ticket_id>/undo")
@staff_required("desk")
@press
def undo(ticket_id: str) -> Any:
    """Take the last move back, once. What it was stands in the form: another one, made meanwhile, is not taken back for it."""
    meant = request.form.get("act", "")
    with act() as a:
        before = lines.ticket(a.session, ticket_id, a.now)
        ticket = queueing.undo(a.session, a.actor, ticket_id, a.now)
        if meant and meant != before.undoable:
            raise CannotUndo(about=before.patient_ref, act=meant)
        said = _("%(ticket)s 的上一步撤销了。", ticket=ticket.ticket)
        a.answer = answer(said)
    return sealed(a, said)


def _where(ticket: TicketView) -> str:
    return named(ticket.room) or named(ticket.doctor) or named(ticket.department)
