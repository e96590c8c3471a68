"""Receipts: an event, its place in the log, and the log's signature, in one file that anybody can check offline.

Follows https://c2sp.org/tlog-proof. What is ours is the `extra` line: it opens the commitment that the entry is, in
full ("for me") or without what belongs to the patient alone ("to show"). docs/log-format.md has an example.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ledger.base64_text import format_base64, parse_base64
from ledger.checkpoint import Checkpoint, parse_checkpoint, parse_size
from ledger.cosignature import verify_cosignatures
from ledger.entry import SALT_SIZE, entry_of, own_hash, parse_canonical_json
from ledger.errors import MalformedError, MalformedReceipt, VerificationError
from ledger.merkle import HASH_SIZE, leaf_hash, verify_inclusion
from ledger.note import Note, VerifierKey, parse_note, verify_note
from ledger.policy import Policy, is_met

HEADER = "c2sp.org/tlog-proof@v1"
MAX_RECEIPT_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 16
MAX_PATH = 63  # hashes: more than the path of any tree

_OPEN_KEYS = {"v", "id", "at", "type"}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")  # RFC 9562, 5.7
_AT = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z")
_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


@dataclass(frozen=True)
class Receipt:
    """The parts of a receipt: `path` leads from the leaf's sibling up, `checkpoint` is a signed note as it stands."""

    extra: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True)
class ForMe:
    """The whole event, for the one it is about."""

    open_salt: bytes
    open: bytes
    own_salt: bytes
    own: bytes

    @property
    def entry(self) -> bytes:
        """The entry that commits to this event."""
        return entry_of(self.open_salt, own_hash(self.own_salt, self.own), self.open)

    def to_show(self) -> "ToShow":
        """Return what may be shown to others: it proves the same entry and tells nothing of its owner."""
        return ToShow(self.open_salt, self.open, own_hash(self.own_salt, self.own))


@dataclass(frozen=True)
class ToShow:
    """The open part of the event, and the commitment to the rest."""

    open_salt: bytes
    open: bytes
    own_hash: bytes

    @property
    def entry(self) -> bytes:
        """The entry that commits to this event."""
        return entry_of(self.open_salt, self.own_hash, self.open)


@dataclass(frozen=True)
class Verified:
    """What a receipt proved. `own` is None for the form to show; `witnesses` are the names of who cosigned."""

    open: Mapping[str, object]
    own: Mapping[str, object] | None
    entry: bytes
    index: int
    size: int
    state: Literal["sealed", "witnessed"]
    checkpoint: Checkpoint
    witnesses: tuple[str, ...] = ()


def parse_receipt(data: bytes) -> Receipt:
    """Return the receipt in a file, nothing verified. Raises MalformedReceipt."""
    if len(data) > MAX_RECEIPT_BYTES:
        raise MalformedReceipt(f"longer than a receipt can be ({MAX_RECEIPT_BYTES} bytes)")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise MalformedReceipt(f"byte {e.start} is not text in UTF-8") from e
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if lines[0] != HEADER:
        raise MalformedReceipt(f"the first line is not {HEADER}")
    if not blank or not checkpoint:
        raise MalformedReceipt("no checkpoint after an empty line")
    if any(len(line.encode()) > MAX_LINE_BYTES for line in text.split("\n")):
        raise MalformedReceipt(f"a line is longer than {MAX_LINE_BYTES} bytes")
    rest = lines[1:]
    try:
        extra = parse_base64(rest.pop(0).removeprefix("extra ")) if rest and rest[0].startswith("extra ") else b""
        if not rest or not rest[0].startswith("index "):
            raise ValueError("no index line where one has to be")
        receipt = Receipt(
            extra, parse_size(rest[0].removeprefix("index ")), tuple(map(parse_base64, rest[1:])), checkpoint
        )
        spelt = format_receipt(receipt)
    except ValueError as e:
        raise MalformedReceipt(f"not a receipt: {e}") from e
    if spelt != text:
        raise MalformedReceipt("a second spelling of this receipt")
    return receipt


def format_receipt(receipt: Receipt) -> str:
    """Return the text of a receipt. Raises ValueError for one that cannot be written."""
    if len(receipt.path) > MAX_PATH or any(len(value) != HASH_SIZE for value in receipt.path):
        raise ValueError(f"a path is at most {MAX_PATH} hashes of {HASH_SIZE} bytes")
    lines = [HEADER]
    if receipt.extra:
        lines.append(f"extra {format_base64(receipt.extra)}")
        if len(lines[-1]) > MAX_LINE_BYTES:
            raise ValueError(f"an event of this length does not fit into a line of {MAX_LINE_BYTES} bytes")
    lines.append(f"index {receipt.index}")
    lines += map(format_base64, receipt.path)
    return "".join(f"{line}\n" for line in lines) + "\n" + receipt.checkpoint


def parse_extra(data: bytes) -> ForMe | ToShow:
    """Return the opening of an entry from the bytes of the `extra` line. Raises MalformedReceipt."""
    open_salt, open_length = data[1 : 1 + SALT_SIZE], int.from_bytes(data[1 + SALT_SIZE : 3 + SALT_SIZE], "big")
    start = 3 + SALT_SIZE
    open_bytes, rest = data[start : start + open_length], data[start + open_length :]
    if len(data) < start + open_length:
        raise MalformedReceipt("the event ends early")
    if data[0] == 1 and len(rest) > SALT_SIZE:
        return ForMe(open_salt, open_bytes, rest[:SALT_SIZE], rest[SALT_SIZE:])
    if data[0] == 2 and len(rest) == HASH_SIZE:
        return ToShow(open_salt, open_bytes, rest)
    raise MalformedReceipt("the event is in a form that does not exist")


