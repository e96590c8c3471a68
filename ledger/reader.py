"""What the published log answers: tiles, proofs and receipts.

Only what the newest published checkpoint covers exists here, whatever the store already holds beyond it, so that nobody
sees an entry before its checkpoint. Tiles and bundles are those of https://c2sp.org/tlog-tiles, receipts those of
https://c2sp.org/tlog-proof.
"""

from collections.abc import Sequence

from ledger.errors import NotInLog
from ledger.merkle import consistency_proof, inclusion_proof
from ledger.receipt import Receipt, format_receipt
from ledger.store import Store, View
from ledger.tiles import TILE_BITS, TILE_WIDTH, format_bundle, tile_reader


class LogReader:
    """Reads the published log in `store`. Every method sees one moment of it; many threads may share a reader.

    All raise NotInLog for what the log does not hold (yet), and StoreError where the store lost what it should hold.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def read_checkpoint(self) -> str:
        """Return the newest checkpoint, a signed note."""
        with self._store.view() as view:
            return _newest(view)[1]

    def size(self) -> int:
        """Return how many entries the newest checkpoint covers; 0 before the first."""
        with self._store.view() as view:
            return view.newest_size() or 0

    def newest(self) -> tuple[str, int]:
        """Return the newest checkpoint and when it was published, in milliseconds since 1970 (unsigned: our statement)."""
        with self._store.view() as view:
            _, note = _newest(view)
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

    def consistency_proof(self, old_size: int, new_size: int | None = None) -> list[bytes]:
        """Return the proof that the tree of `new_size` leaves, by default the newest, continues that of `old_size`."""
        with self._store.view() as view:
            new_size = _covered_size(view, new_size)
            if not 0 <= old_size <= new_size:
                raise NotInLog(f"a tree of {new_size} entries does not continue one of {old_size}")
            return consistency_proof(old_size, new_size, tile_reader(view.read_tile, new_size))

    def published_indices(self, entries: Sequence[bytes]) -> list[int | None]:
        """Return for each entry where it stands under the newest checkpoint; None while it waits."""
        with self._store.view() as view:
            size = view.newest_size() or 0
            found = [view.index_of(entry) for entry in entries]
        return [index if index is not None and index < size else None for index in found]

    def receipt_for(self, entry: bytes, extra: bytes) -> str:
        """Return the receipt of `entry` under the newest checkpoint; `extra` is what opens it (`format_extra`)."""
        with self._store.view() as view:
            size, note = _newest(view)
            index = view.index_of(entry)
            if index is None or index >= size:
                raise NotInLog("this entry is not in a published checkpoint yet")
            path = inclusion_proof(index, size, tile_reader(view.read_tile, size))
        return format_receipt(Receipt(extra, index, tuple(path), note))


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
