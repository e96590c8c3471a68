"""What a person's own browser needs to see that their record is unchanged since it was signed: each version of each row with its
salt, and which receipt named it. One disclosure, like any opening."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.clinical import Kind
from app.domain.errors import NotFound
from app.models import Bound, ClinicalRecord, Document, Immunization, LabOrder, Problem, ReportVersion, Visit
from app.services import lists, records, results, rights, versions
from app.services.clinics import Words
from app.services.lists import WITHDRAWN
from app.services.versions import Version

MOST = 400  # rows on one page: of more, the newest


@dataclass(frozen=True)
class Item:
    """One row: what it is (`kind` names it, `title` where it has a name of its own), and its versions, the newest first."""

    kind: str
    title: Words
    file_of: str | None
    versions: tuple[Version, ...]


@dataclass(frozen=True)
class Unchanged:
    """The rows of one page; `patient_ref` is whose they are, `visit_id` of which visit (None: of none, or of one row alone)."""

    patient_ref: str
    visit_id: str | None
    items: tuple[Item, ...]
    event_id: str | None

    @property
    def event_ids(self) -> list[str]:
        """Return the events whose receipts the browser checks."""
        return sorted({v.event_id for item in self.items for v in item.versions if v.event_id})


def open_rows(session: Session, actor: Actor, row_id: str, now: datetime) -> Unchanged:
    """Return what belongs to a visit, or one record with what hangs on it, for checking. Raises NotFound, NotAllowed."""
    first = next((row for model in (Visit, ClinicalRecord, Problem, Immunization, Document) if (row := session.get(model, row_id))), None)  # fmt: skip
    if first is None:
        raise NotFound()
    grant = rights.see_health(session, actor, first.patient_ref, now, recorded_at=first.recorded_at)
    shown = [
        row
        for row in (_of_visit(session, first) if isinstance(first, Visit) else _of_row(session, first))
        if (grant.since_at is None or _recorded_at(row) >= grant.since_at)
        and not records.is_report_held(session, actor, _report_of(row), now)
    ]
    if not shown:
        raise NotFound()
    event_id = records.disclose(session, actor, first.patient_ref, shown, now)
    found = versions.of_rows(session, first.patient_ref, shown)
    items = [
        Item(
            kind=_kind(row),
            title=_title(found, row),
            file_of=row.id if isinstance(row, Document) else None,
            versions=tuple(v for v in found if (v.object, v.id) == (row.OBJECT, row.object_id)),
        )
        for row in shown
    ]
    return Unchanged(first.patient_ref, row_id if isinstance(first, Visit) else None, tuple(items), event_id)


def _of_visit(session: Session, visit: Visit) -> list[Bound]:
    query = select(ClinicalRecord).where(ClinicalRecord.visit_id == visit.id)
    rows = session.scalars(query.order_by(ClinicalRecord.recorded_at, ClinicalRecord.id).limit(MOST)).all()
    problems, given, papers = lists.of_visits(session, [visit.id])
    signed = results.versions_of(session, [row.id for row in rows if row.kind == Kind.REPORT])
    return [visit, *rows, *signed, *results.orders_of(session, [visit.id]), *problems, *given, *papers]


def _of_row(session: Session, row: ClinicalRecord | Problem | Immunization | Document) -> Sequence[Bound]:
    if isinstance(row, ClinicalRecord) and row.kind == Kind.REPORT:
        measured = select(ClinicalRecord).where(or_(ClinicalRecord.report_id == row.id, ClinicalRecord.id == row.id))
        papers = select(Document).where(Document.report_id == row.id, Document.status != WITHDRAWN)
        return [
            *session.scalars(measured.order_by(ClinicalRecord.recorded_at, ClinicalRecord.id).limit(MOST)),
            *results.versions_of(session, [row.id]),
            *session.scalars(papers),
        ]
    return [row]


def _report_of(row: Bound) -> str | None:
    """Return the report with which a row may be held: its own, or itself."""
    if isinstance(row, ClinicalRecord) and row.kind == Kind.REPORT:
        return row.id
    report_id: str | None = getattr(row, "report_id", None)
    return None if isinstance(row, LabOrder) else report_id


def _recorded_at(row: Bound) -> datetime:
    at: datetime = (
        row.signed_at
        if isinstance(row, ReportVersion)
        else row.ordered_at
        if isinstance(row, LabOrder)
        else row.recorded_at
    )  # type: ignore[attr-defined]
    return at


def _kind(row: Bound) -> str:
    return row.kind if isinstance(row, ClinicalRecord) else str(row.__tablename__)  # type: ignore[attr-defined]


def _title(found: Sequence[Version], row: Bound) -> Words:
    """Return the name that a row gives itself: of a diagnosis, a measurement, a vaccine, a document."""
    content = next(v.projection["content"] for v in found if (v.object, v.id) == (row.OBJECT, row.object_id))
    chinese = content.get("name_zh") or content.get("title_zh") or content.get("title") or ""
    english = content.get("name_en") or content.get("title_en") or content.get("title") or ""
    if lines := content.get("lines"):
        chinese = english = "、".join(str(line["name"]) for line in lines)
    return Words(str(chinese), str(english))
