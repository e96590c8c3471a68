"""A generated population loads whole: nothing of it is broken, nobody is left out, and loading it again changes nothing."""

from __future__ import annotations

import gc
import json

import carebundle
import pytest
from sqlalchemy import select

from app import fhir_load
from app.domain.actor import SYSTEM
from app.domain.fhir.parse import Found
from app.models import ClinicalRecord, Event, ImportedResource, Patient, Problem, Visit
from app.services import fhir_import, versions
from app.services.fhir_gather import Group, gather
from tests.services.test_fhir_import import LI, VISIT, count

PEOPLE = 12


def test_a_generated_population_loads_whole_a_few_people_a_transaction(hospital, reading, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, bundle in enumerate(carebundle.generate_cohort(count=PEOPLE, seed=7)):
        (folder / f"{number}.json").write_text(carebundle.to_json(bundle))
    first = fhir_load.load(hospital, folder, "generated")
    assert first.broken == first.without_person == []
    assert first.count("new")["Patient"] == PEOPLE and first.count("new").total() > 40 * PEOPLE
    second = fhir_load.load(hospital, folder, "generated")
    assert second.count("new") == second.count("changed") == {}
    assert second.count("unchanged") == first.count("new") and count(reading, Patient) == PEOPLE


def test_of_a_loaded_person_every_row_is_named_by_the_imports_event(hospital, reading, tmp_path):
    (tmp_path / "one.json").write_text(carebundle.to_json(carebundle.generate_bundle(seed=3)))
    fhir_load.load(hospital, tmp_path / "one.json", "generated")
    with reading() as session:
        ref = session.scalars(select(Patient.ref)).one()
        rows = [*session.scalars(select(ClinicalRecord)), *session.scalars(select(Problem))]
        found = versions.of_rows(session, ref, rows)
    assert len(found) == len(rows) > 30 and all(v.event_id for v in found)


def test_a_portion_holds_what_it_may_and_a_person_of_more_is_one_by_itself():
    one = Found({"resourceType": "Condition"}, "Condition/1", "file")
    groups = [Group(str(n), None, [one] * size) for n, size in enumerate((100, 150, 400, 10, 10))]
    assert [[g.address for g in some] for some in fhir_load._portions(groups)] == [["0", "1"], ["2"], ["3", "4"]]


def prescription(number: int) -> dict[str, object]:
    return {
        "resourceType": "MedicationRequest", "id": f"m{number}", "status": "active", "subject": {"reference": "Patient/li"},
        "encounter": {"reference": "Encounter/e1"}, "authoredOn": "2025-06-01", "medicationCodeableConcept": {"text": "二甲双胍"},
    }  # fmt: skip


@pytest.mark.parametrize("again", [False, True])
def test_a_person_of_many_resources_asks_the_database_as_often_as_one_of_few(hospital, tmp_path, again):
    """What grows is how many rows one call brings, not how many calls there are."""
    few, many = (load_counted(hospital, tmp_path / str(size), size, again=again) for size in (5, 60))
    assert many <= few + 2


def load_counted(hospital, folder, size: int, *, again: bool) -> int:
    """Load a person with so many prescriptions and return how many statements SQLite was told in the transaction."""
    folder.mkdir()
    for number, resource in enumerate([LI, VISIT, *(prescription(n) for n in range(size))]):
        (folder / f"{number}.json").write_text(json.dumps(resource))
    source = folder.name
    if again:
        fhir_load.load(hospital, folder, source)
    batch = gather(folder)
    said: list[str] = []
    with hospital.writing_session() as session:
        driver = session.connection().connection.driver_connection
        driver.set_trace_callback(said.append)
        try:
            fhir_import.load_people(
                session, SYSTEM, [*batch.groups.values()], batch.index, hospital.clock(), source=source, refs=[""]
            )
        finally:
            driver.set_trace_callback(None)
    return len(
        [one for one in said if not one.startswith(("INSERT INTO clinical_record ", "INSERT INTO imported_resource "))]
    )


def test_a_run_that_breaks_in_the_middle_of_a_portion_leaves_nothing_of_it(hospital, reading, tmp_path, monkeypatch):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, bundle in enumerate(carebundle.generate_cohort(count=3, seed=11)):
        (folder / f"{number}.json").write_text(carebundle.to_json(bundle))
    real, calls = fhir_import.insert_first, []

    def full(session, rows):
        calls.append(rows)
        if len(calls) == 5:
            raise OSError("disk full")
        real(session, rows)

    monkeypatch.setattr(fhir_import, "insert_first", full)
    with pytest.raises(OSError, match="disk full"):
        fhir_load.load(hospital, folder, "generated")
    assert gc.isenabled()
    assert [count(reading, model) for model in (Patient, Visit, ClinicalRecord, ImportedResource, Event)] == [0] * 5
    monkeypatch.undo()
    assert fhir_load.load(hospital, folder, "generated").count("new")["Patient"] == 3
