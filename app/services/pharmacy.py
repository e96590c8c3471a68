"""Prescriptions between doctor and pharmacist: signed, reviewed, in force or returned, dispensed.

A prescription is a record of its visit; what happened to it is written into it as steps, and each step is a version that an
event binds. Nothing is in force before a pharmacist said so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import clinical
from app.domain import prescribing as rules
from app.domain.actor import Actor
from app.domain.age import ADULT_FROM_YEARS
from app.domain.clinical import WEIGHT, Kind, PrescriptionLine
from app.domain.errors import BadInput, NotFound
from app.models import Bound, ClinicalRecord, ClinicSession, Department, Staff, Visit
from app.services import chart, disclosure, events, identity, queueing, records, rights
from app.services.clinics import Words
from app.services.identity import Masked
from app.services.sealing import open_payload, seal_next

PURPOSE = "prescription_review"
LISTED = 100  # a work list is read by people
SHOWN_FOR = timedelta(days=3)
LONGEST_NOTE = 500
MEASURED = 60  # measurements looked through for a weight, the newest


@dataclass(frozen=True)
class WorkLine:
    """A prescription on the pharmacist's list: whose it is, masked, who wrote it, since when. The lines stand in it."""

    id: str
    status: str
    who: Masked | None
    department: Words
    doctor: Words
    since: datetime


@dataclass(frozen=True)
class PharmacyWork:
    """A clinic's list: to review, returned to their doctors, and in force but not dispensed."""

    to_review: tuple[WorkLine, ...]
    returned: tuple[WorkLine, ...]
    to_dispense: tuple[WorkLine, ...]


@dataclass(frozen=True)
class Review:
    """A prescription as a pharmacist reviews it: its lines, what the checks found, and what they rest on. Nothing else."""

    id: str
    status: str
    at: datetime | None
    who: Masked | None
    weight_kg: Decimal | None
    department: Words
    doctor: Words
    lines: tuple[PrescriptionLine, ...]
    findings: tuple[rules.Finding, ...]
    allergies: tuple[chart.Allergy, ...]
    active: tuple[PrescriptionLine, ...]
    steps: tuple[chart.Step, ...]


def work(session: Session, actor: Actor, clinic_id: str, now: datetime) -> PharmacyWork:
    """Return the clinic's list of the last days, everybody masked. Raises NotAllowed."""
    rights.review_prescriptions(actor, clinic_id, None, now)
    query = (
        select(ClinicalRecord, Staff, Department)
        .join(Visit, Visit.id == ClinicalRecord.visit_id)
        .join(ClinicSession, ClinicSession.id == Visit.session_id)
        .join(Department, Department.id == ClinicSession.department_id)
        .join(Staff, Staff.ref == Visit.clinician_ref)
        .where(ClinicSession.clinic_id == clinic_id, ClinicalRecord.kind == Kind.PRESCRIPTION.value)
        .where(ClinicalRecord.status.in_(rules.AT_WORK), ClinicalRecord.recorded_at > now - SHOWN_FOR)
        .order_by(ClinicalRecord.recorded_at, ClinicalRecord.id)
        .limit(LISTED)
    )
    rows = session.execute(query).all()
    people = identity.masked(session, {row.patient_ref for row, _, _ in rows}, now)

    def lines(status: rules.Status) -> tuple[WorkLine, ...]:
        return tuple(
            WorkLine(
                row.id, row.status, people.get(row.patient_ref), Words(department.name_zh, department.name_en),
                Words(doctor.name_zh, doctor.name_en), row.recorded_at,
            )
            for row, doctor, department in rows
            if row.status == status
        )  # fmt: skip

    return PharmacyWork(lines(rules.Status.SIGNED), lines(rules.Status.RETURNED), lines(rules.Status.ACTIVE))


def record_work_opened(session: Session, actor: Actor, clinic_id: str, now: datetime) -> None:
    """Record, once a sign-in, that the list was opened."""
    queueing.record_board(session, actor, "pharmacy", clinic_id, now)


def is_work_recorded(session: Session, actor: Actor, clinic_id: str) -> bool:
    return queueing.is_board_recorded(session, actor, "pharmacy", clinic_id)


