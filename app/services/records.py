"""The record: written while treating, read by right, each reading a disclosure.

This is one of the openers: what it returns is unsealed health content, and every way in asks `rights` first and records
`record.opened` in the same transaction. `chart` lays out what was opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.access import Grant
from app.domain.actor import Actor
from app.domain.calendar import day_bounds, hospital_day
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
    Document,
    Immunization,
    LabOrder,
    Problem,
    ReportVersion,
    Staff,
    Ticket,
    Visit,
)
from app.services import chart, disclosure, events, lists, results, rights, series
from app.services.chart import Chart, History, Opened, Ordered, OthersLine, OwnVisit, VisitLine
from app.services.clinics import Words
from app.services.sealing import open_payload, seal_next

SIGNED = "signed"  # a prescription is signed here; it comes into force after a pharmacist's review
PURPOSE_OWN = "own_access"
PURPOSE_TREAT = "treatment"
DRAWN = 8  # measurements that a picture beside a visit draws, the newest; `summary.open_course` has them all
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
    """Return the visits that the actor may open, newest first: none where a grant to parts leaves visits out.

    Raises NotFound, NotAllowed.
    """
    grant = rights.read_parts(session, actor, patient_ref, now)
    visits = _visits(session, patient_ref, grant) if grant.has_visits else ()
    return [_line(session, visit) for visit in visits]


def list_others(session: Session, actor: Actor, patient_ref: str, now: datetime) -> list[OthersLine]:
    """Return the days with records that belong to no visit, newest first, those of no known day last. Where a grant to parts
    leaves visits out, what it includes of them stands by its day too.

    Raises NotFound, NotAllowed.
    """
    grant = rights.read_parts(session, actor, patient_ref, now)
    days: list[OthersLine] = []
    for day_on, rows in groupby(_others(session, patient_ref, grant, of_visits=not grant.has_visits), _day_of):
        same_day = list(rows)
        days.append(OthersLine(same_day[0].id, patient_ref, day_on, len(same_day)))
    return days


# Openings: each a disclosure


def open_visit(session: Session, actor: Actor, visit_id: str, now: datetime) -> Chart:
    """Return one visit's content, as far as the grant includes it, and record that it was opened (A4).

    Raises NotFound, NotAllowed (also where a grant to parts leaves visits out).
    """
    visit = session.get(Visit, visit_id)
    if visit is None:
        raise NotFound()
    grant = rights.read_parts(session, actor, visit.patient_ref, now, kind="visit", recorded_at=visit.recorded_at)
    opened, held = _shown(_open(session, _records_of(session, [visit.id], grant)), actor, now)
    drawn, _ = _shown(_series_beside(session, visit.patient_ref, opened, grant), actor, now)
    beside = _beside(session, [visit.id], opened, held).within(grant)
    event_id = disclose(session, actor, visit.patient_ref, [visit, *beside.rows, *rows_of(opened, drawn)], now)
    ordered = _read_ordered(session, beside, held, actor)
    return _lay_out(session, visit, opened, drawn, event_id, ordered, is_staff=actor.kind == "staff")


def open_others(session: Session, actor: Actor, record_id: str, now: datetime) -> Chart:
    """Return the records of no visit that are of the same day as this one, as one disclosure. Where a grant to parts leaves
    visits out, what it includes of that day's visits is among them.

    Raises NotFound, also for a record that belongs to a visit which the actor may open; NotAllowed.
    """
    row = session.get(ClinicalRecord, record_id)
    if row is None:
        raise NotFound()
    grant = rights.read_parts(session, actor, row.patient_ref, now, kind=row.kind, recorded_at=row.recorded_at)
    if row.visit_id is not None and grant.has_visits:
        raise NotFound()
    same_day = _others(session, row.patient_ref, grant, day_of=row, of_visits=not grant.has_visits)
    opened, _ = _shown(_open(session, same_day), actor, now)
    drawn, _ = _shown(_series_beside(session, row.patient_ref, opened, grant), actor, now)
    event_id = disclose(session, actor, row.patient_ref, rows_of(opened, drawn), now)
    return _lay_out(session, None, opened, drawn, event_id)


def open_own_visit(session: Session, actor: Actor, visit_id: str, now: datetime) -> OwnVisit:
    """Return the visit in which the actor is the clinician, with what was signed in it so far.

    Only records that this sitting has not seen (nor signed) lately make an event; an empty visit opens nothing. Once treating
    is over, it is as far as another grant goes. Raises NotFound, NotAllowed.
    """
    visit = own_visit(session, actor, visit_id)
    grant = rights.read_parts(session, actor, visit.patient_ref, now, kind="visit", recorded_at=visit.recorded_at)
    opened = _open(session, _records_of(session, [visit.id], grant))
    beside = _beside(session, [visit.id], opened, {}).within(grant)
    event_id = disclose(session, actor, visit.patient_ref, [*beside.rows, *rows_of(opened)], now)
    ordered = _read_ordered(session, beside, _held(opened, now), actor)
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

    By a consent to parts it is those parts; where visits are not among them, what was written in visits stands by its day.
    """
    grant = rights.read_parts(session, actor, patient_ref, now)
    listed = _visits(session, patient_ref, grant, HISTORY_VISITS + 1) if grant.has_visits else ()
    visits = [v for v in listed if v.id != beside][:HISTORY_VISITS]
    opened = _open(session, _records_of(session, [v.id for v in visits], grant))
    others = _open(session, _others(session, patient_ref, grant, HISTORY_OTHERS, of_visits=not grant.has_visits))
    drawn = _series_beside(session, patient_ref, [*opened, *others], grant)
    written = _beside(session, [v.id for v in visits], opened, {}).within(grant)
    rows: list[Bound] = [*visits, *written.rows, *rows_of(opened, others, drawn)]
    event_id = disclose(session, actor, patient_ref, rows, now)
    charts = []
    for v in visits:
        of_visit = [o for o in opened if o.row.visit_id == v.id]
        ordered = _read_ordered(session, written.of_visit(v.id), {}, actor)
        charts.append(_lay_out(session, v, of_visit, (), event_id, ordered, is_staff=True))
    for _day_on, same_day in groupby(others, lambda one: _day_of(one.row)):
        charts.append(_lay_out(session, None, list(same_day), (), event_id))
    return History(tuple(charts), chart.trends([*opened, *others], drawn), event_id)


