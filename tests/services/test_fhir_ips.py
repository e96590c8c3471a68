"""The patient summary: the structure of the published examples, only what was chosen, alone in the world, and read back as it was."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fhirkit
import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app import fhir_load
from app.domain import clinical
from app.domain.clinical import Kind
from app.domain.errors import NotFound
from app.domain.fhir.parse import BrokenFHIR, parse_file
from app.domain.fhir.write import About, Frame, Name, write_patient
from app.domain.fhir.write_bundle import to_json
from app.domain.fhir.write_clinical import write_observation, write_prescription, write_report
from app.domain.fhir.write_ips import (
    ALLERGIES,
    IMMUNIZATIONS,
    MEDICATIONS,
    PROBLEMS,
    PROFILES,
    RESULTS,
    VITAL_SIGNS,
    as_taken,
    write_summary,
)
from app.domain.fhir.write_lists import write_allergy, write_immunization, write_problem
from app.models import ClinicalRecord, Immunization, Patient, Problem
from app.services import lab, orders, pharmacy, records
from app.services.fhir_ips import Chosen, bundle
from app.services.sealing import open_payload
from tests.people import LI_ID
from tests.services.colleagues import hire
from tests.services.test_fhir_import import GLUCOSE, LI, PILLS, REPORT, VISIT, only_person
from tests.services.test_fhir_import import load as load
from tests.services.test_fhir_lists import FLU, PENICILLIN, PRESSURE, TAKES
from tests.services.test_records import begin

MODULES = Path(__file__).parents[2] / "node_modules"  # npm, CC0, pinned
IPS = MODULES / "hl7.fhir.uv.ips"
FRAME = Frame("https://hospital.example/fhir/R4")
AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
PULSE: dict[str, Any] = {
    "resourceType": "Observation", "id": "o2", "status": "final", "subject": {"reference": "Patient/li"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}], "text": "心率"},
    "effectiveDateTime": "2025-06-01", "valueQuantity": {"value": 72, "unit": "/min"},
}  # fmt: skip
PAST: dict[str, Any] = {
    **PRESSURE, "id": "c2", "clinicalStatus": {"coding": [{"code": "resolved"}]}, "code": {"text": "阑尾炎"},
    "onsetDateTime": "2001", "abatementDateTime": "2001-05",
}  # fmt: skip
NOW_PILLS = {**PILLS, "authoredOn": "2026-02-20"}  # thirty days of them
EVERYTHING = (LI, VISIT, GLUCOSE, REPORT, PULSE, NOW_PILLS, TAKES, PRESSURE, PAST, PENICILLIN, FLU)
ALL = {"medications": True, "allergies": True, "problems": True, "immunizations": True}


@pytest.fixture
def of(reading, clock):
    """Return what goes out of a person's summary, judged: `of(chosen, patient_ref)`."""

    def made(chosen: Chosen, patient_ref: str = "", **named: Any) -> dict[str, Any]:
        with reading() as session:
            ref = patient_ref or session.scalars(select(Patient.ref)).one()
            summary = bundle(session, FRAME, ref, chosen, clock(), document="share", **named)
            return judged(to_json(summary.resource))

    return made


def judged(text: str) -> dict[str, Any]:
    """Return a bundle that two outside validators find right, whose profiles' required elements are there, whose references lead
    within it, and whose narratives are XHTML."""
    assert [issue.message for issue in fhirkit.validate(text)] == []
    get_fhir_model_class("Bundle").model_validate_json(text)
    document: dict[str, Any] = json.loads(text)
    urls = [entry["fullUrl"] for entry in document["entry"]]
    assert len(set(urls)) == len(urls) and all(url.startswith("urn:uuid:") for url in urls)
    assert set(named_in(document)) <= set(urls)
    reached = {urls[0], *named_in(document)}
    assert reached == set(urls), "an entry that nothing refers to"
    for entry in document["entry"]:
        get_fhir_model_class(entry["resource"]["resourceType"]).model_validate(entry["resource"])
        assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"
        assert missing(entry["resource"]) == []
    assert missing(document) == []
    for code, (reason, types) in sections(document).items():
        assert bool(reason) != bool(types) and set(types) <= allowed()[code]
    for narrative in narratives(document):
        root = ElementTree.fromstring(narrative["div"])  # noqa: S314, we wrote it
        assert root.tag == "{http://www.w3.org/1999/xhtml}div" and "".join(root.itertext()).strip()
    return document


