"""Who goes on for a log that ended, in the words of the log that ended: a note signed by its key.

The first entry of the new log binds the old one (`ledger.succeed`), but with the new key, which nobody has a reason to believe
yet. This note is the other direction: whoever holds the old key, from an old receipt or from the wall, learns how far that log
went, which key goes on for it, and where. docs/log-format.md, "Successor". It is no checkpoint, and cannot be read as one: its second
line is no number.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ledger.base64_text import format_base64, parse_base64
from ledger.checkpoint import Checkpoint, parse_size
from ledger.errors import MalformedKey, MalformedNote, UnsupportedKey
from ledger.merkle import HASH_SIZE
from ledger.note import SigningKey, VerifierKey, format_note, parse_note, verify_note

SUCCESSOR = "successor"  # where the note lies, relative to the old log's address
MAX_SUCCESSOR_BYTES = 10_000

_HEADER = "mingzhen.successor.v1"
_ADDRESS = re.compile(r"https?://[!-~]{1,2000}")
_REASON = re.compile(r"[a-z][a-z-]{0,63}")


@dataclass(frozen=True)
class Successor:
    """The log that ended at `old` is gone on with by the log of `key`, served at `address` ("" where that is not said)."""

    old: Checkpoint
    key: VerifierKey
    reason: str
    address: str = ""


def is_address(text: str) -> bool:
    """Tell whether a log can be said to be served there: http or https, ASCII, no spaces."""
    return bool(_ADDRESS.fullmatch(text))


def sign_successor(said: Successor, signer: SigningKey) -> str:
    """Return the note. `signer` is the key of the old log. Raises ValueError for an address that is none."""
    if said.address and not is_address(said.address):
        raise ValueError("not an address of a log")
    text = _format(said)
    return format_note(text, [signer.sign(text)])


def verify_successor(data: bytes, keys: Iterable[VerifierKey]) -> Successor:
    """Return what a note says, if it is by one of `keys`, of the log that it says has ended.

    Raises MalformedNote, or VerificationError ("signature").
    """
    if len(data) > MAX_SUCCESSOR_BYTES:
        raise MalformedNote(f"a successor's note is longer than {MAX_SUCCESSOR_BYTES} bytes")
    note = parse_note(data)
    said = _parse(note.text)
    verify_note(note, [key for key in keys if key.name == said.old.origin])
    return said


def _format(said: Successor) -> str:
    lines = [
        _HEADER,
        f"old {said.old.origin}",
        f"size {said.old.size}",
        f"root {format_base64(said.old.root)}",
        f"new {said.key.format()}",
        f"reason {said.reason}",
        *([f"address {said.address}"] if said.address else []),
    ]
    return "".join(f"{line}\n" for line in lines)


def _parse(text: str) -> Successor:
    header, *lines = text.split("\n")[:-1]
    values = dict(line.split(" ", 1) for line in lines if " " in line)
    try:
        root, key = parse_base64(values["root"]), VerifierKey.parse(values["new"])
        old = Checkpoint(values["old"], parse_size(values["size"]), root)
        said = Successor(old, key, values["reason"], values.get("address", ""))
    except (KeyError, ValueError, MalformedKey, UnsupportedKey) as e:
        raise MalformedNote("not the note of a successor") from e
    if said.address and not is_address(said.address):
        raise MalformedNote("a successor's note with an address that is none")
    if header != _HEADER or len(root) != HASH_SIZE or not _REASON.fullmatch(said.reason) or _format(said) != text:
        raise MalformedNote("not the note of a successor, or a second spelling")
    return said
