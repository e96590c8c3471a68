"""A doctor's line: call, call again, pass, begin, finish; to tests and back; a late beginning; and taking the last move back."""

from __future__ import annotations

from typing import Any

from flask import flash, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.services import boards, clinics, queueing
from app.services.clinics import SessionView
from app.web import event_words, queue_words
from app.web.doctor import bp
from app.web.fragments import fragment
from app.web.house import house
from app.web.late import LATE_MINUTES, flash_late, minutes_late
from app.web.login import staff_required
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/")
@staff_required("doctor")
def queue() -> Any:
    """The line of today's session that was asked for, else of the one running now."""
    return render_template("doctor/queue.html", **_shown())


@bp.get("/now")
@staff_required("doctor")
def queue_now() -> Any:
    """The part that changes by itself."""
    return fragment("doctor/_queue.html", **_shown())


@bp.post("/sessions/<session_id>/call")
@staff_required("doctor")
def call_next(session_id: str) -> Any:
    """Call the next person into the room."""
    with act() as a:
        called = queueing.call_next(a.session, a.actor, session_id, a.now)
        a.answer = see_other("doctor.queue", session=session_id)
    if called is None:
        flash(_("现在没有人在等。"), "info")
    return a.sealed()


@bp.post("/tickets/<ticket_id>/recall")
@staff_required("doctor")
def recall(ticket_id: str) -> Any:
    """Call the same person once more."""
    with act() as a:
        queueing.recall(a.session, a.actor, ticket_id, a.now)
        a.answer = _back()
    return a.sealed()


@bp.post("/tickets/<ticket_id>/pass")
@staff_required("doctor")
def pass_over(ticket_id: str) -> Any:
    """Nobody came: the number is passed."""
    with act() as a:
        queueing.pass_(a.session, a.actor, ticket_id, a.now)
        a.answer = _back()
    return a.sealed()


@bp.post("/tickets/<ticket_id>/put-back")
@staff_required("doctor")
def put_back(ticket_id: str) -> Any:
    """Somebody who was passed is at the door: back into the line."""
    with act() as a:
        queueing.put_back(a.session, a.actor, ticket_id, a.now)
        a.answer = _back()
    return a.sealed()


@bp.post("/tickets/<ticket_id>/start")
@staff_required("doctor")
def start(ticket_id: str) -> Any:
    """The person is in: the visit begins."""
    with act() as a:
        queueing.start(a.session, a.actor, ticket_id, a.now)
        a.answer = _back()
    return a.sealed()


@bp.post("/tickets/<ticket_id>/finish")
@staff_required("doctor")
def finish(ticket_id: str) -> Any:
    """The visit ends."""
    with act() as a:
        queueing.finish(a.session, a.actor, ticket_id, a.now)
        a.answer = _back()
    return a.sealed()


@bp.post("/tickets/<ticket_id>/tests")
@staff_required("doctor")
def to_tests(ticket_id: str) -> Any:
    """The person goes to tests and comes back with the same number; the room is free."""
    with act() as a:
        ticket = queueing.send_to_tests(a.session, a.actor, ticket_id, a.now)
        a.answer = _back()
    flash(_("%(ticket)s 去做检查，号码保留，回来按“检查回来了”。", ticket=ticket.ticket), "success")
    return a.sealed()


@bp.post("/tickets/<ticket_id>/back")
@staff_required("doctor")
def from_tests(ticket_id: str) -> Any:
    """Somebody is back from tests."""
    with act() as a:
        queueing.back_from_tests(a.session, a.actor, ticket_id, a.now)
        a.answer = _back()
    return a.sealed()


@bp.post("/tickets/<ticket_id>/undo")
@staff_required("doctor")
def undo(ticket_id: str) -> Any:
    """Take the last move of a ticket back, once."""
    with act() as a:
        ticket = queueing.undo(a.session, a.actor, ticket_id, a.now, meant=request.form.get("act", "")[:40])
        a.answer = _back()
    flash(_("%(ticket)s 的上一步撤销了。", ticket=ticket.ticket), "success")
    return a.sealed()


@bp.post("/sessions/<session_id>/late")
@staff_required("doctor")
def late(session_id: str) -> Any:
    """Say how late one is: those who wait see it, and nobody loses a place by it."""
    minutes = minutes_late()
    with act() as a:
        queueing.say_late(a.session, a.actor, session_id, minutes, a.now)
        a.answer = see_other("doctor.queue", session=session_id)
    flash_late(minutes)
    return a.sealed()


def _back() -> dict[str, Any]:
    return see_other("doctor.queue", session=request.form.get("session"))


def _chosen(sessions: list[SessionView]) -> SessionView | None:
    """Return the session that was asked for, else the one that runs, else the next, else the last."""
    now = house().clock()
    asked = [view for view in sessions if view.id == request.args.get("session")]
    running = [view for view in sessions if view.starts_at <= now < view.ends_at]
    coming = [view for view in sessions if view.starts_at > now]
    return next(iter(asked or running or coming or sessions[-1:]), None)


def _shown() -> dict[str, Any]:
    """Return what the line shows; the first look of a sign-in is recorded before anything is sent."""
    actor = current_actor()
    with reading() as session:
        sessions = clinics.sessions_of(session, str(actor.ref), house().clock())
        chosen = _chosen(sessions)
        words = _words(session, sessions, chosen)
        is_recorded = chosen is None or queueing.is_board_recorded(session, actor, "doctor", chosen.id)
    if chosen is not None and not is_recorded:
        with act() as a:
            queueing.record_board(a.session, a.actor, "doctor", chosen.id, a.now)
    return words


def _words(session: Session, sessions: list[SessionView], chosen: SessionView | None) -> dict[str, Any]:
    if chosen is None:
        return {"sessions": sessions, "chosen": None, "board": None, "current": None, "visit_href": ""}
    found = boards.doctor_board(session, current_actor(), chosen.id, house().clock())
    href = url_for("doctor.visit", visit_id=found.visit_id) if found.visit_id else ""
    return {
        "sessions": sessions,
        "chosen": chosen,
        "board": found,
        "current": found.line.current,
        "visit_href": href,
        "marks_of": queue_words.MARKS,
        "late_minutes": LATE_MINUTES,
        "moves": event_words.TYPES,
    }
