"""What a log costs as it grows from a thousand entries to ten million.

The entries between two sizes are put in by `fill`, which writes what so many rounds would have left, without their syncs;
at each size real rounds are made and measured, and a sequencer is started in a process of its own.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from app import ROOT
from bench.log import ORIGIN, Log, Silent, new_entry
from ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.head import FileHead, Head
from ledger.merkle import leaf_hash, leaf_hashes_of, verify_inclusion
from ledger.note import SigningKey
from ledger.reader import LogReader
from ledger.sequencer import Sequencer
from ledger.stores.engine import open_engine, sqlite
from ledger.stores.sql import SQLStore
from ledger.tiles import RightEdge

SMALLEST = 1_000
ENTRIES = 16  # of a round that is measured: as many as a busy one takes along
ROUNDS = 31
PROOFS = 300
CHUNK = 1 << 16
CACHE_KIB = 2_000_000  # of the loader alone


@dataclass(frozen=True)
class Size:
    """A log of `entries`: medians in ms, memory and file size in MiB."""

    entries: int
    add_ms: float
    round_ms: float
    proof_ms: float
    start_ms: float
    memory_mb: float
    file_mb: float


def measure(folder: Path, largest: int, say: Callable[[str], None]) -> list[Size]:
    """Return what the log costs at each power of ten from a thousand entries to `largest`."""
    log = Log(folder)
    head, found, size = folder / "head", [], SMALLEST
    (folder / "key").write_text(log.key.format())
    while size <= largest:
        have = log.reader.size()
        log.close()
        fill(folder / "log.db", log.key, head, have, size - ROUNDS * ENTRIES)
        found.append(_at(log, head))
        say(f"  {found[-1]}")
        size *= 10
    log.close()
    return found


def _at(log: Log, head: Path) -> Size:
    """Measure the log as it is."""
    store = SQLStore(log.engine, for_one_thread=True)
    sequencer = Sequencer(store, FileHead(head), log.key, ORIGIN, Silent())
    sequencer.start()
    adding, rounds = [], []
    for _ in range(ROUNDS):
        batch = [new_entry() for _ in range(ENTRIES)]
        adding.append(_ms(lambda batch=batch: log.add(batch)))  # type: ignore[misc]
        rounds.append(_ms(sequencer.round))
    reader, rng = LogReader(store), random.Random(1)
    size, proofs = reader.size(), []
    root = open_checkpoint(reader.read_checkpoint().encode(), log.key.verifier_key, ORIGIN).root
    for index in (rng.randrange(size) for _ in range(PROOFS)):
        began = time.perf_counter()
        path = reader.inclusion_proof(index)
        proofs.append(1000 * (time.perf_counter() - began))
        verify_inclusion(index, size, leaf_hash(store.entries(index, index + 1)[0]), path, root)
    store.close()
    log.close()
    command = [sys.executable, "-m", "bench.growth", log.url, str(log.folder / "key"), str(head)]
    told = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    file_mb = (log.folder / "log.db").stat().st_size / 2**20
    middle = [statistics.median(times) for times in (adding, rounds, proofs)]
    return Size(size, *middle, told["start_ms"], told["memory_mb"], file_mb)


def start_once(url: str, key: Path, head: Path) -> None:
    """Start a sequencer on a log that is there, and say how long it took and how much memory this process has had."""
    store = SQLStore(open_engine(url), for_one_thread=True)
    sequencer = Sequencer(store, FileHead(head), SigningKey.parse(key.read_text()), ORIGIN, Silent())
    start_ms = _ms(sequencer.start)
    sequencer.round()
    # Not ru_maxrss: that begins with what the parent had when it forked.
    most = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    memory_mb = int(most.split()[1]) / 1024
    print(json.dumps({"start_ms": start_ms, "memory_mb": memory_mb}))


# --- the loader ------------------------------------------------------------------------------------------------------


def entries_of(start: int, stop: int) -> Iterator[bytes]:
    """Yield entries as hashes are: equally long, in no order."""
    for number in range(start, stop):
        yield b"\x01" + sha256(number.to_bytes(8, "big")).digest()


def fill(database: Path, key: SigningKey, head: Path, old_size: int, new_size: int) -> None:
    """Let a log in a file that nobody has open grow from `old_size` to `new_size` entries, as many rounds would have."""
    if new_size <= old_size:
        return
    disk = sqlite.connect(database, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", f"cache_size=-{CACHE_KIB}"):
        disk.execute(f"PRAGMA {pragma}")
    edge = RightEdge(old_size, tuple(row for (row,) in disk.execute("SELECT hashes FROM ledger_edge ORDER BY level")))
    [serial] = disk.execute("SELECT coalesce(max(serial), 0) FROM ledger_entry").fetchone()
    disk.execute("BEGIN")
    for start in range(old_size, new_size, CHUNK):
        chunk = list(entries_of(start + old_size * 10, start + old_size * 10 + min(CHUNK, new_size - start)))
        rows = [(serial + i + 1, entry, 0, start + i) for i, entry in enumerate(chunk)]
        disk.executemany("INSERT INTO ledger_entry (serial, entry, at_ms, idx) VALUES (?, ?, ?, ?)", rows)
        serial += len(rows)
        old_edge, (edge, tiles) = edge, edge.append(leaf_hashes_of(chunk))
        disk.executemany(
            "INSERT INTO ledger_tile (level, idx, hashes) VALUES (?, ?, ?)",
            [(t.level, t.index, t.hashes) for t in tiles],
        )
    disk.executemany("INSERT OR REPLACE INTO ledger_edge (level, hashes) VALUES (?, ?)", list(enumerate(edge.partial)))
    at_ms = time.time_ns() // 1_000_000
    root = edge.root()
    row = (ORIGIN, new_size, root, at_ms, old_edge.size, old_edge.root())
    disk.execute("INSERT OR REPLACE INTO ledger_tree VALUES (1, ?, ?, ?, ?, ?, ?)", row)
    note = sign_checkpoint(Checkpoint(ORIGIN, new_size, root), key)
    disk.execute("INSERT INTO ledger_checkpoint (size, note, published_ms) VALUES (?, ?, ?)", (new_size, note, at_ms))
    disk.execute("COMMIT")
    disk.close()
    heads = FileHead(head)
    heads.compare_and_swap(heads.read(), Head(ORIGIN, new_size, root, at_ms))


def _ms(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    start_once(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
