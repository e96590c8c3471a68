"""A generated population loads whole: nothing of it is broken, nobody is left out, and loading it again changes nothing."""

from __future__ import annotations

import carebundle
from sqlalchemy import select

from app import fhir_load
from app.models import ClinicalRecord, Patient, Problem
from app.services import versions
from app.services.fhir_gather import Group
from tests.services.test_fhir_import import count

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
    groups = [Group(str(n), None, [None] * size) for n, size in enumerate((100, 150, 400, 10, 10))]  # type: ignore[list-item]
    assert [[g.address for g in some] for some in fhir_load._portions(groups)] == [["0", "1"], ["2"], ["3", "4"]]
