"""Making what was deleted unreadable in a database's own files, not only in its tables.

SQLite leaves deleted bytes on its pages, and earlier pages in the write-ahead log; `secure_delete` and a checkpoint that
truncates the log take both away (https://sqlite.org/pragma.html#pragma_secure_delete). PostgreSQL has VACUUM for it, run by
itself; there an erasure rests on the destroyed keys until then.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine

from ledger.stores.engine import alone

JOURNAL_TRIES = 5


def overwriting(connection: Connection) -> None:
    """Let SQLite overwrite what this connection deletes with zeros. Call it inside the transaction, before deleting; the
    connection goes on doing so afterwards, which costs it a little and harms nothing."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA secure_delete=ON")


def empty_journal(engine: Engine) -> bool:
    """Take everything out of SQLite's write-ahead log; tell whether it is empty now. Somebody who reads an older moment keeps
    it from that: ask again later. Where there is no such log, there is nothing to do."""
    if engine.dialect.name != "sqlite":
        return True
    connection = engine.raw_connection()
    try:
        driver: Any = connection.driver_connection
        for _ in range(JOURNAL_TRIES):
            busy, _in_log, _done = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return True
        return False
    finally:
        connection.close()


def rewrite(engine: Engine) -> None:
    """Write a SQLite database anew without its free space (VACUUM). Needs its size in free disk, and others wait meanwhile."""
    if engine.dialect.name != "sqlite":
        return
    with alone(engine) as driver:
        driver.execute("VACUUM")
    empty_journal(engine)
