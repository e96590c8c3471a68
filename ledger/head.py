"""The head: which tree the log stands for, remembered outside the database that holds it.

Whoever restores an old copy of the database does not restore this file with it, and whoever starts a second sequencer
meets the first one here. So the head moves only by compare-and-swap, and nothing is signed that it does not hold.

Four lines: origin, size, root in base64, and the time in milliseconds since 1970. The file has to be on a disk of this
machine (flock and rename promise little on network file systems) and out of reach of whatever backs up or restores the
database.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.base64_text import format_base64, parse_base64
from ledger.errors import RefusedToStart, StoreError
from ledger.merkle import HASH_SIZE
from ledger.store import Overtaken

_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
_HEAD = re.compile(r"([^\n]+)\n(0|[1-9][0-9]*)\n([A-Za-z0-9+/=]+)\n(0|[1-9][0-9]*)\n")


@dataclass(frozen=True)
class Head:
    """The log `origin` had `size` entries under `root`; `at_ms` is when, and never goes back."""

    origin: str
    size: int
    root: bytes
    at_ms: int


def parse_head(text: str) -> Head:
    """Return the head that a file says. Raises StoreError."""
    match = _HEAD.fullmatch(text)
    try:
        root = b"" if match is None else parse_base64(match[3])
    except ValueError:
        root = b""
    if match is None or len(root) != HASH_SIZE:
        raise StoreError("the file of the head does not hold a head")
    return Head(match[1], int(match[2]), root, int(match[4]))


def format_head(head: Head) -> str:
    """Return the content of the file."""
    return f"{head.origin}\n{head.size}\n{format_base64(head.root)}\n{head.at_ms}\n"


class FileHead:
    """The head in a file at `path`, with `path.lock` and `path.new` beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path.with_name(f"{path.name}.lock")
        self._beside = path.with_name(f"{path.name}.new")

    def read(self) -> Head | None:
        """Return the head, or None if there is no file. Raises StoreError if it holds anything else."""
        try:
            return parse_head(self.path.read_bytes().decode("utf-8"))
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as e:
            raise StoreError("the file of the head does not hold a head") from e

    def compare_and_swap(self, old: Head | None, new: Head) -> None:
        """Let the head be `new`, on disk when this returns, if it is `old` now.

        Raises Overtaken, and changes nothing, if it is not. Any other exception, an OSError above all, leaves the
        outcome unknown: after a failed fsync a second one may succeed without having written anything.
        """
        with _locked(self._lock):
            if self.read() != old:
                raise Overtaken("the head is not where this sequencer left it")
            file = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            try:
                content = format_head(new).encode()
                if os.write(file, content) != len(content):
                    raise OSError("the head could be written in part only")
                os.fsync(file)
            finally:
                os.close(file)
            self._beside.rename(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)  # without it a power cut may bring the old file back
            finally:
                os.close(folder)


@contextmanager
def only_sequencer(head: FileHead) -> Iterator[None]:
    """Hold the right to be the one sequencer of this head.

    The log is safe without it, because a second sequencer loses a swap and stops; this saves both from trying.

    Raises RefusedToStart if there is one already.
    """
    path = head.path.with_name(f"{head.path.name}.sequencer")
    lock = os.open(path, _LOCK_FLAGS, 0o660)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise RefusedToStart(
                "another sequencer is running on this head",
                f"One is enough; to replace it, stop it first. Its lock is {path}, which need not be removed.",
            ) from e
        yield
    finally:
        os.close(lock)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = os.open(path, _LOCK_FLAGS, 0o660)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
