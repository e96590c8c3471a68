"""A small HTTP client that keeps a number of connections busy: each sends its next request when its answer is there.

One thread and raw sockets, so that it takes as little as can be of the cores that it shares with the server.
"""

from __future__ import annotations

import contextlib
import gc
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """One response: after how many seconds it was complete, its status, its header lines and its body."""

    seconds: float
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value, or an empty string."""
        return next((value for key, value in self.headers if key == name), "")

    def cookies(self) -> dict[str, str]:
        """Return the cookies that this answer sets."""
        pairs = (value.split(";")[0].split("=", 1) for key, value in self.headers if key == "set-cookie")
        return dict(pairs)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Burst:
    """The answers in the order of their requests, and how long all of them took."""

    seconds: float
    answers: list[Answer]

    @property
    def per_second(self) -> float:
        return len(self.answers) / self.seconds

    def quantile_ms(self, share: float) -> float:
        """Return the latency that `share` of the answers did not exceed, in milliseconds."""
        ordered = sorted(answer.seconds for answer in self.answers)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def get(path: str, cookies: dict[str, str] | None = None) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{_cookie_line(cookies)}\r\n".encode()


def post(path: str, form: dict[str, str], cookies: dict[str, str] | None = None) -> bytes:
    body = urlencode(form)
    lines = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{_cookie_line(cookies)}{lines}\r\n{body}".encode()


def _cookie_line(cookies: dict[str, str] | None) -> str:
    return "Cookie: " + "; ".join(f"{k}={v}" for k, v in cookies.items()) + "\r\n" if cookies else ""


@dataclass
class _Line:
    """One connection and the request that is under way on it."""

    socket: socket.socket
    number: int = -1
    sent_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)


def fire(port: int, requests: Sequence[bytes], connections: int) -> Burst:
    """Send all of `requests` to this machine's `port` over so many connections, which are open before the clock starts.

    Raises ConnectionError when the server hangs up in the middle, TimeoutError when it says nothing for half a minute.
    """
    with _without_collector():
        return _fire(port, requests, connections)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python from looking for garbage meanwhile: with thousands of people in its memory that took this client 100 ms
    once in a burst, which looked like the server's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _fire(port: int, requests: Sequence[bytes], connections: int) -> Burst:
    answers: list[Answer | None] = [None] * len(requests)
    selector = selectors.DefaultSelector()
    lines = []
    for _ in range(min(connections, len(requests))):
        line = _Line(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS))
        line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(line.socket, selectors.EVENT_READ, line)
        lines.append(line)
    try:
        began = time.perf_counter()
        following = 0
        for line in lines:
            _send(line, requests, following)
            following += 1
        waiting = len(requests)
        while waiting:
            ready = selector.select(PATIENCE_SECONDS)
            if not ready:
                raise TimeoutError("the server has not answered for half a minute")
            for key, _ in ready:
                line = key.data
                answer = _receive(line)
                if answer is None:
                    continue
                answers[line.number] = answer
                waiting -= 1
                if following < len(requests):
                    _send(line, requests, following)
                    following += 1
        seconds = time.perf_counter() - began
    finally:
        for line in lines:
            line.socket.close()
        selector.close()
    return Burst(seconds, [answer for answer in answers if answer is not None])


def _send(line: _Line, requests: Sequence[bytes], number: int) -> None:
    line.number, line.received = number, bytearray()
    line.sent_at = time.perf_counter()
    line.socket.sendall(requests[number])


def _receive(line: _Line) -> Answer | None:
    """Take in what has come; return the answer once it is complete."""
    data = line.socket.recv(262144)
    if not data:
        raise ConnectionError("the server hung up")
    line.received += data
    end = line.received.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *rest = bytes(line.received[:end]).decode("latin-1").split("\r\n")
    headers = tuple((name.lower(), value.strip()) for name, _, value in (text.partition(":") for text in rest))
    length = next((int(value) for name, value in headers if name == "content-length"), 0)
    if len(line.received) < end + 4 + length:
        return None
    seconds = time.perf_counter() - line.sent_at
    return Answer(seconds, int(first.split(" ")[1]), headers, bytes(line.received[end + 4 :]))
