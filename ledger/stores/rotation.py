"""A log goes from one key to the next, in the open.

    1. the notice `log.key_rotated` enters the log, under a checkpoint signed by the old key alone: the old key signs for the new
    2. the new key joins the keys that are served
    3. for a while checkpoints carry both signatures, so that whoever knows one of the two accepts them
    4. the new key signs alone; the old one is destroyed, and stays in the list for receipts from its time

Each step is refused before the one above it is done.
"""

from datetime import UTC, datetime

from sqlalchemy import Engine

from ledger.errors import LedgerError, RefusedToStart
from ledger.note import VerifierKey
from ledger.notice import ROTATED, Detail, Notice, public_opening
from ledger.receipt import ForMe, format_extra
from ledger.stores.engine import reading, recording
from ledger.stores.notices import add_notice, notices_in, tell_notice
from ledger.stores.sql import SQLStore, add_pending


class RotationRefused(LedgerError):
    """These two keys do not follow each other."""


def announce(engine: Engine, old: VerifierKey, new: VerifierKey, at_ms: int) -> Notice:
    """Return the notice that `new` follows `old`, kept in the database for its event to be recorded; once only.

    Raises RotationRefused.
    """
    if new == old or new.name != old.name:
        raise RotationRefused(f"the next key of {old.name} is another one of the same name; another name is `succeed`")
    detail: Detail = {"old_key": old.format(), "new_key": new.format()}
    with recording(engine) as connection:
        for notice in notices_in(connection, kind=ROTATED):
            if notice.detail == detail:
                return notice
        number = add_notice(connection, ROTATED, "ready", at_ms, detail)
        return next(notice for notice in notices_in(connection) if notice.number == number)


def record_alone(engine: Engine, notice: Notice, event_id: str, at_ms: int) -> None:
    """Make the notice an event without a hospital that records events: for a log that stands alone."""
    if notice.entry is not None:
        return
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    opening: ForMe = public_opening(event_id, at, notice.kind, dict(notice.detail))
    with recording(engine) as connection:
        add_pending(connection, opening.entry, at_ms)
        tell_notice(connection, notice.number, opening.entry, format_extra(opening))


def is_announced(engine: Engine, old: VerifierKey, new: VerifierKey) -> bool:
    """Tell whether the published log holds the notice that `new` follows `old`."""
    detail = {"old_key": old.format(), "new_key": new.format()}
    with reading(engine) as connection:
        entries = [n.entry for n in notices_in(connection, kind=ROTATED) if n.detail == detail]
    with SQLStore(engine).view() as view:
        size = view.newest_size() or 0
        found = [view.index_of(entry) for entry in entries if entry is not None]
    return any(index is not None and index < size for index in found)


def require_announced(engine: Engine, old: VerifierKey, new: VerifierKey) -> None:
    """Raise RefusedToStart unless the log announced, signed by `old`, that `new` follows."""
    if not is_announced(engine, old, new):
        raise RefusedToStart(
            f"the log has not announced the key {new.name}+{new.key_id.hex()}",
            "Start without LEDGER_NEXT_KEY_FILE, and announce it first: `python -m ledger rotate-key --to VKEY`.",
        )
