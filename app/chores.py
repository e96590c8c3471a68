"""Who does the work that the clock brings: one thread, in whichever web worker holds the lock beside the database.

The thread starts after the fork and ends with its worker; the lock goes with the process, so that another worker takes over
within seconds. What fails is logged without its message, tried again later and later, and stops nothing else.
`flask --app wsgi chores` does one round by hand, for a hospital that prefers cron.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import click
import structlog
from flask import Flask
from sqlalchemy.engine import make_url

from app import erasing, packing, sending
from app.config import Settings
from app.services import events
from app.services.chores import CHORES, Chore
from app.web.demo import keeping
from app.web.house import House, HouseKeeper
from app.web.metrics import Counters

LOOK_EVERY_SECONDS = 1.0
LOCK_EVERY_SECONDS = 5.0  # at the lock, for a worker that does not hold it
AT_ONCE_SECONDS = 0.2  # between two batches, so that acts have their turn
LONGEST_WAIT_SECONDS = 300.0
JOIN_SECONDS = 3.0  # less than gunicorn's patience with a worker that ends

log = structlog.get_logger(__name__)


@dataclass
class Job:
    """A chore, or an errand that speaks to others between its transactions, and when it is to run next."""

    name: str
    every_seconds: float
    go: Callable[[House], int]
    in_batches: bool = False
    due_at: float = 0.0  # of time.monotonic
    failures: int = 0
    done_at: datetime | None = field(default=None)


def do_chore(house: House, chore: Chore) -> int:
    """Run one chore in a transaction of its own and return how many things it did; wakes the sequencer if it recorded."""
    now = house.clock()
    if chore.is_due is not None:
        with house.reading_session() as session:
            if not chore.is_due(session, now):
                return 0
    with house.writing_session() as session:
        count = chore.run(session, now)
        recorded = events.recorded(session)
    if recorded:
        house.bell.knock()
    return count


def jobs(*, is_demo: bool = False) -> list[Job]:
    """Return all there is to do, in order; in a demo its day, too."""
    chores = [Job(c.name, c.every_seconds, lambda house, c=c: do_chore(house, c), c.in_batches) for c in CHORES]  # type: ignore[misc]
    return [
        *chores,
        Job("send-messages", 1, sending.send),
        Job("pack-takeouts", 2, packing.work, in_batches=True),
        Job("finish-erasures", 2, erasing.work, in_batches=True),
        *([Job("keep-the-demo-open", 20, keeping.begin_day)] if is_demo else []),
    ]


class ChoreKeeper:
    """Runs the jobs of one process while it holds the lock. `start` and `stop` are for the web server's hooks."""

    def __init__(
        self,
        house: HouseKeeper,
        settings: Settings,
        work: Callable[[], list[Job]] | None = None,
        counters: Counters | None = None,
    ) -> None:
        self._house = house
        self._counters = counters
        self._settings = settings
        self._work = work or partial(jobs, is_demo=settings.is_demo)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a worker that has just been forked. Does nothing where CHORES is off."""
        if self._settings.runs_chores and self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._keep, name="chores", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End after the chore that is under way, and wait for it a little: what is cut off is rolled back."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)
            self._thread = None

    def _keep(self) -> None:
        path = lock_file(self._settings)
        while not self._stop.is_set():
            with contextlib.suppress(OSError), held(path) as is_held:
                if is_held:
                    self._rounds()
            self._stop.wait(LOCK_EVERY_SECONDS)

    def _rounds(self) -> None:
        work = self._work()
        while not self._stop.is_set():
            for job in work:
                if not self._stop.is_set() and time.monotonic() >= job.due_at:
                    do(job, self._house, self._counters)
            next_due = min(job.due_at for job in work) - time.monotonic()
            self._stop.wait(min(max(next_due, AT_ONCE_SECONDS), LOOK_EVERY_SECONDS))


def do(job: Job, house: Callable[[], House], counters: Counters | None = None) -> int | None:
    """Run a job once and say when it is due again; returns how much it did, None where it failed."""
    count = _try(job, house)
    if counters is not None:
        result = "failed" if count is None else "done"
        counters.add(f'mingzhen_chore_runs_total{{chore="{job.name}",result="{result}"}}')
        if count is not None:
            name = f'mingzhen_chore_last_success_timestamp_seconds{{chore="{job.name}"}}'
            counters.set(name, int(house().clock().timestamp()))
    return count


def _try(job: Job, house: Callable[[], House]) -> int | None:
    try:
        count = job.go(house())
    except Exception as error:  # whatever a chore meets, the others go on
        job.failures += 1
        wait = min(max(job.every_seconds, LOOK_EVERY_SECONDS) * 2**job.failures, LONGEST_WAIT_SECONDS)
        job.due_at = time.monotonic() + max(wait, job.every_seconds)
        log.error("chore.failed", chore=job.name, kind=type(error).__name__, failures=job.failures, exc_info=error)
        return None
    job.failures = 0
    job.due_at = time.monotonic() + (AT_ONCE_SECONDS if job.in_batches and count else job.every_seconds)
    return count


def lock_file(settings: Settings) -> Path:
    """Return the file whose lock says who runs the chores: beside a SQLite database, else beside the sequencer's socket."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(url.database + ".chores")
    return settings.ledger_socket.with_name("chores.lock")


@contextlib.contextmanager
def held(path: Path):  # type: ignore[no-untyped-def]
    """Say whether the lock is ours; it is until the block ends, or the process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def init_chores(app: Flask, house: HouseKeeper, settings: Settings) -> None:
    counters: Counters = app.extensions["metrics"]
    app.extensions["chores"] = ChoreKeeper(house, settings, counters=counters)

    @app.cli.command("chores")
    def chores_command() -> None:
        """Do once, by hand or from cron, the work that the clock brings; the web workers do it by themselves."""
        failed = False
        for job in jobs(is_demo=settings.is_demo):
            count = do(job, house, counters)
            while job.in_batches and count:
                count = do(job, house, counters)
            failed = failed or count is None
            click.echo(f"{job.name}: {'failed, see the log' if count is None else 'done'}")
        if failed:
            raise SystemExit(1)
