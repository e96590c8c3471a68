"""What the published log answers: tiles, proofs and receipts.

Only what the newest published checkpoint covers exists here, whatever the store already holds beyond it, so that nobody
sees an entry before its checkpoint. Tiles and bundles are those of https://c2sp.org/tlog-tiles, receipts those of
https://c2sp.org/tlog-proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ledger.errors import NotInLog, StoreError
from ledger.merkle import consistency_proof, inclusion_proof, inclusion_proofs
from ledger.note import VerifierKey
from ledger.receipt import Receipt, format_receipt
from ledger.store import Store, View
from ledger.tiles import TILE_BITS, TILE_WIDTH, format_bundle, read_leaf_hashes, tile_reader

State = Literal["pending", "sealed", "witnessed"]


@dataclass(frozen=True)
class Witnessed:
    """A checkpoint of `size` entries with all its cosignatures; a quorum of them was there at `at_ms`."""

    size: int
    note: str
    at_ms: int


class LogReader:
    """Reads the published log in `store`. Every method sees one moment of it; many threads may share a reader.

    All raise NotInLog for what the log does not hold (yet), and StoreError where the store lost what it should hold.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def read_checkpoint(self) -> str:
        """Return the newest checkpoint, a signed note, with the cosignatures it has by now."""
        with self._store.view() as view:
            return _with_cosignatures(view, *_newest(view))

    def size(self) -> int:
        """Return how many entries the newest checkpoint covers; 0 before the first."""
        with self._store.view() as view:
            return view.newest_size() or 0

    def newest(self) -> tuple[str, int]:
        """Return the newest checkpoint and when it was published, in milliseconds since 1970 (unsigned: our statement)."""
        with self._store.view() as view:
            note = _with_cosignatures(view, *_newest(view))
            return note, view.newest_published_ms() or 0

    def read_tile(self, level: int, index: int, width: int = TILE_WIDTH) -> bytes:
        """Return the first `width` hashes of a hash tile."""
        with self._store.view() as view:
            _require_covered(view, level, index, width)
            return view.read_tile(level, index, width)

    def read_bundle(self, index: int, width: int = TILE_WIDTH) -> bytes:
        """Return the first `width` entries of an entry bundle, in the form of a bundle."""
        with self._store.view() as view:
            _require_covered(view, 0, index, width)
            start = index * TILE_WIDTH
            return format_bundle(view.entries(start, start + width))

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the path of entry `index` in the tree of `size` leaves, by default that of the newest checkpoint."""
        with self._store.view() as view:
            size = _covered_size(view, size)
            if not 0 <= index < size:
                raise NotInLog(f"a tree of {size} entries has no entry {index}")
            return inclusion_proof(index, size, tile_reader(view.read_tile, size))

    def inclusion_proofs(self, start: int) -> list[tuple[bytes, ...]]:
        """Return the paths of all entries from index `start` on, in the tree of the newest checkpoint."""
        with self._store.view() as view:
            size = _covered_size(view, None)
            if not 0 <= start < size:
                raise NotInLog(f"a tree of {size} entries has no entry {start}")
            leaves = read_leaf_hashes(start, size, view.read_tile)
            return inclusion_proofs(start, leaves, tile_reader(view.read_tile, size))

    def consistency_proof(self, old_size: int, new_size: int | None = None) -> list[bytes]:
        """Return the proof that the tree of `new_size` leaves, by default the newest, continues that of `old_size`."""
        with self._store.view() as view:
            new_size = _covered_size(view, new_size)
            if not 0 <= old_size <= new_size:
                raise NotInLog(f"a tree of {new_size} entries does not continue one of {old_size}")
            return consistency_proof(old_size, new_size, tile_reader(view.read_tile, new_size))

    def newest_cosignature(self, witness: VerifierKey) -> tuple[int, int] | None:
        """Return (size, POSIX seconds) of what a witness cosigned last; None before the first."""
        with self._store.view() as view:
            return view.newest_cosignature(witness.format())

    def newest_witnessed(self) -> Witnessed | None:
        """Return the newest checkpoint that a quorum of witnesses cosigned; None before the first."""
        with self._store.view() as view:
            found = view.newest_witnessed()
            if found is None:
                return None
            return Witnessed(found[0], _with_cosignatures(view, found[0], _checkpoint_at(view, found[0])), found[1])

    def published_indices(self, entries: Sequence[bytes]) -> list[int | None]:
        """Return for each entry where it stands under the newest checkpoint; None while it waits."""
        with self._store.view() as view:
            size = view.newest_size() or 0
            found = [view.index_of(entry) for entry in entries]
        return [index if index is not None and index < size else None for index in found]

    def states(self, entries: Sequence[bytes]) -> list[State]:
        """Return for each entry whether it waits, is under a checkpoint that we signed, or under one with a quorum."""
        with self._store.view() as view:
            sealed, found = view.newest_size() or 0, view.newest_witnessed()
            indices = [view.index_of(entry) for entry in entries]
        witnessed = 0 if found is None else found[0]
        return [_state(index, sealed, witnessed) for index in indices]

    def receipt_for(self, entry: bytes, extra: bytes) -> str:
        """Return the receipt of `entry`; `extra` is what opens it (`format_extra`).

        It stands under the newest witnessed checkpoint that covers it, or else under the newest of all.
        """
        return self.receipt_with_state(entry, extra)[0]

    def receipt_with_state(self, entry: bytes, extra: bytes) -> tuple[str, State]:
        """Return the receipt as `receipt_for` does, and whether its checkpoint is witnessed or merely sealed."""
        with self._store.view() as view:
            size, note = _newest(view)
            index, found = view.index_of(entry), view.newest_witnessed()
            state = _state(index, size, 0 if found is None else found[0])
            if index is None or state == "pending":
                raise NotInLog("this entry is not in a published checkpoint yet")
            if found is not None and state == "witnessed":
                size, note = found[0], _checkpoint_at(view, found[0])
            note = _with_cosignatures(view, size, note)
            path = inclusion_proof(index, size, tile_reader(view.read_tile, size))
        return format_receipt(Receipt(extra, index, tuple(path), note)), state


def _state(index: int | None, sealed: int, witnessed: int) -> State:
    if index is None or index >= sealed:
        return "pending"
    return "witnessed" if index < witnessed else "sealed"


def _checkpoint_at(view: View, size: int) -> str:
    note = view.checkpoint_at(size)
    if note is None:
        raise StoreError(f"the checkpoint of {size} entries is witnessed, and missing")
    return note


def _with_cosignatures(view: View, size: int, note: str) -> str:
    return note + "".join(view.cosignatures_at(size))


def _newest(view: View) -> tuple[int, str]:
    size, note = view.newest_size(), view.newest_checkpoint()
    if size is None or note is None:
        raise NotInLog("the log has not published a checkpoint yet")
    return size, note


def _covered_size(view: View, size: int | None) -> int:
    newest, _ = _newest(view)
    if size is None:
        return newest
    if not 0 <= size <= newest:
        raise NotInLog(f"no published checkpoint covers {size} entries")
    return size


def _require_covered(view: View, level: int, index: int, width: int) -> None:
    newest, _ = _newest(view)
    if width < 1 or index < 0 or index * TILE_WIDTH + width > newest >> (TILE_BITS * level):
        raise NotInLog(f"a tree of {newest} entries has no such tile")
