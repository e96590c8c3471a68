"""The real process: under load, killed, stopped, started twice."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest

from ledger.audit import audit_log
from ledger.bell import STALL_SECONDS, Bell
from ledger.checkpoint import parse_checkpoint
from ledger.merkle import leaf_hash, verify_inclusion
from ledger.note import SigningKey, parse_note
from ledger.reader import LogReader
from ledger.source import FolderSource
from ledger.stores.engine import recording
from ledger.stores.sql import add_pending
from tests.ledger.workbench import KEY, ORIGIN, Log, event

PATIENCE_SECONDS = 90.0  # a loaded machine is no failure


class Process:
    """`python -m ledger sequencer` on a log; ended with the test."""

    def __init__(self, log, **environment):
        self.settings = {
            "DATABASE_URL": f"sqlite:///{log.folder}/hospital.db",
            "LEDGER_ORIGIN": ORIGIN,
            "LEDGER_KEY_FILE": str(log.folder / "key"),
            "LEDGER_HEAD": str(log.folder / "head"),
            "LEDGER_SOCKET": str(log.folder / "bell"),
        } | environment
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ledger", "sequencer"],
            env={"PATH": os.environ["PATH"], **{k: v for k, v in self.settings.items() if v}},
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, number=signal.SIGTERM):
        """Send a signal; return the exit code and what was reported, line by line."""
        self.process.send_signal(number)
        return self.result()

    def result(self):
        errors = self.process.communicate(timeout=PATIENCE_SECONDS)[1]
        return self.process.returncode, errors.splitlines()

    def events(self, lines):
        return [json.loads(line)["event"] for line in lines]


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path)
    (tmp_path / "key").write_text(KEY.format() + "\n")
    yield log
    log.close()


@pytest.fixture
def run(log):
    processes = []

    def start(**environment):
        processes.append(Process(log, **environment))
        return processes[-1]

    yield start
    for process in processes:
        if process.process.poll() is None:
            process.end(signal.SIGKILL)


@pytest.fixture
def bell(log):
    bell = Bell(log.folder / "bell")
    yield bell
    bell.close()


def wait_until(condition, timeout_seconds=PATIENCE_SECONDS):
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def seal(log, bell, timeout_seconds=PATIENCE_SECONDS):
    """Record one event and wait for its seal; return its number."""
    (number,) = log.add(1)
    bell.knock()
    deadline = time.monotonic() + timeout_seconds
    while not bell.wait(log.asked[number], 0.5):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return number


def test_what_is_recorded_is_sealed_and_the_process_ends_cleanly(log, run, bell):
    process = run()
    numbers = [seal(log, bell) for _ in range(5)]
    log.hand_out(numbers)

    started = time.monotonic()
    code, lines = process.end()
    assert (code, process.events(lines)) == (0, ["sequencer.started", "sequencer.stopped"])
    assert time.monotonic() - started < 30  # by itself: nobody had to kill it
    assert not (log.folder / "bell").exists()
    log.check()


def test_ctrl_c_ends_it_cleanly_too(log, run, bell):
    process = run()
    seal(log, bell)
    assert process.end(signal.SIGINT)[0] == 0


def test_what_nobody_knocks_for_is_sealed_soon(log, run):
    run()
    log.add(3)
    wait_until(lambda: log.store.newest_size() == 3)


def test_killed_again_and_again_under_load_it_loses_and_contradicts_nothing(log, run, bell):
    """Recipe of Jepsen's set test: what was acknowledged is in the end, and nothing that nobody asked for."""
    process = run()
    seal(log, bell)
    asked, acknowledged, stopping = {}, {}, threading.Event()
    numbers, lock = iter(range(1000, 10**6)), threading.Lock()
    reader = LogReader(log.store)

    def patient():
        while not stopping.is_set():
            with lock:
                number = next(numbers)
            entry = event(number).entry
            with recording(log.engine) as connection:
                serial = add_pending(connection, entry, log.now_ms)
            asked[number] = serial
            bell.knock()
            if bell.wait(serial, 0.5):
                acknowledged[number] = reader.read_checkpoint()

    threads = [threading.Thread(target=patient) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(1, 6):
        wait_until(lambda turn=turn: len(acknowledged) > 10 * turn)
        process.end(signal.SIGKILL)
        process = run()
        wait_until(lambda: not bell.is_stalled())
    stopping.set()
    for thread in threads:
        thread.join()
    wait_until(lambda: not log.store.pending(1))
    wait_until(lambda: log.store.newest_size() == log.store.load_tree().size)
    code, _ = process.end()

    assert code == 0
    assert len(acknowledged) > 50
    log.asked.update(asked)
    log.check()
    size, root = log.published().size, log.published().root
    for number, note in acknowledged.items():
        entry = event(number).entry
        index = log.store.index_of(entry)
        assert index < parse_checkpoint(parse_note(note.encode()).text).size  # it was public when it was acknowledged
        assert note in log.notes()
        verify_inclusion(index, size, leaf_hash(entry), reader.inclusion_proof(index), root)


def test_a_stopped_process_holds_nobody_up_and_goes_on_afterwards(log, run, bell):
    process = run()
    seal(log, bell)
    process.process.send_signal(signal.SIGSTOP)
    (number,) = log.add(1)
    bell.knock()
    assert not bell.wait(log.asked[number], PATIENCE_SECONDS)
    started = time.monotonic()
    for _ in range(50):
        (number,) = log.add(1)
        bell.knock()
        assert not bell.wait(log.asked[number], PATIENCE_SECONDS)
    assert time.monotonic() - started < 50 * STALL_SECONDS * 0.75  # only the first finds out by waiting
    assert bell.is_stalled()

    process.process.send_signal(signal.SIGCONT)
    wait_until(lambda: bell.wait(log.asked[number], 1))
    assert process.end()[0] == 0
    log.check()


def test_a_second_process_refuses_and_the_first_goes_on(log, run, bell):
    first = run()
    seal(log, bell)
    second = run()
    code, lines = second.result()

    assert code == 3
    (line,) = [json.loads(line) for line in lines]
    assert (line["event"], line["why"]) == ("sequencer.refused", "another sequencer is running on this head")
    assert "stop it first" in line["way_out"]
    seal(log, bell)
    assert first.end()[0] == 0


def test_a_lost_head_is_refused_with_the_way_out(log, run):
    log.grow(3)
    log.head.path.unlink()
    code, lines = run().result()

    assert code == 3
    line = json.loads(lines[-1])
    assert line["event"] == "sequencer.refused"
    assert "the head is missing" in line["why"]
    assert "Stop here" in line["way_out"]


def test_a_round_that_fails_ends_the_process_in_one_line(log, run, bell):
    process = run()
    seal(log, bell)
    log.sql("UPDATE ledger_tree SET root = zeroblob(32)")
    code, lines = process.result()

    assert (code, process.events(lines)) == (1, ["sequencer.started", "sequencer.failed"])


def test_a_full_disk_ends_the_process_and_once_there_is_room_it_goes_on(log, run, bell):
    process = run()
    numbers = [seal(log, bell) for _ in range(3)]
    log.hand_out(numbers)
    room = (log.folder / "hospital.db-wal").stat().st_size
    before = resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (room, before[1]))
    waiting = log.add(5)
    bell.knock()
    code, lines = process.result()
    assert (code, process.events(lines)) == (1, ["sequencer.started", "sequencer.failed"])

    process = run()
    wait_until(lambda: log.store.newest_size() == 8)
    log.hand_out(waiting)
    assert process.end()[0] == 0
    log.check()


