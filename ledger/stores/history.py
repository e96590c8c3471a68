"""What a log in a database published and when, for people who look back: a bounded number of look-ups by key, however long it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select

from ledger.stores.engine import reading
from ledger.stores.sql import ledger_checkpoint, ledger_cosignature

Moment = tuple[int, int]  # (number of entries, milliseconds since 1970 when the checkpoint of that size was published)


@dataclass(frozen=True)
class Published:
    """One checkpoint: its note as the log signed it, and who cosigned it: (verifier key, Unix seconds)."""

    size: int
    note: str
    published_ms: int
    cosigners: tuple[tuple[str, int], ...]


def page_of_checkpoints(engine: Engine, limit: int, *, before: int | None = None) -> list[Published]:
    """Return the newest checkpoints, the newest first, or the newest of those smaller than `before`; at most `limit`."""
    table = ledger_checkpoint
    query = select(table.c.size, table.c.note, table.c.published_ms).order_by(table.c.size.desc()).limit(limit)
    if before is not None:
        query = query.where(table.c.size < before)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
        signed = _cosigners(connection, [row.size for row in rows])
    return [Published(row.size, row.note, row.published_ms, tuple(signed.get(row.size, ()))) for row in rows]


def _cosigners(connection: Connection, sizes: Sequence[int]) -> dict[int, list[tuple[str, int]]]:
    table = ledger_cosignature
    query = select(table.c.size, table.c.witness, table.c.at).where(table.c.size.in_(sizes)).order_by(table.c.at)
    found: dict[int, list[tuple[str, int]]] = {}
    for size, witness, at in connection.execute(query) if sizes else ():
        found.setdefault(size, []).append((witness, at))
    return found


def growth(engine: Engine, points: int) -> list[Moment]:
    """Return at most 2 * `points` moments of the log, the oldest first, evenly spread over its entries.

    On both sides of each place stand two neighbours, so that a time in which nothing happened is seen as one.
    """
    found: set[Moment] = set()
    with reading(engine) as connection:
        ends = [_neighbour(connection, 0, up=True), _neighbour(connection, None, up=False)]
        if ends[0] is None or ends[1] is None:
            return []
        (first, _), (last, _) = ends[0], ends[1]
        found.update(end for end in ends if end is not None)
        for step in range(1, points):
            place = first + (last - first) * step // points
            for moment in (_neighbour(connection, place, up=True), _neighbour(connection, place, up=False)):
                if moment is not None:
                    found.add(moment)
    return sorted(found)


def _neighbour(connection: Connection, size: int | None, *, up: bool) -> Moment | None:
    """Return the first checkpoint from `size` on, or the last one below it (of all, where `size` is None)."""
    table = ledger_checkpoint
    query = select(table.c.size, table.c.published_ms).limit(1)
    query = query.order_by(table.c.size) if up else query.order_by(table.c.size.desc())
    if size is not None:
        query = query.where(table.c.size >= size if up else table.c.size < size)
    row = connection.execute(query).first()
    return (row[0], row[1]) if row else None
