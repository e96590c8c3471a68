"""Slow clients hold no thread: the others are served as if they were not there."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from app.server.worker import HEAD_SECONDS, MOST_LOOKED_AT, is_whole
from tests.server.launched import PATIENCE_SECONDS, free_port, wait_until

SITE = """
def app(environ, start_response):
    try:
        body = environ["wsgi.input"].read()
    except Exception:
        body = b"cut off"
    start_response("200 OK", [("Content-Length", str(len(str(len(body)))))])
    return [str(len(body)).encode()]
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "site_of_two_threads.py").write_text(SITE)
    number = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "--worker-class", "app.server.worker.WholeRequestWorker", "--workers", "1",
        "--threads", "2", "--bind", f"127.0.0.1:{number}", "--log-level", "error", "--graceful-timeout", "1",
        "--no-control-socket", "--pythonpath", str(folder), "site_of_two_threads:app",
    ]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: is_open(number))
        yield number
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def seconds_of_a_request(port: int) -> float:
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    for _ in range(3):
        connection.request("POST", "/", body=b"x" * 1000)
        assert connection.getresponse().read() == b"1000"
    connection.close()
    return time.monotonic() - started


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nabc",
    ],
    ids=["nothing", "half a line", "half a head", "half a body"],
)
def test_forty_slow_clients_hold_up_nobody(port, sent):
    slow = [socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) for _ in range(40)]
    try:
        for client in slow:
            client.sendall(sent)
        time.sleep(0.2)
        assert seconds_of_a_request(port) < 0.9 * HEAD_SECONDS  # in which the slow ones are hung up on
    finally:
        for client in slow:
            client.close()


def test_a_request_in_crumbs_is_answered_once_it_is_whole(port):
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as client:
        for at in range(0, len(request), 7):
            client.sendall(request[at : at + 7])
            time.sleep(0.01)
        with client.makefile("rb") as answer:  # head and body may come apart
            assert answer.read().endswith(b"\r\n\r\n3")


def test_a_long_body_and_one_that_waits_for_our_word_are_read(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    connection.request("POST", "/", body=b"x" * 900_000)
    assert connection.getresponse().read() == b"900000"
    connection.request("POST", "/", body=b"x" * 10, headers={"Expect": "100-continue"})
    assert connection.getresponse().read() == b"10"
    connection.close()


def test_who_never_finishes_is_hung_up_on(port):
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionResetError):  # what it sent was never taken
            assert client.recv(100) == b""


def test_what_is_whole() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 3\r\n\r\n"
    assert not is_whole(head) and not is_whole(head + b"ab") and is_whole(head + b"abc")
    assert is_whole(b"GET / HTTP/1.1\r\n\r\n") and not is_whole(b"GET / HTTP/1.1\r\nX: \r\n")
    assert is_whole(b"x" * MOST_LOOKED_AT)
    long = b"POST / HTTP/1.1\r\nContent-Length: 900000\r\n\r\n"
    assert is_whole(long.ljust(MOST_LOOKED_AT, b"x")) and not is_whole(long)
