"""`flask --app wsgi audit`: every row and every event against the ledger, both ways, while the hospital works.

One process reads, in one read transaction, so that all of it is one moment; others open and hash what it read. Nothing is
written but temporary files of random ids and digests. Memory does not grow with the hospital.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
from flask import Flask
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.adapters.errors import EdgeError
from app.adapters.keyring import Keyring, MasterKey
from app.adapters.vault import Vault
from app.config import Settings
from app.models import Event
from app.services import audit_bare, audit_events, audit_log_root, audit_rows
from app.services.audit_events import Batch
from app.services.audit_findings import Finding, Found
from app.services.audit_spool import LINK, OBJECT, Spool, buckets_for
from app.services.audit_tombstones import Tombstones
from ledger.errors import LedgerError
from ledger.head import FileHead
from ledger.note import VerifierKey
from ledger.stores.engine import open_engine, reading
from ledger.stores.sql import ledger_entry, ledger_tree

ALONE_BELOW = 200_000  # entries: starting other processes takes longer than checking so many
AHEAD = 3  # batches that wait for each process: bounds memory

Progress = Callable[[str, int, int], None]  # (what, how many so far, of how many)
Task = tuple[str, str, Any, int]


@dataclass
class Report:
    """What an audit saw."""

    findings: Found = field(default_factory=Found)
    lost: list[audit_bare.Lost] = field(default_factory=list)
    entries: int = 0
    rows: int = 0
    seconds: float = 0.0
    entries_seconds: float = 0.0
    processes: int = 1
    size: int = 0
    head_size: int | None = None

    @property
    def events_a_second(self) -> int:
        """Return how many events a second were opened and recomputed, rows and log not counted."""
        return int(self.entries / self.entries_seconds) if self.entries_seconds else 0


# What a process of the audit holds open; each opens its own.
_vault: Vault | None = None


def _open_vault(keyring_url: str, master_key_file: str) -> None:
    global _vault
    _vault = Vault(Keyring(open_engine(keyring_url), MasterKey.read(Path(master_key_file))))


def _work(task: Task) -> Batch:
    """Check one batch, in whichever process."""
    what, table, rows, buckets = task
    assert _vault is not None  # noqa: S101 (the pool's initializer ran)
    if what == "events":
        return audit_events.check(rows, _vault, buckets)
    return audit_rows.check(table, rows, _vault, buckets)


class Auditor:
    """One audit of one hospital."""

    def __init__(
        self,
        settings: Settings,
        processes: int | None = None,
        folder: Path | None = None,
        progress: Progress | None = None,
        head: Path | None = None,
    ) -> None:
        self._settings = settings
        self._processes = processes
        self._folder = folder
        self._progress = progress or (lambda what, done, total: None)
        self._report = Report()
        self._head = head
        self._keyless: list[Finding] = []
        self._erasures: dict[str, str] = {}

    def run(self) -> Report:
        """Return what was found. Raises EdgeError, SQLAlchemyError or LedgerError where the hospital cannot be read."""
        started = time.perf_counter()
        head = (
            None if self._head is None else FileHead(self._head).read()
        )  # before the database, which is never behind it
        self._report.head_size = None if head is None else head.size
        engine = open_engine(self._settings.database_url)
        try:
            one_moment = engine
            if engine.dialect.name == "postgresql":
                one_moment = engine.execution_options(isolation_level="REPEATABLE READ")
            with reading(one_moment) as connection:
                self._audit(connection)
            self._explain(engine)
        finally:
            engine.dispose()
        self._report.seconds = time.perf_counter() - started
        return self._report

    def _audit(self, connection: Connection) -> None:
        total = connection.execute(select(func.count()).select_from(ledger_entry)).scalar_one()
        buckets = buckets_for(total * 2)
        objects, links = Spool(OBJECT, buckets, self._folder), Spool(LINK, buckets, self._folder)
        try:
            with self._pool(total) as submit:
                self._entries(connection, submit, buckets, total, objects, links)
                self._rows(connection, submit, buckets, objects)
            for finding in (*audit_events.strays(connection), *audit_bare.strays(connection)):
                self._report.findings.add(finding)
            self._report.lost = audit_bare.lost(connection)
            self._report.size = connection.execute(select(ledger_tree.c.size)).scalar() or 0
            for heads in audit_events.read_heads(connection, buckets):
                links.add(heads)
            left: dict[str, Tombstones] = {}
            for parts in audit_rows.read_tombstones(connection, buckets, left):
                objects.add(parts)
            self._judge_tombstones(left)
            self._settle(connection, objects, links)
            self._progress("tree", 0, 0)
            for finding in audit_log_root.check(connection, self._log_keys(), self._settings.ledger_origin):
                self._report.findings.add(finding)
        finally:
            objects.close()
            links.close()

    def _pool(self, total: int) -> _Pool:
        count = self._processes or min(os.cpu_count() or 1, 4)
        if total < ALONE_BELOW and self._processes is None:
            count = 1
        self._report.processes = count
        return _Pool(count, self._settings)

    def _entries(
        self, connection: Connection, submit: _Submit, buckets: int, total: int, objects: Spool, links: Spool
    ) -> None:
        started = time.perf_counter()
        tasks = (("events", "", rows, buckets) for rows in audit_events.read_entries(connection))
        for batch in submit(tasks):
            objects.add(batch.objects)
            links.add(batch.links)
            self._take(batch)
            self._erasures.update(batch.erasures)
            self._report.entries += batch.count
            self._progress("events", self._report.entries, total)
        self._report.entries_seconds = time.perf_counter() - started

    def _rows(self, connection: Connection, submit: _Submit, buckets: int, objects: Spool) -> None:
        tasks = (("rows", table, rows, buckets) for table, rows in audit_rows.read_rows(connection))
        for batch in submit(tasks):
            objects.add(batch.objects)
            self._take(batch)
            self._report.rows += batch.count
            self._progress("rows", self._report.rows, 0)

    def _take(self, batch: Batch) -> None:
        for finding in batch.findings:
            self._report.findings.add(finding)
        self._keyless += batch.keyless[: 10_000 - len(self._keyless)]

    def _judge_tombstones(self, left: dict[str, Tombstones]) -> None:
        for erasure, stones in left.items():
            if erasure not in self._erasures:
                self._report.findings.add(Finding("tombstone.unfounded", event=erasure))
            elif stones.digest != self._erasures[erasure]:
                self._report.findings.add(Finding("tombstone.other", event=erasure))
        nothing = Tombstones().digest
        for erasure, digest in self._erasures.items():
            if erasure not in left and digest != nothing:
                self._report.findings.add(Finding("tombstone.other", event=erasure))

    def _settle(self, connection: Connection, objects: Spool, links: Spool) -> None:
        for bucket in range(len(objects)):
            self._progress("agreement", bucket, len(objects))
            for finding, serial in audit_rows.settle(objects.read(bucket)):
                event_id, _ = _event_at(connection, serial)
                self._report.findings.add(_with(finding, event=event_id))
            for kind, serial in audit_events.settle(links.read(bucket)):
                event_id, event_type = _event_at(connection, serial)
                self._report.findings.add(Finding(kind, event_type, event_id))

    def _explain(self, engine: Engine) -> None:
        """What had no key is a finding, unless an erasure went on meanwhile and its tombstone stands by now."""
        with reading(engine) as connection:
            for finding in self._keyless:
                if not _is_erased_now(connection, finding):
                    self._report.findings.add(finding)

    def _log_keys(self) -> list[VerifierKey]:
        lines = self._settings.ledger_public_key_file.read_text("utf-8").split("\n")
        return [VerifierKey.parse(line) for line in lines if line and not line.startswith("#")]


def _with(finding: Finding, **changes: Any) -> Finding:
    return Finding(**{**finding.__dict__, **changes})


def _event_at(connection: Connection, serial: int) -> tuple[str, str]:
    row = connection.execute(select(Event.id, Event.type).where(Event.serial == serial)).first() if serial else None
    return (row.id, row.type) if row else ("", "")


def _is_erased_now(connection: Connection, finding: Finding) -> bool:
    if finding.kind.startswith("event."):
        asked = text("SELECT 1 FROM event WHERE id = :id")
        return connection.execute(asked, {"id": finding.id}).first() is None
    asked = text("SELECT 1 FROM erased_row WHERE kind = :kind AND row_id = :id")
    return connection.execute(asked, {"kind": finding.what, "id": finding.id}).first() is not None


_Submit = Callable[[Iterator[Task]], Iterator[Batch]]


class _Pool:
    """Processes that check batches; results come in the order of the tasks, a few ahead at most. One alone needs no other."""

    def __init__(self, count: int, settings: Settings) -> None:
        self._count = count
        self._opens = (settings.keyring_url, str(settings.master_key_file))
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> _Submit:
        if self._count == 1:
            _open_vault(*self._opens)
            return lambda tasks: map(_work, tasks)
        self._executor = ProcessPoolExecutor(
            self._count, multiprocessing.get_context("spawn"), initializer=_open_vault, initargs=self._opens
        )
        return self._ordered

    def _ordered(self, tasks: Iterator[Task]) -> Iterator[Batch]:
        assert self._executor is not None  # noqa: S101
        waiting: deque[Future[Batch]] = deque()
        for task in tasks:
            waiting.append(self._executor.submit(_work, task))
            if len(waiting) >= self._count * AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def __exit__(self, *_: object) -> None:
        global _vault
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
        elif _vault is not None:
            _vault.close()
            _vault = None


class Meter:
    """Progress on the standard error: a line that rewrites itself in a terminal, else one every ten seconds."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._next_at = time.monotonic() + (0 if self._is_terminal else 10)

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + (0.2 if self._is_terminal else 10)
        line = f"{what}: {done}{f' of {total}' if total else ''}"
        click.echo(f"\r\x1b[K{line}" if self._is_terminal else line, err=True, nl=not self._is_terminal)

    def clear(self) -> None:
        if self._is_terminal:
            click.echo("\r\x1b[K", err=True, nl=False)


