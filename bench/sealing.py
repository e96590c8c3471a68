"""What sealing and disclosing cost beside the same query in clear, and how fast the audit and a rotation of keys are.

    python -m bench.sealing [--events 20000] [--print]

One process, one hospital in a temporary folder, ratios from one run. Writes its own section of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, MetaData, String, Table, insert, select

from app import ROOT, create_app, setup
from app.adapters.keyring import Keyring, MasterKey
from app.audit import Auditor
from app.domain import clinical
from app.domain.actor import Actor
from app.domain.clinical import Kind
from app.domain.ids import new_ref
from app.models import ClinicalRecord
from app.ports import WeChatIdentity
from app.services import accounts, events
from app.services.disclosure import opened as disclose
from app.services.people import create_patient
from app.services.sealing import open_payload, seal_next
from app.web.house import House
from bench import disclosed, machine, sections
from ledger.stores.engine import open_engine
from tests.conftest import settings_in

PAGE = ROOT / "docs" / "benchmarks.md"
NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
RECORDS = 40  # of one person: what a page of a record shows
PEOPLE = 200
TIMES = 60
DOCTOR = Actor("staff", "staff-of-the-benchmark", "doctor", "sitting")

_meta = MetaData()
CLEAR = Table("bench_clear", _meta, Column("id", String, primary_key=True), Column("patient_ref", String, index=True),
              Column("content", String, nullable=False))  # fmt: skip


@dataclass(frozen=True)
class Took:
    """Medians in ms: by the clock, and of the processor, which other work on the machine disturbs less."""

    ms: float = 0.0
    cpu: float = 0.0

    def __add__(self, other: Took) -> Took:
        return Took(self.ms + other.ms, self.cpu + other.cpu)

    def __sub__(self, other: Took) -> Took:
        return Took(self.ms - other.ms, self.cpu - other.cpu)


@dataclass
class Figures:
    """What was measured; rates are per second, of the audit also per second of the processor."""

    read_clear: Took = Took()
    read_sealed: Took = Took()
    read_cold: Took = Took()
    write_clear: Took = Took()
    write_sealed: Took = Took()
    write_bound: Took = Took()
    look_first: Took = Took()
    look_again: Took = Took()
    commit: Took = Took()
    audit_events: int = 0
    audit_rate: int = 0
    audit_cpu_rate: int = 0
    rotated: int = 0
    rotation_rate: int = 0
    pages: list[disclosed.Page] = field(default_factory=list)


def median_of(what: Callable[[], object]) -> Took:
    wall, cpu = [], []
    for _ in range(TIMES):
        began, used = time.perf_counter(), time.process_time()
        what()
        cpu.append(1000 * (time.process_time() - used))
        wall.append(1000 * (time.perf_counter() - began))
    return Took(statistics.median(wall), statistics.median(cpu))


def furnish(house: House) -> tuple[str, list[str]]:
    """Make a person with records, the same in clear beside them, and accounts; return (person, accounts)."""
    person = new_ref()
    with house.writing_session() as session:
        _meta.create_all(session.connection())
        create_patient(session, person, None, "某人", None, "import", NOW)
        rows = []
        for number in range(RECORDS):
            payload = clinical.observation("15074-8", f"{4 + number / 10:.1f}")
            row = _record(person)
            seal_next(session, row, payload)
            session.execute(
                insert(CLEAR).values(id=row.id, patient_ref=person, content=json.dumps(payload, ensure_ascii=False))
            )
            rows.append(row)
        events.record(session, "record.signed", DOCTOR, NOW, subject=person, objects=rows, detail={"part": "results"})
    refs = []
    for number in range(PEOPLE):
        with house.writing_session() as session:
            refs.append(accounts.account_for_wechat(session, WeChatIdentity("bench", f"p{number}"), NOW))
    return person, refs


def _record(person: str) -> ClinicalRecord:
    return ClinicalRecord(
        id=new_ref(), patient_ref=person, visit_id=None, kind=Kind.OBSERVATION.value, status="final", effective_at=NOW,
        recorded_at=NOW, author_ref=None, source="import",
    )  # fmt: skip


def measure(house: House, person: str, figures: Figures) -> None:
    """Time reading, writing and disclosing what `furnish` made."""

    def in_clear() -> None:
        with house.reading_session() as session:
            found = session.execute(select(CLEAR.c.content).where(CLEAR.c.patient_ref == person)).scalars()
            assert len([json.loads(one) for one in found]) == RECORDS

    def of_person(session: Any) -> list[ClinicalRecord]:
        return list(session.scalars(select(ClinicalRecord).where(ClinicalRecord.patient_ref == person)))

    def sealed() -> None:
        with house.reading_session() as session:
            assert len([open_payload(session, row)[0] for row in of_person(session)]) == RECORDS

    def cold() -> None:
        house.vault._keyring._cache.clear()  # type: ignore[attr-defined]
        sealed()

    def rows_in_clear() -> None:
        with house.reading_session() as session:
            assert len(of_person(session)) == RECORDS

    sittings = iter(range(10**6))

    def look(sitting: str) -> None:
        actor = Actor("staff", DOCTOR.ref, "doctor", sitting)
        with house.writing_session() as session:
            rows = of_person(session)
            assert len([open_payload(session, row)[0] for row in rows]) == RECORDS
            disclose(session, actor, "record.opened", person, rows, NOW, detail={"count": 0}, purpose="treatment")

    objects = median_of(
        rows_in_clear
    )  # the same rows through the ORM, payloads untouched: so that only sealing differs
    figures.read_clear = objects + median_of(in_clear) - median_of(lambda: _no_rows(house))
    figures.read_sealed, figures.read_cold = median_of(sealed), median_of(cold)
    figures.look_first = median_of(lambda: look(f"s{next(sittings)}"))
    figures.look_again = median_of(lambda: look("always"))
    figures.commit = median_of(lambda: _empty_act(house))
    measure_writing(house, person, figures)


def _no_rows(house: House) -> None:
    with house.reading_session() as session:
        session.execute(select(CLEAR.c.content).where(CLEAR.c.patient_ref == "nobody")).all()


def _empty_act(house: House) -> None:
    with house.writing_session() as session:
        session.execute(insert(CLEAR).values(id=new_ref(), patient_ref="nobody-else", content="{}"))


def measure_writing(house: House, person: str, figures: Figures) -> None:
    """One row in a transaction of its own: in clear, sealed, and sealed with the event that binds it."""
    payload = clinical.observation("718-7", "130")

    def in_clear() -> None:
        with house.writing_session() as session:
            values = {"id": new_ref(), "patient_ref": "w", "content": json.dumps(payload, ensure_ascii=False)}
            session.execute(insert(CLEAR).values(**values))

    def sealed(*, is_bound: bool) -> None:
        with house.writing_session() as session:
            row = _record(person)
            seal_next(session, row, payload)
            if is_bound:
                detail: dict[str, Any] = {"part": "results"}
                events.record(session, "record.signed", DOCTOR, NOW, subject=person, objects=[row], detail=detail)

    figures.write_clear = median_of(in_clear)
    figures.write_sealed = median_of(lambda: sealed(is_bound=False))
    figures.write_bound = median_of(lambda: sealed(is_bound=True))


def measure_audit(house: House, refs: list[str], figures: Figures, wanted: int) -> None:
    """Record so many events and audit them, in one process."""
    done = 0
    while done < wanted:
        with house.writing_session() as session:
            for number in range(500):
                ref = refs[(done + number) % len(refs)]
                actor = Actor("patient", ref, "patient", "sitting")
                events.record(session, "session.signed_in", actor, NOW, subject=ref, detail={"door": "wechat"})
        done += 500
    used = time.process_time()
    reports = [Auditor(house.settings, processes=1).run() for _ in range(3)]
    figures.audit_cpu_rate = int(sum(one.entries for one in reports) / (time.process_time() - used))
    report = max(reports, key=lambda one: one.events_a_second)
    unexpected = set(report.findings.counts) - {
        "row.inserted"
    }  # the rows that were written without an event, to be timed
    if unexpected:
        raise AssertionError(f"the audit found {unexpected}")
    figures.audit_events, figures.audit_rate = report.entries, report.events_a_second


def measure_rotation(house: House, figures: Figures) -> None:
    """Wrap every key of the hospital anew."""
    path = house.settings.master_key_file
    keyring = Keyring(open_engine(house.settings.keyring_url), MasterKey.read(path))
    keyring.begin_rotation(path)
    began, count, after = time.perf_counter(), 0, ("", "")
    while after is not None:
        done, after = keyring.rewrap(after)  # type: ignore[assignment]
        count += done
    figures.rotated, figures.rotation_rate = count, int(count / (time.perf_counter() - began))
    keyring.end_rotation(path)
    keyring.close()


def page(figures: Figures, began_at: datetime, others: float) -> str:
    """Return the section."""
    f, where = figures, machine.describe()

    def row(what: str, took: Took, base: Took) -> str:
        return f"| {what} | {took.ms:.2f} ms | {took.cpu:.2f} ms | {base.cpu / took.cpu:.2f} |"

    lines = [
        "## Sealing and disclosing",
        "",
        f"Written by `python -m bench.sealing` on {began_at:%Y-%m-%d, %H:%M} UTC. Machine: {where.processor}, {where.cores} cores;",
        f"{where.python}, {where.parts}; others used {others:.0%} of it. Medians of {TIMES}, one thread; the ratio is the speed beside the",
        "same work in clear, by the processor's time: the clock's says as much about who else was working.",
        "",
        f"Reading {RECORDS} results of one person, through the ORM each time:",
        "",
        "| what | time | processor | of clear |",
        "| --- | --- | --- | --- |",
        row("payloads in clear, JSON in a column", f.read_clear, f.read_clear),
        row("payloads sealed", f.read_sealed, f.read_clear),
        row("the same with the key fetched from the keyring", f.read_cold, f.read_clear),
        row("the same as a disclosure seen within fifteen minutes", f.look_again, f.read_clear),
        row("the same as a disclosure: event and marks committed first", f.look_first, f.read_clear),
        "",
        f"An act that writes one row and commits takes {f.commit.ms:.2f} ms by itself, {f.commit.cpu:.2f} of them the processor's.",
        f"The event of a disclosure names all {RECORDS} versions by",
        "their digests, and each is marked as seen.",
        "",
        *disclosed.lines(f.pages),
        "",
        "Writing one result, in a transaction of its own:",
        "",
        "| what | time | processor | of clear |",
        "| --- | --- | --- | --- |",
        row("in clear", f.write_clear, f.write_clear),
        row("sealed", f.write_sealed, f.write_clear),
        row("sealed, and bound by its event", f.write_bound, f.write_clear),
        "",
        f"The audit, both ways, in one process: {f.audit_rate:,} events/s (best of three over {f.audit_events:,}; wanted: 20,000),",
        f"and {f.audit_cpu_rate:,} a second of the processor's time, rows, chains and tree included.",
        f"Rotating the master key: {f.rotation_rate:,} data keys wrapped anew a second ({f.rotated:,} keys).",
    ]
    return "\n".join(lines)


def run(folder: Path, wanted: int) -> tuple[Figures, float]:
    """Return the figures, and the share of the machine that others used."""
    settings = settings_in(folder)
    setup.make_keys(settings)
    setup.migrate(settings)
    app = create_app(settings, lambda: NOW)
    house: House = app.extensions["mingzhen"]()
    figures = Figures()
    try:
        person, refs = furnish(house)
        others = machine.Others(lambda: 0.0)
        measure(house, person, figures)
        figures.pages = disclosed.measure(folder)
        measure_audit(house, refs, figures, wanted)
        measure_rotation(house, figures)
        return figures, others.share()
    finally:
        app.extensions["mingzhen"].close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="how many events the audit reads (20,000)")
    parser.add_argument("--print", action="store_true", dest="only_print", help="print the section, write nothing")
    asked = parser.parse_args()
    began_at = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        figures, others = run(Path(folder), asked.events)
    text = page(figures, began_at, others)
    if asked.only_print:
        print(text)
    else:
        sections.put(PAGE, "sealing", text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