def open_review(session: Session, actor: Actor, record_id: str, now: datetime) -> Review:
    """Return a prescription with its checks and what they rest on, recording the disclosure. Raises NotFound, NotAllowed."""
    row, visit, sitting = _at_pharmacy(session, actor, record_id, now)
    who = identity.masked(session, [row.patient_ref], now).get(row.patient_ref)
    known, active = _allergies(session, row.patient_ref), _in_force(session, row, now)
    age = who.age if who else None
    weight = _weight(session, row.patient_ref) if age is not None and age < ADULT_FROM_YEARS else None
    rows: list[Bound] = [row, *known, *active, *([weight] if weight else [])]
    disclosure.opened(
        session, actor, "record.opened", row.patient_ref, rows, now, detail={"count": len(rows)}, purpose=PURPOSE
    )
    content = open_payload(session, row)[0]
    lines = clinical.read_lines(content)
    allergies = tuple(chart.allergy(open_payload(session, one)[0], one.recorded_at) for one in known)
    taken = tuple(line for one in active for line in clinical.read_lines(open_payload(session, one)[0]))
    kilos = Decimal(open_payload(session, weight)[0]["value"]) if weight else None
    doctor = session.get_one(Staff, visit.clinician_ref)
    department = session.get_one(Department, sitting.department_id)
    return Review(
        id=row.id,
        status=row.status,
        at=row.effective_at,
        who=who,
        weight_kg=kilos,
        department=Words(department.name_zh, department.name_en),
        doctor=Words(doctor.name_zh, doctor.name_en),
        lines=lines,
        findings=rules.check(
            lines, [rules.Allergy(a.substance, a.note) for a in allergies], taken, rules.Person(age, kilos)
        ),
        allergies=allergies,
        active=taken,
        steps=chart.steps(content, is_staff=True),
    )


def accept(session: Session, actor: Actor, record_id: str, now: datetime) -> None:
    """Put a prescription in force. Raises NotFound, NotAllowed, PrescriptionMoved."""
    row, _, _ = _at_pharmacy(session, actor, record_id, now)
    _step(session, actor, row, rules.Status.ACTIVE, "accepted", now)
    _record(session, actor, "prescription.reviewed", row, now)


def send_back(session: Session, actor: Actor, record_id: str, reason: str, note: str, now: datetime) -> None:
    """Return a prescription to its doctor. `note` is for the doctor, and sealed.

    Raises BadInput (`reason`, `note`), NotFound, NotAllowed, PrescriptionMoved.
    """
    if reason not in rules.RETURN_REASONS:
        raise BadInput("reason")
    note = clinical.text(note, "note", is_required=False, longest=LONGEST_NOTE)
    row, _, _ = _at_pharmacy(session, actor, record_id, now)
    _step(session, actor, row, rules.Status.RETURNED, "returned", now, reason=reason, note=note)
    _record(session, actor, "prescription.returned", row, now)


def dispense(session: Session, actor: Actor, record_id: str, now: datetime) -> None:
    """Say that the medicines were handed over. Raises NotFound, NotAllowed, PrescriptionMoved."""
    row, _, _ = _at_pharmacy(session, actor, record_id, now)
    _step(session, actor, row, rules.Status.DISPENSED, "dispensed", now)
    _record(session, actor, "prescription.dispensed", row, now)


def sign_again(
    session: Session, actor: Actor, record_id: str, lines: list[PrescriptionLine], why: str, now: datetime
) -> str:
    """Let the doctor sign a returned prescription again, with other lines or, unchanged, with the reason for it; return the
    visit's id. The lines that were returned stay in the step.

    Raises BadInput (`why`, where nothing was changed and no reason is given), NotFound, NotAllowed, PrescriptionMoved.
    """
    row = session.scalar(select(ClinicalRecord).where(ClinicalRecord.id == record_id).with_for_update())
    if row is None or row.kind != Kind.PRESCRIPTION or row.visit_id is None:
        raise NotFound()
    visit = records.own_visit(session, actor, row.visit_id)
    rights.write_health(session, actor, row.patient_ref, now)
    rules.require_move(row.status, rules.Status.SIGNED)
    before = clinical.read_lines(open_payload(session, row)[0])
    is_same = tuple(lines) == before
    why = clinical.text(why, "why", is_required=is_same, longest=LONGEST_NOTE)
    what = "overridden" if is_same else "amended"
    _step(session, actor, row, rules.Status.SIGNED, what, now, note=why, lines=None if is_same else lines)
    done = len(chart.steps(open_payload(session, row)[0], is_staff=True, only=("amended", "overridden")))
    _record(session, actor, "prescription.signed", row, now, {"round": done + 1})
    return visit.id


