"""A log in memory: for tests and for tools that build a small log and throw it away."""

import threading
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager

from ledger.errors import StoreError
from ledger.merkle import HASH_SIZE
from ledger.store import Overtaken, Pending, Round, Tree
from ledger.tiles import TILE_BITS, RightEdge


class MemoryStore:
    """See `ledger.store.Store`. Gone with the process, so "on disk" means nothing here."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tree: Tree | None = None
        self._edge = RightEdge.EMPTY
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._queue: list[Pending] = []  # all of them, by serial, which counts from 1
        self._serials: list[int] = []  # by index
        self._indices: dict[bytes, int | None] = {}
        self._notes: list[tuple[int, str, int]] = []
        self._cosignatures: dict[tuple[int, str], tuple[str, int]] = {}
        self._witnessed: tuple[int, int] | None = None

    def add_pending(self, entry: bytes, at_ms: int) -> int:
        """Put `entry` into the queue and return its serial. Raises StoreError if it is there already."""
        with self._lock:
            if entry in self._indices:
                raise StoreError("this entry is in the log already")
            self._queue.append(Pending(len(self._queue) + 1, entry, at_ms))
            self._indices[entry] = None
            return len(self._queue)

    @contextmanager
    def view(self) -> Iterator["MemoryStore"]:
        with self._lock:
            yield self

    def create(self, tree: Tree) -> None:
        with self._lock:
            if self._tree is not None:
                raise Overtaken("the log has begun already")
            self._tree = tree

    def commit_round(self, step: Round) -> None:
        with self._lock:
            if self._tree != step.old:
                raise Overtaken(f"the tree no longer has size {step.old.size} and the root this sequencer left")
            entries = [self._queue[serial - 1].entry for serial in step.serials]
            if any(self._indices[entry] is not None for entry in entries):
                raise Overtaken("some of these entries have an index already")
            self._indices.update((entry, step.old.size + i) for i, entry in enumerate(entries))
            self._serials += step.serials
            self._tiles.update(((tile.level, tile.index), tile.hashes) for tile in step.tiles)
            self._edge, self._tree = step.edge, step.new

    def publish(self, size: int, note: str, published_ms: int) -> bool:
        with self._lock:
            if self._notes and self._notes[-1][0] >= size:
                return False
            self._notes.append((size, note, published_ms))
            return True

    def add_cosignature(self, size: int, witness: str, line: str, at: int) -> None:
        with self._lock:
            self._cosignatures.setdefault((size, witness), (line, at))

    def mark_witnessed(self, size: int, at_ms: int) -> None:
        with self._lock:
            if self._witnessed is None or self._witnessed[0] < size:
                self._witnessed = (size, at_ms)

    def checkpoint_at(self, size: int) -> str | None:
        return next((note for s, note, _ in reversed(self._notes) if s == size), None)

    def cosignatures_at(self, size: int) -> list[str]:
        with self._lock:
            return [line for (s, _), (line, _) in sorted(self._cosignatures.items()) if s == size]

    def newest_cosignature(self, witness: str) -> tuple[int, int] | None:
        with self._lock:
            return max(((s, at) for (s, w), (_, at) in self._cosignatures.items() if w == witness), default=None)

    def newest_witnessed(self) -> tuple[int, int] | None:
        return self._witnessed

    def load_tree(self) -> Tree | None:
        return self._tree

    def load_edge(self) -> RightEdge:
        return self._edge

    def pending(self, limit: int) -> list[Pending]:
        with self._lock:
            last = self._serials[-1] if self._serials else 0
            waiting = self._queue[bisect_left(self._queue, last + 1, key=lambda pending: pending.serial) :]
            return waiting[:limit]

    def newest_checkpoint(self) -> str | None:
        return self._notes[-1][1] if self._notes else None

    def newest_size(self) -> int | None:
        return self._notes[-1][0] if self._notes else None

    def newest_published_ms(self) -> int | None:
        return self._notes[-1][2] if self._notes else None

    def index_of(self, entry: bytes) -> int | None:
        return self._indices.get(entry)

    def serial_at(self, index: int) -> int:
        if not 0 <= index < len(self._serials):
            raise StoreError(f"no entry has index {index}")
        return self._serials[index]

    def entries(self, start: int, end: int) -> list[bytes]:
        found = [self._queue[serial - 1].entry for serial in self._serials[start:end]]
        if len(found) != end - start:
            raise StoreError(f"of the entries {start} to {end} there are {len(found)}")
        return found

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        with self._lock:
            hashes = self._tiles.get((level, index), b"")
            if not hashes and level < len(self._edge.partial) and index == self._edge.size >> (TILE_BITS * (level + 1)):
                hashes = self._edge.partial[level]
        if len(hashes) < width * HASH_SIZE:
            raise StoreError(f"tile {index} of level {level} with {width} hashes is missing")
        return hashes[: width * HASH_SIZE]
