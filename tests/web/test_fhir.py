"""The FHIR door: what an application that was let in reads, and what nobody else does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import fhirkit
import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain import clinical, problems
from app.domain.clinical import Kind
from app.domain.fhir.search import COMMON, PARAMETERS
from app.domain.fhir.write import fhir_id
from app.domain.smart import TYPES
from app.services import people, queueing, records
from app.services.problems import record_immunization, record_problem
from tests.smart import BASE, App


@pytest.fixture
def li(ward) -> Any:
    return ward.person("李明")


@pytest.fixture
def visit(ward, li) -> str:
    """A finished visit of Li's, in which everything was written that can be."""
    ward.waiting(ward.expert, li)
    ticket = ward.do(queueing.call_next, ward.chen, ward.expert).id
    visit_id = str(ward.do(queueing.start, ward.chen, ticket))
    lines = [clinical.prescription_line(name, "5mg", "每日一次", "14") for name in ("氨氯地平片", "阿司匹林")]
    for kind, payload in (
        (Kind.DIAGNOSIS, clinical.diagnosis("I10")),
        (Kind.PRESCRIPTION, clinical.prescription(lines)),
        (Kind.ALLERGY, clinical.allergy("penicillin", "皮疹")),
        (Kind.ADVICE, clinical.advice("少吃盐")),
    ):
        ward.do(records.sign, ward.chen, visit_id, kind, payload)
    values = [clinical.observation("15074-8", "6.10"), clinical.observation("8480-6", "151")]
    ward.do(records.sign_results, ward.chen, visit_id, "血糖", "Glucose", values)
    today = ward.now.date()
    ward.do(record_problem, ward.chen, visit_id, problems.problem("E11.9", onset="2019-05-01", today_on=today))
    ward.do(record_immunization, ward.chen, visit_id, problems.immunization("influenza", "第1剂"), ward.now)
    ward.do(queueing.finish, ward.chen, ticket)
    return visit_id


@pytest.fixture
def diary(app, ward, doors, li, visit) -> App:
    """An application that Li let read everything."""
    found = App(app, ward).register()
    return found.redeem(found.let_in(doors.phone(li), li.ref))


def read_events(ward, ref: str) -> list[dict[str, Any]]:
    return [own for kind, own in ward.events(ref) if kind == "app.read"]


def test_every_type_is_there_and_two_outside_judges_find_nothing_wrong(diary):
    seen = set()
    for kind in PARAMETERS:
        for path in (kind, f"{kind}/{first['id']}" if (first := next(iter(diary.all(kind)), None)) else ""):
            if path:
                response = diary.get(path)
                assert response.content_type == "application/fhir+json; charset=utf-8"
                assert [issue.message for issue in fhirkit.validate(response.text)] == []
                get_fhir_model_class(response.json["resourceType"]).model_validate_json(response.text)
                seen.add(response.json["resourceType"])
    assert seen == {*TYPES, "Bundle"} - {"MedicationStatement"}  # which another house says, in what is loaded


def test_what_was_written_is_read_with_its_places_and_codes(diary, visit):
    measured = {one["code"]["coding"][0]["code"]: one for one in diary.all("Observation")}
    assert '"value":6.10' in diary.get(f"Observation/{measured['15074-8']['id']}").text
    assert measured["15074-8"]["valueQuantity"]["code"] == "mmol/L"
    assert measured["8480-6"]["interpretation"][0]["coding"][0]["code"] == "H"
    [report] = diary.all("DiagnosticReport")
    assert [r["reference"] for r in report["result"]] == [
        f"Observation/{measured[c]['id']}" for c in ("15074-8", "8480-6")
    ]
    assert report["encounter"]["reference"] == f"Encounter/{fhir_id(visit)}"
    assert {(c["code"]["coding"][0]["code"], c["category"][0]["coding"][0]["code"]) for c in diary.all("Condition")} == {
        ("I10", "encounter-diagnosis"), ("E11.9", "problem-list-item"),
    }  # fmt: skip
    assert {m["status"] for m in diary.all("MedicationRequest")} == {"draft"}  # no pharmacist has accepted it
    assert diary.all("AllergyIntolerance")[0]["code"]["text"] == "青霉素类"
    assert diary.all("Immunization")[0]["vaccineCode"]["coding"][1]["code"] == "88"


