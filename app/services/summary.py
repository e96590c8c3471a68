"""What the hospital knows of a person beside single visits: problems, allergies, medicines now, immunizations, documents; and the
course of one measurement. Each page is one disclosure, of the rows that it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain import clinical
from app.domain.access import Grant
from app.domain.actor import Actor
from app.domain.clinical import Kind, Measurement, PrescriptionLine
from app.domain.errors import NotFound
from app.domain.prescribing import IN_FORCE
from app.models import Bound, ClinicalRecord, Document, Immunization, Problem
from app.services import chart, lists, records, rights
from app.services.chart import Allergy, Opened, Trend
from app.services.clinics import Words
from app.services.lists import WITHDRAWN, ImmunizationLine, Paper, ProblemLine

MOST = 200  # of each list on one page, the newest
MOST_PRESCRIPTIONS = 60  # looked through for what is being taken
POINTS = 100  # of a course on one page, the newest


@dataclass(frozen=True)
class Medicine:
    """A line of a prescription in force whose days are not over, or of one that its source calls active."""

    record_id: str
    line: PrescriptionLine
    since_at: datetime | None
    until_at: datetime | None


@dataclass(frozen=True)
class Summary:
    """A person's lists as one page shows them."""

    problems: tuple[ProblemLine, ...]
    allergies: tuple[Allergy, ...]
    medicines: tuple[Medicine, ...]
    immunizations: tuple[ImmunizationLine, ...]
    papers: tuple[Paper, ...]
    event_id: str | None
    tells_allergies: bool = True  # False: the grant leaves allergies out, whether there are any or not

    @property
    def is_empty(self) -> bool:
        return not (self.problems or self.allergies or self.medicines or self.immunizations or self.papers)


@dataclass(frozen=True)
class Course:
    """One measurement over time. `values` are all of the page, newest first, each with its visit; `trends` draw those that are
    numbers. `older` names where to go on."""

    id: str
    patient_ref: str
    name: Words
    trends: tuple[Trend, ...]
    values: tuple[tuple[Measurement, str | None], ...]
    older: str | None
    is_newest: bool
    event_id: str | None


def open_summary(session: Session, actor: Actor, patient_ref: str, now: datetime) -> Summary:
    """Return a person's lists, as far as the grant includes them, and record that they were opened (A4).

    Raises NotFound, NotAllowed.
    """
    grant = rights.read_parts(session, actor, patient_ref, now)
    problem_rows = _newest(session, "problem", Problem, Problem.changed_at, patient_ref, grant)
    given = _newest(session, "immunization", Immunization, Immunization.given_at, patient_ref, grant)
    papers = [
        row
        for row in _newest(session, "document", Document, Document.recorded_at, patient_ref, grant)
        if not records.is_report_held(session, actor, row.report_id, now)
    ]
    allergies = _records(session, patient_ref, Kind.ALLERGY, grant, MOST)
    taken = [
        (one, medicines)
        for one in _records(session, patient_ref, Kind.PRESCRIPTION, grant, MOST_PRESCRIPTIONS)
        if (medicines := _taken(one, now))
    ]
    rows: list[Bound] = [*problem_rows, *given, *papers, *(o.row for o in allergies), *(o.row for o, _ in taken)]
    event_id = records.disclose(session, actor, patient_ref, rows, now)
    found = [lists.read_problem(session, row) for row in problem_rows]
    return Summary(
        problems=tuple(sorted(found, key=lambda one: not one.is_present)),
        allergies=tuple(chart.allergy(o.content, o.row.recorded_at) for o in allergies),
        medicines=tuple(medicine for _, medicines in taken for medicine in medicines),
        immunizations=tuple(lists.read_immunization(session, row) for row in given),
        papers=tuple(lists.read_document(session, row) for row in papers),
        event_id=event_id,
        tells_allergies=grant.kinds is None or Kind.ALLERGY.value in grant.kinds,
    )