@cache
def profile_at(url: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((IPS / f"StructureDefinition-{url.rpartition('/')[2]}.json").read_text())
    return found


@cache
def allowed() -> dict[str, set[str]]:
    """Return which types the profile of the Composition lets stand in each section, by the section's code."""
    elements = profile_at(f"{PROFILES}/Composition-uv-ips")["differential"]["element"]
    by_id = {element["id"]: element for element in elements}
    found = {}
    for name, element in by_id.items():
        section, _, last = name.rpartition(".")
        if last == "code" and section.startswith("Composition.section:"):
            [code] = element["patternCodeableConcept"]["coding"]
            targets = [url for kind in by_id[f"{section}.entry"].get("type", ()) for url in kind["targetProfile"]]
            found[code["code"]] = {url.rpartition("/")[2] for url in targets}
    return found


def missing(resource: dict[str, Any]) -> list[str]:
    """Return what the profiles that a resource claims ask for and it lacks: the elements of their first level."""
    found = []
    for url in resource.get("meta", {}).get("profile", ()):
        profile = profile_at(url)
        assert profile["url"] == url and profile["type"] == resource["resourceType"]
        for element in profile["differential"]["element"]:
            name = element["id"].partition(".")[2]
            if element.get("min", 0) and name and "." not in name and ":" not in name:
                stem = name.removesuffix("[x]")
                held = [key for key in resource if key.lstrip("_").startswith(stem)]
                found += [] if held else [name]
    return found


def named_in(value: Any) -> Iterator[str]:
    """Yield every literal reference."""
    if isinstance(value, list):
        for one in value:
            yield from named_in(one)
    elif isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for one in value.values():
            yield from named_in(one)


def narratives(document: dict[str, Any]) -> list[dict[str, Any]]:
    composition = document["entry"][0]["resource"]
    return [composition["text"], *(section["text"] for section in composition["section"])]


def sections(document: dict[str, Any]) -> dict[str, tuple[str, list[str]]]:
    """Return each section's reason for being empty and the types of its entries, by code."""
    types = {}
    for entry in document["entry"]:
        resource = entry["resource"]
        types[entry["fullUrl"]] = types[f"{resource['resourceType']}/{resource['id']}"] = resource["resourceType"]
    return {
        section["code"]["coding"][0]["code"]: (
            section.get("emptyReason", {}).get("coding", [{}])[0].get("code", ""),
            [types[entry["reference"]] for entry in section.get("entry", ())],
        )
        for section in document["entry"][0]["resource"]["section"]
    }


def published() -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted((IPS / "example").glob("Bundle-*.json"))]


def ids(reading, *kinds: Kind) -> tuple[str, ...]:
    with reading() as session:
        wanted = [kind.value for kind in kinds]
        return tuple(session.scalars(select(ClinicalRecord.id).where(ClinicalRecord.kind.in_(wanted))))


def test_it_has_the_structure_of_the_published_examples(load, reading, of):
    load(*EVERYTHING)
    document = of(Chosen(results=ids(reading, Kind.REPORT, Kind.OBSERVATION), **ALL))
    examples = published()
    assert len(examples) == 5
    theirs: dict[str, set[str]] = {}
    for example in examples:
        for code, (_, types) in sections(example).items():
            theirs.setdefault(code, set()).update(types)
    ours = sections(document)
    assert set(ours) == {"11450-4", "11348-0", "48765-2", "10160-0", "11369-6", "30954-2", "8716-3"} <= set(theirs)
    for code, (reason, types) in ours.items():
        assert types and not reason
        # A report that the person chose comes as such beside its values: the profile of the section names it.
        assert set(types) <= theirs[code] | ({"DiagnosticReport"} if code == "30954-2" else set()), code
    everywhere = set.intersection(*(set(example) for example in examples))
    assert everywhere - {"id"} <= set(document)
    composed = set.intersection(*(set(example["entry"][0]["resource"]) for example in examples))
    # Nobody looked the summary over, and it replaces none: it claims neither.
    assert composed - {"attester", "relatesTo"} <= set(document["entry"][0]["resource"])
    assert document["meta"] == {"profile": examples[0]["meta"]["profile"]}
    composition = document["entry"][0]["resource"]
    assert composition["type"] == examples[0]["entry"][0]["resource"]["type"]
    assert [entry["resource"]["resourceType"] for entry in document["entry"]][:3] == ["Composition", "Patient", "Organization"]  # fmt: skip
    with_all = Counter(entry["resource"]["resourceType"] for entry in document["entry"])
    assert with_all["Medication"] == 2 and with_all["MedicationStatement"] == 2 and with_all["Observation"] == 2


