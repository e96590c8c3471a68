"""How the routes of orders, laboratory and pharmacy are asked: the rows that `tests/rows.py` takes in."""

from __future__ import annotations

from app.domain import clinical
from app.domain.clinical import Kind
from app.services import lab, orders, pharmacy, records
from tests.rows import Objects, Row
from tests.scene import Scene, seen

NOT_MINE = {"lin": 404}
NOT_HERE = {"lab_elsewhere": 403}
LINE = {"name": "氨氯地平片", "dose": "5 mg", "frequency": "每天一次", "days": "14"}
SAME = clinical.prescription_line(**LINE)


def in_visit(scene: Scene) -> Objects:
    visit, ticket = seen(scene)
    return {"": {"open_visit": visit, "serving": ticket}}


def ordered(scene: Scene, *panels: str) -> Objects:
    """An order that waits for its sample; a glucose alone where no panel is named."""
    found = in_visit(scene)[""]
    with scene.ward.house.writing_session() as session:
        order = orders.place(
            session, scene.ward.chen, found["open_visit"], list(panels or ("15074-8",)), scene.ward.now
        )
    return {"": {**found, "order": order}}


def collected(scene: Scene, *panels: str) -> Objects:
    found = ordered(scene, *panels)
    scene.ward.do(lab.collect, scene.actors["lab"], found[""]["order"])
    return found


def reported(scene: Scene, value: str = "7.9", *panels: str) -> Objects:
    found = collected(scene, *panels)
    code = panels[0] if panels else "15074-8"
    with scene.ward.house.writing_session() as session:
        lab.sign(session, scene.actors["lab"], found[""]["order"], {code: value}, scene.ward.now, is_final=True)
    return found


def held(scene: Scene) -> Objects:
    return reported(scene, "positive", "20507-0")


def prescribed(scene: Scene) -> Objects:
    found = in_visit(scene)[""]
    payload = clinical.prescription([SAME])
    written = scene.ward.do(records.sign, scene.ward.chen, found["open_visit"], Kind.PRESCRIPTION, payload)
    return {"": {**found, "prescription": written}}


def returned(scene: Scene) -> Objects:
    found = prescribed(scene)
    scene.ward.do(pharmacy.send_back, scene.actors["pharmacist"], found[""]["prescription"], "dose", "")
    return found


def accepted(scene: Scene) -> Objects:
    found = prescribed(scene)
    scene.ward.do(pharmacy.accept, scene.actors["pharmacist"], found[""]["prescription"])
    return found


ROWS: dict[str, Row] = {
    "doctor.order_tests": Row({"visit_id": "$open_visit"}, {"panel": "58410-2"}, prepare=in_visit, but=NOT_MINE),
    "doctor.record_allergy": Row({"visit_id": "$open_visit"}, {"substance": "penicillin"}, prepare=in_visit, but=NOT_MINE),
    "doctor.cancel_order": Row({"order_id": "$order"}, {"reason": "not_needed"}, prepare=ordered, but=NOT_MINE),
    "doctor.release_result": Row({"order_id": "$order"}, prepare=held, but=NOT_MINE),
    "doctor.sign_again": Row(
        {"visit_id": "$open_visit", "record_id": "$prescription"}, {**LINE, "days": "7"}, prepare=returned, but=NOT_MINE
    ),
    "doctor.came_back": Row(),
    "doctor.came_back_now": Row(),
    "lab.work": Row(),
    "lab.work_now": Row(),
    "lab.order": Row({"order_id": "$order"}, prepare=ordered, but=NOT_HERE),
    "lab.collect": Row({"order_id": "$order"}, prepare=ordered, but=NOT_HERE),
    "lab.sign": Row({"order_id": "$order"}, {"15074-8": "6.0"}, prepare=collected, but=NOT_HERE),
    "lab.amend": Row(
        {"order_id": "$order"}, {"15074-8": "5.9", "reason": "typing"}, prepare=reported, but=NOT_HERE
    ),
    "lab.cancel": Row({"order_id": "$order"}, {"reason": "haemolysed"}, prepare=ordered, but=NOT_HERE),
    "pharmacy.work": Row(),
    "pharmacy.work_now": Row(),
    "pharmacy.prescription": Row({"record_id": "$prescription"}, prepare=prescribed),
    "pharmacy.accept": Row({"record_id": "$prescription"}, prepare=prescribed),
    "pharmacy.send_back": Row({"record_id": "$prescription"}, {"reason": "dose"}, prepare=prescribed),
    "pharmacy.dispense": Row({"record_id": "$prescription"}, prepare=accepted),
}  # fmt: skip
