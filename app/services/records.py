"""The record: written while treating, read by right, each reading a disclosure.

This is one of the openers: what it returns is unsealed health content, and every way in asks `rights` first and records
`record.opened` in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import clinical
from app.domain.actor import Actor
from app.domain.clinical import Kind, Measurement
from app.domain.errors import Conflict, NotFound
from app.domain.ids import new_ref
from app.models import Bound, ClinicalRecord, ClinicSession, Department, Staff, Visit
from app.services import disclosure, events, rights
from app.services.sealing import open_payload, seal_next

SIGNED = "signed"  # a prescription is signed here; it comes into force after a pharmacist's review
PURPOSE_OWN = "own_access"
PURPOSE_TREAT = "treatment"


class VisitClosed(Conflict):
    """The visit is finished: what was signed stays as it is."""

    code = "visit_closed"


@dataclass(frozen=True)
class VisitLine:
    """A visit in the list: when and in which state. Where and why are content, and opened with it."""

    id: str
    patient_ref: str
    at: datetime | None
    state: str
    source: str


@dataclass(frozen=True)
class Record:
    """One record opened: its kind, state and content (`app.domain.clinical` has the forms)."""

    id: str
    kind: str
    status: str
    effective_at: datetime | None
    content: dict[str, Any]


@dataclass(frozen=True)
class Report:
    """A report with its measurements; `title_zh` and `title_en` are empty for values that belong to none."""

    title_zh: str
    title_en: str
    status: str
    at: datetime | None
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True)
class Trend:
    """One analyte over time, oldest first, in one unit."""

    code: str
    name_zh: str
    name_en: str
    unit: str
    points: tuple[Measurement, ...]


@dataclass(frozen=True)
class OpenVisit:
    """A visit opened."""

    id: str
    patient_ref: str
    at: datetime | None
    state: str
    source: str
    department_zh: str
    department_en: str
    doctor_zh: str
    doctor_en: str
    title: dict[str, Any]
    diagnoses: tuple[Record, ...] = ()
    advice: tuple[Record, ...] = ()
    prescriptions: tuple[Record, ...] = ()
    reports: tuple[Report, ...] = ()
    trends: tuple[Trend, ...] = ()
    event_id: str | None = field(default=None)


def list_visits(session: Session, actor: Actor, patient_ref: str, now: datetime) -> list[VisitLine]:
    """Return the visits that the actor may open, newest first; dates and states only, which is no disclosure.

    Raises NotFound, NotAllowed.
    """
    grant = rights.see_health(session, actor, patient_ref, now)
    query = select(Visit).where(Visit.patient_ref == patient_ref)
    if grant.since_at is not None:
        query = query.where(Visit.recorded_at >= grant.since_at)
    rows = session.scalars(query.order_by(Visit.started_at.desc(), Visit.recorded_at.desc(), Visit.id))
    return [VisitLine(v.id, v.patient_ref, v.started_at, v.state, v.source) for v in rows]


def open_visit(session: Session, actor: Actor, visit_id: str, now: datetime) -> OpenVisit:
    """Return one visit's content and record that it was opened (A4). Raises NotFound, NotAllowed."""
    visit = session.get(Visit, visit_id)
    if visit is None:
        raise NotFound()
    rights.see_health(session, actor, visit.patient_ref, now, recorded_at=visit.recorded_at)
    rows = _records_of(session, [visit.id])
    series = _series_beside(session, actor, visit, rows, now)
    opened: list[Bound] = [visit, *rows, *(r for r in series if r not in rows)]
    purpose = PURPOSE_OWN if actor.kind == "patient" else PURPOSE_TREAT
    event = disclosure.opened(
        session, actor, "record.opened", visit.patient_ref, opened, now, detail={"count": len(opened)}, purpose=purpose
    )
    return _assemble(session, visit, rows, series, event.id if event else None)


