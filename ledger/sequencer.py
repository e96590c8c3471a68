"""The one writer of a log: gives pending entries their index, moves the head, signs, publishes.

What is never done, whatever fails and wherever a process dies: signing two roots for one size, signing what is not on
disk, going back. The order of a round is the one of FiloSottile/sunlight internal/ctlog/ctlog.go, `sequencePool`:

    1. commit indices, right edge, full tiles and the new root, guarded by the old size and root
    2. compare-and-swap the head, outside that database
    3. sign, only now
    4. publish, only forward
    5. wake those who wait

Anything that raises inside a round leaves its outcome unknown, so it ends this sequencer; the next start looks at what
is there and either finishes the round or refuses. The guard of 1 and the swap of 2 are the fence against a second one.
"""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

from ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.errors import LedgerError, RefusedToStart, StoreError
from ledger.head import FileHead, Head
from ledger.merkle import EMPTY_ROOT, leaf_hash, leaf_hashes_of, root_hash, tree_hash
from ledger.note import SigningKey
from ledger.store import Overtaken, Pending, Round, Store, Tree, View
from ledger.tiles import TILE_BITS, TILE_WIDTH, RightEdge, partial_width, row_hash, split_hashes, tile_reader

MAX_ROUND = 4096  # entries; bounds the memory of a round and the time that others wait for its commit
GATHER_SECONDS = (
    0.006  # after a round that took several, others are on their way: a round costs the same for all of them
)
IDLE_SECONDS = 0.25  # a knock wakes the sequencer at once; this finds what nobody knocked for
MAX_AHEAD_MS = 10_000  # an event that states a later time than this is refused at the door, so some clock is wrong

RESTORE = (
    "Stop here and keep everything as it is. Put back the newest copy of the database; it has to be at least as new as"
    " the head. If there is none, `python -m ledger heal --from DIR|URL` takes what is missing from an export or a mirror;"
    " without one, `python -m ledger succeed` opens a new log that binds this one. Do not remove or edit the head: entries"
    " that were promised would be signed away."
)
COMPARE = (
    "Stop here and keep everything as it is. Find out which of database and head belongs to this log: compare both with"
    " the newest checkpoint that a mirror, a witness or a receipt holds. If the right one is gone for good,"
    " `python -m ledger succeed` opens a new log that binds this one."
)


