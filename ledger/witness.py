"""A witness: cosigns the checkpoints of logs, and of each log only trees that continue the one it cosigned before.

Follows https://c2sp.org/tlog-witness, `add-checkpoint`. Whoever holds a checkpoint that a witness cosigned knows that the
witness was shown no other tree of that size: the log cannot show one tree to a patient and another one to the world.

All of that hangs on one rule: a new checkpoint is compared with the last one and written down in one step, on disk,
before its cosignature leaves the house. A witness that lost what it wrote down is retired with its key.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.base64_text import format_base64, parse_base64
from ledger.checkpoint import Checkpoint, parse_checkpoint, parse_size
from ledger.cosignature import sign_cosignature, verify_cosignature
from ledger.errors import (
    LedgerError,
    MalformedCheckpoint,
    MalformedError,
    MalformedRequest,
    NotCosigned,
    StateError,
    VerificationError,
)
from ledger.merkle import EMPTY_ROOT, HASH_SIZE, verify_consistency
from ledger.note import ED25519_COSIGNATURE, SigningKey, VerifierKey, format_note, parse_note, verify_note

MAX_PROOF = 63  # hashes: more than any tree needs
MAX_REQUEST_BYTES = 256 * 1024  # a proof, a checkpoint and some dozens of signatures, those of ML-DSA included

Logs = Mapping[str, Sequence[VerifierKey]]  # origin -> the keys that this log signs with


@dataclass(frozen=True)
class Request:
    """What a log shows: the size that the witness cosigned last, the way from there, and a checkpoint as it stands."""

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True)
class Seen:
    """The last checkpoint of a log that was cosigned. `note` has the log's signatures and ours; `at` is Unix seconds."""

    checkpoint: Checkpoint
    at: int
    note: str


class Memory(Protocol):
    """Where a witness writes down what it saw: `ledger.witness_state.StateFile`."""

    def load(self) -> dict[str, str]:
        """Return the last note of each origin. Raises StateError."""

    def save(self, notes: Mapping[str, str]) -> None:
        """Replace what is written down. On disk when this returns; if it raises, nobody knows which is there."""