def open_history(
    session: Session, actor: Actor, patient_ref: str, now: datetime, *, limit: int = 10
) -> list[OpenVisit]:
    """Return the newest visits of a person opened, as one disclosure: what a treating doctor reads before the talk."""
    lines = list_visits(session, actor, patient_ref, now)[:limit]
    visits = [v for v in (session.get(Visit, line.id) for line in lines) if v is not None]
    rows = _records_of(session, [v.id for v in visits])
    if not visits:
        return []
    purpose = PURPOSE_OWN if actor.kind == "patient" else PURPOSE_TREAT
    opened: list[Bound] = [*visits, *rows]
    event = disclosure.opened(
        session, actor, "record.opened", patient_ref, opened, now, detail={"count": len(opened)}, purpose=purpose
    )
    by_visit: dict[str | None, list[ClinicalRecord]] = {}
    for row in rows:
        by_visit.setdefault(row.visit_id, []).append(row)
    return [_assemble(session, v, by_visit.get(v.id, []), (), event.id if event else None) for v in visits]


def _records_of(session: Session, visit_ids: Iterable[str]) -> Sequence[ClinicalRecord]:
    return session.scalars(
        select(ClinicalRecord)
        .where(ClinicalRecord.visit_id.in_(list(visit_ids)))
        .order_by(ClinicalRecord.effective_at, ClinicalRecord.recorded_at, ClinicalRecord.id)
    ).all()


def _series_beside(
    session: Session, actor: Actor, visit: Visit, rows: Sequence[ClinicalRecord], now: datetime
) -> Sequence[ClinicalRecord]:
    """Return every measurement of the person that may be opened, where this visit has one to draw a trend of."""
    if not any(r.kind == Kind.OBSERVATION for r in rows):
        return ()
    grant = rights.see_health(session, actor, visit.patient_ref, now)
    query = select(ClinicalRecord).where(
        ClinicalRecord.patient_ref == visit.patient_ref, ClinicalRecord.kind == Kind.OBSERVATION.value
    )
    if grant.since_at is not None:
        query = query.where(ClinicalRecord.recorded_at >= grant.since_at)
    return session.scalars(query.order_by(ClinicalRecord.effective_at, ClinicalRecord.id)).all()


def _assemble(
    session: Session,
    visit: Visit,
    rows: Sequence[ClinicalRecord],
    series: Sequence[ClinicalRecord],
    event_id: str | None,
) -> OpenVisit:
    opened = [Record(r.id, r.kind, r.status, r.effective_at, open_payload(session, r)[0]) for r in rows]
    by_kind: dict[str, list[Record]] = {}
    for record in opened:
        by_kind.setdefault(record.kind, []).append(record)
    title = open_payload(session, visit)[0]
    department = doctor = None
    if visit.session_id and (sitting := session.get(ClinicSession, visit.session_id)):
        department = session.get(Department, sitting.department_id)
    if visit.clinician_ref:
        doctor = session.get(Staff, visit.clinician_ref)
    return OpenVisit(
        id=visit.id,
        patient_ref=visit.patient_ref,
        at=visit.started_at,
        state=visit.state,
        source=visit.source,
        department_zh=department.name_zh if department else str(title.get("place", "")),
        department_en=department.name_en if department else str(title.get("place", "")),
        doctor_zh=doctor.name_zh if doctor else "",
        doctor_en=doctor.name_en if doctor else "",
        title=title,
        diagnoses=tuple(by_kind.get(Kind.DIAGNOSIS, ())),
        advice=tuple(by_kind.get(Kind.ADVICE, ())),
        prescriptions=tuple(by_kind.get(Kind.PRESCRIPTION, ())),
        reports=_reports(rows, by_kind),
        trends=_trends(session, rows, series),
        event_id=event_id,
    )


def _reports(rows: Sequence[ClinicalRecord], by_kind: dict[str, list[Record]]) -> tuple[Report, ...]:
    """Gather measurements under their reports; those of none come last, under no title."""
    report_of = {r.id: r.report_id for r in rows}
    measured: dict[str | None, list[Measurement]] = {}
    for record in by_kind.get(Kind.OBSERVATION, ()):
        value = clinical.read_measurement(record.content, record.effective_at)
        measured.setdefault(report_of[record.id], []).append(value)
    reports = [
        Report(
            str(r.content.get("title_zh", "")), str(r.content.get("title_en", "")), r.status, r.effective_at,
            tuple(measured.pop(r.id, ())),
        )
        for r in by_kind.get(Kind.REPORT, ())
    ]  # fmt: skip
    reports += [Report("", "", "final", values[0].at, tuple(values)) for values in measured.values() if values]
    return tuple(reports)


