"""Notices: what a log says about itself, publicly.

A notice is an event like any other, with an entry in the log, but everybody may read all of it: the log serves its
receipt in full, as `notices/<number>.tlog-proof`, counted from 0. docs/log-format.md, "Notices", has their fields.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ledger.entry import SALT_SIZE, canonical_json
from ledger.errors import VerificationError
from ledger.receipt import ForMe, Verified

HEALED = "log.healed"
SUCCEEDED = "log.succeeded"
ROTATED = "log.key_rotated"
KINDS = (HEALED, SUCCEEDED, ROTATED)

MAX_NOTICES = 1000  # what a reader asks for at most; a log has a handful in its life

Detail = dict[str, str | int | bool | None]


@dataclass(frozen=True)
class Notice:
    """One notice as the log keeps it. `detail` is what it says; `entry` and `extra` are None until it is an event."""

    number: int
    kind: str
    state: str
    at_ms: int
    detail: Mapping[str, str | int | bool | None]
    entry: bytes | None
    extra: bytes | None


def notice_path(number: int) -> str:
    """Return where the receipt of a notice is served, relative to the log's address."""
    return f"notices/{number}.tlog-proof"


def format_detail(detail: Detail) -> str:
    """Return the text in which a notice's fields are kept."""
    return canonical_json(detail).decode()


def parse_detail(text: str) -> Detail:
    """Return the fields that `format_detail` wrote."""
    value: Detail = json.loads(text)
    return value


def public_opening(event_id: str, at: str, kind: str, detail: Detail) -> ForMe:
    """Return the event of a notice that the log makes by itself, before there is anybody else to make it.

    Its salts are zeros, for nothing in it is to be hidden: whoever knows what it says can compute its entry.
    """
    own = {"actor": {"kind": "log", "ref": None, "role": None}, "detail": detail, "objects": [], "subject": None}
    opened = {"v": 1, "id": event_id, "at": at, "type": kind}
    return ForMe(bytes(SALT_SIZE), canonical_json(opened), bytes(SALT_SIZE), canonical_json(own))


def detail_of(verified: Verified, kind: str) -> Mapping[str, object]:
    """Return what a good receipt says, if it is one of a notice of this kind. Raises VerificationError ("notice")."""
    detail = None if verified.own is None else verified.own.get("detail")
    if verified.open["type"] != kind or not isinstance(detail, dict) or (verified.own or {}).get("subject") is not None:
        raise VerificationError("notice", f"not the receipt of a notice {kind}")
    return detail
