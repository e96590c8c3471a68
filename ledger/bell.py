"""How web workers wake the sequencer, and how it tells them what is sealed.

A Unix stream socket. A worker writes one byte to knock; after every round, and to everybody who connects, the
sequencer writes `<tree size> <serial>\n`: entries up to that serial of `ledger_entry` are in a published checkpoint.
(SQLite gives out serials in the order of the commits. A database that does not needs another bell.)

The bell only saves time. Whoever does not hear it finds everything in the database, the sequencer included, which
looks there by itself a few times a second. So nothing here is retried, and nothing here may cost a request anything
while the sequencer is slow, stopped or gone.
"""

import contextlib
import hashlib
import os
import select
import selectors
import socket
import stat
import tempfile
import threading
import time
from pathlib import Path
from typing import cast

LONGEST_PATH_BYTES = 100  # sockaddr_un has 108 on Linux and 104 on macOS, with a final zero
STALL_SECONDS = 0.4  # a knock without an answer for so long: the sequencer is busy with something else
RETRY_SECONDS = 0.1
GREETING_SECONDS = 1.0


def socket_address(path: Path) -> str:
    """Return where the socket named `path` really lies.

    That is `path` itself, unless it is too long for an address: then it is a short one in a folder of ours under the
    temporary folder, the same for everybody who asks as the same user.

    Raises PermissionError if that folder belongs to somebody else.
    """
    absolute = str(path.absolute())
    if len(os.fsencode(absolute)) <= LONGEST_PATH_BYTES:
        return absolute
    digest = hashlib.sha256(os.fsencode(absolute)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir(), f"mingzhen-{os.geteuid()}-{digest}")
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder that only this user can use")
    return str(folder / "bell")


