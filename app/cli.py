"""Commands for the hospital: `flask --app wsgi …`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
from flask import Flask

from app import audit, backup, demo_data, erasing, fhir_load, office, rotation
from app.adapters.neighbour import Neighbour
from app.config import Settings
from app.services import replaying, sweeping
from app.web.house import House, house


def init_cli(app: Flask, settings: Settings) -> None:
    office.init_office(app)
    audit.init_audit(app, settings)
    backup.init_backup(app, settings)
    erasing.init_erasing(app)
    rotation.init_rotation(app, settings)

    @app.cli.command("migrate")
    def migrate_command() -> None:
        """Bring the databases up to date."""
        from app.setup import migrate

        migrate(settings)
        click.echo("The databases are up to date.")

    @app.cli.command("demo-data")
    def demo_data_command() -> None:
        """Make the demo's people and their past visits where they are missing, and bring its day up to now."""
        if not settings.is_demo:
            raise click.ClickException("This makes fictional patients; APP_ENV is production.")
        demo_data.bring_up(house(), js_code_of(settings))
        click.echo("The demo is up to date.")

    @app.cli.command("sweep")
    def sweep_command() -> None:
        """Take away what has served its time: kept answers, marks, codes and sessions that are over."""
        click.echo(f"{sweep(house())} rows were taken away.")

    @app.cli.command("queue-replay")
    @click.argument("day", type=click.DateTime(["%Y-%m-%d"]))
    @click.option("--clinic", default=None, help="One clinic's queues alone: its id.")
    def queue_replay_command(day: datetime, clinic: str | None) -> None:
        """Recompute the queues of a hospital DAY (2026-03-02) from the recorded events, and compare with the calls that were made
        and with the rows. Exits 1 where anything differs."""
        with house().reading_session() as session:
            found = replaying.replay_day(session, day.date(), clinic)
        for line in say_replay(found):
            click.echo(line)
        if not found.is_equal:
            raise SystemExit(1)

    @app.cli.command("import-fhir")
    @click.argument("path", type=click.Path(exists=True, path_type=Path))
    @click.option(
        "--source", default="", help="Name of the system that the files come from, where there is more than one."
    )
    @click.option("--all", "say_all", is_flag=True, help="Name everything that was left out, not only the first lines.")
    def import_fhir_command(path: Path, source: str, say_all: bool) -> None:
        """Load FHIR R4 from a file or folder (JSON, Bundles, NDJSON). Loading the same again changes nothing."""
        with click.progressbar(length=0, label="Loading", file=sys.stderr) as bar:
            report = fhir_load.load(house(), path, source, lambda done, total: _advance(bar, done, total))
        for line in fhir_load.say(report, limit=None if say_all else 10):
            click.echo(line)


def sweep(at_house: House) -> int:
    """Take away what has served its time, a few hundred rows an act; return how many rows that were."""
    count, now = 0, at_house.clock()
    while True:
        with at_house.reading_session() as session:
            found = sweeping.find(session, now)
        if not found:
            return count
        with at_house.writing_session() as session:
            count += sweeping.take(session, found, now)


def say_replay(found: replaying.DayReplay) -> Iterator[str]:
    """Return a line for each queue, and one for each event that names a ticket which is not there."""
    if not found.queues:
        yield "No queue on that day."
    for queue in found.queues:
        counted = f"{queue.letter} {queue.department.zh}: {queue.tickets} tickets, {queue.calls} calls"
        yield f"{counted}, DIFFERS: {queue.first}" if queue.first else f"{counted}, order equals"
    for stray in found.strays:
        yield f"An event names a ticket that is not there: {stray}"


def _advance(bar: Any, done: int, total: int) -> None:
    bar.length = total
    bar.update(done - bar.pos)


def js_code_of(settings: Settings) -> Callable[[str], str]:
    """Return what asks the pretend WeChat for the code that wx.login would give an account."""
    neighbour = Neighbour(settings.wechat_mock_internal or "http://127.0.0.1:9")

    def ask(account: str) -> str:
        query = urlencode({"account": account, "appid": settings.wechat_app_id})
        answer = neighbour.ask("GET", f"/wechat-mock/_demo/js-code?{query}", {}, b"")
        return str(json.loads(answer.body)["code"])

    return ask
