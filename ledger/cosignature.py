"""Cosignatures: what a witness adds to a checkpoint.

Follows https://c2sp.org/tlog-cosignature, the Ed25519 form: the signature is over a time and the whole text of the
checkpoint, and says "this is the largest tree of this log that I had seen by then, and it continued the one before".
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.errors import MalformedNote, VerificationError
from ledger.note import ED25519_COSIGNATURE, Note, Signature, SigningKey, VerifierKey

MAX_TIMESTAMP = 2**63 - 1


@dataclass(frozen=True)
class Cosignature:
    """What a cosignature line holds: `timestamp` in Unix seconds, `signature` of 64 bytes."""

    timestamp: int
    signature: bytes


def parse_cosignature(data: bytes) -> Cosignature:
    """Return the cosignature in the bytes after the key ID of a signature line. Raises MalformedNote."""
    if len(data) != 72:
        raise MalformedNote(f"a cosignature has 72 bytes after the key ID, not {len(data)}")
    timestamp = int.from_bytes(data[:8], "big")
    if timestamp > MAX_TIMESTAMP:
        raise MalformedNote("the time of a cosignature is beyond all times")
    return Cosignature(timestamp, data[8:])


def format_cosignature(cosignature: Cosignature) -> bytes:
    """Return the bytes that stand after the key ID of a signature line."""
    if not 0 <= cosignature.timestamp <= MAX_TIMESTAMP or len(cosignature.signature) != 64:
        raise ValueError("a cosignature is a time of Unix seconds and 64 bytes")
    return cosignature.timestamp.to_bytes(8, "big") + cosignature.signature


def cosigned_message(text: str, timestamp: int) -> bytes:
    """Return what a witness signs for the text of a checkpoint."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def sign_cosignature(text: str, key: SigningKey, timestamp: int) -> Signature:
    """Return the signature line of `key` (of kind ED25519_COSIGNATURE) under `text`, as of `timestamp`."""
    if key.kind != ED25519_COSIGNATURE:
        raise ValueError("a log's own key does not cosign")
    cosignature = Cosignature(timestamp, key.sign_bytes(cosigned_message(text, timestamp)))
    return Signature(key.name, key.verifier_key.key_id, format_cosignature(cosignature))


def verify_cosignature(text: str, signature: Signature, key: VerifierKey) -> int:
    """Return the time (Unix seconds) as of which `key` cosigned `text`.

    Raises VerificationError ("signature") if it does not hold.
    """
    if key.kind != ED25519_COSIGNATURE:
        raise ValueError("a log's own key does not cosign")
    try:
        cosignature = parse_cosignature(signature.signature)
    except MalformedNote as e:
        raise VerificationError("signature", f"the cosignature of {key.name}: {e}", name=key.name) from e
    key.verify(cosigned_message(text, cosignature.timestamp), cosignature.signature)
    return cosignature.timestamp


def verify_cosignatures(note: Note, keys: Iterable[VerifierKey]) -> dict[VerifierKey, int]:
    """Return those of `keys` that cosigned the note, with the newest time of each.

    None is an answer, unlike for a log's own signature: how many are enough is for a policy to say. Raises
    VerificationError ("signature") if a line that says it is by one of `keys` does not hold.
    """
    times: dict[VerifierKey, int] = {}
    for key in keys:
        for signature in note.signatures:
            if key.is_named_by(signature):
                times[key] = max(times.get(key, 0), verify_cosignature(note.text, signature, key))
    return times
