"""The figures of `python -m bench.ledger` as two sections of a page, and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench import plot, sections

if TYPE_CHECKING:
    from bench.growth import Size
    from bench.ledger import Figures

ALLOWED_RATIO = {256: 0.25, 1024: 0.40}
ALLOWED_ACT_MS = 8.0
ALLOWED_AUDIT = 150_000
ALLOWED_PROOF_MS = 1.0
ALLOWED_VERIFY_MS = 3.0
ALLOWED_GROWTH = 1.3
ALLOWED_START_MS = 250.0
ALLOWED_MEMORY = 1.25
PICTURE = "ledger-growth.svg"


def verdict(figures: Figures) -> list[str]:
    """Return what falls short of what was promised; nothing when all holds."""
    short = []
    for batch in figures.batches:
        wanted = ALLOWED_RATIO.get(batch.entries, 0.0)
        if batch.ratio < wanted:
            short.append(f"rounds of {batch.entries}: {batch.ratio:.2f} of the bare insert, not {wanted:.2f}")
    if figures.act_p50_ms > ALLOWED_ACT_MS:
        short.append(f"one act alone: {figures.act_p50_ms:.1f} ms, not {ALLOWED_ACT_MS:.0f}")
    if figures.audit_per_second < ALLOWED_AUDIT:
        short.append(f"audit: {figures.audit_per_second:,.0f} entries/s, not {ALLOWED_AUDIT:,}")
    if figures.verify_ms > ALLOWED_VERIFY_MS:
        short.append(f"a receipt with three witnesses: {figures.verify_ms:.1f} ms, not {ALLOWED_VERIFY_MS:.0f}")
    return short + growth_verdict(figures.growth)


def growth_verdict(sizes: list[Size]) -> list[str]:
    if not sizes:
        return []
    short, small, large = [], sizes[0], sizes[-1]
    if (times := large.round_ms / small.round_ms) > ALLOWED_GROWTH:
        short.append(f"a round at {large.entries:,} entries takes {times:.2f} times as long, not {ALLOWED_GROWTH}")
    if large.proof_ms > ALLOWED_PROOF_MS:
        short.append(f"a proof at {large.entries:,} entries takes {large.proof_ms:.2f} ms, not {ALLOWED_PROOF_MS:.0f}")
    if large.start_ms > ALLOWED_START_MS:
        short.append(f"a start at {large.entries:,} entries takes {large.start_ms:.0f} ms, not {ALLOWED_START_MS:.0f}")
    if (times := large.memory_mb / small.memory_mb) > ALLOWED_MEMORY:
        short.append(f"memory at {large.entries:,} entries is {times:.2f} times as much, not {ALLOWED_MEMORY}")
    return short


def text(figures: Figures) -> str:
    """Return the section."""
    machine, shortfalls = figures.machine, verdict(figures)
    lines = [
        "## The ledger's engine",
        "",
        f"Written by `python -m bench.ledger` on {figures.began_at:%Y-%m-%d, %H:%M} UTC. {machine.processor}, {machine.cores}"
        f" cores; {machine.python}; {machine.parts}. Others used {figures.others:.0%} of the cores meanwhile.",
        "",
        "A round here goes from pending to published: indices, tiles, right edge and root committed and read back, the head",
        "moved, the checkpoint signed and stored, and then an inclusion proof made for every one of its entries. Commits and head",
        "are synced (WAL, `synchronous=FULL`, fdatasync); the publishing alone is not, for a start makes it again. The bare insert",
        "is one `executemany` of the same entries into the same table of another file, with its constraints, through the same gate,",
        "and one synced commit. Both take turns; the ratio is the median of the pairs. Outside the time that counts another engine",
        "reads each round again, compares its entries with those that were asked for and verifies each proof.",
        "",
        "| entries a round | rounds | bare insert | round | proofs | ratio | wanted | checked |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for batch in figures.batches:
        wanted = f"{ALLOWED_RATIO[batch.entries]:.2f}" if batch.entries in ALLOWED_RATIO else ""
        lines.append(
            f"| {batch.entries:,} | {batch.rounds} | {batch.bare_ms:.2f} ms | {batch.round_ms:.2f} ms | {batch.proofs_ms:.2f} ms |"
            f" **{batch.ratio:.2f}** | {wanted} | {batch.checked:,} |"
        )
    lines += [
        "",
        "| what | measured | wanted |",
        "| --- | --- | --- |",
        f"| one act alone, from before its commit until its seal, another process sealing: p50 | **{figures.act_p50_ms:.1f} ms**"
        f" (p99 {figures.act_p99_ms:.1f} ms) | {ALLOWED_ACT_MS:.0f} ms |",
        f"| `ledger audit` of a log of {figures.audit_entries:,} entries in a folder | **{figures.audit_per_second:,.0f} entries/s** |"
        f" {ALLOWED_AUDIT:,} |",
        f"| a receipt of a log of 2^20 entries verified with a policy of three witnesses of three | **{figures.verify_ms:.2f} ms** |"
        f" {ALLOWED_VERIFY_MS:.0f} ms |",
        f"| what a sequencer with nothing to do takes of a core | **{figures.idle_share:.1%}** | not to spin |",
        "",
        "In this run all of it holds."
        if not shortfalls
        else "In this run this falls short: " + "; ".join(shortfalls) + ".",
    ]
    return "\n".join(lines)


def put_growth(page: Path, figures: Figures, others: float) -> None:
    """Write the section about growth, which a run without `--growth` leaves as it is."""
    sizes = figures.growth
    lines = [
        "## The ledger as it grows",
        "",
        f"Written by `python -m bench.ledger --growth` on {figures.began_at:%Y-%m-%d, %H:%M} UTC; others used {others:.0%} of"
        " the cores. Medians; memory is the most that a process has had which starts a sequencer and makes a round.",
        "",
        f"![A round, a proof, a start, memory and file size against the entries in the log](images/{PICTURE})",
        "",
        "| entries | 16 recorded | a round of 16 | a proof | start-up | memory | file |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {size.entries:,} | {size.add_ms:.1f} ms | {size.round_ms:.2f} ms | {size.proof_ms:.2f} ms | {size.start_ms:.1f} ms |"
        f" {size.memory_mb:.0f} MiB | {size.file_mb:,.1f} MiB |"
        for size in sizes
    ]
    short = growth_verdict(sizes)
    lines += [
        "",
        f"Wanted: a round at the largest size at most {ALLOWED_GROWTH} times that at the smallest, a proof in"
        f" {ALLOWED_PROOF_MS:.0f} ms, start-up within {ALLOWED_START_MS:.0f} ms at any size, memory flat. "
        + ("That holds." if not short else "This falls short: " + "; ".join(short) + "."),
        "",
        "Recording is the application's own insert; its share grows because entries are hashes and so fall on pages all over the",
        "index by which an act finds its entry again, one page each in a large log. A start hashes anew what lies under the last",
        "tile of each level: at most 65,280 hashes a level, by how full these tiles are and not by how long the log is.",
    ]
    sections.put(page, "the ledger as it grows", "\n".join(lines))


def draw(sizes: list[Size], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    series = {
        "a round of 16, ms": [(s.entries, s.round_ms) for s in sizes],
        "16 recorded, ms": [(s.entries, s.add_ms) for s in sizes],
        "a proof, ms": [(s.entries, s.proof_ms) for s in sizes],
        "start-up, ms": [(s.entries, s.start_ms) for s in sizes],
        "memory, MiB": [(s.entries, s.memory_mb) for s in sizes],
        "file, MiB": [(s.entries, s.file_mb) for s in sizes],
    }
    (folder / PICTURE).write_text(plot.draw("What a log costs as it grows", "entries in the log", series), "utf-8")
