"""However much one person brings, a transaction of an import is bounded, a run that was stopped goes on, and nothing is seen in half."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app import fhir_load
from app.domain.fhir.parse import Found, Index
from app.models import ClinicalRecord, Event, Patient, Visit
from app.services import fhir_import
from app.services.fhir_gather import Group
from app.services.fhir_portions import DOCUMENT_WEIGHT, cut, weight
from app.services.sealing import open_payload
from tests.services.test_fhir_import import GLUCOSE, LI, PILLS, REPORT, VISIT

VISITS, VALUES = 9, 4
MOST = 12


def of_visit(number: int) -> list[dict[str, Any]]:
    """A visit with a report of VALUES values, a value by itself and a prescription: 8 resources."""
    at = {"encounter": {"reference": f"Encounter/e{number}"}}
    named = [f"o{number}-{n}" for n in range(VALUES)]
    return [
        {**VISIT, "id": f"e{number}"},
        {**REPORT, **at, "id": f"r{number}", "result": [{"reference": f"Observation/{one}"} for one in named]},
        *({**GLUCOSE, "id": one} for one in named),
        {**GLUCOSE, **at, "id": f"alone{number}"},
        {**PILLS, **at, "id": f"m{number}"},
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One person with VISITS visits, mixed up: values far from the reports that name them."""
    found = tmp_path / "in"
    found.mkdir()
    everything = [LI, *(one for number in range(VISITS) for one in of_visit(number))]
    lines = [json.dumps(one, ensure_ascii=False) for one in sorted(everything, key=lambda one: one["id"][::-1])]
    (found / "all.ndjson").write_text("\n".join(lines))
    return found


@pytest.fixture
def sizes(monkeypatch) -> list[int]:
    """How many resources each transaction held."""
    found: list[int] = []
    load_people = fhir_import.load_people

    def counted(session: Any, actor: Any, groups: Any, *args: Any, **how: Any) -> Any:
        found.append(sum((group.patient is not None) + len(group.others) for group in groups))
        return load_people(session, actor, groups, *args, **how)

    monkeypatch.setattr(fhir_import, "load_people", counted)
    return found


def shape(reading: Any) -> list[tuple[str, str | None, str, int]]:
    """Return each record's kind, the place of its visit, the title of its report, and how many values that has."""
    with reading() as session:
        rows = list(session.scalars(select(ClinicalRecord)))
        visits = set(session.scalars(select(Visit.id)))
        assert all(row.visit_id in visits for row in rows)
        reports = {row.id: open_payload(session, row)[0] for row in rows if row.kind == "report"}
        named = {row.id: reports[row.report_id] if row.report_id else {} for row in rows}
        return sorted(
            (row.kind, row.visit_id and "visit", str(said.get("title_zh", "")), len(said.get("order", ())))
            for row in rows
            if (said := named[row.id]) is not None
        )


def test_one_persons_many_records_load_in_bounded_transactions_as_if_in_one(
    hospital, reading, folder, sizes, monkeypatch
):
    monkeypatch.setattr(fhir_load, "MOST_TOGETHER", MOST)
    report = fhir_load.load(hospital, folder, "x")
    assert report.broken == report.without_person == []
    assert max(sizes) <= MOST and len(sizes) >= VISITS and sum(sizes) == 1 + 8 * VISITS
    whole = {"Patient": 1, "Encounter": VISITS, "DiagnosticReport": VISITS, "MedicationRequest": VISITS}
    assert report.count("new") == {**whole, "Observation": VISITS * (VALUES + 1)}
    kinds = [one for one in shape(reading) if one[2]]
    assert kinds == [("observation", "visit", "血糖检查", VALUES)] * VISITS * VALUES
    with reading() as session:
        assert set(session.scalars(select(Event.type))) == {"record.imported"}
        assert len(session.scalars(select(Patient.ref)).all()) == 1
    again = fhir_load.load(hospital, folder, "x")
    assert again.count("new") == again.count("changed") == {} and again.unverified == 0
    assert again.count("unchanged") == report.count("new")


class Stopped(Exception):
    pass