def test_every_read_stands_in_the_persons_log_once_with_the_grant_and_the_applications_name(diary, ward, li, doors):
    diary.get("Observation")
    diary.get("Observation?_sort=date")
    events = read_events(ward, li.ref)
    assert [own["detail"] for own in events] == [{"app": "步数日记", "count": 2}]
    assert (
        events[0]["actor"] == {"kind": "app", "ref": diary.id, "role": "app"} and events[0]["purpose"] == "app_access"
    )
    assert events[0]["consent"].startswith("app_grant:") and {o["type"] for o in events[0]["objects"]} == {"record.v1"}
    diary.get("AllergyIntolerance?code=none-such")  # that there is nothing is an answer too
    assert [o["type"] for o in read_events(ward, li.ref)[1]["objects"]] == ["app_grant.v1"]
    ward.clock.now += timedelta(minutes=16)
    diary.get("Observation")
    assert len(read_events(ward, li.ref)) == 3
    page = doors.phone(li).get("/receipts?side=look").text
    assert "应用读取了病历" in page and "步数日记" in page


def test_what_is_of_the_house_is_read_without_an_event(diary, ward, li):
    before = len(ward.events(li.ref))
    [sitting] = [one for one in diary.all("Schedule") if one["actor"][0]["display"] == "陈大夫"]
    slots = diary.all(f"Slot?schedule=Schedule/{sitting['id']}&_count=5")
    assert slots and {s["schedule"]["reference"] for s in slots} == {f"Schedule/{sitting['id']}"}
    assert [s["start"] for s in slots] == sorted(s["start"] for s in slots)
    assert len(ward.events(li.ref)) == before


SEARCHES = [
        ("Observation?code=15074-8", 1), ("Observation?code=http://loinc.org|15074-8", 1), ("Observation?code=|15074-8", 0),
        ("Observation?code=http://loinc.org|", 2), ("Observation?code=x,15074-8", 1), ("Observation?code=15074-8&code=8480-6", 0),
        ("Observation?category=vital-signs", 1), ("Observation?category=laboratory", 1), ("Observation?status=final", 2),
        ("Observation?status=preliminary", 0), ("Observation?date=2026-03-02", 2), ("Observation?date=ne2026-03-02", 0),
        ("Observation?date=2026-03", 2), ("Observation?date=2026", 2), ("Observation?date=ge2026-03-02T10:00:00%2B08:00", 2),
        ("Observation?date=gt2026-03-02", 0), ("Observation?date=lt2026-03-02", 0), ("Observation?date=ge2026-03-01&date=lt2026-03-03", 2),
        ("Observation?date=sa2026-03-01", 2), ("Observation?date=eb2026-03-03", 2), ("Observation?date=ap2026-03-02", 2),
        ("Observation?date=2020,2026-03-02", 2), ("Condition?category=problem-list-item", 1), ("Condition?clinical-status=active", 2),
        ("MedicationRequest?status=draft", 2), ("MedicationRequest?authoredon=2025", 0), ("Encounter?status=finished", 1),
        ("Encounter?class=AMB", 1), ("Appointment?status=fulfilled", 1), ("Immunization?vaccine-code=88", 1),
        ("AllergyIntolerance?category=medication", 1), ("Consent?status=active", 2), ("Schedule?active=true", 3),
        ("DiagnosticReport?_format=json", 1), ("Patient?_id=none", 0), ("AuditEvent?outcome=4", 0),
]  # fmt: skip


def test_a_search_finds_what_it_asks_for(diary):
    found = {query: diary.get(query).json for query, _count in SEARCHES}
    assert {query: (b.get("total"), len(b.get("entry", ()))) for query, b in found.items()} == {
        query: (count, count) for query, count in SEARCHES
    }


