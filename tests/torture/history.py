"""The history check: clients note what they were told, the process is killed, stopped and ended, and all must be so.

As Jepsen's set tests: acknowledged is in the end; in the end is nothing that nobody asked for, nothing twice; every
reader saw a prefix.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from pathlib import Path

from ledger.audit import Seen, audit_log
from ledger.bell import Bell
from ledger.merkle import leaf_hash, verify_consistency, verify_inclusion
from ledger.reader import LogReader
from ledger.receipt import format_extra, verify_receipt
from ledger.stores.engine import recording
from ledger.stores.sql import add_pending
from tests.ledger.test_audit_of_our_log import Served
from tests.ledger.test_sequencer_process import Process, wait_until
from tests.ledger.workbench import KEY, START_MS, Log, event

CLIENTS = 4
BLOWS = 6


def suffer(folder: Path, rng: random.Random) -> str:
    """Let clients record and wait while the sequencer is maltreated, and compare what they noted with what there is."""
    inside, notes = folder / "log", folder / "notes"
    inside.mkdir()
    log = Log(inside)
    (inside / "key").write_text(KEY.format() + "\n")
    clients = _Clients(log, notes)
    process = Process(log)
    try:
        wait_until(lambda: log.store.load_tree() is not None, 30)
        clients.start()
        blows = [rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)) for _ in range(BLOWS)]
        for blow in blows:
            time.sleep(rng.uniform(0.05, 0.6))
            if blow == signal.SIGSTOP:
                process.process.send_signal(blow)
                time.sleep(rng.uniform(0.05, 0.5))
                process.process.send_signal(signal.SIGCONT)
            else:
                process.end(blow)
                process = Process(log)
        wait_until(lambda: clients.acknowledged > 0, 30)
        clients.stop()
        wait_until(lambda: not log.store.pending(1), 30)
        assert process.end()[0] == 0
        return clients.check(notes)
    finally:
        clients.stop()
        if process.process.poll() is None:
            process.end(signal.SIGKILL)
        log.close()


class _Clients:
    """Threads that record events and wait for their receipts, and one that audits all the time."""

    def __init__(self, log: Log, notes: Path) -> None:
        self._log, self._reader = log, LogReader(log.store)
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._bell = Bell(log.folder / "bell")
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._record, args=(n,)) for n in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._audit))
        self._asked: dict[int, int] = {}
        self._failed: list[BaseException] = []
        self.acknowledged = 0

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._bell.close()

    def _record(self, client: int) -> None:
        try:
            for number in range(client * 100_000, (client + 1) * 100_000):
                if self._stopping.is_set():
                    return
                it = event(number)
                with recording(self._log.engine) as connection:
                    self._asked[number] = add_pending(connection, it.entry, START_MS)
                self._bell.knock()
                if self._bell.wait(self._asked[number], 0.5):
                    receipt = self._reader.receipt_for(it.entry, format_extra(it))
                    os.write(self._notes, json.dumps([number, receipt]).encode() + b"\n")
                    os.fsync(self._notes)
                    self.acknowledged += 1
        except BaseException as failure:  # told by `check`, in the thread that asked
            self._failed.append(failure)

    def _audit(self) -> None:
        """Read the whole log again and again while it grows: each time it continues what was seen before."""
        last: Seen | None = None
        try:
            while not self._stopping.is_set():
                if self._reader.size():
                    last = audit_log(Served(self._reader), KEY.verifier_key, last)
                time.sleep(0.05)
        except BaseException as failure:
            self._failed.append(failure)

    def check(self, notes: Path) -> str:
        if self._failed:
            raise self._failed[0]
        log = self._log
        log.asked = dict(self._asked)
        log.check()
        size, root = log.published().size, log.published().root
        noted = [json.loads(line) for line in notes.read_text().splitlines()]
        for number, receipt in noted:
            old = verify_receipt(receipt.encode(), KEY.verifier_key)
            assert old.entry == event(number).entry
            verify_inclusion(old.index, size, leaf_hash(old.entry), self._reader.inclusion_proof(old.index), root)
            verify_consistency(old.size, old.checkpoint.root, size, root, self._reader.consistency_proof(old.size))
        return f"{len(noted)} receipts noted of {len(log.asked)} events, all there"
