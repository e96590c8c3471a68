"""Waiting until a running sequencer has caught up with what a test has recorded."""

from __future__ import annotations

import time

from sqlalchemy import text

from app.web.house import House

_WAITING = text("SELECT count(*) FROM ledger_entry WHERE idx IS NULL")
_ENTRIES = text("SELECT count(*) FROM ledger_entry")
_PUBLISHED = text("SELECT coalesce(max(size), 0) FROM ledger_checkpoint")


def until_sealed(house: House) -> None:
    """Return when every entry that was recorded stands under a published checkpoint."""
    for _ in range(3000):
        with house.reading_session() as session:
            waiting, entries, published = (session.scalar(one) for one in (_WAITING, _ENTRIES, _PUBLISHED))
        if waiting == 0 and published == entries:
            return
        time.sleep(0.02)
    raise AssertionError("the sequencer did not seal")
