"""The International Patient Summary of one person: a FHIR document of what they chose to hand on.

For whoever shares (a SMART Health Link, a file):

    made = fhir_ips.bundle(session, frame, patient_ref, Chosen(results=(…), medications=True, …), now, document=share.id)
    to_json(made.resource)      what goes out; `app.domain.fhir.write_bundle.to_json`, because numbers keep their places
    made.rows                   the rows that were opened for it: the objects of the caller's event

The caller has decided access (`rights.see_health`, and its `since_at`), and records the disclosure with `made.rows`. The document is made
anew at each opening, so it says what is known then, and a result that the patient may not see yet is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.domain import clinical, prescribing
from app.domain.errors import NotFound
from app.domain.fhir import write_ips
from app.domain.fhir.write import Frame, Resource
from app.domain.fhir.write_ips import Section, as_taken, is_vital_sign, write_summary
from app.domain.problems import STATUSES
from app.models import Bound, ClinicalRecord, Immunization, Patient, Problem
from app.services.fhir_sources import Source, Sources

MOST = 200  # of each list, the newest
MOST_PRESCRIPTIONS = 60  # looked through for what is being taken


@dataclass(frozen=True)
class Chosen:
    """What the person wants in the summary. `results` are ids of reports (with their values) and of single measurements; None or
    nothing leaves the sections of results out. Medicines, allergies and problems that were not chosen stand as withheld: who
    reads the summary must not take the gap for "none"."""

    results: tuple[str, ...] | None = None
    medications: bool = False
    allergies: bool = False
    problems: bool = False
    immunizations: bool = False


@dataclass(frozen=True)
class Summary:
    """A document, and the rows that it says something of."""

    resource: Resource = field(repr=False)
    rows: tuple[Bound, ...]


def bundle(
    session: Session,
    frame: Frame,
    patient_ref: str,
    chosen: Chosen,
    now: datetime,
    *,
    document: str,
    since_at: datetime | None = None,
) -> Summary:
    """Return the summary as it is at `now`. `document` is what its ids are made from, a reference of this share alone: a later
    one of the same share has the same ids, another share's have nothing in common. `since_at`: nothing recorded before it.

    Ids among `chosen.results` that are not this person's, not there any more or not to be seen yet are passed over. Raises NotFound.
    """
    patient = session.get(Patient, patient_ref)
    if patient is None:
        raise NotFound()
    gathering = _Gathering(session, Sources(session, frame, patient_ref, now), since_at, now)
    rows: list[Bound] = [patient]
    sections = []
    for section, is_chosen, found in (
        *_problems(gathering, chosen),
        (write_ips.ALLERGIES, chosen.allergies, gathering.allergies() if chosen.allergies else []),
        (write_ips.MEDICATIONS, chosen.medications, gathering.medicines() if chosen.medications else []),
        (write_ips.IMMUNIZATIONS, chosen.immunizations, gathering.immunizations() if chosen.immunizations else []),
        *_results(gathering, chosen),
    ):
        rows += [row for row, _ in found]
        resources = [resource for _, resource in found]
        sections.append(replace(section, is_chosen=is_chosen, resources=resources))
    [its] = gathering.sources.of("Patient")[0].write(patient)
    return Summary(write_summary(document, its, sections, now), tuple(dict.fromkeys(rows)))


Found = list[tuple[Any, Resource]]  # rows, each with what it is written as


def _problems(gathering: _Gathering, chosen: Chosen) -> list[tuple[Section, bool, Found]]:
    found = gathering.problems() if chosen.problems else []
    present = [one for one in found if STATUSES.get(one[0].status, False)]
    past = [one for one in found if not STATUSES.get(one[0].status, False)]
    return [(write_ips.PROBLEMS, chosen.problems, present), (write_ips.PAST_PROBLEMS, bool(past), past)]


def _results(gathering: _Gathering, chosen: Chosen) -> list[tuple[Section, bool, Found]]:
    found = gathering.results(chosen.results) if chosen.results else []
    signs = [one for one in found if is_vital_sign(one[1])]
    others = [one for one in found if not is_vital_sign(one[1])]
    has_only_signs = bool(signs) and not others
    return [
        (write_ips.RESULTS, bool(chosen.results) and not has_only_signs, others),
        (write_ips.VITAL_SIGNS, bool(signs), signs),
    ]


class _Gathering:
    """Reads one person's rows, newest first, and writes them as resources."""

    def __init__(self, session: Session, sources: Sources, since_at: datetime | None, now: datetime) -> None:
        self.session = session
        self.sources = sources
        self.since_at = since_at
        self.now = now

    def problems(self) -> Found:
        # The list of problems, which is the second source of Conditions: what a single visit was for is no summary.
        [source] = [one for one in self.sources.of("Condition") if one.model is Problem]
        return self._written(source, Problem.status.not_in(clinical.VOID), limit=MOST)

    def allergies(self) -> Found:
        [source] = self.sources.of("AllergyIntolerance")
        return self._written(source, ClinicalRecord.status.not_in(clinical.VOID), limit=MOST)

    def immunizations(self) -> Found:
        [source] = self.sources.of("Immunization")
        return self._written(source, Immunization.status == "completed", limit=MOST)

    def medicines(self) -> Found:
        """Return each line that is being taken: of prescriptions in force whose days are not over, and what another house says
        is taken (the rule of `summary`)."""
        [requests], [statements] = self.sources.of("MedicationRequest"), self.sources.of("MedicationStatement")
        is_in_force = ClinicalRecord.status.in_(prescribing.IN_FORCE)
        found: Found = []
        for row, resource in self._written(requests, is_in_force, limit=MOST_PRESCRIPTIONS):
            until_at = _until(row.effective_at, resource)
            if until_at > self.now if until_at else row.status == "active":
                is_ours_to_come = row.source == "here" and row.status == prescribing.Status.ACTIVE
                found.append((row, as_taken(resource, is_handed_out=not is_ours_to_come, until_at=until_at)))
        stated = self._written(statements, ClinicalRecord.status == "active", limit=MOST_PRESCRIPTIONS)
        return found + stated

    def results(self, ids: Iterable[str]) -> Found:
        """Return the chosen reports and measurements, each report before its values."""
        chosen = set(ids)
        counts = ClinicalRecord.status.not_in(clinical.VOID)
        [reports], [measurements] = self.sources.of("DiagnosticReport"), self.sources.of("Observation")
        found = self._written(reports, counts, ClinicalRecord.id.in_(chosen), limit=MOST)
        whole = [row.id for row, _ in found]
        mine = ClinicalRecord.id.in_(chosen) | ClinicalRecord.report_id.in_(whole)
        return found + self._written(measurements, counts, mine, limit=None)

    def _written(self, source: Source, *where: ColumnElement[bool], limit: int | None) -> Found:
        query = select(source.model).where(*source.where, *where)
        if self.since_at is not None:
            query = query.where(source.recorded >= self.since_at)
        rows = self.session.scalars(query.order_by(source.at.desc().nulls_last(), source.key).limit(limit)).all()
        return [(row, resource) for row in rows for resource in source.write(row)]


def _until(begun_at: datetime | None, request: Resource) -> datetime | None:
    """Return when the days of a prescription's line are over; None where it does not say how many they are."""
    days = request.get("dispenseRequest", {}).get("expectedSupplyDuration", {}).get("value")
    return begun_at + timedelta(days=int(days)) if days and begun_at else None