class Bell(Protocol):
    """What wakes the sequencer and hears from it: `ledger.bell.BellServer`."""

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for a knock; tell whether there was one."""

    def announce(self, size: int, serial: int) -> None:
        """Tell that the entries up to `serial` are published."""


class Outside(Protocol):
    """Who watches from outside: `ledger.witnesses.Witnesses`. Nobody waits for them, except at the start."""

    def start(self, note: str, size: int) -> None:
        """Ask what they saw last, then go on showing them checkpoints.

        `note` is one that we signed before, `size` that of our tree. Raises RefusedToStart if they saw more.
        """

    def show(self, size: int, note: str) -> None:
        """Take note of a checkpoint that was published."""

    def require_agreement(self) -> None:
        """Raise RefusedToStart once one of them is found to have seen more of this log than there is."""


def now_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Sequencer:
    """Works on one log: `start()` once, then `round()` again and again, or `run()` for both. One thread.

    `origin` is what the log calls itself, `report` takes notable events (a fixed name and fields, nothing personal).
    After an exception from any method the sequencer is spent; build another and start that.
    """

    def __init__(
        self,
        store: Store,
        head: FileHead,
        key: SigningKey,
        origin: str,
        bell: Bell,
        clock: Callable[[], int] = now_ms,
        report: Callable[..., None] = lambda event, **fields: None,
        outside: Outside | None = None,
        next_key: SigningKey | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._outside = outside
        self._store = store
        self._head_file = head
        self._key = key
        # Both sign while the log goes from one key to the next.
        self._keys = (key,) if next_key is None else (key, next_key)
        self._origin = origin
        self._bell = bell
        self._clock = clock
        self._pause = pause
        self._report = report
        self._tree: Tree | None = None  # what the last round left, None before the start and after a failure
        self._edge = RightEdge.EMPTY
        self._serial = 0  # of the last entry in the tree
        self._was_late = False
        # Most of the edge is as the last round left it. Only the build remembers; what is signed is hashed anew.
        self._remembered_hash = lru_cache(maxsize=64)(row_hash)

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Start, then make rounds until `is_stopping` says so. Never returns from a failure: that is raised."""
        self.start()
        taken = 0
        while not is_stopping():
            # Each commit is followed by a knock, so a round that took all it found need not be followed by a look.
            knocked = self._bell.wait(0 if taken == MAX_ROUND else IDLE_SECONDS)
            if 1 < taken < MAX_ROUND and knocked:
                self._pause(GATHER_SECONDS)
            taken = self.round()
            if knocked and not taken:  # somebody else's round had taken it along; each knock gets its answer
                self._announce()

    def start(self) -> None:
        """Check what is stored against the head, finish a round that was cut short, publish what is not published.

        Raises RefusedToStart where signing could break a promise, StoreError or OSError where storage fails.
        """
        try:
            head = self._head_file.read()
        except StoreError as e:
            raise RefusedToStart(str(e), COMPARE) from e
        tree = self._store.load_tree()
        if tree is None:
            tree = self._begin(head)
        if tree.origin != self._origin or (head is not None and head.origin != self._origin):
            named = tree.origin if tree.origin != self._origin else head and head.origin
            raise RefusedToStart(
                f"this is the log {named}, not {self._origin}",
                "Name the database, the head and the origin (LEDGER_ORIGIN) of one and the same log.",
            )
        published = self._published(tree)
        is_behind = self._compare(tree, head)
        with self._store.view() as view:
            edge = verify_stored(view, tree, published)
            serial = view.serial_at(tree.size - 1) if tree.size else 0
        if not is_behind and self._head_file.is_spoiled():
            # A swap follows its commit, so one that was cut short would have left the database a round ahead.
            raise RefusedToStart("half of the head does not read, though no round was cut short", COMPARE)
        if self._outside is not None:  # a snapshot that took back database and head together is seen from there alone
            empty = Checkpoint(tree.origin, 0, EMPTY_ROOT)  # to have signed this one contradicts nothing
            self._outside.start(self._store.newest_checkpoint() or sign_checkpoint(empty, self._key), tree.size)
        if is_behind:  # 2. of the round that was cut short; its 1. is what was just verified
            self._head_file.compare_and_swap(head, _head_of(tree))
            if tree.size:
                self._report("sequencer.finished_step", size=tree.size)
        self._edge, self._serial = edge, serial
        if published is None or published.size < tree.size:
            self._publish(tree)  # 3. and 4.
        else:
            self._show(tree.size, self._store.newest_checkpoint())
        self._tree = tree
        self._report("sequencer.started", origin=tree.origin, size=tree.size)
        self._announce()  # 5.

    def round(self) -> int:
        """Take what is pending, MAX_ROUND entries at most, into the log; return how many that were.

        When this returns, they are in a published checkpoint. Whatever is raised, start anew.
        """
        old, self._tree = self._tree, None
        if old is None:
            raise StoreError("this sequencer has not started, or has failed")
        if self._outside is not None:
            self._outside.require_agreement()
        with self._store.view() as view:
            if view.load_tree() != old:
                raise Overtaken("the stored tree is not the one that this sequencer left")
            pending = view.pending(MAX_ROUND)
            if pending and view.load_edge() != self._edge:
                raise StoreError("the stored right edge is not the one that this sequencer left")
        if not pending:
            self._tree = old
            return 0
        step = self._build(old, pending)
        # 1. Indices, right edge, full tiles, root: on disk, if the tree is still `old`. Then, from the bytes as stored,
        #    the same root once more: a log died of one bit that flipped between storing and signing.
        self._store.commit_round(step)
        self._rehash(step)
        # 2. The head.
        self._head_file.compare_and_swap(_head_of(old), _head_of(step.new))
        # 3. and 4. Sign, then publish.
        self._publish(step.new)
        # 5. Wake.
        self._edge, self._tree, self._serial = step.edge, step.new, step.serials[-1]
        self._announce()
        return len(pending)

    def _begin(self, head: Head | None) -> Tree:
        """Return the empty tree of a log that has none yet, stored."""
        if head is not None and head.size > 0:
            raise RefusedToStart(f"the database holds no log, but the head is at {head.size} entries", RESTORE)
        if self._store.newest_size() is not None:
            raise RefusedToStart("the database holds checkpoints but no tree", RESTORE)
        at_ms = max(self._clock(), head.at_ms if head else 0)
        tree = Tree(self._origin, 0, EMPTY_ROOT, at_ms, 0, EMPTY_ROOT)
        self._store.create(tree)
        return tree

    def _published(self, tree: Tree) -> Checkpoint | None:
        """Return the newest published checkpoint, once it is found to be by our key and not ahead of the tree."""
        note = self._store.newest_checkpoint()
        if note is None:
            if tree.size > 0:
                raise RefusedToStart(f"no checkpoint is published, though the tree has {tree.size} entries", RESTORE)
            return None
        try:
            published = open_checkpoint(note.encode(), self._key.verifier_key, self._origin)
        except LedgerError as e:
            raise RefusedToStart(
                f"the last published checkpoint does not verify under this key: {e}",
                "Use the key that has signed so far (LEDGER_KEY_FILE). If it is lost, this log cannot go on:"
                " `python -m ledger succeed` opens a new one that binds it.",
            ) from e
        if published.size != self._store.newest_size():
            raise RefusedToStart(
                f"the checkpoint of {published.size} entries is stored as one of {self._store.newest_size()}", RESTORE
            )
        if published.size > tree.size:
            raise RefusedToStart(
                f"a checkpoint of {published.size} entries is published, the tree has {tree.size}", RESTORE
            )
        return published

    def _compare(self, tree: Tree, head: Head | None) -> bool:
        """Tell whether the tree is one whole round ahead of the head; refuse if they differ in any other way."""
        if head is None:
            if tree.size > 0:
                raise RefusedToStart(f"the head is missing, but the tree has {tree.size} entries", COMPARE)
            return True
        if head.size > tree.size:
            raise RefusedToStart(
                f"the head is at {head.size} entries, the database only at {tree.size}: an old copy was restored",
                RESTORE,
            )
        if head.size == tree.size:
            if head.root != tree.root:
                raise RefusedToStart(f"head and database have different roots for {tree.size} entries", COMPARE)
            if head.at_ms != tree.head_ms and tree.size > 0:
                raise RefusedToStart(f"head and database have different times for {tree.size} entries", COMPARE)
            return head.at_ms != tree.head_ms
        if (head.size, head.root) != (tree.old_size, tree.old_root) or head.at_ms > tree.head_ms:
            raise RefusedToStart(
                f"the database is at {tree.size} entries, which is not one round after the head at {head.size}", COMPARE
            )
        return True

    def _build(self, old: Tree, pending: Sequence[Pending]) -> Round:
        """Return the step that appends `pending`. Its time is never before the last one or any entry's."""
        edge, tiles = self._edge.append(leaf_hashes_of(waiting.entry for waiting in pending))
        clock, latest = self._clock(), max(waiting.at_ms for waiting in pending)
        is_late = clock + MAX_AHEAD_MS < max(latest, old.head_ms)
        if is_late and not self._was_late:
            self._report("sequencer.clock_behind", by_ms=max(latest, old.head_ms) - clock)
        self._was_late = is_late
        head_ms = max(clock, latest, old.head_ms)
        new = Tree(old.origin, edge.size, edge.root(self._remembered_hash), head_ms, old.size, old.root)
        return Round(old, new, [waiting.serial for waiting in pending], edge, tiles)

    def _rehash(self, step: Round) -> None:
        """Build the step once more from what the store gives back. Raises StoreError if it is not the same."""
        with self._store.view() as view:
            edge, tiles = self._edge.append(leaf_hashes_of(view.entries(step.old.size, step.new.size)))
            is_same = (
                edge.root() == step.new.root
                and view.load_tree() == step.new
                and view.load_edge() == step.edge
                and tiles == step.tiles
                and all(view.read_tile(tile.level, tile.index, TILE_WIDTH) == tile.hashes for tile in tiles)
            )
        if not is_same:
            raise StoreError(f"what was stored for {step.new.size} entries does not give their root; not signed")

    def _publish(self, tree: Tree) -> None:
        """Sign and publish. A start may repeat it: the same tree gives the same bytes (Ed25519; RFC 8032, 5.1.6)."""
        note = sign_checkpoint(Checkpoint(tree.origin, tree.size, tree.root), *self._keys)
        if not self._store.publish(tree.size, note, self._clock()):
            raise Overtaken(f"somebody else published a checkpoint of {tree.size} entries or more")
        self._show(tree.size, note)

    def _show(self, size: int, note: str | None) -> None:
        if self._outside is not None and note is not None:
            self._outside.show(size, note)

    def _announce(self) -> None:
        if self._tree is not None:
            self._bell.announce(self._tree.size, self._serial)


