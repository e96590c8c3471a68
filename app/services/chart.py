"""A person's record laid out for reading: visits, and what was written in each.

Nothing is unsealed here: `records` opens rows by right, records that it did, and gives their content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.domain import clinical
from app.domain.clinical import Kind, Measurement, PrescriptionLine
from app.models import ClinicalRecord, Visit
from app.services.clinics import Words


@dataclass(frozen=True)
class Opened:
    """A row with its content."""

    row: ClinicalRecord
    content: dict[str, Any]


@dataclass(frozen=True)
class VisitLine:
    """A visit in the list. Of an imported one nothing but the day: where and why are content, and opened with it."""

    id: str
    patient_ref: str
    at: datetime | None
    state: str
    source: str
    department: Words | None
    doctor: Words | None


@dataclass(frozen=True)
class OthersLine:
    """Records that belong to no visit, of one day (None: of no known day). `id` is the first one's and names them all."""

    id: str
    patient_ref: str
    day_on: date | None
    count: int


@dataclass(frozen=True)
class Diagnosis:
    code: str
    name: Words
    note: str


@dataclass(frozen=True)
class Advice:
    text: str


@dataclass(frozen=True)
class Prescription:
    """What was prescribed. `status`: "signed" here, else what its source says (active, stopped, …)."""

    status: str
    at: datetime | None
    lines: tuple[PrescriptionLine, ...]


@dataclass(frozen=True)
class Report:
    """Measured values under their report; `title` is None for values that belong to none. Void: entered in error."""

    title: Words | None
    status: str
    at: datetime | None
    conclusion: str
    measurements: tuple[Measurement, ...]
    is_void: bool


@dataclass(frozen=True)
class Trend:
    """One analyte over time, oldest first, in one unit."""

    code: str
    name: Words
    unit: str
    points: tuple[Measurement, ...]


@dataclass(frozen=True)
class Chart:
    """A visit opened; or, with state "other", records that belong to none."""

    id: str
    patient_ref: str
    at: datetime | None
    state: str
    source: str
    department: Words | None
    doctor: Words | None
    place: str
    reason: str
    diagnoses: tuple[Diagnosis, ...]
    advice: tuple[Advice, ...]
    prescriptions: tuple[Prescription, ...]
    reports: tuple[Report, ...]
    trends: tuple[Trend, ...]
    event_id: str | None

    @property
    def is_empty(self) -> bool:
        return not (self.diagnoses or self.advice or self.prescriptions or self.reports)


@dataclass(frozen=True)
class OwnVisit:
    """The visit that a doctor writes, with the ticket that it came by; `is_open` until it is finished."""

    chart: Chart
    is_open: bool
    session_id: str
    ticket_id: str
    ticket: str


@dataclass(frozen=True)
class History:
    """What a treating doctor reads of a person: the newest visits, records of no visit, and courses over all of them."""

    visits: tuple[Chart, ...]
    trends: tuple[Trend, ...]
    event_id: str | None


def lay_out(
    visit: Visit | None,
    about: dict[str, Any],
    names: tuple[Words | None, Words | None],
    opened: Sequence[Opened],
    series: Iterable[Opened],
    event_id: str | None,
) -> Chart:
    """Return rows laid out. `about` is the visit's content, `names` its department and doctor; without a visit `opened`
    are records of one day. `series` are all measurements of the person that may be drawn."""
    first = opened[0].row if opened else None
    if visit is None and first is None:
        raise ValueError("nothing to lay out")
    return Chart(
        id=visit.id if visit else first.id,  # type: ignore[union-attr]
        patient_ref=visit.patient_ref if visit else first.patient_ref,  # type: ignore[union-attr]
        at=visit.started_at if visit else first.effective_at,  # type: ignore[union-attr]
        state=visit.state if visit else "other",
        source=visit.source if visit else first.source,  # type: ignore[union-attr]
        department=names[0],
        doctor=names[1],
        place=str(about.get("place", "")),
        reason=str(about.get("reason", "")),
        diagnoses=tuple(_diagnosis(o.content) for o in opened if o.row.kind == Kind.DIAGNOSIS),
        advice=tuple(Advice(str(o.content.get("text", ""))) for o in opened if o.row.kind == Kind.ADVICE),
        prescriptions=tuple(
            Prescription(o.row.status, o.row.effective_at, clinical.read_lines(o.content))
            for o in opened
            if o.row.kind == Kind.PRESCRIPTION
        ),
        reports=_reports(opened),
        trends=trends(opened, series),
        event_id=event_id,
    )