def test_pages_lead_on_to_the_end_and_hold_everything_once(diary):
    whole = [one["id"] for one in diary.all("MedicationRequest")] + [one["id"] for one in diary.all("Provenance")]
    for sort in ("", "&_sort=authoredon"):
        found = [one["id"] for one in diary.all(f"MedicationRequest?_count=1{sort}")]
        assert sorted(found) == sorted(whole[:2]) and len(set(found)) == 2
    assert [one["id"] for one in diary.all("Provenance?_count=3")] == whole[2:]
    first = diary.get("Provenance?_count=3").json
    assert "total" not in first and len(first["entry"]) == 3


def test_a_page_goes_on_from_nothing_that_is_gone(diary):
    response = diary.get("Observation?_cursor=AAAAAAAAAAAAAAAAAAAAAA")
    assert (response.status_code, response.json["issue"][0]["code"]) == (410, "expired")


def test_provenance_names_the_receipt_and_the_entry_in_the_ledger(diary, ward, li):
    [report] = diary.all("DiagnosticReport")
    [signed] = diary.all(f"Provenance?target=DiagnosticReport/{report['id']}")
    receipt, entry = (one["what"]["identifier"]["value"] for one in signed["entity"])
    assert signed["id"] == receipt and len(entry) == 66 and entry.startswith("01")
    assert signed["agent"][0]["who"]["display"] == "陈大夫"
    assert {t["reference"].split("/")[0] for t in signed["target"]} == {"DiagnosticReport", "Observation"}


def test_etags_spare_what_the_client_has(diary):
    [report] = diary.all("DiagnosticReport")
    first = diary.get(f"DiagnosticReport/{report['id']}")
    assert first.headers["ETag"] == 'W/"1"'
    again = diary.get(f"DiagnosticReport/{report['id']}", If_None_Match='W/"1"')
    assert (again.status_code, again.text) == (304, "")
    assert diary.get(f"DiagnosticReport/{report['id']}", If_None_Match='W/"0"').status_code == 200


def test_the_parameters_may_stand_in_the_body(diary, app):
    headers = {"Authorization": f"Bearer {diary.token}"}
    client = app.test_client()
    bundle = client.post("/fhir/R4/Observation/_search", data={"code": "15074-8"}, headers=headers)
    assert bundle.status_code == 200 and bundle.json["total"] == 1
    assert client.post("/fhir/R4/Observation/_search", json={"code": "x"}, headers=headers).status_code == 415


# Refusals


REFUSALS: list[tuple[str, dict[str, str], int, str]] = [
        ("Observation?nonsense=1", {}, 400, "not-supported"), ("Observation?code:text=x", {}, 400, "not-supported"),
        ("Patient?name=李", {}, 400, "not-supported"), ("Patient?birthdate=1990", {}, 400, "not-supported"),
        ("Patient?identifier=1", {}, 400, "not-supported"), ("Observation?date=yesterday", {}, 400, "invalid"),
        ("Observation?date=2026-13-01", {}, 400, "invalid"), ("Observation?_count=0", {}, 400, "invalid"),
        ("Observation?_count=-1", {}, 400, "invalid"), ("Observation?_sort=code", {}, 400, "not-supported"),
        ("Observation?code=", {}, 400, "invalid"), ("Observation?_count=1&_count=2", {}, 400, "invalid"),
        ("Observation?_include=*", {}, 400, "not-supported"), ("Observation?patient=a_b", {}, 400, "invalid"),
        ("Observation?_format=xml", {}, 406, "not-supported"), ("Observation", {"Accept": "application/xml"}, 406, "not-supported"),
        ("Observation/none-such", {}, 404, "not-found"), ("Observation/a_b", {}, 404, "not-found"), ("Group", {}, 404, "not-supported"),
        ("Group/1", {}, 404, "not-supported"), ("Observation?patient=Patient/other", {}, 403, "forbidden"),
        ("Observation", {"Authorization": "Bearer nonsense-nonsense-nonsense"}, 401, "login"),
        ("Observation", {"Authorization": ""}, 401, "login"), ("Observation", {"Authorization": "Basic YTpi"}, 401, "login"),
        ("nowhere/at/all/x", {}, 404, "not-found"), ("Observation", {"Sec-Purpose": "prefetch"}, 403, "forbidden"),
]  # fmt: skip


