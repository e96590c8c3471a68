"""A log with everything around it, for tests of the machine: it outlives its sequencers and knows what was promised."""

from itertools import pairwise

from sqlalchemy import select

from ledger.checkpoint import parse_checkpoint
from ledger.entry import canonical_json
from ledger.head import FileHead
from ledger.merkle import leaf_hash, root_hash, verify_consistency
from ledger.note import SigningKey, parse_note
from ledger.reader import LogReader
from ledger.receipt import ForMe, format_extra, verify_receipt
from ledger.sequencer import Sequencer
from ledger.stores.engine import open_engine, reading, recording, sqlite
from ledger.stores.memory import MemoryStore
from ledger.stores.sql import SQLStore, add_pending, ledger_checkpoint, metadata

ORIGIN = "log.hospital.example/2026"
KEY = SigningKey(ORIGIN, bytes(range(32)))
START_MS = 1_790_000_000_000


def event(number):
    """Return the event with this number, as its owner has it."""
    opened = {
        "v": 1,
        "id": f"01a00000-0000-7000-8000-{number:012x}",
        "at": "2026-11-22T08:00:00.000Z",
        "type": "appointment.checked_in",
    }
    return ForMe(number.to_bytes(32, "big"), canonical_json(opened), bytes(32), canonical_json({"seq": number}))


class Key:
    """The log's key. It remembers what it signed, because a signature cannot be taken back."""

    def __init__(self):
        self.name, self.verifier_key = KEY.name, KEY.verifier_key
        self.signed = []

    def sign(self, text):
        self.signed.append(parse_checkpoint(text))
        return KEY.sign(text)


class Silent:
    """A bell that nobody rings; it remembers what was announced."""

    def __init__(self):
        self.announced = []

    def wait(self, timeout_seconds):
        return False

    def announce(self, size, serial):
        self.announced.append((size, serial))


class Log:
    """`kind` is "memory" or "sql", at `url` if not in `folder`; what a sequencer acknowledged `check` remembers."""

    def __init__(self, folder, kind="sql", url=None):
        self.folder, self.kind = folder, kind
        self.head = FileHead(folder / "head")
        self.key, self.bell = Key(), Silent()
        self.now_ms = START_MS
        self.asked, self.receipts = {}, {}
        if kind == "memory":
            self.store = MemoryStore()
        else:
            self.engine = open_engine(url or f"sqlite:///{folder}/hospital.db")
            with recording(self.engine) as connection:
                metadata.create_all(connection)
            self.store = SQLStore(self.engine)

    def close(self):
        if self.kind == "sql":
            self.engine.dispose()

    def add(self, count=1, at_ms=None):
        """Put `count` events into the queue; return their numbers."""
        first = len(self.asked)
        numbers = range(first, first + count)
        entries = [event(number).entry for number in numbers]
        at_ms = self.now_ms if at_ms is None else at_ms
        if self.kind == "memory":
            serials = [self.store.add_pending(entry, at_ms) for entry in entries]
        else:
            with recording(self.engine) as connection:
                serials = [add_pending(connection, entry, at_ms) for entry in entries]
        self.asked.update(zip(numbers, serials, strict=True))
        return list(numbers)

    def build(self, **parts):
        """Return a sequencer that was not started; `parts` replace store, head, key, origin, bell."""
        defaults = {"store": self.store, "head": self.head, "key": self.key, "origin": ORIGIN, "bell": self.bell}
        return Sequencer(**(defaults | parts), clock=lambda: self.now_ms)

    def start(self, **parts):
        sequencer = self.build(**parts)
        sequencer.start()
        return sequencer

    def grow(self, *counts):
        """Let the log grow by so many entries in each round."""
        sequencer = self.start()
        for count in counts:
            numbers = self.add(count)
            assert sequencer.round() == count
            self.hand_out(numbers[-1:])
        return self

    def hand_out(self, numbers):
        """Take receipts, as patients do; `check` verifies them later."""
        for number in numbers:
            it = event(number)
            receipt = LogReader(self.store).receipt_for(it.entry, format_extra(it))
            verify_receipt(receipt.encode(), KEY.verifier_key)
            self.receipts[number] = receipt

    def published(self):
        return parse_checkpoint(parse_note(self.store.newest_checkpoint().encode()).text)

    def notes(self):
        """Return every checkpoint that was ever published."""
        if self.kind == "memory":
            return [published[1] for published in self.store._notes]
        with reading(self.engine) as connection:
            return list(connection.execute(select(ledger_checkpoint.c.note)).scalars())

    def sql(self, *statements):
        """Change the database behind everybody's back, as its owner or a broken disk could."""
        # The same library as the engine's: two copies in one process drop each other's locks.
        with sqlite.connect(self.folder / "hospital.db") as connection:
            triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                assert connection.execute(statement).rowcount > 0, statement
            for _, trigger in triggers:
                connection.execute(trigger)
        connection.close()

    def check(self):
        """Assert the promises of the log that can be told from outside."""
        tree, published = self.store.load_tree(), self.published()
        assert published.size == tree.size and published.root == tree.root
        entries = self.store.entries(0, tree.size)
        leaves = [leaf_hash(entry) for entry in entries]
        assert root_hash(leaves) == tree.root
        # I3: one root for each size; I2: each checkpoint continues the one before it.
        signed = self.key.signed + [parse_checkpoint(parse_note(note.encode()).text) for note in self.notes()]
        roots = {checkpoint.size: checkpoint.root for checkpoint in signed}
        assert all(roots[checkpoint.size] == checkpoint.root for checkpoint in signed)
        sizes, reader = sorted(roots), LogReader(self.store)
        for old, new in pairwise(sizes):
            verify_consistency(old, roots[old], new, roots[new], reader.consistency_proof(old, new))
        # I6: nothing that nobody asked for, nothing twice, in the order of the queue.
        numbers = {event(number).entry: number for number in self.asked}
        serials = [self.asked[numbers[entry]] for entry in entries]
        assert serials == sorted(set(serials))
        # I8: head and tree agree, and no time lies before an event's.
        head = self.head.read()
        assert (head.size, head.root, head.at_ms) == (tree.size, tree.root, tree.head_ms)
        # I1: whatever was handed out still verifies, and belongs to the tree as it is now.
        for number, receipt in self.receipts.items():
            verified = verify_receipt(receipt.encode(), KEY.verifier_key)
            assert verified.entry == event(number).entry
            proof = reader.consistency_proof(verified.size)
            verify_consistency(verified.size, roots[verified.size], tree.size, tree.root, proof)
