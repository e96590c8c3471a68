"""What has served its time is taken away; what is still asked for stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.cli import sweep
from app.models import Event, IdempotencyKey, Opening, ProofCode, RefusalSeen, WebSession
from app.services import codes, sweeping, websessions

TABLES = (IdempotencyKey, Opening, RefusalSeen, ProofCode, WebSession)


def fill(house, clock, count: int) -> None:
    with house.writing_session() as session:
        for turn in range(count):
            mark = f"{clock().isoformat()}-{turn}".encode()
            session.add(IdempotencyKey(scope=mark, body_digest=b"", answer="{}", event_ids="", created_at=clock()))
            session.add(Opening(key=mark, event_id="x", at=clock()))
            session.add(RefusalSeen(key=mark, at=clock()))
            codes.issue(session, "sign_in", mark.decode(), clock(), is_sent=False)
            websessions.begin(session, "staff", "somebody", clock())


def counts(house) -> list[int]:
    with house.reading_session() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES]


def test_what_is_new_stays(hospital, clock):
    fill(hospital, clock, 3)
    assert sweep(hospital) == 0 and counts(hospital) == [3] * 5


def test_more_than_a_batch_of_old_rows_goes_and_new_ones_stay(hospital, clock):
    fill(hospital, clock, sweeping.BATCH + 7)
    clock.now += timedelta(days=31)
    fill(hospital, clock, 2)
    assert sweep(hospital) == 5 * (sweeping.BATCH + 7)
    assert counts(hospital) == [2] * 5
    assert sweep(hospital) == 0


@pytest.mark.parametrize("days", [1, 3, 8])
def test_each_table_keeps_its_rows_as_long_as_they_are_asked_for(hospital, clock, days):
    fill(hospital, clock, 1)
    clock.now += timedelta(days=days)
    sweep(hospital)
    over = days > 2
    assert counts(hospital) == [1, not over, not over, not over, days < 8]


def test_the_limits_on_messages_count_after_a_sweep_as_before(hospital, clock):
    with hospital.writing_session() as session:
        codes.issue(session, "sign_in", "+8613800138000", clock())
    clock.now += timedelta(hours=23)
    sweep(hospital)
    with hospital.reading_session() as session:
        assert session.scalar(select(func.count()).select_from(ProofCode)) == 1


def test_events_stay(hospital, ward, clock):
    with hospital.reading_session() as session:
        before = session.scalar(select(func.count()).select_from(Event))
    clock.now += timedelta(days=4000)
    sweep(hospital)
    with hospital.reading_session() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == before


def test_the_command_says_how_many(app):
    result = app.test_cli_runner().invoke(args=["sweep"])
    assert result.exit_code == 0 and "0 rows" in result.output