def test_every_refusal_is_an_outcome(diary):
    for path, headers, status, code in REFUSALS:
        response = diary.get(path, **headers)
        assert (response.status_code, response.json["issue"][0]["code"]) == (status, code), (path, response.text)
        assert [issue.message for issue in fhirkit.validate(response.text)] == []
        assert response.mimetype == "application/fhir+json"
        assert ("WWW-Authenticate" in response.headers) == (status == 401)


def test_a_refusal_speaks_to_whoever_writes_the_program(diary, app):
    """What a page says to a person (sign in, go back, ask the desk) would mislead here."""
    english = {"Accept_Language": "en"}
    said = {
        path: diary.get(path, **english, **headers).json["issue"][0]["details"]["text"]
        for path, headers in (
            ("Condition?date=2026", {}), ("Observation?patient=other", {}), ("Observation/none-such", {}),
            ("Observation", {"Accept": "application/xml"}), ("Encounter", {"Authorization": "Bearer " + "x" * 30}),
        )
    }  # fmt: skip
    assert "recorded-date" in said["Condition?date=2026"]  # the parameters that there are
    assert "did not allow" in said["Observation?patient=other"] and "token" in said["Observation/none-such"]
    assert "application/fhir+json" in said["Observation"] and "Bearer" in said["Encounter"]
    assert "令牌" in diary.get("Observation/none-such").json["issue"][0]["details"]["text"]
    answer = app.test_client().delete("/fhir/R4/Observation/1", headers={"Authorization": f"Bearer {diary.token}"})
    assert "Allow" in answer.json["issue"][0]["details"]["text"] and "GET" in answer.headers["Allow"]


def test_the_person_is_asked_for_as_patient_or_as_subject(diary):
    for kind, parameters in PARAMETERS.items():
        if "subject" in parameters:
            as_patient, as_subject = (diary.all(f"{kind}?{name}={diary.patient}") for name in ("patient", "subject"))
            assert as_patient == as_subject
            assert diary.get(f"{kind}?subject=Patient/other").status_code == 403
    one = diary.get("Observation?_count=1&_pretty=true&_format=json").json
    assert [link["relation"] for link in one["link"]] == ["self", "next"] and "_pretty" not in one["link"][1]["url"]


def test_head_and_other_methods_are_refused_as_outcomes_too(diary, app):
    headers = {"Authorization": f"Bearer {diary.token}"}
    assert app.test_client().head("/fhir/R4/Observation", headers=headers).status_code == 405
    response = app.test_client().put("/fhir/R4/Observation/1", headers=headers)
    assert (response.status_code, response.json["resourceType"]) == (405, "OperationOutcome")


def test_unknown_parameters_are_let_pass_where_the_client_says_so(diary):
    response = diary.get("Observation?nonsense=1&code=15074-8", Prefer="handling=lenient")
    assert response.json["total"] == 1
    assert response.json["link"][0]["url"] == f"{BASE}/Observation?code=15074-8"
    assert diary.get("Observation?date=x", Prefer="handling=lenient").status_code == 400


def test_too_many_calls_are_told_when_to_come_back(diary, app):
    app.config["FHIR_LIMIT"] = "3 per minute"
    statuses = [diary.get("Slot?_count=1") for _ in range(4)]
    assert [r.status_code for r in statuses] == [200, 200, 200, 429]
    assert statuses[3].json["issue"][0]["code"] == "throttled" and int(statuses[3].headers["Retry-After"]) > 0


