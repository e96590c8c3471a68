"""The head: which tree the log stands for, remembered outside the database that holds it.

Whoever restores an old copy of the database does not restore this file with it, and whoever starts a second sequencer
meets the first one here. So the head moves only by compare-and-swap, and nothing is signed that it does not hold.

The file is two pages of 4,096 bytes, each with one head: the newest and the one before. A swap writes over the older one
in place, so that one fdatasync makes it durable, and a power cut in the midst of it spoils only what was to be replaced.
A page starts with six lines: origin, size, root in base64, the time in milliseconds since 1970, the number of the swap,
and the SHA-256 of the five lines above; line ends fill the rest. A file of just the first four lines is a head too: so
it was written once, and so an operator may write it. The first swap turns it into pages.

The file has to be on a disk of this machine (flock and rename promise little on network file systems) and out of reach
of whatever backs up or restores the database.
"""

import fcntl
import hashlib
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
_PAGE = re.compile(rb"((?:[^\n]+\n){4})((?:0|[1-9][0-9]*)\n)([0-9a-f]{64})\n+")
PAGE_BYTES = 4096  # what a disk replaces as a whole, or leaves
_sync_bytes = getattr(os, "fdatasync", os.fsync)  # macOS has only the other


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
    """The head in a file at `path`, with `path.lock` beside it, and `path.new` while the file is first written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path.with_name(f"{path.name}.lock")
        self._beside = path.with_name(f"{path.name}.new")

    def read(self) -> Head | None:
        """Return the head, or None if there is no file. Raises StoreError if it holds anything else."""
        found = self._read()
        return None if found is None else found[0]

    def is_spoiled(self) -> bool:
        """Tell whether one of the two pages is not whole. A swap that was cut short leaves that, and a failing disk."""
        content = self.path.read_bytes() if self.path.exists() else b""
        return len(content) == 2 * PAGE_BYTES and None in _parse_pages(content)

    def compare_and_swap(self, old: Head | None, new: Head) -> None:
        """Let the head be `new`, on disk when this returns, if it is `old` now.

        Raises Overtaken, and changes nothing, if it is not. Any other exception, an OSError above all, leaves the
        outcome unknown: after a failed fsync a second one may succeed without having written anything.
        """
        with _locked(self._lock):
            found = self._read()
            if (None if found is None else found[0]) != old:
                raise Overtaken("the head is not where this sequencer left it")
            if found is None or found[1] is None:
                self._write_both(new)
            else:
                _write_over(self.path, _format_page(new, found[1] + 1), PAGE_BYTES * ((found[1] + 1) % 2))

    def _read(self) -> tuple[Head, int | None] | None:
        """Return the newest head and the number of the swap that wrote it, None for one that was not written so."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        if len(content) != 2 * PAGE_BYTES:
            try:
                return parse_head(content.decode("utf-8")), None
            except UnicodeDecodeError as e:
                raise StoreError("the file of the head does not hold a head") from e
        whole = [page for page in _parse_pages(content) if page is not None]
        if not whole:
            raise StoreError("the file of the head does not hold a head")
        return max(whole, key=lambda page: page[1])

    def _write_both(self, head: Head) -> None:
        """Make the file: written beside, then put in place, then its folder on disk."""
        file = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            _write(file, _format_page(head, 0) + _format_page(head, 1), 0)
            os.fsync(file)
        finally:
            os.close(file)
        self._beside.rename(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)  # without it a power cut may bring the old file back
        finally:
            os.close(folder)


def _write_over(path: Path, page: bytes, offset: int) -> None:
    """Put `page` at `offset` of the file, which keeps its length, so that its bytes are all that has to be synced."""
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        _write(file, page, offset)
        _sync_bytes(file)
    finally:
        os.close(file)


def _write(file: int, content: bytes, offset: int) -> None:
    if os.pwrite(file, content, offset) != len(content):
        raise OSError("the head could be written in part only")


def _format_page(head: Head, swap: int) -> bytes:
    lines = f"{format_head(head)}{swap}\n".encode()
    page = lines + hashlib.sha256(lines).hexdigest().encode() + b"\n"
    if len(page) > PAGE_BYTES:
        raise ValueError("the origin is too long for a head")
    return page.ljust(PAGE_BYTES, b"\n")


def _parse_pages(content: bytes) -> list[tuple[Head, int] | None]:
    return [_parse_page(content[:PAGE_BYTES], 0), _parse_page(content[PAGE_BYTES:], 1)]


def _parse_page(page: bytes, parity: int) -> tuple[Head, int] | None:
    """Return the head of a page and the number of its swap, or None for a page that was not written to its end.

    Such a page is no head because it is not on disk whole, so its swap never returned; the other page holds.
    """
    match = _PAGE.fullmatch(page)
    if match is None or hashlib.sha256(match[1] + match[2]).hexdigest().encode() != match[3]:
        return None
    swap = int(match[2])
    return (parse_head(match[1].decode("utf-8")), swap) if swap % 2 == parity else None


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
