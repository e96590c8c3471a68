"""Searching a long record: in order also where days are not known, a few statements a page, and nobody is held up meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.domain import clinical
from app.domain.clinical import Kind
from app.domain.fhir.write import fhir_id
from app.domain.ids import new_ref
from app.models import ClinicalRecord, from_ms
from app.services import fhir_read
from app.services.sealing import seal_next
from tests.web.test_fhir import diary as diary
from tests.web.test_fhir import li as li
from tests.web.test_fhir import visit as visit

EPOCH = from_ms(0)  # where what is of no known day stands


@pytest.fixture
def measure(ward, li):
    def measure(*instants: datetime | None) -> None:
        with ward.house.writing_session() as session:
            for at in instants:
                row = ClinicalRecord(
                    id=new_ref(), patient_ref=li.ref, visit_id=None, kind=Kind.OBSERVATION.value, status="final",
                    effective_at=at, recorded_at=ward.now, author_ref=None, source="import",
                )  # fmt: skip
                seal_next(session, row, clinical.observation("15074-8", "6.1"))

    return measure


@pytest.mark.parametrize(("sort", "is_down"), [("date", False), ("-date", True)])
@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_pages_go_on_where_they_ended_whatever_days_are_known(diary, ward, measure, sort, is_down, count):
    old = datetime(1960, 5, 1, tzinfo=UTC)
    measure(
        None, old, EPOCH, None, ward.now, EPOCH, old, None, EPOCH + timedelta(seconds=1), EPOCH - timedelta(seconds=1)
    )
    with ward.house.reading_session() as session:
        rows = session.scalars(select(ClinicalRecord).where(ClinicalRecord.kind == Kind.OBSERVATION.value)).all()
        in_order = sorted(rows, key=lambda row: (row.effective_at or EPOCH, row.id), reverse=is_down)
    found = diary.all(f"Observation?_sort={sort}&_count={count}")
    assert [one["id"] for one in found] == [fhir_id(row.id) for row in in_order]


def test_looking_through_many_rows_for_one_takes_a_few_statements(diary, ward, measure, monkeypatch):
    measure(*(ward.now - timedelta(hours=n) for n in range(600)))
    said: list[str] = []
    real = fhir_read.search

    def heard(session, *rest):
        driver = session.connection().connection.driver_connection
        driver.set_trace_callback(said.append)
        try:
            return real(session, *rest)
        finally:
            driver.set_trace_callback(None)

    monkeypatch.setattr(fhir_read, "search", heard)
    bundle = diary.get("Observation?code=none-such&_count=1").json
    assert "entry" not in bundle and not [link for link in bundle["link"] if link["relation"] == "next"]
    read = [one for one in said if "FROM clinical_record" in one]
    assert 0 < len(read) <= 10
    with ward.house.reading_session() as session:
        driver = session.connection().connection.driver_connection
        dated = [one for one in read if "effective_at IS NOT NULL" in one]
        plans = [row[3] for one in dated for row in driver.execute(f"EXPLAIN QUERY PLAN {one}")]
    assert any("ix_clinical_record_patient_kind" in plan for plan in plans)
    assert not [plan for plan in plans if plan.startswith("SCAN") or plan == "USE TEMP B-TREE FOR ORDER BY"]


def test_others_write_while_a_search_looks(diary, ward, li, measure, monkeypatch):
    measure(ward.now)
    wrote = []
    real = fhir_read.is_match

    def write_meanwhile(*args):
        with ward.house.writing_session() as session:  # refused within an act of the same thread
            wrote.append(session)
        return real(*args)

    monkeypatch.setattr(fhir_read, "is_match", write_meanwhile)
    assert diary.get("Observation?_count=5").status_code == 200
    assert wrote and ward.types(li.ref).count("app.read") == 1
