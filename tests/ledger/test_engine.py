"""One way to read the database and one way to record in it."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import nullcontext

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from ledger.stores import engine as engine_module
from ledger.stores.engine import (
    GateBusy,
    allows_several_processes,
    is_safe_with_wal,
    open_engine,
    reading,
    recording,
    sqlite,
)

metadata = MetaData()
counter = Table("counter", metadata, Column("n", Integer, primary_key=True))


@pytest.fixture
def engine(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/hospital.db")
    with recording(engine) as connection:
        metadata.create_all(connection)
    yield engine
    engine.dispose()


def count(engine):
    with reading(engine) as connection:
        return len(connection.execute(select(counter)).all())


def test_what_is_recorded_is_committed(engine):
    with recording(engine) as connection:
        connection.execute(counter.insert())

    assert count(engine) == 1


def test_an_exception_rolls_back_and_leaves_the_gate_open(engine):
    with pytest.raises(LookupError), recording(engine) as connection:
        connection.execute(counter.insert())
        raise LookupError

    assert count(engine) == 0
    with recording(engine) as connection:
        connection.execute(counter.insert())
    assert count(engine) == 1


def test_writing_while_reading_fails_instead_of_upgrading(engine):
    with pytest.raises(OperationalError, match="readonly"), reading(engine) as connection:
        connection.execute(counter.insert())


def test_a_transaction_begun_without_either_only_reads(engine):
    with pytest.raises(OperationalError, match="readonly"), engine.begin() as connection:
        connection.execute(counter.insert())
    with recording(engine) as connection:
        connection.execute(counter.insert())
    with pytest.raises(OperationalError, match="readonly"), engine.begin() as connection:
        connection.execute(counter.insert())


def test_a_reader_sees_one_moment_while_others_record(engine):
    """Without a write-ahead log the others have to wait until it has read; whoever reads and records at once, in vain."""
    waits = (
        nullcontext() if is_safe_with_wal(sqlite.sqlite_version_info) else pytest.raises(OperationalError, match="lock")
    )
    with reading(engine) as connection:
        before = connection.execute(select(counter)).all()
        with waits, recording(engine) as other:
            other.execute(counter.insert())
        assert connection.execute(select(counter)).all() == before


def test_a_session_joins_the_recording_and_its_rollback_is_the_recordings(engine):
    with recording(engine) as connection, Session(bind=connection) as session:
        session.execute(counter.insert())
        with pytest.raises(LookupError), session.begin_nested():
            session.execute(counter.insert())
            raise LookupError
        session.commit()
    assert count(engine) == 1

    with recording(engine) as connection, Session(bind=connection) as session:
        session.execute(counter.insert())
        session.rollback()
    assert count(engine) == 1


def test_recording_inside_recording_is_refused_and_not_waited_for(engine):
    with recording(engine), pytest.raises(RuntimeError, match="recording already"), recording(engine):
        pass


def test_who_waits_too_long_at_the_gate_is_told_so(engine, monkeypatch):
    monkeypatch.setattr(engine_module, "GATE_TIMEOUT_SECONDS", 0.05)
    told = []

    def impatient():
        try:
            with recording(engine):
                pass
        except GateBusy as busy:
            told.append(busy)

    with recording(engine):
        other = threading.Thread(target=impatient)
        other.start()
        other.join()
    assert len(told) == 1


def test_a_transaction_that_cannot_begin_is_an_error_as_sqlalchemy_knows_it_and_the_next_one_begins(
    tmp_path, monkeypatch
):
    """F25: somebody holds the file without passing the gate, as an operator's shell does."""
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_MS", 20)
    engine = open_engine(f"sqlite:///{tmp_path}/hospital.db")
    with recording(engine) as connection:
        metadata.create_all(connection)
    shell = sqlite.connect(tmp_path / "hospital.db", isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"), recording(engine):
        pass
    shell.execute("ROLLBACK")
    shell.close()

    with recording(engine) as connection:
        connection.execute(counter.insert())
    assert count(engine) == 1
    engine.dispose()


def test_threads_that_read_before_they_write_lose_no_update(engine):
    def climb():
        for _ in range(20):
            with recording(engine) as connection:
                top = max([row.n for row in connection.execute(select(counter))], default=0)
                time.sleep(0)
                connection.execute(counter.insert().values(n=top + 1))

    threads = [threading.Thread(target=climb) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert count(engine) == 160


def test_another_process_waits_at_the_same_gate(engine, tmp_path):
    script = (
        "import sys\n"
        "from ledger.stores.engine import open_engine, recording\n"
        "print('ready', flush=True)\n"
        "with recording(open_engine(sys.argv[1])) as connection:\n"
        "    connection.exec_driver_sql('INSERT INTO counter DEFAULT VALUES')\n"
    )
    with recording(engine) as connection:
        other = subprocess.Popen([sys.executable, "-c", script, str(engine.url)], stdout=subprocess.PIPE, text=True)
        assert other.stdout.readline() == "ready\n"
        time.sleep(0.1)
        assert other.poll() is None
        assert len(connection.execute(select(counter)).all()) == 0
    assert other.wait(60) == 0
    other.stdout.close()
    assert count(engine) == 1


def test_an_engine_does_not_survive_a_fork(engine):
    count(engine)
    child = os.fork()
    if child == 0:
        try:
            count(engine)
        except RuntimeError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_commits_are_on_disk_when_they_return(engine):
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    with reading(engine) as connection:
        pragma = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    full, extra = 2, 3
    safe = is_safe_with_wal(sqlite.sqlite_version_info)
    assert pragma == (["wal", full, 1, 5000] if safe else ["truncate", extra, 1, 5000])


def test_only_what_says_so_does_without_the_disk(engine):
    def synchronous(**how):
        with recording(engine, **how) as connection:
            return connection.exec_driver_sql("PRAGMA synchronous").scalar()

    normal, full, extra = 1, 2, 3
    found = [synchronous(), synchronous(durable=False), synchronous()]
    assert found == ([full, normal, full] if is_safe_with_wal(sqlite.sqlite_version_info) else [extra] * 3)


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 4), True),
    ],
)
def test_libraries_with_the_wal_reset_race_are_known(version, safe):
    assert is_safe_with_wal(version) is safe


def test_an_old_library_gets_no_write_ahead_log_and_one_process(tmp_path, monkeypatch):
    class Old:
        def __getattr__(self, name):
            return (3, 40, 1) if name == "sqlite_version_info" else getattr(sqlite3, name)

    monkeypatch.setattr(engine_module, "sqlite", Old())
    engine = open_engine(f"sqlite:///{tmp_path}/old.db")
    with recording(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "truncate"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 3
    assert not allows_several_processes(engine)
    engine.dispose()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_database_in_memory_is_refused(url):
    with pytest.raises(ValueError, match="must be a file"):
        open_engine(url)