def waiting_of(session: Session, visit_id: str) -> list[str]:
    """Return the ids of a visit's prescriptions that wait for review."""
    query = select(ClinicalRecord.id).where(
        ClinicalRecord.visit_id == visit_id, ClinicalRecord.status == rules.Status.SIGNED
    )
    return list(session.scalars(query.where(ClinicalRecord.kind == Kind.PRESCRIPTION.value)))


# Private


def _at_pharmacy(
    session: Session, actor: Actor, record_id: str, now: datetime
) -> tuple[ClinicalRecord, Visit, ClinicSession]:
    """Return a prescription that was written here, locked, with its visit and session. Raises NotFound, NotAllowed."""
    row = session.scalar(select(ClinicalRecord).where(ClinicalRecord.id == record_id).with_for_update())
    visit = session.get(Visit, row.visit_id) if row and row.kind == Kind.PRESCRIPTION and row.visit_id else None
    sitting = session.get(ClinicSession, visit.session_id) if visit and visit.session_id else None
    if row is None or visit is None or sitting is None:
        raise NotFound()
    rights.review_prescriptions(actor, sitting.clinic_id, row.patient_ref, now)
    return row, visit, sitting


def _step(
    session: Session,
    actor: Actor,
    row: ClinicalRecord,
    new: rules.Status,
    what: str,
    now: datetime,
    *,
    reason: str = "",
    note: str = "",
    lines: list[PrescriptionLine] | None = None,
) -> None:
    """Take the prescription to its next state and write down how it came there."""
    try:
        rules.require_move(row.status, new)
    except rules.PrescriptionMoved as moved:
        moved.about = row.patient_ref
        raise
    content = open_payload(session, row)[0]
    member = session.get_one(Staff, actor.ref)
    step = {
        "what": what, "at": now.isoformat(), "who_zh": member.name_zh, "who_en": member.name_en, "reason": reason, "note": note,
    }  # fmt: skip
    if lines is not None:
        step["lines"] = content["lines"]
        content["lines"] = clinical.prescription(lines)["lines"]
    row.status = new.value
    seal_next(session, row, {**content, "steps": [*content.get("steps", ()), step]})


def _record(
    session: Session,
    actor: Actor,
    event_type: str,
    row: ClinicalRecord,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> None:
    session.flush()
    event = events.record(session, event_type, actor, now, subject=row.patient_ref, objects=[row], detail=detail)
    disclosure.mark_seen(session, actor, "record.opened", row.patient_ref, [row], event.id, now)


def _allergies(session: Session, patient_ref: str) -> list[ClinicalRecord]:
    query = select(ClinicalRecord).where(
        ClinicalRecord.patient_ref == patient_ref, ClinicalRecord.kind == Kind.ALLERGY.value
    )
    rows = session.scalars(query.order_by(ClinicalRecord.recorded_at, ClinicalRecord.id)).all()
    return [row for row in rows if row.status not in clinical.VOID]


def _in_force(session: Session, beside: ClinicalRecord, now: datetime) -> list[ClinicalRecord]:
    """Return the person's other prescriptions that are in force and not used up."""
    query = select(ClinicalRecord).where(
        ClinicalRecord.patient_ref == beside.patient_ref, ClinicalRecord.kind == Kind.PRESCRIPTION.value,
        ClinicalRecord.status.in_(rules.IN_FORCE), ClinicalRecord.id != beside.id,
    )  # fmt: skip
    rows = session.scalars(query.order_by(ClinicalRecord.effective_at, ClinicalRecord.id)).all()
    return [row for row in rows if _lasts(session, row, now)]


def _lasts(session: Session, row: ClinicalRecord, now: datetime) -> bool:
    days = [line.days for line in clinical.read_lines(open_payload(session, row)[0])]
    if row.effective_at is None or None in days:
        return True
    return row.effective_at + timedelta(days=max((day for day in days if day), default=0)) > now


def _weight(session: Session, patient_ref: str) -> ClinicalRecord | None:
    """Return the newest body weight in kilograms, looked for among the newest measurements."""
    query = select(ClinicalRecord).where(
        ClinicalRecord.patient_ref == patient_ref, ClinicalRecord.kind == Kind.OBSERVATION.value
    )
    newest = session.scalars(
        query.order_by(ClinicalRecord.effective_at.desc(), ClinicalRecord.id).limit(MEASURED)
    ).all()
    for row in newest:
        content = open_payload(session, row)[0]
        if content.get("code") == WEIGHT and content.get("unit") == "kg" and row.status not in clinical.VOID:
            return row
    return None
