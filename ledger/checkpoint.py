"""Checkpoints: what a log signs.

Follows https://c2sp.org/tlog-checkpoint: origin, size and root, each on its line, as the text of a signed note.
"""

import re
from dataclasses import dataclass

from ledger.base64_text import format_base64, parse_base64
from ledger.errors import MalformedCheckpoint, VerificationError
from ledger.merkle import EMPTY_ROOT, HASH_SIZE
from ledger.note import SigningKey, VerifierKey, format_note, parse_note, verify_note

MAX_SIZE = 2**63 - 1

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True)
class Checkpoint:
    """The log `origin` had `size` entries under `root` (32 bytes). `extensions` are further lines, opaque to us."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint that the text of a note says. Raises MalformedCheckpoint."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1]:
        raise MalformedCheckpoint("a checkpoint has at least three lines: origin, size, root")
    origin, size, root, *extensions = lines[:-1]
    try:
        checkpoint = Checkpoint(origin, parse_size(size), parse_base64(root), tuple(extensions))
    except ValueError as e:
        raise MalformedCheckpoint(f"the size or the root of this checkpoint: {e}") from e
    try:
        spelt = format_checkpoint(checkpoint)
    except ValueError as e:
        raise MalformedCheckpoint(str(e)) from e
    if spelt != text:
        raise MalformedCheckpoint("a second spelling of this checkpoint")
    return checkpoint


def format_checkpoint(checkpoint: Checkpoint) -> str:
    """Return the text of a checkpoint, unsigned. Raises ValueError for one that no log can have."""
    lines = [checkpoint.origin, str(checkpoint.size), format_base64(checkpoint.root), *checkpoint.extensions]
    if any(not line or _CONTROL.search(line) for line in lines):
        raise ValueError("a line of a checkpoint is not empty and has no control characters")
    if not 0 <= checkpoint.size <= MAX_SIZE:
        raise ValueError(f"no tree has {checkpoint.size} entries")
    if len(checkpoint.root) != HASH_SIZE:
        raise ValueError(f"the root has {len(checkpoint.root)} bytes instead of {HASH_SIZE}")
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise ValueError("the root of the empty tree is another one")
    return "".join(f"{line}\n" for line in lines)


def sign_checkpoint(checkpoint: Checkpoint, *keys: SigningKey) -> str:
    """Return the checkpoint as a note signed by `keys`: one, or two while a log goes from one key to the next."""
    text = format_checkpoint(checkpoint)
    return format_note(text, [key.sign(text) for key in keys])


def open_checkpoint(data: bytes, key: VerifierKey, origin: str | None = None) -> Checkpoint:
    """Return the checkpoint in a note, once `key` is found to have signed it.

    `origin` is what the log calls itself; by default the name of its key, as tlog-checkpoint recommends.

    Raises MalformedNote, MalformedCheckpoint, or VerificationError ("signature", "origin").
    """
    note = parse_note(data)
    verify_note(note, [key])
    checkpoint = parse_checkpoint(note.text)
    expected = key.name if origin is None else origin
    if checkpoint.origin != expected:
        raise VerificationError(
            "origin", f"a checkpoint of {checkpoint.origin}, not of {expected}", origin=checkpoint.origin
        )
    return checkpoint


def parse_size(text: str) -> int:
    """Return a number written in ASCII decimal without leading zeros. Raises ValueError for anything else."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise ValueError("not a number in plain decimal")
    return int(text)
