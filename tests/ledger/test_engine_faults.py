"""The one connection of a process that writes, when something goes wrong with it: the next act must not notice.

Each test breaks it in another place, then asks for the same three things: nothing of what failed is there, nobody is kept
from writing afterwards, and what was acknowledged stayed.
"""

import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from ledger.stores import engine as engine_module
from ledger.stores.engine import GateBusy, alone, open_engine, reading, recording

ROOT = Path(__file__).resolve().parent.parent.parent
TABLES = (
    "CREATE TABLE thing (n INTEGER PRIMARY KEY)",
    "CREATE TABLE part (n INTEGER PRIMARY KEY, of INTEGER REFERENCES thing (n) DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TABLE heap (n INTEGER PRIMARY KEY, filling BLOB)",
)


def opened(path, *more):
    engine = open_engine(f"sqlite:///{path}")
    with recording(engine) as connection:
        for statement in (*TABLES, *more):
            connection.execute(text(statement))
    return engine


@pytest.fixture
def engine(tmp_path):
    engine = opened(tmp_path / "hospital.db")
    yield engine
    engine.dispose()


def put(engine, n):
    with recording(engine) as connection:
        connection.execute(text("INSERT INTO thing VALUES (:n)"), {"n": n})


def things(engine):
    with reading(engine) as connection:
        return list(connection.execute(text("SELECT n FROM thing ORDER BY n")).scalars())


def script_of(code):
    """Return the command of another process in which this code runs, with `engine` of the database it is given."""
    head = (
        "import os, sys\nfrom sqlalchemy import text\n"
        "from ledger.stores.engine import open_engine, recording\nengine = open_engine(sys.argv[1])\n"
    )
    return [sys.executable, "-c", head + code]


def elsewhere(engine, code):
    """Run code in another process, to its end."""
    return subprocess.run([*script_of(code), str(engine.url)], cwd=ROOT, check=True, capture_output=True, timeout=120)


# COMMIT, BEGIN, ROLLBACK


def test_a_commit_that_fails_leaves_nothing_and_keeps_nobody_from_writing(engine):
    """A foreign key that is looked at with COMMIT, which then leaves the transaction open."""
    for _ in range(3):
        with pytest.raises(IntegrityError, match="FOREIGN KEY"), recording(engine) as connection:
            connection.execute(text("INSERT INTO thing VALUES (1)"))
            connection.execute(text("INSERT INTO part VALUES (1, 99)"))
        assert things(engine) == []

    put(engine, 2)
    elsewhere(engine, "with recording(engine) as c: c.execute(text('INSERT INTO thing VALUES (3)'))")
    assert things(engine) == [2, 3]


def test_a_commit_that_readers_hold_up_too_long_leaves_nothing(tmp_path, monkeypatch):
    """With a library that is too old for a write-ahead log, COMMIT waits for those who read."""

    class Old:
        def __getattr__(self, name):
            import sqlite3

            return (3, 40, 1) if name == "sqlite_version_info" else getattr(sqlite3, name)

    monkeypatch.setattr(engine_module, "sqlite", Old())
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_MS", 20)
    engine = opened(tmp_path / "old.db")
    put(engine, 1)
    with reading(engine) as before:
        assert before.execute(text("SELECT n FROM thing")).scalars().all() == [1]
        with pytest.raises(OperationalError, match="locked"):
            put(engine, 2)
    put(engine, 3)
    assert things(engine) == [1, 3]
    engine.dispose()


def test_a_rollback_that_fails_as_well_ends_the_connection_and_not_the_writing(engine):
    writer = engine.get_execution_options()["mingzhen_writer"]

    def fail(_connection):
        raise OSError("the disk has gone")

    event.listen(writer, "rollback", fail)
    with pytest.raises(OSError, match="has gone"), recording(engine) as connection:
        connection.execute(text("INSERT INTO thing VALUES (1)"))
        raise LookupError
    event.remove(writer, "rollback", fail)

    put(engine, 2)
    assert things(engine) == [2]


def test_a_cursor_that_somebody_left_open_costs_one_act_and_not_all_that_follow(engine):
    """It keeps the connection at an old moment of the database, from which nothing can be written."""
    for n in (1, 2, 3):
        put(engine, n)
    with recording(engine) as connection:
        forgotten = connection.connection.driver_connection.execute("SELECT n FROM thing")
        forgotten.fetchone()
    elsewhere(engine, "with recording(engine) as c: c.execute(text('INSERT INTO thing VALUES (4)'))")

    with pytest.raises(OperationalError, match="locked"):
        put(engine, 5)
    put(engine, 6)
    assert things(engine) == [1, 2, 3, 4, 6]