def test_an_application_reads_nobody_elses_and_the_attempt_stands_in_their_log(diary, ward, doors, app):
    wang = ward.person("王小红")
    theirs = ward.booked(wang)
    assert diary.get(f"Appointment/{fhir_id(theirs)}").status_code == 404
    assert diary.get(f"Patient/{fhir_id(wang.ref)}").status_code == 404
    refused = [own for kind, own in ward.events(wang.ref) if kind == "act.refused"]
    assert len(refused) == 2 and {own["actor"]["ref"] for own in refused} == {diary.id}
    assert diary.get(f"Observation?patient={fhir_id(wang.ref)}").status_code == 403
    assert len([1 for kind, _ in ward.events(wang.ref) if kind == "act.refused"]) == 2


def test_what_the_doctor_is_to_see_first_is_not_there_before(diary, ward, li, hospital, visit):
    from app.models import ClinicalRecord
    from app.services.sealing import open_payload, seal_next

    with hospital.writing_session() as session:
        for row in session.query(ClinicalRecord).filter(ClinicalRecord.kind.in_(["report", "observation"])):
            said = open_payload(session, row)[0]
            seal_next(session, row, {**said, "shown_from": (ward.now + timedelta(hours=1)).isoformat()})
    assert diary.all("Observation") == diary.all("DiagnosticReport") == []
    ward.clock.now += timedelta(minutes=59)  # the token's hour is not over
    assert diary.all("Observation") == []


def test_a_grant_reaches_no_further_than_the_account_that_gave_it(diary, ward, li):
    with ward.house.reading_session() as session:
        link = people.links_of(session, str(li.actor.ref))[0].id
    ward.do(people.unbind, li.actor, link)
    assert diary.get("Observation").status_code == 404
    assert diary.get("Slot").status_code == 200


def test_what_was_not_ticked_is_refused_and_not_told_by_the_log(app, ward, doors, li, visit):
    diary = App(app, ward).register()
    diary.redeem(diary.let_in(doors.phone(li), li.ref, kinds=("results", "log")))
    assert diary.scope.split()[1:] == [
        f"patient/{kind}.rs" for kind in ("Observation", "DiagnosticReport", "Consent", "AuditEvent", "Provenance")
    ] + ["offline_access"]
    assert diary.get("Condition").status_code == 403
    told = " ".join(str(one) for one in [*diary.all("Provenance"), *diary.all("AuditEvent")])
    assert "Observation/" in told and "Condition/" not in told and "MedicationRequest/" not in told
    assert [kind for kind, _ in ward.events(li.ref)].count("act.refused") == 1


NAMES = sorted({name for known in PARAMETERS.values() for name in known} | set(COMMON))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(sorted(PARAMETERS)),
    pairs=st.lists(
        st.tuples(
            st.one_of(st.sampled_from(NAMES), st.text(max_size=8)),
            st.one_of(
                st.text(max_size=30),
                st.sampled_from(["0001-01-01", "9999-12-31", "ge9999", "ap0001", "2026-02-30", "٢٠٢٦", "-1", "1e9", "Patient/x", "|", ",", "a|b|c", "9" * 6]),
            ),
        ),
        max_size=4,
    ),
    where=st.sampled_from(["get", "post", "read"]),
)  # fmt: skip
def test_nothing_that_is_asked_makes_the_door_fall(diary, app, kind, pairs, where):
    headers = {"Authorization": f"Bearer {diary.token}"}
    app.config["FHIR_LIMIT"] = "100000 per minute"
    client = app.test_client()
    query = urlencode(pairs, errors="surrogatepass")
    if where == "post":
        response = client.post(f"/fhir/R4/{kind}/_search", data=dict(pairs), headers=headers)
    elif where == "read":
        response = client.get(f"/fhir/R4/{kind}/{urlencode(pairs, errors='surrogatepass')[:70]}", headers=headers)
    else:
        response = client.get(f"/fhir/R4/{kind}?{query}", headers=headers)
    assert response.status_code < 500, response.text
    assert response.json["resourceType"] in ("Bundle", "OperationOutcome", kind)
