"""What the witnesses need of a log in a database, from threads of their own."""

from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from ledger.merkle import consistency_proof, tree_hash
from ledger.note import VerifierKey
from ledger.store import Store
from ledger.stores.opening import storage
from ledger.stores.sql import SQLStore
from ledger.tiles import tile_reader


class StoreShelf:
    """See `ledger.witnesses.Shelf`. `clock` returns milliseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    def root_at(self, size: int) -> bytes:
        with storage(), self._store.view() as view:
            return tree_hash(size, tile_reader(view.read_tile, size))

    def proof(self, old_size: int, new_size: int) -> Sequence[bytes]:
        with storage(), self._store.view() as view:
            return consistency_proof(old_size, new_size, tile_reader(view.read_tile, new_size))

    def last_of(self, witness: VerifierKey) -> int:
        with storage():
            last = self._store.newest_cosignature(witness.format())
        return 0 if last is None else last[0]

    def keep(self, size: int, witness: VerifierKey, line: str, at: int) -> None:
        with storage():
            self._store.add_cosignature(size, witness.format(), line, at)

    def mark(self, size: int) -> None:
        with storage():
            self._store.mark_witnessed(size, self._clock())


def open_shelf(engine: Engine, clock: Callable[[], int]) -> StoreShelf:
    """Return the shelf of the log in the database behind `engine`."""
    return StoreShelf(SQLStore(engine), clock)
