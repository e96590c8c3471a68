"""The witnesses of a log: the newest checkpoint goes to each of them, once a second, and nobody waits for them.

Each witness has a thread of its own and one request under way. They are offered the same checkpoints (a *candidate* stays
until a quorum has cosigned it, or for a few seconds), because a receipt needs the quorum under one and the same checkpoint,
and witnesses of different speed would otherwise each cosign other ones.

A witness that is slow, away or refuses costs nothing but its cosignature: it is left alone for a while, ever longer, with one
line when that begins and one when it is over. One thing stops the log: a witness that cosigned more of it than there is.
Then database and head were both put back from an old copy, and to go on would be to sign a second story.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from ledger.errors import LedgerError, MalformedError, NotCosigned, RefusedToStart, WitnessAway
from ledger.note import VerifierKey, parse_note
from ledger.policy import Policy, is_met
from ledger.witness import Request
from ledger.witness_client import WitnessClient

EVERY_SECONDS = 1.0
PATIENCE_SECONDS = 5.0  # in which a candidate waits for those who have not answered yet
START_SECONDS = 2.0  # in which the witnesses are heard before the first signature
START_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 60.0

WAY_OUT = (
    "Stop here and keep everything as it is. Put back the newest copy of database and head, or take what is missing from an"
    " export or a mirror (python -m ledger heal). Only if you know that this witness is wrong, take it out of the policy"
    " (WITNESS_POLICY) and start again."
)

Report = Callable[..., None]


class Shelf(Protocol):
    """What the witnesses need of the log's storage, from threads of their own. Raises StoreError."""

    def root_at(self, size: int) -> bytes:
        """Return the root of the first `size` entries."""

    def proof(self, old_size: int, new_size: int) -> Sequence[bytes]:
        """Return the proof that the tree of `new_size` entries continues that of `old_size`."""

    def last_of(self, witness: VerifierKey) -> int:
        """Return the size of the last checkpoint that this witness cosigned and whose line is kept; 0 for none."""

    def keep(self, size: int, witness: VerifierKey, line: str, at: int) -> None:
        """Keep a witness's signature line under the checkpoint of `size` entries."""

    def mark(self, size: int) -> None:
        """Remember that a quorum cosigned the checkpoint of `size` entries."""


