"""The laboratory at work: its list, the sample, results signed, and reports amended so that everybody sees what changed.

A report is a record of the visit with one observation for each value; each signature of it is kept as a version of its own, bound
by the event that it made. What the laboratory opens is recorded as opened (A4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import clinical
from app.domain import lab as values_of_lab
from app.domain import orders as rules
from app.domain.actor import Actor
from app.domain.age import age_on
from app.domain.calendar import hospital_day
from app.domain.clinical import Kind
from app.domain.documents import Sex
from app.domain.errors import BadInput
from app.domain.ids import new_ref
from app.domain.orders import Analyte, State
from app.models import Bound, ClinicalRecord, LabOrder, Patient, ReportVersion
from app.services import disclosure, identity, outbox, queueing, results, rights, series
from app.services.clinics import Words
from app.services.identity import Masked
from app.services.orders import move, order_at_lab, record_act, report_rows
from app.services.results import OrderLine, VersionLine
from app.services.sealing import open_payload, seal_again, seal_next

PURPOSE = "laboratory"
LISTED = 100  # a work list is read by people
DONE_SHOWN_FOR = timedelta(days=2)
REPORT_TITLE = ("检验报告", "Laboratory report")
LONGEST_NOTE = 500


class NothingChanged(BadInput):
    """An amendment that changes no value."""

    code = "nothing_changed"


@dataclass(frozen=True)
class WorkLine:
    """An order on the laboratory's list: whose it is, masked, what sample, since when. The tests stand in the order."""

    id: str
    sample: str
    state: str
    samples: tuple[Words, ...]
    who: Masked | None
    since: datetime


@dataclass(frozen=True)
class LabWork:
    """A clinic's list: to collect, to measure, and what was signed lately."""

    to_collect: tuple[WorkLine, ...]
    to_measure: tuple[WorkLine, ...]
    signed: tuple[WorkLine, ...]


@dataclass(frozen=True)
class ToMeasure:
    """One analyte of an order with the range for this person, and the value signed last."""

    analyte: Analyte
    range_text: str
    value: str
    flag: str | None


@dataclass(frozen=True)
class OpenedOrder:
    """An order as the laboratory works on it. `name` and `birth_on` are for the tube: the person is asked for both."""

    line: OrderLine
    name: str
    birth_on: date | None
    sex: str
    age: int | None
    rows: tuple[ToMeasure, ...]
    versions: tuple[VersionLine, ...]


def work(session: Session, actor: Actor, clinic_id: str, now: datetime) -> LabWork:
    """Return the clinic's list, everybody masked. Raises NotAllowed."""
    rights.work_lab(actor, clinic_id, None, now)
    query = select(LabOrder).where(LabOrder.clinic_id == clinic_id)
    query = query.where(
        LabOrder.state.in_([state.value for state in rules.OPEN])
        | (LabOrder.state.in_(("final", "amended")) & (LabOrder.changed_at > now - DONE_SHOWN_FOR))
    )
    rows = session.scalars(query.order_by(LabOrder.ordered_at, LabOrder.number).limit(LISTED)).all()
    people = identity.masked(session, {row.patient_ref for row in rows}, now)

    def lines(states: set[str]) -> tuple[WorkLine, ...]:
        return tuple(_work_line(session, row, people) for row in rows if row.state in states)

    return LabWork(lines({"ordered"}), lines({"collected", "preliminary"}), lines({"final", "amended"})[::-1])


def record_work_opened(session: Session, actor: Actor, clinic_id: str, now: datetime) -> None:
    """Record, once a sign-in, that the list was opened."""
    queueing.record_board(session, actor, "lab", clinic_id, now)


def is_work_recorded(session: Session, actor: Actor, clinic_id: str) -> bool:
    return queueing.is_board_recorded(session, actor, "lab", clinic_id)


