"""The record: written while treating, read by right, each reading a disclosure.

This is one of the openers: what it returns is unsealed health content, and every way in asks `rights` first and records
`record.opened` in the same transaction. `chart` lays out what was opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.access import Grant
from app.domain.actor import Actor
from app.domain.calendar import hospital_day
from app.domain.clinical import Kind
from app.domain.errors import NotFound, VisitClosed
from app.domain.events import Detail
from app.domain.ids import new_ref
from app.domain.tickets import format_ticket
from app.models import (
    Bound,
    ClinicalRecord,
    ClinicSession,
    Department,
    LabOrder,
    ReportVersion,
    Staff,
    Ticket,
    Visit,
)
from app.services import chart, disclosure, events, results, rights
from app.services.chart import Chart, History, Opened, Ordered, OthersLine, OwnVisit, VisitLine
from app.services.clinics import Words
from app.services.sealing import open_payload, seal_next

SIGNED = "signed"  # a prescription is signed here; it comes into force after a pharmacist's review
PURPOSE_OWN = "own_access"
PURPOSE_TREAT = "treatment"
SERIES = 500  # measurements looked through for a picture, the newest
HISTORY_VISITS = 10
HISTORY_OTHERS = 50


# The kinds whose signature has words of its own. For the others a receipt names the class only: the kind itself may tell too
# much on paper.
OWN_TYPES: Mapping[str, tuple[str, Detail]] = {
    Kind.REPORT: ("record.signed", {"part": "results"}),
    Kind.PRESCRIPTION: ("prescription.signed", {"round": 1}),
    Kind.ALLERGY: ("allergy.recorded", {}),
}


# Lists: days and states only, which is no disclosure


def list_visits(session: Session, actor: Actor, patient_ref: str, now: datetime) -> list[VisitLine]:
    """Return the visits that the actor may open, newest first. Raises NotFound, NotAllowed."""
    grant = rights.see_health(session, actor, patient_ref, now)
    return [_line(session, visit) for visit in _visits(session, patient_ref, grant)]


def list_others(session: Session, actor: Actor, patient_ref: str, now: datetime) -> list[OthersLine]:
    """Return the days with records that belong to no visit, newest first, those of no known day last.

    Raises NotFound, NotAllowed.
    """
    grant = rights.see_health(session, actor, patient_ref, now)
    days: list[OthersLine] = []
    for day_on, rows in groupby(_others(session, patient_ref, grant), _day_of):
        same_day = list(rows)
        days.append(OthersLine(same_day[0].id, patient_ref, day_on, len(same_day)))
    return days


# Openings: each a disclosure


def open_visit(session: Session, actor: Actor, visit_id: str, now: datetime) -> Chart:
    """Return one visit's content and record that it was opened (A4). Raises NotFound, NotAllowed."""
    visit = session.get(Visit, visit_id)
    if visit is None:
        raise NotFound()
    grant = rights.see_health(session, actor, visit.patient_ref, now, recorded_at=visit.recorded_at)
    opened, held = _shown(_open(session, _records_of(session, [visit.id], grant)), actor, now)
    series, _ = _shown(_series_beside(session, visit.patient_ref, opened, grant), actor, now)
    orders, versions = _ordered(session, [visit.id], opened)
    beside: list[Bound] = [*orders, *versions]
    event_id = _disclose(session, actor, visit.patient_ref, [visit, *beside], [*opened, *series], now)
    ordered = _read_ordered(session, orders, versions, held, actor)
    return _lay_out(session, visit, opened, series, event_id, ordered, is_staff=actor.kind == "staff")


def open_others(session: Session, actor: Actor, record_id: str, now: datetime) -> Chart:
    """Return the records of no visit that are of the same day as this one, as one disclosure.

    Raises NotFound, also for a record that belongs to a visit; NotAllowed.
    """
    row = session.get(ClinicalRecord, record_id)
    if row is None or row.visit_id is not None:
        raise NotFound()
    grant = rights.see_health(session, actor, row.patient_ref, now, recorded_at=row.recorded_at)
    same_day = [r for r in _others(session, row.patient_ref, grant) if _day_of(r) == _day_of(row)]
    opened = _open(session, same_day)
    series = _series_beside(session, row.patient_ref, opened, grant)
    event_id = _disclose(session, actor, row.patient_ref, [], [*opened, *series], now)
    return _lay_out(session, None, opened, series, event_id)


