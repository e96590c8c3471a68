"""What this house writes as FHIR: read back it says the same, an outside judge finds nothing wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import fhirkit
import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.allergies import SUBSTANCES
from app.domain.fhir import read, read_lists
from app.domain.fhir.parse import BrokenFHIR, parse_file, parse_json
from app.domain.fhir.write import (
    APPOINTMENT_STATUS,
    About,
    Frame,
    Name,
    fhir_id,
    ref_of,
    write_appointment,
    write_encounter,
    write_patient,
    write_schedule,
    write_slot,
)
from app.domain.fhir.write_access import Seen, write_audit_event, write_consent, write_provenance
from app.domain.fhir.write_bundle import to_json, write_outcome, write_searchset
from app.domain.fhir.write_clinical import write_observation, write_prescription, write_report, write_statement
from app.domain.fhir.write_lists import write_allergy, write_diagnosis, write_immunization, write_problem
from app.domain.problems import VACCINES

MODULES = Path(__file__).parents[2] / "node_modules"  # npm, CC0, pinned
EXAMPLES = (MODULES / "hl7.fhir.r4.examples", MODULES / "hl7.fhir.uv.ips")
FRAME = Frame("https://hospital.example/fhir/R4", "hospital.example/log")
ABOUT = About("row_ref-000000000000000", 3, "patient_ref-00000000000")
AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def judged(resource: dict[str, Any]) -> dict[str, Any]:
    """Return the resource as it went over the wire, found right by two validators that nobody here wrote."""
    text = to_json(resource)
    assert [issue.message for issue in fhirkit.validate(text)] == []
    get_fhir_model_class(resource["resourceType"]).model_validate_json(text)
    return parse_json(text.encode())


def examples(*kinds: str) -> Iterator[Any]:
    """Yield HL7's examples of these types: those of FHIR R4, and those in the Bundles of the International Patient Summary."""
    names = tuple(f"{kind}-" for kind in kinds)
    for file in sorted(file for folder in EXAMPLES for file in folder.rglob("*.json")):
        if file.name.startswith(names) or (file.name.startswith("Bundle-") and file.is_relative_to(EXAMPLES[1])):
            try:
                held = parse_file(file.read_bytes(), file.name)
            except BrokenFHIR:
                continue
            for found in held:
                if not isinstance(found, BrokenFHIR) and found.type in kinds:
                    yield found.resource


def read_again(kind: str, resource: dict[str, Any]) -> tuple[Any, Any]:
    """Return what was read of a resource, and what is read of what we wrote of that."""
    if kind == "Observation":
        said = read.read_observation(resource)
        wire = judged(write_observation(ABOUT, said.status, said.effective_at, said.payload, is_of_report=False))
        return said, read.read_observation(wire)
    if kind == "DiagnosticReport":
        said = read.read_report(resource)
        return said, read.read_report(judged(write_report(ABOUT, said.status, said.effective_at, said.payload, [])))
    if kind == "MedicationRequest":
        said = read.read_prescription(resource, None)
        [wire] = [judged(one) for one in write_prescription(FRAME, ABOUT, said.status, said.effective_at, said.payload)]
        return said, read.read_prescription(wire, None)
    if kind == "MedicationStatement":
        said = read_lists.read_statement(resource, None)
        [wire] = [judged(one) for one in write_statement(ABOUT, said.status, said.effective_at, said.payload)]
        return said, read_lists.read_statement(wire, None)
    if kind == "Condition":
        listed = read_lists.read_condition(resource)
        return listed, read_lists.read_condition(judged(write_problem(ABOUT, listed.status, listed.at, listed.payload)))
    if kind == "AllergyIntolerance":
        said = read_lists.read_allergy(resource)
        wire = judged(write_allergy(FRAME, ABOUT, said.status, said.effective_at, said.payload))
        return said, read_lists.read_allergy(wire)
    if kind == "Immunization":
        listed = read_lists.read_immunization(resource)
        wire = judged(write_immunization(FRAME, ABOUT, listed.status, listed.at, listed.payload))
        return listed, read_lists.read_immunization(wire)
    visit = read.read_encounter(resource)
    written = write_encounter(ABOUT, visit.state, visit.payload, visit.started_at, visit.finished_at)
    return visit, read.read_encounter(judged(written))