def disclose(session: Session, actor: Actor, patient_ref: str, rows: Sequence[Bound], now: datetime) -> str | None:
    """Record that the actor opened these rows, those not seen lately; return the event's id, None without rows."""
    purpose = PURPOSE_OWN if actor.kind == "patient" else PURPOSE_TREAT
    rows = list({(row.OBJECT, row.object_id): row for row in rows}.values())
    return disclosure.opened(
        session, actor, "record.opened", patient_ref, rows, now, detail={"count": len(rows)}, purpose=purpose
    )


def _open(session: Session, rows: Iterable[ClinicalRecord]) -> list[Opened]:
    return [Opened(row, open_payload(session, row)[0]) for row in rows]


def opened_rows(session: Session, rows: Iterable[ClinicalRecord]) -> list[Opened]:
    """Return rows with their content, for whoever decided access, and names in the disclosure those that it shows."""
    return _open(session, rows)


def rows_of(*opened: Iterable[Opened]) -> list[ClinicalRecord]:
    """Return the rows of what was opened."""
    return [one.row for some in opened for one in some]


def is_hidden(actor: Actor, one: Opened, now: datetime) -> bool:
    """Say whether this is for the doctor first, and the reader is not staff."""
    return actor.kind != "staff" and results.is_held(one.content, now)


def is_report_held(session: Session, actor: Actor, report_id: str | None, now: datetime) -> bool:
    """Say whether a report, and so what belongs to it, is for the doctor first, and the reader is not staff."""
    if actor.kind == "staff" or report_id is None:
        return False
    report = session.get(ClinicalRecord, report_id)
    return report is not None and results.is_held(open_payload(session, report)[0], now)


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


@dataclass(frozen=True)
class _Beside:
    """The rows that belong to visits beside their records."""

    orders: list[LabOrder]
    versions: list[ReportVersion]
    problems: list[Problem]
    immunizations: list[Immunization]
    papers: list[Document]

    @property
    def rows(self) -> list[Bound]:
        return [*self.orders, *self.versions, *self.problems, *self.immunizations, *self.papers]

    def within(self, grant: Grant) -> _Beside:
        """Return what of this a grant to parts includes. Versions are those of reports that were opened, and so included."""
        return _Beside(
            [row for row in self.orders if grant.covers("order", row.ordered_at)],
            self.versions,
            [row for row in self.problems if grant.covers("problem", row.recorded_at)],
            [row for row in self.immunizations if grant.covers("immunization", row.recorded_at)],
            [row for row in self.papers if grant.covers("document", row.recorded_at)],
        )

    def of_visit(self, visit_id: str) -> _Beside:
        """Return what belongs to one visit; versions are told apart by their reports."""
        mine = [[row for row in rows if row.visit_id == visit_id] for rows in (self.orders, self.problems, self.immunizations, self.papers)]  # type: ignore[attr-defined]  # fmt: skip
        return _Beside(mine[0], self.versions, mine[1], mine[2], mine[3])  # type: ignore[arg-type]


def _beside(session: Session, visit_ids: list[str], opened: Iterable[Opened], held: Mapping[str, datetime]) -> _Beside:
    """Return what belongs to these visits beside their records, without documents of the reports that are `held`."""
    reports = [one.row.id for one in opened if one.row.kind == Kind.REPORT]
    problems, given, papers = lists.of_visits(session, visit_ids)
    shown = [paper for paper in papers if paper.report_id not in held]
    return _Beside(results.orders_of(session, visit_ids), results.versions_of(session, reports), problems, given, shown)


