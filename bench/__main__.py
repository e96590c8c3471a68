"""`python -m bench`: measure everything once and write it into `docs/benchmarks.md`. About seven minutes; `--quick` a tenth."""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from app import ROOT
from app.web.house import House
from bench import acts, bare, hospital, ledger, ledger_report, log, machine, report, sections
from bench.acts import WorkMissing
from bench.hospital import Due
from bench.load import fire, get
from bench.report import Figures, Run
from bench.servers import Server, site
from bench.servers import bare as bare_server

CONNECTIONS = (1, 16)
REPEATS = 3
WARM_UP = 64
PAGES = ("/", "/queue", "/check-in", "/ledger/checkpoint")
SIZES = [1_000, 10_000, 100_000]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it works")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md", help="where the page goes")
    told = parser.parse_args()
    scale = 10 if told.quick else 1
    figures = Figures(machine.describe(), datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="mingzhen-bench-") as folder:
        measure_site(Path(folder), figures, {1: 300 // scale, 16: 1_000 // scale})
        measure_log(Path(folder), figures, 2_000 // scale, [size // scale for size in SIZES])
        sections.put(told.out, "the site", report.page(figures))
        engine = ledger.measure(Path(folder) / "engine", scale)
        sections.put(told.out, "the ledger", ledger_report.text(engine))
    say(f"written to {told.out}")
    for shortfall in report.verdict(figures) + ledger_report.verdict(engine):
        say(f"falls short: {shortfall}")
    return 0


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def measure_site(folder: Path, figures: Figures, posts: dict[int, int]) -> None:
    """Check people in, `posts[connections]` in each burst, in turn with bare commits; then pages, receipts and memory."""
    ours, theirs = folder / "site", folder / "bare"
    ours.mkdir()
    theirs.mkdir()
    offset = hospital.offset_seconds(datetime.now(UTC))
    house = hospital.found(ours, offset)
    clinic, slots = hospital.furnish(house)
    wanted = WARM_UP + REPEATS * sum(posts.values())
    say(f"making {wanted} people who are due")
    due = hospital.invite(house, slots, wanted)
    bare_url = f"sqlite:///{theirs / 'mingzhen.db'}"
    bare.prepare(bare_url)
    # Reminders to thousands of people of one morning are no part of an act.
    told = {**hospital.environment(ours, offset), "CHORES": "off"}
    with site(ours, told) as measured, bare_server(theirs) as beside:
        everybody = iter(due)

        def next_posts(count: int) -> list[bytes]:
            return acts.open_forms(house, measured.port, clinic, [next(everybody) for _ in range(count)])

        acts.commit_rows(beside.port, WARM_UP, 16)
        acts.check_in(house, measured.port, next_posts(WARM_UP), 16)
        rows = WARM_UP
        for _ in range(REPEATS):
            for connections in CONNECTIONS:
                forms = next_posts(posts[connections])
                run = _one_run(house, measured, beside, forms, connections)
                rows += len(forms)
                if bare.count(bare_url) != rows:
                    raise WorkMissing("the bare route did not keep its rows")
                figures.runs.append(run)
                say(f"  {connections} connections: {run.rate:.0f}/s of {run.bare_rate:.0f}/s, p99 {run.p99:.0f} ms")
        figures.receipts_checked = acts.verify_all(house)
        _measure_pages(measured, due[0], figures, posts[1])
        figures.memory_mb = measured.memory_mb()
    house.close()


def _one_run(house: House, measured: Server, beside: Server, forms: list[bytes], connections: int) -> Run:
    others = machine.Others(lambda: measured.cpu_seconds() + beside.cpu_seconds())
    bare_burst = acts.commit_rows(beside.port, len(forms), connections)
    used = measured.cpu_seconds()
    done = acts.check_in(house, measured.port, forms, connections)
    return Run(
        connections=connections,
        posts=len(forms),
        rate=done.burst.per_second,
        p50=done.burst.quantile_ms(0.5),
        p99=done.burst.quantile_ms(0.99),
        sealed=done.sealed / len(forms),
        bare_rate=bare_burst.per_second,
        bare_p99=bare_burst.quantile_ms(0.99),
        cpu_ms=1000 * (measured.cpu_seconds() - used) / len(forms),
        others=others.share(),
    )


def _measure_pages(measured: Server, who: Due, figures: Figures, times: int) -> None:
    jar = {"mz_patient": who.token}
    jar |= fire(measured.port, [get("/", jar)], 1).answers[0].cookies()
    for path in PAGES:
        burst = fire(measured.port, [get(path, jar)] * times, 1)
        if any(answer.status != 200 for answer in burst.answers):
            raise WorkMissing(f"{path} answers {burst.answers[0].status}")
        figures.pages.append((path, burst.per_second, burst.quantile_ms(0.5), burst.quantile_ms(0.99)))


def measure_log(folder: Path, figures: Figures, entries: int, sizes: list[int]) -> None:
    for adders in (1, 16, 64):
        others = machine.Others(lambda: 0.0)
        rate, p99 = log.per_second(folder / f"log-{adders}", adders, entries if adders > 1 else entries // 4)
        figures.adders.append((adders, rate, p99, others.share()))
        say(f"  log, {adders} threads: {rate:.0f} entries/s")
    figures.rounds = log.round_by_size(folder / "log-sizes", sizes, 50)


if __name__ == "__main__":
    raise SystemExit(main())
