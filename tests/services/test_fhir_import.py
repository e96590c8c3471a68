"""Loading FHIR R4: what HL7 itself publishes as examples, hostile input, and a patient who reads what was loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app import fhir_load
from app.domain.actor import SYSTEM, Actor
from app.domain.documents import parse_resident_id
from app.domain.errors import NotFound
from app.fhir_load import Report
from app.models import ClinicalRecord, Event, ImportedResource, Patient, Visit
from app.services import accounts, events, identity, people, proofs, records
from app.services.fhir_gather import gather
from tests.people import LI_ID

EXAMPLES = Path(__file__).parents[2] / "node_modules" / "hl7.fhir.r4.examples"  # npm, CC0, pinned

LI: dict[str, Any] = {
    "resourceType": "Patient", "id": "li", "name": [{"family": "李", "given": ["明"]}], "gender": "male",
    "birthDate": "1990-03-07", "identifier": [{"value": LI_ID}], "telecom": [{"system": "phone", "value": "138 0013 8000"}],
}  # fmt: skip
VISIT: dict[str, Any] = {
    "resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"},
    "subject": {"reference": "Patient/li"}, "period": {"start": "2025-06-01T09:00:00+08:00", "end": "2025-06-01T09:20:00+08:00"},
    "reasonCode": [{"text": "复诊"}], "serviceProvider": {"display": "东方医院"},
}  # fmt: skip
GLUCOSE: dict[str, Any] = {
    "resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/li"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "15074-8", "display": "Glucose"}], "text": "血糖"},
    "effectiveDateTime": "2025-06-01", "valueQuantity": {"value": 7.20, "unit": "mmol/L"},
    "referenceRange": [{"low": {"value": 3.9}, "high": {"value": 6.1}}],
}  # fmt: skip
REPORT: dict[str, Any] = {
    "resourceType": "DiagnosticReport", "id": "r1", "status": "final", "subject": {"reference": "Patient/li"},
    "encounter": {"reference": "Encounter/e1"}, "code": {"text": "血糖检查"}, "issued": "2025-06-01T10:00:00+08:00",
    "result": [{"reference": "Observation/o1"}], "conclusion": "偏高",
}  # fmt: skip
PILLS: dict[str, Any] = {
    "resourceType": "MedicationRequest", "id": "m1", "status": "active", "subject": {"reference": "Patient/li"},
    "encounter": {"reference": "Encounter/e1"}, "authoredOn": "2025-06-01",
    "contained": [{"resourceType": "Medication", "id": "met", "code": {"text": "二甲双胍"}}],
    "medicationReference": {"reference": "#met"}, "dosageInstruction": [{"text": "每天两次，每次一片"}],
    "dispenseRequest": {"expectedSupplyDuration": {"value": 30, "code": "d"}},
}  # fmt: skip
WHOLE = [LI, VISIT, GLUCOSE, REPORT, PILLS]

Load = Callable[..., Report]


@pytest.fixture
def load(hospital, tmp_path) -> Load:
    """Write resources as files and load the folder: `load({name: resource or bytes})`."""
    folder = tmp_path / "fhir"

    def loader(*resources: dict[str, Any], source: str = "", **files: Any) -> Report:
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for number, resource in enumerate(resources):
            (folder / f"{number}.json").write_text(json.dumps(resource, ensure_ascii=False))
        for name, content in files.items():
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            (folder / name.replace("_", ".")).write_bytes(data)
        return fhir_load.load(hospital, folder, source)

    return loader


def whys(report: Report) -> list[str]:
    return [trouble.why for trouble in (*report.broken, *report.without_person)]


def count(reading, model: type) -> int:
    with reading() as session:
        return int(session.scalar(select(func.count()).select_from(model)))


def only_person(reading) -> str:
    with reading() as session:
        return str(session.scalars(select(Patient.ref)).one())


# HL7's own examples


def test_all_of_hl7s_examples_load_with_a_report_and_twice_changes_nothing(hospital, reading):
    first = fhir_load.load(hospital, EXAMPLES, "")
    assert first.count("new") == {
        "Patient": 52, "Encounter": 11, "Observation": 148, "DiagnosticReport": 12, "MedicationRequest": 41,
        "Condition": 16, "MedicationStatement": 8, "AllergyIntolerance": 6, "Immunization": 5,
    }  # fmt: skip
    assert (first.unverified, first.unusable_ids) == (52, 1)
    assert first.batch.unsupported["Practitioner"] == 76 and first.batch.unsupported["(no resourceType)"] == 1
    assert all(trouble.file and trouble.why for trouble in first.broken)
    before = {model: count(reading, model) for model in (Patient, Visit, ClinicalRecord, Event, ImportedResource)}

    second = fhir_load.load(hospital, EXAMPLES, "")

    assert second.count("new") == second.count("changed") == {}
    assert second.count("unchanged") == first.count("new")
    assert {model: count(reading, model) for model in before} == before
    with reading() as session:
        assert set(session.scalars(select(Event.type))) == {"record.imported"}


def test_the_chinese_example_with_seventeen_characters_is_kept_unverified(hospital, reading):
    report = fhir_load.load(hospital, EXAMPLES / "Patient-ch-example.json", "")
    assert (report.unverified, report.unusable_ids) == (1, 1)
    with reading() as session:
        who = identity.read_identity(session, session.scalars(select(Patient)).one())
        assert (who.name, who.number, who.phone, who.is_verified) == ("张无忌", "", "+8618337177888", False)
        assert who.birth_on == date(1974, 12, 25)
        event = session.scalars(select(Event)).one()
        assert events.read_event(session, event)[1]["detail"] == {"count": 1, "kept_unverified": 1}


# What is loaded, and what a patient reads of it


def test_a_claimed_patient_reads_what_was_imported_and_each_look_is_an_event(load, writing, reading, clock, ward):
    load(*WHOLE)
    ref = only_person(reading)
    with writing() as session:
        account = accounts.account_for_phone(session, "+8613912345678", clock())
        actor = Actor("patient", account, "patient", "sitting")
        document = parse_resident_id(LI_ID, date(2026, 3, 2))
        link = people.bind(session, actor, document, "李明", clock(), relation="self", has_consented=True)
    with writing() as session, pytest.raises(NotFound):
        records.list_visits(session, actor, ref, clock())  # pending: knowing the number opens nothing
    with writing() as session:
        code = proofs.issue_claim_code(session, ward.desk, ref, clock())
    with writing() as session:
        assert proofs.prove(session, actor, link, code, clock())
        (line,) = records.list_visits(session, actor, ref, clock())
        chart = records.open_visit(session, actor, line.id, clock())

    assert (line.source, chart.reason, chart.place) == ("import", "复诊", "东方医院")
    (report,) = chart.reports
    assert (report.title.zh, report.conclusion) == ("血糖检查", "偏高")
    value = report.measurements[0]
    assert (value.value, value.unit, value.reference, value.out_of_range) == ("7.2", "mmol/L", "3.9-6.1", "H")
    (pills,) = chart.prescriptions
    assert (pills.status, pills.lines[0].name, pills.lines[0].dose, pills.lines[0].days) == (
        "active", "二甲双胍", "每天两次，每次一片", 30,
    )  # fmt: skip
    with reading() as session:
        types = session.scalars(select(Event.type).where(Event.subject_ref == ref).order_by(Event.serial)).all()
    assert types == ["record.imported", "person.bind_requested", "claim_code.issued", "person.claimed", "record.opened"]


def test_an_account_that_bound_before_the_import_sees_none_of_the_past_through_it(load, ward, clock):
    li = ward.person("李明")
    with ward.house.reading_session() as session:
        number = identity.read_identity(session, session.get_one(Patient, li.ref)).number
    report = load({**LI, "identifier": [{"value": number}], "birthDate": None} | {"birthDate": ""}, VISIT, GLUCOSE)
    assert report.portions[0].person == li.ref
    assert ward.look(records.list_visits, li.actor, li.ref) == []
    assert ward.look(records.list_others, li.actor, li.ref) == []
    clock.now += timedelta(days=2)
    load({**GLUCOSE, "id": "o2", "effectiveDateTime": "2026-03-04T08:00:00+08:00"})
    assert [line.count for line in ward.look(records.list_others, li.actor, li.ref)] == [1]


def test_the_same_number_under_another_name_is_not_the_same_person(load, ward):
    li = ward.person("李明")
    with ward.house.reading_session() as session:
        number = identity.read_identity(session, session.get_one(Patient, li.ref)).number
    report = load({**LI, "name": [{"text": "王强"}], "identifier": [{"value": number}], "birthDate": ""})
    assert report.portions[0].person != li.ref and report.unverified == 1


def test_records_of_no_visit_stand_by_their_day(load, ward, reading):
    load(LI, GLUCOSE, {**GLUCOSE, "id": "o2", "effectiveDateTime": "2025-07"})
    ref = only_person(reading)
    with ward.house.writing_session() as session:
        actor = Actor("patient", accounts.account_for_phone(session, "+8613912345678", ward.now), "patient", "s")
        document = parse_resident_id(LI_ID, date(2026, 3, 2))
        link = people.bind(session, actor, document, "李明", ward.now, relation="self", has_consented=True)
        code = proofs.issue_claim_code(session, ward.desk, ref, ward.now)
        proofs.prove(session, actor, link, code, ward.now)
    lines = ward.look(records.list_others, actor, ref)
    assert [(line.day_on, line.count) for line in lines] == [(date(2025, 6, 1), 1), (None, 1)]
    chart = ward.do(records.open_others, actor, lines[0].id)
    assert (chart.state, len(chart.reports[0].measurements)) == ("other", 1)
    assert ward.types(ref)[-1] == "record.opened"


def test_a_changed_resource_is_a_new_version_with_an_event(load, reading):
    load(*WHOLE)
    report = load({**GLUCOSE, "status": "corrected", "valueQuantity": {"value": 6.9, "unit": "mmol/L"}})
    assert report.count("changed") == {"Observation": 1} and report.count("new") == {}
    with reading() as session:
        row = session.scalars(select(ClinicalRecord).where(ClinicalRecord.kind == "observation")).one()
        assert (row.version, row.status) == (2, "corrected")
        assert row.report_id is not None and row.visit_id is not None  # where it hangs is kept
        assert session.scalars(select(Event.type)).all() == ["record.imported"] * 2


def test_an_id_number_that_a_later_delivery_corrects_makes_the_person_claimable(load, reading, writing, clock):
    load({**LI, "identifier": [{"value": LI_ID[:-1]}]})
    report = load(LI)
    assert report.unverified == 0 and report.count("changed") == {"Patient": 1}
    with reading() as session:
        assert people.find_by_document(session, *_key(LI_ID)) == only_person(reading)


def _key(number: str) -> Any:
    document = parse_resident_id(number, date(2026, 3, 2))
    return document.kind, document.country, document.number


def test_another_person_under_a_known_address_is_refused(load, reading):
    load(*WHOLE)
    other = {**LI, "name": [{"text": "王强"}], "birthDate": "1961-01-01", "identifier": []}
    report = load(other, {**GLUCOSE, "id": "o9"})
    assert any("--source" in why for why in whys(report)) and report.count("new") == {}
    assert load(other, {**GLUCOSE, "id": "o9"}, source="另一家医院").count("new") == {"Patient": 1, "Observation": 1}


# Forms that files have


def test_bundles_with_urns_ndjson_and_single_resources_are_all_read(load, reading):
    urn = "urn:uuid:0f0e0d0c-0000-4000-8000-000000000001"
    bundle = {
        "resourceType": "Bundle", "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:2", "resource": {**GLUCOSE, "id": None, "subject": {"reference": urn}} | {"id": "x"}},
            {"fullUrl": urn, "resource": {**LI, "id": "y"}, "request": {"method": "POST", "url": "Patient"}},
            {"response": {"status": "201"}},
        ],
    }  # fmt: skip
    lines = b"\n".join(json.dumps({**GLUCOSE, "id": f"n{n}"}).encode() for n in range(3)) + b"\n\nnot json\n"
    report = load(LI, bundle_json=bundle, lines_ndjson=lines)
    assert report.count("new") == {"Patient": 2, "Observation": 4}
    assert whys(report) == ["line 5: not JSON: Expecting value at line 1"]


def test_components_are_several_values_of_one_record(load, reading):
    pressure = {
        "resourceType": "Observation", "id": "bp", "status": "final", "subject": {"reference": "Patient/li"},
        "code": {"text": "血压"}, "effectiveDateTime": "2025-06-01",
        "component": [
            {"code": {"text": "收缩压"}, "valueQuantity": {"value": 128, "unit": "mmHg"}},
            {"code": {"text": "舒张压"}, "valueQuantity": {"value": 84, "unit": "mmHg"}},
        ],
    }  # fmt: skip
    assert load(LI, pressure).count("new")["Observation"] == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"", "not JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"resourceType": "Patient", "resourceType": "Patient"}', "stands twice"),
        (b'{"resourceType": "Patient", "multipleBirthInteger": NaN}', "NaN"),
        (b'{"a":' * 3000 + b"1" + b"}" * 3000, "nested too deeply"),
        (b'{"a":' * 150 + b"1" + b"}" * 150, "nested too deeply"),
        (b'{"resourceType": "Observation", "valueQuantity": {"value": 1e999999999}}', "nobody measured"),
        (b'{"resourceType": "Patient", "id": "\\ud800"}', "surrogate"),
        (b'{"resourceType": "Patient", "id": "p", "name": [{"text": "a\\u0000b"}]}', "NUL"),
        (b'{"resourceType": "Patient", "id": "p", "\\u0000": 1}', "NUL"),
        (b'{"resourceType": "Patient", "id": "a\x00b"}', "control character"),
        (b'{"resourceType": "Bundle", "entry": {}}', "not a list"),
        (b'{"resourceType": "Bundle", "entry": [1]}', "entry[0]"),
        (b'{"resourceType": "Patient", "id": "p", "name": "Li"}', "name is not a list"),
        (b'{"resourceType": "Patient", "id": "p", "birthDate": "1990-02-31"}', "a date that is none"),
        (b'{"resourceType": "Patient", "id": "p", "gender": 1}', "gender is not a text"),
        (b'{"resourceType": "Patient", "id": "p", "contained": {}}', "contained is not a list"),
        (b'{"resourceType": "Observation", "id": "o", "subject": "Patient/li"}', "subject is not a Reference"),
    ],
)
def test_what_is_broken_is_named_with_its_reason_and_the_rest_is_loaded(load, content, why):
    report = load(LI, bad_json=content)
    assert [trouble.file for trouble in report.broken] == ["bad.json"] and why in report.broken[0].why
    assert report.count("new") == {"Patient": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"valueQuantity": {"value": "7.2"}},
        {"valueQuantity": [7.2]},
        {"effectiveDateTime": "yesterday"},
        {"effectiveDateTime": "0001-01-01T00:00:00+14:00"},
        {"referenceRange": [{"low": {"value": 9}, "high": {"value": 1}}]},
        {"component": [{"code": {"text": "x"}, "valueString": 5}]},
        {"status": None, "code": 7},
        {"encounter": ["Encounter/e1"]},
    ],
)
def test_a_record_with_a_field_of_another_type_is_left_out_and_said(load, change):
    report = load(LI, {**GLUCOSE, **change})
    assert len(report.broken) == 1 and report.broken[0].why.startswith("Observation: ")
    assert report.count("new") == {"Patient": 1}


def test_a_file_that_is_too_large_and_a_link_out_of_the_folder_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("app.services.fhir_gather.MOST_BYTES", 1000)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "big.json").write_bytes(b" " * 1001)
    (tmp_path / "secret.json").write_text(json.dumps(LI))
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    batch = gather(folder)
    assert [trouble.file for trouble in batch.broken] == ["big.json"] and batch.groups == {}


def test_a_record_whose_person_is_nowhere_is_counted_apart(load):
    report = load(
        {**GLUCOSE, "subject": {"reference": "Patient/nobody"}}, {**GLUCOSE, "id": "g", "subject": {"display": "x"}}
    )
    assert len(report.without_person) == 2 and report.broken == []


def test_a_phone_without_country_that_is_no_plain_mainland_mobile_is_not_put_on_file(load, reading):
    load(
        {
            **LI,
            "telecom": [
                {"system": "phone", "value": "1 (415) 555-1234"},
                {"system": "phone", "value": "(03) 5555 6473"},
            ],
        }
    )
    with reading() as session:
        assert identity.read_identity(session, session.scalars(select(Patient)).one()).phone == ""


def test_the_report_says_everything_and_no_value(load):
    report = load(*WHOLE, bad_json=b"{", notes_txt=b"x")
    said = "\n".join(fhir_load.say(report))
    assert "loaded: 5" in said and "broken: 1" in said and "(no JSON file)" in said
    assert "李" not in said and LI_ID not in said and "7.2" not in said


def test_nothing_about_a_person_lies_readable_in_the_database(load, var):
    load(*WHOLE)
    files = [file for file in var.rglob("*") if file.is_file()]
    stored = b"".join(file.read_bytes() for file in files)
    for secret in ("二甲双胍", "血糖检查", LI_ID, "东方医院", "Patient/li"):
        assert secret.encode() not in stored


def test_the_command_loads_a_file(app, tmp_path):
    file = tmp_path / "li.json"
    file.write_text(json.dumps(LI))
    result = app.test_cli_runner().invoke(args=["import-fhir", str(file)])
    assert result.exit_code == 0 and "loaded: 1 (1 Patient)" in result.output
    assert app.test_cli_runner().invoke(args=["import-fhir", str(tmp_path / "none")]).exit_code == 2


def test_the_actor_of_an_import_is_the_system(load, reading):
    load(LI)
    with reading() as session:
        own = events.read_event(session, session.scalars(select(Event)).one())[1]
    assert own["actor"] == {"kind": "system", "ref": SYSTEM.ref, "role": "system"}