def _diagnosis(content: dict[str, Any]) -> Diagnosis:
    return Diagnosis(content["code"], Words(content["name_zh"], content["name_en"]), content["note"])


def arranged(opened: Sequence[Opened]) -> list[Opened]:
    """Return what was opened with the values of each report in the report's own order."""
    place = {
        row_id: i
        for one in opened
        if one.row.kind == Kind.REPORT
        for i, row_id in enumerate(one.content.get("order", ()))
    }
    return sorted(opened, key=lambda one: (one.row.report_id or "", place.get(one.row.id, 0)))


def _reports(opened: Sequence[Opened]) -> tuple[Report, ...]:
    """Gather measurements under their reports; those of none come last, each status by itself."""
    measured: dict[str | None, list[Opened]] = {}
    for one in arranged(opened):
        if one.row.kind == Kind.OBSERVATION:
            measured.setdefault(one.row.report_id, []).append(one)
    reports = []
    for one in opened:
        if one.row.kind == Kind.REPORT:
            values = measured.pop(one.row.id, [])
            title = Words(str(one.content.get("title_zh", "")), str(one.content.get("title_en", "")))
            reports.append(_report(title, one.row, str(one.content.get("conclusion", "")), values))
    by_status: dict[str, list[Opened]] = {}
    for values in measured.values():
        for value in values:
            by_status.setdefault(value.row.status, []).append(value)
    return (*reports, *(_report(None, values[0].row, "", values) for values in by_status.values()))


def _report(title: Words | None, row: ClinicalRecord, conclusion: str, values: Sequence[Opened]) -> Report:
    measurements = tuple(m for v in values for m in clinical.read_measurements(v.content, v.row.effective_at))
    return Report(title, row.status, row.effective_at, conclusion, measurements, row.status in clinical.VOID)


def drawn(opened: Iterable[Opened], series: Iterable[Opened]) -> list[Opened]:
    """Return those of `series` that measure what `opened` measures, in the same unit: what a picture shows."""
    wanted = {key for one in opened for key, _ in _drawable(one)}
    return [one for one in series if any(key in wanted for key, _ in _drawable(one))]


def trends(opened: Sequence[Opened], series: Iterable[Opened]) -> tuple[Trend, ...]:
    """Return a trend for each analyte among `opened`, in its order, that `series` has at least twice in the same unit."""
    points: dict[tuple[str, str], list[Measurement]] = {
        key: [] for one in arranged(opened) for key, _ in _drawable(one)
    }
    for one in series:
        for key, value in _drawable(one):
            if key in points:
                points[key].append(value)
    return tuple(
        Trend(code, Words(values[-1].name_zh, values[-1].name_en), unit, tuple(values))
        for (code, unit), values in points.items()
        if len(values) >= 2
    )


def _drawable(one: Opened) -> list[tuple[tuple[str, str], Measurement]]:
    """Return (analyte, unit) and value of what can stand in a picture: a number, of a known day, not in error."""
    if one.row.kind != Kind.OBSERVATION or one.row.status in clinical.VOID or one.row.effective_at is None:
        return []
    values = clinical.read_measurements(one.content, one.row.effective_at)
    return [((m.code, m.unit), m) for m in values if m.code and m.number is not None]
