"""`flask --app wsgi backup` and `restore`: copies of the databases that break no promise of the ledger (I8).

The data and the keyring are copied by themselves, into different folders, for the copies of the keyring must not live as
long. The head is never copied: it is what tells a database that was put back from an older copy. So after such a restore
the sequencer refuses to sign until `python -m ledger heal` has brought the log up to the head.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from flask import Flask
from sqlalchemy.engine import make_url

from app.adapters import copies
from app.adapters.copies import DATA, KEYRING, Copy, Where
from app.adapters.errors import EdgeError
from app.config import Settings
from ledger.errors import LedgerError, RefusedToStart
from ledger.head import FileHead, only_sequencer
from ledger.stores.engine import open_engine


def back_up(settings: Settings, folder: Path, kind: str, head: Path, now: datetime, progress: Any = None) -> Copy:
    """Copy the data or the keyring into `folder`, while the hospital works."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    other = copies.file_of(folder, KEYRING if kind == DATA else DATA)
    if other.exists():
        raise copies.CopyUnusable(
            f"{other} lies there: data and keyring go into different folders, kept differently long."
        )
    _require_sqlite(_url(settings, kind))
    found = FileHead(head).read() if kind == DATA else None
    engine = open_engine(_url(settings, kind))
    try:
        made_at = now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        size = None if found is None else found.size
        return copies.take(engine, folder, kind, made_at, size, progress or (lambda done, pages: None))
    finally:
        engine.dispose()


def restore(
    settings: Settings, folder: Path, head: Path, now: datetime, takes_older: bool
) -> tuple[Copy, int, Path | None]:
    """Put a copy back; return it, at how many entries the head is, and where what was there lies now, if anything was.

    Raises CopyUnusable, DatabaseInUse, RefusedToStart while a sequencer runs, and WouldLose where the database that is
    there, or the head, is further than the copy and `takes_older` does not say that this is known.
    """
    copy = Copy.read(folder)
    _require_sqlite(_url(settings, copy.kind))
    database = Path(make_url(_url(settings, copy.kind)).database or "")
    aside = database.with_name(f"{database.name}.before-{now:%Y%m%d-%H%M%S}")
    with only_sequencer(FileHead(head)):
        reached = FileHead(head).read()
        at_head = 0 if reached is None else reached.size
        with copies.alone_with(database) as there:
            if copy.kind == KEYRING and there is not None:
                raise WouldLose(
                    f"There is a keyring, {database}. A copy in its place would bring back keys that were destroyed, and take"
                    " away those of people who came since. If it is broken, move it away, then restore."
                )
            if copy.kind == DATA and not takes_older:
                _require_no_loss(copy, there, at_head)
        is_first = not database.exists()
        copies.put_back(folder, copy.kind, database, aside)
    return copy, at_head, None if is_first else aside


class WouldLose(EdgeError):
    """What is there is newer than what should take its place. The message says by how much."""


def _require_no_loss(copy: Copy, there: Where | None, at_head: int) -> None:
    if there is not None and there.recorded > copy.log.recorded:
        lost = there.recorded - copy.log.recorded
        raise WouldLose(
            f"The database here has {there.recorded} acts, the backup {copy.log.recorded}: {lost} would be lost, and their"
            " receipts with them. Say --older if that has to be."
        )
    if at_head > copy.log.size:
        raise WouldLose(
            f"{at_head} entries were signed, the backup has {copy.log.size} of them. Say --older if there is no newer one."
            " Nothing is signed then until the rest was brought back: docs/operations.md."
        )


def _url(settings: Settings, kind: str) -> str:
    return settings.database_url if kind == DATA else settings.keyring_url


def _require_sqlite(url: str) -> None:
    if make_url(url).get_backend_name() != "sqlite":
        raise copies.CopyUnusable(
            "This database is PostgreSQL's: use pg_dump or its archives, and leave the head alone."
        )


def init_backup(app: Flask, settings: Settings) -> None:
    def head_of(told: Path | None) -> Path:
        database = make_url(settings.database_url).database
        return told or Path(database or ".").with_name("head")

    head = click.option(
        "--head",
        type=click.Path(path_type=Path),
        envvar="LEDGER_HEAD",
        help="The ledger's head (default: beside the database).",
    )
    path = click.Path(file_okay=False, path_type=Path)

    @app.cli.command("backup")
    @click.argument("folder", type=path)
    @click.option(
        "--keyring", is_flag=True, help="Copy the keyring instead: into another folder, thrown away after 7 days."
    )
    @head
    def backup_command(folder: Path, keyring: bool, head: Path | None) -> None:
        """Copy the database into FOLDER while the hospital works; with --keyring the keyring, into a folder of its own."""
        with click.progressbar(length=0, label="Copying", file=sys.stderr) as bar, _sentences():
            copy = back_up(
                settings, folder, KEYRING if keyring else DATA, head_of(head), datetime.now(UTC),
                lambda done, pages: _advance(bar, done, pages),
            )  # fmt: skip
        said = "" if keyring else f", {copy.log.recorded} acts, {copy.log.size} of them in the ledger"
        click.echo(f"{copies.file_of(folder, copy.kind)}: {copy.size_bytes} bytes{said}.")

    @app.cli.command("restore")
    @click.argument("folder", type=path)
    @click.option("--older", is_flag=True, help="I know that what is here is newer than the backup.")
    @head
    def restore_command(folder: Path, older: bool, head: Path | None) -> None:
        """Put the backup in FOLDER, of data or of the keyring, in its place. The hospital has to be stopped."""
        with _sentences():
            copy, at_head, aside = restore(settings, folder, head_of(head), datetime.now(UTC), older)
        click.echo(
            f"Restored the {copy.kind} of {copy.made_at}. {f'What was there is kept: {aside}.' if aside else ''}".strip()
        )
        if copy.kind == DATA and at_head > copy.log.size:
            click.echo(
                f"{at_head} entries were signed, {copy.log.size} are here. Nothing is signed until the others are back:\n"
                "  python -m ledger heal --from DIR|URL     (an export or a mirror; see docs/operations.md)"
            )


@contextmanager
def _sentences() -> Iterator[None]:
    """Say a refusal as a command does."""
    try:
        yield
    except RefusedToStart as refused:
        raise click.ClickException(f"Stop the hospital first, all of its processes: {refused}.") from None
    except (EdgeError, LedgerError, OSError) as refused:
        raise click.ClickException(str(refused)) from None


def _advance(bar: Any, done: int, total: int) -> None:
    bar.length = total
    bar.update(done - bar.pos)
