"""How this house talks to its database: one way to read, one way to record.

`reading(engine)` is a read transaction that cannot write. `recording(engine)` is a write transaction that has the
database to itself from its first statement: it waits at a gate, then begins with BEGIN IMMEDIATE. Only one thread of a
process is behind the gate, so a process has one connection that writes, and all others only read: a transaction that
somebody begins without either reads, and its first write fails. An ORM Session bound to the connection behaves the same.

With one connection that writes, whatever is wrong with it would be wrong for every act of the process. So it is thrown away
where a transaction could not begin, be committed or be rolled back (full disk, a lock, a cursor that somebody left open), and
the next one who records opens another.

On PostgreSQL the gate is an advisory lock, and a reader's one moment is REPEATABLE READ; the rest of this page is SQLite's.

SQLite 3.7.0 to 3.51.2 can lose a commit or corrupt the file when two connections meet at a WAL reset
(https://sqlite.org/wal.html#the_wal_reset_bug). With such a library the journal is a file that is truncated instead of
a write-ahead log, and `allows_several_processes` is False: one web worker, with more threads. A commit then waits for
those who read, so that a thread which records inside its own `reading` is told after a while that the file is locked.

Durability: WAL needs `synchronous=FULL`, TRUNCATE needs EXTRA. In a simulated power cut after 300 acknowledged commits
each of these kept 300; WAL with NORMAL kept none, and Python's defaults lost the last.

Open an engine after a fork, never before: a SQLite connection must not cross one (https://sqlite.org/howtocorrupt.html,
2.6), and one that did is refused here.
"""

import fcntl
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from ledger.errors import StoreError

try:
    from pysqlite3 import dbapi2 as sqlite
except ImportError:  # no wheel for this machine: the library that came with Python, see `is_safe_with_wal`
    import sqlite3 as sqlite

GATE_TIMEOUT_SECONDS = 5.0
BUSY_TIMEOUT_MS = 5000
POOL_SIZE = 16  # one for each thread of a web worker
POOL_OVERFLOW = 32  # a thread may read while it records; streams read too
POOL_TIMEOUT_SECONDS = 5.0
# The commit that moves so many pages from the log into the database keeps the gate meanwhile, so it should be a rare one.
CHECKPOINT_PAGES = 4000
JOURNAL_SIZE_LIMIT_BYTES = 64 * 1024 * 1024  # a WAL that grew behind a long reader shrinks again

_GATE = "mingzhen_gate"  # execution options: the gate of this engine,
_WRITER = "mingzhen_writer"  # and the engine with the connection that writes
_SYNCHRONOUS = "mingzhen_synchronous"  # of a connection that writes: how hard its commits try now
_TURN = 0x6D696E67  # the advisory lock that is PostgreSQL's gate


class GateBusy(StoreError):
    """The database stayed busy for too long. Nothing was done, so trying again later is right."""


def open_engine(url: str | URL) -> Engine:
    """Return an engine for the database at `url`, with the settings this module describes.

    SQLite files and PostgreSQL addresses are accepted. Cheap: it connects only when first used.

    Raises ValueError for a database in memory: another connection would see another one.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        pool = {"pool_size": POOL_SIZE, "max_overflow": POOL_OVERFLOW, "pool_timeout": POOL_TIMEOUT_SECONDS}
        return create_engine(parsed, pool_pre_ping=True, hide_parameters=True, **pool)  # an error may end in a log
    if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
        raise ValueError("the database must be a file; write sqlite:///path/to/file")
    gate = _Gate(Path(parsed.database + ".gate"))
    writer = _open_sqlite(parsed, gate, "IMMEDIATE", pool_size=1, max_overflow=0)
    options = {_GATE: gate, _WRITER: writer}
    writer.update_execution_options(**options)  # so that who has only the connection's engine comes to the gate too
    engine = _open_sqlite(
        parsed, gate, "DEFERRED", pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, execution_options=options
    )

    @event.listens_for(engine, "engine_disposed")
    def dispose_writer(_engine: Engine) -> None:
        writer.dispose()

    return engine


def _open_sqlite(url: URL, gate: "_Gate", begins: str, **options: Any) -> Engine:
    """Return an engine whose transactions begin as `begins` says: DEFERRED ones cannot write."""
    engine = create_engine(
        url,
        hide_parameters=True,  # what an error says may end in a log
        module=sqlite,
        poolclass=QueuePool,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        **options,
    )
    owner = os.getpid()
    statement, reads_only = f"BEGIN {begins}", begins == "DEFERRED"

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        _configure(connection, gate, reads_only)

    @event.listens_for(engine, "checkout")
    def refuse_after_fork(_connection: object, _record: object, _proxy: object) -> None:
        if os.getpid() != owner:
            raise RuntimeError("this engine was opened before a fork; open one in each process")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not (reads_only or gate.is_mine()):
            raise RuntimeError("the connection that writes is for `recording`, which passes the gate first")
        _tell(connection, statement)

    return engine


def _tell(connection: Connection, statement: str) -> None:
    """Hand a statement to the driver itself. Who called knows SQLAlchemy's errors, and only those."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(statement)
    except sqlite.Error as e:
        raise DBAPIError.instance(statement, None, e, sqlite.Error, dialect=connection.dialect) from e


