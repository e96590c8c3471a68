"""Migrations go up and down, and leave exactly the tables that the models describe."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from app.migrate import HERE, METADATA, downgrade, upgrade
from ledger.stores.engine import open_engine, reading
from ledger.stores.sql import metadata as ledger_tables

DATABASES = ["main", "keyring"]


@pytest.fixture
def engine(tmp_path: Path):
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    yield engine
    engine.dispose()


def tables(engine) -> set[str]:
    with reading(engine) as connection:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}


@pytest.mark.parametrize("database", DATABASES)
def test_up_makes_what_the_models_describe(engine, database: str) -> None:
    upgrade(engine, database)
    with reading(engine) as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda _o, name, kind, *_: not (kind == "table" and str(name).startswith("ledger_"))
            },
        )
        assert compare_metadata(context, METADATA[database]) == []


def test_no_step_up_takes_the_logs_tables_away(engine) -> None:
    upgrade(engine, "main")
    assert {table.name for table in ledger_tables.tables.values()} <= tables(engine)


@pytest.mark.parametrize("database", DATABASES)
def test_down_leaves_nothing_and_up_works_again(engine, database: str) -> None:
    upgrade(engine, database)
    full = tables(engine)
    downgrade(engine, database, "base")
    assert tables(engine) == set()
    upgrade(engine, database)
    assert tables(engine) == full


def test_head_names_the_last_migration_so_that_two_at_once_collide() -> None:
    stated = dict(line.split() for line in (HERE / "HEAD").read_text().splitlines())
    assert stated == {name: ScriptDirectory(str(HERE / name)).get_current_head() for name in DATABASES}


def test_an_interrupted_migration_changes_nothing(engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    made = []

    def fail_after_some(*args, **kwargs):
        made.append(args)
        if len(made) > 5:
            raise RuntimeError("the power went")
        return original(*args, **kwargs)

    original = op.create_table
    monkeypatch.setattr(op, "create_table", fail_after_some)
    with pytest.raises(RuntimeError):
        upgrade(engine, "main")
    monkeypatch.undo()
    assert tables(engine) == set()
    upgrade(engine, "main")
    assert "account" in tables(engine)
