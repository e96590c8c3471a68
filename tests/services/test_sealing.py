"""Rows written at once say what the unit of work would: the same columns, the same guard, the same digest."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm.exc import StaleDataError

from app.models import Account
from app.services.sealing import object_of, open_payload, seal_next, write_first, write_next


@pytest.fixture
def account(hospital, writing, clock) -> str:
    hospital.vault.welcome("me")
    with writing() as session:
        write_first(session, Account(ref="me", created_at=clock()))
    return "me"


def test_a_row_written_at_once_reads_as_one_that_the_unit_of_work_wrote(account, writing, reading, clock):
    with reading() as session:
        row = session.get_one(Account, account)
        assert (row.version, row.created_at, open_payload(session, row)[0]) == (1, clock(), {})
    with writing() as session:
        row = session.get_one(Account, account)
        write_next(session, row, created_at=clock() - timedelta(days=1))
        named = object_of(session, row)
        assert not session.dirty
    with reading() as session:
        row = session.get_one(Account, account)
        assert (row.version, row.created_at) == (2, clock() - timedelta(days=1))
        assert object_of(session, row) == named


def test_a_row_at_another_version_by_now_is_not_written_over(account, writing, reading):
    with pytest.raises(StaleDataError), writing() as session:
        row = session.get_one(Account, account)
        session.connection().execute(text("UPDATE account SET version = 7"))
        write_next(session, row)
    with reading() as session:
        assert session.get_one(Account, account).version == 1


def test_both_ways_of_writing_follow_each_other(account, writing, reading):
    with writing() as session:
        row = session.get_one(Account, account)
        seal_next(session, row, {"phone": "+8613800138000"})
    with writing() as session:
        row = session.get_one(Account, account)
        write_next(session, row)
    with writing() as session:
        row = session.get_one(Account, account)
        seal_next(session, row, {"phone": "+8613800138001"})
    with reading() as session:
        row = session.get_one(Account, account)
        assert (row.version, open_payload(session, row)[0]) == (4, {"phone": "+8613800138001"})
