"""What a monitor remembers, in a file: replaced as a whole, so that a kill leaves the old state or the new one.

Nothing in it has to be believed but the pinned key: what was seen is signed, see `ledger.audit_state`.
"""

import json
from pathlib import Path

from ledger.audit_state import MAX_STATE_BYTES, format_state, parse_state
from ledger.durable import replace_file, sync_folder
from ledger.errors import LedgerError, StateError
from ledger.monitor import Memory
from ledger.note import VerifierKey

_VERSION = 1


def load_memory(path: Path, key: VerifierKey, origin: str | None = None) -> Memory:
    """Return what the monitor of the log whose first pinned key is `key` knows; nothing yet where there is no file.

    Raises StateError.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Memory((key,))
    except OSError as e:
        raise StateError(f"cannot be read: {e.strerror}") from e
    try:
        if len(data) > 2 * MAX_STATE_BYTES:
            raise ValueError("too long")
        state = json.loads(data)
        keys = tuple(VerifierKey.parse(text) for text in state["keys"])
        if state["monitor"] != _VERSION:
            raise ValueError("another version")
        if key not in keys:
            raise StateError("the state of a monitor of another log, or with another key")
        seen = (
            None
            if state["seen"] is None
            else parse_state(state["seen"].encode(), VerifierKey.parse(state["by"]), origin)
        )
        since = {str(k): int(v) for k, v in state["since_ms"].items()}
        found = {str(k): int(v) for k, v in state["found"].items()}
        swept = int(state.get("swept", 0))  # a file from before it was kept has none
        return Memory(keys, seen, int(state["grown_ms"]), int(state["reached_ms"]), since, found, swept)
    except StateError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, LedgerError) as e:
        raise StateError("damaged, or not the state of a monitor") from e


def save_memory(path: Path, memory: Memory) -> None:
    """Replace the file in one step. Raises StateError."""
    state = {
        "monitor": _VERSION,
        "keys": [key.format() for key in memory.keys],
        "by": memory.keys[-1].format(),
        "seen": None if memory.seen is None else format_state(memory.seen, memory.keys[-1]),
        "grown_ms": memory.grown_ms,
        "reached_ms": memory.reached_ms,
        "since_ms": dict(memory.since_ms),
        "found": dict(memory.found),
        "swept": memory.swept,
    }
    try:
        data = (json.dumps(state, ensure_ascii=False, indent=1) + "\n").encode()
        replace_file(path, data, path.with_name(f".{path.name}.new"))
        sync_folder(path.absolute().parent)
    except OSError as e:
        raise StateError(f"cannot be written: {e.strerror}") from e
