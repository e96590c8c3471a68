"""How workers and sequencer wake each other, and that neither can hold the other up."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from ledger import bell as bell_module
from ledger.bell import Bell, BellServer, socket_address

PATIENCE_SECONDS = 60.0  # what a wait may take that is to succeed; a loaded machine is no failure
PROMPT_SECONDS = 30.0  # what one may take that is to give up long before PATIENCE_SECONDS
REAL_STALL_SECONDS = bell_module.STALL_SECONDS


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """A thread of ours that gets no turn for a while is not yet a stalled sequencer; who tests stalls sets them back."""
    monkeypatch.setattr(bell_module, "STALL_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(bell_module, "GREETING_SECONDS", PATIENCE_SECONDS)


@pytest.fixture
def server(tmp_path):
    server = BellServer(tmp_path / "bell")
    yield server
    server.close()


@pytest.fixture
def bell(tmp_path):
    bell = Bell(tmp_path / "bell")
    yield bell
    bell.close()


class Sequencer(threading.Thread):
    """Answers every knock, as the real one does."""

    def __init__(self, server, serial=0):
        super().__init__(daemon=True)
        self.server, self.serial, self.stopping, self.knocks = server, serial, False, 0
        self.start()

    def run(self):
        while not self.stopping:
            if self.server.wait(0.02):
                self.knocks += 1
                self.server.announce(self.serial, self.serial)

    def stop(self):
        self.stopping = True
        self.join()


@pytest.fixture
def sequencer(server):
    server.announce(7, 7)
    sequencer = Sequencer(server, serial=7)
    yield sequencer
    sequencer.stop()


def test_who_waits_hears_that_its_entry_is_sealed(bell, sequencer):
    sequencer.serial = 8
    bell.knock()

    assert bell.wait(8, PATIENCE_SECONDS)
    assert not bell.is_stalled()


def test_who_connects_late_is_told_what_is_sealed_already(bell, sequencer):
    assert bell.wait(7, PATIENCE_SECONDS)
    assert sequencer.knocks == 0


def test_an_entry_not_yet_sealed_is_waited_for_no_longer_than_asked(bell, sequencer):
    assert bell.wait(7, PATIENCE_SECONDS)
    started = time.monotonic()

    assert not bell.wait(9, 0.1)
    assert 0.09 < time.monotonic() - started < PROMPT_SECONDS


def test_many_threads_wait_at_once(bell, sequencer):
    sealed = []
    assert bell.wait(7, PATIENCE_SECONDS)
    threads = [threading.Thread(target=lambda s=s: sealed.append(bell.wait(s, PATIENCE_SECONDS))) for s in range(8, 40)]
    for thread in threads:
        thread.start()
    sequencer.serial = 39
    bell.knock()
    for thread in threads:
        thread.join()

    assert sealed == [True] * 32


def test_without_a_sequencer_nobody_waits(bell):
    bell.knock()
    bell.wait(1, PATIENCE_SECONDS)  # the first call may find out
    waits, wait = [], bell._changed.wait
    bell._changed.wait = lambda timeout=None: waits.append(threading.current_thread()) or wait(timeout)
    for _ in range(20):
        bell.knock()
        assert not bell.wait(1, PATIENCE_SECONDS)

    assert bell.is_stalled()
    assert threading.current_thread() not in waits


def test_a_stopped_sequencer_costs_the_first_a_moment_and_the_others_nothing(bell, server, monkeypatch):
    monkeypatch.setattr(bell_module, "STALL_SECONDS", REAL_STALL_SECONDS)
    server.announce(1, 1)  # it listens, but nobody serves it
    bell.knock()
    started = time.monotonic()
    assert not bell.wait(2, PATIENCE_SECONDS)
    assert REAL_STALL_SECONDS < time.monotonic() - started < PROMPT_SECONDS

    started = time.monotonic()
    for _ in range(5000):  # more than the socket's buffer holds
        bell.knock()
    assert not bell.wait(2, PATIENCE_SECONDS)
    assert bell.is_stalled()
    assert time.monotonic() - started < PROMPT_SECONDS


def test_a_sequencer_that_goes_away_frees_those_who_wait(bell, server):
    serving = Sequencer(server, serial=1)
    bell.knock()
    assert bell.wait(1, PATIENCE_SECONDS)
    started = time.monotonic()
    serving.stop()
    threading.Timer(0.05, server.close).start()

    assert not bell.wait(2, PATIENCE_SECONDS)
    assert time.monotonic() - started < PROMPT_SECONDS


def test_a_bell_finds_the_next_sequencer_by_itself(bell, tmp_path):
    bell.knock()
    assert not bell.wait(3, PATIENCE_SECONDS)
    server = BellServer(tmp_path / "bell")
    server.announce(3, 3)
    serving = Sequencer(server, serial=3)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (bell.is_stalled() or not serving.knocks) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert bell.wait(3, PATIENCE_SECONDS)
    assert serving.knocks == 1  # the knock that nobody had heard
    serving.stop()
    server.close()


def test_what_is_no_sequencer_is_not_believed(bell, tmp_path):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "bell"))
        other.listen()
        bell.knock()
        stranger, _ = other.accept()
        stranger.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        stranger.close()
        assert not bell.wait(1, PATIENCE_SECONDS)


def test_after_a_fork_the_child_has_a_bell_of_its_own(bell, sequencer):
    assert bell.wait(7, PATIENCE_SECONDS)
    child = os.fork()
    if child == 0:
        os._exit(0 if bell.wait(7, PATIENCE_SECONDS) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_client_that_does_not_listen_is_dropped(server, tmp_path):
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(str(tmp_path / "bell"))
        server.wait(0.05)
        for size in range(5000):
            server.announce(size, size)
        assert not server._clients


def test_many_knocks_are_one(server, bell):
    for _ in range(50):
        bell.knock()

    assert server.wait(PATIENCE_SECONDS)
    time.sleep(0.05)
    assert not server.wait(0.02)


def test_a_long_path_is_replaced_by_a_short_one_of_ours(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    long = tmp_path / ("d" * 120) / "bell"
    assert len(socket_address(long)) < len(str(long))
    assert socket_address(long) == socket_address(long) != socket_address(long.with_name("other"))
    assert socket_address(tmp_path / "b") == str(tmp_path / "b")

    server = BellServer(long)
    server.announce(1, 1)
    serving = Sequencer(server, serial=1)
    bell = Bell(long)
    assert bell.wait(1, PATIENCE_SECONDS)
    bell.close()
    serving.stop()
    server.close()


def test_a_folder_that_others_can_use_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    long = tmp_path / ("d" * 120) / "bell"
    Path(socket_address(long)).parent.chmod(0o755)

    with pytest.raises(PermissionError):
        BellServer(long)
    bell = Bell(long)
    bell.knock()
    assert not bell.wait(1, PATIENCE_SECONDS)
    bell.close()
