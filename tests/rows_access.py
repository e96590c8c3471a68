"""How the routes of access are asked: consents to read, emergencies, complaints, the auditor's reviews; see tests/rows.py."""

from __future__ import annotations

from sqlalchemy import select

from app.domain import clinical
from app.domain.access import ALL_PARTS
from app.domain.break_glass import Reason
from app.domain.documents import DocumentKind
from app.domain.ids import new_ref
from app.domain.permits import Choice, Purpose
from app.models import ClinicalRecord, Event
from app.services import break_glass, complaints, permits, records
from app.services.sealing import seal_next
from tests.rows import Objects, Row
from tests.scene import Scene

WORDS = "送来时昏迷，需要看用药史"
DOCTOR = {"reader": "$reader", "purpose": "second_opinion", "parts": ["results"], "days": "7"}


def _lin(scene: Scene) -> Objects:
    return {"": {"reader": f"doctor:{scene.ward.lin.ref}", "doctor": str(scene.ward.lin.ref)}}


def permitted(scene: Scene) -> Objects:
    """Li Ming let doctor Lin read of herself, and of her child."""
    found = {}
    for owner in ("a", "child"):
        choice = Choice(Purpose.SECOND_OPINION, ALL_PARTS, 7, clinician=str(scene.ward.lin.ref))
        found[owner] = {"permit": scene.ward.do(permits.give, scene.actors["a"], scene.of(owner, "person"), choice)}
    return found


def measured_elsewhere(scene: Scene) -> Objects:
    """As `permitted`, and of Li Ming something came from another house, in no visit."""
    found = {owner: dict(values) for owner, values in permitted(scene).items()}
    with scene.ward.house.writing_session() as session:
        row = ClinicalRecord(
            id=new_ref(), patient_ref=scene.of("a", "person"), kind="advice", status="final", effective_at=scene.ward.now,
            recorded_at=scene.ward.now, source="import",
        )  # fmt: skip
        seal_next(session, row, clinical.advice("多喝水"))
        found["a"]["record"] = row.id
    return found


def broken(scene: Scene) -> Objects:
    """Doctor Lin, who treats nobody here, opened Li Ming's record in an emergency and read it."""
    ward, number = scene.ward, scene.of("", "number")
    with ward.house.writing_session() as session:
        emergency = break_glass.open_by_document(
            session, ward.lin, DocumentKind.RESIDENT_ID, "CHN", number, Reason.UNCONSCIOUS, WORDS, ward.now
        )
    with ward.house.writing_session() as session:
        records.open_history(session, ward.lin, scene.of("a", "person"), ward.now)
    return {"": {"emergency": emergency}}


def looked(scene: Scene) -> Objects:
    """Somebody looked at Li Ming's record, and she may say that it was not right."""
    broken(scene)
    with scene.ward.house.reading_session() as session:
        query = select(Event.id).where(Event.subject_ref == scene.of("a", "person"), Event.type == "record.opened")
        return {"": {"look": str(session.scalars(query.order_by(Event.serial.desc())).first())}}


def complained(scene: Scene) -> Objects:
    look = looked(scene)[""]["look"]
    made = scene.ward.do(complaints.complain, scene.actors["a"], look, "我那天没有来看病")
    return {"": {"complaint": made}}


OWN = {"owned": "link"}
ROWS: dict[str, Row] = {
    "patient.permits": Row(),
    "patient.new_permit": Row(),
    "patient.give_permit": Row(
        form={"person": "$person", **DOCTOR}, prepare=_lin, owned="person", owners=("a", "child")
    ),
    "patient.withdraw_permit": Row(
        {"permit_id": "$permit"}, prepare=permitted, owned="person", owners=("a", "child")
    ),
    "patient.looks_file": Row(),
    "patient.complain": Row({"event_id": "$look"}, prepare=looked, **OWN),
    "patient.take_complaint": Row({"event_id": "$look"}, {"words": "我那天没有来看病"}, prepare=looked, **OWN),
    "patient.complaints": Row(),
    "patient.complaint": Row({"complaint_id": "$complaint"}, prepare=complained, **OWN),
    "patient.emergency": Row({"emergency_id": "$emergency"}, prepare=broken, **OWN),
    "api.readers": Row(),
    "api.permits": Row(),
    "api.give_permit": Row(
        form={"person": "$person", "doctor": "$doctor", "purpose": "second_opinion", "parts": ["results"], "days": 7},
        prepare=_lin, owned="person", owners=("a", "child"),
    ),
    "api.withdraw_permit": Row({"permit_id": "$permit"}, prepare=permitted, owned="person", owners=("a", "child")),
    "api.complaints": Row(),
    "api.complaint": Row({"complaint_id": "$complaint"}, prepare=complained, **OWN),
    "api.complain": Row({"event_id": "$look"}, {"words": "我那天没有来看病"}, prepare=looked, **OWN),
    "doctor.readable": Row(),
    "doctor.granted": Row({"patient_ref": "$person"}, prepare=permitted, owners=("a", "child"), but={"ma": 403}, tells=("lin",)),
    "doctor.granted_now": Row({"patient_ref": "$person"}, prepare=permitted, owners=("a", "child")),  # leads who has no ground to a page of nobody
    "doctor.granted_days": Row({"patient_ref": "$person"}, prepare=permitted, owners=("a", "child"), but={"ma": 403}, tells=("lin",)),
    "doctor.granted_visit": Row(
        {"patient_ref": "$person", "visit_id": "$visit"}, prepare=permitted, owners=("a", "child"),
        but={"ma": 403}, tells=("lin",),
    ),
    "doctor.granted_other": Row(
        {"patient_ref": "$person", "record_id": "$record"}, prepare=measured_elsewhere, owners=("a",), but={"ma": 403}, tells=("lin",),
    ),
    "doctor.emergency": Row(),
    "doctor.break_glass": Row(
        form={"document": "resident_id", "number": "$number", "reason": "unconscious", "words": WORDS},
        but={"chen": 409}, by="lin",
    ),  # chen treats her: there is no glass to break
    "doctor.emergency_record": Row({"emergency_id": "$emergency"}, prepare=broken, but={"chen": 404, "ma": 404}, by="lin"),
    "doctor.emergency_now": Row({"emergency_id": "$emergency"}, prepare=broken, but={"chen": 404, "ma": 404}, by="lin"),
    "doctor.end_emergency": Row({"emergency_id": "$emergency"}, prepare=broken, but={"chen": 404, "ma": 404}, by="lin"),
    "auditor.reviews": Row(),
    "auditor.emergency": Row({"emergency_id": "$emergency"}, prepare=broken),
    "auditor.judge": Row({"emergency_id": "$emergency"}, {"verdict": "justified", "note": "核对过，属实"}, prepare=broken),
    "auditor.complaint": Row({"complaint_id": "$complaint"}, prepare=complained),
    "auditor.answer": Row(
        {"complaint_id": "$complaint"}, {"outcome": "in_order", "answer": "医生当天接诊了急诊"}, prepare=complained
    ),
}  # fmt: skip
