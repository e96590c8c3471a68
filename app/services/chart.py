"""A person's record laid out for reading: visits, and what was written in each.

Nothing is unsealed here: `records` opens rows by right, records that it did, and gives their content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from app.domain import clinical, prescribing
from app.domain.clinical import Kind, Measurement, PrescriptionLine
from app.models import ClinicalRecord, Visit
from app.services.clinics import Words
from app.services.lists import ImmunizationLine, Paper, ProblemLine
from app.services.results import OrderLine, VersionLine


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
class Allergy:
    """An allergy that was recorded: to what, from the list, and in the writer's words. An imported one may say how it showed
    itself (`reactions`), whether it was severe (`severity`: low, high, unable-to-assess) and whether it still counts (`status`)."""

    substance: str
    name: Words
    note: str
    at: datetime
    reactions: str = ""
    severity: str = ""
    status: str = ""


@dataclass(frozen=True)
class Step:
    """What happened to a prescription after it was signed: accepted, returned, amended, overridden or dispensed.

    `note` is between doctor and pharmacist, empty for everybody else; `lines` are those that an amendment replaced.
    """

    what: str
    at: datetime
    who: Words
    reason: Words | None
    note: str
    lines: tuple[PrescriptionLine, ...]


@dataclass(frozen=True)
class Prescription:
    """What was prescribed. `status`: signed, returned, active or dispensed here, else what its source says.

    Whether it may be taken by is what `is_in_force` says: nothing written here is before a pharmacist accepted it.
    """

    id: str
    status: str
    at: datetime | None
    lines: tuple[PrescriptionLine, ...]
    is_in_force: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Report:
    """Measured values under their report; `title` is None for values that belong to none. Void: entered in error."""

    title: Words | None
    status: str
    at: datetime | None
    conclusion: str
    measurements: tuple[Measurement, ...]
    is_void: bool
    versions: tuple[VersionLine, ...] = ()


@dataclass(frozen=True)
class Trend:
    """One analyte over time, oldest first, in one unit. `record_id` is its newest record, by which all of it is found."""

    code: str
    name: Words
    unit: str
    points: tuple[Measurement, ...]
    record_id: str = ""


@dataclass(frozen=True)
class Ordered:
    """What belongs to a visit beside its records: orders, signed versions of each report, problems, immunizations, documents."""

    orders: tuple[OrderLine, ...] = ()
    versions: Mapping[str, tuple[VersionLine, ...]] = field(default_factory=dict)
    problems: tuple[ProblemLine, ...] = ()
    immunizations: tuple[ImmunizationLine, ...] = ()
    papers: tuple[Paper, ...] = ()


NOTHING_ORDERED = Ordered()


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
    allergies: tuple[Allergy, ...] = ()
    orders: tuple[OrderLine, ...] = ()
    problems: tuple[ProblemLine, ...] = ()
    immunizations: tuple[ImmunizationLine, ...] = ()
    papers: tuple[Paper, ...] = ()

    @property
    def is_empty(self) -> bool:
        written = (self.diagnoses, self.advice, self.prescriptions, self.reports, self.allergies, self.orders)
        return not any((*written, self.problems, self.immunizations, self.papers))


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
    ordered: Ordered = NOTHING_ORDERED,
    *,
    is_staff: bool = False,
) -> Chart:
    """Return rows laid out. `about` is the visit's content, `names` its department and doctor; without a visit `opened`
    are records of one day. `series` are all measurements of the person that may be drawn. Only staff read the notes that
    colleagues left each other."""
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
        prescriptions=tuple(_prescription(o, is_staff=is_staff) for o in opened if o.row.kind == Kind.PRESCRIPTION),
        reports=_reports(opened, ordered.versions),
        trends=trends(opened, series),
        event_id=event_id,
        allergies=tuple(allergy(o.content, o.row.recorded_at) for o in opened if _is_allergy(o)),
        orders=ordered.orders,
        problems=ordered.problems,
        immunizations=ordered.immunizations,
        papers=ordered.papers,
    )


def _is_allergy(one: Opened) -> bool:
    return one.row.kind == Kind.ALLERGY and one.row.status not in clinical.VOID


def allergy(content: dict[str, Any], at: datetime) -> Allergy:
    """Return an allergy's content as it is read."""
    name = Words(content["name_zh"], content["name_en"])
    more = [str(content.get(field_name, "")) for field_name in ("reactions", "severity", "status")]
    return Allergy(content["substance"], name, content["note"], at, *more)


