"""Watching a log from outside, for ever: nothing but its files and the key that was pinned once.

Each round
    1. reads the checkpoint and finds who signed it: the pinned key, or one that a notice under the pinned key announced;
    2. audits what is new, and that it continues what was seen (`ledger.audit`);
    3. proves parts of the past anew, from bundle to root, so that a changed file is found in time: some at random, which nobody can
       foresee, and the next few in order, so that all of it is read again and again;
    4. looks for what it was told to watch: receipts, whose trees have to be part of this one, and entries that wait;
    5. reads `keys`, which may list nothing that was not announced;
    6. reads `successor`, by which a log that ended says, with its own key, who goes on for it.
What was seen is kept only where nothing is wrong: after an alarm the next round compares with the same past again.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ledger.announced import notices_of, said_in
from ledger.audit import MAX_BUNDLE_BYTES, Seen, audit_log
from ledger.errors import LedgerError, MalformedError, SourceError, VerificationError
from ledger.merkle import HASH_SIZE, inclusion_proof, leaf_hash, tree_hash, verify_inclusion
from ledger.note import MAX_NOTE_BYTES, VerifierKey, parse_note
from ledger.notice import ROTATED, SUCCEEDED
from ledger.receipt import Verified, parse_receipt, verify_receipt
from ledger.source import NotThere, Source
from ledger.successor import MAX_SUCCESSOR_BYTES, SUCCESSOR, Successor, verify_successor
from ledger.tiles import TILE_BYTES, TILE_WIDTH, bundle_path, iterate_bundle, tile_path, tile_reader

MAX_KEYS_BYTES = 1_000_000
SAMPLES = 3  # bundles of the past proven anew in each round, each with all of its entries
SWEPT = 4  # and so many in order, from where the last round ended

# what the audit calls a step, and what it is to whoever watches
_KINDS = {"rollback": "rollback", "history": "fork", "origin": "key", "signature": "key"}


@dataclass(frozen=True)
class Alarm:
    """Something that a person has to look at. `evidence` are signed notes that prove it, where there are any."""

    kind: str
    text: str
    evidence: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Memory:
    """What is remembered from round to round, and on disk.

    `keys` are those that signed for this log, the present one last; times are milliseconds since 1970; `found` says of
    entries that wait at which index they were found.
    """

    keys: tuple[VerifierKey, ...]
    seen: Seen | None = None
    grown_ms: int = 0
    reached_ms: int = 0
    since_ms: Mapping[str, int] = field(default_factory=dict)  # of what is waited for: since when
    found: Mapping[str, int] = field(default_factory=dict)
    swept: int = 0  # the bundle from which the next round reads the past on


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: for an answer, for growth (None: for ever), for what has to be merged."""

    unreachable: float = 60.0
    stalled: float | None = None
    late: float = 10.0


@dataclass(frozen=True)
class Watched:
    """What to look for: receipts (their bytes by name) and entries that wait (33 bytes each)."""

    receipts: Mapping[str, bytes] = field(default_factory=dict)
    entries: Sequence[bytes] = ()


Tell = Callable[..., None]  # what is worth a line and no alarm: a name and fields


