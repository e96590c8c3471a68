"""Loading what stands beside visits and results: conditions, allergies, immunizations, documents, the patient summary."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import fhir_load
from app.models import ClinicalRecord, Document, DocumentContent, Immunization, KeptVersion, Patient, Problem
from app.services import lists, versions
from app.services.sealing import open_payload
from tests.papers import PDF, PNG
from tests.services.test_fhir_import import LI, VISIT, count, only_person, whys
from tests.services.test_fhir_import import load as load

IPS = Path(__file__).parents[2] / "node_modules" / "hl7.fhir.uv.ips"  # npm, CC0, pinned
OF_LI = {"reference": "Patient/li"}
STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"
PRESSURE: dict[str, Any] = {
    "resourceType": "Condition", "id": "c1", "subject": OF_LI, "encounter": {"reference": "Encounter/e1"},
    "clinicalStatus": {"coding": [{"system": STATUS, "code": "active"}]},
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I10"}], "text": "高血压"},
    "onsetDateTime": "2019-05", "recordedDate": "2025-06-01",
}  # fmt: skip
PENICILLIN: dict[str, Any] = {
    "resourceType": "AllergyIntolerance", "id": "a1", "patient": OF_LI, "criticality": "high",
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "91936005"}], "text": "青霉素过敏"},
    "reaction": [{"manifestation": [{"text": "皮疹"}], "description": "服药后一小时"}],
}  # fmt: skip
FLU: dict[str, Any] = {
    "resourceType": "Immunization", "id": "i1", "patient": OF_LI, "status": "completed", "lotNumber": "A123",
    "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "88"}], "text": "流感疫苗"},
    "occurrenceDateTime": "2024-10-08", "protocolApplied": [{"doseNumberPositiveInt": 1}],
}  # fmt: skip
SCAN: dict[str, Any] = {
    "resourceType": "DocumentReference", "id": "d1", "subject": OF_LI, "status": "current", "date": "2025-06-01T10:00:00+08:00",
    "context": {"encounter": [{"reference": "Encounter/e1"}]}, "type": {"coding": [{"system": "http://loinc.org", "code": "18842-5"}]},
    "content": [{"attachment": {"title": "出院小结", "contentType": "application/pdf", "data": base64.b64encode(PDF).decode()}}],
}  # fmt: skip
TAKES: dict[str, Any] = {
    "resourceType": "MedicationStatement", "id": "s1", "subject": OF_LI, "status": "active",
    "medicationCodeableConcept": {"text": "氨氯地平"}, "effectivePeriod": {"start": "2024-01-01"},
    "dosage": [{"text": "每天一片"}],
}  # fmt: skip
ALL = [LI, VISIT, PRESSURE, PENICILLIN, FLU, SCAN, TAKES]


def test_each_becomes_its_row_with_what_it_says(load, reading):
    assert load(*ALL).broken == []
    with reading() as session:
        problem = lists.read_problem(session, session.scalars(select(Problem)).one())
        assert (problem.code, problem.name.zh, problem.onset, problem.status) == ("I10", "高血压", "2019-05", "active")
        assert session.scalars(select(Problem)).one().visit_id is not None
        flu = lists.read_immunization(session, session.scalars(select(Immunization)).one())
        assert (flu.name.zh, flu.dose, flu.lot, flu.status) == ("流感疫苗", "1", "A123", "completed")
        paper = lists.read_document(session, session.scalars(select(Document)).one())
        assert (paper.title, paper.kind.en, paper.media_type) == ("出院小结", "Discharge summary", "application/pdf")
        content = open_payload(session, session.scalars(select(DocumentContent)).one())[0]
        assert base64.b64decode(content["base64"]) == PDF
        by_kind = {row.kind: open_payload(session, row)[0] for row in session.scalars(select(ClinicalRecord))}
        allergy = by_kind["allergy"]
        assert (allergy["substance"], allergy["severity"], allergy["reactions"]) == (
            "penicillin",
            "high",
            "皮疹；服药后一小时",
        )
        assert by_kind["prescription"]["lines"][0]["dose"] == "每天一片"


def test_the_same_again_changes_nothing_and_a_change_keeps_what_was(load, reading):
    load(*ALL)
    again = load(*ALL)
    assert again.count("new") == again.count("changed") == {}
    resolved = {**PRESSURE, "clinicalStatus": {"coding": [{"code": "resolved"}]}, "abatementDateTime": "2025-12-01"}
    assert load(LI, VISIT, resolved).count("changed") == {"Condition": 1}
    with reading() as session:
        row = session.scalars(select(Problem)).one()
        found = versions.of_rows(session, only_person(reading), [row])
        assert [(v.number, v.projection["status"]) for v in found] == [(2, "resolved"), (1, "active")]
        assert all(v.event_id for v in found)


def test_other_bytes_are_another_document_and_the_one_before_stays_as_superseded(load, reading):
    load(LI, SCAN)
    attachment = {**SCAN["content"][0]["attachment"], "data": base64.b64encode(PNG).decode()}
    load(LI, {**SCAN, "content": [{"attachment": attachment}]})
    with reading() as session:
        rows = session.scalars(select(Document)).all()
        assert {row.status: open_payload(session, row)[0]["media_type"] for row in rows} == {
            "superseded": "application/pdf", "current": "image/png",
        }  # fmt: skip
    assert count(reading, KeptVersion) == 1


def test_a_document_may_lie_in_a_binary_of_the_same_run(load, reading):
    binary = {
        "resourceType": "Binary",
        "id": "b1",
        "contentType": "application/pdf",
        "data": base64.b64encode(PDF).decode(),
    }
    reference = {**SCAN, "content": [{"attachment": {"url": "Binary/b1", "title": "x"}}]}
    assert load(LI, reference, binary).count("new") == {"Patient": 1, "DocumentReference": 1}


@pytest.mark.parametrize(
    ("attachment", "why"),
    [
        ({"url": "https://elsewhere.example/scan.pdf"}, "its content is in no file"),
        ({"data": "not base64!"}, "data is not base64"),
        ({"data": base64.b64encode(b"<script>alert(1)</script>").decode(), "contentType": "application/pdf"}, "neither PDF"),
        ({"data": base64.b64encode(PDF + bytes(5 * 1024 * 1024)).decode()}, "larger"),
        ({"data": 7}, "data is not a text"),
    ],
)  # fmt: skip
def test_a_document_that_is_none_is_named_and_the_rest_is_loaded(load, attachment, why):
    report = load(LI, {**SCAN, "content": [{"attachment": attachment}]}, FLU)
    assert any(why in one for one in whys(report)), whys(report)
    assert report.count("new") == {"Patient": 1, "Immunization": 1}


def test_that_nothing_is_known_is_no_allergy(load, reading):
    system = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
    nothing = {**PENICILLIN, "code": {"coding": [{"system": system, "code": "no-known-allergies"}]}}
    assert load(LI, nothing).count("absent") == {"AllergyIntolerance": 1}
    assert count(reading, ClinicalRecord) == 0


def test_what_was_refuted_or_entered_in_error_does_not_count(load, reading):
    refuted = {**PENICILLIN, "verificationStatus": {"coding": [{"code": "refuted"}]}}
    wrong = {**PRESSURE, "verificationStatus": {"coding": [{"code": "entered-in-error"}]}}
    load(LI, VISIT, refuted, wrong)
    with reading() as session:
        assert session.scalars(select(Problem.status)).all() == ["entered-in-error"]
        assert session.scalars(select(ClinicalRecord.status)).all() == ["refuted"]


def test_hl7s_patient_summaries_load_and_twice_changes_nothing(hospital, reading):
    first = fhir_load.load(hospital, IPS, "ips")
    assert first.count("new") == {
        "Observation": 32, "Immunization": 12, "Patient": 8, "Condition": 8, "MedicationStatement": 7,
        "AllergyIntolerance": 6, "DiagnosticReport": 1, "MedicationRequest": 1,
    }  # fmt: skip
    assert first.without_person == [] and first.batch.unsupported["Composition"] == 6
    assert {trouble.file.split("/")[-1] for trouble in first.broken} == {
        "Bundle-IPS-examples-Bundle-with-immunization.json",  # gives other content the addresses of Bundle-01
        "Bundle-bundle-ips-all-sections.json",  # a document whose bytes are elsewhere
    }
    second = fhir_load.load(hospital, IPS, "ips")
    assert second.count("new") == second.count("changed") == {} and count(reading, Patient) == 8
