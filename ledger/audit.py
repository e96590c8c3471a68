"""Checking a whole published log, as any stranger can: nothing but its files and its verifier key.

For any log in the form of https://c2sp.org/tlog-tiles whose leaves are hashes of whole entries (RFC 6962).

What has been checked is always the parent of what is checked next: the checkpoint by its signature, the tiles of the
right edge by the checkpoint, each full tile by a hash in the tile above it, each entry by a hash in a tile of level 0.
So the first thing that does not fit is the thing that is wrong, and can be named.

A run may begin where the last one ended. What that one saw is kept as the right edge of its tree; the new tree
continues it exactly if, level by level, its tiles begin with those hashes. Then only what is new is fetched.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from ledger.checkpoint import Checkpoint, open_checkpoint
from ledger.errors import MalformedError, MalformedTile, SourceError, VerificationError
from ledger.merkle import HASH_SIZE, leaf_hash, root_hash
from ledger.note import MAX_NOTE_BYTES, VerifierKey
from ledger.source import NotThere, Source
from ledger.tiles import (
    MAX_ENTRY_BYTES,
    TILE_BITS,
    TILE_BYTES,
    TILE_WIDTH,
    RightEdge,
    bundle_path,
    iterate_bundle,
    partial_width,
    split_hashes,
    tile_path,
)

MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)
AHEAD = 4  # files fetched while another is being checked: bounds memory at a few bundles, hides most of the waiting

Progress = Callable[[int, int], None]  # (entries checked so far in this run, entries to check in it)


@dataclass(frozen=True)
class Seen:
    """What an audit found good: the checkpoint (and the signed note that says so) and the right edge of its tree."""

    checkpoint: Checkpoint
    note: bytes
    edge: RightEdge


def audit_log(
    source: Source,
    key: VerifierKey,
    last: Seen | None = None,
    origin: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Seen:
    """Return what the log shows now, every entry of it checked that `last` has not seen already.

    `origin` is what the log calls itself, by default the name of its key.

    Raises SourceError for a file that is missing or cannot be had, and VerificationError, whose message names the file
    and the place in it, with one of these steps:

    1. "checkpoint", "signature", "origin": the checkpoint is malformed, or not signed by `key`, or of another log;
    2. "rollback": the log is smaller than it was;  "history": it is not what it was (facts: both notes);
    3. "tile": a hash tile is wrong;  "root": the tiles agree with each other, but not with the checkpoint;
    4. "entries": an entry bundle is wrong.
    """
    note = source.fetch("checkpoint", MAX_NOTE_BYTES)
    try:
        checkpoint = open_checkpoint(note, key, origin)
    except MalformedError as e:
        raise VerificationError("checkpoint", f"checkpoint: {e}") from e
    except VerificationError as e:
        raise VerificationError(e.step, f"checkpoint: {e}", **e.facts) from e
    if last is not None:
        _compare_checkpoints(last, checkpoint, note)
    return Seen(checkpoint, note, _Walk(source, checkpoint, note, last, progress).run())


def _compare_checkpoints(last: Seen, checkpoint: Checkpoint, note: bytes) -> None:
    """Raise VerificationError if the two checkpoints alone show that the log does not grow as it should."""
    old = last.checkpoint
    if old.origin != checkpoint.origin:
        raise VerificationError("origin", f"checkpoint: of {checkpoint.origin}, the last audit was of {old.origin}")
    if checkpoint.size < old.size:
        raise VerificationError(
            "rollback",
            f"checkpoint: the log has {checkpoint.size} entries; at the last audit it had {old.size}",
            old_note=last.note,
            new_note=note,
        )
    if checkpoint.size == old.size and checkpoint.root != old.root:
        raise VerificationError(
            "history",
            f"checkpoint: the log signed two roots for {old.size} entries; this one is not that of the last audit",
            old_note=last.note,
            new_note=note,
        )


class _Walk:
    """One run over the tree under one checkpoint."""

    def __init__(
        self, source: Source, checkpoint: Checkpoint, note: bytes, last: Seen | None, progress: Progress
    ) -> None:
        self._source = source
        self._size = checkpoint.size
        self._root = checkpoint.root
        self._note = note
        self._last = last
        self._old = RightEdge.EMPTY if last is None else last.edge
        self._progress = progress
        self._done = 0

    def run(self) -> RightEdge:
        """Check everything and return the right edge of the tree."""
        edge = self._read_edge()
        self._progress(0, self._size - self._old.size)
        for level in reversed(range(len(edge.partial))):
            index = (self._size >> (TILE_BITS * (level + 1))) if edge.partial[level] else 0
            if edge.partial[level]:
                self._check_below(level, index, edge.partial[level])
        return edge

    def _read_edge(self) -> RightEdge:
        """Return the partial tiles of the tree, which lead to the signed root."""
        levels = (self._size.bit_length() + TILE_BITS - 1) // TILE_BITS
        edge = RightEdge(self._size, tuple(self._read_partial(level) for level in range(levels)))
        if edge.root() == self._root:
            return edge
        for level, hashes in enumerate(edge.partial):
            index = self._size >> (TILE_BITS * (level + 1))
            if (number := self._first_wrong(level, index, hashes)) is not None:
                raise _wrong_tile(level, index, len(hashes) // HASH_SIZE, number)
        paths = ", ".join(
            tile_path(level, self._size >> (TILE_BITS * (level + 1)), len(hashes) // HASH_SIZE)
            for level, hashes in enumerate(edge.partial)
            if hashes
        )
        raise VerificationError(
            "root", f"checkpoint: the tiles ({paths}) do not lead to its root, and what lies below agrees with them"
        )

    def _read_partial(self, level: int) -> bytes:
        width = partial_width(level, self._size)
        return self._read_tile(level, self._size >> (TILE_BITS * (level + 1)), width) if width else b""

    def _check_below(self, level: int, index: int, hashes: bytes) -> None:
        """Check what lies below a tile that is itself known to be good."""
        self._compare_with_last(level, index, hashes)
        row = split_hashes(hashes)
        if level == 0:
            path = bundle_path(index, len(row))
            self._check_bundle(path, index, row, self._fetch_bundle(index, len(row)))
            return
        children = [
            (index * TILE_WIDTH + i, expected)
            for i, expected in enumerate(row)
            if (index * TILE_WIDTH + i + 1) << (TILE_BITS * level) > self._old.size
        ]
        if level == 1:
            self._check_leaf_tiles(children)
            return
        for child, expected in children:
            self._check_below(level - 1, child, self._require_tile(level - 1, child, expected))

    def _check_leaf_tiles(self, tiles: Sequence[tuple[int, bytes]]) -> None:
        """Check full tiles of level 0 with their entries, fetching a few ahead."""

        def fetch(index: int) -> tuple[bytes, bytes]:
            return self._read_tile(0, index, TILE_WIDTH), self._fetch_bundle(index, TILE_WIDTH)

        # Closed here, in this thread, whatever a check finds: a generator with a pool of threads inside must not be left
        # to the garbage collector, which may run in a starting thread that holds the lock the pool's end waits for.
        with closing(_ahead(fetch, [index for index, _ in tiles])) as fetched:
            for (index, expected), (tile, bundle) in zip(tiles, fetched, strict=True):
                self._check_tile(0, index, tile, expected)
                self._compare_with_last(0, index, tile)
                self._check_bundle(bundle_path(index), index, split_hashes(tile), bundle)

    def _require_tile(self, level: int, index: int, expected: bytes) -> bytes:
        tile = self._read_tile(level, index, TILE_WIDTH)
        self._check_tile(level, index, tile, expected)
        return tile

    def _check_tile(self, level: int, index: int, tile: bytes, expected: bytes) -> None:
        """Raise VerificationError unless a full tile is the one whose hash the tile above it has."""
        if root_hash(split_hashes(tile)) != expected:
            raise _wrong_tile(level, index, TILE_WIDTH, self._first_wrong(level, index, tile))

    def _check_bundle(self, path: str, index: int, hashes: Sequence[bytes], bundle: bytes) -> None:
        """Raise VerificationError unless the entries of a bundle are those that `hashes` are of."""
        first, count = index * TILE_WIDTH, 0
        try:
            for entry in iterate_bundle(bundle):
                if count == len(hashes):
                    raise VerificationError("entries", f"{path}: holds more than its {len(hashes)} entries")
                if leaf_hash(entry) != hashes[count]:
                    raise VerificationError(
                        "entries",
                        f"{path}: entry {first + count} (number {count} of the bundle) is not the one in the tree",
                        index=first + count,
                    )
                count += 1
        except MalformedTile as e:
            raise VerificationError("entries", f"{path}: {e}, entry {first + count} of the log") from e
        if count < len(hashes):
            raise VerificationError("entries", f"{path}: ends after {count} of {len(hashes)} entries")
        self._done += max(0, first + count - max(first, self._old.size))
        self._progress(self._done, self._size - self._old.size)

    def _compare_with_last(self, level: int, index: int, hashes: bytes) -> None:
        """Raise VerificationError if a good tile does not begin as it did when the last audit saw it."""
        if level >= len(self._old.partial) or index != self._old.size >> (TILE_BITS * (level + 1)):
            return
        before = self._old.partial[level]
        for i in range(0, len(before), HASH_SIZE):
            if hashes[i : i + HASH_SIZE] != before[i : i + HASH_SIZE]:
                number = i // HASH_SIZE
                path = tile_path(level, index, len(hashes) // HASH_SIZE)
                raise VerificationError(
                    "history",
                    f"{path}: hash {number}, over {_entries_under(level, index, number)}, was another at the last "
                    f"audit, and both are signed: the log has changed its past",
                    old_note=self._last.note if self._last else b"",
                    new_note=self._note,
                )

    def _first_wrong(self, level: int, index: int, hashes: bytes) -> int | None:
        """Return the number of the first hash in a tile that does not follow from what lies below it.

        None if all do, or if what lies below cannot be had. Only used to say more about a tile that is wrong.
        """
        row = split_hashes(hashes)
        try:
            if level == 0:
                below: Iterator[bytes] = map(leaf_hash, iterate_bundle(self._fetch_bundle(index, len(row))))
            else:
                children = range(index * TILE_WIDTH, index * TILE_WIDTH + len(row))
                below = (root_hash(split_hashes(self._read_tile(level - 1, i, TILE_WIDTH))) for i in children)
            for number, (stated, computed) in enumerate(zip(row, below, strict=False)):
                if stated != computed:
                    return number
        except (SourceError, VerificationError, MalformedTile):
            return None
        return None

    def _read_tile(self, level: int, index: int, width: int) -> bytes:
        """Return a hash tile of the right length, not checked otherwise."""
        path = tile_path(level, index, width)
        tile, is_whole = self._fetch(path, tile_path(level, index), TILE_BYTES)
        length = TILE_BYTES if is_whole else width * HASH_SIZE
        if len(tile) != length:
            raise VerificationError("tile", f"{path}: has {len(tile)} bytes instead of {length}")
        return tile[: width * HASH_SIZE]

    def _fetch_bundle(self, index: int, width: int) -> bytes:
        """Return the bytes of an entry bundle, cut to `width` entries if the log gave us more of them."""
        bundle, is_whole = self._fetch(bundle_path(index, width), bundle_path(index), MAX_BUNDLE_BYTES)
        if not is_whole or width == TILE_WIDTH:
            return bundle
        end = 0
        try:
            for _, entry in zip(range(width), iterate_bundle(bundle), strict=False):
                end += 2 + len(entry)
        except MalformedTile:
            return bundle  # `_check_bundle` says where it ends
        return bundle[:end]

    def _fetch(self, path: str, full_path: str, limit: int) -> tuple[bytes, bool]:
        """Return a file, and whether it is the full one.

        A log may delete a partial file once the full one exists, which may be between our reading of its checkpoint
        and now (tlog-tiles, "Partial Tiles"): then the full one does.
        """
        try:
            return self._source.fetch(path, limit), path == full_path
        except NotThere as e:
            if path == full_path:
                raise
            try:
                return self._source.fetch(full_path, limit), True
            except NotThere:
                raise e from None


def _ahead(
    fetch: Callable[[int], tuple[bytes, bytes]], indices: Sequence[int]
) -> Generator[tuple[bytes, bytes], None, None]:
    """Yield `fetch(index)` for all indices, in order, with at most `AHEAD` of them under way."""
    with ThreadPoolExecutor(AHEAD) as pool:
        waiting: deque[Future[tuple[bytes, bytes]]] = deque()
        try:
            for index in indices:
                waiting.append(pool.submit(fetch, index))
                if len(waiting) == AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _wrong_tile(level: int, index: int, width: int, number: int | None) -> VerificationError:
    path = tile_path(level, index, width)
    if number is None:
        return VerificationError("tile", f"{path}: does not lead to the hash above it")
    return VerificationError(
        "tile", f"{path}: hash {number}, over {_entries_under(level, index, number)}, is wrong", number=number
    )


def _entries_under(level: int, index: int, number: int) -> str:
    """Return words for the entries below hash `number` of a tile."""
    first = (index * TILE_WIDTH + number) << (TILE_BITS * level)
    last = first + (1 << (TILE_BITS * level)) - 1
    return f"entry {first}" if first == last else f"entries {first} to {last}"