def _newest(session: Session, kind: str, model: Any, column: Any, patient_ref: str, grant: Grant) -> Sequence[Any]:
    if grant.kinds is not None and kind not in grant.kinds:
        return ()
    query: Select[Any] = select(model).where(model.patient_ref == patient_ref, model.status != WITHDRAWN)
    if grant.since_at is not None:
        query = query.where(model.recorded_at >= grant.since_at)
    return session.scalars(query.order_by(column.desc().nulls_last(), model.id).limit(MOST)).all()


def _records(session: Session, patient_ref: str, kind: Kind, grant: Grant, limit: int) -> list[Opened]:
    if grant.kinds is not None and kind.value not in grant.kinds:
        return []
    query = select(ClinicalRecord).where(
        ClinicalRecord.patient_ref == patient_ref,
        ClinicalRecord.kind == kind.value,
        ClinicalRecord.status.not_in(clinical.VOID),
    )
    if grant.since_at is not None:
        query = query.where(ClinicalRecord.recorded_at >= grant.since_at)
    newest = query.order_by(ClinicalRecord.effective_at.desc().nulls_last(), ClinicalRecord.id).limit(limit)
    return records.opened_rows(session, session.scalars(newest))


def _taken(one: Opened, now: datetime) -> list[Medicine]:
    """Return the lines of a prescription that is being taken at `now`: in force, and its days not over. One that says no days
    counts while its source calls it active."""
    row = one.row
    if row.status not in IN_FORCE:
        return []
    found = []
    for line in clinical.read_lines(one.content):
        until = row.effective_at + timedelta(days=line.days) if row.effective_at and line.days else None
        if (until is not None and until > now) or (until is None and row.status == "active"):
            found.append(Medicine(row.id, line, row.effective_at, until))
    return found


def open_course(session: Session, actor: Actor, record_id: str, now: datetime, *, after: str = "") -> Course:
    """Return the course of what one measurement measures, a page of the newest POINTS (`after`: below that one), and record
    that these were opened. `record_id` is any of its values.

    Raises NotFound (also for a record that measures nothing), NotAllowed.
    """
    row = session.get(ClinicalRecord, record_id)
    if row is None or row.kind != Kind.OBSERVATION:
        raise NotFound()
    grant = rights.read_parts(session, actor, row.patient_ref, now, kind=row.kind, recorded_at=row.recorded_at)
    if row.series is None or records.is_report_held(session, actor, row.report_id, now):
        raise NotFound()
    query = select(ClinicalRecord).where(
        ClinicalRecord.patient_ref == row.patient_ref,
        ClinicalRecord.series == row.series,
        ClinicalRecord.effective_at.is_not(None),
        ClinicalRecord.status.not_in(clinical.VOID),
    )
    if grant.since_at is not None:
        query = query.where(ClinicalRecord.recorded_at >= grant.since_at)
    last = session.get(ClinicalRecord, after) if after else None
    if last is not None and last.patient_ref == row.patient_ref and last.effective_at is not None:
        query = query.where(
            (ClinicalRecord.effective_at < last.effective_at)
            | ((ClinicalRecord.effective_at == last.effective_at) & (ClinicalRecord.id > last.id))
        )
    newest = query.order_by(ClinicalRecord.effective_at.desc(), ClinicalRecord.id).limit(POINTS + 1)
    found = session.scalars(newest).all()
    opened = [one for one in records.opened_rows(session, found[:POINTS]) if not records.is_hidden(actor, one, now)]
    if not opened:
        raise NotFound()
    event_id = records.disclose(session, actor, row.patient_ref, [one.row for one in opened], now)
    values = [
        (m, one.row.visit_id) for one in opened for m in clinical.read_measurements(one.content, one.row.effective_at)
    ]
    oldest_first = opened[::-1]
    return Course(
        id=record_id,
        patient_ref=row.patient_ref,
        name=Words(values[0][0].name_zh, values[0][0].name_en),
        trends=chart.trends(oldest_first, oldest_first),
        values=tuple(values),
        older=found[POINTS - 1].id if len(found) > POINTS else None,
        is_newest=last is None,
        event_id=event_id,
    )
