"""`python -m bench.day`: let a hospital day go by against the running site, check it, write `docs/day.md`.

At 60 times the clock's speed about eleven minutes, and half a minute before for the people. Any finding ends it with 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from app import ROOT
from bench.day import report
from bench.day.hospital_day import live
from bench.day.plan import SMALL, Options


def main() -> int:
    usual = Options()
    parser = argparse.ArgumentParser(prog="python -m bench.day", description=__doc__)
    parser.add_argument("--visits", type=int, default=usual.visits)
    parser.add_argument("--rate", type=int, default=None, help="how many times as fast as the clock (60)")
    parser.add_argument("--clinics", type=int, default=usual.clinics)
    parser.add_argument("--doctors", type=int, default=usual.doctors, help="each sits in the morning and after noon")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--small", action="store_true", help="half an hour of one clinic, to see that it works")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "day.md", help="where the page goes")
    parser.add_argument("--keep", type=Path, help="an empty folder for the hospital, which stays")
    told = parser.parse_args()
    options = SMALL if told.small else Options(told.visits, usual.rate, told.clinics, told.doctors)
    options = replace(options, seed=told.seed, rate=told.rate or options.rate)
    with tempfile.TemporaryDirectory(prefix="mingzhen-day-") as folder:
        lived = live(told.keep or Path(folder), options, say)
    told.out.write_text(report.page(lived, sys.argv[1:]), "utf-8")
    say(f"written to {told.out}")
    for finding in lived.findings:
        say(f"finding: {finding}")
    return 1 if lived.findings else 0


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
