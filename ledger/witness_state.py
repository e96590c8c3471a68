"""The file by which a witness remembers what it cosigned.

Nothing else keeps a witness honest across a restart, so it is never made by the way: `begin` makes it, once for a key, and
`open_state` refuses when it is not there. Whoever loses it, or can only put back an old copy, retires the witness.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import StateError
from ledger.note import VerifierKey

MAX_STATE_BYTES = 64 * 1024 * 1024
RETIRE = (
    "If this witness has cosigned before, retire it: it could contradict itself. Make a new key (keygen --witness), begin"
    " with that (--new), and tell those who list this witness its new verifier key"
)

_VERSION = 1


class StateFile:
    """The state at `path`, of the witness whose key is `key`. Held by `open_state`, by one process at a time."""

    def __init__(self, path: Path, key: VerifierKey) -> None:
        self._path = path
        self._key = key

    def load(self) -> dict[str, str]:
        """Return the last note of each origin. Raises StateError."""
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_STATE_BYTES + 1)
        except FileNotFoundError as e:
            raise StateError(f"there is no such file. {RETIRE}") from e
        except OSError as e:
            raise StateError(f"cannot be read: {e.strerror}") from e
        return _parse_state(data, self._key)

    def save(self, notes: Mapping[str, str]) -> None:
        """Replace the file in one step, on disk when this returns. After an exception nobody knows which one is there."""
        beside = self._path.with_name(f"{self._path.name}.new")
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            content = _format_state(notes, self._key)
            if os.write(file, content) != len(content):
                raise OSError("the state could be written in part only")
            os.fsync(file)
        finally:
            os.close(file)
        beside.rename(self._path)
        _sync_folder(self._path)


@contextmanager
def open_state(path: Path, key: VerifierKey) -> Iterator[StateFile]:
    """Yield the state, which no other process has meanwhile. Raises StateError."""
    try:
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as e:
        raise StateError(f"its lock cannot be had: {e.strerror}") from e
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise StateError("another witness is running on this file; one is enough") from e
        state = StateFile(path, key)
        state.load()
        yield state
    finally:
        os.close(lock)


def begin(path: Path, key: VerifierKey, key_file: Path) -> None:
    """Make the state of a witness that has cosigned nothing yet, and mark its key as one that has a state.

    The mark, a file beside the key, is what tells a second beginning from the first. Raises StateError.
    """
    mark = key_file.with_name(f"{key_file.name}.began")
    try:
        if path.exists():
            raise StateError("is there already and stays as it is")
        with mark.open("x", encoding="utf-8") as file:
            file.write(f"{key.format()}\n{path.absolute()}\n")
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(mark)
        StateFile(path, key).save({})
    except FileExistsError as e:
        raise StateError(f"{mark} says that this key has had a state before. {RETIRE}") from e
    except OSError as e:
        raise StateError(f"cannot be written: {e.strerror or e}") from e


def _parse_state(data: bytes, key: VerifierKey) -> dict[str, str]:
    try:
        state = json.loads(data)
        if not isinstance(state, dict) or state["v"] != _VERSION:
            raise StateError("not the state of a witness, or of another version of it")
        if state["witness"] != key.format():
            raise StateError("the state of another witness, or of another key")
        notes: dict[str, str] = state["logs"]
        if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
            raise TypeError("not notes by origin")
        if _format_state(notes, key) != data:
            raise ValueError("another spelling")
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise StateError(f"damaged, or not the state of a witness. {RETIRE}") from e
    return notes


def _format_state(notes: Mapping[str, str], key: VerifierKey) -> bytes:
    state = {"v": _VERSION, "witness": key.format(), "logs": dict(sorted(notes.items()))}
    return (json.dumps(state, ensure_ascii=False, indent=1) + "\n").encode()


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # without it a power cut may bring the old file back
    finally:
        os.close(folder)