def steps(content: dict[str, Any], *, is_staff: bool, only: Sequence[str] = ()) -> tuple[Step, ...]:
    """Return what happened to a prescription, oldest first; `only` these, where any are named."""
    return tuple(
        Step(
            what=step["what"],
            at=datetime.fromisoformat(step["at"]),
            who=Words(step["who_zh"], step["who_en"]),
            reason=Words(*prescribing.RETURN_REASONS[step["reason"]]) if step["reason"] else None,
            note=step["note"] if is_staff else "",
            lines=clinical.read_lines(step),
        )
        for step in content.get("steps", ())
        if not only or step["what"] in only
    )


def _prescription(one: Opened, *, is_staff: bool) -> Prescription:
    is_in_force = one.row.status in prescribing.IN_FORCE
    lines = clinical.read_lines(one.content)
    said = steps(one.content, is_staff=is_staff)
    return Prescription(one.row.id, one.row.status, one.row.effective_at, lines, is_in_force, said)


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


def _reports(opened: Sequence[Opened], versions: Mapping[str, tuple[VersionLine, ...]]) -> tuple[Report, ...]:
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
            said = versions.get(one.row.id, ())
            reports.append(_report(title, one.row, str(one.content.get("conclusion", "")), values, said))
    by_status: dict[str, list[Opened]] = {}
    for values in measured.values():
        for value in values:
            by_status.setdefault(value.row.status, []).append(value)
    return (*reports, *(_report(None, values[0].row, "", values) for values in by_status.values()))


def _report(
    title: Words | None,
    row: ClinicalRecord,
    conclusion: str,
    values: Sequence[Opened],
    versions: tuple[VersionLine, ...] = (),
) -> Report:
    measured = [m for v in values for m in clinical.read_measurements(v.content, v.row.effective_at)]
    was = {one.code: (one.old.zh, one.old.en) for version in versions for one in version.changes}
    measurements = tuple(replace(m, was=was[m.code]) if m.code in was else m for m in measured)
    is_void = row.status in clinical.VOID
    return Report(title, row.status, row.effective_at, conclusion, measurements, is_void, versions)


def drawn(opened: Iterable[Opened], series: Iterable[Opened]) -> list[Opened]:
    """Return those of `series` that measure what `opened` measures, in the same unit: what a picture shows."""
    wanted = {key for one in opened for key, _ in _drawable(one)}
    return [one for one in series if any(key in wanted for key, _ in _drawable(one))]


def trends(opened: Sequence[Opened], series: Iterable[Opened]) -> tuple[Trend, ...]:
    """Return a trend for each analyte among `opened`, in its order, that `series` has at least twice in the same unit."""
    points: dict[tuple[str, str], list[Measurement]] = {
        key: [] for one in arranged(opened) for key, _ in _drawable(one)
    }
    newest: dict[tuple[str, str], str] = {}
    for one in series:
        for key, value in _drawable(one):
            if key in points:
                points[key].append(value)
                newest[key] = one.row.id
    return tuple(
        Trend(code, Words(values[-1].name_zh, values[-1].name_en), unit, tuple(values), newest[code, unit])
        for (code, unit), values in points.items()
        if len(values) >= 2
    )


def _drawable(one: Opened) -> list[tuple[tuple[str, str], Measurement]]:
    """Return (analyte, unit) and value of what can stand in a picture: a number, of a known day, not in error."""
    if one.row.kind != Kind.OBSERVATION or one.row.status in clinical.VOID or one.row.effective_at is None:
        return []
    values = clinical.read_measurements(one.content, one.row.effective_at)
    return [((m.code, m.unit), m) for m in values if m.code and m.number is not None]
