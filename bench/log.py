"""The log by itself: rounds with many who add, rounds of a small and of a large log, receipts made and checked."""

from __future__ import annotations

import secrets
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app import ROOT
from ledger.bell import Bell
from ledger.entry import canonical_json, entry_of, own_hash
from ledger.head import FileHead
from ledger.note import SigningKey
from ledger.reader import LogReader
from ledger.receipt import ForMe, format_extra, verify_receipt
from ledger.sequencer import MAX_ROUND, Sequencer
from ledger.stores.engine import open_engine, recording
from ledger.stores.sql import SQLStore, add_pending, metadata

ORIGIN = "bench.example/log"
WAIT_SECONDS = 10.0
ROUND_ENTRIES = 16  # as many as a busy round takes along


class Log:
    """A log of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.url = f"sqlite:///{folder / 'log.db'}"
        self.engine = open_engine(self.url)
        with recording(self.engine) as connection:
            metadata.create_all(connection)
        self.key = SigningKey.generate(ORIGIN)
        self.store = SQLStore(self.engine)
        self.reader = LogReader(self.store)
        self.sequencer_pid = 0

    def add(self, entries: list[bytes]) -> int:
        """Commit entries as pending, in one transaction; return the last one's serial."""
        now_ms = time.time_ns() // 1_000_000
        with recording(self.engine) as connection:
            return [add_pending(connection, entry, now_ms) for entry in entries][-1]

    @contextmanager
    def sequenced(self) -> Iterator[Bell]:
        """Run `python -m ledger sequencer` over this log; yield a bell that reaches it."""
        key, bell = self.folder / "key", Bell(self.folder / "bell")
        key.touch(mode=0o600)
        key.write_text(self.key.format() + "\n")
        told = {"database": self.url, "origin": ORIGIN, "key": key, "head": self.folder / "head"}
        arguments = [text for name, value in told.items() for text in (f"--{name}", str(value))]
        process = subprocess.Popen(
            [sys.executable, "-m", "ledger", "sequencer", *arguments, "--socket", str(self.folder / "bell")],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        self.sequencer_pid = process.pid
        try:
            serial = self.add([new_entry()])
            deadline = time.monotonic() + WAIT_SECONDS
            while not bell.wait(serial, WAIT_SECONDS):  # it is still starting
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield bell
        finally:
            bell.close()
            process.terminate()
            process.wait(WAIT_SECONDS)

    def close(self) -> None:
        self.engine.dispose()


class Silent:
    """A bell for who makes the rounds by hand."""

    def wait(self, timeout_seconds: float) -> bool:
        return False

    def announce(self, size: int, serial: int) -> None:
        pass


def new_entry() -> bytes:
    return b"\x01" + secrets.token_bytes(32)


def per_second(folder: Path, adders: int, entries: int) -> tuple[float, float]:
    """Return (entries a second, 99th percentile in ms) when `adders` threads each commit one entry and wait for its seal."""
    log = Log(folder)
    each = max(1, entries // adders)
    waits: list[float] = []

    def add(bell: Bell) -> None:
        for _ in range(each):
            began = time.perf_counter()
            serial = log.add([new_entry()])
            bell.knock()
            while not bell.wait(serial, WAIT_SECONDS):
                time.sleep(0.01)  # it called itself stalled; what an act would answer "sealing" is waited for here
            waits.append(time.perf_counter() - began)

    with log.sequenced() as bell:
        already = log.reader.size()
        threads = [threading.Thread(target=add, args=(bell,)) for _ in range(adders)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - began
    assert len(waits) == log.reader.size() - already == each * adders
    log.close()
    return each * adders / seconds, 1000 * sorted(waits)[int(0.99 * len(waits))]


def round_by_size(folder: Path, sizes: list[int], rounds: int) -> list[tuple[int, float, float, float]]:
    """Return for each size of the log (size, ms of a round of 16 entries, ms to make a receipt, ms to check one)."""
    log = Log(folder)
    sequencer = Sequencer(log.store, FileHead(folder / "head"), log.key, ORIGIN, Silent())
    sequencer.start()
    event_id = "01a00000-0000-7000-8000-000000000000"
    opened = canonical_json({"v": 1, "id": event_id, "at": "2026-01-01T00:00:00.000Z", "type": "bench.entry"})
    for_me = ForMe(secrets.token_bytes(32), opened, secrets.token_bytes(32), canonical_json({"seq": 1}))
    entry = entry_of(for_me.open_salt, own_hash(for_me.own_salt, for_me.own), for_me.open)
    log.add([entry])
    sequencer.round()
    found = []
    for size in sizes:
        while (missing := size - log.reader.size()) > 0:
            log.add([new_entry() for _ in range(min(missing, MAX_ROUND))])
            sequencer.round()
        receipt = log.reader.receipt_for(entry, format_extra(for_me)).encode()

        def sixteen() -> float:
            log.add([new_entry() for _ in range(ROUND_ENTRIES)])
            return _ms(sequencer.round)

        def make() -> float:
            return _ms(lambda: log.reader.receipt_for(entry, format_extra(for_me)))

        def check(receipt: bytes = receipt) -> float:
            return _ms(lambda: verify_receipt(receipt, log.key.verifier_key))

        found.append((size, *(statistics.median(what() for _ in range(rounds)) for what in (sixteen, make, check))))
    log.close()
    with suppress(OSError):
        (folder / "log.db").unlink()  # a hundred thousand entries need not stay
    return found


def _ms(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return 1000 * (time.perf_counter() - began)
