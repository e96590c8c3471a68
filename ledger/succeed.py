"""Ending a log that cannot go on, and opening another that binds it.

For the day on which entries that were signed are gone and nobody holds them, the head is lost, or the key is lost or
in somebody else's hands. The old log is frozen: nothing is signed for it any more. The new one, with another origin and another key, has
as its first entry a public event, `log.succeeded`, that says how far the old one went: its size and root. Whoever holds
receipts of the old log verifies them with the old key, for ever, and sees whether they lie within. Where the old key is here and can
be believed, it signs the other direction as well: that the old log ended there, and which key goes on for it, and where
(`ledger.successor`). That note is part of the first entry.

    1. nobody signs meanwhile: the sequencer's lock is held
    2. in one transaction: the old tables are frozen, the new log begins with the binding entry
    3. the old head is kept beside, then the head is that of the new log

Killed in between, the sequencer of either log refuses to start, and the same command goes on.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from ledger.checkpoint import Checkpoint
from ledger.durable import replace_file, sync_folder
from ledger.errors import LedgerError
from ledger.head import FileHead, Head, format_head
from ledger.merkle import EMPTY_ROOT, tree_hash
from ledger.note import SigningKey, VerifierKey
from ledger.notice import SUCCEEDED, Detail, Notice, public_opening
from ledger.receipt import format_extra
from ledger.store import Store, Tree
from ledger.successor import Successor, sign_successor
from ledger.tiles import tile_reader

REASONS = ("restored", "head-lost", "key-lost", "key-compromised")
BELIEVED = (
    "restored",
    "head-lost",
)  # for these the old key is still its owner's alone, and what it signs says something


class SuccessionRefused(LedgerError):
    """This would not end a log and begin another. Nothing was changed."""


class Succession(Protocol):
    """What the database does: see `ledger.stores.succession`."""

    @property
    def store(self) -> Store:
        """The present log."""

    def newest(self) -> Notice | None:
        """Return the notice with which the present log began, if it succeeded another."""

    def begin(self, old: Tree | None, origin: str, at_ms: int, entry: bytes, extra: bytes, detail: Detail) -> None:
        """Freeze the old log and begin the new one, whole or not at all."""


@dataclass(frozen=True)
class Succeeded:
    """The log `old_origin` ended at `old_size` entries under `old_root`; `origin` goes on.

    `successor` is the note by the old key that says so, "" where there is none."""

    old_origin: str
    old_size: int
    old_root: bytes
    origin: str
    successor: str


def succeed(
    database: Succession,
    head_file: FileHead,
    key: VerifierKey,
    reason: str,
    event_id: str,
    at_ms: int,
    frozen_at: Checkpoint | None = None,
    signer: SigningKey | None = None,
    address: str = "",
) -> Succeeded:
    """Freeze the present log and open that of `key`; return what was bound.

    What is bound is `frozen_at` where given, a checkpoint of the old log that the caller has verified (the newest one that
    witnesses cosigned, say), else the head, else what the database holds. `signer` is the key of the log that ends, and signs where it
    ended and that `key`, served at `address`, goes on; None where it is lost, or somebody else's too. Call it holding `only_sequencer`.

    Raises SuccessionRefused; StoreError or OSError where something fails: the same call goes on.
    """
    if reason not in REASONS:
        raise ValueError(f"no such reason: {reason}")
    tree, head = database.store.load_tree(), head_file.read()
    if tree is not None and tree.origin == key.name:
        return _finish(database, head_file, head, tree)
    old_origin = tree.origin if tree is not None else head.origin if head is not None else None
    if old_origin is None:
        raise SuccessionRefused("there is no log here that could be succeeded")
    if head is not None and head.origin != old_origin:
        raise SuccessionRefused(f"the database holds {old_origin}, the head is of {head.origin}: not one log")
    bound = _bound(database.store, tree, head, frozen_at, old_origin)
    detail: Detail = {
        "old_origin": bound.origin,
        "old_size": bound.size,
        "old_root": base64.b64encode(bound.root).decode(),
        "reason": reason,
        "successor": "",
    }
    if signer is not None:
        if signer.name != old_origin or reason not in BELIEVED:
            raise SuccessionRefused(f"{signer.name} is not the key that can say so of {old_origin} ({reason})")
        detail["successor"] = sign_successor(Successor(bound, key, reason, address), signer)
    at_ms = max(at_ms, head.at_ms if head else 0, tree.head_ms if tree else 0)
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    opening = public_opening(event_id, at, SUCCEEDED, detail)
    database.begin(tree, key.name, at_ms, opening.entry, format_extra(opening), detail)
    new = database.store.load_tree()
    if new is None:
        raise SuccessionRefused("the new log did not begin")
    return _finish(database, head_file, head, new)


def _bound(store: Store, tree: Tree | None, head: Head | None, frozen_at: Checkpoint | None, origin: str) -> Checkpoint:
    """Return how far the old log went, as the new one says."""
    size = 0 if tree is None else tree.size
    if frozen_at is not None:
        if frozen_at.origin != origin:
            raise SuccessionRefused(f"the checkpoint is of {frozen_at.origin}, the log is {origin}")
        if frozen_at.size <= size:
            with store.view() as view:
                if tree_hash(frozen_at.size, tile_reader(view.read_tile, size)) != frozen_at.root:
                    raise SuccessionRefused(f"the database has another root for {frozen_at.size} entries")
        return frozen_at
    if head is not None:
        return Checkpoint(origin, head.size, head.root)
    return Checkpoint(origin, size, EMPTY_ROOT if tree is None else tree.root)


def _finish(database: Succession, head_file: FileHead, head: Head | None, tree: Tree) -> Succeeded:
    """Let the head be that of the new log, the old one kept; return what the new log's first entry binds."""
    notice = database.newest()
    if notice is None:
        raise SuccessionRefused(f"{tree.origin} is this log already: a new one needs another name and another key")
    if head is None or head.origin != tree.origin:
        if tree.size > 0:
            raise SuccessionRefused("the new log has grown already, but the head is not its head")
        if head is not None:
            kept = head_file.path.with_name(f"{head_file.path.name}.frozen-{head.size}")
            replace_file(kept, format_head(head).encode(), kept.with_name(f"{kept.name}.new"))
            sync_folder(kept.parent)
        head_file.compare_and_swap(head, Head(tree.origin, tree.size, tree.root, tree.head_ms))
    detail = notice.detail
    root = base64.b64decode(str(detail["old_root"]))
    note = str(detail["successor"])
    return Succeeded(str(detail["old_origin"]), int(str(detail["old_size"])), root, tree.origin, note)