class BellServer:
    """The sequencer's side. One thread uses it; who holds the sequencer's lock may replace what lies at `path`."""

    def __init__(self, path: Path) -> None:
        self._address = socket_address(path)
        with contextlib.suppress(FileNotFoundError):
            Path(self._address).unlink()  # left by one that was killed
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self._address)
        Path(self._address).chmod(0o660)  # the web workers may be another user of the same group
        self._listener.listen(64)
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._clients: set[socket.socket] = set()
        self._state = b""

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for a knock, `timeout_seconds` at most; tell whether there was one. All knocks so far count as one."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            remaining = deadline - time.monotonic()
            knocked = False
            for key, _ in self._selector.select(max(0.0, remaining)):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    knocked |= self._listen_to(cast(socket.socket, key.fileobj))
            if knocked or remaining <= 0:
                return knocked

    def announce(self, size: int, serial: int) -> None:
        """Tell everybody that the entries up to `serial` are in the published checkpoint of `size` leaves."""
        self._state = b"%d %d\n" % (size, serial)
        for client in tuple(self._clients):
            self._tell(client)

    def close(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            Path(self._address).unlink()
        for client in tuple(self._clients):
            self._drop(client)
        self._selector.close()
        self._listener.close()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return  # gone again, or we have too many files open; it will come back
        client.setblocking(False)
        self._clients.add(client)
        self._selector.register(client, selectors.EVENT_READ)
        if self._state:
            self._tell(client)

    def _listen_to(self, client: socket.socket) -> bool:
        try:
            knocked = bool(client.recv(65536))
        except BlockingIOError:
            return False
        except OSError:
            knocked = False
        if not knocked:
            self._drop(client)
        return knocked

    def _tell(self, client: socket.socket) -> None:
        try:
            whole = client.send(self._state) == len(self._state)
        except OSError:
            whole = False
        if not whole:
            self._drop(client)  # it does not listen; when it does, it connects again and hears the newest

    def _drop(self, client: socket.socket) -> None:
        if client in self._clients:
            self._clients.remove(client)
            self._selector.unregister(client)
            client.close()


class Bell:
    """The web workers' side; all threads of a process share one.

    Cheap to build, also before a fork: the thread that listens is started by the first use in each process.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._starting = threading.Lock()
        self._pid = 0
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        # All below belongs to that lock.
        self._socket: socket.socket | None = None
        self._is_connected = False
        self._was_tried = False
        self._is_closed = False
        self._serial = 0
        self._unanswered_since: float | None = None

    def knock(self) -> None:
        """Ask for a round. Call it after the commit. Never waits, never fails."""
        self._start()
        with self._changed:
            if self._unanswered_since is None:
                self._unanswered_since = time.monotonic()
            self._send_knock()

    def wait(self, serial: int, timeout_seconds: float) -> bool:
        """Tell whether the entry with `serial` is in a published checkpoint, waiting for that at most so long.

        False at once, or as soon as it shows, while the sequencer is stalled: the entry is safe and will be sealed, but
        not now.
        """
        self._start()
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while self._serial < serial:
                now = time.monotonic()
                if now >= deadline or self._stalled(now):
                    return False
                until = deadline
                if self._unanswered_since is not None:
                    until = min(until, self._unanswered_since + STALL_SECONDS)
                self._changed.wait(until - now)
            return True

    def is_stalled(self) -> bool:
        """Tell whether the sequencer is away, or left a knock without an answer for STALL_SECONDS.

        One that stopped without closing its socket is noticed by the first knock only.
        """
        self._start()
        with self._changed:
            return self._stalled(time.monotonic())

    def close(self) -> None:
        """Stop listening. The bell can be used again afterwards."""
        with self._changed:
            self._is_closed = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
            self._changed.notify_all()
        with self._starting:
            if self._pid == os.getpid():
                self._listener.join()
            self._pid = 0

    def _stalled(self, now: float) -> bool:
        if self._was_tried and not self._is_connected:
            return True
        return self._unanswered_since is not None and now - self._unanswered_since >= STALL_SECONDS

    def _start(self) -> None:
        if self._pid == os.getpid():
            return
        with self._starting:
            if self._pid != os.getpid():
                self._reset()  # what a parent process knew is not ours, nor is its lock
                self._pid = os.getpid()
                self._listener = threading.Thread(target=self._listen, args=(self._changed,), name="bell", daemon=True)
                self._listener.start()

    def _send_knock(self) -> None:
        """Send under the lock, because the listener closes the socket under it."""
        if self._socket is not None:
            with contextlib.suppress(OSError):  # full: it has a knock to read already; broken: the listener sees it
                self._socket.send(b"k", socket.MSG_DONTWAIT)

    def _listen(self, changed: threading.Condition) -> None:
        """Stay connected until somebody closes the bell."""
        while True:
            with contextlib.suppress(OSError, ValueError):  # ValueError: whoever answers there is no sequencer
                self._follow_one_connection(changed)
            with changed:
                if self._socket is not None:
                    self._socket.close()
                    self._socket = None
                self._is_connected = False
                self._was_tried = True
                changed.notify_all()
                if changed.wait_for(lambda: self._is_closed, RETRY_SECONDS):
                    return

    def _follow_one_connection(self, changed: threading.Condition) -> None:
        """Connect and take in what the sequencer says, until it hangs up. Raises OSError when it cannot."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(GREETING_SECONDS)
            connection.connect(socket_address(self._path))
            connection.settimeout(None)  # with a time limit, Python would let a send wait, whatever its flags say
        except OSError:
            connection.close()
            raise
        with changed:
            self._socket = connection
            if self._is_closed:
                return
            if self._unanswered_since is not None:
                self._send_knock()  # somebody knocked while there was nobody to hear it
        greeting = select.poll()
        greeting.register(connection, select.POLLIN)
        if not greeting.poll(GREETING_SECONDS * 1000):
            with changed:
                self._was_tried = True  # stopped, or still starting: stay, it may yet speak
                changed.notify_all()
        received = b""
        while data := connection.recv(65536):
            *lines, received = (received + data).split(b"\n")
            if not lines:
                continue
            _size, serial = lines[-1].split(b" ")
            with changed:
                self._serial = int(serial)
                self._is_connected = True
                self._was_tried = True
                self._unanswered_since = None
                changed.notify_all()
