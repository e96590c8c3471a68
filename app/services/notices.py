"""What the log says about itself becomes an event: that it was healed, that it succeeded another, that its key changes.

The ledger's commands leave a notice in the database and know nothing of events; here each is recorded once, and its opening is
handed back to the log, which publishes it. Nothing in a notice is about anybody.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.actor import SYSTEM
from app.services import events, receipts
from ledger.stores.notices import mark_told, notices_in, tell_notice


def is_due(session: Session, now: datetime) -> bool:
    """Tell whether a notice waits for its event."""
    return bool(notices_in(session.connection(), state="ready"))


def run(session: Session, now: datetime) -> int:
    """Record the event of every notice that waits; return how many."""
    waiting = notices_in(session.connection(), state="ready")
    for notice in waiting:
        recorded = events.record(session, notice.kind, SYSTEM, now, detail=dict(notice.detail))
        if notice.entry is None:
            tell_notice(session.connection(), notice.number, *receipts.extra_in_full(session, recorded.id))
        else:  # the log made its own before there was anybody to record one: the auditor gets one as well
            mark_told(session.connection(), notice.number)
    return len(waiting)
