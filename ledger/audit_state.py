"""What an audit remembers for the next one, in a file.

The file holds nothing that has to be believed: the checkpoint in it is signed, and the right edge leads to its root.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ledger.audit import Seen
from ledger.base64_text import format_base64, parse_base64
from ledger.checkpoint import open_checkpoint
from ledger.errors import LedgerError, StateError
from ledger.note import VerifierKey
from ledger.tiles import RightEdge

MAX_STATE_BYTES = 2_000_000

_VERSION = 1


def format_state(seen: Seen, key: VerifierKey) -> str:
    """Return the text of a state file."""
    state = {
        "v": _VERSION,
        "key": key.format(),
        "checkpoint": seen.note.decode(),
        "edge": [format_base64(hashes) for hashes in seen.edge.partial],
    }
    return json.dumps(state, ensure_ascii=False, indent=1) + "\n"


def parse_state(data: bytes, key: VerifierKey, origin: str | None = None, others: Sequence[VerifierKey] = ()) -> Seen:
    """Return what the last audit of this log saw, by `key` or by one of `others`, the keys before it.

    Raises StateError if that is not what the file says.
    """
    try:
        state = json.loads(data)
        if not isinstance(state, dict) or state["v"] != _VERSION:
            raise StateError("not the state of an audit, or of another version of it")
        by = next((one for one in (key, *others) if one.format() == state["key"]), None)
        if by is None:
            raise StateError("the state of an audit of another log, or with another key")
        note = state["checkpoint"].encode()
        checkpoint = open_checkpoint(note, by, origin)
        edge = RightEdge(checkpoint.size, tuple(parse_base64(hashes) for hashes in state["edge"]))
    except StateError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, LedgerError) as e:
        raise StateError("damaged, or not the state of an audit") from e
    if edge.root() != checkpoint.root:
        raise StateError("damaged: it does not lead to the root of its own checkpoint")
    return Seen(checkpoint, note, edge)


def load_state(
    path: Path, key: VerifierKey, origin: str | None = None, others: Sequence[VerifierKey] = ()
) -> Seen | None:
    """Return what the last audit saw, None if there is no file yet; see `parse_state`. Raises StateError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_STATE_BYTES + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as e:
        raise StateError(f"cannot be read: {getattr(e, 'strerror', None) or e}") from e
    if len(data) > MAX_STATE_BYTES:
        raise StateError("too long for the state of an audit")
    return parse_state(data, key, origin, others)


def save_state(path: Path, seen: Seen, key: VerifierKey) -> None:
    """Replace the file in one step: after a crash it holds the old state or the new one. Raises StateError."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        beside = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(format_state(seen, key))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # without it the new name may be lost with the power
        finally:
            os.close(folder)
    except (OSError, ValueError) as e:
        raise StateError(f"cannot be written: {getattr(e, 'strerror', None) or e}") from e
