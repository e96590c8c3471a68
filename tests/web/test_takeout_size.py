"""Taking a long record away: what is in hand stays one part of the archive, and a download that breaks off leaves nothing behind."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app import packing
from app.domain import attachments as rules
from app.domain import clinical
from app.domain.clinical import Kind
from app.domain.ids import new_ref
from app.models import ClinicalRecord, Takeout, TakeoutPart
from app.services import attachments, takeout
from app.services.sealing import open_payload, seal_next
from ledger.errors import StoreError
from tests.web.test_fhir import li as li
from tests.web.test_fhir import visit as visit
from tests.web.test_takeout import asked, pack
from tests.web.test_takeout import phone as phone

MB = 1024 * 1024
BIG = 24  # documents of a megabyte, which no packing makes smaller


class Peak:
    bytes = 0


@contextmanager
def watched() -> Iterator[Peak]:
    """Say at the end how much more memory was in hand at once than at the beginning."""
    peak = Peak()
    tracemalloc.start()
    try:
        yield peak
        peak.bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def attach(ward, li, count: int, size: int = MB) -> set[str]:
    """Give somebody documents; return the SHA-256 of each."""
    dice, digests = random.Random(5), set()
    for number in range(count):
        data = b"%PDF-1.7\n" + dice.randbytes(size) + b"\n%%EOF"
        with ward.house.writing_session() as session:
            payload = rules.document(f"第{number}份", "other", data)
            attachments.write(session, li.ref, payload, data, ward.now)
        digests.add(hashlib.sha256(data).hexdigest())
    return digests


def measure(ward, li, count: int) -> None:
    """Give somebody so many values."""
    with ward.house.writing_session() as session:
        for number in range(count):
            row = ClinicalRecord(
                id=new_ref(), patient_ref=li.ref, visit_id=None, kind=Kind.OBSERVATION.value, status="final",
                effective_at=ward.now, recorded_at=ward.now, author_ref=None, source="import",
            )  # fmt: skip
            seal_next(session, row, clinical.observation("15074-8", f"{4 + number % 40 / 10:.1f}"))


def ask(phone, ward, li) -> str:
    phone.get("/me/takeout")
    assert phone.post("/me/takeout", person=li.ref).status_code == 303
    return asked(ward)


def parts(ward) -> int:
    with ward.house.reading_session() as session:
        return int(session.scalar(select(func.count()).select_from(TakeoutPart)) or 0)


def test_packing_and_fetching_hold_a_part_at_a_time_whatever_there_is(phone, ward, li, visit):
    digests = attach(ward, li, BIG)
    takeout_id = ask(phone, ward, li)
    with watched() as packing_peak:
        pack(ward)
    assert parts(ward) > BIG
    with watched() as fetching_peak:
        answer = phone.post(f"/me/takeout/{takeout_id}/fetch")
        size = sum(len(piece) for piece in answer.iter_encoded())  # not held by the test either
    assert answer.status_code == 200 and size > BIG * MB
    assert max(packing_peak.bytes, fetching_peak.bytes) < 14 * MB, (packing_peak.bytes / MB, fetching_peak.bytes / MB)
    assert parts(ward) == 0
    with ward.house.reading_session() as session:
        said = open_payload(session, session.scalars(select(Takeout)).one())[0]
    assert digests == {digest for name, digest in said.items() if name.startswith("documents/")}


def test_six_times_as_many_values_take_no_more_memory_to_pack(phone, ward, li, visit, monkeypatch):
    monkeypatch.setattr(takeout, "PART_BYTES", 64 * 1024)
    peaks = []
    for count in (200, 1000):
        measure(ward, li, count)
        takeout_id = ask(phone, ward, li)
        with watched() as peak:
            pack(ward)
        peaks.append(peak.bytes)
        answer = phone.post(f"/me/takeout/{takeout_id}/fetch")
        archive = zipfile.ZipFile(io.BytesIO(answer.data))
        assert archive.testzip() is None
        bundle = json.loads(archive.read("fhir/Observation.json"))
        with ward.house.writing_session() as session:
            takeout.drop(session, takeout_id)
            session.delete(session.get_one(Takeout, takeout_id))
    assert len({entry["resource"]["id"] for entry in bundle["entry"]}) == len(bundle["entry"]) == 1202
    assert peaks[1] < peaks[0] + MB, [peak / MB for peak in peaks]


def test_a_file_that_spans_parts_is_whole_and_every_file_has_its_digest(phone, ward, li, visit, monkeypatch):
    monkeypatch.setattr(takeout, "PART_BYTES", 1000)
    digests = attach(ward, li, 2, size=3500)
    takeout_id = ask(phone, ward, li)
    pack(ward)
    archive = zipfile.ZipFile(io.BytesIO(phone.post(f"/me/takeout/{takeout_id}/fetch").data))
    with ward.house.reading_session() as session:
        said = open_payload(session, session.scalars(select(Takeout)).one())[0]
    names = archive.namelist()
    assert len(names) == len(set(names)) and set(said) == set(names) - {"README.txt", "verify.html"}
    assert {name: hashlib.sha256(archive.read(name)).hexdigest() for name in said} == said
    assert digests <= set(said.values())


def test_a_packer_that_was_killed_in_the_middle_of_a_section_begins_it_again(phone, ward, li, visit, monkeypatch):
    monkeypatch.setattr(takeout, "PART_BYTES", 500)
    takeout_id = ask(phone, ward, li)
    real, calls = takeout.store, []

    def killed(*args):
        calls.append(args)
        if len(calls) == 4:
            raise SystemExit
        return real(*args)

    monkeypatch.setattr(takeout, "store", killed)
    with pytest.raises(SystemExit):
        pack(ward)
    left = parts(ward)
    pack(ward)
    assert left and parts(ward) > left
    archive = zipfile.ZipFile(io.BytesIO(phone.post(f"/me/takeout/{takeout_id}/fetch").data))
    assert len(archive.namelist()) == len(set(archive.namelist()))
    for name in archive.namelist():
        if name.startswith("fhir/"):
            assert json.loads(archive.read(name))["entry"]


def test_a_download_that_breaks_off_was_the_one(phone, ward, li, visit):
    attach(ward, li, 1)
    takeout_id = ask(phone, ward, li)
    pack(ward)
    answer = phone.post(f"/me/takeout/{takeout_id}/fetch")
    next(answer.iter_encoded())
    answer.close()
    assert parts(ward) == 0
    assert phone.post(f"/me/takeout/{takeout_id}/fetch").status_code == 409


def test_what_could_not_be_taken_away_after_a_download_goes_with_the_timer(phone, ward, li, visit, monkeypatch):
    takeout_id = ask(phone, ward, li)
    pack(ward)

    def busy(*_args):
        raise StoreError("the database stayed busy")

    with monkeypatch.context() as patched:
        patched.setattr(takeout, "drop", busy)
        answer = phone.post(f"/me/takeout/{takeout_id}/fetch")
        assert zipfile.ZipFile(io.BytesIO(answer.data)).testzip() is None
    assert phone.post(f"/me/takeout/{takeout_id}/fetch").status_code == 409
    assert packing.work(ward.house) == 0 and parts(ward) > 0
    ward.clock.now += takeout.LONGEST_FETCH + timedelta(seconds=1)
    assert packing.work(ward.house) == 1 and parts(ward) == 0
    assert packing.work(ward.house) == 0
    with ward.house.reading_session() as session:
        assert session.scalars(select(Takeout.state)).one() == "fetched"