def test_of_a_person_of_whom_nothing_is_recorded_the_required_sections_say_so(load, of):
    load(LI)
    [without_info] = [one for one in published() if one["identifier"]["value"].startswith("59f51f0b")]
    theirs = {code: reason for code, (reason, _) in sections(without_info).items() if reason}
    document = of(Chosen(**ALL))
    assert {code: reason for code, (reason, _) in sections(document).items() if code != "11369-6"} == theirs
    assert set(theirs.values()) == {"unavailable"}
    assert {entry["resource"]["resourceType"] for entry in document["entry"]} == {"Composition", "Patient", "Organization"}  # fmt: skip


@pytest.mark.parametrize("part", sorted(ALL))
def test_only_what_was_chosen_is_in_it_and_a_gap_is_said_to_be_one(load, of, part):
    words = {"medications": "二甲双胍", "allergies": "青霉素过敏", "problems": "高血压", "immunizations": "流感疫苗"}
    codes = {"medications": "10160-0", "allergies": "48765-2", "problems": "11450-4", "immunizations": "11369-6"}
    load(*EVERYTHING)
    document = of(Chosen(**{part: True}))
    text = json.dumps(document, ensure_ascii=False)
    assert [name for name, word in words.items() if word in text] == [part]
    assert "血糖" not in text and "心率" not in text
    found = sections(document)
    assert found[codes[part]][1]
    required = {codes[name] for name in ("medications", "allergies", "problems")} - {codes[part]}
    assert [found[code] for code in required] == [("withheld", [])] * len(required)
    assert set(found) - required <= {codes[part], "11348-0"}


def test_of_results_only_those_chosen_go_out_and_those_of_others_never(load, reading, of):
    other = {**LI, "id": "other", "identifier": [], "name": [{"text": "旁人"}]}
    foreign = {**GLUCOSE, "id": "o9", "subject": {"reference": "Patient/other"}, "code": {"text": "别人的结果"}}
    load(*EVERYTHING, other, foreign)
    with reading() as session:
        rows = session.scalars(select(ClinicalRecord).where(ClinicalRecord.kind == "observation")).all()
        named = {open_payload(session, row)[0]["name_zh"]: row for row in rows}
        li = named["心率"].patient_ref
    both = (named["心率"].id, named["别人的结果"].id)
    document = of(Chosen(results=both), li)
    text = json.dumps(document, ensure_ascii=False)
    assert sections(document)["8716-3"] == ("", ["Observation"]) and "30954-2" not in sections(document)
    assert "别人的结果" not in text and "血糖" not in text
    # A value alone comes without its report; the report brings its values.
    assert sections(of(Chosen(results=(named["血糖"].id,)), li))["30954-2"] == ("", ["Observation"])
    whole = sections(of(Chosen(results=ids(reading, Kind.REPORT)), li))
    assert whole["30954-2"] == ("", ["DiagnosticReport", "Observation"])
    assert sections(of(Chosen(results=(named["别人的结果"].id,)), li))["30954-2"] == ("unavailable", [])


def test_nothing_in_it_leads_back_into_the_house(load, reading, clock, of):
    load(*EVERYTHING)
    chosen = Chosen(results=ids(reading, Kind.REPORT, Kind.OBSERVATION), **ALL)
    text = json.dumps(of(chosen))
    with reading() as session:
        refs = [only_person(reading)]
        refs += [row.id for model in (ClinicalRecord, Problem, Immunization) for row in session.scalars(select(model))]
        again = bundle(session, FRAME, refs[0], chosen, clock() + timedelta(hours=1), document="share").resource
        other = bundle(session, FRAME, refs[0], chosen, clock(), document="another").resource
        assert len(bundle(session, FRAME, refs[0], chosen, clock(), document="share").rows) == len(refs)
    for ref in (*refs, LI_ID, "13800138000"):
        assert ref not in text and ref.replace("_", ".") not in text
    once = json.loads(text)
    assert [entry["fullUrl"] for entry in once["entry"]] == [entry["fullUrl"] for entry in again["entry"]]
    assert once["identifier"] != again["identifier"]  # another document, of the same things
    assert not {entry["fullUrl"] for entry in once["entry"]} & {entry["fullUrl"] for entry in other["entry"]}


