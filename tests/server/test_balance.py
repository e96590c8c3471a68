"""A rush is shared by the workers; whoever died is not waited for."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.server.worker import Desks
from tests.server.launched import PATIENCE_SECONDS, free_port

SITE = """
import os

def app(environ, start_response):
    start_response("200 OK", [("Content-Length", str(len(str(os.getpid()))))])
    return [str(os.getpid()).encode()]
"""
CONFIG = """
from app.server.worker import clear_desk

worker_class = "app.server.worker.WholeRequestWorker"
workers, threads = 2, 4
graceful_timeout = 1
control_socket_disable = True
loglevel = "error"
keepalive = 60

def child_exit(_server, worker):
    clear_desk(worker)
"""
RUSH = 12


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "site_that_says_who.py").write_text(SITE)
    (tmp_path / "conf.py").write_text(CONFIG)
    number = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", str(tmp_path / "conf.py"), "--bind", f"127.0.0.1:{number}"]
    process = subprocess.Popen([*command, "--pythonpath", str(tmp_path), "site_that_says_who:app"])
    try:
        _until(lambda: len({who_answers(number) for _ in range(4)}) == 2)
        yield number
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _until(is_so) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if is_so():
                return
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def who_answers(port: int) -> int:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", "/")
        return int(connection.getresponse().read())


def rush(port: int) -> Counter[int]:
    """Open many connections at once, keep them, and return how many each process has."""
    kept = [http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(RUSH)]
    for connection in kept:
        connection.connect()
    found: Counter[int] = Counter()
    for connection in kept:
        connection.request("GET", "/")
        found[int(connection.getresponse().read())] += 1
    for connection in kept:
        connection.close()
    return found


def test_a_rush_is_shared(port: int) -> None:
    _until(lambda: len(shares := rush(port)) == 2 and max(shares.values()) <= RUSH // 2 + 1)


def test_nobody_waits_for_a_worker_that_was_killed(port: int) -> None:
    victim = who_answers(port)
    held = socket.create_connection(("127.0.0.1", port), 60)
    os.kill(victim, signal.SIGKILL)
    _until(lambda: len(pids := {who_answers(port) for _ in range(6)}) == 2 and victim not in pids)
    held.close()
    _until(lambda: len(shares := rush(port)) == 2 and max(shares.values()) <= RUSH // 2 + 1)


def test_the_fewest_is_of_those_who_are_there() -> None:
    desks = Desks()
    assert desks.fewest() == 0
    desks.put(0, 5)
    desks.put(63, 3)
    assert desks.fewest() == 3
    desks.put(63, Desks.NOBODY)
    assert desks.fewest() == 5
