"""What was loaded goes out as FHIR and comes in again as it was: nothing is lost that docs/fhir.md does not list."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import fhirkit
from sqlalchemy import select

from app import fhir_load
from app.domain.fhir.write import Frame
from app.domain.fhir.write_bundle import to_json, write_searchset
from app.domain.smart import TYPES
from app.models import ClinicalRecord, Immunization, Patient, Problem, Visit
from app.services.fhir_read import OF_THE_HOUSE
from app.services.fhir_sources import Sources
from app.services.sealing import open_payload

MODULES = Path(__file__).parents[2] / "node_modules"  # npm, CC0, pinned
LOADED = (
    "Patient", "Encounter", "Observation", "DiagnosticReport", "MedicationRequest", "MedicationStatement", "Medication", "Condition",
    "AllergyIntolerance", "Immunization",
)  # fmt: skip
FRAME = Frame("https://hospital.example/fhir/R4")


def test_hl7s_examples_go_out_and_come_in_again_as_they_were(hospital, reading, clock, tmp_path):
    first, again = tmp_path / "examples", tmp_path / "again"
    first.mkdir()
    again.mkdir()
    for file in (MODULES / "hl7.fhir.r4.examples").glob("*.json"):
        if file.name.startswith(tuple(f"{kind}-" for kind in LOADED)):
            shutil.copy(file, first)
    for file in (MODULES / "hl7.fhir.uv.ips").rglob("Bundle-*.json"):
        shutil.copy(file, first)
    fhir_load.load(hospital, first, "")
    before = people(reading)
    with reading() as session:
        for number, ref in enumerate(sorted(before)):
            sources = Sources(session, FRAME, ref, clock())
            resources = [
                resource
                for kind in TYPES
                if kind not in OF_THE_HOUSE
                for source in sources.of(kind) if kind not in ("AuditEvent", "Provenance")
                for row in session.scalars(select(source.model).where(*source.where))
                for resource in source.write(row)
            ]  # fmt: skip
            text = to_json(write_searchset(FRAME, resources, []))
            assert [issue.message for issue in fhirkit.validate(text)] == []
            (again / f"{number}.json").write_text(text)

    report = fhir_load.load(hospital, again, "again")

    assert [trouble.why for trouble in report.broken] == [] and report.count("changed") == {}
    after = {ref: said for ref, said in people(reading).items() if ref not in before}
    assert len(after) == len(before) > 30
    lost = Counter(one for said in before.values() for one in said) - Counter(
        one for said in after.values() for one in said
    )
    come = Counter(one for said in after.values() for one in said) - Counter(
        one for said in before.values() for one in said
    )
    assert sum(len(said) for said in before.values()) > 200
    assert (lost, come) == (Counter(), Counter())
    # Each person has what they had, whoever they are.
    assert Counter(tuple(sorted(said)) for said in before.values()) == Counter(
        tuple(sorted(said)) for said in after.values()
    )


def people(reading) -> dict[str, list[str]]:
    """Return what is held of each person, without what names it here: refs, and the order of a report's values by their refs."""
    found: dict[str, list[str]] = {}
    with reading() as session:
        for patient in session.scalars(select(Patient)):
            said = open_payload(session, patient)[0]
            found[patient.ref] = [spelled("patient", {name: said.get(name) for name in ("name", "sex", "birth_on")})]
        for row in session.scalars(select(Visit)):
            found[row.patient_ref].append(
                spelled("visit", row.state, row.started_at, row.finished_at, open_payload(session, row)[0])
            )
        for row in session.scalars(select(ClinicalRecord)):
            content = open_payload(session, row)[0]
            if "order" in content:
                content["order"] = len(content["order"])
            hangs = (row.visit_id is not None, row.report_id is not None)
            found[row.patient_ref].append(spelled(row.kind, row.status, row.effective_at, hangs, content))
        for model, at in ((Problem, "recorded_at"), (Immunization, "given_at")):
            for row in session.scalars(select(model)):
                content = open_payload(session, row)[0]
                found[row.patient_ref].append(spelled(model.__tablename__, row.status, getattr(row, at), content))
    return found


def spelled(*parts: Any) -> str:
    return json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
