"""Completeness for one person: whether anything is missing, doubled or out of order between receipts that somebody holds.

Each event says its number among the events of its subject (`seq`) and commits to the one before (`prev`); who holds both
receipts can check the link. docs/log-format.md, "The chain of one person", has the rules in words. Pure: the receipts
were verified before, by `verify_receipt`; this judges only how they hang together.

A log that was healed after a restore may hold two branches of a chain: the events that were lost, whose receipts people
still have, and those recorded since. The public notice `log.healed` says where, and explains that and nothing else.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ledger.entry import chain_link
from ledger.errors import VerificationError
from ledger.notice import HEALED, detail_of
from ledger.receipt import ForMe, Verified

NO_PREV = "0" * 64

Kind = Literal["missing", "doubled", "reordered", "broken", "restored"]
FAULTS: frozenset[Kind] = frozenset(("missing", "doubled", "reordered", "broken"))

LIMITS = (
    "It shows that nothing is missing between the first and the last of these receipts; before and after them it shows"
    " nothing.",
    "It cannot show what was never recorded: somebody who looked without this system leaves no event.",
    "Times are the hospital's statement; what is proven is the order.",
)


@dataclass(frozen=True)
class Link:
    """What one receipt says of its place. `next_prev` is what the event after it has to have as `prev`."""

    name: str
    origin: str
    index: int
    entry: bytes
    subject: str | None
    seq: int
    prev: str
    next_prev: str


@dataclass(frozen=True)
class Healing:
    """The log `origin` lost its database's entries `start` up to, but not with, `end`, and took back their leaves."""

    origin: str
    start: int
    end: int


@dataclass(frozen=True)
class Finding:
    """One thing about the chain of `subject`, around its events `first` to `last`. Kind "restored" explains, others accuse."""

    kind: Kind
    subject: str | None
    first: int
    last: int
    text: str


@dataclass(frozen=True)
class Chain:
    """What the receipts of one subject show: they reach from event `first` to `last`, `held` of them."""

    subject: str | None
    first: int
    last: int
    held: int
    findings: tuple[Finding, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing, doubled or out of order between the first and the last."""
        return not any(finding.kind in FAULTS for finding in self.findings)


def link_of(name: str, verified: Verified, opening: ForMe) -> Link:
    """Return the place of a good receipt, `name` being what to call it. Raises VerificationError ("chain") if it states none."""
    own: Mapping[str, object] = verified.own or {}
    subject, seq, prev = own.get("subject"), own.get("seq"), own.get("prev")
    if (
        not (subject is None or isinstance(subject, str))
        or isinstance(seq, bool)
        or not isinstance(seq, int)
        or seq < 1
    ):
        raise VerificationError("chain", "this event says no number of its own")
    if not isinstance(prev, str) or len(prev) != len(NO_PREV):
        raise VerificationError("chain", "this event does not say which came before it")
    next_prev = chain_link(opening.own_salt, verified.entry).hex()
    return Link(name, verified.checkpoint.origin, verified.index, verified.entry, subject, seq, prev, next_prev)


def healing_of(verified: Verified) -> Healing:
    """Return what the receipt of a notice `log.healed` says. Raises VerificationError ("notice") if it is none."""
    detail = detail_of(verified, HEALED)
    start, end = detail.get("from"), detail.get("to")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start <= end <= verified.index:
        raise VerificationError("notice", "this notice does not say what came back")
    return Healing(verified.checkpoint.origin, start, end)


def check_chains(links: Sequence[Link], healings: Sequence[Healing] = ()) -> list[Chain]:
    """Return what these receipts show, one chain for each subject. The same receipt twice counts once."""
    subjects: dict[str | None, dict[bytes, Link]] = defaultdict(dict)
    for link in links:
        subjects[link.subject].setdefault(link.entry, link)
    return [_check(subject, list(held.values()), healings) for subject, held in subjects.items()]


def _check(subject: str | None, links: list[Link], healings: Sequence[Healing]) -> Chain:
    numbers: dict[int, list[Link]] = defaultdict(list)
    for link in sorted(links, key=lambda link: (link.seq, link.index)):
        numbers[link.seq].append(link)
    seqs = sorted(numbers)
    found: list[Finding] = []

    def say(kind: Kind, first: int, last: int, text: str) -> None:
        found.append(Finding(kind, subject, first, last, text))

    for seq in seqs:
        for link in numbers[seq]:
            if (seq == 1) != (link.prev == NO_PREV):
                say(
                    "broken",
                    seq,
                    seq,
                    f"{link.name}: says that it is number {seq}, and something else of what came before",
                )
        for a, b in zip(numbers[seq], numbers[seq][1:], strict=False):
            if _is_explained(a, b, healings):
                say(
                    "restored",
                    seq,
                    seq,
                    f"number {seq} was lost by a restore and given again: {a.name} and {b.name} are both real",
                )
            else:
                say("doubled", seq, seq, f"number {seq} exists twice: {a.name} and {b.name}")
    for before, after in itertools.pairwise(seqs):
        if after - before > 1:
            gap = f"number {before + 1} is" if after - before == 2 else f"numbers {before + 1} to {after - 1} are"
            say("missing", before + 1, after - 1, f"{gap} not among these receipts")
        for link in numbers[after]:
            _check_step(numbers[before], link, healings, say)
    return Chain(subject, seqs[0], seqs[-1], len(links), tuple(found))


def _check_step(
    before: Sequence[Link], link: Link, healings: Sequence[Healing], say: Callable[[Kind, int, int, str], None]
) -> None:
    """Judge one receipt against those of the number before it that is held."""
    known = [other for other in before if other.seq == link.seq - 1]
    parents = [other for other in known if other.next_prev == link.prev]
    if known and not parents:
        other = known[-1]
        if any(_is_explained(other, link, healings) for other in known):
            say(
                "restored",
                other.seq,
                link.seq,
                f"between {other.name} and {link.name} lies a restore: what came between is lost",
            )
        else:
            say(
                "broken",
                other.seq,
                link.seq,
                f"{link.name} does not follow {other.name}: an event between them was removed or changed",
            )
    for other in parents or ([] if known else before):
        if other.origin == link.origin and other.index > link.index:
            say(
                "reordered",
                other.seq,
                link.seq,
                f"{link.name} comes after {other.name}, but stands before it in the log",
            )


def _is_explained(a: Link, b: Link, healings: Sequence[Healing]) -> bool:
    """Tell whether one of the two stands among leaves that a restore lost, and the other was recorded after it."""
    low, high = sorted((a, b), key=lambda link: link.index)
    return any(
        low.origin == high.origin == healing.origin and healing.start <= low.index < healing.end <= high.index
        for healing in healings
    )
