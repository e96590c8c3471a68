"""Where FHIR resources come from: for each type the tables, the instant that sorts them, and how a row is written.

This is one of the openers: what it returns is unsealed. `fhir_read` has decided access before it asks, and records what it hands out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.domain.access import Part
from app.domain.clinical import Kind
from app.domain.fhir.write import (
    About,
    Frame,
    Name,
    Resource,
    write_appointment,
    write_encounter,
    write_patient,
    write_schedule,
    write_slot,
)
from app.domain.fhir.write_access import write_consent
from app.domain.fhir.write_clinical import write_observation, write_prescription, write_report, write_statement
from app.domain.fhir.write_lists import write_allergy, write_diagnosis, write_immunization, write_problem
from app.models import (
    AppGrant,
    Appointment,
    ClinicalRecord,
    ClinicSession,
    Consent,
    Department,
    Immunization,
    Patient,
    Permit,
    Problem,
    Slot,
    SmartApp,
    Staff,
    Visit,
    from_ms,
)
from app.services import clinics, results
from app.services.availability import is_taken
from app.services.clinics import SessionView
from app.services.sealing import open_payload

NO_DAY = from_ms(0)  # where what is of no known day stands in the order
# Part of a record, as consents name it -> the resource types that it is.
PART_TYPES: Mapping[Part, tuple[str, ...]] = {
    Part.VISITS: ("Encounter", "Condition"),
    Part.MEDICINES: ("MedicationRequest", "MedicationStatement"),
    Part.RESULTS: ("Observation", "DiagnosticReport"),
    Part.ALLERGIES: ("AllergyIntolerance",),
    Part.VACCINES: ("Immunization",),
}


@dataclass(frozen=True)
class Source:
    """One table of a type: `at` sorts its rows and is what dates are compared with, `recorded` is when a row came to be (a grant
    may reach no further back), `write` gives the resources of a row, none where the reader may not have it yet."""

    model: Any
    at: Any
    where: Sequence[ColumnElement[bool]]
    write: Callable[[Any], list[Resource]] = field(repr=False)
    recorded: Any = None

    @property
    def key(self) -> Any:
        return getattr(self.model, getattr(self.model, "KEY", "id"))


class Sources:
    """The sources of one request: for one person, at one moment. Names of staff, apps and sittings are read once."""

    def __init__(self, session: Session, frame: Frame, patient: str, now: datetime) -> None:
        self.session = session
        self.frame = frame
        self.patient = patient
        self.now = now
        self._names: dict[tuple[str, str], Name | None] = {}
        self._sittings: dict[str, SessionView] = {}

    def of(self, kind: str) -> tuple[Source, ...]:
        """Return the sources of a resource type; none for the two that `fhir_events` reads."""
        match kind:
            case "Patient":
                return (Source(Patient, Patient.created_at, [Patient.ref == self.patient], self._patient),)
            case "Encounter":
                return (self._mine(Visit, Visit.started_at, self._encounter),)
            case "Observation":
                return (self._records(Kind.OBSERVATION, self._observation),)
            case "DiagnosticReport":
                return (self._records(Kind.REPORT, self._report),)
            case "MedicationRequest":
                return (self._records(Kind.PRESCRIPTION, self._prescription),)
            case "MedicationStatement":
                return (self._records(Kind.PRESCRIPTION, self._statement),)
            case "Condition":
                diagnoses = self._records(Kind.DIAGNOSIS, self._diagnosis, by_recording=True)
                return (diagnoses, self._mine(Problem, Problem.recorded_at, self._problem))
            case "AllergyIntolerance":
                return (self._records(Kind.ALLERGY, self._allergy, by_recording=True),)
            case "Immunization":
                return (self._mine(Immunization, Immunization.given_at, self._immunization),)
            case "Appointment":
                return (self._mine(Appointment, Appointment.starts_at, self._appointment, Appointment.created_at),)
            case "Consent":
                return tuple(
                    self._mine(model, at, write, at)
                    for model, at, write in (
                        (Consent, Consent.given_at, self._consent),
                        (Permit, Permit.since_at, self._permit),
                        (AppGrant, AppGrant.given_at, self._app_grant),
                    )
                )
            case "Schedule":
                return (
                    Source(ClinicSession, ClinicSession.starts_at, [ClinicSession.ends_at > self.now], self._schedule),
                )
            case "Slot":
                return (Source(Slot, Slot.starts_at, [Slot.starts_at > self.now], self._slot),)
        return ()

    def _mine(self, model: Any, at: Any, write: Callable[[Any], list[Resource]], recorded: Any = None) -> Source:
        return Source(model, at, [model.patient_ref == self.patient], write, recorded or model.recorded_at)

    def _records(self, kind: Kind, write: Callable[[Any], list[Resource]], *, by_recording: bool = False) -> Source:
        at = ClinicalRecord.recorded_at if by_recording else ClinicalRecord.effective_at
        mine = [ClinicalRecord.patient_ref == self.patient, ClinicalRecord.kind == kind.value]
        return Source(ClinicalRecord, at, mine, write, ClinicalRecord.recorded_at)

    # Rows as resources

    def _about(self, row: Any) -> About:
        is_ours = row.source == "here"
        author = self.staff(getattr(row, "author_ref", None) or getattr(row, "clinician_ref", None))
        visit_id = getattr(row, "visit_id", None)
        return About(row.id, row.version, row.patient_ref, visit_id, row.recorded_at if is_ours else None, author)

    def _patient(self, row: Patient) -> list[Resource]:
        said = open_payload(self.session, row)[0]
        born = said.get("birth_on")
        about = About(row.ref, row.version, row.ref)
        birth_on = date.fromisoformat(born) if born else None
        return [write_patient(self.frame, about, said.get("name", ""), said.get("sex", "unknown"), birth_on)]

    def _encounter(self, row: Visit) -> list[Resource]:
        said = open_payload(self.session, row)[0]
        sitting = self.sitting(row.session_id)
        department = Name(sitting.department.zh, sitting.department.en) if sitting else None
        written = write_encounter(
            self._about(row), row.state, said, row.started_at, row.finished_at,
            appointment=row.appointment_id, department=department,
        )  # fmt: skip
        return [written]

    def _observation(self, row: ClinicalRecord) -> list[Resource]:
        said = open_payload(self.session, row)[0]
        if results.is_held(said, self.now):
            return []
        about = self._about(row)
        return [write_observation(about, row.status, row.effective_at, said, is_of_report=row.report_id is not None)]

    def _report(self, row: ClinicalRecord) -> list[Resource]:
        said = open_payload(self.session, row)[0]
        if results.is_held(said, self.now):
            return []
        mine = select(ClinicalRecord.id).where(ClinicalRecord.report_id == row.id)
        measured = set(self.session.scalars(mine.where(ClinicalRecord.patient_ref == self.patient)))
        order = [ref for ref in said.get("order", ()) if ref in measured]
        order += sorted(measured.difference(order))
        return [write_report(self._about(row), row.status, row.effective_at, said, order)]

    def _prescription(self, row: ClinicalRecord) -> list[Resource]:
        said = open_payload(self.session, row)[0]
        return write_prescription(self.frame, self._about(row), row.status, row.effective_at, said)

    def _statement(self, row: ClinicalRecord) -> list[Resource]:
        said = open_payload(self.session, row)[0]
        return write_statement(self._about(row), row.status, row.effective_at, said)

    def _diagnosis(self, row: ClinicalRecord) -> list[Resource]:
        return [write_diagnosis(self._about(row), row.status, open_payload(self.session, row)[0])]

    def _problem(self, row: Problem) -> list[Resource]:
        at = row.recorded_at if row.recorded_at > NO_DAY else None  # what was loaded without a day
        return [write_problem(self._about(row), row.status, at, open_payload(self.session, row)[0])]

    def _allergy(self, row: ClinicalRecord) -> list[Resource]:
        said = open_payload(self.session, row)[0]
        return [write_allergy(self.frame, self._about(row), row.status, row.effective_at, said)]

    def _immunization(self, row: Immunization) -> list[Resource]:
        said = open_payload(self.session, row)[0]
        return [write_immunization(self.frame, self._about(row), row.status, row.given_at, said)]

    def _appointment(self, row: Appointment) -> list[Resource]:
        sitting = self.sitting(row.session_id)
        slot = self.session.get(Slot, row.slot_id) if row.slot_id else None
        is_over = row.state == "held" and row.held_until is not None and row.held_until <= self.now
        ends_at = slot.ends_at if slot else sitting.ends_at if sitting else row.starts_at
        doctor, department, room = (
            (Name(words.zh, words.en) for words in (sitting.doctor, sitting.department, sitting.room))
            if sitting
            else (None, None, None)
        )
        about = About(row.id, row.version, row.patient_ref, None, row.created_at, doctor)
        state = "expired" if is_over else row.state
        written = write_appointment(
            self.frame, about, state, row.starts_at, ends_at, slot=row.slot_id, cancelled_by=row.cancelled_by,
            department=department, room=room,
        )  # fmt: skip
        return [written]

    def _consent(self, row: Consent) -> list[Resource]:
        about = About(row.id, row.version, row.patient_ref)
        given = {"given_at": row.given_at, "withdrawn_at": row.withdrawn_at, "until_at": None, "purpose": row.purpose}
        return [write_consent(about, **given)]

    def _permit(self, row: Permit) -> list[Resource]:
        about = About(row.id, row.version, row.patient_ref)
        types = [kind for part in row.parts.split() for kind in PART_TYPES.get(Part(part), ())]
        to = self.staff(row.clinician_ref) or self._department(row.department_id)
        given = {
            "given_at": row.since_at,
            "withdrawn_at": row.withdrawn_at,
            "until_at": row.until_at,
            "purpose": row.purpose,
        }
        return [write_consent(about, **given, types=types, to=to)]

    def _app_grant(self, row: AppGrant) -> list[Resource]:
        about = About(row.id, row.version, row.patient_ref)
        given = {
            "given_at": row.given_at,
            "withdrawn_at": row.withdrawn_at,
            "until_at": row.until_at,
            "purpose": "app_access",
        }
        return [write_consent(about, **given, types=row.types.split(), to=self.app(row.app_id))]

    def _schedule(self, row: ClinicSession) -> list[Resource]:
        sitting = self.sitting(row.id)
        if sitting is None:
            return []
        names = [Name(words.zh, words.en) for words in (sitting.doctor, sitting.department, sitting.room)]
        return [write_schedule(row.id, *names, row.starts_at, row.ends_at, is_stopped=row.stopped_at is not None)]

    def _slot(self, row: Slot) -> list[Resource]:
        taken = self.session.scalar(
            select(is_taken(self.now))
            .select_from(Slot)
            .join(ClinicSession, ClinicSession.id == Slot.session_id)
            .where(Slot.id == row.id)
        )
        sitting = self.sitting(row.session_id)
        is_stopped = sitting is not None and sitting.is_stopped
        written = write_slot(
            row.id, row.session_id, row.starts_at, row.ends_at, is_free=not taken, is_stopped=is_stopped
        )
        return [written]

    # Names, read once

    def staff(self, ref: str | None) -> Name | None:
        return self._named("staff", ref, Staff)

    def app(self, ref: str | None) -> Name | None:
        return self._named("app", ref, SmartApp)

    def _department(self, ref: str | None) -> Name | None:
        return self._named("department", ref, Department)

    def _named(self, kind: str, ref: str | None, model: Any) -> Name | None:
        if not ref:
            return None
        if (kind, ref) not in self._names:
            row = self.session.get(model, ref)
            self._names[kind, ref] = Name(row.name_zh, row.name_en) if row else None
        return self._names[kind, ref]

    def sitting(self, ref: str | None) -> SessionView | None:
        """Return the sitting of a session's id, None where it is none."""
        if ref and ref not in self._sittings:
            self._sittings |= clinics.sessions(self.session, [ref])
        return self._sittings.get(ref or "")
