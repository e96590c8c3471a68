"""gunicorn's threads, given to whole requests only.

A thread that reads from a slow client waits for it, and sixty clients that send half a head each would have all threads wait
(slowloris). So the one loop that accepts looks, without taking anything, whether head and a form's body are there, and parks the
connection until they are, or for ten seconds at most. Written against gunicorn 27's `ThreadWorker`.

Both workers are woken by a new connection. Whoever has more of them stands back for a moment, so that a rush does not end in
one process, whose threads share one interpreter, while the other one idles.
"""

from __future__ import annotations

import contextlib
import mmap
import re
import selectors
import socket
import struct
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

HEAD_SECONDS = 10.0  # in which a whole request must have come
READ_SECONDS = 30.0  # in which the thread must have read the rest of a longer one
LOOK_EVERY_SECONDS = 0.02  # at what has come in part
MANY = 50  # connections that have begun to send: more are looked at less often
MOST_LOOKED_AT = 48 * 1024  # bytes; no form of ours is longer, and the system holds as much for each connection
STAND_BACK_SECONDS = 0.004  # for this long a worker leaves a new connection to one that has fewer
NAP_SECONDS = 0.0005
MOST_WORKERS = 64
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)


def is_whole(seen: bytes) -> bool:
    """Tell whether a request, seen from its first byte, has come whole, or is too long or too odd to wait for here."""
    head, end, body = seen.partition(b"\r\n\r\n")
    if not end:
        return len(seen) >= MOST_LOOKED_AT
    if b"\nexpect:" in head.lower():
        return True  # the client waits for our word before it sends the body
    length = LENGTH.search(head + b"\r\n")
    return length is None or len(body) >= min(int(length[1]), MOST_LOOKED_AT - len(head) - len(end))


class Desks:
    """How many connections each worker has, in memory that they share: made by the process that starts them, before it does."""

    NOBODY = -1

    def __init__(self) -> None:
        self._cell = struct.Struct("i")
        self._shared = mmap.mmap(-1, MOST_WORKERS * self._cell.size)
        for desk in range(MOST_WORKERS):
            self.put(desk, self.NOBODY)

    def put(self, desk: int, connections: int) -> None:
        self._cell.pack_into(self._shared, desk * self._cell.size, connections)

    def fewest(self) -> int:
        """Return how many connections the worker has that has the fewest."""
        return min((n for (n,) in self._cell.iter_unpack(self._shared) if n != self.NOBODY), default=0)


DESKS = Desks()


def clear_desk(worker: Any) -> None:
    """Forget a worker that ended, however it did; called by the process that started it."""
    DESKS.put(worker.age % MOST_WORKERS, Desks.NOBODY)


class WholeRequestWorker(ThreadWorker):  # type: ignore[misc]
    """A ThreadWorker whose threads wait for no client. A client that sends its next request before it has its answer
    (pipelining, which no browser does) may be hung up on."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._desk = self.age % MOST_WORKERS
        self._stands_back_until = 0.0
        self._silent: dict[Any, float] = {}  # nothing has come, the poller watches; with the end of our patience
        self._begun: dict[
            Any, float
        ] = {}  # a part has come, so the poller would always wake us: looked at from time to time
        self._in_hand: dict[Any, float] = {}  # a thread has it

    def init_process(self) -> None:
        DESKS.put(self._desk, 0)
        super().init_process()

    def accept(self, listener: Any) -> None:
        """Take a new connection, unless somebody has fewer and takes it in the next moment."""
        if self.nr_conns > DESKS.fewest():
            now = time.monotonic()
            if now > self._stands_back_until + STAND_BACK_SECONDS:  # that was for another connection
                self._stands_back_until = now + STAND_BACK_SECONDS
            if now < self._stands_back_until:
                time.sleep(NAP_SECONDS)
                return
        self._stands_back_until = 0.0
        super().accept(listener)
        DESKS.put(self._desk, self.nr_conns)

    def enqueue_req(self, conn: Any) -> None:
        """Give the connection to a thread once its request is there. Called by the loop alone."""
        self._look(conn, time.monotonic() + HEAD_SECONDS)

    def _look(self, conn: Any, until: float) -> None:
        try:
            seen = conn.sock.recv(MOST_LOOKED_AT, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._silent[conn] = until
            self.poller.register(conn.sock, selectors.EVENT_READ, lambda _sock: self._woken(conn))
            return
        except OSError:
            seen = b""
        if seen and not is_whole(seen):
            self._begun[conn] = until
            return
        self._in_hand[conn] = time.monotonic() + READ_SECONDS
        conn.data_ready = True
        super().enqueue_req(conn)

    def _woken(self, conn: Any) -> None:
        self.poller.unregister(conn.sock)
        self._look(conn, self._silent.pop(conn))

    def finish_request(self, conn: Any, fs: Any) -> Any:
        self._in_hand.pop(conn, None)
        return super().finish_request(conn, fs)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        if self._begun:
            timeout = min(timeout, LOOK_EVERY_SECONDS * (1 + len(self._begun) / MANY))
        super().wait_for_and_dispatch_events(timeout)
        DESKS.put(self._desk, self.nr_conns)
        now = time.monotonic()
        begun, self._begun = self._begun, {}
        for conn, until in begun.items():
            if now < until and self.alive:
                self._look(conn, until)
            else:
                self._hang_up(conn)
        for conn in [conn for conn, until in self._silent.items() if now >= until or not self.alive]:
            del self._silent[conn]
            self.poller.unregister(conn.sock)
            self._hang_up(conn)
        for conn in [conn for conn, until in self._in_hand.items() if now >= until]:
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RD)

    def _hang_up(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()
