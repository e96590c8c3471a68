"""Putting back the leaves that a restored database has lost.

A leaf whose event is there still waits in the queue, and gets its old index. One whose event is lost is kept as a bare
leaf with a serial below 0: nobody asked for it in this database, and nothing but its 33 bytes is known. Serials of
events count up from 1, so that the two never meet.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, bindparam, func, insert, select, update

from ledger.errors import StoreError
from ledger.notice import HEALED, Detail, Notice
from ledger.store import Overtaken, Tree
from ledger.stores.engine import reading, recording
from ledger.stores.notices import add_notice, change_notice, notices_in, put_into_words
from ledger.stores.opening import storage
from ledger.stores.sql import SQLStore, ledger_checkpoint, ledger_edge, ledger_entry, ledger_tile, ledger_tree
from ledger.tiles import FullTile, RightEdge


class HealingStore(SQLStore):
    """A log in a database, as `ledger.heal` needs it."""

    @contextmanager
    def failing_as_store(self) -> Iterator[None]:
        """Raise what the database raises as StoreError."""
        with storage():
            yield

    def begin_heal(self, from_size: int, to_size: int, at_ms: int) -> int:
        """Note that the log is being healed; return from which size on, which a heal that was cut short said already."""
        with recording(self._engine) as connection:
            for notice in notices_in(connection, state="open", kind=HEALED):
                if notice.detail["to"] == to_size:
                    return int(str(notice.detail["from"]))
            add_notice(connection, HEALED, "open", at_ms, {"from": from_size, "to": to_size, "lost": 0})
        return from_size

    def end_heal(self, to_size: int) -> int:
        """Note that it is healed, for its event to be recorded; return how many events are lost."""
        with recording(self._engine) as connection:
            lost = 0
            for notice in notices_in(connection, state="open", kind=HEALED):
                if notice.detail["to"] == to_size:
                    lost = self._count_lost(connection, int(str(notice.detail["from"])), to_size)
                    detail: Detail = {**notice.detail, "lost": lost}
                    change_notice(connection, notice.number, "ready", detail)
        return lost

    def keep_notice(self, notice: Notice, size: int, note: str) -> None:
        """Keep a notice that was published, and the checkpoint of `size` under which it was, unless they are here."""
        with recording(self._engine) as connection:
            if any(other.entry == notice.entry for other in notices_in(connection)):
                return
            number = add_notice(connection, notice.kind, notice.state, notice.at_ms, dict(notice.detail))
            put_into_words(connection, number, notice.entry or b"", notice.extra or b"")
            column = ledger_checkpoint.c
            if connection.execute(select(column.size).where(column.size == size)).first() is None:
                row = {"size": size, "note": note, "published_ms": notice.at_ms}
                connection.execute(insert(ledger_checkpoint), row)

    def put_back(
        self, old: Tree, new: Tree, entries: Sequence[bytes], edge: RightEdge, tiles: Sequence[FullTile]
    ) -> None:
        """Let the tree be `new`, if it is `old` now, with `entries` at the indices between; whole or not at all.

        Raises Overtaken if it is not, StoreError if an entry has another index already.
        """
        with recording(self._engine) as connection:
            changed = connection.execute(
                update(ledger_tree)
                .where(ledger_tree.c.size == old.size, ledger_tree.c.root == old.root)
                .values(size=new.size, root=new.root, head_ms=new.head_ms, old_size=new.old_size, old_root=new.old_root)
            )
            if changed.rowcount != 1:
                raise Overtaken("somebody else lets this log grow")
            self._put_entries(connection, old.size, entries, new.head_ms)
            if tiles:
                rows = [{"level": t.level, "idx": t.index, "hashes": t.hashes} for t in tiles]
                connection.execute(insert(ledger_tile), rows)
            for level, hashes in enumerate(edge.partial):
                found = update(ledger_edge).where(ledger_edge.c.level == level).values(hashes=hashes)
                if connection.execute(found).rowcount == 0:
                    connection.execute(insert(ledger_edge).values(level=level, hashes=hashes))

    def lost(self) -> Iterator[tuple[int, bytes]]:
        """Yield index and entry of every leaf whose event is lost, in the order of the log."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(ledger_entry.c.idx, ledger_entry.c.entry)
                .where(ledger_entry.c.serial < 0)
                .order_by(ledger_entry.c.idx)
            ).all()
        yield from ((int(index), bytes(entry)) for index, entry in rows)

    @staticmethod
    def _count_lost(connection: Connection, from_size: int, to_size: int) -> int:
        return int(
            connection.execute(
                select(func.count())
                .select_from(ledger_entry)
                .where(ledger_entry.c.serial < 0, ledger_entry.c.idx >= from_size, ledger_entry.c.idx < to_size)
            ).scalar_one()
        )

    @staticmethod
    def _put_entries(connection: Connection, first: int, entries: Sequence[bytes], at_ms: int) -> None:
        table = ledger_entry.c
        query = select(table.entry, table.serial, table.idx).where(table.entry.in_(list(entries)))
        held = {bytes(entry): (serial, index) for entry, serial, index in connection.execute(query)}
        lowest = connection.execute(select(func.min(table.serial))).scalar()
        serial = min(0, lowest or 0)
        matched, lost = [], []
        for index, entry in enumerate(entries, start=first):
            if entry not in held:
                serial -= 1
                lost.append({"serial": serial, "entry": entry, "at_ms": at_ms, "idx": index})
            elif held[entry][1] is not None:
                raise StoreError(f"entry {index} of the source stands at {held[entry][1]} of the database already")
            else:
                matched.append({"at": held[entry][0], "to": index})
        if matched:
            assign = update(ledger_entry).where(table.serial == bindparam("at"), table.idx.is_(None))
            connection.execute(assign.values(idx=bindparam("to")), matched)
        if lost:
            connection.execute(insert(ledger_entry), lost)
