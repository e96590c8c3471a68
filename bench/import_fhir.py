"""`python -m bench.import_fhir`: how fast a generated population is loaded. It needs `carebundle`, which only tests install.

Each person has one encounter with vital signs and five laboratory reports, some 44 resources of one file. Printed are people and
resources a second by the clock, and the processor's time a person, which says more on a machine that does other things too.
`--people N` (100 by default); `--again` also times the second load, which changes nothing. `--one-report N` loads instead one report
with so many values, new and then each of them changed, and says how long each transaction had the database to itself: a report
comes with its values, so it is the one thing that no portion bounds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from app import fhir_load
from app.web.house import House
from bench import hospital

WANTED = 100.0  # people a second


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.import_fhir", description=__doc__)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--one-report", type=int, metavar="VALUES")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mingzhen-import-") as folder:
        house = hospital.found(Path(folder) / "var", 0)
        house.vault.welcome("hospital")
        files = Path(folder) / "in"
        if told.one_report:
            load_report(house, files, told.one_report)
            house.close()
            return 0
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


def write_report(folder: Path, values: int, *, value: float) -> None:
    """Write one person with one report of so many values."""
    mine = {"subject": {"reference": "Patient/p"}, "status": "final"}
    code = {"coding": [{"system": "http://loinc.org", "code": "15074-8"}], "text": "Glucose"}
    measured = {**mine, "resourceType": "Observation", "code": code, "effectiveDateTime": "2026-01-05T09:00:00+08:00"}
    resources: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": "p", "name": [{"text": "测量"}]},
        {
            **mine, "resourceType": "DiagnosticReport", "id": "r", "code": code,
            "result": [{"reference": f"Observation/o{n}"} for n in range(values)],
        },
        *({**measured, "id": f"o{n}", "valueQuantity": {"value": value, "unit": "mmol/L"}} for n in range(values)),
    ]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.ndjson").write_text("\n".join(json.dumps(one) for one in resources), "utf-8")


def load_report(house: House, files: Path, values: int) -> None:
    for what, value in (("new", 6.1), ("each changed", 6.2)):
        write_report(files, values, value=value)
        recording, held = house.recording, []

        @contextmanager
        def timed(*args: Any, **named: Any) -> Iterator[Any]:
            with recording(*args, **named) as connection:  # noqa: B023 (called before the next round)
                started, worked = time.monotonic(), time.process_time()
                yield connection
                held.append((time.monotonic() - started, time.process_time() - worked))  # noqa: B023

        report = fhir_load.load(replace(house, recording=timed), files, "bench")
        seconds, busy = max(held)
        done = report.count("new" if value == 6.1 else "changed")["Observation"]
        print(
            f"one report with {done} values, {what}: the longest transaction took {seconds:.2f} s by the clock, {busy:.2f} s of processor"
        )


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
