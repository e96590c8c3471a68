"""The figures of the site as a section of `docs/benchmarks.md`."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bench.machine import Machine

ALLOWED_MB = 350
ALLOWED_P99_MS = 100
ALLOWED_RATIO = 0.20
ALLOWED_SEALED = 0.99


@dataclass(frozen=True)
class Run:
    """One burst of acts beside one of bare commits. Rates are per second, latencies in ms, shares 0 to 1."""

    connections: int
    posts: int
    rate: float
    p50: float
    p99: float
    sealed: float
    bare_rate: float
    bare_p99: float
    cpu_ms: float  # of all the site's processes, for one act
    others: float

    @property
    def ratio(self) -> float:
        return self.rate / self.bare_rate


@dataclass
class Figures:
    """Everything that was measured."""

    machine: Machine
    began_at: datetime
    runs: list[Run] = field(default_factory=list)
    pages: list[tuple[str, float, float, float]] = field(default_factory=list)  # path, per second, p50, p99
    adders: list[tuple[int, float, float, float]] = field(default_factory=list)  # adders, per second, p99, others
    rounds: list[tuple[int, float, float, float]] = field(default_factory=list)  # size, round, receipt, check
    memory_mb: float = 0.0
    receipts_checked: int = 0


def median_run(runs: Sequence[Run], what: str) -> float:
    return statistics.median(getattr(run, what) for run in runs)


def verdict(figures: Figures) -> list[str]:
    """Return what falls short of what was promised; nothing when all holds."""
    short = []
    for connections in sorted({run.connections for run in figures.runs}):
        runs = [run for run in figures.runs if run.connections == connections]
        if (ratio := median_run(runs, "ratio")) < ALLOWED_RATIO:
            short.append(f"{connections} connections: {ratio:.2f} of the bare route's rate, not {ALLOWED_RATIO:.2f}")
        if connections > 1 and (p99 := median_run(runs, "p99")) > ALLOWED_P99_MS:
            short.append(f"{connections} connections: p99 {p99:.0f} ms, not {ALLOWED_P99_MS}")
        if connections > 1 and (sealed := median_run(runs, "sealed")) < ALLOWED_SEALED:
            short.append(f"{connections} connections: {sealed:.1%} answered sealed, not {ALLOWED_SEALED:.0%}")
    if figures.memory_mb > ALLOWED_MB:
        short.append(f"{figures.memory_mb:.0f} MiB, not {ALLOWED_MB}")
    return short


def page(figures: Figures) -> str:
    machine = figures.machine
    shortfalls = verdict(figures)
    lines = [
        f"Written by `make bench` on {figures.began_at:%Y-%m-%d, %H:%M} UTC; nothing here is timed in CI.",
        "",
        f"Machine: {machine.processor}, {machine.cores} cores, {machine.memory_gib:.0f} GiB; {machine.kernel};",
        f"{machine.python}; {machine.parts}. The client shares the cores with the servers, all traffic is on loopback.",
        "“Others” is the share of all cores that other processes used during a run: with much of it, expect better figures",
        "on a machine of one's own. A rate repeated here differs by 10 to 30 %.",
        "",
        "## Checking in, with the sealed receipt in the answer",
        "",
        "Each POST checks in another person by the form that their browser was shown (session, form token, idempotency key,",
        "presence of a scan), and is answered when the receipt is in a signed, published checkpoint. What the clock brings (reminders to thousands of",
        "people of one morning) is left to cron here, `CHORES=off`. The bare route, measured",
        "in turn on the same gunicorn settings, SQLite, pragmas and gate, inserts one row and commits; that is the baseline.",
        "After each run N POSTs were N tickets, N events and N entries, or the run would have failed; at the end every receipt",
        f"of a check-in was opened, completed from the published log and verified offline ({figures.receipts_checked}).",
        "",
        "| connections | check-ins/s | p50 | p99 | answered sealed | bare commits/s | bare p99 | ratio | CPU an act | others |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for connections in sorted({run.connections for run in figures.runs}):
        runs = [run for run in figures.runs if run.connections == connections]
        lines += [_row(run) for run in runs]
        spread = " ".join(f"{run.ratio:.2f}" for run in runs)
        lines.append(
            f"| **{connections}, median of {len(runs)}** | **{median_run(runs, 'rate'):.0f}** | {median_run(runs, 'p50'):.1f} ms |"
            f" **{median_run(runs, 'p99'):.0f} ms** | **{median_run(runs, 'sealed'):.1%}** | {median_run(runs, 'bare_rate'):.0f} |"
            f" {median_run(runs, 'bare_p99'):.0f} ms | **{median_run(runs, 'ratio'):.2f}** ({spread}) |"
            f" {median_run(runs, 'cpu_ms'):.1f} ms | {median_run(runs, 'others'):.0%} |"
        )
    lines += [
        "",
        f"Wanted: {ALLOWED_RATIO:.2f} of the bare route or more; at 16 connections a p99 of {ALLOWED_P99_MS} ms or less and"
        f" {ALLOWED_SEALED:.0%} sealed or more.",
        (
            "In this run that holds."
            if not shortfalls
            else "In this run this falls short: " + "; ".join(shortfalls) + "."
        ),
        "",
        "## Pages",
        "",
        "A signed-in patient with a ticket, one connection.",
        "",
        "| page | per second | p50 | p99 |",
        "| --- | --- | --- | --- |",
        *(f"| `GET {path}` | {rate:.0f} | {p50:.1f} ms | {p99:.1f} ms |" for path, rate, p50, p99 in figures.pages),
        "",
        "## The log by itself",
        "",
        "Threads that each commit one entry and wait until it is in a published checkpoint, the sequencer beside them:",
        "",
        "| threads | sealed entries/s | p99 | others |",
        "| --- | --- | --- | --- |",
        *(f"| {n} | {rate:.0f} | {p99:.1f} ms | {others:.0%} |" for n, rate, p99, others in figures.adders),
        "",
        "The same work on a small and on a large log (medians): a round of 16 entries, the receipt of the first entry made,",
        "and checked offline. None grows but by the logarithm.",
        "",
        "| entries in the log | a round of 16 | a receipt made | a receipt checked |",
        "| --- | --- | --- | --- |",
        *(f"| {n:,} | {ms:.1f} ms | {made:.2f} ms | {checked:.2f} ms |" for n, ms, made, checked in figures.rounds),
        "",
        "## Memory",
        "",
        f"After all of the above the site's processes took {figures.memory_mb:.0f} MiB together, shared pages counted once"
        f" (PSS of the launcher, gunicorn and its two workers, the sequencer and the pretend WeChat); {ALLOWED_MB} are allowed.",
        "",
    ]
    return "\n".join(lines)


def _row(run: Run) -> str:
    return (
        f"| {run.connections} | {run.rate:.0f} | {run.p50:.1f} ms | {run.p99:.0f} ms | {run.sealed:.1%} of {run.posts} |"
        f" {run.bare_rate:.0f} | {run.bare_p99:.0f} ms | {run.ratio:.2f} | {run.cpu_ms:.1f} ms | {run.others:.0%} |"
    )
