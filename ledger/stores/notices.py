"""Notices in the database: made by a command, turned into events by whoever records events, then public.

open    -> what it tells of is still under way (a heal that was cut short)
ready   -> true by now; waits for its event
told    -> an event, with an entry
"""

from sqlalchemy import Connection, Engine, insert, select, text, update

from ledger.merkle import inclusion_proof
from ledger.notice import Detail, Notice, format_detail, notice_path, parse_detail
from ledger.receipt import Receipt, format_receipt
from ledger.stores.engine import reading
from ledger.stores.sql import SQLView, ledger_notice
from ledger.tiles import tile_reader

_COLUMNS = ledger_notice.c
_COVERING = "SELECT size, note FROM ledger_checkpoint WHERE size > :index ORDER BY size LIMIT 1"


def add_notice(connection: Connection, kind: str, state: str, at_ms: int, detail: Detail) -> int:
    """Keep a notice, in the caller's transaction; return its id."""
    row = insert(ledger_notice).values(kind=kind, state=state, at_ms=at_ms, detail=format_detail(detail))
    [(number,)] = connection.execute(row.returning(_COLUMNS.id)).all()
    return int(number)


def change_notice(connection: Connection, number: int, state: str, detail: Detail) -> None:
    """Say anew what a notice says that is no event yet, and in which state it is."""
    row = update(ledger_notice).where(_COLUMNS.id == number, _COLUMNS.state == "open")
    connection.execute(row.values(state=state, detail=format_detail(detail)))


def tell_notice(connection: Connection, number: int, entry: bytes, extra: bytes) -> None:
    """Note, in the transaction that records it, that the event with this entry and opening is the notice's."""
    row = update(ledger_notice).where(_COLUMNS.id == number, _COLUMNS.entry.is_(None))
    connection.execute(row.values(state="told", entry=entry, extra=extra))


def put_into_words(connection: Connection, number: int, entry: bytes, extra: bytes) -> None:
    """Give a notice the entry and the opening that the log itself made for it; its state stays."""
    connection.execute(update(ledger_notice).where(_COLUMNS.id == number).values(entry=entry, extra=extra))


def mark_told(connection: Connection, number: int) -> None:
    """Note that whoever keeps events has one of this notice."""
    connection.execute(update(ledger_notice).where(_COLUMNS.id == number).values(state="told"))


def notices_in(connection: Connection, state: str | None = None, kind: str | None = None) -> list[Notice]:
    """Return the notices, in a state or of a kind where asked for, oldest first."""
    query = select(ledger_notice).order_by(_COLUMNS.id)
    if state is not None:
        query = query.where(_COLUMNS.state == state)
    if kind is not None:
        query = query.where(_COLUMNS.kind == kind)
    return [
        Notice(row.id, row.kind, row.state, row.at_ms, parse_detail(row.detail), row.entry, row.extra)
        for row in connection.execute(query)
    ]


def published_notices(engine: Engine, prefix: str = "") -> dict[str, bytes]:
    """Return the receipts of all notices that are in the published log, each by the path at which it is served.

    `prefix` is that of the tables of a log that was frozen (`ledger.stores.succession`).

    Each is under the first checkpoint that covered it, and so keeps its bytes: that of a change of keys is signed by the
    key that goes. Notices are counted in the order in which they entered the log.
    """
    with reading(engine) as connection:
        found = [_receipt(connection, notice, prefix) for notice in notices_in(connection)]
    receipts = [data for _, data in sorted(pair for pair in found if pair is not None)]
    return {notice_path(number): data for number, data in enumerate(receipts)}


def _receipt(connection: Connection, notice: Notice, prefix: str) -> tuple[int, bytes] | None:
    view = SQLView(connection, prefix)
    index = None if notice.entry is None else view.index_of(notice.entry)
    if index is None or notice.extra is None:
        return None
    covering = text(_COVERING.replace("ledger_", f"{prefix}ledger_"))
    first = connection.execute(covering, {"index": index}).first()
    if first is None:
        return None
    path = inclusion_proof(index, first.size, tile_reader(view.read_tile, first.size))
    return index, format_receipt(Receipt(notice.extra, index, tuple(path), first.note)).encode()