KINDS = (
    "Observation", "DiagnosticReport", "MedicationRequest", "MedicationStatement", "Encounter", "Condition", "AllergyIntolerance",
    "Immunization",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_imported_is_exported_with_nothing_lost_that_we_keep(kind: str) -> None:
    count = 0
    for resource in examples(kind):
        if read_lists.is_absence(resource):
            continue
        before, after = read_again(kind, resource)
        assert asdict(after) == asdict(before), resource["id"]
        count += 1
    assert count > 2


def test_a_person_goes_out_with_name_sex_and_birth_date_and_without_document_and_phone() -> None:
    for resource in examples("Patient"):
        before = read.read_person(resource, AT.date())
        wire = judged(write_patient(FRAME, ABOUT, before.name, before.sex.value, before.birth_on))
        after = read.read_person(wire, AT.date())
        assert (after.name, after.sex, after.birth_on) == (before.name, before.sex, before.birth_on)
        assert after.phone is None and after.document is None


def test_a_number_keeps_the_places_that_it_was_measured_to() -> None:
    payload = {"code": "15074-8", "name_zh": "空腹血糖", "name_en": "Fasting glucose", "value": "6.10", "unit": "mmol/L", "low": "3.90",
               "high": "6.1", "flag": "N"}  # fmt: skip
    text = to_json(write_observation(ABOUT, "final", AT, payload, is_of_report=True))
    assert '"value":6.10,' in text and '"value":3.90,' in text
    assert judged(json.loads(text, parse_float=Decimal))["valueQuantity"]["code"] == "mmol/L"


def test_what_nobody_judged_is_not_made_a_number_beside_a_range() -> None:
    payload = {
        "code": "1-8",
        "name_zh": "甲",
        "name_en": "A",
        "value": "5",
        "unit": "",
        "low": "6",
        "high": None,
        "flag": None,
    }
    wire = judged(write_observation(ABOUT, "final", AT, payload, is_of_report=False))
    assert wire["valueString"] == "5" and read.read_observation(wire).payload["flag"] is None


def test_a_prescription_that_no_pharmacist_accepted_is_a_draft_to_the_outside() -> None:
    line = {"name": "阿莫西林", "dose": "0.5g", "frequency": "每日三次", "days": 7}
    statuses = {
        status: judged(write_prescription(FRAME, ABOUT, status, AT, {"lines": [line]})[0])["status"]
        for status in ("signed", "returned", "active", "dispensed", "whatever")
    }
    assert statuses == {
        "signed": "draft", "returned": "on-hold", "active": "active", "dispensed": "completed", "whatever": "unknown",
    }  # fmt: skip


def test_the_lines_of_a_prescription_are_requests_of_one_group() -> None:
    lines = [{"name": n, "dose": "1", "frequency": "", "days": None} for n in ("甲", "乙")]
    written = [judged(one) for one in write_prescription(FRAME, ABOUT, "active", AT, {"lines": lines})]
    assert [one["id"] for one in written] == ["row.ref-000000000000000.1", "row.ref-000000000000000.2"]
    assert {one["groupIdentifier"]["value"] for one in written} == {ABOUT.ref}


@settings(max_examples=50, deadline=None)
@given(st.text("abcXYZ019-_", min_size=22, max_size=22))
def test_every_reference_of_ours_is_a_fhir_id_and_comes_back(ref: str) -> None:
    assert ref_of(fhir_id(ref)) == ref
    assert judged({"resourceType": "Basic", "id": fhir_id(ref), "code": {"text": "x"}})["id"] == fhir_id(ref)


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "code": st.sampled_from(["", "718-7", "local"]),
            "name_zh": st.text('甲乙ab <>"\\', max_size=6).map(str.strip),
            "name_en": st.just("N"),
            "value": st.one_of(
                st.decimals(allow_nan=False, allow_infinity=False).map(str), st.text("<>=5.0x", max_size=5)
            ),
            "unit": st.sampled_from(["", "%", "mmHg", "drops"]),
            "low": st.sampled_from([None, "1.0"]),
            "high": st.sampled_from([None, "2.50"]),
            "flag": st.sampled_from([None, "L", "HH", "A"]),
        }
    )
)
def test_whatever_was_measured_is_written_as_fhir(payload: dict[str, Any]) -> None:
    wire = judged(write_observation(ABOUT, "final", AT, payload, is_of_report=False))
    again = read.read_observation(wire).payload
    assert again["value"] == (payload["value"] or "—")


def test_a_searchset_and_an_outcome_are_fhir() -> None:
    patient = write_patient(FRAME, ABOUT, "李明", "female", AT.date())
    bundle = judged(write_searchset(FRAME, [patient], [("self", f"{FRAME.base}/Patient")], total=1))
    assert bundle["entry"][0]["fullUrl"] == f"{FRAME.base}/Patient/{fhir_id(ABOUT.ref)}"
    assert "entry" not in judged(write_searchset(FRAME, [], [("self", f"{FRAME.base}/Patient")], total=0))
    assert judged(write_outcome("not-found", "没有找到", expression="Patient"))["issue"][0]["severity"] == "error"


