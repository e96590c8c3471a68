"""Where a log is kept: the values that go in and out, and what every store promises.

Two stores exist, `ledger.stores.sql` for use and `ledger.stores.memory` for tests and small tools; one test suite holds
both to this contract.

What goes in never changes afterwards: entries are not deleted, an index once given stays, a full tile stays, the tree
only grows. A write is on disk when its method returns. A write that raises has either happened or not; only reading it
again tells, and the sequencer therefore stops and lets its next start find out.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ledger.errors import StoreError
from ledger.tiles import FullTile, RightEdge


class Overtaken(StoreError):
    """Another sequencer works on this log: the tree, or the head, is not where this one left it."""


@dataclass(frozen=True)
class Tree:
    """The tree as the last round left it.

    `head_ms` is the time of that round, in milliseconds since 1970; it never goes back. `old_size` and `old_root` are
    the tree before that round, so that a start can tell whether the head is exactly one round behind.
    """

    origin: str
    size: int
    root: bytes
    head_ms: int
    old_size: int
    old_root: bytes


class Pending(NamedTuple):
    """An entry that waits for its index. `serial` is its place in the queue, `at_ms` the time that its event states.

    A tuple, for a round makes thousands of them.
    """

    serial: int
    entry: bytes
    at_ms: int


@dataclass(frozen=True)
class Round:
    """One step of the tree: the first of `serials` becomes index `old.size`, and so on."""

    old: Tree
    new: Tree
    serials: Sequence[int]
    edge: RightEdge
    tiles: Sequence[FullTile]


class View(Protocol):
    """Reads of a log, all from one moment of it.

    Whatever lies below the tree's size can be read, published or not. Raises StoreError where something that has to
    be there is missing or has the wrong length.
    """

    def load_tree(self) -> Tree | None:
        """Return the tree, or None for a log that was never begun."""

    def load_edge(self) -> RightEdge:
        """Return the partial tiles of the tree."""

    def pending(self, limit: int) -> list[Pending]:
        """Return the first `limit` entries that wait, in the order of their serials."""

    def newest_checkpoint(self) -> str | None:
        """Return the last published checkpoint, a signed note, or None."""

    def newest_size(self) -> int | None:
        """Return the size that the last published checkpoint covers, or None."""

    def newest_published_ms(self) -> int | None:
        """Return when the last checkpoint was published, in milliseconds since 1970, or None. Our statement: unsigned."""

    def checkpoint_at(self, size: int) -> str | None:
        """Return the published checkpoint of `size` entries, or None if none of that size was published."""

    def cosignatures_at(self, size: int) -> list[str]:
        """Return the signature lines that witnesses gave to the checkpoint of `size` entries."""

    def newest_cosignature(self, witness: str) -> tuple[int, int] | None:
        """Return size and time (Unix seconds) of the last cosignature by the witness with this verifier key, or None."""

    def newest_witnessed(self) -> tuple[int, int] | None:
        """Return the size of the last checkpoint that a quorum cosigned, and when (ms since 1970), or None."""

    def index_of(self, entry: bytes) -> int | None:
        """Return the index of `entry`, or None while it waits or if there is none such."""

    def serial_at(self, index: int) -> int:
        """Return the serial of the entry at `index`."""

    def entries(self, start: int, end: int) -> list[bytes]:
        """Return the entries from index `start` up to, but not with, `end`."""

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """Return the first `width` hashes of a tile, full or partial."""


class Store(View, Protocol):
    """A log that grows. The reads of the store itself each see their own moment."""

    def view(self) -> AbstractContextManager[View]:
        """Yield reads that all see one moment of the log. Short: some stores cannot tidy up meanwhile."""

    def create(self, tree: Tree) -> None:
        """Begin the log with an empty tree. Raises Overtaken if it has begun already."""

    def commit_round(self, step: Round) -> None:
        """Make the step, whole or not at all, on disk when this returns.

        Raises Overtaken, and changes nothing, if the tree is not `step.old` or an entry has its index already.
        """

    def publish(self, size: int, note: str, published_ms: int) -> bool:
        """Let `note` be the newest checkpoint. False, and no change, if one of this size or larger is published.

        A power cut may undo this, so that whoever calls it must be able to make the same note again.
        """

    def add_cosignature(self, size: int, witness: str, line: str, at: int) -> None:
        """Keep the signature line of a witness, named by its verifier key, under the checkpoint of `size` entries.

        `at` is the time that it signed, in Unix seconds. Its first line for a size stays. A power cut may undo this: the
        witness gives it again.
        """

    def mark_witnessed(self, size: int, at_ms: int) -> None:
        """Remember that a quorum cosigned the checkpoint of `size` entries, unless one of this size or larger is marked."""
