"""How workers and sequencer wake each other, and that neither can hold the other up."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from ledger import bell as bell_module
from ledger.bell import Bell, BellServer, socket_address


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

    assert bell.wait(8, 2)
    assert not bell.is_stalled()


def test_who_connects_late_is_told_what_is_sealed_already(bell, sequencer):
    assert bell.wait(7, 2)
    assert sequencer.knocks == 0


def test_an_entry_not_yet_sealed_is_waited_for_no_longer_than_asked(bell, sequencer):
    assert bell.wait(7, 2)
    started = time.monotonic()

    assert not bell.wait(9, 0.1)
    assert 0.09 < time.monotonic() - started < 0.3


def test_many_threads_wait_at_once(bell, sequencer):
    sealed = []
    assert bell.wait(7, 2)
    threads = [threading.Thread(target=lambda s=s: sealed.append(bell.wait(s, 2))) for s in range(8, 40)]
    for thread in threads:
        thread.start()
    sequencer.serial = 39
    bell.knock()
    for thread in threads:
        thread.join()

    assert sealed == [True] * 32


def test_without_a_sequencer_nobody_waits(bell):
    bell.knock()
    bell.wait(1, 0.2)  # the first call may find out
    started = time.monotonic()
    for _ in range(20):
        bell.knock()
        assert not bell.wait(1, 5)

    assert bell.is_stalled()
    assert time.monotonic() - started < 0.02  # less than a millisecond each


def test_a_stopped_sequencer_costs_the_first_a_moment_and_the_others_nothing(bell, server):
    server.announce(1, 1)  # it listens, but nobody serves it
    bell.knock()
    started = time.monotonic()
    assert not bell.wait(2, 5)
    assert time.monotonic() - started < bell_module.STALL_SECONDS + 0.2

    started = time.monotonic()
    for _ in range(5000):  # more than the socket's buffer holds
        bell.knock()
    assert not bell.wait(2, 5)
    assert bell.is_stalled()
    assert time.monotonic() - started < 1


def test_a_sequencer_that_goes_away_frees_those_who_wait(bell, server):
    serving = Sequencer(server, serial=1)
    bell.knock()
    assert bell.wait(1, 2)
    started = time.monotonic()
    serving.stop()
    threading.Timer(0.05, server.close).start()

    assert not bell.wait(2, 5)
    assert time.monotonic() - started < 1


def test_a_bell_finds_the_next_sequencer_by_itself(bell, tmp_path):
    bell.knock()
    assert not bell.wait(3, 0.3)
    server = BellServer(tmp_path / "bell")
    server.announce(3, 3)
    serving = Sequencer(server, serial=3)
    deadline = time.monotonic() + 3
    while bell.is_stalled() and time.monotonic() < deadline:
        time.sleep(0.01)

    assert bell.wait(3, 2)
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
        assert not bell.wait(1, 1)


def test_after_a_fork_the_child_has_a_bell_of_its_own(bell, sequencer):
    assert bell.wait(7, 2)
    child = os.fork()
    if child == 0:
        os._exit(0 if bell.wait(7, 2) else 1)
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
    time.sleep(0.05)

    assert server.wait(1)
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
    assert bell.wait(1, 2)
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
    assert not bell.wait(1, 1)
    bell.close()
