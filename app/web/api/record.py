"""The record: lists of days, and what is opened of it, each opening a disclosure (A4) that is committed before its answer's first byte."""

from __future__ import annotations

import base64
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import NotAllowed
from app.services import attachments, people, records, summary
from app.web.api import answers_record as answers
from app.web.api import bp, forms
from app.web.api import examples_record as examples
from app.web.api.operation import answer, operation, plain
from app.web.disclosing import disclosing
from app.web.house import house
from app.web.login import bearer_required
from app.web.transaction import current_actor, disclosed_data, reading


@bp.get("/records", endpoint="records")
@bearer_required
@operation(list[answers.PersonRecords], [examples.PERSON_RECORDS])
def list_records() -> Any:
    """The visits of the account's people. A person whose record is not open to this account is left out."""
    actor, now = current_actor(), house().clock()
    found = []
    with reading() as session:
        for link in people.links_of(session, str(actor.ref)):
            if not link.is_active:
                continue
            try:
                visits = records.list_visits(session, actor, link.patient_ref, now)
                others = records.list_others(session, actor, link.patient_ref, now)
            except NotAllowed:
                continue
            found.append({"patient_ref": link.patient_ref, "visits": visits, "others": others})
    return answer(list[answers.PersonRecords], found)


@bp.get("/records/<visit_id>")
@bearer_required
@disclosing
@operation(answers.Visit, examples.VISIT)
def visit_record(visit_id: str) -> Any:
    """Open one visit: all that its page shows. The answer carries the receipt of the opening."""
    return disclosed_data(
        lambda session, actor, now: plain(answers.Visit, records.open_visit(session, actor, visit_id, now))
    )


@bp.get("/records/other/<record_id>")
@bearer_required
@disclosing
@operation(answers.Visit, examples.OTHERS)
def other_records(record_id: str) -> Any:
    """Open the records of one day that belong to no visit."""
    return disclosed_data(
        lambda session, actor, now: plain(answers.Visit, records.open_others(session, actor, record_id, now))
    )


@bp.get("/records/known/<patient_ref>")
@bearer_required
@disclosing
@operation(answers.Known, examples.KNOWN)
def known(patient_ref: str) -> Any:
    """Open a person's lists: problems, allergies, medicines now, immunizations, documents."""
    return disclosed_data(
        lambda session, actor, now: plain(answers.Known, summary.open_summary(session, actor, patient_ref, now))
    )


@bp.get("/records/courses/<record_id>")
@bearer_required
@disclosing
@operation(answers.Course, examples.COURSE, asks=forms.CourseQuery)
def course(record_id: str, query: forms.CourseQuery) -> Any:
    """Open one measurement over time, a page of it; `record_id` is any of its values."""

    def show(session: Session, actor: Actor, now: datetime) -> Any:
        opened = summary.open_course(session, actor, record_id, now, after=query.after or "")
        values = [{"measurement": measured, "visit_id": visit_id} for measured, visit_id in opened.values]
        said = {
            "id": opened.id, "patient_ref": opened.patient_ref, "name": opened.name, "values": values, "next": opened.older,
            "event_id": opened.event_id,
        }  # fmt: skip
        return plain(answers.Course, said)

    return disclosed_data(show)


@bp.get("/records/documents/<document_id>")
@bearer_required
@disclosing
@operation(answers.OpenedDocument, examples.OPENED_DOCUMENT)
def document(document_id: str) -> Any:
    """Open a document: what it is, and its bytes."""

    def show(session: Session, actor: Actor, now: datetime) -> Any:
        paper, event_id = attachments.open_paper(session, actor, document_id, now)
        file = attachments.open_file(session, actor, document_id, now)
        shown = {name: value for name, value in asdict(paper).items() if name in answers.Document.model_fields}
        said = {**shown, "base64": base64.b64encode(file.data).decode(), "event_id": event_id}
        return plain(answers.OpenedDocument, said)

    return disclosed_data(show)
