"""Stopping a session (停诊), and answering its offers for somebody who stands here or is on the telephone. Masked."""

from __future__ import annotations

from typing import Any

from flask import flash, make_response, render_template, request
from flask_babel import gettext as _

from app.domain.errors import NotFound
from app.domain.stopping import StopReason
from app.services import moves, queueing, stopping
from app.web.desk import bp
from app.web.desk.board import clinic_of_request
from app.web.fair_words import STOP_REASONS
from app.web.house import house
from app.web.late import LATE_MINUTES, flash_late, minutes_late
from app.web.login import staff_required
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/sessions")
@staff_required("desk", "admin")
def sessions() -> Any:
    """The clinic's sessions of today and the days that can be booked, with how many are booked in each."""
    clinic_id = clinic_of_request()
    with reading() as session:
        found = stopping.sessions_ahead(session, current_actor(), clinic_id, house().clock())
    return render_template("desk/sessions.html", sessions=found, reasons=STOP_REASONS)


@bp.get("/sessions/<session_id>/stop")
@staff_required("desk", "admin")
def stopped(session_id: str) -> Any:
    """One session: the form that stops it, or, once stopped, where each of its people stands."""
    return _page(session_id, {})


@bp.post("/sessions/<session_id>/stop")
@staff_required("desk", "admin")
def stop(session_id: str) -> Any:
    """Stop the session."""
    reason = request.form.get("reason", "")
    if reason not in set(StopReason):
        return make_response(_page(session_id, {"reason": _("选一个停诊原因")}), 400)
    with act() as a:
        count = stopping.stop(a.session, a.actor, session_id, StopReason(reason), a.now)
        a.answer = see_other("desk.stopped", session_id=session_id)
    flash(_("已停诊。%(count)s 位患者会收到改约通知。", count=count), "success")
    return a.sealed()


@bp.post("/sessions/<session_id>/late")
@staff_required("desk")
def late(session_id: str) -> Any:
    """Say for a doctor, who telephoned, how late they are: those who wait see it."""
    minutes = minutes_late()
    with act() as a:
        queueing.say_late(a.session, a.actor, session_id, minutes, a.now)
        a.answer = see_other("desk.stopped", session_id=session_id)
    flash_late(minutes)
    return a.sealed()


@bp.post("/move-offers/<offer_id>/accept")
@staff_required("desk")
def accept_offer(offer_id: str) -> Any:
    """Move somebody who agreed here or by telephone."""
    with act() as a:
        moves.accept(a.session, a.actor, offer_id, a.now)
        a.answer = see_other("desk.stopped", session_id=_from(request.form.get("session")))
    return a.sealed()


@bp.post("/move-offers/<offer_id>/decline")
@staff_required("desk")
def decline_offer(offer_id: str) -> Any:
    """Cancel for somebody who does not want what was offered."""
    with act() as a:
        moves.decline(a.session, a.actor, offer_id, a.now)
        a.answer = see_other("desk.stopped", session_id=_from(request.form.get("session")))
    return a.sealed()


def _from(session_id: str | None) -> str:
    if not session_id:
        raise NotFound()
    return session_id[:64]


def _page(session_id: str, errors: dict[str, str]) -> str:
    actor, now = current_actor(), house().clock()
    with reading() as session:
        sitting = stopping.session_ahead(session, actor, session_id, now)
        offers, people = ([], {})
        if sitting.is_stopped:
            offers, people = moves.of_session(session, actor, session_id, now)
    choices = [{"value": code, "title": str(words)} for code, words in STOP_REASONS.items()]
    return render_template(
        "desk/stopped.html", s=sitting, offers=offers, people=people, errors=errors, choices=choices,
        reasons=STOP_REASONS, may_answer=actor.role == "desk", late_minutes=LATE_MINUTES,
    )  # fmt: skip