def open_own_visit(session: Session, actor: Actor, visit_id: str, now: datetime) -> OwnVisit:
    """Return the visit in which the actor is the clinician, with what was signed in it so far.

    Only records that this sitting has not seen (nor signed) lately make an event; an empty visit opens nothing.
    Raises NotFound, NotAllowed.
    """
    visit = own_visit(session, actor, visit_id)
    grant = rights.see_health(session, actor, visit.patient_ref, now)
    opened = _open(session, _records_of(session, [visit.id], grant))
    orders, versions = _ordered(session, [visit.id], opened)
    event_id = _disclose(session, actor, visit.patient_ref, [*orders, *versions], opened, now)
    ordered = _read_ordered(session, orders, versions, _held(opened, now), actor)
    ticket = session.scalar(select(Ticket).where(Ticket.appointment_id == visit.appointment_id))
    return OwnVisit(
        chart=_lay_out(session, visit, opened, (), event_id, ordered, is_staff=True),
        is_open=visit.state == "in_progress",
        session_id=visit.session_id or "",
        ticket_id=ticket.id if ticket else "",
        ticket=format_ticket(ticket.letter, ticket.number) if ticket else "",
    )


def open_history(
    session: Session, actor: Actor, patient_ref: str, now: datetime, *, beside: str | None = None
) -> History:
    """Return the newest visits of a person and the newest records of none, as one disclosure: what a treating doctor
    reads before the talk. `beside` names a visit to leave out, the one being written. Raises NotFound, NotAllowed.
    """
    grant = rights.see_health(session, actor, patient_ref, now)
    visits = [v for v in _visits(session, patient_ref, grant) if v.id != beside][:HISTORY_VISITS]
    opened = _open(session, _records_of(session, [v.id for v in visits], grant))
    others = _open(session, _others(session, patient_ref, grant)[:HISTORY_OTHERS])
    series = _series_beside(session, patient_ref, [*opened, *others], grant)
    orders, versions = _ordered(session, [v.id for v in visits], opened)
    rows: list[Bound] = [*visits, *orders, *versions]
    event_id = _disclose(session, actor, patient_ref, rows, [*opened, *others, *series], now)
    charts = []
    for v in visits:
        of_visit = [o for o in opened if o.row.visit_id == v.id]
        ordered = _read_ordered(session, [o for o in orders if o.visit_id == v.id], versions, {}, actor)
        charts.append(_lay_out(session, v, of_visit, (), event_id, ordered, is_staff=True))
    for _day_on, same_day in groupby(others, lambda one: _day_of(one.row)):
        charts.append(_lay_out(session, None, list(same_day), (), event_id))
    return History(tuple(charts), chart.trends([*opened, *others], series), event_id)


def _disclose(
    session: Session, actor: Actor, patient_ref: str, beside: Sequence[Bound], opened: Iterable[Opened], now: datetime
) -> str | None:
    rows: list[Bound] = [*beside, *{one.row.id: one.row for one in opened}.values()]
    purpose = PURPOSE_OWN if actor.kind == "patient" else PURPOSE_TREAT
    return disclosure.opened(
        session, actor, "record.opened", patient_ref, rows, now, detail={"count": len(rows)}, purpose=purpose
    )


def _open(session: Session, rows: Iterable[ClinicalRecord]) -> list[Opened]:
    return [Opened(row, open_payload(session, row)[0]) for row in rows]


def _held(opened: Iterable[Opened], now: datetime) -> dict[str, datetime]:
    """Return the reports among `opened` that the person does not see yet, and from when they do."""
    return {
        one.row.id: datetime.fromisoformat(one.content["shown_from"])
        for one in opened
        if one.row.kind == Kind.REPORT and results.is_held(one.content, now)
    }


