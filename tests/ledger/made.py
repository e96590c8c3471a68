"""Small logs and receipts made for tests, straight from the formats and without our sequencer."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ledger.checkpoint import Checkpoint, format_checkpoint
from ledger.cosignature import sign_cosignature
from ledger.entry import canonical_json
from ledger.merkle import inclusion_proof, leaf_hash, root_hash
from ledger.note import ED25519_COSIGNATURE, SigningKey, format_note
from ledger.receipt import ForMe, Receipt, ToShow, format_extra, format_receipt
from ledger.tiles import RightEdge, bundle_path, format_bundle, tile_path

LOG = SigningKey("log.example/one", bytes(32))
WITNESS = SigningKey("w.example", bytes([7]) * 32, ED25519_COSIGNATURE)

OPEN = {
    "at": "2026-03-02T01:23:45.678Z",
    "id": "0195547a-3c2e-7000-8000-0123456789ab",
    "type": "appointment.checked_in",
    "v": 1,
}
OWN = {
    "actor": {"kind": "patient", "ref": "rZ5tYx0cQ2qk1mB7uN3vWg", "role": "self"},
    "detail": {"clinic": "内科", "ticket": "A001"},
    "objects": [{"digest": "00" * 32, "id": "x", "type": "appointment", "version": 2}],
    "prev": None,
    "seq": 1,
    "subject": "Jk3nT9wQ5rY7aL2pX0cVbg",
}


def opening(event_open: object = OPEN, own: object = OWN) -> ForMe:
    """Return an event with salts that a test can know."""
    return ForMe(b"\x11" * 32, canonical_json(event_open), b"\x22" * 32, canonical_json(own))


def entries_around(entry: bytes, index: int, size: int) -> list[bytes]:
    """Return the entries of a log of `size` whose number `index` is `entry`."""
    entries = [b"\x01" + hashlib.sha256(b"%d" % i).digest() for i in range(size)]
    entries[index] = entry
    return entries


def sign(entries: Sequence[bytes], key: SigningKey = LOG, witnesses: Sequence[SigningKey] = ()) -> str:
    """Return the checkpoint over `entries`, signed, and cosigned at Unix second 1,767,139,200."""
    text = format_checkpoint(Checkpoint(key.name, len(entries), root_hash([leaf_hash(e) for e in entries])))
    return format_note(text, [key.sign(text), *(sign_cosignature(text, w, 1767139200) for w in witnesses)])


def make_receipt(
    shown: ForMe | ToShow,
    index: int = 5,
    size: int = 11,
    key: SigningKey = LOG,
    witnesses: Sequence[SigningKey] = (),
) -> bytes:
    """Return a good receipt for an event that is entry `index` of a log of `size` entries."""
    entries = entries_around(shown.entry, index, size)
    leaves = [leaf_hash(entry) for entry in entries]
    path = inclusion_proof(
        index, size, lambda nodes: [root_hash(leaves[i << level : (i + 1) << level]) for level, i in nodes]
    )
    receipt = Receipt(format_extra(shown), index, tuple(path), sign(entries, key, witnesses))
    return format_receipt(receipt).encode()


def write_log(folder: Path, entries: Sequence[bytes], key: SigningKey = LOG) -> None:
    """Write the files of a log as tlog-tiles has them, over whatever an earlier call wrote."""
    edge, full = RightEdge.EMPTY.append([leaf_hash(entry) for entry in entries])
    files = {tile_path(tile.level, tile.index): tile.hashes for tile in full}
    for level, hashes in enumerate(edge.partial):
        if hashes:
            files[tile_path(level, edge.size >> (8 * (level + 1)), len(hashes) // 32)] = hashes
    for start in range(0, len(entries), 256):
        bundle = entries[start : start + 256]
        files[bundle_path(start // 256, len(bundle))] = format_bundle(bundle)
    files["checkpoint"] = sign(entries, key).encode()
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