def said(report: Report) -> Iterator[str]:
    """Yield the lines of a report for people."""
    findings = report.findings
    speed = f"{report.events_a_second} events/s" if report.entries else "no events"
    seen = f"{report.entries} entries and {report.rows} rows in {report.seconds:.1f} s ({speed})"
    if findings.is_sound:
        yield f"GOOD: {seen}; every row is what its event says, every event is in the log, and both ways."
        yield from _said_of_lost(report)
        return
    total = findings.counts.total()
    yield f"NOT GOOD: {total} finding{'s' if total > 1 else ''} in {seen}:"
    for finding in findings.kept:
        yield f"  {finding.kind}: {finding.sentence()}"
    for kind, count in findings.counts.items():
        kept = sum(one.kind == kind for one in findings.kept)
        if count > kept:
            yield f"  {kind}: {count - kept} more"
    yield from _said_of_lost(report)


def _said_of_lost(report: Report) -> Iterator[str]:
    if report.head_size is not None and report.head_size > report.size:
        yield (
            f"  {report.head_size} entries were signed (the head), and this database has {report.size}: it is an older copy."
            " What it holds agrees, what came after is not here, and nothing is signed until it is back:"
            " `python -m ledger heal --from DIR|URL`, docs/operations.md."
        )
    for one in report.lost:
        who = "the log says so (log.healed)" if one.is_told else "ONLY THIS DATABASE says so: the log does not yet"
        yield (
            f"  A restore lost {one.count} events of the entries {one.first} to {one.last}; {who}. Their leaves stand:"
            " `python -m ledger heal --list`."
        )