def test_a_database_without_tables_is_one_line_and_no_traceback(log, run):
    code, lines = run(DATABASE_URL=f"sqlite:///{log.folder}/empty.db").result()

    assert code == 1
    assert json.loads(lines[-1])["why"] == "OperationalError: no such table: ledger_tree"
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("LEDGER_ORIGIN", "", "--origin or LEDGER_ORIGIN"),
        ("LEDGER_KEY_FILE", "/nowhere/key", "No such file"),
        ("DATABASE_URL", "sqlite://", "must be a file"),
        ("DATABASE_URL", "not a url", "These settings cannot be used"),
    ],
)
def test_settings_that_make_no_sense_are_told_and_end_with_2(run, setting, value, why):
    code, lines = run(**{setting: value}).result()
    assert code == 2
    assert why in "\n".join(lines)
    assert len(lines) == 1


def test_a_key_that_is_none_is_not_repeated(log, run):
    secret = SigningKey.generate(ORIGIN).format()
    (log.folder / "key").write_text(secret[:-9])
    code, lines = run().result()
    assert code == 2
    assert secret.split("+")[-1][:20] not in "\n".join(lines)


def test_it_exports_beside_its_work_and_a_last_time_when_it_ends(log, run, bell, tmp_path):
    folder = tmp_path / "export"
    process = run(LEDGER_EXPORT=str(folder))
    seal(log, bell)
    wait_until(lambda: (folder / "checkpoint").exists())
    for _ in range(3):
        seal(log, bell)
    code, lines = process.end()

    assert (code, process.events(lines)) == (0, ["sequencer.started", "sequencer.stopped"])
    assert (folder / "checkpoint").read_text() == log.store.newest_checkpoint()
    assert audit_log(FolderSource(folder), KEY.verifier_key).checkpoint.size == 4


def test_an_export_that_cannot_be_written_costs_the_log_nothing(log, run, bell, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    process = run(LEDGER_EXPORT=str(tmp_path / "file" / "export"))
    seal(log, bell)
    code, lines = process.end()
    assert (code, process.events(lines)) == (0, ["export.failed", "sequencer.started", "sequencer.stopped"])