def test_a_transaction_that_sqlite_gave_up_is_not_told_to_be_committed(engine):
    """It does so by itself for some errors; whoever catches such an error and goes on would believe that all was kept."""
    with pytest.raises(OperationalError, match="gave the transaction up"), recording(engine) as connection:
        connection.execute(text("INSERT INTO thing VALUES (1)"))
        with suppress(IntegrityError):
            connection.execute(text("INSERT OR ROLLBACK INTO thing VALUES (1)"))
    assert things(engine) == []
    put(engine, 2)
    assert things(engine) == [2]


# Full disks


def test_when_the_database_may_not_grow_nothing_is_half_there_and_with_room_it_goes_on(engine):
    """SQLITE_FULL in the middle of a statement, many times, then room again."""
    with recording(engine) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 3}")
    failed = 0
    for n in range(6):
        with suppress(OperationalError), recording(engine) as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 3}")
            connection.execute(text("INSERT INTO thing VALUES (:n)"), {"n": n})
            failed += 1
            connection.execute(text("INSERT INTO heap (filling) VALUES (zeroblob(200000))"))
            failed -= 1
    assert failed == 6 and things(engine) == []

    with recording(engine) as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
        connection.execute(text("INSERT INTO thing VALUES (7)"))
        connection.execute(text("INSERT INTO heap (filling) VALUES (zeroblob(200000))"))
    assert things(engine) == [7]


