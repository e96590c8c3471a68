"""Documents of the record: taken in by whoever treats or by the laboratory, opened one by one, taken back where wrong.

An opener: a document's title and its bytes are sealed health content, and each way to them asks `rights` and records it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain import attachments as rules
from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.domain.ids import new_ref
from app.models import Document, DocumentContent
from app.services import disclosure, events, lists, records, rights
from app.services.lists import WITHDRAWN, Paper
from app.services.orders import order_at_lab
from app.services.sealing import open_payload, seal_next


@dataclass(frozen=True)
class File:
    """A document's bytes, and what they are by themselves."""

    data: bytes
    media_type: str
    suffix: str


def attach(session: Session, actor: Actor, visit_id: str, payload: dict[str, Any], data: bytes, now: datetime) -> str:
    """Take a document into the record at a visit; return its id. `payload` is `domain.attachments.document`'s of `data`.

    Raises TooManyDocuments, NotFound, NotAllowed, VisitClosed.
    """
    visit = records.visit_for_writing(session, actor, visit_id, now)
    row, content = write(session, visit.patient_ref, payload, data, now, visit_id=visit.id, author_ref=actor.ref)
    _say(session, actor, row, content, now)
    return row.id


def attach_to_report(
    session: Session, actor: Actor, order_id: str, payload: dict[str, Any], data: bytes, now: datetime
) -> str:
    """Put a document beside a report that the laboratory signed; return its id.

    Raises NotFound (also without a report), NotAllowed, TooManyDocuments.
    """
    order = order_at_lab(session, actor, order_id, now)
    if order.report_id is None:
        raise NotFound()
    row, content = write(
        session, order.patient_ref, payload, data, now, visit_id=order.visit_id, report_id=order.report_id,
        author_ref=actor.ref,
    )  # fmt: skip
    _say(session, actor, row, content, now)
    return row.id


def _say(session: Session, actor: Actor, row: Document, content: DocumentContent, now: datetime) -> None:
    """Record that a document came in. Who brings it has it: the page that shows it next opens nothing new."""
    event = events.record(session, "document.added", actor, now, subject=row.patient_ref, objects=[row, content])
    disclosure.mark_seen(session, actor, "record.opened", row.patient_ref, [row, content], event.id, now)


def write(
    session: Session,
    patient_ref: str,
    payload: dict[str, Any],
    data: bytes,
    now: datetime,
    *,
    visit_id: str | None = None,
    report_id: str | None = None,
    author_ref: str | None = None,
    dated_at: datetime | None = None,
    recorded_at: datetime | None = None,
    source: str = "here",
    status: str = "current",
) -> tuple[Document, DocumentContent]:
    """Write a document and its bytes; the caller decided and records. Raises TooManyDocuments."""
    held = session.scalar(select(func.count()).select_from(Document).where(Document.patient_ref == patient_ref))
    if int(held or 0) >= rules.MOST_OF_A_PERSON:
        raise rules.TooManyDocuments("file", limit=rules.MOST_OF_A_PERSON)
    row = Document(
        id=new_ref(), patient_ref=patient_ref, visit_id=visit_id, report_id=report_id, status=status,
        dated_at=dated_at or now, recorded_at=recorded_at or now, author_ref=author_ref, source=source,
    )  # fmt: skip
    seal_next(session, row, payload)
    session.flush()
    content = DocumentContent(document_id=row.id, patient_ref=patient_ref)
    seal_next(session, content, {"base64": base64.b64encode(data).decode()})
    session.flush()
    return row, content


def withdraw(session: Session, actor: Actor, visit_id: str, document_id: str, now: datetime) -> None:
    """Take back a document that does not belong here. It stays, as what was entered in error, for whoever follows the record.

    Raises NotFound, NotAllowed, VisitClosed.
    """
    visit = records.visit_for_writing(session, actor, visit_id, now)
    row = session.get(Document, document_id)
    if row is None or row.visit_id != visit.id or row.status == WITHDRAWN:
        raise NotFound()
    payload = open_payload(session, row)[0]
    row.status = WITHDRAWN
    seal_next(session, row, payload)
    session.flush()
    events.record(session, "document.withdrawn", actor, now, subject=row.patient_ref, objects=[row])


def open_paper(session: Session, actor: Actor, document_id: str, now: datetime) -> tuple[Paper, str | None]:
    """Return what a document is, and the event of its opening (A4), which its bytes belong to. Raises NotFound, NotAllowed."""
    row, content = _opened(session, actor, document_id, now)
    return lists.read_document(session, row), records.disclose(session, actor, row.patient_ref, [row, content], now)


def _opened(session: Session, actor: Actor, document_id: str, now: datetime) -> tuple[Document, DocumentContent]:
    """Return the rows of a document that the actor may open. Raises NotFound, NotAllowed."""
    row = session.get(Document, document_id)
    if row is None:
        raise NotFound()
    rights.read_parts(session, actor, row.patient_ref, now, kind="document", recorded_at=row.recorded_at)
    if row.status == WITHDRAWN or records.is_report_held(session, actor, row.report_id, now):
        raise NotFound()
    return row, session.get_one(DocumentContent, document_id)


def open_file(session: Session, actor: Actor, document_id: str, now: datetime) -> File:
    """Return a document's bytes and record that it was opened (A4). Raises NotFound, NotAllowed."""
    row, content = _opened(session, actor, document_id, now)
    said = open_payload(session, row)[0]
    data = base64.b64decode(open_payload(session, content)[0]["base64"])
    records.disclose(session, actor, row.patient_ref, [row, content], now)
    media_type = str(said["media_type"])
    return File(data, media_type, rules.SUFFIXES[media_type])
