"""How the desk's routes are asked: see tests/rows.py, which takes these in."""

from __future__ import annotations

from sqlalchemy import select

from app.domain.actor import SYSTEM
from app.models import ClinicSession, PriorityGrant
from app.services import planning, queueing
from tests.rows import NOT_HERE, Objects, Row, _called, _in_room, _missed
from tests.scene import Scene


def _favoured(scene: Scene) -> Objects:
    ticket = scene.of("a", "ticket")
    scene.ward.do(
        lambda s, *rest: queueing.grant_priority(s, scene.ward.desk, ticket, "care", "with_infant", "", *rest)
    )
    with scene.ward.house.reading_session() as session:
        grant = session.scalar(select(PriorityGrant.id).where(PriorityGrant.ticket_id == ticket))
    return {"": {"favoured": ticket, "priority_grant": str(grant)}}


def _pool(scene: Scene) -> Objects:
    return {"": {"pool": scene.ward.pool}}


def _away(scene: Scene) -> Objects:
    serving = _in_room(scene)[""]["serving"]
    scene.ward.do(queueing.send_to_tests, scene.ward.chen, serving)
    return {"": {"away": serving}}


def _elsewhere(scene: Scene) -> Objects:
    """Another doctor's session in the same department."""
    ward = scene.ward
    with ward.house.reading_session() as session:
        room = session.get_one(ClinicSession, ward.pool).room_id
    hours = ward.now.replace(hour=1, minute=0), ward.now.replace(hour=4, minute=0)
    return {
        "": {
            "elsewhere": ward.do(
                planning.plan_session, SYSTEM, ward.clinic, ward.department, ward.lin.ref, room, *hours, 10, "expert"
            )
        }
    }


ROWS: dict[str, Row] = {
    "desk.board": Row(),
    "desk.board_now": Row(),
    "desk.find": Row(form={"clinic": "$clinic", "find": "A001"}, but={"desk_elsewhere": 404}),
    "desk.visit": Row({"appointment_id": "$booked"}, but=NOT_HERE),
    "desk.check_in": Row({"appointment_id": "$booked"}, but=NOT_HERE),
    "desk.cancel": Row({"appointment_id": "$far"}, but=NOT_HERE),
    "desk.call_next": Row({"session_id": "$session"}, but=NOT_HERE),
    "desk.recall": Row({"ticket_id": "$called"}, prepare=_called, but=NOT_HERE),
    "desk.pass_over": Row({"ticket_id": "$called"}, prepare=_called, but=NOT_HERE),
    "desk.put_back": Row({"ticket_id": "$missed"}, prepare=_missed, but=NOT_HERE),
    "desk.priority": Row({"ticket_id": "$ticket"}, {"ground": "care:with_infant"}, but=NOT_HERE),
    "desk.withdraw_priority": Row({"ticket_id": "$favoured"}, prepare=_favoured, but=NOT_HERE),
    "desk.priority_note": Row({"ticket_id": "$favoured"}, prepare=_favoured, but=NOT_HERE),
    "auditor.priority_note": Row({"grant_id": "$priority_grant"}, prepare=_favoured),
    "desk.move": Row({"ticket_id": "$ticket"}, {"to": "$elsewhere"}, prepare=_elsewhere, but=NOT_HERE),
    "desk.transfer": Row({"ticket_id": "$ticket"}, {"to": "$pool"}, prepare=_pool, but=NOT_HERE),
    "desk.to_tests": Row({"ticket_id": "$serving"}, prepare=_in_room, but=NOT_HERE),
    "desk.from_tests": Row({"ticket_id": "$away"}, prepare=_away, but=NOT_HERE),
    "desk.left": Row({"ticket_id": "$ticket"}, but=NOT_HERE),
    "desk.undo": Row({"ticket_id": "$missed"}, prepare=_missed, but=NOT_HERE),
}
