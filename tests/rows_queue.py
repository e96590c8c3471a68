"""How the routes of a doctor's line are asked; see tests/rows.py."""

from __future__ import annotations

from app.domain.actor import SYSTEM
from app.services import planning, queueing
from tests.rows import NOT_MINE, Objects, Row
from tests.scene import Scene, seen


def _serving(scene: Scene) -> Objects:
    return {"": {"serving": seen(scene)[1]}}


def _away(scene: Scene) -> Objects:
    ticket = seen(scene)[1]
    scene.ward.do(queueing.send_to_tests, scene.ward.chen, ticket)
    return {"": {"away": ticket}}


def _called(scene: Scene) -> Objects:
    return {"": {"called": scene.ward.do(queueing.call_next, scene.ward.chen, scene.ward.expert).id}}


def _classed(scene: Scene) -> Objects:
    ticket = scene.of("a", "ticket")
    scene.ward.do(queueing.grant_priority, scene.ward.desk, ticket, "soldier", "document_seen", "")
    return {"": {"classed": ticket}}


def _beside(scene: Scene) -> Objects:
    ward = scene.ward
    room = ward.do(planning.create_room, SYSTEM, ward.clinic, "8诊室", "Room 8")
    hours = ward.now.replace(hour=1, minute=0), ward.now.replace(hour=4, minute=0)
    planned = ward.do(
        planning.plan_session, SYSTEM, ward.clinic, ward.department, ward.ma.ref, room, *hours, 10, "expert"
    )
    return {"": {"beside": planned, "waiting": scene.of("a", "ticket")}}


def _waiting(scene: Scene) -> Objects:
    return {"": {"waiting": scene.of("a", "ticket")}}


ROWS: dict[str, Row] = {
    "doctor.to_tests": Row({"ticket_id": "$serving"}, prepare=_serving, but=NOT_MINE),
    "doctor.from_tests": Row({"ticket_id": "$away"}, prepare=_away, but=NOT_MINE),
    "doctor.undo": Row({"ticket_id": "$called"}, prepare=_called, but=NOT_MINE),
    "doctor.late": Row({"session_id": "$session"}, {"minutes": "15"}, but=NOT_MINE),
    "doctor.ticket": Row({"ticket_id": "$waiting"}, prepare=_waiting, but=NOT_MINE),
    "doctor.priority": Row(
        {"ticket_id": "$waiting"}, {"ground": "soldier:document_seen"}, prepare=_waiting, but=NOT_MINE
    ),
    "doctor.withdraw_priority": Row({"ticket_id": "$classed"}, prepare=_classed, but=NOT_MINE),
    "doctor.priority_note": Row({"ticket_id": "$classed"}, prepare=_classed, but=NOT_MINE),
    "doctor.move": Row({"ticket_id": "$waiting"}, {"to": "$beside"}, prepare=_beside, but=NOT_MINE),
    "doctor.left": Row({"ticket_id": "$waiting"}, prepare=_waiting, but=NOT_MINE),
}