def parse_request(data: bytes) -> Request:
    """Return what the body of `add-checkpoint` says; the checkpoint is not looked at. Raises MalformedRequest."""
    if len(data) > MAX_REQUEST_BYTES:
        raise MalformedRequest(f"longer than {MAX_REQUEST_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise MalformedRequest(f"byte {e.start} is not text in UTF-8") from e
    head, blank, checkpoint = text.partition("\n\n")
    first, *rest = head.split("\n")
    if not blank or not first.startswith("old "):
        raise MalformedRequest("no `old` line, or no empty line before the checkpoint")
    if len(rest) > MAX_PROOF:
        raise MalformedRequest(f"a proof of more than {MAX_PROOF} hashes")
    try:
        proof = tuple(map(parse_base64, rest))
        old_size = parse_size(first.removeprefix("old "))
    except ValueError as e:
        raise MalformedRequest(f"the size or the proof: {e}") from e
    if any(len(value) != HASH_SIZE for value in proof):
        raise MalformedRequest(f"a hash of the proof is not {HASH_SIZE} bytes long")
    return Request(old_size, proof, checkpoint)


def format_request(request: Request) -> bytes:
    """Return the body of `add-checkpoint`."""
    lines = [f"old {request.old_size}", *map(format_base64, request.proof)]
    return ("".join(f"{line}\n" for line in lines) + "\n" + request.checkpoint).encode()


def origin_hash(origin: str) -> str:
    """Return how a witness's addresses name a log: SHA-256 in lower-case hex."""
    return hashlib.sha256(origin.encode()).hexdigest()


class Witness:
    """One witness of several logs. Threads may share it.

    `clock` returns Unix seconds; the times that it signs for one log never go back, whatever the clock does. `report` takes
    notable events. Raises StateError if what `memory` holds was not written by this witness.
    """

    def __init__(
        self,
        key: SigningKey,
        logs: Logs,
        memory: Memory,
        clock: Callable[[], float] = time.time,
        report: Callable[..., None] = lambda event, **fields: None,
    ) -> None:
        if key.kind != ED25519_COSIGNATURE:
            raise ValueError("a log's own key does not cosign")
        self._key = key
        self._logs = logs
        self._memory = memory
        self._clock = clock
        self._report = report
        self._turn = threading.Lock()
        self._is_spent = False  # a write failed: what is on disk is unknown until the next start
        self._seen = {origin: _read_seen(origin, note, key.verifier_key) for origin, note in memory.load().items()}
        self._origins = {origin_hash(origin): origin for origin in {*logs, *self._seen}}

    def add_checkpoint(self, body: bytes) -> str:
        """Return our signature line for the checkpoint in `body`, which is written down by then.

        Raises NotCosigned. In the order of the specification: 400 malformed, 404 unknown origin, 403 not signed by this log,
        400 old size beyond the checkpoint's, 409 old size is not that of the last checkpoint, 422 no continuation of it. Also
        500 once a write has failed, which itself raises what `memory` raises: what is on disk is unknown until a new start.
        """
        # 1. What does it say?
        try:
            request = parse_request(body)
            text, blank, _ = request.checkpoint.rpartition("\n\n")
            if not blank:
                raise MalformedRequest("no empty line between the checkpoint and its signatures")
            checkpoint = _read_checkpoint(f"{text}\n")
        except MalformedError as e:
            raise NotCosigned(400, str(e)) from e
        # 2. Is it by a log that we know?
        keys = self._logs.get(checkpoint.origin)
        if not keys:
            raise NotCosigned(404, "this witness does not know this log")
        try:
            note = parse_note(request.checkpoint.encode())  # lines that are no signatures prove nothing: 403, not 400
            signatures = verify_note(note, keys)
        except (MalformedError, VerificationError) as e:
            raise NotCosigned(403, str(e)) from e
        if request.old_size > checkpoint.size:
            raise NotCosigned(400, f"a tree of {checkpoint.size} entries does not continue one of {request.old_size}")
        with self._turn:
            if self._is_spent:
                raise NotCosigned(500, "this witness could not write down what it saw")
            # 3. Does it continue what we cosigned last?
            seen = self._seen.get(checkpoint.origin)
            self._require_continuation(request, checkpoint, seen)
            # 4. Write it down; only then answer. The signature is part of what is written, and leaves afterwards.
            at = max(int(self._clock()), seen.at if seen else 1, 1)
            line = sign_cosignature(note.text, self._key, at)
            new = Seen(checkpoint, at, format_note(note.text, [*signatures, line]))
            self._is_spent = True
            self._memory.save({**{o: s.note for o, s in self._seen.items()}, checkpoint.origin: new.note})
            self._is_spent = False
            self._seen[checkpoint.origin] = new
        return line.format()

    def close(self) -> None:
        """Finish what is being written and cosign nothing more, so that the state may be handed on."""
        with self._turn:
            self._is_spent = True

    def newest(self, hashed_origin: str) -> str | None:
        """Return the last cosigned checkpoint of a log, named by `origin_hash`, with all signatures; None if none was."""
        with self._turn:
            seen = self._seen.get(self._origins.get(hashed_origin, ""))
            return None if seen is None or self._is_spent else seen.note

    def _require_continuation(self, request: Request, checkpoint: Checkpoint, seen: Seen | None) -> None:
        old = Checkpoint(checkpoint.origin, 0, EMPTY_ROOT) if seen is None else seen.checkpoint
        if seen is not None and checkpoint.size == old.size and checkpoint.root != old.root:
            # Two trees of one size, both signed by the log: who holds both can prove to anybody that it lied.
            self._report("witness.split_view", origin=old.origin, old_note=seen.note, new_note=request.checkpoint)
        if request.old_size != old.size:
            raise NotCosigned(409, f"the last checkpoint cosigned here has {old.size} entries", old.size)
        try:
            verify_consistency(old.size, old.root, checkpoint.size, checkpoint.root, request.proof)
        except VerificationError as e:
            raise NotCosigned(422, str(e)) from e


def _read_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint in a note's text; also the one of an empty tree with a wrong root, which is refused later.

    The specification answers that one with 422 rather than 400: it is well formed, and not true.
    """
    try:
        return parse_checkpoint(text)
    except MalformedCheckpoint:
        lines = text.split("\n")
        if len(lines) < 4 or lines[1] != "0":
            raise
        parse_checkpoint("\n".join([lines[0], "0", format_base64(EMPTY_ROOT), *lines[3:]]))
        try:
            root = parse_base64(lines[2])
        except ValueError:
            root = b""
        if len(root) != HASH_SIZE:
            raise
        return Checkpoint(lines[0], 0, root, tuple(lines[3:-1]))


def _read_seen(origin: str, data: str, key: VerifierKey) -> Seen:
    """Return what was written down about a log, once it is found to be what this witness cosigned. Raises StateError."""
    try:
        note = parse_note(data.encode())
        checkpoint = parse_checkpoint(note.text)
        times = [verify_cosignature(note.text, line, key) for line in note.signatures if key.is_named_by(line)]
    except LedgerError as e:
        raise StateError(f"what it says of {origin} does not hold: {e}") from e
    if checkpoint.origin != origin or not times:
        raise StateError(f"what it says of {origin} was not cosigned by this witness")
    return Seen(checkpoint, max(times), data)
