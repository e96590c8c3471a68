"""Leaves of no event, with serials of 0 and below: each has to be accounted for by a notice that the log itself published.

A restored database takes back the leaves that it lost without their events (`python -m ledger heal`), and a log that goes on for another
begins with an entry of its own. Whoever deletes an event and calls its leaf bare has to publish a `log.healed` that says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from app.services.audit_findings import Finding
from ledger.errors import LedgerError
from ledger.notice import HEALED, SUCCEEDED, Notice
from ledger.receipt import ForMe, parse_extra
from ledger.stores.notices import notices_in

_BARE = text("SELECT serial, idx, entry FROM ledger_entry WHERE serial <= 0 ORDER BY serial")
_COUNT = text("SELECT count(*) FROM ledger_entry WHERE serial < 0 AND idx >= :first AND idx < :end")
_INDEX = text("SELECT idx FROM ledger_entry WHERE entry = :entry")


@dataclass(frozen=True)
class Lost:
    """What a restore lost and a heal put back as bare leaves: `count` events among the entries `first` to `last`.

    The log says so itself, in a notice, so that it is no finding; `python -m ledger heal --list` has index and entry of each.
    Before it `is_told`, which takes seconds once the site runs, only this database says so."""

    first: int
    last: int
    count: int
    is_told: bool


def lost(connection: Connection) -> list[Lost]:
    """Return what each heal of the log lost, the oldest first, with the leaves that are there counted anew."""
    return [
        Lost(first, end - 1, int(connection.execute(_COUNT, {"first": first, "end": end}).scalar_one()), is_told)
        for first, end, is_told in _healed(connection)
    ]


def _healed(connection: Connection) -> list[tuple[int, int, bool]]:
    return [
        (int(str(notice.detail["from"])), int(str(notice.detail["to"])), notice.state == "told")
        for notice in notices_in(connection)
        if notice.kind == HEALED and _is_true(connection, notice)
    ]


def strays(connection: Connection) -> Iterator[Finding]:
    """Yield a finding for each leaf of no event that no notice accounts for."""
    ranges = _healed(connection)
    first: set[bytes] = set()
    for notice in notices_in(connection):
        if notice.kind == SUCCEEDED and _says(notice):
            first.add(bytes(notice.entry or b""))
    for serial, index, entry in connection.execute(_BARE):
        is_first = serial == 0 and bytes(entry) in first and index in (0, None)
        if not (is_first or (serial < 0 and any(start <= index < end for start, end, _ in ranges))):
            yield Finding("log.bare", index=index)


def _is_true(connection: Connection, notice: Notice) -> bool:
    """Tell whether a heal is over, and what it says is in the log after what it healed, or waits for its event."""
    if notice.state == "ready":
        return True
    if notice.state == "open" or not _says(notice):
        return False
    index = connection.execute(_INDEX, {"entry": notice.entry}).scalar()
    return index is not None and index >= int(str(notice.detail["to"]))


def _says(notice: Notice) -> bool:
    """Tell whether the event of a notice is the one that its row says."""
    try:
        opening = parse_extra(notice.extra or b"")
        return (
            isinstance(opening, ForMe)
            and opening.entry == notice.entry
            and json.loads(opening.open)["type"] == notice.kind
            and json.loads(opening.own)["detail"] == notice.detail
        )
    except (LedgerError, ValueError, KeyError, TypeError):
        return False
