"""`python -m bench.import_fhir`: how fast a generated population is loaded. It needs `carebundle`, which only tests install.

Each person has one encounter with vital signs and five laboratory reports, some 44 resources of one file. Printed are people and
resources a second by the clock, and the processor's time a person, which says more on a machine that does other things too.
`--people N` (100 by default); `--again` also times the second load, which changes nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from app import fhir_load
from app.web.house import House
from bench import hospital

WANTED = 100.0  # people a second


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.import_fhir", description=__doc__)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--again", action="store_true")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mingzhen-import-") as folder:
        house = hospital.found(Path(folder) / "var", 0)
        house.vault.welcome("hospital")
        files = Path(folder) / "in"
        write(files, told.people)
        rate = load(house, files, told.people, "loaded")
        if told.again:
            load(house, files, told.people, "loaded again, nothing changed")
        house.close()
    print(f"{rate:.0f} people a second by the clock; {WANTED:.0f} are wanted on an idle machine")
    return 0


def write(folder: Path, people: int) -> None:
    """Write a cohort as transaction Bundles, one a person; the seed is fixed, so every run loads the same."""
    import carebundle

    folder.mkdir(parents=True)
    for number, bundle in enumerate(carebundle.generate_cohort(count=people, seed=1)):
        (folder / f"{number}.json").write_text(carebundle.to_json(bundle), "utf-8")


def load(house: House, files: Path, people: int, what: str) -> float:
    started, worked = time.monotonic(), time.process_time()
    report = fhir_load.load(house, files, "bench")
    seconds, busy = time.monotonic() - started, time.process_time() - worked
    total = (report.count("new") + report.count("unchanged")).total()
    print(
        f"{what}: {people} people, {total} resources in {seconds:.1f} s: {people / seconds:.0f} people and "
        f"{total / seconds:.0f} resources a second; {busy * 1000 / people:.1f} ms of processor a person; "
        f"{len(report.broken)} broken"
    )
    return people / seconds


if __name__ == "__main__":
    sys.exit(main())
