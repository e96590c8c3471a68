"""How the routes of fair booking are asked: waiting, strikes and appeals, stopped sessions; see tests/rows.py, which takes these in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from app.domain.actor import SYSTEM
from app.domain.calendar import hospital_day
from app.domain.stopping import StopReason
from app.domain.strikes import AppealReason
from app.models import Appeal, Appointment, ClinicSession, MoveOffer, Slot, Strike
from app.services import appeals, offers, planning, stopping, strikes, waitlist
from tests.rows import PERSON, Objects, Row
from tests.scene import Scene

ELSEWHERE = {"desk_elsewhere": 403}
OWNERS = ("a", "child")


def _full(scene: Scene) -> Objects:
    """Nothing of the pool is free: everything waits for its release."""
    ward = scene.ward
    with ward.house.writing_session() as session:
        session.execute(update(Slot).values(free_from=ward.now + timedelta(days=1)))
    return {"": {"pool": ward.pool, "today": hospital_day(ward.now).isoformat()}}


def _in_line(scene: Scene) -> Objects:
    ward, day_on = scene.ward, hospital_day(scene.ward.now)
    found: dict[str, dict[str, str]] = {"": dict(_full(scene)[""])}
    for owner in OWNERS:
        ref = scene.of(owner, "person")
        who = scene.actors["a"]
        entry = ward.do(waitlist.join, who, ref, None, day_on, session_id=ward.pool)
        found[owner] = {"entry": entry.id}
    return found


def _offered(scene: Scene) -> Objects:
    found = _in_line(scene)
    scene.ward.do(offers.run)
    return found


def _struck(scene: Scene) -> Objects:
    found = {}
    for owner in OWNERS:
        with scene.ward.house.writing_session() as session:
            row = session.get_one(Appointment, scene.of(owner, "far"))
            strikes.after_no_show(session, row, scene.ward.now)
            strike = session.scalar(select(Strike.id).where(Strike.appointment_id == row.id))
            found[owner] = {"strike": str(strike)}
    return found


def _appealed(scene: Scene) -> Objects:
    found: dict[str, dict[str, str]] = _struck(scene)  # type: ignore[assignment]
    with scene.ward.house.writing_session() as session:
        actor = scene.actors["a"]
        appeals.appeal(session, actor, found["a"]["strike"], AppealReason.URGENT, "孩子发烧", scene.ward.now)
        session.flush()
        found[""] = {"appeal": str(session.scalar(select(Appeal.id)))}
    return found


def _another_day(scene: Scene) -> None:
    """The department whose session is to be stopped has one of tomorrow as well."""
    ward, near = scene.ward, scene.of("", "session_near")
    with ward.house.reading_session() as session:
        row = session.get_one(ClinicSession, near)
        place = row.department_id, row.clinician_ref, row.room_id
    begins_at = ward.now + timedelta(days=1)
    hours = begins_at, begins_at + timedelta(hours=1)
    ward.do(planning.plan_session, SYSTEM, ward.clinic, *place, *hours, 10, "expert")


def _stopped(scene: Scene) -> Objects:
    _another_day(scene)
    ward, found = scene.ward, {}
    with ward.house.writing_session() as session:
        stopping.stop(session, ward.desk, scene.of("", "session_near"), StopReason.EQUIPMENT, ward.now)
        session.flush()
        for owner in OWNERS:
            offer = session.scalar(select(MoveOffer.id).where(MoveOffer.appointment_id == scene.of(owner, "booked")))
            found[owner] = {"offer": str(offer)}
    return found


JOIN: dict[str, Any] = {"person": "$person", "session": "$pool", "day": "$today"}

ROWS: dict[str, Row] = {
    "patient.waitlists": Row(),
    "patient.waitlists_now": Row(),
    "patient.join_waitlist": Row(form=JOIN, prepare=_full, **PERSON),
    "patient.accept_offer": Row({"entry_id": "$entry"}, prepare=_offered, **PERSON),
    "patient.leave_waitlist": Row({"entry_id": "$entry"}, prepare=_in_line, **PERSON),
    "api.waitlists": Row(),
    "api.join_waitlist": Row(form={"person": "$person", "session": "$pool", "day": "$today"}, prepare=_full, **PERSON),
    "api.accept_offer": Row({"entry_id": "$entry"}, prepare=_offered, **PERSON),
    "api.leave_waitlist": Row({"entry_id": "$entry"}, prepare=_in_line, **PERSON),
    "api.list_moves": Row(),
    "api.accept_move": Row({"offer_id": "$offer"}, prepare=_stopped, **PERSON),
    "api.decline_move": Row({"offer_id": "$offer"}, prepare=_stopped, **PERSON),
    "patient.strikes": Row(),
    "patient.strike": Row({"strike_id": "$strike"}, prepare=_struck, **PERSON),
    "patient.appeal": Row({"strike_id": "$strike"}, {"reason": "urgent", "words": ""}, prepare=_struck, **PERSON),
    "patient.accept_move": Row({"offer_id": "$offer"}, prepare=_stopped, **PERSON),
    "patient.decline_move": Row({"offer_id": "$offer"}, prepare=_stopped, **PERSON),
    "desk.sessions": Row(),
    "desk.stopped": Row({"session_id": "$session_near"}, but=ELSEWHERE),
    "desk.stop": Row({"session_id": "$session_near"}, {"reason": "equipment"}, but=ELSEWHERE),
    "desk.late": Row({"session_id": "$session"}, {"minutes": "20"}, but=ELSEWHERE),
    "desk.accept_offer": Row({"offer_id": "$offer"}, {"session": "$session_near"}, prepare=_stopped, but=ELSEWHERE),
    "desk.decline_offer": Row({"offer_id": "$offer"}, {"session": "$session_near"}, prepare=_stopped, but=ELSEWHERE),
    "desk.appeals": Row(),
    "desk.appeal": Row({"appeal_id": "$appeal"}, prepare=_appealed, but=ELSEWHERE),
    "desk.decide_appeal": Row({"appeal_id": "$appeal"}, {"reason": "shown"}, prepare=_appealed, but=ELSEWHERE),
}