def open_order(session: Session, actor: Actor, order_id: str, now: datetime) -> OpenedOrder:
    """Return an order with whose sample it is, recording both disclosures. Raises NotFound, NotAllowed."""
    order = order_at_lab(session, actor, order_id, now)
    rights.see_identity_of_sample(session, actor, order.patient_ref, order.clinic_id, now)
    patient = session.get_one(Patient, order.patient_ref)
    who = identity.read_identity(session, patient)
    versions = results.versions_of(session, [order.report_id] if order.report_id else [])
    disclosure.opened(
        session, actor, "identity.opened", order.patient_ref, [patient], now,
        detail={"fields": "name birth_on sex"}, purpose="sample_check",
    )  # fmt: skip
    rows: list[Bound] = [order, *(report_rows(session, order.report_id) if order.report_id else []), *versions]
    disclosure.opened(
        session, actor, "record.opened", order.patient_ref, rows, now, detail={"count": len(rows)}, purpose=PURPOSE
    )
    sex, age = _sex_and_age(who, now)
    signed = results.values_of(session, versions[-1]) if versions else {}
    return OpenedOrder(
        line=results.read_order(session, order, {}),
        name=who.name,
        birth_on=who.birth_on,
        sex=who.sex,
        age=age,
        rows=tuple(_to_measure(a, sex, age, signed) for a in rules.analytes_of(results.panels_of(session, order))),
        versions=tuple(results.read_version(session, row, is_staff=True) for row in versions),
    )


def collect(session: Session, actor: Actor, order_id: str, now: datetime) -> None:
    """Say that the sample was taken from the person on the tube. Raises NotFound, NotAllowed, OrderMoved."""
    order = order_at_lab(session, actor, order_id, now)
    move(order, State.COLLECTED, now)
    order.collected_at = now
    seal_again(session, order)
    record_act(session, actor, "sample.collected", order, [order], now, {})


def sign(
    session: Session, actor: Actor, order_id: str, typed: Mapping[str, str], now: datetime, *, is_final: bool
) -> None:
    """Sign what was measured: all of it as final, or the part that is there as preliminary.

    Raises LabValueUnreadable or BadInput, each with the analyte's code as the field; NotFound, NotAllowed, OrderMoved.
    """
    order = order_at_lab(session, actor, order_id, now)
    state = State.FINAL if is_final else State.PRELIMINARY
    old = State(order.state)
    rules.require_move(old, state)
    panels = results.panels_of(session, order)
    values = _read(session, order, panels, typed, now, is_complete=is_final)
    shown_from = rules.shown_from(panels, now)
    report, changed = _write_report(session, actor, order, values, state, shown_from, now)
    order.report_id = report.id
    move(order, state, now)
    seal_again(session, order)
    version = _add_version(session, actor, report, state, values, {}, now)
    rows = [order, report, *changed, version]
    record_act(session, actor, "report.signed", order, rows, now, {"status": state.value})
    if is_final:
        outbox.tell(session, order.patient_ref, "results", now, at=shown_from, key=f"results:{report.id}")


def amend(
    session: Session, actor: Actor, order_id: str, typed: Mapping[str, str], reason: str, note: str, now: datetime
) -> None:
    """Change values of a final report. What it said before stays, as a version of its own; everybody who may read the report
    sees what changed, who did it, when and why. `note` is for colleagues, and sealed.

    Raises NothingChanged, BadInput (`reason`, `note` or an analyte), LabValueUnreadable, NotFound, NotAllowed, OrderMoved.
    """
    order = order_at_lab(session, actor, order_id, now)
    rules.require_move(State(order.state), State.AMENDED)
    if reason not in rules.AMEND_REASONS:
        raise BadInput("reason")
    note = clinical.text(note, "note", is_required=False, longest=LONGEST_NOTE)
    panels = results.panels_of(session, order)
    values = _read(session, order, panels, typed, now, is_complete=True)
    before = results.values_of(session, results.versions_of(session, [str(order.report_id)])[-1])
    changes = rules.changes(before, {code: _typed(value) for code, value in values.items()})
    if not changes:
        raise NothingChanged("")
    report, changed = _write_report(session, actor, order, values, State.AMENDED, None, now)
    move(order, State.AMENDED, now)
    seal_again(session, order)
    why = {
        "reason": reason,
        "note": note,
        "changes": [{"code": one.code, "old": one.old, "new": one.new} for one in changes],
    }
    version = _add_version(session, actor, report, State.AMENDED, values, why, now)
    detail = {"revision": version.number, "changed": len(changes)}
    record_act(session, actor, "report.amended", order, [order, report, *changed, version], now, detail)


# Private


def _work_line(session: Session, row: LabOrder, people: dict[str, Masked]) -> WorkLine:
    line = results.read_order(session, row, {})
    since = row.ordered_at if row.state == "ordered" else row.changed_at
    return WorkLine(row.id, line.sample, row.state, line.samples, people.get(row.patient_ref), since)


