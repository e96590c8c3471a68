"""Statements that every act runs, compiled once.

SQLAlchemy looks a statement up in its cache, builds a context and wraps the result each time: four times what SQLite takes
to answer. A `Prepared` does that once for each dialect, and hands SQLite's own driver the text and the values. What the
columns' types do to values (instants, JSON, truths) is done here as there. With another database SQLAlchemy runs it.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.exc import DBAPIError

Convert = Callable[[Any], Any]


class Prepared:
    """One statement of SQLAlchemy Core with named parameters, none of them expanding. Make it once, at module level."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._of: dict[str, _Compiled] = {}

    def all(self, connection: Connection, **values: Any) -> Sequence[Any]:
        """Run it and return its rows, which have the columns' names."""
        if not _is_direct(connection):
            return connection.execute(self._statement, values).all()
        return self._compiled(connection.dialect).all(connection, values)

    def first(self, connection: Connection, **values: Any) -> Any | None:
        """Run it and return its first row, or None."""
        rows = self.all(connection, **values)
        return rows[0] if rows else None

    def run(self, connection: Connection, **values: Any) -> int:
        """Run it and return how many rows it touched. Raises what SQLAlchemy raises: IntegrityError, OperationalError …"""
        if not _is_direct(connection):
            return connection.execute(self._statement, values).rowcount
        return self._compiled(connection.dialect).run(connection, values)

    def run_many(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Run it once for each of `rows`, in their order, in one call of the driver. Raises what `run` raises."""
        if not rows:
            return
        if not _is_direct(connection):
            connection.execute(self._statement, rows)
            return
        self._compiled(connection.dialect).run_many(connection, rows)

    def _compiled(self, dialect: Dialect) -> _Compiled:
        known = self._of.get(dialect.name)
        if known is None:
            known = self._of[dialect.name] = _Compiled(self._statement, dialect)
        return known


class _Compiled:
    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._text = str(compiled)
        self._dialect = dialect
        self._binds = [(name, _binding(compiled.binds[name], dialect)) for name in compiled.positiontup]
        self._given = {name: compiled.binds[name].effective_value for name in compiled.positiontup}
        if statement.is_insert:  # a column that is not named gets what it gets elsewhere
            columns = statement.table.columns
            self._given = {c.key: None if c.default is None else c.default.arg for c in columns}
            self._required = frozenset(c.key for c in columns if c.default is None and not c.nullable)
        else:
            self._required = frozenset(name for name in self._given if compiled.binds[name].required)
        shown = list(statement.exported_columns)
        self._row = namedtuple("Row", [column.key for column in shown])  # type: ignore[misc]
        processors = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in shown]
        self._results = [(at, process) for at, process in enumerate(processors) if process is not None]

    def all(self, connection: Connection, values: dict[str, Any]) -> list[Any]:
        rows = self._execute(connection, values).fetchall()
        made = []
        for row in rows:
            cells = list(row)
            for at, process in self._results:
                cells[at] = process(cells[at])
            made.append(self._row(*cells))  # type: ignore[call-overload]
        return made

    def run(self, connection: Connection, values: dict[str, Any]) -> int:
        return int(self._execute(connection, values).rowcount)

    def run_many(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        self._ask(connection, "executemany", [self._arguments(values) for values in rows])

    def _execute(self, connection: Connection, values: dict[str, Any]) -> Any:
        return self._ask(connection, "execute", self._arguments(values))

    def _arguments(self, values: dict[str, Any]) -> list[Any]:
        if not self._required <= values.keys() <= self._given.keys():
            raise TypeError(f"takes {sorted(self._given)}, not {sorted(values)}")
        given = {**self._given, **values}
        return [given[name] if convert is None else convert(given[name]) for name, convert in self._binds]

    def _ask(self, connection: Connection, how: str, arguments: list[Any]) -> Any:
        driver: Any = connection.connection.driver_connection
        try:
            return getattr(driver, how)(self._text, arguments)
        except self._dialect.loaded_dbapi.Error as error:
            base = self._dialect.loaded_dbapi.Error
            raise DBAPIError.instance(
                self._text, None, error, base, hide_parameters=True, dialect=self._dialect
            ) from error


def _binding(bind: Any, dialect: Dialect) -> Convert | None:
    convert: Convert | None = bind.type.dialect_impl(dialect).bind_processor(dialect)
    return convert


def _is_direct(connection: Connection) -> bool:
    """Tell whether the driver can be asked itself: only once SQLAlchemy has begun the transaction."""
    return connection.dialect.name == "sqlite" and connection.in_transaction()
