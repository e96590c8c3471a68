"""What an audit says: one value for each thing that is not as the ledger has it, and the sentence for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MOST_KEPT = 1000  # of one kind: after that they are counted only, so that memory stays bounded

WORDS = {
    "row.edited": "was edited: it is not what its event says",
    "row.inserted": "was inserted: no event names it",
    "row.deleted": "was deleted: events name it, and there is neither the row nor its tombstone",
    "row.swapped": "does not open: changed, or taken from another row, version or table",
    "row.rolled_back": "was put back: events name a later version",
    "row.unnamed_version": "has a version that no event names",
    "row.two_digests": "has two digests for one version, in two events",
    "row.erased_yet_there": "has a tombstone and is there",
    "event.inserted": "was inserted: the log has no entry for it",
    "event.deleted": "was deleted: the log has its entry, and there is neither the event nor its tombstone",
    "event.swapped": "does not open: changed, or taken from another event",
    "event.edited": "was edited: it does not make the entry that the log has",
    "event.relabelled": "says in clear something else than what it sealed",
    "event.chain": "does not follow the event before it of the same subject",
    "event.erased_yet_there": "has a tombstone and is there",
    "chain.head": "the last link of a subject's chain is not its last event",
    "tombstone.unfounded": "a tombstone without its erasure",
    "tombstone.other": "the tombstones of an erasure are not those that it recorded",
    "log.leaf": "an entry is not at the place that its number says",
    "log.bare": "a leaf of no event, and no notice of the log says why",
    "log.root": "the entries do not lead to the root of the tree",
    "log.checkpoint": "the newest checkpoint is not signed over these entries",
}

_UNNAMED = {"event.deleted": "an event"}  # what has gone cannot say what it was


@dataclass(frozen=True)
class Finding:
    """One thing that does not agree. `what` is the row's projection or the event's type, `id` its id; `index` is the leaf in the
    log, `event` the event that says otherwise, `fields` the columns that differ."""

    kind: str
    what: str = ""
    id: str = ""
    version: int | None = None
    index: int | None = None
    event: str = ""
    fields: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return the finding in words: ids and types, nothing of anybody."""
        subject = f"{self.what} {self.id}".strip() or _UNNAMED.get(self.kind, "")
        version = f" (version {self.version})" if self.version is not None else ""
        leaf = f", entry {self.index}" if self.index is not None else ""
        event = f", event {self.event}" if self.event else ""
        fields = f": {', '.join(self.fields)}" if self.fields else ""
        said = WORDS[self.kind]
        return f"{subject}{version} {said}{fields}{leaf}{event}".strip()


@dataclass
class Found:
    """All findings of an audit: those that are kept, and how many there were of each kind."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        self.counts[finding.kind] += 1
        if self.counts[finding.kind] <= MOST_KEPT:
            self.kept.append(finding)

    @property
    def is_sound(self) -> bool:
        return not self.counts