def as_json(report: Report) -> str:
    """Return the report for programs."""
    return json.dumps(
        {
            "good": report.findings.is_sound,
            "entries": report.entries,
            "rows": report.rows,
            "size": report.size,
            "head_size": report.head_size,
            "seconds": round(report.seconds, 3),
            "events_a_second": report.events_a_second,
            "processes": report.processes,
            "lost": [asdict(one) for one in report.lost],
            "counts": dict(report.findings.counts),
            "findings": [
                {k: v for k, v in asdict(one).items() if v not in (None, "", ())} for one in report.findings.kept
            ],
        },
        ensure_ascii=False,
        indent=1,
    )


def init_audit(app: Flask, settings: Settings) -> None:
    @app.cli.command("audit")
    @click.option("--json", "is_json", is_flag=True, help="The report as JSON.")
    @click.option(
        "--processes", type=click.IntRange(1, 64), default=None, help="How many check; all of four by default."
    )
    @click.option("--scratch", type=click.Path(exists=True, file_okay=False, path_type=Path), default=None,
                  help="Where temporary files go: some 100 bytes for each event and row of a large hospital.")  # fmt: skip
    @click.option("--quiet", is_flag=True, help="No progress on the standard error.")
    @click.option("--head", type=click.Path(path_type=Path), envvar="LEDGER_HEAD",
                  help="The ledger's head (default: beside the database).")  # fmt: skip
    def audit_command(
        is_json: bool, processes: int | None, scratch: Path | None, quiet: bool, head: Path | None
    ) -> None:
        """Compare every row and every event with the ledger, both ways, while the hospital works. Exits 0 where all agrees, 1
        where anything does not, 2 where it could not be read."""
        meter = Meter()
        database = make_url(settings.database_url).database
        beside = Path(database or ".").with_name("head")
        try:
            report = Auditor(settings, processes, scratch, None if quiet else meter, head or beside).run()
        except (EdgeError, SQLAlchemyError, LedgerError, OSError, BrokenProcessPool) as problem:
            meter.clear()
            click.echo(f"The hospital cannot be read: {type(problem).__name__}: {_brief(problem)}", err=True)
            raise SystemExit(2) from None
        meter.clear()
        click.echo(as_json(report) if is_json else "\n".join(said(report)))
        if not report.findings.is_sound:
            raise SystemExit(1)


def _brief(problem: Exception) -> str:
    """Return the first line of what went wrong; a database's own words name tables and files, never a value."""
    return str(getattr(problem, "orig", None) or problem).split("\n", 1)[0]