class Monitor:
    """Watches one log. `memory` is what to keep; `round` replaces it as a whole."""

    def __init__(
        self,
        source: Source,
        memory: Memory,
        patience: Patience = Patience(),
        watched: Watched = Watched(),
        origin: str | None = None,
        tell: Tell = lambda event, **fields: None,
        choose: Callable[[int], int] = lambda count: random.SystemRandom().randrange(count),
    ) -> None:
        self.memory = memory
        self._source = source
        self._patience = patience
        self._watched = watched
        self._origin = memory.keys[0].name if origin is None else origin
        self._tell = tell
        self._choose = choose

    def round(self, now_ms: int) -> list[Alarm]:
        """Look once; return what is wrong, nothing if all is as it should be. `now_ms` is the time of whoever watches."""
        memory = self.memory
        if not memory.reached_ms:
            memory = replace(memory, reached_ms=now_ms, grown_ms=now_ms)
        try:
            self.memory = memory = replace(self._look(memory, now_ms), reached_ms=now_ms)
        except NotThere as e:
            if memory.seen is not None or e.path != "checkpoint":
                return [Alarm("missing", str(e))]
            return []
        except SourceError as e:
            self.memory = memory
            if now_ms - memory.reached_ms > 1000 * self._patience.unreachable:
                return [Alarm("unreachable", str(e))]
            self._tell("monitor.trouble", why=str(e))
            return []
        except VerificationError as e:
            notes = tuple(n for name in ("old_note", "new_note") if isinstance(n := e.facts.get(name), bytes))
            return [
                Alarm(
                    _KINDS.get(e.step, e.step if e.step in ("fork", "succeeded", "receipt") else "tile"), str(e), notes
                )
            ]
        except MalformedError as e:
            return [Alarm("tile", str(e))]
        return [*self._ended, *self._waiting(memory, now_ms)]

    def _look(self, memory: Memory, now_ms: int) -> Memory:
        self._ended: list[Alarm] = []
        self._bridges: dict[str, bytes] = {}  # notices by which the key changed: their trees are part of this one too
        note = self._source.fetch("checkpoint", MAX_NOTE_BYTES)
        memory = self._find_key(memory, note)
        key = memory.keys[-1]
        finder = _Finder(self._source, [e for e in self._watched.entries if e.hex() not in memory.found])
        seen = audit_log(finder, key, memory.seen, self._origin)
        swept = memory.swept
        if memory.seen is not None and memory.seen.checkpoint.size:
            for _ in range(SAMPLES):
                self._prove(seen, self._choose(seen.checkpoint.size))
            swept = self._sweep(seen, swept)
        since = dict(memory.since_ms)
        for name, data in {**self._watched.receipts, **self._bridges}.items():
            self._check_receipt(name, data, memory.keys, seen, since, now_ms)
        for entry in self._watched.entries:
            since.setdefault(entry.hex(), now_ms)
        self._check_keys(memory)
        self._ended = self._read_successor(memory, seen)
        has_grown = memory.seen is None or seen.checkpoint.size > memory.seen.checkpoint.size
        return replace(
            memory,
            seen=seen,
            grown_ms=now_ms if has_grown else memory.grown_ms,
            since_ms=since,
            found={**memory.found, **finder.found},
            swept=swept,
        )

    def _waiting(self, memory: Memory, now_ms: int) -> Iterator[Alarm]:
        """Yield what has been waited for too long."""
        size = 0 if memory.seen is None else memory.seen.checkpoint.size
        stalled = self._patience.stalled
        if stalled is not None and now_ms - memory.grown_ms > 1000 * stalled:
            yield Alarm("stalled", f"no entry after the {size} there are for {(now_ms - memory.grown_ms) // 1000} s")
        for name, since_ms in memory.since_ms.items():
            if name not in memory.found and now_ms - since_ms > 1000 * self._patience.late:
                what = "the checkpoint of the receipt" if name in self._watched.receipts else "the entry"
                yield Alarm("late", f"{what} {name} is not in the log after {(now_ms - since_ms) // 1000} s")

    def _find_key(self, memory: Memory, note: bytes) -> Memory:
        """Return the memory with the key that signed the checkpoint last among its keys. Raises VerificationError."""
        signatures = parse_note(note).signatures
        if any(memory.keys[-1].is_named_by(signature) for signature in signatures):
            return memory
        key = memory.keys[-1]
        for data in notices_of(self._source):
            for verified, detail in said_in(data, key, ROTATED):
                new = VerifierKey.parse(str(detail.get("new_key")))
                if detail.get("old_key") != key.format() or new.name != key.name or new in memory.keys:
                    continue  # a key that went never comes back: whoever holds both could lead us in circles for ever
                self._bridges["the notice of the new key"] = data
                self._tell("monitor.key_rotated", old=key.format(), new=new.format(), index=verified.index)
                memory = replace(memory, keys=(*memory.keys, new))
                return self._find_key(memory, note)
        self._refuse_successor(memory, note)
        raise VerificationError(
            "signature",
            f"checkpoint: not signed by {key.name}+{key.key_id.hex()}, and no notice under that key announces another",
            new_note=note,
        )

    def _read_successor(self, memory: Memory, seen: Seen) -> list[Alarm]:
        """Return the alarm for a log that says, with its own key, that it ended; nothing for one that does not."""
        try:
            data = self._source.fetch(SUCCESSOR, MAX_SUCCESSOR_BYTES)
        except NotThere:
            return []
        try:
            said = verify_successor(data, memory.keys[-1:])
        except LedgerError as e:
            return [Alarm("key", f"{SUCCESSOR}: is not signed by the key of this log: {e}", (data,))]
        return [replace(_end(said, seen), evidence=(data, seen.note))]

    def _refuse_successor(self, memory: Memory, note: bytes) -> None:
        """Raise VerificationError ("succeeded") if another log says that it goes on for this one."""
        for signature in parse_note(note).signatures:
            for line in self._fetch_keys():
                if not line.is_named_by(signature) or line.name == memory.keys[-1].name:
                    continue
                for data in notices_of(self._source):
                    for _, detail in said_in(data, line, SUCCEEDED):
                        signed = str(detail.get("successor", "")).encode()
                        try:
                            said = verify_successor(signed, memory.keys[-1:])
                        except LedgerError:
                            pass  # the old key said nothing, or something else: a person has to decide
                        else:
                            if said.key == line:
                                alarm = _end(said, memory.seen)
                                old_note = None if memory.seen is None else memory.seen.note
                                raise VerificationError(alarm.kind, alarm.text, old_note=old_note, new_note=signed)
                        raise VerificationError(
                            "succeeded",
                            f"another log, {line.name}, says that it goes on for {detail.get('old_origin')} from"
                            f" {detail.get('old_size')} entries ({detail.get('reason')}); whether to believe its key is"
                            " for a person to decide",
                            new_note=note,
                        )

    def _fetch_keys(self) -> list[VerifierKey]:
        try:
            lines = self._source.fetch("keys", MAX_KEYS_BYTES).decode("utf-8", "replace").split("\n")
        except NotThere:
            return []
        keys: list[VerifierKey] = []
        for line in lines:
            try:
                keys += [VerifierKey.parse(line)] if line else []
            except MalformedError:
                continue  # of a kind that cannot be checked here, or no key: nothing is signed with it that we accept
        return keys

    def _check_keys(self, memory: Memory) -> None:
        """Raise VerificationError ("signature") if the log lists a key of this origin that was never announced."""
        unknown = [k for k in self._fetch_keys() if k.name == memory.keys[-1].name and k not in memory.keys]
        if not unknown:
            return
        announced = {
            str(d.get("new_key"))
            for data in notices_of(self._source)
            for k in memory.keys
            for _, d in said_in(data, k, ROTATED)
        }
        for key in unknown:
            if key.format() not in announced:
                raise VerificationError("signature", f"keys: lists {key.format()}, which no notice announced")

    def _sweep(self, seen: Seen, swept: int) -> int:
        """Prove the next bundles after those that were swept; return where to go on. Raises as `_prove` does."""
        count = -(-seen.checkpoint.size // TILE_WIDTH)
        for _ in range(min(SWEPT, count)):
            self._prove(seen, TILE_WIDTH * (swept % count))
            swept = (swept + 1) % count
        return swept

    def _prove(self, seen: Seen, index: int) -> None:
        """Raise VerificationError unless entry `index`, and all beside it in its bundle, as served now, lead to the signed root."""
        size, number = seen.checkpoint.size, index // TILE_WIDTH
        width = min(TILE_WIDTH, size - number * TILE_WIDTH)
        bundle = list(iterate_bundle(self._fetch(bundle_path(number, width), bundle_path(number), MAX_BUNDLE_BYTES)))
        path = bundle_path(number, width)
        if len(bundle) < width:
            raise VerificationError("entries", f"{path}: ends after {len(bundle)} of {width} entries")
        leaves = list(map(leaf_hash, bundle[:width]))
        tile = self._read_tile(0, number, width)
        for place, leaf in enumerate(
            leaves
        ):  # the path of one entry is made of the hashes of all the others in its tile
            if tile[HASH_SIZE * place : HASH_SIZE * (place + 1)] != leaf:
                entry = TILE_WIDTH * number + place
                raise VerificationError(
                    "tile", f"{path}: entry {entry} is not the one in {tile_path(0, number, width)}"
                )
        proof = inclusion_proof(index, size, tile_reader(self._read_tile, size))
        try:
            verify_inclusion(index, size, leaves[index % TILE_WIDTH], proof, seen.checkpoint.root)
        except VerificationError as e:
            raise VerificationError(
                "entries", f"{path}: entry {index} no longer leads to the root that was signed"
            ) from e

    def _check_receipt(
        self, name: str, data: bytes, keys: Sequence[VerifierKey], seen: Seen, since: dict[str, int], now_ms: int
    ) -> None:
        """Raise VerificationError unless the tree of a receipt is part of the log; note since when it is not there yet."""
        verified = _verified(name, data, keys)
        own = verified.checkpoint
        if own.size > seen.checkpoint.size:
            since.setdefault(name, now_ms)
            return
        since.pop(name, None)
        if tree_hash(own.size, tile_reader(self._read_tile, seen.checkpoint.size)) != own.root:
            raise VerificationError(
                "fork",
                f"{name}: the log had another root for {own.size} entries when it gave this receipt",
                old_note=parse_receipt(data).checkpoint.encode(),
                new_note=seen.note,
            )

    def _read_tile(self, level: int, index: int, width: int) -> bytes:
        data = self._fetch(tile_path(level, index, width), tile_path(level, index), TILE_BYTES)
        return data[: width * HASH_SIZE]

    def _fetch(self, path: str, whole: str, limit: int) -> bytes:
        try:
            return self._source.fetch(path, limit)
        except NotThere:
            if path == whole:
                raise
            return self._source.fetch(whole, limit)  # it has become full meanwhile


class _Finder:
    """A source that looks for entries in the bundles that pass through it."""

    def __init__(self, source: Source, entries: Sequence[bytes]) -> None:
        self._source = source
        self._wanted = set(entries)
        self.found: dict[str, int] = {}

    def fetch(self, path: str, limit: int) -> bytes:
        """See `Source`."""
        data = self._source.fetch(path, limit)
        if self._wanted and path.startswith("tile/entries/"):
            first = int("".join(c for c in path.split("entries/")[1].split(".p")[0] if c.isdigit())) * TILE_WIDTH
            try:
                for number, entry in enumerate(iterate_bundle(data)):
                    if entry in self._wanted:
                        self.found[entry.hex()] = first + number
            except MalformedError:
                pass  # the audit says where
        return data


def _end(said: Successor, seen: Seen | None) -> Alarm:
    """Return the alarm for what a log says that ended: a rollback if it had promised more than what is gone on from."""
    text = (
        f"the log ended at {said.old.size} entries ({said.reason}); {said.key.format()} goes on for it"
        f"{f' at {said.address}' if said.address else ''}, signed by the key pinned here"
    )
    own = None if seen is None else seen.checkpoint
    if own is None or own.size < said.old.size or (own.size, own.root) == (said.old.size, said.old.root):
        return Alarm("succeeded", text)
    return Alarm("rollback", f"{text}; but it had signed {own.size} entries, which what it goes on from does not hold")


def _verified(name: str, data: bytes, keys: Sequence[VerifierKey]) -> Verified:
    """Return what a watched receipt proves under the newest of `keys` that signed it."""
    problem: LedgerError | None = None
    for key in reversed(keys):
        try:
            return verify_receipt(data, key)
        except LedgerError as e:
            problem = e
    raise VerificationError("receipt", f"{name} is not a good receipt of this log: {problem}") from problem
