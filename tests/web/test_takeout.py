"""Taking everything away: packed in the background, fetched once by whoever has just signed in, and checked without us."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import timedelta

import fhirkit
import pytest
from sqlalchemy import func, select

from app import packing
from app.models import Takeout, TakeoutPart
from app.services import erasure, people
from app.services.takeout import SECTIONS
from ledger.receipt import verify_receipt
from tests.sealed import until_sealed
from tests.web.test_fhir import diary as diary
from tests.web.test_fhir import li as li
from tests.web.test_fhir import visit as visit


@pytest.fixture
def phone(doors, li):
    return doors.phone(li)


def asked(ward) -> str:
    with ward.house.reading_session() as session:
        return session.scalars(select(Takeout.id)).one()


def pack(ward) -> None:
    while packing.work(ward.house):
        pass


def test_everything_is_packed_a_section_at_a_time_and_fetched_once(phone, ward, li, visit, sealing):
    phone.get("/me/takeout")
    assert phone.post("/me/takeout", person=li.ref).status_code == 303
    until_sealed(ward.house)
    assert packing.work(ward.house) == 1
    assert f"已完成 {100 // len(SECTIONS)}%" in phone.get("/me/takeout/now").text
    pack(ward)
    takeout_id = asked(ward)
    with ward.house.reading_session() as session:
        held = b"".join(session.scalars(select(TakeoutPart.sealed)))
    assert held and not any(word.encode() in held for word in ("李明", "Observation", "氨氯地平"))

    answer = phone.post(f"/me/takeout/{takeout_id}/fetch")

    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    names = set(archive.namelist())
    assert {
        "README.txt",
        "verify.html",
        "fhir/Patient.json",
        "fhir/Observation.json",
        "fhir/Immunization.json",
    } <= names
    for name in names:
        if name.startswith("fhir/"):
            text = archive.read(name).decode()
            assert json.loads(text)["type"] == "collection"
            assert [issue.message for issue in fhirkit.validate(text)] == []
    assert '"value":6.10' in archive.read("fhir/Observation.json").decode()
    assert b"<script" in archive.read("verify.html")
    kept = [archive.read(name) for name in names if name.startswith("receipts/")]
    assert len(kept) > 5
    for receipt in kept:
        verify_receipt(receipt, ward.house.log_keys[0])

    [own] = [own for kind, own in ward.events(li.ref) if kind == "takeout.fetched"]
    assert own["objects"][0]["id"] == takeout_id and own["detail"]["count"] == len(names) - 2
    again = phone.post(f"/me/takeout/{takeout_id}/fetch")
    assert again.status_code == 409 and "现在不能下载" in again.text
    with ward.house.reading_session() as session:
        assert session.scalar(select(func.count()).select_from(TakeoutPart)) == 0


def test_whoever_finds_a_phone_open_gets_nothing(phone, ward, li, visit, doors):
    phone.get("/me/takeout")
    phone.post("/me/takeout", person=li.ref)
    pack(ward)
    ward.clock.now += timedelta(minutes=16)
    page = phone.get("/me/takeout")
    assert "先再登录一次" in page.text and "/fetch" not in page.text
    refused = phone.post(f"/me/takeout/{asked(ward)}/fetch")
    assert refused.status_code == 303 and "再登录一次" in phone.follow(refused).text
    fresh = doors.phone(li)
    assert fresh.post(f"/me/takeout/{asked(ward)}/fetch").status_code == 200


def test_nobody_elses_archive_is_there(phone, ward, li, visit, doors):
    phone.get("/me/takeout")
    phone.post("/me/takeout", person=li.ref)
    pack(ward)
    other = doors.phone(ward.person("王小红"))
    assert other.post(f"/me/takeout/{asked(ward)}/fetch").status_code == 404
    assert other.post("/me/takeout", person=li.ref).status_code == 404


def test_pressing_twice_packs_once_and_after_three_days_it_is_gone(phone, ward, li, visit):
    phone.get("/me/takeout")
    for _ in range(2):
        phone.post("/me/takeout", person=li.ref)
    assert ward.types(li.ref).count("takeout.asked") == 1
    pack(ward)
    ward.clock.now += timedelta(days=3)
    assert packing.work(ward.house) == 1 and packing.work(ward.house) == 0
    with ward.house.reading_session() as session:
        assert session.scalars(select(Takeout.state)).one() == "ended"
        assert session.scalar(select(func.count()).select_from(TakeoutPart)) == 0


def test_who_may_not_see_the_record_any_more_gets_no_archive(phone, ward, li, visit):
    phone.get("/me/takeout")
    phone.post("/me/takeout", person=li.ref)
    packing.work(ward.house)
    with ward.house.reading_session() as session:
        link = people.links_of(session, str(li.actor.ref))[0].id
    ward.do(people.unbind, li.actor, link)
    pack(ward)
    with ward.house.reading_session() as session:
        assert session.scalars(select(Takeout.state)).one() == "ended"
        assert session.scalar(select(func.count()).select_from(TakeoutPart)) == 0


def test_the_receipt_names_the_digest_of_every_file(phone, ward, li, visit):
    from app.services.sealing import open_payload

    phone.get("/me/takeout")
    phone.post("/me/takeout", person=li.ref)
    pack(ward)
    answer = phone.post(f"/me/takeout/{asked(ward)}/fetch")
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    with ward.house.reading_session() as session:
        said = open_payload(session, session.scalars(select(Takeout)).one())[0]
    assert said == {
        name: hashlib.sha256(archive.read(name)).hexdigest()
        for name in archive.namelist()
        if name not in ("README.txt", "verify.html")
    }


def test_erasing_ends_what_applications_read_and_takes_packed_archives_away(diary, ward, li, phone):
    phone.get("/me/takeout")
    phone.post("/me/takeout", person=li.ref)
    pack(ward)
    assert diary.get("Observation").status_code == 200
    with ward.house.writing_session() as session:
        erasure.begin(session, li.actor, ward.now, is_sure=True)
    assert diary.get("Observation").status_code == 401
    with ward.house.reading_session() as session:
        assert session.scalar(select(func.count()).select_from(TakeoutPart)) == 0