@contextmanager
def recording(engine: Engine, durable: bool = True) -> Iterator[Connection]:
    """Yield a connection inside a write transaction: committed at the end, rolled back if anything is raised.

    The commit is on disk when this returns. Keep it short and call nobody over the network: everybody else waits.
    Without `durable` a power cut, not a crash, may undo it if no durable one followed: for what can be made again.

    Raises GateBusy if others kept the database for GATE_TIMEOUT_SECONDS, and RuntimeError if this thread is recording
    already, which would wait for itself for ever. Raises OperationalError where SQLite gave the transaction up by itself (as
    it may when its disk is full) and the block went on all the same: what it wrote after that is not to be relied on.
    """
    options = engine.get_execution_options()
    if _GATE not in options:
        with engine.connect() as connection, connection.begin():
            _take_turn(connection, durable)
            yield connection
        return
    with _writing(options, durable) as connection:
        is_theirs = False  # whose fault an exception is: of the block below, or of what comes before and after
        try:
            with connection.begin() as transaction:
                is_theirs = True
                yield connection
                is_theirs = False
                if transaction.is_active and not _is_within(connection):
                    gave_up = sqlite.OperationalError("SQLite gave the transaction up before it was committed")
                    raise DBAPIError.instance("COMMIT", None, gave_up, sqlite.Error, dialect=connection.dialect)
        except BaseException:
            if not is_theirs or _is_within(connection):
                connection.invalidate()
            raise


@contextmanager
def alone(engine: Engine) -> Iterator[Any]:
    """Yield the driver's connection that writes, behind the gate and in no transaction: for VACUUM, which wants none.

    Others who record wait meanwhile, a sequencer as long as it takes. SQLite only. Raises as `recording` does.
    """
    with _writing(engine.get_execution_options(), durable=True) as connection:
        try:
            yield connection.connection.driver_connection
        finally:
            connection.invalidate()  # whatever was set on it goes with it


@contextmanager
def _writing(options: Mapping[str, Any], durable: bool) -> Iterator[Connection]:
    """Yield the connection that writes, behind the gate, not yet in a transaction."""
    gate: _Gate = options[_GATE]
    writer: Engine = options[_WRITER]
    with gate.held(), writer.connect() as connection:
        wanted = _synchronous(durable)
        if connection.info.get(_SYNCHRONOUS) != wanted:
            try:
                _tell(connection, f"PRAGMA synchronous={wanted}")
            except DBAPIError:
                connection.invalidate()
                raise
            connection.info[_SYNCHRONOUS] = wanted
        yield connection


def _is_within(connection: Connection) -> bool:
    """Tell whether SQLite itself says that a transaction is open."""
    return not (connection.closed or connection.invalidated) and bool(
        connection.connection.driver_connection.in_transaction  # type: ignore[union-attr]
    )


