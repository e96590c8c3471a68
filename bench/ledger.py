"""`python -m bench.ledger`: the log's engine by itself, into its section of `docs/benchmarks.md`. Two minutes; `--growth` ten more.

Every round that is measured is read back and checked entry by entry, outside the time that counts.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from app import ROOT
from bench import growth, ledger_report, machine, sections
from bench.growth import Size
from bench.log import ORIGIN, WAIT_SECONDS, Log, Silent, new_entry
from bench.servers import cpu_seconds_of
from ledger.audit import audit_log
from ledger.checkpoint import Checkpoint, format_checkpoint, open_checkpoint
from ledger.cosignature import sign_cosignature
from ledger.entry import canonical_json
from ledger.head import FileHead
from ledger.merkle import inclusion_proof, leaf_hash, root_hash, verify_inclusion
from ledger.note import ED25519_COSIGNATURE, SigningKey, format_note
from ledger.policy import parse_policy
from ledger.reader import LogReader
from ledger.receipt import ForMe, Receipt, format_extra, format_receipt, verify_receipt
from ledger.sequencer import Sequencer
from ledger.source import FolderSource
from ledger.stores.engine import open_engine, recording
from ledger.stores.sql import SQLStore
from ledger.tiles import TILE_WIDTH, bundle_path, tile_path, tiles_of

BATCHES = (1, 16, 256, 1024, 4096)
ROUNDS = {1: 101, 16: 101, 256: 41, 1024: 21, 4096: 11}
AUDITED = 200_000
WITNESSES = 3
IDLE_SECONDS = 10.0
ADD = "INSERT INTO ledger_entry (entry, at_ms) VALUES (?, ?)"


@dataclass(frozen=True)
class Batch:
    """Rounds of `entries` beside bare inserts of as many: medians in ms, and the median of the ratios, pair by pair."""

    entries: int
    rounds: int
    bare_ms: float
    round_ms: float
    proofs_ms: float
    ratio: float
    checked: int


@dataclass
class Figures:
    """Everything that was measured."""

    machine: machine.Machine
    began_at: datetime
    others: float = 0.0
    batches: list[Batch] = field(default_factory=list)
    act_p50_ms: float = 0.0
    act_p99_ms: float = 0.0
    audit_entries: int = 0
    audit_per_second: float = 0.0
    verify_ms: float = 0.0
    idle_share: float = 0.0
    growth: list[Size] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it works")
    parser.add_argument("--growth", action="store_true", help="also logs of 10^3 to 10^7 entries: 2 GB in TMPDIR")
    parser.add_argument("--largest", type=int, default=10_000_000, help="entries of the largest of them")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md", help="whose section is written")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mingzhen-ledger-") as folder:
        figures = measure(Path(folder), 10 if told.quick else 1)
        if told.growth:
            growing = machine.Others(lambda: 0.0)
            figures.growth = growth.measure(Path(folder) / "growth", told.largest, say)
            ledger_report.draw(figures.growth, told.out.parent / "images")
            ledger_report.put_growth(told.out, figures, growing.share())
    sections.put(told.out, "the ledger", ledger_report.text(figures))
    say(f"written to {told.out}")
    for shortfall in ledger_report.verdict(figures):
        say(f"falls short: {shortfall}")
    return 0


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def measure(folder: Path, scale: int = 1) -> Figures:
    """Measure everything but growth, in `folder`."""
    folder.mkdir(exist_ok=True)
    figures = Figures(machine.describe(), datetime.now(UTC))
    others = machine.Others(lambda: 0.0)
    figures.batches = rounds(folder, {entries: max(3, ROUNDS[entries] // scale) for entries in BATCHES})
    for batch in figures.batches:
        say(f"  rounds of {batch.entries}: {batch.ratio:.2f} of the bare insert")
    figures.act_p50_ms, figures.act_p99_ms, figures.idle_share = acts(
        folder / "acts", 300 // scale, IDLE_SECONDS / scale
    )
    say(f"  one act: p50 {figures.act_p50_ms:.1f} ms; an idle sequencer takes {figures.idle_share:.2%} of a core")
    figures.audit_entries = AUDITED // scale
    figures.audit_per_second = audited_per_second(folder / "audit", figures.audit_entries)
    say(f"  audit: {figures.audit_per_second:,.0f} entries/s")
    figures.verify_ms = verify_ms(200 // scale)
    say(f"  a receipt with {WITNESSES} witnesses: {figures.verify_ms:.2f} ms")
    figures.others = others.share()
    return figures


# --- rounds ----------------------------------------------------------------------------------------------------------


def rounds(folder: Path, wanted: dict[int, int]) -> list[Batch]:
    """Return for each size of a batch how the engine does beside a bare `executemany` of the same entries.

    The engine's time goes from pending to published, and to an inclusion proof for each of the entries. The bare one's
    is that of inserting them into the same table, with the same constraints and pragmas and one commit.
    """
    log, bare = Log(folder / "log"), Log(folder / "bare")
    store = SQLStore(log.engine, for_one_thread=True)
    sequencer = Sequencer(store, FileHead(folder / "head"), log.key, ORIGIN, Silent())
    sequencer.start()
    found = []
    for entries, count in wanted.items():
        times = []
        for _ in range(count):
            batch = [new_entry() for _ in range(entries)]
            bare_ms = _ms(partial(insert, bare, batch))
            log.add(batch)
            size = log.reader.size()
            round_ms = _ms(sequencer.round)
            proofs: list[Sequence[bytes]] = []
            proofs_ms = _ms(partial(prove, log, size, proofs))
            check(log, size, batch, proofs)
            times.append((bare_ms, round_ms, proofs_ms))
        middle = [statistics.median(column) for column in zip(*times, strict=True)]
        ratio = statistics.median(bare / (one + proofs) for bare, one, proofs in times)
        found.append(Batch(entries, count, *middle, ratio, entries * count))
    store.close()
    log.close()
    bare.close()
    return found


def insert(bare: Log, batch: list[bytes]) -> None:
    """Put a batch into the table of entries, in one commit, and do nothing else."""
    with recording(bare.engine) as connection:
        driver: Any = connection.connection.driver_connection
        driver.executemany(ADD, [(entry, 0) for entry in batch])


def prove(log: Log, first: int, proofs: list[Sequence[bytes]]) -> None:
    proofs += log.reader.inclusion_proofs(first)


def check(log: Log, first: int, batch: list[bytes], proofs: Sequence[Sequence[bytes]]) -> None:
    """Read anew, through an engine of its own, what a round published; raise where it is not what was asked for."""
    engine = open_engine(log.url)
    reader = LogReader(SQLStore(engine))
    published = open_checkpoint(reader.read_checkpoint().encode(), log.key.verifier_key, ORIGIN)
    assert published.size == first + len(batch) == first + len(proofs)
    with SQLStore(engine).view() as view:
        assert view.entries(first, published.size) == batch
    for number, (entry, path) in enumerate(zip(batch, proofs, strict=True)):
        verify_inclusion(first + number, published.size, leaf_hash(entry), path, published.root)
    engine.dispose()


def acts(folder: Path, count: int, idle_seconds: float) -> tuple[float, float, float]:
    """Return p50 and p99 in ms of one act alone, from before its commit until its seal; and the core an idle sequencer takes."""
    log = Log(folder)
    waits = []
    with log.sequenced() as bell:
        for _ in range(count):
            began = time.perf_counter()
            serial = log.add([new_entry()])
            bell.knock()
            assert bell.wait(serial, WAIT_SECONDS)
            waits.append(1000 * (time.perf_counter() - began))
        used, began = cpu_seconds_of(log.sequencer_pid), time.monotonic()
        time.sleep(idle_seconds)
        idle = (cpu_seconds_of(log.sequencer_pid) - used) / (time.monotonic() - began)
    log.close()
    waits.sort()
    return waits[len(waits) // 2], waits[int(0.99 * len(waits))], idle


# --- checking --------------------------------------------------------------------------------------------------------


def audited_per_second(folder: Path, entries: int) -> float:
    """Return how many entries of a log in a folder `ledger audit` checks in a second, the best of three runs."""
    log = Log(folder)
    log.close()  # the loader wants the file for itself; the engine opens it again
    growth.fill(folder / "log.db", log.key, folder / "head", 0, entries)
    write_files(log.reader, folder / "files")
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        seen = audit_log(FolderSource(folder / "files"), log.key.verifier_key, origin=ORIGIN)
        best = min(best, time.perf_counter() - began)
        assert seen.checkpoint.size == entries
    log.close()
    return entries / best


def write_files(reader: LogReader, folder: Path) -> None:
    """Write the log as files, as `ledger export` does, but without syncing any: only the reading of them counts here."""
    size = reader.size()
    files = {tile_path(*tile): reader.read_tile(*tile) for tile in tiles_of(size)}
    for index in range((size + TILE_WIDTH - 1) // TILE_WIDTH):
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        files[bundle_path(index, width)] = reader.read_bundle(index, width)
    files["checkpoint"] = reader.read_checkpoint().encode()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def verify_ms(times: int) -> float:
    """Return the median of the ms it takes to verify a receipt from a log of 2^20 entries with three witnesses of three."""
    key = SigningKey.generate(ORIGIN)
    witnesses = [SigningKey.generate(f"w{n}.example", kind=ED25519_COSIGNATURE) for n in range(WITNESSES)]
    opened = canonical_json(
        {"v": 1, "id": "01a00000-0000-7000-8000-000000000000", "at": "2026-01-01T00:00:00.000Z", "type": "bench.entry"}
    )
    for_me = ForMe(secrets.token_bytes(32), opened, secrets.token_bytes(32), canonical_json({"seq": 1}))
    leaves, size = [leaf_hash(for_me.entry), *(leaf_hash(new_entry()) for _ in range(1023))], 1 << 20
    row = root_hash(leaves)  # the rest of the tree is 1,023 times the same 1,024 leaves: a proof is as long as any
    path = [*inclusion_proof(0, 1024, lambda nodes: [root_hash(leaves[i << n : (i + 1) << n]) for n, i in nodes])]
    for _ in range(10):
        path.append(row)
        row = root_hash([row, row])
    text = format_checkpoint(Checkpoint(ORIGIN, size, row))
    note = format_note(text, [key.sign(text), *(sign_cosignature(text, w, 1_790_000_000) for w in witnesses)])
    receipt = format_receipt(Receipt(format_extra(for_me), 0, tuple(path), note)).encode()
    lines = [f"log {key.verifier_key.format()}"]
    lines += [f"witness w{n} {w.verifier_key.format()}" for n, w in enumerate(witnesses)]
    lines += [f"group all {WITNESSES} " + " ".join(f"w{n}" for n in range(WITNESSES)), "quorum all", ""]
    policy = parse_policy("\n".join(lines).encode())
    return statistics.median(_ms(lambda: verify_receipt(receipt, key.verifier_key, policy)) for _ in range(times))


def _ms(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    raise SystemExit(main())