def test_words_that_look_like_markup_stay_words(load, of):
    text = '<script src="x">&\u0001\ufffe</script>]]>'
    load(LI, {**PENICILLIN, "code": {"text": text}})
    document = of(Chosen(allergies=True))
    [div] = [section["text"]["div"] for section in document["entry"][0]["resource"]["section"] if "entry" in section]
    assert "&lt;script src=&quot;x&quot;&gt;&amp;&lt;/script&gt;]]&gt;" in div and "<script" not in div


def test_what_a_guardian_may_not_see_is_not_in_what_they_hand_on(load, of, clock):
    load(*EVERYTHING)
    later = of(Chosen(**ALL), since_at=clock() + timedelta(days=1))
    assert {reason for reason, _ in sections(later).values()} == {"unavailable"}


def test_it_is_of_somebody(reading, clock):
    with reading() as session, pytest.raises(NotFound):
        bundle(session, FRAME, "nobody", Chosen(), clock(), document="share")


def test_medicines_are_those_taken_now_and_one_not_handed_out_yet_is_intended(ward, of, clock):
    li = ward.person("李明")
    visit, _ = begin(ward, li)
    pharmacist = hire(ward, "pharmacist")
    line = clinical.PrescriptionLine("氨氯地平 5mg", "1 片", "每天一次", 7)
    signed = ward.do(records.sign, ward.chen, visit, Kind.PRESCRIPTION, clinical.prescription([line]))

    def taken() -> list[tuple[str, str]]:
        found = of(Chosen(medications=True), li.ref)["entry"]
        statements = [
            entry["resource"] for entry in found if entry["resource"]["resourceType"] == "MedicationStatement"
        ]
        return [(one["status"], one["medicationReference"]["display"]) for one in statements]

    assert taken() == []  # no pharmacist has looked at it
    ward.do(pharmacy.accept, pharmacist, signed)
    assert taken() == [("intended", "氨氯地平 5mg")]
    ward.do(pharmacy.dispense, pharmacist, signed)
    assert taken() == [("active", "氨氯地平 5mg")]
    clock.now += timedelta(days=8)
    assert taken() == []


def test_a_result_that_the_doctor_is_to_say_first_goes_out_after_it_is_theirs_to_see(ward, reading, of, clock):
    li = ward.person("李明")
    visit, _ = begin(ward, li)
    scientist = hire(ward, "lab")
    for panel, value in (("20507-0", "positive"), ("15074-8", "5.10")):
        order = ward.do(orders.place, ward.chen, visit, [panel])
        ward.do(lab.collect, scientist, order)
        values = {panel: value}
        ward.do(lambda s, a, now, o=order, v=values: lab.sign(s, a, o, v, now, is_final=True), scientist)
    chosen = Chosen(results=ids(reading, Kind.REPORT, Kind.OBSERVATION))
    text = json.dumps(of(chosen, li.ref), ensure_ascii=False)
    assert sections(json.loads(text))["30954-2"] == ("", ["DiagnosticReport", "Observation"])
    assert '"value": 5.1' in text and "Reagin" not in text
    clock.now += timedelta(days=3)
    assert "Reagin" in json.dumps(of(chosen, li.ref), ensure_ascii=False)


def test_what_goes_out_of_every_published_person_comes_in_again_as_it_was(hospital, reading, clock, of, tmp_path):
    first, again = tmp_path / "examples", tmp_path / "again"
    first.mkdir()
    again.mkdir()
    kinds = (
        "Patient",
        "Observation",
        "DiagnosticReport",
        "Condition",
        "AllergyIntolerance",
        "Immunization",
        "Medication",
    )
    for file in (MODULES / "hl7.fhir.r4.examples").glob("*.json"):
        if file.name.startswith(tuple(f"{kind}-" for kind in kinds)):
            shutil.copy(file, first)
    for file in (IPS / "example").glob("Bundle-*.json"):
        shutil.copy(file, first)
    fhir_load.load(hospital, first, "")
    before = facts(reading)
    chosen = Chosen(results=ids(reading, Kind.REPORT, Kind.OBSERVATION), **ALL)
    for number, ref in enumerate(sorted(before)):
        text = json.dumps(of(chosen, ref), ensure_ascii=False)
        assert not [one for one in parse_file(text.encode(), "") if isinstance(one, BrokenFHIR)]
        with reading() as session:  # numbers as they go out, not as Python reads them
            (again / f"{number}.json").write_text(
                to_json(bundle(session, FRAME, ref, chosen, clock(), document=str(number)).resource)
            )

    report = fhir_load.load(hospital, again, "again")

    assert [trouble.why for trouble in report.broken] == [] and report.count("changed") == {}
    after = {ref: said for ref, said in facts(reading).items() if ref not in before}
    assert sum(map(len, before.values())) > 100 and len(before) > 20
    assert sorted(map(sorted, after.values())) == sorted(map(sorted, before.values()))