class Witnesses:
    """The witnesses that `policy` gives an address. `start` once, then `show` after each round; `stop` at the end.

    `log_keys` are our own, by which a checkpoint that a witness holds up is known to be ours. Nothing here raises into the
    caller but RefusedToStart, from `start` and `require_agreement`.
    """

    def __init__(
        self,
        policy: Policy,
        origin: str,
        log_keys: Sequence[VerifierKey],
        shelf: Shelf,
        report: Report = lambda event, **fields: None,
        every_seconds: float = EVERY_SECONDS,
        longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
    ) -> None:
        self._policy = policy
        self._origin = origin
        self._log_keys = tuple(log_keys)
        self._shelf = shelf
        self._report = report
        self._every_seconds = every_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._changed = threading.Condition()
        self._newest: tuple[int, str] | None = None  # size and note of the last published checkpoint
        self._candidate: tuple[int, str] | None = None
        self._chosen_at = 0.0
        self._cosigners: set[VerifierKey] = set()  # of the candidate
        self._our_size = 0  # of the tree, which is never smaller than what we published
        self._trouble: RefusedToStart | None = None
        self._is_stopping = False
        self._threads: list[threading.Thread] = []
        self._peers = [
            _Peer(name, WitnessClient(key, policy.urls[name]))
            for name, key in policy.witnesses.items()
            if key is not None and name in policy.urls
        ]

    def start(self, note: str, size: int) -> None:
        """Ask every witness for the last checkpoint it cosigned; then go on asking, each in its own thread.

        `note` is a checkpoint that we signed before (or that of the empty tree, which contradicts nothing), `size` the size
        of our tree. Whoever has not answered in START_SECONDS is heard when it does.

        Raises RefusedToStart if a witness has seen more of this log than `size`, or another tree of it.
        """
        self._our_size = size
        for peer in self._peers:
            thread = threading.Thread(target=self._work, args=(peer, note), name=f"witness {peer.name}", daemon=True)
            self._threads.append(thread)
            thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._trouble or all(peer.was_heard for peer in self._peers), START_SECONDS)
        self.require_agreement()

    def show(self, size: int, note: str) -> None:
        """Tell that the checkpoint `note` of `size` entries is published."""
        with self._changed:
            was_idle = self._newest is None or self._candidate is None or self._newest[0] <= self._candidate[0]
            self._our_size = max(self._our_size, size)
            self._newest = (size, note)
            if was_idle:  # otherwise everybody knows already that there is something newer
                self._changed.notify_all()

    def require_agreement(self) -> None:
        """Raise RefusedToStart once a witness is found to have seen more of this log than there is, or another tree."""
        if self._trouble is not None:
            raise self._trouble

    def stop(self, patience_seconds: float = 0.5) -> None:
        """Ask nobody any more. Requests under way have `patience_seconds` to end, then they are left to themselves."""
        until = time.monotonic() + patience_seconds
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    # --- in the thread of one witness --------------------------------------------------------------------------------

    def _work(self, peer: "_Peer", first: str) -> None:
        """Ask one witness again and again."""
        pause_seconds = self._every_seconds
        deadline = time.monotonic() + START_SECONDS
        while not self._is_stopping and self._trouble is None:
            try:
                if peer.old_size is None:
                    self._meet(peer, first)
                offered = self._next_for(peer)
                if offered is not None:
                    self._offer(peer, *offered)
            except RefusedToStart as e:
                with self._changed:
                    self._trouble = e
                    self._changed.notify_all()
            except LedgerError as e:
                if isinstance(e, WitnessAway) and peer.old_size is None and time.monotonic() < deadline:
                    self._rest(peer, START_PAUSE_SECONDS)  # it may just be starting as well, and is to be heard first
                    continue
                if not isinstance(e, WitnessAway):
                    self._tell(peer, "witness.refuses", str(e))
                elif peer.failures > 0:  # once is nothing: a connection broke, somebody started again
                    self._tell(peer, "witness.away", str(e))
                peer.failures += 1
                with self._changed:
                    peer.was_heard = True
                    self._changed.notify_all()
                self._rest(peer, pause_seconds)
                pause_seconds = min(2 * pause_seconds, self._longest_pause_seconds)
            else:
                pause_seconds, peer.failures = self._every_seconds, 0
                if peer.told:
                    peer.told = ""
                    self._report("witness.back", witness=peer.name)
        peer.client.close()

    def _rest(self, peer: "_Peer", seconds: float) -> None:
        """Leave a witness alone for a while, in which nobody waits for it."""
        with self._changed:
            peer.is_resting = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_stopping or self._trouble, seconds)
            peer.is_resting = False

    def _meet(self, peer: "_Peer", note: str) -> None:
        """Learn what this witness cosigned last, by asking as if it were nothing."""
        known_size = 0
        try:
            peer.client.add_checkpoint(Request(0, (), note))
            peer.old_size = _read(note).size
        except NotCosigned as e:
            if e.size is None:
                raise
            self._require_not_ahead(peer, e.size)
            self._require_our_tree(peer)
            known_size = peer.old_size = e.size
        if known_size < (last := self._shelf.last_of(peer.client.key)):
            # It could cosign a second story now. Ours is the one it cosigned; who lists it is told to retire it.
            why = f"it cosigned {last} entries before, and says that its last checkpoint has {known_size}: retire it"
            self._report("witness.forgot", witness=peer.name, why=why)
        with self._changed:
            peer.was_heard = True
            self._changed.notify_all()

    def _next_for(self, peer: "_Peer") -> tuple[int, str] | None:
        """Wait for a checkpoint that this witness has not cosigned, and return it; None at the end."""
        with self._changed:
            while not self._is_stopping and self._trouble is None:
                wait_seconds = self._choose()
                if self._candidate is not None and peer.wants(self._candidate[0]):
                    return self._candidate
                self._changed.wait(wait_seconds)
        return None

    def _choose(self) -> float | None:
        """Let the newest checkpoint be the candidate if it is time; return when to look again, None for when told.

        Under the lock. An idle log has nothing newer than its candidate, and nobody looks at anything.
        """
        if self._newest is None or (self._candidate is not None and self._newest[0] <= self._candidate[0]):
            return None
        age_seconds = time.monotonic() - self._chosen_at
        candidate = self._candidate
        is_done = candidate is None or self._is_met()
        if not is_done and candidate is not None:
            is_done = not any(peer.wants(candidate[0]) and not peer.is_resting for peer in self._peers)
        due_seconds = self._every_seconds if is_done else max(PATIENCE_SECONDS, self._every_seconds)
        if candidate is not None and age_seconds < due_seconds:
            return due_seconds - age_seconds
        self._candidate, self._cosigners, self._chosen_at = self._newest, set(), time.monotonic()
        self._changed.notify_all()
        return None

    def _offer(self, peer: "_Peer", size: int, note: str) -> None:
        """Ask for a cosignature of the checkpoint; where the witness is elsewhere, once more from there."""
        for _ in range(2):
            old_size = peer.old_size or 0
            try:
                self._cosign(peer, size, Request(old_size, tuple(self._shelf.proof(old_size, size)), note))
                return
            except NotCosigned as e:
                if e.size is None or e.size == old_size:
                    self._require_our_tree(peer)  # it will not have our proof: has it seen another tree?
                    raise
                self._require_not_ahead(peer, e.size)
                peer.old_size = e.size
                if e.size > size:  # it has a later one of ours already; the next candidate is for it
                    return
        raise NotCosigned(409, "it changed its mind about what it cosigned last")

    def _cosign(self, peer: "_Peer", size: int, request: Request) -> None:
        """Get the cosignature and keep it; it may be the one that makes the quorum."""
        line, at = peer.client.add_checkpoint(request)
        peer.old_size = size
        self._shelf.keep(size, peer.client.key, line.format(), at)
        with self._changed:
            peer.cosigned_size = size
            if self._candidate is None or self._candidate[0] != size:
                return
            was_met = self._is_met()
            self._cosigners.add(peer.client.key)
            is_new = self._is_met() and not was_met
            self._changed.notify_all()
        if is_new:
            self._shelf.mark(size)

    def _is_met(self) -> bool:
        """Tell whether a quorum has cosigned the candidate; never, where the policy asks for none."""
        return self._policy.asks_for_witnesses and is_met(self._policy, self._cosigners)

    def _require_not_ahead(self, peer: "_Peer", size: int) -> None:
        with self._changed:
            our_size = self._our_size
        if size <= our_size:
            return
        held = self._held(peer)
        proof = " It holds a checkpoint of that kind which our own key signed." if held and held.size > our_size else ""
        raise RefusedToStart(
            f"the witness {peer.name} cosigned {size} entries of this log, here are only {our_size}: an old copy of database"
            f" and head was put back.{proof}",
            WAY_OUT,
        )

    def _require_our_tree(self, peer: "_Peer") -> None:
        """Raise RefusedToStart if the witness holds a checkpoint, signed by our own key, of a tree that is not this one."""
        held = self._held(peer)
        if held is None:
            return
        with self._changed:
            our_size = self._our_size
        if held.size > our_size:
            self._require_not_ahead(peer, held.size)
        if self._shelf.root_at(held.size) != held.root:
            raise RefusedToStart(
                f"the witness {peer.name} holds a checkpoint of {held.size} entries, signed by our own key, whose root is not"
                " that of the first entries here: this log was put back from an old copy and has grown anew",
                WAY_OUT,
            )

    def _held(self, peer: "_Peer") -> Checkpoint | None:
        """Return the last checkpoint that the witness can show, if our own key signed it."""
        try:
            note = peer.client.newest(self._origin)
        except WitnessAway:
            return None
        for key in self._log_keys if note is not None else ():
            with suppress(LedgerError):  # what it shows is not by this key: no proof of anything
                return open_checkpoint(str(note).encode(), key, self._origin)
        return None

    def _tell(self, peer: "_Peer", event: str, why: str) -> None:
        """Report a trouble when it begins, and when it becomes another kind of trouble."""
        if peer.told != event:
            peer.told = event
            self._report(event, witness=peer.name, why=why)


class _Peer:
    """One witness, as its thread knows it."""

    def __init__(self, name: str, client: WitnessClient) -> None:
        self.name = name
        self.client = client
        self.old_size: int | None = None  # what it cosigned last; None until it was heard
        self.cosigned_size = -1  # under which checkpoint we have its line, as far as this process knows
        self.was_heard = False
        self.is_resting = False
        self.failures = 0  # in a row
        self.told = ""  # the trouble that was reported last

    def wants(self, size: int) -> bool:
        """Tell whether this witness can still be asked to cosign the checkpoint of `size` entries."""
        return self.cosigned_size < size and (self.old_size or 0) <= size


def _read(note: str) -> Checkpoint:
    try:
        return parse_checkpoint(parse_note(note.encode()).text)
    except MalformedError as e:
        raise ValueError("a checkpoint of our own is not one") from e