def test_when_the_write_ahead_log_cannot_be_written_at_commit_the_same_process_goes_on_with_room(engine):
    """A limit on the size of files stands for the disk; the pages of an act reach the log with COMMIT."""
    put(engine, 1)
    said = elsewhere(
        engine,
        "import resource, signal\n"
        "from sqlalchemy.exc import SQLAlchemyError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "def put(n):\n"
        "    with recording(engine) as c:\n"
        "        c.execute(text('INSERT INTO thing VALUES (:n)'), {'n': n})\n"
        "        c.execute(text('INSERT INTO heap (filling) VALUES (zeroblob(100000))'))\n"
        "put(2)\n"
        "hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "size = os.path.getsize(engine.url.database + '-wal')\n"
        "for n in (3, 4, 5):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50000, hard))\n"
        "    try:\n"
        "        put(n)\n"
        "    except SQLAlchemyError as e:\n"
        "        print(n, type(e).__name__)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "    put(n * 10)\n",
    )
    assert said.stdout.decode().split("\n")[:3] == [f"{n} OperationalError" for n in (3, 4, 5)]
    assert things(engine) == [1, 2, 30, 40, 50]
    with reading(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


# Processes and threads


def test_a_process_killed_in_the_middle_of_an_act_leaves_nothing_and_holds_up_nobody(engine):
    put(engine, 1)
    code = (
        "with recording(engine) as c:\n"
        "    c.execute(text('INSERT INTO thing VALUES (2)'))\n"
        "    print('in the middle', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [*script_of(code), str(engine.url)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as victim:
        assert victim.stdout.readline() == b"in the middle\n"
        victim.send_signal(signal.SIGKILL)
        victim.wait(60)
    put(engine, 3)
    assert things(engine) == [1, 3]


def test_neither_connection_of_an_engine_is_used_after_a_fork(engine):
    put(engine, 1)
    child = os.fork()
    if child == 0:
        code = 0
        for use in (lambda: put(engine, 2), lambda: things(engine)):
            try:
                use()
            except BaseException as e:  # whatever it is, this child ends here
                code += "opened before a fork" in str(e)
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    put(engine, 3)
    assert things(engine) == [1, 3]


def test_a_child_forked_in_the_middle_of_an_act_does_not_keep_the_gate(engine, monkeypatch):
    monkeypatch.setattr(engine_module, "GATE_TIMEOUT_SECONDS", 60.0)
    with recording(engine) as connection:
        connection.execute(text("INSERT INTO thing VALUES (1)"))
        stay, leave = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(leave)
            os.read(stay, 1)
            os._exit(0)
        os.close(stay)
    try:
        elsewhere(engine, "with recording(engine) as c: c.execute(text('INSERT INTO thing VALUES (2)'))")
    finally:
        os.close(leave)
        os.waitpid(child, 0)
    assert things(engine) == [1, 2]


def test_who_waits_in_vain_does_not_take_the_connection_with_them(engine, monkeypatch):
    monkeypatch.setattr(engine_module, "GATE_TIMEOUT_SECONDS", 0.05)
    busy = []

    def impatient(n):
        try:
            put(engine, n)
        except GateBusy as e:
            busy.append(e)

    with recording(engine) as connection:
        threads = [threading.Thread(target=impatient, args=(n,)) for n in range(10, 20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        connection.execute(text("INSERT INTO thing VALUES (1)"))
    assert len(busy) == 10
    put(engine, 2)
    assert things(engine) == [1, 2]


def test_who_is_interrupted_while_waiting_gives_the_turn_on(engine):
    """A signal whose handler raises, in the thread that waits for its turn."""
    inside, go = threading.Event(), threading.Event()

    def hold():
        with recording(engine):
            inside.set()
            go.wait(60)

    class Enough(BaseException):
        pass

    def ring(_number, _frame):
        raise Enough

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(60)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        with pytest.raises(Enough):
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            put(engine, 1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    go.set()
    holder.join(60)
    put(engine, 2)
    assert things(engine) == [2]


def test_two_databases_are_recorded_in_at_once_and_each_keeps_its_own(engine, tmp_path):
    """Data and keyring: one recording inside the other, in one thread."""
    other = opened(tmp_path / "keyring.db")
    with recording(engine) as outer:
        outer.execute(text("INSERT INTO thing VALUES (1)"))
        put(other, 10)
        with pytest.raises(LookupError), recording(other) as inner:
            inner.execute(text("INSERT INTO thing VALUES (11)"))
            raise LookupError
        with pytest.raises(RuntimeError, match="recording already"):
            put(engine, 2)
    assert things(engine) == [1] and things(other) == [10]
    with pytest.raises(LookupError), recording(engine) as outer:
        outer.execute(text("INSERT INTO thing VALUES (3)"))
        put(other, 12)
        raise LookupError
    assert things(engine) == [1] and things(other) == [10, 12]
    other.dispose()


def test_an_engine_that_is_closed_in_the_middle_of_an_act_keeps_the_act_and_opens_again(engine):
    for n in (1, 2, 3):
        with recording(engine) as connection, reading(engine) as moment:
            engine.dispose()
            connection.execute(text("INSERT INTO thing VALUES (:n)"), {"n": n})
            assert len(moment.execute(text("SELECT n FROM thing")).all()) == n - 1
    assert things(engine) == [1, 2, 3]


def test_many_threads_in_which_everything_fails_now_and_then_lose_and_invent_nothing(engine, monkeypatch):
    monkeypatch.setattr(engine_module, "GATE_TIMEOUT_SECONDS", 60.0)
    kept, lost, guard = [], [], threading.Lock()

    def fail_at_random(n, rng):
        with recording(engine, durable=rng.random() < 0.5) as connection:
            connection.execute(text("INSERT INTO thing VALUES (:n)"), {"n": n})
            match rng.randrange(6):
                case 0:
                    raise LookupError
                case 1:
                    connection.execute(text("INSERT INTO part VALUES (:n, -1)"), {"n": n})
                case 2:
                    connection.execute(text("INSERT INTO thing VALUES (:n)"), {"n": n})
                case 3:
                    with suppress(IntegrityError):
                        connection.execute(text("INSERT OR ROLLBACK INTO thing VALUES (:n)"), {"n": n})
                case 4:
                    connection.invalidate()

    def work(first):
        rng = random.Random(first)
        for n in range(first, first + 50):
            try:
                fail_at_random(n, rng)
            except (LookupError, SQLAlchemyError):
                with guard:
                    lost.append(n)
            else:
                with guard:
                    kept.append(n)

    threads = [threading.Thread(target=work, args=(1000 * k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert things(engine) == sorted(kept) and len(kept) > 20 and len(lost) > 100


# Who may write


def test_the_connection_that_writes_begins_nothing_without_the_gate(engine):
    with recording(engine) as connection:
        writer = connection.engine
        with pytest.raises(RuntimeError, match="recording already"), recording(writer):
            pass
    for way in (writer.begin, lambda: reading(writer)):
        with pytest.raises(RuntimeError, match="for `recording`"), way():
            pass
    put(writer, 1)
    assert things(engine) == [1]


def test_nobody_else_writes_after_the_database_was_written_anew(engine):
    put(engine, 1)
    with alone(engine) as driver:
        driver.execute("VACUUM")
        driver.execute("PRAGMA query_only=1")  # what is set there is gone afterwards
    put(engine, 2)
    for _ in range(engine_module.POOL_SIZE):
        with pytest.raises(DBAPIError, match="readonly"), engine.begin() as connection:
            connection.execute(text("INSERT INTO thing VALUES (3)"))
    assert things(engine) == [1, 2]


def test_who_wants_the_database_alone_waits_at_the_gate_too(engine):
    with recording(engine), pytest.raises(RuntimeError, match="recording already"), alone(engine):
        pass
    put(engine, 1)
    assert things(engine) == [1]
