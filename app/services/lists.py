"""A person's problems, immunizations and documents as they are read: this opens their payloads, for those whose right was decided.

`records` and `summary` decide access and record the disclosure; what is opened here they name in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import attachments as rules
from app.domain import problems
from app.models import Document, Immunization, Problem, Staff
from app.services.clinics import Words
from app.services.sealing import open_payload

WITHDRAWN = "entered-in-error"


@dataclass(frozen=True)
class ProblemLine:
    """A problem. `onset` and `until` are days, months or years as they were written, empty where nobody said.

    `changes` counts the versions before the present one.
    """

    id: str
    status: str
    is_present: bool
    code: str
    name: Words
    onset: str
    until: str
    note: str
    recorded_at: datetime
    changed_at: datetime
    who: Words
    source: str
    changes: int


@dataclass(frozen=True)
class ImmunizationLine:
    """A vaccination, or one that was not given (`status` "not-done")."""

    id: str
    status: str
    name: Words
    given_at: datetime | None
    dose: str
    lot: str
    site: str
    place: str
    note: str
    who: Words
    source: str


@dataclass(frozen=True)
class Paper:
    """A document as lists show it. `dated_at` is what it is of, `recorded_at` when it came here; `who` brought it."""

    id: str
    patient_ref: str
    title: str
    kind: Words
    media_type: str
    size: int
    sha256: str
    dated_at: datetime | None
    recorded_at: datetime
    who: Words
    source: str
    status: str
    report_id: str | None
    visit_id: str | None

    @property
    def is_picture(self) -> bool:
        return self.media_type in (rules.PNG, rules.JPEG)

    @property
    def suffix(self) -> str:
        return rules.SUFFIXES[self.media_type]


def of_visits(session: Session, visit_ids: list[str]) -> tuple[list[Problem], list[Immunization], list[Document]]:
    """Return what was written at these visits and counts, oldest first."""
    problem_rows = select(Problem).where(Problem.visit_id.in_(visit_ids), Problem.status != WITHDRAWN)
    given = select(Immunization).where(Immunization.visit_id.in_(visit_ids), Immunization.status != WITHDRAWN)
    papers = select(Document).where(Document.visit_id.in_(visit_ids), Document.status != WITHDRAWN)
    return (
        list(session.scalars(problem_rows.order_by(Problem.recorded_at, Problem.id))),
        list(session.scalars(given.order_by(Immunization.recorded_at, Immunization.id))),
        list(session.scalars(papers.order_by(Document.recorded_at, Document.id))),
    )


def read_problem(session: Session, row: Problem) -> ProblemLine:
    content = open_payload(session, row)[0]
    return ProblemLine(
        id=row.id,
        status=row.status,
        is_present=problems.STATUSES.get(row.status, False),
        code=str(content["code"]),
        name=Words(str(content["name_zh"]), str(content["name_en"])),
        onset=str(content["onset_on"]),
        until=str(content["until_on"]),
        note=str(content["note"]),
        recorded_at=row.recorded_at,
        changed_at=row.changed_at,
        who=_who(session, row.author_ref),
        source=row.source,
        changes=row.version - 1,
    )


def read_immunization(session: Session, row: Immunization) -> ImmunizationLine:
    content = open_payload(session, row)[0]
    return ImmunizationLine(
        id=row.id,
        status=row.status,
        name=Words(str(content["name_zh"]), str(content["name_en"])),
        given_at=row.given_at,
        dose=str(content["dose"]),
        lot=str(content["lot"]),
        site=str(content["site"]),
        place=str(content["place"]),
        note=str(content["note"]),
        who=_who(session, row.author_ref),
        source=row.source,
    )


def read_document(session: Session, row: Document) -> Paper:
    content = open_payload(session, row)[0]
    names = rules.KINDS.get(str(content["kind"]), rules.KINDS["other"])
    return Paper(
        id=row.id,
        patient_ref=row.patient_ref,
        title=str(content["title"]),
        kind=Words(names[0], names[1]),
        media_type=str(content["media_type"]),
        size=int(content["size"]),
        sha256=str(content["sha256"]),
        dated_at=row.dated_at,
        recorded_at=row.recorded_at,
        who=_who(session, row.author_ref),
        source=row.source,
        status=row.status,
        report_id=row.report_id,
        visit_id=row.visit_id,
    )


def _who(session: Session, staff_ref: str | None) -> Words:
    member = session.get(Staff, staff_ref) if staff_ref else None
    return Words(member.name_zh, member.name_en) if member else Words("", "")
