"""Opening the database of a log for a command, and what its failures are called outside this room.

Commands know neither SQLAlchemy nor its errors: they name a database and get a store, or one sentence.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from ledger.errors import StoreError
from ledger.stores.engine import open_engine


class NoSuchDatabase(StoreError):
    """The address names no database that can be opened. The message does not repeat it: it may hold a password."""


def open_database(url: str) -> Engine:
    """Return the engine for the database at `url`. Raises NoSuchDatabase."""
    try:
        return open_engine(url)
    except (ArgumentError, ImportError, ValueError) as e:
        raise NoSuchDatabase(f"this is no address of a database: {type(e).__name__}") from e


@contextmanager
def storage() -> Iterator[None]:
    """Raise what the database raises inside as StoreError, in one line without the statement and its values."""
    try:
        yield
    except SQLAlchemyError as e:
        cause = getattr(e, "orig", None) or e
        raise StoreError(f"{type(cause).__name__}: {cause}".split("\n")[0]) from e
