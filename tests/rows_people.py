"""How the routes about people at the desk and families are asked: see tests/rows.py, which takes these in."""

from __future__ import annotations

from typing import Any

from app.domain.documents import parse_resident_id
from app.models import Patient
from app.services import guardianship, identity, people, proofs, slips
from tests.people import with_check
from tests.rows import NOT_HERE, Objects, Row, _slots
from tests.scene import Scene

SOMEBODY: dict[str, Any] = {
    "clinic": "$clinic", "document": "resident_id", "number": with_check("11010519700307871"), "name": "赵新来"
}  # fmt: skip
NOT_MY_CLINIC = {"desk_elsewhere": 404}


def _printed(scene: Scene) -> Objects:
    slip = scene.ward.do(slips.print_slip, scene.ward.desk, scene.of("a", "booked"))
    token = scene.ward.look(slips.printed, scene.ward.desk, slip).token
    return {"": {"slip": slip, "slip_token": token}}


def _guarding(scene: Scene) -> Objects:
    """The guardian's link to the child."""
    with scene.ward.house.reading_session() as session:
        views = people.links_of(session, str(scene.actors["guardian"].ref))
    return {"": {"guarding": next(v.id for v in views if v.relation == "guardian")}}


def _family(scene: Scene) -> Objects:
    """The owner, who has proven who she is, let somebody of her family see her record."""
    ward, ref = scene.ward, scene.of("a", "person")
    with ward.house.reading_session() as session:
        who = identity.read_identity(session, session.get_one(Patient, ref))
    own = scene.of("a", "link")
    ward.do(proofs.prove, scene.actors["a"], own, ward.do(proofs.issue_claim_code, ward.desk, ref))
    with ward.house.writing_session() as session:
        document = parse_resident_id(who.number, ward.now.date())
        link = people.bind(
            session, scene.actors["b"], document, who.name, ward.now, relation="family", has_consented=True
        )
    ward.do(proofs.prove, scene.actors["b"], link, ward.do(proofs.issue_claim_code, ward.desk, ref))
    assert [held.link_id for held in _held(scene, ref)] == [link]
    return {"a": {"family": link}}


def _held(scene: Scene, ref: str) -> list[guardianship.StandIn]:
    with scene.ward.house.reading_session() as session:
        return [held for held in guardianship.stand_ins(session, ref, scene.ward.now) if held.relation == "family"]


ROWS: dict[str, Row] = {
    "desk.walk_in": Row(),
    "desk.take_walk_in": Row(form={**SOMEBODY, "session": "$session"}, but=NOT_MY_CLINIC),
    "desk.slip": Row({"ticket_id": "$ticket"}, but=NOT_HERE),
    "desk.booking_slip": Row({"appointment_id": "$booked"}, but=NOT_HERE),
    "desk.print_slip": Row({"appointment_id": "$booked"}, but=NOT_HERE),
    "desk.printed_slip": Row({"slip_id": "$slip"}, prepare=_printed, but=NOT_HERE),
    "desk.book_for": Row(),
    "desk.find_for": Row(form=SOMEBODY, but=NOT_MY_CLINIC),
    "desk.times_for": Row({"patient_ref": "$person"}),
    "desk.take_book_for": Row(
        {"patient_ref": "$person"}, {"clinic": "$clinic", "slot": "$slot"}, prepare=_slots, but=NOT_MY_CLINIC
    ),
    "claims.revoke_guardian": Row({"link_id": "$guarding"}, prepare=_guarding),
    "patient.end_guardian": Row({"link_id": "$family"}, prepare=_family, owned="link"),
    "log.slip": Row({"token": "$slip_token"}, prepare=_printed),
}
