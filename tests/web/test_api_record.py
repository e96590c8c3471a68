"""The record over the API: as much as the pages show, and each opening in the person's own log."""

from __future__ import annotations

import base64
import hashlib

import pytest

from app.domain import attachments as papers
from app.domain import clinical
from app.domain.clinical import Kind
from app.models import ClinicalRecord
from app.services import attachments
from app.services.sealing import seal_next
from tests.calling import Caller
from tests.papers import PNG
from tests.web.test_fhir import li as li
from tests.web.test_fhir import visit as visit


@pytest.fixture
def phone(app, ward, li) -> Caller:
    return Caller(app, ward.token("api", li.actor.ref))


@pytest.fixture
def paper(ward, li, visit) -> str:
    """A picture that was added to Li's visit."""
    with ward.house.writing_session() as session:
        payload = papers.document("胸片", "picture", PNG)
        return attachments.write(session, li.ref, payload, PNG, ward.now, visit_id=visit)[0].id


def openings(ward, li) -> list[int]:
    return [len(own["objects"]) for kind, own in ward.events(li.ref) if kind == "record.opened"]


def test_a_visit_has_everything_that_its_page_shows(phone, doors, li, visit, paper):
    said = phone.get(f"/records/{visit}")
    [problem], [shot], [document], [allergy] = (
        said[name] for name in ("problems", "immunizations", "documents", "allergies")
    )
    assert (problem["code"], problem["onset"], problem["is_present"]) == ("E11.9", "2019-05-01", True)
    assert (shot["dose"], shot["status"]) == ("第1剂", "completed")
    assert (document["id"], document["title"], document["media_type"]) == (paper, "胸片", "image/png")
    page = doors.phone(li).get(f"/records/{visit}").text
    for words in (problem["name"]["zh"], shot["name"]["zh"], document["title"], allergy["name"]["zh"]):
        assert words in page


def test_a_document_comes_with_its_bytes_in_one_opening(phone, ward, li, paper):
    said = phone.get(f"/records/documents/{paper}")
    data = base64.b64decode(said["base64"])
    assert data == PNG and said["sha256"] == hashlib.sha256(PNG).hexdigest() and said["size"] == len(PNG)
    assert openings(ward, li) == [2]  # what it is, and its bytes
    assert said["event_id"] == phone.receipts[-1]["id"]


def test_the_lists_are_one_opening_of_what_they_show(phone, ward, li, visit, paper):
    said = phone.get(f"/records/known/{li.ref}")
    found = {name: len(said[name]) for name in ("problems", "allergies", "immunizations", "documents", "medicines")}
    assert found == {"problems": 1, "allergies": 1, "immunizations": 1, "documents": 1, "medicines": 0}
    assert len(openings(ward, li)) == 1


def test_a_course_is_found_by_any_of_its_values(phone, visit):
    trends = {one["code"]: one["record_id"] for one in phone.get(f"/records/{visit}")["trends"]}
    values = phone.get(f"/records/{visit}")["reports"][0]["measurements"]
    assert {value["code"] for value in values} == {"15074-8", "8480-6"} and set(trends) <= {"15074-8", "8480-6"}
    for code, record_id in trends.items():
        course = phone.get(f"/records/courses/{record_id}")
        assert [(one["measurement"]["code"], one["visit_id"]) for one in course["values"]] == [(code, visit)]
        assert course["next"] is None


def test_what_belongs_to_no_visit_stands_by_its_day_and_opens(phone, ward, li, visit):
    with ward.house.writing_session() as session:
        row = ClinicalRecord(
            id="brought-along", patient_ref=li.ref, visit_id=None, kind=Kind.ALLERGY.value, status="final",
            effective_at=ward.now, recorded_at=ward.now, author_ref=None, source="import",
        )  # fmt: skip
        seal_next(session, row, clinical.allergy("sulfonamide", ""))
    [person] = phone.get("/records")
    [day] = person["others"]
    said = phone.get(f"/records/other/{day['id']}")
    assert (said["state"], [one["substance"] for one in said["allergies"]]) == ("other", ["sulfonamide"])


@pytest.mark.parametrize("path", ["known/{ref}", "documents/{paper}"])
def test_a_strangers_token_finds_nothing(app, ward, li, paper, path):
    other = ward.person()
    caller = Caller(app, ward.token("api", other.actor.ref))
    assert caller.call("GET", "/records/" + path.format(ref=li.ref, paper=paper)).status_code == 404
    assert openings(ward, li) == []