def _head_of(tree: Tree) -> Head:
    return Head(tree.origin, tree.size, tree.root, tree.head_ms)


def verify_stored(view: View, tree: Tree, published: Checkpoint | None) -> RightEdge:
    """Return the right edge, once it is found to follow from the stored entries and tiles and to give all three roots.

    Re-hashes the entries of the last round and of the last tile, and the tiles below the last tiles of each level: the
    work does not grow with the log but by its number of levels. The rest is the audit's. Raises RefusedToStart.
    """
    try:
        if not 0 <= tree.old_size <= tree.size:
            raise StoreError(f"a tree of {tree.size} entries does not follow one of {tree.old_size}")
        edge = view.load_edge()
        _verify_tiles(view, tree)
        if edge.root() != tree.root:
            raise StoreError(f"the right edge does not give the root of {tree.size} entries")
        read = tile_reader(view.read_tile, tree.size)
        if tree_hash(tree.old_size, read) != tree.old_root:
            raise StoreError(f"the tiles do not give the root of {tree.old_size} entries")
        if published is not None and tree_hash(published.size, read) != published.root:
            raise StoreError(f"the tiles do not give the published root of {published.size} entries")
    except LedgerError as e:
        raise RefusedToStart(f"what is stored contradicts itself: {e}", RESTORE) from e
    return edge


