"""A log in a database, in tables beside those of the application, so that an act and its entry commit together.

`add_pending` is what a service calls, on its own connection; everything else is the sequencer's and the readers'.

Most statements run every few milliseconds or under everybody's request, so they are compiled once for each dialect and
handed to the driver as text: a fifth of the time that building them anew takes. SQLite's driver gets them without
SQLAlchemy in between, which took ten times as long as SQLite itself; errors are SQLAlchemy's all the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, text
from sqlalchemy.exc import DBAPIError

from ledger.errors import StoreError
from ledger.merkle import HASH_SIZE
from ledger.store import Overtaken, Pending, Round, Tree
from ledger.stores.engine import reading, recording
from ledger.stores.tables import (
    ENTRY_BYTES,
    ledger_checkpoint,
    ledger_cosignature,
    ledger_edge,
    ledger_entry,
    ledger_notice,
    ledger_tile,
    ledger_tree,
    ledger_witnessed,
    metadata,
)
from ledger.tiles import TILE_BITS, RightEdge

__all__ = [
    "SQLStore",
    "SQLView",
    "add_pending",
    "ledger_checkpoint",
    "ledger_cosignature",
    "ledger_edge",
    "ledger_entry",
    "ledger_notice",
    "ledger_tile",
    "ledger_tree",
    "ledger_witnessed",
    "metadata",
]

_SQL = {
    "add": "INSERT INTO ledger_entry (entry, at_ms) VALUES (:entry, :at_ms) RETURNING serial",
    "tree": "SELECT origin, size, root, head_ms, old_size, old_root FROM ledger_tree",
    "create": "INSERT INTO ledger_tree (id, origin, size, root, head_ms, old_size, old_root)"
    " VALUES (1, :origin, :size, :root, :head_ms, :old_size, :old_root) ON CONFLICT (id) DO NOTHING",
    "step": "UPDATE ledger_tree SET size = :size, root = :root, head_ms = :head_ms,"
    " old_size = :old_size, old_root = :old_root WHERE size = :old_size AND root = :old_root AND origin = :origin",
    "assign": "UPDATE ledger_entry SET idx = serial - :shift WHERE serial >= :first AND serial < :stop AND idx IS NULL",
    "add_tile": "INSERT INTO ledger_tile (level, idx, hashes) VALUES (:level, :idx, :hashes)",
    "put_edge": "INSERT INTO ledger_edge (level, hashes) VALUES (:level, :hashes)"
    " ON CONFLICT (level) DO UPDATE SET hashes = excluded.hashes",
    "edge": "SELECT hashes FROM ledger_edge ORDER BY level",
    "edge_level": "SELECT hashes FROM ledger_edge WHERE level = :level",
    "tile": "SELECT hashes FROM ledger_tile WHERE level = :level AND idx = :idx",
    "pending": "SELECT serial, entry, at_ms FROM ledger_entry WHERE idx IS NULL ORDER BY serial LIMIT :limit",
    "publish": "INSERT INTO ledger_checkpoint (size, note, published_ms) SELECT :size, :note, :published_ms"
    " WHERE NOT EXISTS (SELECT 1 FROM ledger_checkpoint WHERE size >= :size)",
    "newest": "SELECT size, note, published_ms FROM ledger_checkpoint ORDER BY size DESC LIMIT 1",
    "checkpoint_at": "SELECT note FROM ledger_checkpoint WHERE size = :size",
    "cosign": "INSERT INTO ledger_cosignature (size, witness, line, at) VALUES (:size, :witness, :line, :at)"
    " ON CONFLICT (size, witness) DO NOTHING",
    "cosignatures": "SELECT line FROM ledger_cosignature WHERE size = :size ORDER BY witness",
    "newest_cosignature": "SELECT size, at FROM ledger_cosignature WHERE witness = :witness ORDER BY size DESC LIMIT 1",
    "mark_witnessed": "INSERT INTO ledger_witnessed (size, at_ms) SELECT :size, :at_ms"
    " WHERE NOT EXISTS (SELECT 1 FROM ledger_witnessed WHERE size >= :size)",
    "newest_witnessed": "SELECT size, at_ms FROM ledger_witnessed ORDER BY size DESC LIMIT 1",
    "index_of": "SELECT idx FROM ledger_entry WHERE entry = :entry",
    "serial_at": "SELECT serial FROM ledger_entry WHERE idx = :idx",
    "entries": "SELECT entry FROM ledger_entry WHERE idx >= :start AND idx < :stop ORDER BY idx",
}


class _Statements:
    """The statements above, written for one dialect."""

    def __init__(self, dialect: Dialect, prefix: str) -> None:
        named = {name: sql.replace("ledger_", f"{prefix}ledger_") for name, sql in _SQL.items()}
        compiled = {name: text(sql).compile(dialect=dialect) for name, sql in named.items()}
        self._sql = {name: str(statement) for name, statement in compiled.items()}
        # The names in the order of the question marks; None where the driver takes names.
        self._order = {name: statement.positiontup for name, statement in compiled.items()}
        self._dialect = dialect
        self._is_sqlite = dialect.name == "sqlite"

    def rows(self, connection: Connection, name: str, **values: object) -> Sequence[Any]:
        """Run it and return its rows, tuples in the order of the columns."""
        sql, arguments = self._sql[name], self._arguments(name, values)
        if not self._is_direct(connection):
            return connection.exec_driver_sql(sql, arguments or None).all()
        with self._errors(sql):
            rows: list[Any] = self._driver(connection).execute(sql, arguments).fetchall()
            return rows

    def run(self, connection: Connection, name: str, **values: object) -> int:
        """Run it and return how many rows of the table that touched."""
        sql, arguments = self._sql[name], self._arguments(name, values)
        if not self._is_direct(connection):
            return connection.exec_driver_sql(sql, arguments or None).rowcount
        with self._errors(sql):
            return int(self._driver(connection).execute(sql, arguments).rowcount)

    def run_many(self, connection: Connection, name: str, rows: Sequence[Mapping[str, object]]) -> int:
        """Run it once for each of `rows`, at least one; return how many rows of the table that touched."""
        sql, arguments = self._sql[name], [self._arguments(name, row) for row in rows]
        if not self._is_direct(connection):
            return connection.exec_driver_sql(sql, arguments).rowcount
        with self._errors(sql):
            return int(self._driver(connection).executemany(sql, arguments).rowcount)

    def _arguments(self, name: str, values: Mapping[str, object]) -> Any:
        order = self._order[name]
        return values if order is None else tuple(values[key] for key in order)

    def _is_direct(self, connection: Connection) -> bool:
        """Tell whether the driver can be asked itself: only once SQLAlchemy has begun the transaction."""
        return self._is_sqlite and connection.in_transaction()

    @staticmethod
    def _driver(connection: Connection) -> Any:
        return connection.connection.driver_connection

    @contextmanager
    def _errors(self, sql: str) -> Iterator[None]:
        """Raise what the driver raises as SQLAlchemy would, without the values."""
        base = self._dialect.loaded_dbapi.Error
        try:
            yield
        except base as e:
            raise DBAPIError.instance(sql, None, e, base, hide_parameters=True, dialect=self._dialect) from e


@lru_cache(maxsize=16)
def _statements(dialect: Dialect, prefix: str = "") -> _Statements:
    return _Statements(dialect, prefix)


def add_pending(connection: Connection, entry: bytes, at_ms: int) -> int:
    """Put `entry` into the queue, in the caller's recording transaction, and return its serial.

    `at_ms` is the time that the event states, in milliseconds since 1970. After the commit, knock on the sequencer
    (`ledger.bell`) and wait for the serial.
    """
    if len(entry) != ENTRY_BYTES:
        raise ValueError(f"an entry has {ENTRY_BYTES} bytes, not {len(entry)}")
    [(serial,)] = _statements(connection.dialect).rows(connection, "add", entry=entry, at_ms=at_ms)
    return int(serial)


class SQLView:
    """Reads of the log through a connection that the caller holds, see `ledger.store.View`.

    One moment of the log if the connection's transaction is one: SQLite's are, PostgreSQL's need REPEATABLE READ.
    """

    def __init__(self, connection: Connection, prefix: str = "") -> None:
        self._connection = connection
        self._statements = _statements(connection.dialect, prefix)

    def load_tree(self) -> Tree | None:
        rows = self._rows("tree")
        return Tree(*rows[0]) if rows else None

    def load_edge(self) -> RightEdge:
        tree = self.load_tree()
        try:
            return RightEdge(0 if tree is None else tree.size, tuple(hashes for (hashes,) in self._rows("edge")))
        except ValueError as wrong:
            raise StoreError(f"the stored right edge does not fit the tree: {wrong}") from wrong

    def pending(self, limit: int) -> list[Pending]:
        return list(map(Pending._make, self._rows("pending", limit=limit)))

    def newest_checkpoint(self) -> str | None:
        rows = self._rows("newest")
        return str(rows[0][1]) if rows else None

    def newest_size(self) -> int | None:
        rows = self._rows("newest")
        return int(rows[0][0]) if rows else None

    def newest_published_ms(self) -> int | None:
        rows = self._rows("newest")
        return int(rows[0][2]) if rows else None

    def checkpoint_at(self, size: int) -> str | None:
        note = self._scalar("checkpoint_at", size=size)
        return None if note is None else str(note)

    def cosignatures_at(self, size: int) -> list[str]:
        return [str(line) for (line,) in self._rows("cosignatures", size=size)]

    def newest_cosignature(self, witness: str) -> tuple[int, int] | None:
        rows = self._rows("newest_cosignature", witness=witness)
        return (int(rows[0][0]), int(rows[0][1])) if rows else None

    def newest_witnessed(self) -> tuple[int, int] | None:
        rows = self._rows("newest_witnessed")
        return (int(rows[0][0]), int(rows[0][1])) if rows else None

    def index_of(self, entry: bytes) -> int | None:
        index = self._scalar("index_of", entry=entry)
        return None if index is None else int(index)

    def serial_at(self, index: int) -> int:
        serial = self._scalar("serial_at", idx=index)
        if serial is None:
            raise StoreError(f"no entry has index {index}")
        return int(serial)

    def entries(self, start: int, end: int) -> list[bytes]:
        found = [entry for (entry,) in self._rows("entries", start=start, stop=end)]
        if len(found) != end - start:
            raise StoreError(f"of the entries {start} to {end} there are {len(found)}")
        return found

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        hashes = self._scalar("tile", level=level, idx=index)
        if hashes is None:
            tree = self.load_tree()
            if tree is not None and index == tree.size >> (TILE_BITS * (level + 1)):
                hashes = self._scalar("edge_level", level=level)
        if hashes is None or len(hashes) < width * HASH_SIZE:
            raise StoreError(f"tile {index} of level {level} with {width} hashes is missing")
        return bytes(hashes[: width * HASH_SIZE])

    def _rows(self, name: str, **values: object) -> Sequence[Any]:
        return self._statements.rows(self._connection, name, **values)

    def _scalar(self, name: str, **values: object) -> Any:
        rows = self._rows(name, **values)
        return rows[0][0] if rows else None


def _runs(serials: Sequence[int], first_index: int) -> list[dict[str, int]]:
    """Return the runs of consecutive serials, from `first` to before `stop`, and by how much each is past its index.

    Serials have gaps only where an act was rolled back, so one statement gives its index to almost a whole round.
    """
    runs: list[dict[str, int]] = []
    for index, serial in enumerate(serials, first_index):
        if runs and runs[-1]["stop"] == serial:
            runs[-1]["stop"] += 1
        else:
            runs.append({"first": serial, "stop": serial + 1, "shift": serial - index})
    return runs


class SQLStore:
    """The log in the database behind `engine` (from `open_engine`), see `ledger.store.Store`.

    With `for_one_thread` it keeps the connection that it reads with until `close`, which spares each look the pool.
    """

    def __init__(self, engine: Engine, for_one_thread: bool = False, prefix: str = "") -> None:
        self._engine = engine
        self._prefix = prefix  # of the tables: that of a log that was frozen, see `ledger.stores.succession`
        self._reader = engine.connect() if for_one_thread else None
        self._statements = _statements(engine.dialect, prefix)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()

    @contextmanager
    def view(self) -> Iterator[SQLView]:
        with reading(self._engine, self._reader) as connection:
            yield SQLView(connection, self._prefix)

    def create(self, tree: Tree) -> None:
        with recording(self._engine) as connection:
            if self._statements.run(connection, "create", **vars(tree)) != 1:
                raise Overtaken("the log has begun already")

    def commit_round(self, step: Round) -> None:
        new, statements = step.new, self._statements
        with recording(self._engine) as connection:
            if statements.run(connection, "step", **vars(new)) != 1:
                raise Overtaken(f"the tree no longer has size {step.old.size} and the root this sequencer left")
            if statements.run_many(connection, "assign", _runs(step.serials, new.old_size)) != new.size - new.old_size:
                raise Overtaken("some of these entries have an index already")
            if step.tiles:
                tiles = [{"level": tile.level, "idx": tile.index, "hashes": tile.hashes} for tile in step.tiles]
                statements.run_many(connection, "add_tile", tiles)
            edge = [{"level": level, "hashes": hashes} for level, hashes in enumerate(step.edge.partial)]
            statements.run_many(connection, "put_edge", edge[: 1 + max((t.level + 1 for t in step.tiles), default=0)])

    def publish(self, size: int, note: str, published_ms: int) -> bool:
        with recording(self._engine, durable=False) as connection:
            row = {"size": size, "note": note, "published_ms": published_ms}
            return self._statements.run(connection, "publish", **row) == 1

    def add_cosignature(self, size: int, witness: str, line: str, at: int) -> None:
        with recording(self._engine, durable=False) as connection:
            self._statements.run(connection, "cosign", size=size, witness=witness, line=line, at=at)

    def mark_witnessed(self, size: int, at_ms: int) -> None:
        with recording(self._engine, durable=False) as connection:
            self._statements.run(connection, "mark_witnessed", size=size, at_ms=at_ms)

    def load_tree(self) -> Tree | None:
        with self.view() as view:
            return view.load_tree()

    def load_edge(self) -> RightEdge:
        with self.view() as view:
            return view.load_edge()

    def pending(self, limit: int) -> list[Pending]:
        with self.view() as view:
            return view.pending(limit)

    def newest_checkpoint(self) -> str | None:
        with self.view() as view:
            return view.newest_checkpoint()

    def newest_size(self) -> int | None:
        with self.view() as view:
            return view.newest_size()

    def newest_published_ms(self) -> int | None:
        with self.view() as view:
            return view.newest_published_ms()

    def checkpoint_at(self, size: int) -> str | None:
        with self.view() as view:
            return view.checkpoint_at(size)

    def cosignatures_at(self, size: int) -> list[str]:
        with self.view() as view:
            return view.cosignatures_at(size)

    def newest_cosignature(self, witness: str) -> tuple[int, int] | None:
        with self.view() as view:
            return view.newest_cosignature(witness)

    def newest_witnessed(self) -> tuple[int, int] | None:
        with self.view() as view:
            return view.newest_witnessed()

    def index_of(self, entry: bytes) -> int | None:
        with self.view() as view:
            return view.index_of(entry)

    def serial_at(self, index: int) -> int:
        with self.view() as view:
            return view.serial_at(index)

    def entries(self, start: int, end: int) -> list[bytes]:
        with self.view() as view:
            return view.entries(start, end)

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        with self.view() as view:
            return view.read_tile(level, index, width)