HELD = About(
    "row_ref-000000000000000", 1, "patient_ref-00000000000", "visit_ref-0000000000000", AT, Name("陈大夫", "Dr Chen")
)


def test_lists_are_fhir_whatever_their_status() -> None:
    problem = {
        "code": "I10",
        "name_zh": "高血压",
        "name_en": "Hypertension",
        "note": "",
        "onset_on": "2019-05",
        "until_on": "2026-01-02",
    }
    for status in (
        "active",
        "recurrence",
        "relapse",
        "inactive",
        "remission",
        "resolved",
        "unknown",
        "entered-in-error",
    ):
        wire = judged(write_problem(HELD, status, AT, problem))
        assert ("clinicalStatus" in wire) == (status not in ("unknown", "entered-in-error"))
        assert ("abatementDateTime" in wire) == (status in ("inactive", "remission", "resolved"))  # con-4
    assert (
        judged(write_diagnosis(HELD, "signed", problem))["code"]["coding"][0]["system"]
        == "http://hl7.org/fhir/sid/icd-10"
    )
    for substance, (chinese, english, _group) in SUBSTANCES.items():
        said = {"substance": substance, "name_zh": chinese, "name_en": english, "note": "皮疹"}
        assert judged(write_allergy(FRAME, HELD, "signed", AT, said))["patient"]["reference"].startswith("Patient/")
    assert "clinicalStatus" not in judged(write_allergy(FRAME, HELD, "entered-in-error", AT, said))  # ait-2
    for vaccine, (chinese, english, cvx) in VACCINES.items():
        said = {"vaccine": vaccine, "name_zh": chinese, "name_en": english, "dose": "第1剂", "lot": "A1", "site": "左上臂", "place": "本院",
                "note": "没有不适"}  # fmt: skip
        codes = judged(write_immunization(FRAME, HELD, "completed", AT, said))["vaccineCode"].get("coding", [])
        assert [c["code"] for c in codes if c["system"].endswith("/cvx")] == ([cvx] if cvx else [])
    assert judged(write_immunization(FRAME, HELD, "not-done", None, said))["occurrenceString"] == "unknown"


def test_booking_is_fhir_and_tells_no_department_to_who_may_only_see_slots() -> None:
    for state, status in APPOINTMENT_STATUS.items():
        for slot in ("slot_ref-00000000000000", None):
            wire = judged(write_appointment(FRAME, HELD, state, AT, AT, slot=slot, cancelled_by="clinic", department=Name("心内科", "Cardiology")))  # fmt: skip
            assert wire["status"] == status and ("cancelationReason" in wire) == (status == "cancelled")
    schedule = judged(
        write_schedule("s" * 22, Name("陈", "Chen"), Name("心内科"), Name("1诊室"), AT, AT, is_stopped=False)
    )
    assert schedule["active"] is True
    statuses = [
        judged(write_slot("t" * 22, "s" * 22, AT, AT, is_free=f, is_stopped=x))["status"]
        for f, x in ((1, 0), (0, 0), (1, 1))
    ]
    assert statuses == ["free", "busy", "busy-unavailable"]


def test_consents_looks_and_receipts_are_fhir() -> None:
    app = Name("步数日记", "Step diary")
    given = {"given_at": AT, "until_at": AT, "purpose": "app_access", "types": ["Observation"], "to": app}
    assert judged(write_consent(HELD, withdrawn_at=None, **given))["status"] == "active"
    assert judged(write_consent(HELD, withdrawn_at=AT, **given))["status"] == "inactive"
    seen = Seen("0192f0a0-0000-7000-8000-000000000000", AT, "record.opened", HELD.patient, "staff", "doctor", HELD.author, b"\x01" * 33,
                [("Observation", HELD.ref, 3)], "treatment", "", "grant")  # fmt: skip
    audit = judged(write_audit_event(FRAME, seen))
    assert audit["outcome"] == "0" and audit["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"
    assert (
        judged(write_audit_event(FRAME, replace(seen, rule="not_found", targets=[], purpose="whatever")))["outcome"]
        == "4"
    )
    provenance = judged(write_provenance(FRAME, seen))
    assert provenance["target"] == [{"reference": f"Observation/{fhir_id(HELD.ref)}/_history/3"}]
    assert [one["what"]["identifier"]["value"] for one in provenance["entity"]] == [seen.id, "01" * 33]