@contextmanager
def reading(engine: Engine, kept: Connection | None = None) -> Iterator[Connection]:
    """Yield a connection inside a read transaction: one moment of the database, on which writing fails.

    It waits for nobody. Do not hold it for long: the write-ahead log cannot shrink meanwhile. A thread that reads all day
    may hand in a connection of `engine` that it has `kept`.
    """
    with engine.connect() if kept is None else nullcontext(kept) as pooled:
        postgresql = engine.dialect.name == "postgresql"
        one_moment = {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"} if postgresql else {}
        connection = pooled.execution_options(**one_moment)
        with connection.begin():
            yield connection


def _take_turn(connection: Connection, durable: bool) -> None:
    """Wait until nobody else records in this PostgreSQL database, which the lock sees to until the transaction ends.

    One writer at a time, as with SQLite: what is read then is the newest, and serials are committed in their order.
    """
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{int(GATE_TIMEOUT_SECONDS * 1000)}ms'")
    if not durable:
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
    try:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")
    except OperationalError as e:
        if getattr(e.orig, "sqlstate", None) == "55P03":  # lock_not_available
            raise GateBusy(f"the database stayed busy for {GATE_TIMEOUT_SECONDS:g} s") from e
        raise


def allows_several_processes(engine: Engine) -> bool:
    """Tell whether more than one web worker process may write to this database."""
    return engine.dialect.name != "sqlite" or is_safe_with_wal(sqlite.sqlite_version_info)


def is_safe_with_wal(version: tuple[int, ...]) -> bool:
    """Tell whether a SQLite library is free of the WAL-reset race: 3.51.3 and its backports 3.44.6 and 3.50.7."""
    return version >= (3, 51, 3) or (3, 44, 6) <= version < (3, 45) or (3, 50, 7) <= version < (3, 51)


class _Gate:
    """Where those who write to one SQLite file queue up, across threads and processes.

    SQLite has no queue: who finds the file locked sleeps and tries again, up to 100 ms later, and a busy neighbour is
    back by then. With 32 writers in two processes that starved a third process, the sequencer, to one transaction a
    second. An flock wakes the next process at once: the same 32, never pausing, made 2,080 transactions of four rows a
    second, and the third process 290 beside them (median 1.1 ms, 99th percentile 3.7 ms; two cores).

    Inside a process the threads take `_turn` first, so that one of them at most waits in flock, and the wait of the
    others has an end; they get it in the order in which they came. Each time is a new open file description, because flock excludes only between those.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = _Turn()
        self._holder: int | None = None

    def is_mine(self) -> bool:
        """Tell whether this thread is behind the gate."""
        return self._holder == threading.get_ident()

    @contextmanager
    def held(self) -> Iterator[None]:
        me = threading.get_ident()
        if self._holder == me:
            raise RuntimeError("this thread is recording already")
        if not self._turn.acquire(timeout=GATE_TIMEOUT_SECONDS):
            raise GateBusy(f"the database stayed busy for {GATE_TIMEOUT_SECONDS:g} s")
        try:
            self._holder = me
            lock = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
            finally:
                fcntl.flock(lock, fcntl.LOCK_UN)  # a child that was forked meanwhile has the file open too
                os.close(lock)
        finally:
            self._holder = None
            self._turn.release()


class _Turn:
    """A lock for threads that serves who came first. Python's own serves whoever asks in the right moment: with 16 busy
    threads the unluckiest waited twice as long (445 ms instead of 250 ms, on a machine that had other work)."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        """Take the turn, or tell that it did not come within `timeout` seconds."""
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        try:
            if mine.acquire(timeout=timeout):
                return True
        except BaseException:  # the handler of a signal raised: nobody may hand the turn to who has gone
            if not self._leave(mine):
                self.release()
            raise
        return not self._leave(mine)  # it may have come in the very moment in which the patience ended

    def _leave(self, mine: threading.Lock) -> bool:
        """Stop waiting; tell whether that was in time, before the turn came."""
        with self._guard:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return True
        return False

    def release(self) -> None:
        """Hand the turn to who has waited longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


def _configure(connection: Any, gate: _Gate, reads_only: bool) -> None:
    """Set up a new connection to a SQLite file."""
    journal = "wal" if is_safe_with_wal(sqlite.sqlite_version_info) else "truncate"
    if _journal_mode(connection, "") != journal:
        # Two processes that change it at once get "database is locked", busy timeout or not.
        with nullcontext() if gate.is_mine() else gate.held():
            if _journal_mode(connection, f"={journal}") != journal:
                raise StoreError(
                    f"SQLite would not use journal_mode={journal}; is the database on a network file system?"
                )
    for pragma in (
        f"synchronous={_synchronous(durable=True)}",
        "foreign_keys=ON",
        f"journal_size_limit={JOURNAL_SIZE_LIMIT_BYTES}",
        "trusted_schema=OFF",
        f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        f"query_only={int(reads_only)}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _synchronous(durable: bool) -> str:
    """Return how hard a commit has to try. Only a write-ahead log stays whole with less than everything."""
    if not is_safe_with_wal(sqlite.sqlite_version_info):
        return "EXTRA"
    return "FULL" if durable else "NORMAL"


def _journal_mode(connection: Any, setting: str) -> str:
    return str(connection.execute(f"PRAGMA journal_mode{setting}").fetchone()[0]).lower()
