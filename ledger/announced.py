"""From a key that somebody holds to the key that signs now: each was announced in the log, under a checkpoint signed by the one before.

docs/log-format.md, "Notices". Whoever kept an old key, or an old copy of `keys`, needs nothing else to go on checking.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ledger.audit import Seen
from ledger.checkpoint import Checkpoint
from ledger.errors import LedgerError, MalformedError, SourceError, VerificationError
from ledger.merkle import HASH_SIZE, tree_hash
from ledger.note import MAX_NOTE_BYTES, VerifierKey, parse_note
from ledger.notice import MAX_NOTICES, ROTATED, detail_of, notice_path
from ledger.receipt import MAX_RECEIPT_BYTES, Verified, parse_receipt, verify_receipt
from ledger.source import NotThere, Source
from ledger.tiles import TILE_BYTES, tile_path, tile_reader


@dataclass(frozen=True)
class Step:
    """`old` announced `new` as entry `index`; `checkpoint`, signed by `old` in `note`, is the tree that holds it."""

    old: VerifierKey
    new: VerifierKey
    index: int
    checkpoint: Checkpoint
    note: bytes


def notices_of(source: Source) -> Iterator[bytes]:
    """Yield the log's notices, oldest first, none of them checked."""
    for number in range(MAX_NOTICES):
        try:
            yield source.fetch(notice_path(number), MAX_RECEIPT_BYTES)
        except NotThere:
            return


def said_in(data: bytes, key: VerifierKey, kind: str) -> list[tuple[Verified, Mapping[str, object]]]:
    """Return what a notice says, if it is a good one of this kind under `key`; nothing otherwise."""
    try:
        verified = verify_receipt(data, key)
        return [(verified, detail_of(verified, kind))]
    except LedgerError:
        return []


def steps_from(source: Source, keys: Sequence[VerifierKey]) -> list[Step]:
    """Return how the log's notices lead on from `keys`, the oldest step first. Raises SourceError."""
    known, steps = list(keys), []
    for data in notices_of(source):
        for old in tuple(known):
            for verified, detail in said_in(data, old, ROTATED):
                new = _announced(old, detail)
                if new is not None and new not in known:  # a key that went never comes back
                    known.append(new)
                    note = parse_receipt(data).checkpoint.encode()
                    steps.append(Step(old, new, verified.index, verified.checkpoint, note))
    return steps


def _announced(old: VerifierKey, detail: Mapping[str, object]) -> VerifierKey | None:
    try:
        new = VerifierKey.parse(str(detail.get("new_key")))
    except MalformedError:
        return None
    return new if detail.get("old_key") == old.format() and new.name == old.name else None


def signer_of(source: Source, keys: Sequence[VerifierKey]) -> tuple[VerifierKey, list[Step]]:
    """Return the key by which to check the log's checkpoint: one of `keys`, or one that notices lead to, and how they do.

    Where no such key signed it, or it is not to be had, that is the first of `keys`, by which a check fails. Raises SourceError for
    notices.
    """
    try:
        signatures = parse_note(source.fetch("checkpoint", MAX_NOTE_BYTES)).signatures
    except (MalformedError, SourceError):
        return keys[0], []  # the check says what is wrong with it
    for key in keys:
        if any(map(key.is_named_by, signatures)):
            return key, []
    steps = steps_from(source, keys)
    for step in steps:
        if any(map(step.new.is_named_by, signatures)):
            return step.new, steps
    return keys[0], []


def require_past(source: Source, seen: Seen, steps: Sequence[Step]) -> None:
    """Raise VerificationError unless the trees in which keys were announced are beginnings of the one that was seen.

    Else the old key announced the next in one log and the next goes on with another. Raises SourceError.
    """

    def read_tile(level: int, index: int, width: int) -> bytes:
        try:
            data = source.fetch(tile_path(level, index, width), TILE_BYTES)
        except NotThere:
            data = source.fetch(tile_path(level, index), TILE_BYTES)  # it has become full meanwhile
        return data[: width * HASH_SIZE]

    size = seen.checkpoint.size
    for step in steps:
        own = step.checkpoint
        if own.size > size or tree_hash(own.size, tile_reader(read_tile, size)) != own.root:
            raise VerificationError(
                "history",
                f"checkpoint: the tree of {own.size} entries in which {step.new.name}+{step.new.key_id.hex()} was announced is"
                " not the beginning of this one",
                old_note=step.note,
                new_note=seen.note,
            )
