"""Prepared statements say what SQLAlchemy says, in less time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Connection,
    Date,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    event,
    insert,
    select,
    update,
)  # fmt: skip
from sqlalchemy.exc import IntegrityError

from app.models import Prepared
from app.models.base import Instant
from ledger.stores.engine import open_engine, reading, recording

tables = MetaData()
thing = Table(
    "thing", tables,
    Column("id", String, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("on", Date),
    Column("data", JSON, nullable=False),
    Column("bytes", LargeBinary),
    Column("count", Integer, nullable=False, default=7),
    CheckConstraint("count > 0", name="count"),
)  # fmt: skip
AT = datetime(2026, 3, 2, 9, 30, 15, 123000, UTC)

ADD = Prepared(insert(thing))
ONE = Prepared(select(thing).where(thing.c.id == bindparam("of")))
SINCE = Prepared(select(thing.c.id).where(thing.c.at >= bindparam("since")).order_by(thing.c.at))
STEP = Prepared(
    update(thing)
    .where(thing.c.id == bindparam("of"))
    .values(count=thing.c.count + 1, at=bindparam("to"))
    .returning(thing.c.count, thing.c.at)
)
SET = Prepared(update(thing).where(thing.c.count == bindparam("before")).values(bytes=bindparam("to")))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path}/things.db")
    with recording(engine) as connection:
        tables.create_all(connection)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with recording(engine) as connection:
        yield connection


def add(connection: Connection, of: str = "a", at: datetime = AT) -> None:
    ADD.run(connection, id=of, at=at, on=date(2026, 3, 2), data={"zh": "早"}, bytes=b"\0\xff")


def test_what_is_written_reads_the_same_both_ways(connection: Connection) -> None:
    add(connection)
    ours = ONE.first(connection, of="a")
    theirs = connection.execute(select(thing).where(thing.c.id == "a")).one()
    assert tuple(ours) == tuple(theirs)
    assert (ours.id, ours.at, ours.on, ours.data, ours.bytes, ours.count) == (
        "a", AT, date(2026, 3, 2), {"zh": "早"}, b"\0\xff", 7,
    )  # fmt: skip
    connection.execute(insert(thing), {"id": "b", "at": AT, "data": [1], "count": 3})
    assert tuple(ONE.first(connection, of="b")) == ("b", AT, None, [1], None, 3)


def test_a_column_left_out_is_null_or_its_default(connection: Connection) -> None:
    ADD.run(connection, id="c", at=AT, data=None)
    row = ONE.first(connection, of="c")
    assert (row.on, row.bytes, row.count) == (None, None, 7)


def test_values_are_converted_where_they_are_compared(connection: Connection) -> None:
    for minutes, of in ((0, "a"), (5, "b"), (9, "c")):
        add(connection, of, AT + timedelta(minutes=minutes))
    assert [row.id for row in SINCE.all(connection, since=AT + timedelta(minutes=5))] == ["b", "c"]
    assert SINCE.all(connection, since=AT + timedelta(hours=1)) == [] == ONE.all(connection, of="nobody")
    assert ONE.first(connection, of="nobody") is None


def test_what_an_update_returns_and_how_many_rows_it_touched(connection: Connection) -> None:
    add(connection)
    assert STEP.all(connection, of="a", to=AT + timedelta(seconds=1)) == [(8, AT + timedelta(seconds=1))]
    assert (SET.run(connection, before=8, to=b"x"), SET.run(connection, before=99, to=b"x")) == (1, 0)


def test_a_name_that_is_missing_or_unknown_is_our_mistake(connection: Connection) -> None:
    with pytest.raises(TypeError, match="takes"):
        ADD.run(connection, id="a", data={})
    with pytest.raises(TypeError, match="takes"):
        ONE.first(connection, of="a", more=1)


def test_what_the_database_refuses_is_said_without_the_values(connection: Connection) -> None:
    add(connection, "secret-id")
    with pytest.raises(IntegrityError) as refused:
        add(connection, "secret-id")
    assert "secret-id" not in str(refused.value)


def test_many_rows_are_written_as_one_is(connection: Connection) -> None:
    rows = [{"id": of, "at": AT, "data": {"zh": of}, "count": 3} for of in "abc"]
    ADD.run_many(connection, rows)
    ADD.run_many(connection, [])
    assert [tuple(ONE.first(connection, of=of)) for of in "abc"] == [
        (of, AT, None, {"zh": of}, None, 3) for of in "abc"
    ]
    with pytest.raises(IntegrityError):
        ADD.run_many(connection, [{"id": "d", "at": AT, "data": 1}, rows[0]])
    with pytest.raises(TypeError, match="takes"):
        ADD.run_many(connection, [{"id": "e", "at": AT, "data": 1, "more": 1}])


def test_nothing_is_written_in_a_read_transaction(engine: Engine) -> None:
    with reading(engine) as connection, pytest.raises(Exception, match="readonly"):
        add(connection)


def test_the_driver_is_asked_itself(connection: Connection) -> None:
    seen: list[str] = []
    event.listen(connection.engine, "before_cursor_execute", lambda *told: seen.append(told[2]))
    add(connection)
    assert seen == [] and ONE.first(connection, of="a") is not None
    connection.execute(select(thing))
    assert len(seen) == 1