def _shown(opened: list[Opened], actor: Actor, now: datetime) -> tuple[list[Opened], dict[str, datetime]]:
    """Return what this reader sees of `opened`, and which reports are held: what is for the doctor first stays closed to the
    person and to who stands in for them, and is not disclosed."""
    if actor.kind == "staff":
        return opened, {}
    return [one for one in opened if not results.is_held(one.content, now)], _held(opened, now)


def _ordered(
    session: Session, visit_ids: list[str], opened: Iterable[Opened]
) -> tuple[list[LabOrder], list[ReportVersion]]:
    """Return the orders of these visits, and the signed versions of the reports that are shown."""
    reports = [one.row.id for one in opened if one.row.kind == Kind.REPORT]
    return results.orders_of(session, visit_ids), results.versions_of(session, reports)


def _read_ordered(
    session: Session,
    orders: Iterable[LabOrder],
    versions: Iterable[ReportVersion],
    held: dict[str, datetime],
    actor: Actor,
) -> Ordered:
    read: dict[str, tuple[results.VersionLine, ...]] = {}
    for row in versions:
        line = results.read_version(session, row, is_staff=actor.kind == "staff")
        read[row.report_id] = (*read.get(row.report_id, ()), line)
    return Ordered(tuple(results.read_order(session, order, held) for order in orders), read)


def _visits(session: Session, patient_ref: str, grant: Grant) -> Sequence[Visit]:
    query = select(Visit).where(Visit.patient_ref == patient_ref)
    if grant.since_at is not None:
        query = query.where(Visit.recorded_at >= grant.since_at)
    return session.scalars(
        query.order_by(Visit.started_at.desc().nulls_last(), Visit.recorded_at.desc(), Visit.id)
    ).all()


def _records_of(session: Session, visit_ids: Iterable[str], grant: Grant) -> Sequence[ClinicalRecord]:
    query = select(ClinicalRecord).where(ClinicalRecord.visit_id.in_(list(visit_ids)))
    return _cut_and_ordered(session, query, grant)


def _others(session: Session, patient_ref: str, grant: Grant) -> Sequence[ClinicalRecord]:
    """Return what belongs to no visit, newest first."""
    query = select(ClinicalRecord).where(ClinicalRecord.patient_ref == patient_ref, ClinicalRecord.visit_id.is_(None))
    if grant.since_at is not None:
        query = query.where(ClinicalRecord.recorded_at >= grant.since_at)
    return session.scalars(query.order_by(ClinicalRecord.effective_at.desc().nulls_last(), ClinicalRecord.id)).all()


def _cut_and_ordered(session: Session, query: Any, grant: Grant) -> Sequence[ClinicalRecord]:
    """Return what the grant includes, oldest first: a visit can hold what was recorded before the link reaches."""
    if grant.since_at is not None:
        query = query.where(ClinicalRecord.recorded_at >= grant.since_at)
    ordered = query.order_by(ClinicalRecord.effective_at, ClinicalRecord.recorded_at, ClinicalRecord.id)
    rows: Sequence[ClinicalRecord] = session.scalars(ordered).all()
    return rows


def _series_beside(session: Session, patient_ref: str, opened: Sequence[Opened], grant: Grant) -> list[Opened]:
    """Return the person's measurements of what `opened` measures, oldest first: what its pictures draw."""
    if not any(one.row.kind == Kind.OBSERVATION for one in opened):
        return []
    query = select(ClinicalRecord).where(
        ClinicalRecord.patient_ref == patient_ref, ClinicalRecord.kind == Kind.OBSERVATION.value
    )
    if grant.since_at is not None:
        query = query.where(ClinicalRecord.recorded_at >= grant.since_at)
    newest = session.scalars(query.order_by(ClinicalRecord.effective_at.desc(), ClinicalRecord.id).limit(SERIES)).all()
    return chart.drawn(opened, _open(session, reversed(newest)))


def _day_of(row: ClinicalRecord) -> date | None:
    return hospital_day(row.effective_at) if row.effective_at else None


