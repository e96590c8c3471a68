"""Every system call of a round fails once; afterwards the log is whole, and nothing acknowledged is missing.

After the fault test of transparency-dev/tessera (integration/fault/posix): trace once, then run the same round again and
again, each time with one call that fails or at which the process dies.
"""

from __future__ import annotations

import mmap
import random
import shutil
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from ledger.checkpoint import parse_checkpoint
from ledger.errors import LedgerError
from ledger.head import FileHead
from ledger.sequencer import Sequencer
from ledger.stores.engine import open_engine
from ledger.stores.sql import SQLStore
from tests.ledger.workbench import ORIGIN, START_MS, Key, Log, Silent
from tests.torture import tracer
from tests.torture.tracer import Call, Fault

ACKNOWLEDGED, FAILED = 0, 3
PAGE = 65536
SAMPLE = 60


class Written(Key):
    """A key that writes what it signs into memory which outlives the process: a signature cannot be taken back."""

    def __init__(self, memory: mmap.mmap) -> None:
        super().__init__()
        self._memory = memory

    def sign(self, text: str) -> object:
        line = super().sign(text)
        self._memory.write(text.encode() + b"\0")
        return line


class Case:
    """A log of `size` entries in `folder` with `waiting` more in its queue, copied anew for each fault."""

    def __init__(self, folder: Path, size: int = 254, waiting: int = 5, begin: str = "round") -> None:
        self.begin = begin  # where calls begin to count: at the "round", or at the "start" before it
        self._base, self._copy = folder / "base", folder / "copy"
        self._base.mkdir(parents=True)
        log = Log(self._base)
        while (missing := size - len(log.asked)) > 0:
            log.grow(min(missing, 4096))
        self._receipts = log.receipts
        self._waiting = log.add(waiting)
        self.asked = dict(log.asked)
        self.size = size
        log.close()

    def fresh(self) -> Path:
        """Return the folder with the log as it was before the round."""
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self._base, self._copy)
        return self._copy

    def run(self, folder: Path, watched: Collection[str], fault: Fault | None) -> tuple[tracer.Traced, list[str]]:
        """Make the round in another process; return how it went and the checkpoints that it signed."""
        with mmap.mmap(-1, PAGE) as memory:
            traced = tracer.run(lambda count: self._work(folder, memory, count), watched, fault)
            signed = memory[:].split(b"\0")
        return traced, [text.decode() for text in signed if text]

    def _work(self, folder: Path, memory: mmap.mmap, count: object) -> int:
        # With SQLite's database, as the real process has it: two connections that are kept.
        store = SQLStore(open_engine(f"sqlite:///{folder}/hospital.db"), for_one_thread=True)
        head = FileHead(folder / "head")
        sequencer = Sequencer(store, head, Written(memory), ORIGIN, Silent(), clock=lambda: START_MS)
        try:
            if self.begin == "start":
                count()  # type: ignore[operator]
            sequencer.start()
            if self.begin == "round":
                count()  # type: ignore[operator]
            return ACKNOWLEDGED if sequencer.round() == len(self._waiting) else 98
        except (LedgerError, OSError, SQLAlchemyError):
            return FAILED

    def calls(self, watched: Collection[str]) -> tuple[Call, ...]:
        """Return the calls of a round in which nothing fails."""
        traced, _ = self.run(self.fresh(), watched, None)
        assert traced.ended == ACKNOWLEDGED, traced
        return traced.calls

    def suffer(self, fault: Fault, watched: Collection[str]) -> str:
        """Let one call fail, then start again and check every promise; return how the process ended."""
        folder = self.fresh()
        traced, signed = self.run(folder, watched, fault)
        if fault.kind == "KILL":
            assert traced.ended == -9, f"{fault}: ended with {traced.ended}"
        else:
            assert traced.ended in (ACKNOWLEDGED, FAILED), f"{fault}: ended with {traced.ended}"
        if fault.call.name in tracer.SYNCING and not _is_of_sqlite(fault.call):
            assert traced.ended != ACKNOWLEDGED, f"{fault}: acknowledged although its sync failed"
        self.check(folder, signed, traced.ended == ACKNOWLEDGED)
        return {ACKNOWLEDGED: "acknowledged", FAILED: "stopped", -9: "killed"}[traced.ended]

    def check(self, folder: Path, signed: list[str], acknowledged: bool) -> None:
        """Start on what is left, take what waits, and compare all of it with what was asked for and acknowledged."""
        log = Log(folder)
        try:
            log.asked, log.receipts = dict(self.asked), dict(self._receipts)
            log.key.signed = [parse_checkpoint(text) for text in signed]
            size = log.store.load_tree().size  # type: ignore[union-attr]
            assert size >= self.size
            if acknowledged:
                assert size == log.published().size == self.size + len(self._waiting)
            log.start().round()
            assert log.store.load_tree().size == self.size + len(self._waiting)  # type: ignore[union-attr]
            log.hand_out(self._waiting)
            log.check()
        finally:
            log.close()


def faults(calls: Collection[Call], kinds: Collection[str] = tuple(tracer.FAULTS)) -> Iterator[Fault]:
    """Yield one fault of each kind for each call."""
    for number, call in enumerate(calls):
        for kind in kinds:
            yield Fault(number, call, kind)


def _is_of_sqlite(call: Call) -> bool:
    """Tell whether this is the sync of the folder of a new write-ahead log, whose answer SQLite ignores.

    src/os_unix.c, unixSync. Only the first commit after the last connection was closed does it.
    """
    return call.file.is_dir()


def suffer(folder: Path, rng: random.Random) -> str:
    """Let a sample of all calls fail, reads and locks too, at some size of the log and in the round or the start before it."""
    size, waiting = rng.choice(((1, 1), (254, 5), (255, 1), (256, 300), (511, 2))), rng.choice((0, 1, 9))
    case = Case(folder, size[0], size[1] + waiting, rng.choice(("round", "round", "start")))
    watched = tuple(tracer.CALLS)
    every = list(faults(case.calls(watched)))
    chosen = rng.sample(every, min(len(every), SAMPLE))
    ended = Counter(case.suffer(fault, watched) for fault in chosen)
    said = ", ".join(f"{count} {how}" for how, count in sorted(ended.items()))
    return f"{len(chosen)} of {len(every)} faults in the {case.begin} at {case.size} entries: {said}"