def _sex_and_age(who: identity.Identity, now: datetime) -> tuple[Sex, int | None]:
    return Sex(who.sex), age_on(who.birth_on, hospital_day(now)) if who.birth_on else None


def _to_measure(analyte: Analyte, sex: Sex, age: int | None, signed: Mapping[str, str]) -> ToMeasure:
    value = signed.get(analyte.code, "")
    found = rules.result(analyte, value, sex, age) if value else {}
    said = values_of_lab.format_range(rules.range_for(analyte, sex, age))
    flag = found.get("flag")
    return ToMeasure(analyte, said, value, str(flag) if flag and flag != "N" else None)


def _read(
    session: Session, order: LabOrder, panels: list[str], typed: Mapping[str, str], now: datetime, *, is_complete: bool
) -> dict[str, dict[str, Any]]:
    """Return the typed values as payloads, judged for this person's sex and age when the sample was taken."""
    who = identity.read_identity(session, session.get_one(Patient, order.patient_ref))
    sex, age = _sex_and_age(who, order.collected_at or now)
    found = {}
    for analyte in rules.analytes_of(panels):
        text = typed.get(analyte.code, "").strip()
        if text or is_complete:
            found[analyte.code] = rules.result(analyte, text, sex, age)
    if not found:
        raise BadInput(rules.analytes_of(panels)[0].code)
    return found


def _typed(payload: Mapping[str, Any]) -> str:
    """Return a value as the laboratory wrote it: a choice by its code."""
    by_word = {words[0]: code for code, words in rules.CHOICES.items()}
    return by_word.get(str(payload["value"]), str(payload["value"]))


def _write_report(
    session: Session,
    actor: Actor,
    order: LabOrder,
    values: dict[str, dict[str, Any]],
    state: State,
    shown_from: datetime | None,
    now: datetime,
) -> tuple[ClinicalRecord, list[ClinicalRecord]]:
    """Bring the report and its observations to what is signed now; return the report and the observations that changed.

    `shown_from` None leaves it as it was: an amendment neither hides nor opens a report.
    """
    rows = report_rows(session, order.report_id) if order.report_id else []
    report = next((row for row in rows if row.kind == Kind.REPORT), None)
    known = {open_payload(session, row)[0]["code"]: row for row in rows if row.kind == Kind.OBSERVATION}
    if report is None:
        report = _new(order, Kind.REPORT, state, actor, now)
        said: dict[str, Any] = {"title_zh": REPORT_TITLE[0], "title_en": REPORT_TITLE[1]}
    else:
        said = open_payload(session, report)[0]
    held = said.get("shown_from") if shown_from is None else shown_from.isoformat()
    changed = []
    for code, value in values.items():
        row = known.get(code) or _new(order, Kind.OBSERVATION, state, actor, now)
        if state is State.AMENDED and open_payload(session, row)[0]["value"] == value["value"]:
            continue  # what an amendment leaves as it is keeps its version
        known[code] = row
        changed.append((row, {**value, "shown_from": held}))
    report.status = state.value
    seal_next(
        session,
        report,
        {
            **said,
            "order": [
                known[a.code].id for a in rules.analytes_of(results.panels_of(session, order)) if a.code in known
            ],
            "shown_from": held,
        },
    )
    session.flush()
    for row, payload in changed:
        row.report_id, row.status = report.id, state.value
        row.series = series.key_of(session, row.patient_ref, payload)
        seal_next(session, row, payload)
    return report, [row for row, _ in changed]


def _new(order: LabOrder, kind: Kind, state: State, actor: Actor, now: datetime) -> ClinicalRecord:
    return ClinicalRecord(
        id=new_ref(), patient_ref=order.patient_ref, visit_id=order.visit_id, kind=kind.value, status=state.value,
        effective_at=order.collected_at or now, recorded_at=now, author_ref=actor.ref, source="here",
    )  # fmt: skip


def _add_version(
    session: Session,
    actor: Actor,
    report: ClinicalRecord,
    state: State,
    values: dict[str, dict[str, Any]],
    why: dict[str, Any],
    now: datetime,
) -> ReportVersion:
    before = results.versions_of(session, [report.id])
    row = ReportVersion(
        id=new_ref(), patient_ref=report.patient_ref, report_id=report.id, number=len(before) + 1, status=state.value,
        author_ref=str(actor.ref), signed_at=now,
    )  # fmt: skip
    seal_next(session, row, {"values": {code: _typed(value) for code, value in values.items()}, **why})
    return row
