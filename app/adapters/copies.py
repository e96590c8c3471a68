"""Copies of a SQLite database: taken while others write to it, and put in its place again.

A file that is written to may not be copied by `cp`: half of a commit would be in it (https://sqlite.org/howtocorrupt.html,
1.2). SQLite's own backup copies one moment of it. PostgreSQL has pg_dump and its archives for all of this.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from app.adapters.errors import EdgeError
from ledger.durable import replace_file, sync_folder
from ledger.stores.engine import reading, sqlite

FORMAT = 1
PAGES_AT_ONCE = 1024  # of a copy: 4 MB between two looks at the progress
DATA, KEYRING = "data", "keyring"
_SIZE = "SELECT size, hex(root) FROM ledger_tree"
_RECORDED = "SELECT coalesce(max(serial), 0) FROM ledger_entry"


class CopyUnusable(EdgeError):
    """What should be a backup is none, or is not whole. The message is for the operator."""


class DatabaseInUse(EdgeError):
    """Somebody has the database open that is to be replaced."""


@dataclass(frozen=True)
class Where:
    """How far a database's log is: entries in the tree, its root, and acts recorded, those that still wait included."""

    size: int = 0
    root: str = ""
    recorded: int = 0


@dataclass(frozen=True)
class Copy:
    """What stands beside a copy, in `backup.json`. `head_size` is where the head was, which is never copied itself."""

    kind: str
    made_at: str
    sha256: str
    size_bytes: int
    log: Where
    head_size: int | None

    def write(self, folder: Path) -> None:
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n"
        replace_file(folder / "backup.json", text.encode(), folder / "backup.json.new", mode=0o600)
        sync_folder(folder)

    @classmethod
    def read(cls, folder: Path) -> Copy:
        """Return what stands beside a copy, once the copy is found to be the file that was made. Raises CopyUnusable."""
        try:
            told = json.loads((folder / "backup.json").read_text("utf-8"))
            if told.pop("format") != FORMAT:
                raise ValueError
            copy = cls(**{**told, "log": Where(**told["log"])})
        except (OSError, ValueError, KeyError, TypeError):
            raise CopyUnusable(f"{folder} holds no backup: its backup.json is missing or of another form.") from None
        try:
            with file_of(folder, copy.kind).open("rb") as file:
                digest = file_digest(file, "sha256").hexdigest()
        except OSError as e:
            raise CopyUnusable(f"The backup cannot be read: {e.strerror}.") from None
        if digest != copy.sha256:
            raise CopyUnusable(
                "The backup is not the file that was made: its SHA-256 is another one. Take an older one."
            )
        return copy


def file_of(folder: Path, kind: str) -> Path:
    return folder / ("mingzhen.db" if kind == DATA else "keyring.db")


def where(disk: Any) -> Where:
    """Return how far the log in a database is; nothing where there is no log."""
    try:
        row = disk.execute(_SIZE).fetchone() or (0, "")
        [recorded] = disk.execute(_RECORDED).fetchone()
    except sqlite.OperationalError:  # no such tables: a keyring, or an empty file
        return Where()
    return Where(row[0], row[1].lower(), recorded)


def take(
    engine: Engine, folder: Path, kind: str, made_at: str, head_size: int | None, progress: Callable[[int, int], None]
) -> Copy:
    """Copy the database of `engine` into `folder` while others write; return what it is. On disk when this returns.

    `progress` is told (pages copied, pages in all). Raises CopyUnusable where the copy does not hold together.
    """
    target = file_of(folder, kind)
    beside = target.with_name(target.name + ".new")
    beside.unlink(missing_ok=True)
    os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    copy = sqlite.connect(beside)
    try:
        with reading(engine) as connection:  # one moment, however long it takes
            driver: Any = connection.connection.driver_connection
            driver.backup(copy, pages=PAGES_AT_ONCE, progress=lambda _, left, pages: progress(pages - left, pages))
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, whole by itself
        if (said := copy.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise CopyUnusable(f"The copy does not hold together, so the database may not either: {said}")
        at = where(copy)
    finally:
        copy.close()
    with beside.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    told = Copy(kind, made_at, digest, beside.stat().st_size, at, head_size)
    beside.replace(target)
    told.write(folder)
    return told


@contextmanager
def alone_with(database: Path) -> Iterator[Where | None]:
    """Hold a database that is to be replaced; yield how far its log is, None where it is missing or cannot be read.

    Raises DatabaseInUse while anybody has it open, the hospital above all.
    """
    if not database.exists():
        yield None
        return
    disk = sqlite.connect(database, isolation_level=None, timeout=1.0)
    try:
        yield _hold(disk)
    finally:
        disk.close()


def _hold(disk: Any) -> Where | None:
    try:
        disk.execute("PRAGMA locking_mode=EXCLUSIVE")
        disk.execute("BEGIN EXCLUSIVE")
        at = where(disk)
        disk.execute("ROLLBACK")
    except sqlite.OperationalError as e:
        if "locked" in str(e):
            raise DatabaseInUse("The database is in use. Stop the hospital first, all of its processes.") from None
        return None
    except sqlite.DatabaseError:  # damaged, which is what a restore is for
        return None
    return at


def put_back(folder: Path, kind: str, database: Path, aside: Path) -> None:
    """Put a copy in the place of `database`; what is there, its journals too, becomes `aside`. On disk when this returns."""
    beside = database.with_name(database.name + ".new")
    shutil.copyfile(file_of(folder, kind), beside)
    beside.chmod(0o600)
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    for suffix in ("-wal", "-shm", ""):  # a journal that stayed behind would be played into the copy
        old = database.with_name(database.name + suffix)
        if old.exists():
            old.rename(aside.with_name(aside.name + suffix))
    beside.replace(database)
    sync_folder(database.parent)