def _trends(session: Session, rows: Sequence[ClinicalRecord], series: Sequence[ClinicalRecord]) -> tuple[Trend, ...]:
    """Return a trend for each analyte of this visit that was measured at least twice, with the same unit."""
    here = {r.id for r in rows}
    values: dict[tuple[str, str], list[Measurement]] = {}
    wanted: set[tuple[str, str]] = set()
    for row in series:
        value = clinical.read_measurement(open_payload(session, row)[0], row.effective_at)
        if value.number is None or not value.code or value.at is None:
            continue
        values.setdefault((value.code, value.unit), []).append(value)
        if row.id in here:
            wanted.add((value.code, value.unit))
    return tuple(
        Trend(code, points[-1].name_zh, points[-1].name_en, unit, tuple(points))
        for (code, unit), points in values.items()
        if (code, unit) in wanted and len(points) >= 2
    )


def visit_for_writing(session: Session, actor: Actor, visit_id: str, now: datetime) -> Visit:
    """Return a visit that the actor may write in now. Raises NotFound, NotAllowed, VisitClosed."""
    visit = session.get(Visit, visit_id)
    if visit is None or visit.clinician_ref != actor.ref:
        raise NotFound(about=visit.patient_ref if visit else None)
    rights.write_health(session, actor, visit.patient_ref, now)
    if visit.state != "in_progress":
        raise VisitClosed()
    return visit


def sign(session: Session, actor: Actor, visit_id: str, kind: Kind, payload: dict[str, Any], now: datetime) -> str:
    """Write and sign one record of a visit; return its id. `payload` is one of `app.domain.clinical`'s.

    Raises NotFound, NotAllowed, VisitClosed.
    """
    visit = visit_for_writing(session, actor, visit_id, now)
    row = _new_record(visit, kind, now, author=str(actor.ref))
    seal_next(session, row, payload)
    session.flush()
    events.record(
        session, "record.signed", actor, now, subject=visit.patient_ref, objects=[row], detail={"part": _part(kind)}
    )
    return row.id


def sign_results(
    session: Session,
    actor: Actor,
    visit_id: str,
    title_zh: str,
    title_en: str,
    values: list[dict[str, Any]],
    now: datetime,
) -> str:
    """Write and sign a report with its measured values; return its id. Raises as `sign`, and ValueError without a value."""
    if not values:
        raise ValueError("a report has values")
    visit = visit_for_writing(session, actor, visit_id, now)
    report = _new_record(visit, Kind.REPORT, now, author=str(actor.ref))
    report.status = "final"
    seal_next(session, report, {"title_zh": title_zh, "title_en": title_en})
    session.flush()
    rows: list[Bound] = [report]
    for value in values:
        row = _new_record(visit, Kind.OBSERVATION, now, author=str(actor.ref))
        row.status, row.report_id = "final", report.id
        seal_next(session, row, value)
        rows.append(row)
    session.flush()
    events.record(
        session,
        "record.signed",
        actor,
        now,
        subject=visit.patient_ref,
        objects=rows,
        detail={"part": _part(Kind.REPORT)},
    )
    return report.id


def _new_record(visit: Visit, kind: Kind, now: datetime, *, author: str) -> ClinicalRecord:
    return ClinicalRecord(
        id=new_ref(),
        patient_ref=visit.patient_ref,
        visit_id=visit.id,
        kind=kind.value,
        status=SIGNED,
        effective_at=now,
        recorded_at=now,
        author_ref=author,
        source="here",
    )


def _part(kind: Kind) -> str:
    """Return how a receipt names what was signed: its class, for the kind itself may tell too much on paper."""
    return "results" if kind in (Kind.REPORT, Kind.OBSERVATION) else "visit_note"
