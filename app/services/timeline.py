"""The days of a person's record, a page at a time: when, where and with whom. Nothing is unsealed here, so no page of it is a
disclosure; what happened on a day is opened by itself.

Filters are told by keys of this person's own (`series.filter_key`): an address says neither department nor kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, literal, or_, select
from sqlalchemy.orm import Session

from app.domain.access import Grant
from app.domain.actor import Actor
from app.domain.calendar import day_bounds, hospital_day, local
from app.domain.clinical import Kind
from app.models import ClinicalRecord, ClinicSession, Department, Document, Staff, Visit
from app.services import rights, series
from app.services.chart import OthersLine, VisitLine
from app.services.clinics import Words

LINES = 30
MOST_OTHERS = 3000  # rows of no visit that are looked through for a page: days of more are counted to here
MOST_YEARS = 120  # of a life; an import may bring any date
KINDS: tuple[str, ...] = ("diagnosis", "prescription", "report", "allergy", "document")

Line = tuple[date | None, VisitLine | OthersLine]


@dataclass(frozen=True)
class Choice:
    """One filter that may be chosen: `key` stands for it in the address, `is_chosen` where it is on."""

    key: str
    what: str
    words: Words | None
    is_chosen: bool


@dataclass(frozen=True)
class Page:
    """Lines newest first, what may be filtered by, and the cursor of the next page (None: this is the last). `holds` says of each
    visit of the page which of KINDS it has: what a filter by kind tells too."""

    lines: tuple[Line, ...]
    years: tuple[Choice, ...]
    kinds: tuple[Choice, ...]
    departments: tuple[Choice, ...]
    older: str | None
    holds: Mapping[str, tuple[str, ...]]


def page(
    session: Session,
    actor: Actor,
    patient_ref: str,
    now: datetime,
    *,
    year: str = "",
    kind: str = "",
    department: str = "",
    after: str = "",
    limit: int | None = None,
) -> Page:
    """Return a page of the days that the actor may open: by a consent to parts, those with something of these parts. Where visits
    are not among them, what was written in visits stands by its day. A filter or cursor that is none is no filter.

    Raises NotFound, NotAllowed.
    """
    limit = limit or LINES
    grant = rights.read_parts(session, actor, patient_ref, now)
    departments = _departments(session, patient_ref, grant, department) if grant.has_visits else ()
    kinds = tuple(
        Choice(key, name, None, key == kind)
        for name in KINDS
        if grant.kinds is None or name in grant.kinds
        for key in [series.filter_key(session, patient_ref, f"kind {name}")]
    )
    years = _years(session, patient_ref, grant, year)
    chosen_department = next((one.what for one in departments if one.is_chosen), "")
    chosen_kind = next((one.what for one in kinds if one.is_chosen), "")
    bounds = _bounds(next((one.what for one in years if one.is_chosen), ""))
    start = _start(session, patient_ref, after)

    visits: list[VisitLine] = []
    if grant.has_visits:
        visits = _visits(session, patient_ref, grant, bounds, chosen_kind, chosen_department, start, limit + 1)
    others: list[OthersLine] = []
    if not chosen_department and chosen_kind != "document":
        others = _others(session, patient_ref, grant, bounds, chosen_kind, start, limit + 1)
    lines: list[Line] = [
        *((hospital_day(v.at) if v.at else None, v) for v in visits),
        *((o.day_on, o) for o in others),
    ]
    lines.sort(key=lambda line: line[0] or date.min, reverse=True)
    older = lines[limit - 1][1].id if len(lines) > limit else None
    shown = tuple(lines[:limit])
    listed = [line.id for _day_on, line in shown if isinstance(line, VisitLine)]
    return Page(shown, years, kinds, departments, older, _holds(session, listed, grant))


# Where a page begins: the day below the last line of the one before


@dataclass(frozen=True)
class _Start:
    """Everything of the page is below this: `at` of the last line seen, its id, and whether it was a visit."""

    at: datetime | None
    id: str
    is_visit: bool


def _start(session: Session, patient_ref: str, after: str) -> _Start | None:
    if not after:
        return None
    visit = session.execute(select(Visit.started_at, Visit.patient_ref).where(Visit.id == after)).first()
    if visit and visit.patient_ref == patient_ref:
        return _Start(visit.started_at, after, is_visit=True)
    query = select(ClinicalRecord.effective_at, ClinicalRecord.patient_ref).where(ClinicalRecord.id == after)
    record = session.execute(query).first()
    return _Start(record.effective_at, after, is_visit=False) if record and record.patient_ref == patient_ref else None


def _below(column: Any, ids: Any, start: _Start, *, is_visit: bool) -> ColumnElement[bool]:
    """Return what is after `start` in the order of lines: by day, visits of a day before its other records."""
    if start.at is None:  # of no known day: visits one by one, then all other records as one line
        if not start.is_visit:
            return false()
        return and_(column.is_(None), ids > start.id) if is_visit else column.is_(None)
    if is_visit == start.is_visit and is_visit:
        same = and_(column == start.at, ids > start.id)
        return or_(column < start.at, same, column.is_(None))
    begins, ends = day_bounds(hospital_day(start.at))
    if is_visit:  # the last line was other records of a day, which come after that day's visits
        return or_(column < begins, column.is_(None))
    return or_(column < (ends if start.is_visit else begins), column.is_(None))


# Lines


def _visits(
    session: Session,
    patient_ref: str,
    grant: Grant,
    bounds: tuple[datetime, datetime] | None,
    kind: str,
    department: str,
    start: _Start | None,
    limit: int,
) -> list[VisitLine]:
    query: Select[Any] = (
        select(
            Visit.id, Visit.started_at, Visit.state, Visit.source,
            Department.name_zh, Department.name_en, Staff.name_zh.label("who_zh"), Staff.name_en.label("who_en"),
        )
        .join(ClinicSession, ClinicSession.id == Visit.session_id, isouter=True)
        .join(Department, Department.id == ClinicSession.department_id, isouter=True)
        .join(Staff, Staff.ref == Visit.clinician_ref, isouter=True)
        .where(Visit.patient_ref == patient_ref)
    )  # fmt: skip
    if grant.since_at is not None:
        query = query.where(Visit.recorded_at >= grant.since_at)
    if bounds:
        query = query.where(Visit.started_at >= bounds[0], Visit.started_at < bounds[1])
    if department:
        query = query.where(ClinicSession.department_id == department)
    if kind == "document":
        query = query.where(exists().where(Document.visit_id == Visit.id, Document.status != "entered-in-error"))
    elif kind:
        query = query.where(exists().where(ClinicalRecord.visit_id == Visit.id, ClinicalRecord.kind == kind))
    if start:
        query = query.where(_below(Visit.started_at, Visit.id, start, is_visit=True))
    ordered = query.order_by(Visit.started_at.desc().nulls_last(), Visit.id).limit(limit)
    return [
        VisitLine(
            row.id, patient_ref, row.started_at, row.state, row.source,
            Words(row.name_zh, row.name_en) if row.name_zh else None, Words(row.who_zh, row.who_en) if row.who_zh else None,
        )
        for row in session.execute(ordered)
    ]  # fmt: skip


def _holds(session: Session, visit_ids: Sequence[str], grant: Grant) -> dict[str, tuple[str, ...]]:
    """Return of each visit which kinds of records are in it, as far as the grant includes them, in the order of KINDS."""
    found: dict[str, set[str]] = {visit_id: set() for visit_id in visit_ids}
    of_records = (
        select(ClinicalRecord.visit_id, ClinicalRecord.kind).where(ClinicalRecord.visit_id.in_(visit_ids)).distinct()
    )
    of_papers = (
        select(Document.visit_id, literal("document"))
        .where(Document.visit_id.in_(visit_ids), Document.status != "entered-in-error")
        .distinct()
    )
    for query in (of_records, of_papers):
        for visit_id, kind in session.execute(query):
            if grant.kinds is None or kind in grant.kinds:
                found[visit_id].add(kind)
    return {visit_id: tuple(kind for kind in KINDS if kind in has) for visit_id, has in found.items()}


def _others(
    session: Session,
    patient_ref: str,
    grant: Grant,
    bounds: tuple[datetime, datetime] | None,
    kind: str,
    start: _Start | None,
    limit: int,
) -> list[OthersLine]:
    """Return the days with records of no visit. Each is named by its first record."""
    query = select(ClinicalRecord.id, ClinicalRecord.effective_at).where(*_beside_visits(patient_ref, grant))
    if grant.since_at is not None:
        query = query.where(ClinicalRecord.recorded_at >= grant.since_at)
    if bounds:
        query = query.where(ClinicalRecord.effective_at >= bounds[0], ClinicalRecord.effective_at < bounds[1])
    if kind:
        kinds = [kind, Kind.OBSERVATION.value] if kind == Kind.REPORT else [kind]
        query = query.where(ClinicalRecord.kind.in_(kinds))
    if start:
        query = query.where(_below(ClinicalRecord.effective_at, ClinicalRecord.id, start, is_visit=False))
    ordered = query.order_by(ClinicalRecord.effective_at.desc().nulls_last(), ClinicalRecord.id).limit(MOST_OTHERS)
    rows = session.execute(ordered).all()
    return _by_day(patient_ref, rows)[:limit]


def _beside_visits(patient_ref: str, grant: Grant) -> list[ColumnElement[bool]]:
    """Return what makes a record stand by its day: it belongs to no visit, or to one that the grant leaves out."""
    where = [ClinicalRecord.patient_ref == patient_ref]
    if grant.has_visits:
        where.append(ClinicalRecord.visit_id.is_(None))
    if grant.kinds is not None:
        where.append(ClinicalRecord.kind.in_(sorted(grant.kinds)))
    return where


def _by_day(patient_ref: str, rows: Iterable[Any]) -> list[OthersLine]:
    days = []
    for day_on, same_day in groupby(rows, lambda row: hospital_day(row.effective_at) if row.effective_at else None):
        ids = [row.id for row in same_day]
        days.append(OthersLine(ids[0], patient_ref, day_on, len(ids)))
    return days


# Filters


def _departments(session: Session, patient_ref: str, grant: Grant, chosen: str) -> tuple[Choice, ...]:
    query = (
        select(Department.id, Department.name_zh, Department.name_en)
        .where(Department.id.in_(_their_departments(patient_ref, grant)))
        .order_by(Department.position, Department.id)
    )
    found = []
    for row in session.execute(query):
        key = series.filter_key(session, patient_ref, f"department {row.id}")
        found.append(Choice(key, row.id, Words(row.name_zh, row.name_en), key == chosen))
    return tuple(found)


def _their_departments(patient_ref: str, grant: Grant) -> Select[Any]:
    query = (
        select(ClinicSession.department_id)
        .join(Visit, Visit.session_id == ClinicSession.id)
        .where(Visit.patient_ref == patient_ref)
    )
    return query if grant.since_at is None else query.where(Visit.recorded_at >= grant.since_at)


def _years(session: Session, patient_ref: str, grant: Grant, chosen: str) -> tuple[Choice, ...]:
    """Return the years from the first listed day to the last, newest first."""
    edges: list[datetime] = []
    of_visits = select(func.min(Visit.started_at), func.max(Visit.started_at)).where(Visit.patient_ref == patient_ref)
    of_others = select(func.min(ClinicalRecord.effective_at), func.max(ClinicalRecord.effective_at))
    ranges: list[Any] = [of_visits] if grant.has_visits else []
    for query in [*ranges, of_others.where(*_beside_visits(patient_ref, grant))]:
        edges += [at for at in session.execute(query).one() if at is not None]
    if grant.since_at is not None:
        edges = [max(at, grant.since_at) for at in edges]
    if not edges:
        return ()
    newest = local(max(edges)).year
    oldest = max(local(min(edges)).year, newest - MOST_YEARS)
    return tuple(Choice(str(year), str(year), None, str(year) == chosen) for year in range(newest, oldest - 1, -1))


def _bounds(year: str) -> tuple[datetime, datetime] | None:
    if not year:
        return None
    return day_bounds(date(int(year), 1, 1))[0], day_bounds(date(int(year), 12, 31))[1]