@pytest.mark.parametrize("after", [1, 4])
def test_a_run_that_is_stopped_shows_whole_visits_only_and_goes_on(hospital, reading, folder, monkeypatch, after):
    monkeypatch.setattr(fhir_load, "MOST_TOGETHER", MOST)

    def stop(done: int, _total: int) -> None:
        if done == after:
            raise Stopped

    with pytest.raises(Stopped):
        fhir_load.load(hospital, folder, "x", stop)
    with reading() as session:
        visits = list(session.scalars(select(Visit.id)))
        rows = list(session.scalars(select(ClinicalRecord)))
    assert 0 < len(visits) < VISITS
    for visit in visits:  # a report, its values, a value by itself, a prescription
        assert len([row for row in rows if row.visit_id == visit]) == 1 + VALUES + 2
    fhir_load.load(hospital, folder, "x")
    assert len([one for one in shape(reading) if one[2]]) == VISITS * VALUES


def test_between_two_portions_the_hospital_goes_on(hospital, folder, ward, monkeypatch):
    """The gate is free: whoever waits for it is next."""
    monkeypatch.setattr(fhir_load, "MOST_TOGETHER", MOST)
    held: list[int] = []

    def somebody_comes(done: int, total: int) -> None:
        if done < total:
            held.append(len(ward.waiting()))

    fhir_load.load(hospital, folder, "x", somebody_comes)
    assert len(held) >= VISITS - 1


def test_a_visit_of_more_than_a_portion_is_cut_but_no_report_from_its_values(
    hospital, reading, tmp_path, sizes, monkeypatch
):
    monkeypatch.setattr(fhir_load, "MOST_TOGETHER", MOST)
    many = [{**GLUCOSE, "id": f"s{n}", "encounter": {"reference": "Encounter/e1"}} for n in range(30)]
    named = [{**GLUCOSE, "id": f"o{n}"} for n in range(20)]
    big = {**REPORT, "result": [{"reference": f"Observation/o{n}"} for n in range(20)]}
    (tmp_path / "big.ndjson").write_text("\n".join(map(json.dumps, [*many, *named, big, VISIT, LI])))
    report = fhir_load.load(hospital, tmp_path / "big.ndjson", "x")
    assert report.broken == report.without_person == []
    assert sorted(sizes)[-1] == 21 and sorted(sizes)[-2] <= MOST
    with reading() as session:
        rows = list(session.scalars(select(ClinicalRecord)))
        [visit] = session.scalars(select(Visit.id))
    assert {row.visit_id for row in rows} == {visit} and sum(row.report_id is not None for row in rows) == 20


def test_what_hangs_on_a_broken_patient_is_said_so_in_every_portion(hospital, folder, monkeypatch):
    monkeypatch.setattr(fhir_load, "MOST_TOGETHER", MOST)
    file = folder / "all.ndjson"
    file.write_text(file.read_text().replace('"birthDate": "1990-03-07"', '"birthDate": 7'))
    report = fhir_load.load(hospital, folder, "x")
    assert [trouble.why.partition(":")[0] for trouble in report.broken] == ["Patient"]
    assert len(report.without_person) == 8 * VISITS
    assert all(trouble.why.endswith("its Patient is broken") for trouble in report.without_person)


def found(kind: str, number: int, **fields: Any) -> Found:
    return Found({"resourceType": kind, "id": str(number), **fields}, f"{kind}/{number}", "file")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(("Observation", "Encounter", "Condition", "DocumentReference")), st.integers(0, 5)), max_size=40),
    st.lists(st.lists(st.integers(0, 39), max_size=5), max_size=6),
    st.integers(1, 30),
)  # fmt: skip
def test_nothing_is_lost_or_doubled_and_no_report_is_cut(some, reports, most):
    others = [found(kind, n, encounter={"reference": f"Encounter/{visit}"}) for n, (kind, visit) in enumerate(some)]
    others += [
        found("DiagnosticReport", n, result=[{"reference": f"Observation/{one}"} for one in named])
        for n, named in enumerate(reports)
    ]
    index = Index()
    for one in others:
        index.add(one)
    patient = found("Patient", 1)
    portions = cut(Group("Patient/1", patient, others), index, most)
    assert sorted(id(one) for part in portions for one in part.others) == sorted(map(id, others))
    assert [part.patient for part in portions] == [patient, *[None] * (len(portions) - 1)]
    assert [part.is_rest for part in portions] == [False, *[True] * (len(portions) - 1)]
    place = {one.address: n for n, part in enumerate(portions) for one in part.others}
    for one in others:
        if one.type == "DiagnosticReport":
            values = {place[r["reference"]] for r in one.resource["result"] if r["reference"] in place}
            assert values <= {place[one.address]}
    for part in portions:
        assert weight(part.others) <= max(most, DOCUMENT_WEIGHT) or any(
            o.type == "DiagnosticReport" for o in part.others
        )
