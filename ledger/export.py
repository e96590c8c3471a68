"""The published log as files in a folder, for a CDN, a mirror, or the day on which the database is lost.

Exactly the files that the log's address serves (https://c2sp.org/tlog-tiles, docs/log-format.md section 6). The folder is its own
memory: what its checkpoint covers is there, so a run begins at that checkpoint, and one that was killed is done again.

    1. read the newest checkpoint, and refuse it unless the log's key signed it and it continues the folder's
    2. write what is new: full tiles, entry bundles, the partial ones of this size, keys, notices; each file whole, on disk
    3. take away the partial files of tiles that are full now
    4. replace the checkpoint, last: whoever reads the folder at any moment can check all that its checkpoint says
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ledger.checkpoint import Checkpoint, parse_checkpoint
from ledger.durable import replace_file, sync_folder
from ledger.errors import LedgerError, NotInLog
from ledger.merkle import tree_hash
from ledger.note import VerifierKey, parse_note, verify_note
from ledger.reader import LogReader
from ledger.tiles import TILE_BITS, TILE_WIDTH, bundle_path, tile_path, tile_reader

CHECKPOINT = "checkpoint"
_BESIDE = ".new"  # what is being written, before it gets its name

Extras = Callable[[], Mapping[str, bytes]]  # further files by their path: the keys, the notices
Keys = Sequence[VerifierKey] | Callable[[], Sequence[VerifierKey]]


class ExportRefused(LedgerError):
    """The folder and the log contradict each other: writing would destroy evidence. A person has to look."""


class FolderTaken(LedgerError):
    """Another export is writing into this folder."""


@dataclass(frozen=True)
class Exported:
    """What one step did: the folder went from `old_size` entries to `new_size`, by so many files."""

    old_size: int
    new_size: int
    files: int


class Exporter:
    """Writes the log that `reader` reads into `folder`. Use it inside `only_exporter`.

    `keys` are the verifier keys under which a checkpoint is accepted, or what gives them at each step, because a log goes from one key
    to the next while it is exported; `extras` gives further files of the log.
    """

    def __init__(self, reader: LogReader, folder: Path, keys: Keys, extras: Extras = dict) -> None:
        self._reader = reader
        self._folder = folder
        self._keys = keys if callable(keys) else partial(tuple, keys)
        self._extras = extras
        self._touched: set[Path] = set()
        self._files = 0

    def step(self) -> Exported:
        """Bring the folder up to the newest checkpoint; return what that took. Nothing is written where nothing is new.

        Raises ExportRefused where the log has lost or changed what the folder holds, OSError and StoreError where
        one of the two cannot be read or written: the folder is then as good as before, and another step may follow.
        """
        self._touched, self._files = set(), 0
        try:
            note = self._reader.read_checkpoint().encode()
        except NotInLog:
            return Exported(0, 0, 0)
        held = self._held()
        if held == note:
            return self._finish(parse_checkpoint(parse_note(note).text).size)
        new = self._open(note, "the log's newest checkpoint")
        old = None if held is None else self._open(held, f"{CHECKPOINT} in the folder")
        old_size = 0 if old is None else old.size
        if old is not None:
            self._require_continuation(old, new)
        for level in range((new.size.bit_length() + TILE_BITS - 1) // TILE_BITS):
            self._write_level(level, old_size, new.size)
        return self._finish(new.size, old_size, note)

    def _finish(self, new_size: int, old_size: int | None = None, note: bytes | None = None) -> Exported:
        for path, data in self._extras().items():
            self._put(path, data)
        self._sync()
        if note is not None:
            self._put(CHECKPOINT, note)
            self._sync()
        return Exported(new_size if old_size is None else old_size, new_size, self._files)

    def _open(self, note: bytes, name: str) -> Checkpoint:
        try:
            parsed = parse_note(note)
            verify_note(parsed, self._keys())
            return parse_checkpoint(parsed.text)
        except LedgerError as e:
            raise ExportRefused(f"{name} is not one of this log: {e}") from e

    def _held(self) -> bytes | None:
        try:
            return (self._folder / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None

    def _require_continuation(self, old: Checkpoint, new: Checkpoint) -> None:
        if old.origin != new.origin:
            raise ExportRefused(f"the folder holds the log {old.origin}, this is {new.origin}: name another folder")
        if old.size > new.size:
            raise ExportRefused(
                f"the folder holds a checkpoint of {old.size} entries, the log has only {new.size}: the log was rolled"
                " back. Keep the folder; `python -m ledger heal --from` needs it"
            )
        root = new.root if old.size == new.size else self._root(old.size, new.size)
        if root != old.root:
            raise ExportRefused(
                f"the log gives another root for {old.size} entries than the folder's checkpoint: it changed its past."
                " Keep both checkpoints, which prove it"
            )

    def _root(self, size: int, of_size: int) -> bytes:
        return tree_hash(size, tile_reader(self._reader.read_tile, of_size))

    def _write_level(self, level: int, old_size: int, new_size: int) -> None:
        """Write the tiles of one level that `new_size` has and `old_size` had not, and below level 0 their bundles."""
        old_count, new_count = old_size >> (TILE_BITS * level), new_size >> (TILE_BITS * level)
        if old_count == new_count:
            return
        for index in range(old_count // TILE_WIDTH, new_count // TILE_WIDTH):
            self._write_tile(level, index, TILE_WIDTH)
            # A reader of an older checkpoint now takes the beginning of the full tile (tlog-tiles, "Partial Tiles").
            self._drop_partials(tile_path(level, index))
            if level == 0:
                self._drop_partials(bundle_path(index))
        if width := new_count % TILE_WIDTH:
            self._write_tile(level, new_count // TILE_WIDTH, width)

    def _write_tile(self, level: int, index: int, width: int) -> None:
        if level == 0:
            self._put(bundle_path(index, width), self._reader.read_bundle(index, width))
        self._put(tile_path(level, index, width), self._reader.read_tile(level, index, width))

    def _drop_partials(self, path: str) -> None:
        shutil.rmtree(self._folder / f"{path}.p", ignore_errors=True)

    def _put(self, path: str, data: bytes) -> None:
        """Write a file unless it is there already. What is there under its name was whole before it got the name."""
        target = self._folder / path
        try:
            if target.read_bytes() == data:
                return
        except FileNotFoundError:
            self._make_folder(target.parent)
        replace_file(target, data, self._folder / _BESIDE)
        self._touched.add(target.parent)
        self._files += 1

    def _make_folder(self, folder: Path) -> None:
        missing = [f for f in (folder, *folder.parents) if not f.is_dir()]
        folder.mkdir(parents=True, exist_ok=True)
        self._touched.update(f.parent for f in missing)

    def _sync(self) -> None:
        for folder in sorted(self._touched):
            if folder.is_dir():  # else it held partial tiles, and went with them
                sync_folder(folder)
        self._touched.clear()


@contextmanager
def only_exporter(folder: Path) -> Iterator[None]:
    """Hold the right to write into `folder`, which is made if need be. Raises FolderTaken, or OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # its lock needs no file inside
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise FolderTaken(f"another export is writing into {folder}") from e
        yield
    finally:
        os.close(handle)


def keys_file(keys: Sequence[VerifierKey]) -> bytes:
    """Return the content of `keys`: verifier keys, one a line."""
    return "".join(f"{key.format()}\n" for key in keys).encode()