def _line(session: Session, visit: Visit) -> VisitLine:
    department, doctor = _names(session, visit)
    return VisitLine(visit.id, visit.patient_ref, visit.started_at, visit.state, visit.source, department, doctor)


def _names(session: Session, visit: Visit | None) -> tuple[Words | None, Words | None]:
    """Return department and doctor of a visit made here, as its appointment shows them too."""
    department = doctor = None
    if visit and visit.session_id and (sitting := session.get(ClinicSession, visit.session_id)):
        row = session.get_one(Department, sitting.department_id)
        department = Words(row.name_zh, row.name_en)
    if visit and visit.clinician_ref and (clinician := session.get(Staff, visit.clinician_ref)):
        doctor = Words(clinician.name_zh, clinician.name_en)
    return department, doctor


def _lay_out(
    session: Session,
    visit: Visit | None,
    opened: Sequence[Opened],
    series: Sequence[Opened],
    event_id: str | None,
    ordered: Ordered = chart.NOTHING_ORDERED,
    *,
    is_staff: bool = False,
) -> Chart:
    about = open_payload(session, visit)[0] if visit else {}
    return chart.lay_out(visit, about, _names(session, visit), opened, series, event_id, ordered, is_staff=is_staff)


# Writing


def visit_for_writing(session: Session, actor: Actor, visit_id: str, now: datetime) -> Visit:
    """Return a visit that the actor may write in now. Raises NotFound, NotAllowed, VisitClosed."""
    visit = own_visit(session, actor, visit_id)
    rights.write_health(session, actor, visit.patient_ref, now)
    if visit.state != "in_progress":
        raise VisitClosed()
    return visit


def own_visit(session: Session, actor: Actor, visit_id: str) -> Visit:
    """Return a visit in which the actor is the clinician. Raises NotFound."""
    visit = session.get(Visit, visit_id)
    if visit is None or visit.clinician_ref != actor.ref:
        raise NotFound(about=visit.patient_ref if visit else None)
    return visit


def sign(session: Session, actor: Actor, visit_id: str, kind: Kind, payload: dict[str, Any], now: datetime) -> str:
    """Write and sign one record of a visit; return its id. `payload` is one of `app.domain.clinical`'s.

    Raises NotFound, NotAllowed, VisitClosed.
    """
    visit = visit_for_writing(session, actor, visit_id, now)
    row = _new_record(visit, kind, SIGNED, now, actor)
    seal_next(session, row, payload)
    _record_signing(session, actor, visit, [row], now)
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
    report = _new_record(visit, Kind.REPORT, "final", now, actor)
    measured = [_new_record(visit, Kind.OBSERVATION, "final", now, actor) for _ in values]
    seal_next(session, report, {"title_zh": title_zh, "title_en": title_en, "order": [row.id for row in measured]})
    session.flush()
    for row, value in zip(measured, values, strict=True):
        row.report_id = report.id
        seal_next(session, row, value)
    _record_signing(session, actor, visit, [report, *measured], now)
    return report.id


def _new_record(visit: Visit, kind: Kind, status: str, now: datetime, actor: Actor) -> ClinicalRecord:
    return ClinicalRecord(
        id=new_ref(),
        patient_ref=visit.patient_ref,
        visit_id=visit.id,
        kind=kind.value,
        status=status,
        effective_at=now,
        recorded_at=now,
        author_ref=actor.ref,
        source="here",
    )


def _record_signing(
    session: Session, actor: Actor, visit: Visit, rows: Sequence[ClinicalRecord], now: datetime
) -> None:
    """Record that `rows` were signed. Who signs has seen them: the page that shows them next opens nothing new."""
    session.flush()
    patient_ref, kind = visit.patient_ref, rows[0].kind
    event_type, detail = OWN_TYPES.get(kind, ("record.signed", {"part": "visit_note"}))
    event = events.record(session, event_type, actor, now, subject=patient_ref, objects=rows, detail=detail)
    disclosure.mark_seen(session, actor, "record.opened", patient_ref, rows, event.id, now)
