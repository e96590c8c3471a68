"""After the database was restored from an older copy: taking back the public leaves that it lost, up to the head.

The head, outside the database, says what the log had signed; an export or a mirror holds the leaves. With them the tree
is again what it was, every receipt that was handed out verifies against what the log serves, and the log goes on. What
the leaves stood for is lost where the restored copy did not hold it, and is counted, not invented.

    1. nobody signs meanwhile: the sequencer's lock is held
    2. the restored tree is verified against itself, and lies behind the head
    3. the source's newest checkpoint is signed by the log and is the head's, neither more nor less
    4. all missing leaves are read once, and give the head's root: until here nothing is changed
    5. they are read again and put back in rounds, each of which has to give the root it gave in 4; then the source's
       checkpoint is published, as it was
    6. the notice `log.healed` waits for its event

Killed anywhere, the tree is still behind the head, so nobody can sign, and the same command goes on where it was.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.audit import MAX_BUNDLE_BYTES
from ledger.checkpoint import Checkpoint, parse_checkpoint
from ledger.entry import canonical_json
from ledger.errors import LedgerError, MalformedTile
from ledger.head import FileHead, Head
from ledger.merkle import EMPTY_ROOT, leaf_hash, tree_hash
from ledger.note import MAX_NOTE_BYTES, VerifierKey, parse_note, verify_note
from ledger.notice import KINDS, MAX_NOTICES, Notice, detail_of, notice_path, parse_detail
from ledger.receipt import MAX_RECEIPT_BYTES, parse_receipt, verify_receipt
from ledger.sequencer import verify_stored
from ledger.source import NotThere, Source
from ledger.store import Store, Tree
from ledger.tiles import TILE_WIDTH, FullTile, RightEdge, bundle_path, iterate_bundle, tile_reader

ROUND = 16 * TILE_WIDTH  # leaves put back in one transaction: others record their acts between two

Progress = Callable[[int, int], None]  # (leaves put back, leaves to put back)


class HealRefused(LedgerError):
    """These three, database, head and source, do not make one log. `way_out` is for the operator."""

    def __init__(self, message: str, way_out: str) -> None:
        super().__init__(message)
        self.way_out = way_out


class Healing(Store, Protocol):
    """What a store has to be able to do beside."""

    def begin_heal(self, from_size: int, to_size: int, at_ms: int) -> int:
        """Note that the log is being healed; return from which size on."""

    def end_heal(self, to_size: int) -> int:
        """Note that it is healed; return how many of the leaves have lost their event."""

    def keep_notice(self, notice: Notice, size: int, note: str) -> None:
        """Keep a notice that was published, and the checkpoint of `size` under which it was, unless they are here."""

    def put_back(
        self, old: Tree, new: Tree, entries: Sequence[bytes], edge: RightEdge, tiles: Sequence[FullTile]
    ) -> None:
        """Let the tree be `new`, if it is `old` now, with `entries` at the indices between."""


@dataclass(frozen=True)
class Healed:
    """The log had `from_size` entries and has `to_size` again; the events of `lost` of them are not in the database."""

    from_size: int
    to_size: int
    lost: int


SUCCEED = "Without a mirror that holds it, `python -m ledger succeed` opens a new log that binds this one."


def heal(
    store: Healing,
    head_file: FileHead,
    source: Source,
    keys: Sequence[VerifierKey],
    at_ms: int,
    progress: Progress = lambda done, total: None,
) -> Healed:
    """Bring the restored log in `store` up to its head with the leaves of `source`; return what that took.

    Call it holding `only_sequencer`. Raises HealRefused, and has changed nothing then; SourceError and StoreError where
    one of the two fails: the same call goes on where it was.
    """
    head = head_file.read()
    if head is None:
        raise HealRefused("there is no head, so nobody can tell how far the log had signed", SUCCEED)
    tree = store.load_tree() or _begin(store, head)
    _require_behind(tree, head)
    with store.view() as view:
        edge = verify_stored(view, tree, _published(store, keys, head))
    if tree.size == head.size:
        if store.newest_size() is None:  # killed below, between the last two writes
            store.publish(head.size, _require_same(source, keys, head), at_ms)
        return Healed(head.size, head.size, store.end_heal(head.size))
    note = _require_same(source, keys, head)

    roots = {size: new_edge.root() for size, (new_edge, _, _) in _read(source, edge, head.size)}
    if roots[head.size] != head.root:
        raise HealRefused(
            f"the leaves of the source from {tree.size} on, after those of the database, do not give the head's root:"
            " one of the two is of another history",
            f"Nothing was changed. Try another mirror, or another copy of the database. {SUCCEED}",
        )
    from_size = store.begin_heal(tree.size, head.size, at_ms)
    total = head.size - tree.size
    for size, (new_edge, tiles, entries) in _read(source, edge, head.size):
        root = new_edge.root()
        if root != roots.get(size):
            raise HealRefused(f"the source gave other leaves below {size} than a moment ago", "Try another mirror.")
        new = Tree(head.origin, size, root, max(tree.head_ms, head.at_ms), tree.size, tree.root)
        store.put_back(tree, new, entries, new_edge, tiles)
        tree = new
        progress(total - (head.size - size), total)
    _take_notices(store, source, keys, tree)
    store.publish(head.size, note, at_ms)  # as it was, with the cosignatures that it had
    return Healed(from_size, head.size, store.end_heal(head.size))


Chunk = tuple[RightEdge, list[FullTile], list[bytes]]


def _read(source: Source, edge: RightEdge, size: int) -> Iterator[tuple[int, Chunk]]:
    """Yield the tree at the end of each round from `edge` to `size`: its edge, the tiles it filled, its entries."""
    while edge.size < size:
        end = min(size, (edge.size // ROUND + 1) * ROUND)
        entries: list[bytes] = []
        for index in range(edge.size // TILE_WIDTH, (end - 1) // TILE_WIDTH + 1):
            bundle = _bundle(source, index, min(TILE_WIDTH, size - index * TILE_WIDTH))
            start = max(edge.size - index * TILE_WIDTH, 0)
            entries += bundle[start : end - index * TILE_WIDTH]
        if len(entries) != end - edge.size:
            raise HealRefused(f"the source holds {len(entries)} of the entries {edge.size} to {end}", SUCCEED)
        edge, tiles = edge.append([leaf_hash(entry) for entry in entries])
        yield end, (edge, tiles, entries)


def _bundle(source: Source, index: int, width: int) -> list[bytes]:
    """Return the first `width` entries of a bundle, from the full one where there is no partial one any more."""
    try:
        data = source.fetch(bundle_path(index, width), MAX_BUNDLE_BYTES)
    except NotThere:
        if width == TILE_WIDTH:
            raise
        data = source.fetch(bundle_path(index), MAX_BUNDLE_BYTES)
    try:
        return list(iterate_bundle(data))[:width]
    except MalformedTile as e:
        raise HealRefused(f"{bundle_path(index, width)} of the source: {e}", SUCCEED) from e


def _take_notices(store: Healing, source: Source, keys: Sequence[VerifierKey], tree: Tree) -> None:
    """Keep the notices that the database lost: they are public as a whole, and that of a change of keys is still needed."""
    for number in range(MAX_NOTICES):
        try:
            data = source.fetch(notice_path(number), MAX_RECEIPT_BYTES)
        except NotThere:
            return
        for key in keys:
            try:
                verified = verify_receipt(data, key)
                receipt = parse_receipt(data)
                detail = detail_of(verified, str(verified.open["type"]))
            except LedgerError:
                continue
            if verified.size > tree.size:
                break  # under a checkpoint of another history than the head's, whatever signed it
            with store.view() as view:
                root = tree_hash(verified.size, tile_reader(view.read_tile, tree.size))
                is_ours = root == verified.checkpoint.root and view.index_of(verified.entry) == verified.index
            if is_ours and verified.open["type"] in KINDS:
                kind, said = str(verified.open["type"]), parse_detail(canonical_json(dict(detail)).decode())
                notice = Notice(0, kind, "told", tree.head_ms, said, verified.entry, receipt.extra)
                store.keep_notice(notice, verified.size, receipt.checkpoint)
            break


def _begin(store: Healing, head: Head) -> Tree:
    """Return the empty tree of a database that holds no log at all, stored."""
    tree = Tree(head.origin, 0, EMPTY_ROOT, 0, 0, EMPTY_ROOT)
    store.create(tree)
    return tree


def _require_behind(tree: Tree, head: Head) -> None:
    if tree.origin != head.origin:
        raise HealRefused(
            f"the database holds the log {tree.origin}, the head is of {head.origin}",
            "Name the database and the head of one and the same log.",
        )
    if tree.size > head.size or (tree.size == head.size and tree.root != head.root):
        raise HealRefused(
            f"the database is at {tree.size} entries, the head at {head.size}: not an old copy of this log",
            "Nothing is to be healed here: start the sequencer, which finishes its last round or says what is wrong.",
        )


def _published(store: Healing, keys: Sequence[VerifierKey], head: Head) -> Checkpoint | None:
    note = store.newest_checkpoint()
    if note is None:
        return None
    return _open(note.encode(), keys, head, "the database's last checkpoint")


def _require_same(source: Source, keys: Sequence[VerifierKey], head: Head) -> str:
    """Return the source's newest checkpoint, which has to be the head's."""
    try:
        note = source.fetch("checkpoint", MAX_NOTE_BYTES)
    except NotThere as e:
        raise HealRefused(
            "there is no log at the source: it has no file `checkpoint`",
            "Name the folder or the address in which `checkpoint` and `tile` are. Below a demo's var/export it is the"
            " one that bears the log's name.",
        ) from e
    newest = _open(note, keys, head, "the source's checkpoint")
    if newest.size < head.size:
        raise HealRefused(
            f"the source ends at {newest.size} entries, {head.size - newest.size} before the head at {head.size}",
            f"Look for an export, a mirror or a CDN that is newer. {SUCCEED}",
        )
    if newest.size > head.size:
        raise HealRefused(
            f"the source has {newest.size} entries, the head only {head.size}: the head is an old copy as well",
            "Stop here and keep everything as it is. How far the log had signed is known to nobody here any more: put the"
            " newest head back, or let `python -m ledger succeed` open a new log that binds this one.",
        )
    if newest.root != head.root:
        raise HealRefused(
            f"source and head have different roots for {head.size} entries",
            f"Both are signed: keep them, they prove that the log was signed twice. {SUCCEED}",
        )
    return note.decode()


def _open(note: bytes, keys: Sequence[VerifierKey], head: Head, name: str) -> Checkpoint:
    try:
        parsed = parse_note(note)
        verify_note(parsed, keys)
        checkpoint = parse_checkpoint(parsed.text)
    except LedgerError as e:
        raise HealRefused(f"{name} is not one of this log: {e}", "Name the keys and the files of this log.") from e
    if checkpoint.origin != head.origin:
        raise HealRefused(f"{name} is of {checkpoint.origin}, not of {head.origin}", "Name the files of this log.")
    return checkpoint
