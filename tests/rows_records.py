"""How the routes of a person's lists, courses and documents are asked: the rows that `tests/rows.py` takes in."""

from __future__ import annotations

from app.domain import attachments as papers
from app.domain import problems
from app.domain.actor import SYSTEM
from app.domain.calendar import hospital_day
from app.models import ClinicalRecord
from app.services import attachments, events, series
from app.services import problems as lists
from app.services.sealing import open_payload
from tests.papers import PDF, PNG, Sent
from tests.rows import PERSON, Objects, Row
from tests.rows_lab import NOT_HERE, NOT_MINE, in_visit, reported
from tests.scene import Scene


def with_papers(scene: Scene) -> Objects:
    """A document of hers and one of her child's, and a measurement of each whose course can be found."""
    found = {}
    for owner in ("a", "child"):
        ref = scene.objects[owner]["person"]
        with scene.ward.house.writing_session() as session:
            payload = papers.document("胸片", "picture", PNG)
            rows = attachments.write(session, ref, payload, PNG, scene.ward.now)
            record = session.get_one(ClinicalRecord, scene.objects[owner]["record"])
            record.series = series.key_of(session, ref, open_payload(session, record)[0])
            events.record(session, "document.added", SYSTEM, scene.ward.now, subject=ref, objects=rows)
            found[owner] = {"document": rows[0].id}
    return found


def listed(scene: Scene) -> Objects:
    """A visit under way with a problem and a document."""
    found = dict(in_visit(scene)[""])
    payload = problems.problem("I10", today_on=hospital_day(scene.ward.now))
    found["problem"] = scene.ward.do(lists.record_problem, scene.ward.chen, found["open_visit"], payload)
    paper = papers.document("x", "report", PDF)
    found["document"] = scene.ward.do(attachments.attach, scene.ward.chen, found["open_visit"], paper, PDF)
    return {"": found}


ROWS: dict[str, Row] = {
    "patient.known": Row(prepare=with_papers),
    "patient.course": Row({"record_id": "$record"}, prepare=with_papers, **PERSON),
    "patient.document": Row({"document_id": "$document"}, prepare=with_papers, **PERSON),
    "patient.document_file": Row({"document_id": "$document"}, prepare=with_papers, **PERSON),
    "api.known": Row({"patient_ref": "$person"}, prepare=with_papers, **PERSON),
    "api.other_records": Row({"record_id": "$record"}, **PERSON),
    "api.course": Row({"record_id": "$record"}, prepare=with_papers, **PERSON),
    "api.document": Row({"document_id": "$document"}, prepare=with_papers, **PERSON),
    "patient.unchanged": Row({"row_id": "$visit"}, **PERSON),
    "doctor.record_problem": Row({"visit_id": "$open_visit"}, {"problem": "I10"}, prepare=in_visit, but=NOT_MINE),
    "doctor.change_problem": Row(
        {"visit_id": "$open_visit", "problem_id": "$problem"}, {"status": "resolved"}, prepare=listed, but=NOT_MINE
    ),
    "doctor.record_immunization": Row(
        {"visit_id": "$open_visit"}, {"vaccine": "influenza"}, prepare=in_visit, but=NOT_MINE
    ),
    "doctor.attach": Row(
        {"visit_id": "$open_visit"},
        {"title": "胸片", "paper_kind": "report", "file": Sent(PDF, "scan.pdf")},
        prepare=in_visit,
        but=NOT_MINE,
    ),
    "doctor.withdraw_document": Row(
        {"visit_id": "$open_visit", "document_id": "$document"}, prepare=listed, but=NOT_MINE
    ),
    "doctor.document": Row({"document_id": "$document"}, prepare=listed, but={"lin": 403}),
    "lab.attach": Row(
        {"order_id": "$order"}, {"title": "图谱", "file": Sent(PDF, "scan.pdf")}, prepare=reported, but=NOT_HERE
    ),
}