def _verify_tiles(view: View, tree: Tree) -> None:
    """Raise StoreError unless the tiles of the last round, and the last of each level, follow from what they cover."""
    first = tree.old_size - tree.old_size % TILE_WIDTH
    for start in range(first, tree.size, TILE_WIDTH):
        width = min(TILE_WIDTH, tree.size - start)
        stored = split_hashes(view.read_tile(0, start // TILE_WIDTH, width))
        for i, entry in enumerate(view.entries(start, start + width)):
            if leaf_hash(entry) != stored[i]:
                raise StoreError(f"entry {start + i} does not give its leaf hash")
    level = 1
    while (count := tree.size >> (TILE_BITS * level)) > 0:
        for index in range(tree.old_size >> (TILE_BITS * (level + 1)), (count - 1) // TILE_WIDTH + 1):
            full = (index + 1) * TILE_WIDTH <= count
            width = TILE_WIDTH if full else partial_width(level, tree.size)
            for i, stored_hash in enumerate(split_hashes(view.read_tile(level, index, width))):
                below = view.read_tile(level - 1, index * TILE_WIDTH + i, TILE_WIDTH)
                if root_hash(split_hashes(below)) != stored_hash:
                    raise StoreError(f"tile {index * TILE_WIDTH + i} of level {level - 1} does not give the hash above")
        level += 1