def facts(reading) -> dict[str, list[str]]:
    """Return what a summary is to say of each person, in words that do not depend on ids."""
    found: dict[str, list[str]] = {}
    with reading() as session:
        for patient in session.scalars(select(Patient)):
            said = open_payload(session, patient)[0]
            found[patient.ref] = [spelled("person", said.get("name"), said.get("sex"), said.get("birth_on"))]
        for row in session.scalars(select(ClinicalRecord).where(ClinicalRecord.status.not_in(clinical.VOID))):
            content = open_payload(session, row)[0]
            if row.kind == Kind.PRESCRIPTION and row.status != "active":
                continue  # not taken now
            content.pop("order", None)
            is_of_report = row.report_id is not None
            found[row.patient_ref].append(spelled(row.kind, row.status, row.effective_at, is_of_report, content))
        for problem in session.scalars(select(Problem).where(Problem.status.not_in(clinical.VOID))):
            content = open_payload(session, problem)[0]
            found[problem.patient_ref].append(spelled(problem.status, problem.recorded_at, content))
        for given in session.scalars(select(Immunization).where(Immunization.status == "completed")):
            found[given.patient_ref].append(spelled(given.given_at, open_payload(session, given)[0]))
    return found


def spelled(*parts: Any) -> str:
    return json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12)
ABOUT = About("row_ref-000000000000000", 3, "patient_ref-00000000000", "visit_ref-000000000000", author=Name("陈大夫"))


@given(st.lists(TEXTS, min_size=5, max_size=5), st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
@settings(max_examples=25, deadline=None)
def test_whatever_is_recorded_and_whatever_is_chosen_it_is_a_document_that_stands_alone(
    texts, recorded, chosen
) -> None:
    one, two, three, four, five = (" ".join(text.split()) or "甲" for text in texts)
    loaded = {"code": two, "system": "urn:x", "name_zh": one, "name_en": one, "note": three}
    measured = {"code": "1-8", "name_zh": one, "name_en": two, "value": three, "unit": four, "low": None, "high": "5", "flag": "H"}  # fmt: skip
    line = {"name": one, "dose": two, "frequency": three, "days": 5}
    [request] = write_prescription(FRAME, ABOUT, "active", AT, {"lines": [line]})
    given_now = {"vaccine": "other", "name_zh": one, "name_en": "", "dose": two, "lot": three, "site": four, "place": five, "note": ""}  # fmt: skip
    written = (
        write_problem(ABOUT, "active", AT, {**loaded, "onset_on": four, "until_on": ""}),
        write_allergy(FRAME, ABOUT, "active", None, {**loaded, "substance": "other", "reactions": four, "status": "active"}),
        as_taken(request, is_handed_out=True, until_at=AT),
        write_immunization(FRAME, ABOUT, "completed", None, given_now),
        write_observation(ABOUT, "final", None, measured, is_of_report=True),
        write_report(ABOUT, "final", None, {"title_zh": one, "conclusion": two}, [ABOUT.ref]),
    )  # fmt: skip
    kinds = (PROBLEMS, ALLERGIES, MEDICATIONS, IMMUNIZATIONS, VITAL_SIGNS, RESULTS)
    sections_given = [
        replace(kind, is_chosen=number in chosen, resources=[written[number]] if number in recorded else [])
        for number, kind in enumerate(kinds)
    ]
    patient = write_patient(FRAME, replace(ABOUT, ref=ABOUT.patient), five, "female", None)
    document = judged(to_json(write_summary("share", patient, sections_given, AT)))
    held = {entry["resource"]["resourceType"] for entry in document["entry"]}
    assert [written[number]["resourceType"] in held for number in sorted(recorded)] == [
        number in chosen for number in sorted(recorded)
    ]
    assert "visit" not in json.dumps(document) and "patient.ref" not in json.dumps(document)