def _read_ordered(session: Session, beside: _Beside, held: dict[str, datetime], actor: Actor) -> Ordered:
    read: dict[str, tuple[results.VersionLine, ...]] = {}
    for row in beside.versions:
        line = results.read_version(session, row, is_staff=actor.kind == "staff")
        read[row.report_id] = (*read.get(row.report_id, ()), line)
    return Ordered(
        orders=tuple(results.read_order(session, order, held) for order in beside.orders),
        versions=read,
        problems=tuple(lists.read_problem(session, row) for row in beside.problems),
        immunizations=tuple(lists.read_immunization(session, row) for row in beside.immunizations),
        papers=tuple(lists.read_document(session, row) for row in beside.papers),
    )


def _visits(session: Session, patient_ref: str, grant: Grant, limit: int | None = None) -> Sequence[Visit]:
    query = select(Visit).where(Visit.patient_ref == patient_ref)
    if grant.since_at is not None:
        query = query.where(Visit.recorded_at >= grant.since_at)
    ordered = query.order_by(Visit.started_at.desc().nulls_last(), Visit.recorded_at.desc(), Visit.id)
    return session.scalars(ordered.limit(limit)).all()


def _records_of(session: Session, visit_ids: Iterable[str], grant: Grant) -> Sequence[ClinicalRecord]:
    query = select(ClinicalRecord).where(ClinicalRecord.visit_id.in_(list(visit_ids)))
    return _cut_and_ordered(session, query, grant)


def _others(
    session: Session,
    patient_ref: str,
    grant: Grant,
    limit: int | None = None,
    *,
    day_of: ClinicalRecord | None = None,
    of_visits: bool = False,
) -> Sequence[ClinicalRecord]:
    """Return what belongs to no visit, newest first; of one day alone where a record of that day is given. With `of_visits`
    also what was written in visits."""
    query = _granted(select(ClinicalRecord).where(ClinicalRecord.patient_ref == patient_ref), grant)
    if not of_visits:
        query = query.where(ClinicalRecord.visit_id.is_(None))
    if day_of is not None and day_of.effective_at is None:
        query = query.where(ClinicalRecord.effective_at.is_(None))
    elif day_of is not None and day_of.effective_at is not None:
        begins, ends = day_bounds(hospital_day(day_of.effective_at))
        query = query.where(ClinicalRecord.effective_at >= begins, ClinicalRecord.effective_at < ends)
    ordered = query.order_by(ClinicalRecord.effective_at.desc().nulls_last(), ClinicalRecord.id)
    return session.scalars(ordered.limit(limit)).all()


def _cut_and_ordered(session: Session, query: Any, grant: Grant) -> Sequence[ClinicalRecord]:
    """Return what the grant includes, oldest first: a visit can hold what was recorded before the link reaches."""
    ordered = _granted(query, grant).order_by(
        ClinicalRecord.effective_at, ClinicalRecord.recorded_at, ClinicalRecord.id
    )
    rows: Sequence[ClinicalRecord] = session.scalars(ordered).all()
    return rows


def _series_beside(session: Session, patient_ref: str, opened: Sequence[Opened], grant: Grant) -> list[Opened]:
    """Return the person's newest measurements of what `opened` measures, oldest first: what its pictures draw. No others are
    opened."""
    wanted = {one.row.series for one in opened if one.row.kind == Kind.OBSERVATION and one.row.series}
    if not wanted:
        return []
    place = func.row_number().over(
        partition_by=ClinicalRecord.series, order_by=(ClinicalRecord.effective_at.desc(), ClinicalRecord.id)
    )
    query = select(ClinicalRecord.id, place.label("place")).where(
        ClinicalRecord.patient_ref == patient_ref,
        ClinicalRecord.series.in_(sorted(wanted)),
        ClinicalRecord.effective_at.is_not(None),
    )
    places = _granted(query, grant).subquery()
    newest = select(ClinicalRecord).join(places, places.c.id == ClinicalRecord.id).where(places.c.place <= DRAWN)
    rows = session.scalars(newest.order_by(ClinicalRecord.effective_at, ClinicalRecord.id)).all()
    return chart.drawn(opened, _open(session, rows))


def _granted(query: Any, grant: Grant) -> Any:
    """Return a query for records, cut to what the grant includes."""
    if grant.since_at is not None:
        query = query.where(ClinicalRecord.recorded_at >= grant.since_at)
    if grant.kinds is not None:
        query = query.where(ClinicalRecord.kind.in_(sorted(grant.kinds)))
    return query


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
        row.series = series.key_of(session, row.patient_ref, value)
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