def format_extra(opening: ForMe | ToShow) -> bytes:
    """Return the bytes of the `extra` line."""
    if len(opening.open_salt) != SALT_SIZE or len(opening.open) > 0xFFFF:
        raise ValueError("the open part of an event is at most 65,535 bytes, after a salt of 32")
    head = opening.open_salt + len(opening.open).to_bytes(2, "big") + opening.open
    if isinstance(opening, ToShow):
        if len(opening.own_hash) != HASH_SIZE:
            raise ValueError("the hash of `own` has 32 bytes")
        return b"\x02" + head + opening.own_hash
    if len(opening.own_salt) != SALT_SIZE or not opening.own:
        raise ValueError("the own part of an event is not empty and comes with a salt of 32 bytes")
    return b"\x01" + head + opening.own_salt + opening.own


def verify_receipt(data: bytes, log_key: VerifierKey, policy: Policy | None = None) -> Verified:
    """Return what the receipt in `data` proves, if `log_key` signed it and, with a policy, enough witnesses did.

    1. the receipt, the event in it and its checkpoint are well formed, or MalformedReceipt is raised;
    2. "signature": the log's key signed the checkpoint, and nobody's known signature fails;
    3. "origin": it is a checkpoint of that log;
    4. "inclusion": the entry recomputed from the event is in the tree of that checkpoint, at that place;
    5. "policy", "witnesses": the policy accepts this log, and its quorum cosigned the checkpoint.

    Steps 2 to 5 raise VerificationError with that name as its step. A receipt refused at "witnesses" is sealed, but
    not witnessed; `facts["size"]` is the size of the tree it was found in.
    """
    receipt, opening, note, checkpoint = _parse_all(data)
    event = _read_event(opening)

    verify_note(note, [log_key])
    if checkpoint.origin != log_key.name:
        raise VerificationError(
            "origin", f"a checkpoint of {checkpoint.origin}, not of {log_key.name}", origin=checkpoint.origin
        )
    entry = opening.entry
    verify_inclusion(receipt.index, checkpoint.size, leaf_hash(entry), receipt.path, checkpoint.root)
    witnesses = () if policy is None else _verify_policy(note, checkpoint, log_key, policy)
    return Verified(
        open=event[0],
        own=event[1],
        entry=entry,
        index=receipt.index,
        size=checkpoint.size,
        state="witnessed" if policy is not None and policy.asks_for_witnesses else "sealed",
        checkpoint=checkpoint,
        witnesses=witnesses,
    )


def _parse_all(data: bytes) -> tuple[Receipt, ForMe | ToShow, Note, Checkpoint]:
    """Return a receipt and everything inside it, or raise MalformedReceipt whichever part is at fault."""
    receipt = parse_receipt(data)
    try:
        if not receipt.extra:
            raise MalformedReceipt("no event in this receipt")
        note = parse_note(receipt.checkpoint.encode())
        return receipt, parse_extra(receipt.extra), note, parse_checkpoint(note.text)
    except MalformedReceipt:
        raise
    except MalformedError as e:
        raise MalformedReceipt(f"the checkpoint of the receipt: {e}") from e


def _read_event(opening: ForMe | ToShow) -> tuple[Mapping[str, object], Mapping[str, object] | None]:
    """Return `open` and `own` as values. Raises MalformedReceipt unless both are canonical JSON objects."""
    event_open = _read_object("open", opening.open)
    if set(event_open) != _OPEN_KEYS or not _is_open(event_open):
        raise MalformedReceipt("`open` is not that of an event of version 1")
    return event_open, None if isinstance(opening, ToShow) else _read_object("own", opening.own)


def _is_open(value: Mapping[str, object]) -> bool:
    """Tell whether the four values of `open` are what they have to be."""
    version, event_id, at, kind = value["v"], value["id"], value["at"], value["type"]
    if isinstance(version, bool) or version != 1:  # True equals 1, and the canonical bytes differ
        return False
    if not (isinstance(event_id, str) and isinstance(at, str) and isinstance(kind, str)):
        return False
    return bool(_ID.fullmatch(event_id) and _AT.fullmatch(at) and _TYPE.fullmatch(kind))


def _read_object(name: str, data: bytes) -> dict[str, object]:
    try:
        value = parse_canonical_json(data)
    except MalformedError as e:
        raise MalformedReceipt(f"`{name}` of the event is {e}") from e
    if not isinstance(value, dict):
        raise MalformedReceipt(f"`{name}` of the event is no object")
    return value


def _verify_policy(note: Note, checkpoint: Checkpoint, log_key: VerifierKey, policy: Policy) -> tuple[str, ...]:
    """Return the names of the policy's witnesses that cosigned, enough of them or VerificationError is raised."""
    if policy.logs and log_key not in policy.logs:
        raise VerificationError("policy", f"the policy does not name the log {log_key.name}", name=log_key.name)
    keys = [key for key in policy.witnesses.values() if key is not None]
    cosigners = verify_cosignatures(note, keys)
    names = tuple(name for name, key in policy.witnesses.items() if key is not None and key in cosigners)
    if not is_met(policy, cosigners):
        raise VerificationError(
            "witnesses",
            f"sealed by the log, but not witnessed: cosigned by {', '.join(names) or 'nobody'}",
            size=checkpoint.size,
            witnesses=names,
        )
    return names
