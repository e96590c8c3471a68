"""A witness on the network: the HTTP of https://c2sp.org/tlog-witness around `ledger.witness`.

`POST /add-checkpoint`, and `GET /<SHA-256 of the origin>/checkpoint`, the last cosigned one. It is small on purpose: put it
behind a server that speaks TLS and keeps strangers from holding connections.
"""

import re
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ledger.errors import NotCosigned
from ledger.witness import MAX_REQUEST_BYTES, Witness

TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"
MOST_CONNECTIONS = 64
SILENCE_SECONDS = 20  # between two requests of a connection, and between two parts of one
BODY_SECONDS = 20.0  # in which a body must have come

_NEWEST = re.compile(r"/([0-9a-f]{64})/checkpoint")
_LENGTH = re.compile(r"0|[1-9][0-9]{0,18}")


class WitnessServer(ThreadingHTTPServer):
    """Serves `witness` at `address` (host, port). `failed` is called when the witness can no longer write."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], witness: Witness, failed: Callable[[], None] = lambda: None) -> None:
        self.witness = witness
        self.failed = failed
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without asking the network for the name of this machine, which the base class does and nobody needs."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, or hang up when all are taken."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection, then give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up, or was silent for too long, is nobody's trouble but its own."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "witness"
    sys_version = ""
    timeout = SILENCE_SECONDS
    disable_nagle_algorithm = True
    server: WitnessServer

    def do_POST(self) -> None:
        body = self._read_body()
        if body is None:
            return
        if self.path.partition("?")[0] != "/add-checkpoint":
            self._answer(404, "There is nothing here to post to.\n")
            return
        try:
            status, text, kind = 200, self.server.witness.add_checkpoint(body), TEXT
        except NotCosigned as e:
            status, text, kind = e.status, f"{e}\n", TEXT
            if e.size is not None:
                text, kind = f"{e.size}\n", SIZE
        except OSError:
            status, text, kind = 500, "This witness could not write down what it saw.\n", TEXT
        if status == 500:
            self.close_connection = True
        self._answer(status, text, kind)
        if status == 500:
            self.server.failed()

    def do_GET(self) -> None:
        self.close_connection = (
            self.close_connection or self._length() != 0
        )  # what follows it would be read as a request
        match = _NEWEST.fullmatch(self.path.partition("?")[0])
        note = None if match is None else self.server.witness.newest(match[1])
        self._answer(404 if note is None else 200, note or "Nothing was cosigned under this address.\n")

    do_HEAD = do_GET

    def _read_body(self) -> bytes | None:
        """Return the body; None where it was refused already, and the connection with it."""
        length = self._length("")
        if length is None:
            self._refuse(411, "The body needs a Content-Length.\n")
            return None
        if length > MAX_REQUEST_BYTES:
            self._refuse(413, f"A body has at most {MAX_REQUEST_BYTES} bytes.\n")
            return None
        body, until = b"", time.monotonic() + BODY_SECONDS
        while len(body) < length:
            part = self.rfile.read1(length - len(body))
            if not part or time.monotonic() > until:
                self._refuse(400, "The body did not come whole.\n")
                return None
            body += part
        return body

    def _length(self, absent: str = "0") -> int | None:
        """Return how long the body is; None where two readers of the same bytes could disagree about it.

        A proxy in front may read another length than we do; what one takes for a body is then a request to the other.
        """
        lengths = self.headers.get_all("Content-Length", [absent])
        names = [name.lower() for name in self.headers]
        if len(lengths) != 1 or "transfer-encoding" in names or any(name != name.strip() for name in names):
            return None
        return int(lengths[0]) if _LENGTH.fullmatch(lengths[0]) else None

    def _refuse(self, status: int, text: str) -> None:
        self.close_connection = True
        self._answer(status, text)

    def _answer(self, status: int, text: str, kind: str = TEXT) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_arguments: Any) -> None:
        """Nothing: what a stranger asks for is no news."""
