"""Freezing a log and beginning another beside it, in one transaction.

The tables of the log that ends are kept under other names, and nothing ever changes in them again. The new log begins
with the entry that binds the old one (serial 0, before all others), and takes in again every entry that has an event here, in the order
in which they were recorded: so every event has its place in a log that goes on, and nothing that looks after events
has to know that there was another. Receipts from before verify against the old key, for ever and without us.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection, Engine, insert, inspect, text

from ledger.errors import StoreError
from ledger.export import keys_file
from ledger.merkle import EMPTY_ROOT
from ledger.note import VerifierKey
from ledger.notice import SUCCEEDED, Detail, Notice
from ledger.store import Tree
from ledger.stores.engine import reading, recording
from ledger.stores.notices import add_notice, notices_in, put_into_words
from ledger.stores.opening import storage
from ledger.stores.sql import SQLStore, SQLView, ledger_entry, ledger_notice, ledger_tree, metadata
from ledger.successor import SUCCESSOR

_RECORDED = "SELECT serial, entry, at_ms FROM ledger_entry WHERE serial > 0 ORDER BY serial"


def prefix_of(number: int) -> str:
    """Return what the names of the tables of the `number`-th frozen log begin with, counted from 1."""
    return f"frozen{number}_"


def frozen_logs(engine: Engine) -> list[int]:
    """Return the numbers of the logs that were frozen, oldest first."""
    with reading(engine) as connection:
        return list(range(1, _next_number(connection)))


@dataclass(frozen=True)
class Ended:
    """The `number`-th frozen log, called `origin`, of which this database has `size` entries.

    The log that goes on for it says what it binds: `old_size` entries under `old_root` (base64), and why. `successor` is the note in
    which the old log says so itself (`ledger.successor`), "" where its key could not."""

    number: int
    origin: str
    size: int
    old_size: int
    old_root: str
    reason: str
    goes_on: str
    successor: str


def ended_logs(engine: Engine) -> list[Ended]:
    """Return the logs that ended here, the oldest first."""
    with reading(engine) as connection:
        frozen = [SQLView(connection, prefix_of(n)).load_tree() for n in range(1, _next_number(connection))]
        said = {str(notice.detail["old_origin"]): notice.detail for notice in notices_in(connection, kind=SUCCEEDED)}
        trees = [*frozen, SQLView(connection).load_tree()]
    return [
        Ended(
            number,
            tree.origin,
            tree.size,
            int(str(said[tree.origin]["old_size"])),
            str(said[tree.origin]["old_root"]),
            str(said[tree.origin]["reason"]),
            "" if after is None else after.origin,
            str(said[tree.origin].get("successor", "")),
        )
        for number, (tree, after) in enumerate(pairwise(trees), 1)
        if tree is not None and tree.origin in said
    ]


def published_keys(engine: Engine, keys: Sequence[VerifierKey]) -> bytes:
    """Return the file `keys` of the log: the keys, one a line, and a comment for each log that ended and said who goes on."""
    ended = [
        f"# {one.origin} ended at {one.old_size} entries; {one.goes_on} goes on: frozen/{one.number}/{SUCCESSOR}\n"
        for one in ended_logs(engine)
    ]
    return keys_file(keys) + "".join(ended).encode()


def newest_succession(engine: Engine) -> Notice | None:
    """Return the notice with which the present log began; None for a log that began by itself."""
    with reading(engine) as connection:
        found = notices_in(connection, kind=SUCCEEDED)
    return found[-1] if found else None


def begin_successor(
    engine: Engine, old: Tree | None, origin: str, at_ms: int, entry: bytes, extra: bytes, detail: Detail
) -> int:
    """Freeze the log whose tree is `old`, begin the log `origin` with `entry`; return the number of the frozen one.

    Whole or not at all. Raises StoreError if the tree is another by now, or this kind of database cannot.
    """
    if engine.dialect.name != "sqlite":
        raise StoreError("a log is frozen in SQLite only, so far")
    with recording(engine) as connection:
        if SQLView(connection).load_tree() != old:
            raise StoreError("somebody else changed this log meanwhile")
        number = _next_number(connection)
        _rename(connection, prefix_of(number))
        metadata.create_all(connection)
        connection.execute(insert(ledger_entry).values(serial=0, entry=entry, at_ms=at_ms))
        columns = ledger_entry.c
        frozen = text(_RECORDED.replace("ledger_", f"{prefix_of(number)}ledger_"))
        rows = frozen.columns(columns.serial, columns.entry, columns.at_ms)
        connection.execute(insert(ledger_entry).from_select(["serial", "entry", "at_ms"], rows))
        connection.execute(
            insert(ledger_tree).values(
                id=1, origin=origin, size=0, root=EMPTY_ROOT, head_ms=at_ms, old_size=0, old_root=EMPTY_ROOT
            )
        )
        notice = add_notice(connection, SUCCEEDED, "ready", at_ms, detail)
        put_into_words(connection, notice, entry, extra)
    return number


def _next_number(connection: Connection) -> int:
    names = set(inspect(connection).get_table_names())
    number = 1
    while f"{prefix_of(number)}ledger_tree" in names:
        number += 1
    return number


def _rename(connection: Connection, prefix: str) -> None:
    for table in metadata.sorted_tables:
        if table is ledger_notice:  # goes on: it tells of both
            continue
        triggers = connection.execute(
            text("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = :name"), {"name": table.name}
        )
        for (trigger,) in triggers.all():
            connection.exec_driver_sql(f'DROP TRIGGER "{trigger}"')
        for index in table.indexes:
            connection.exec_driver_sql(f'DROP INDEX "{index.name}"')
        connection.exec_driver_sql(f'ALTER TABLE "{table.name}" RENAME TO "{prefix}{table.name}"')
        for act in ("INSERT", "UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f'CREATE TRIGGER "tr_{prefix}{table.name}_{act.lower()}" BEFORE {act} ON "{prefix}{table.name}"'
                " BEGIN SELECT RAISE(ABORT, 'this log is frozen'); END"
            )


class DatabaseSuccession:
    """See `ledger.succeed.Succession`, for the database behind `engine`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.store = SQLStore(engine)

    def newest(self) -> Notice | None:
        """Return the notice with which the present log began, if it succeeded another."""
        with storage():
            return newest_succession(self._engine)

    def begin(self, old: Tree | None, origin: str, at_ms: int, entry: bytes, extra: bytes, detail: Detail) -> None:
        """Freeze the old log and begin the new one, whole or not at all."""
        with storage():
            begin_successor(self._engine, old, origin, at_ms, entry, extra, detail)
