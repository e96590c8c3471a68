"""A run of `import-fhir`: gathers the files, loads one person at a time, and says what became of everything."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.actor import SYSTEM
from app.domain.fhir.parse import Index
from app.domain.ids import new_ref
from app.services import fhir_import
from app.services.fhir_gather import Batch, Group, Trouble, gather
from app.services.fhir_import import Loaded
from app.services.fhir_portions import cut, weight
from app.web.house import House

MOST_TOGETHER = 300  # resources in one transaction, unless one report has more values


@dataclass
class Report:
    """What a run did. `portions`: of each person one, or several of a person with much."""

    batch: Batch
    portions: list[Loaded] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, name: str) -> Counter[str]:
        """Return one counter of `Loaded` ("new", "changed", "unchanged"), summed over all people."""
        whole: Counter[str] = Counter()
        for loaded in self.portions:
            whole.update(getattr(loaded, name))
        return whole

    @property
    def broken(self) -> list[Trouble]:
        return [*self.batch.broken, *(t for loaded in self.portions for t in loaded.broken)]

    @property
    def without_person(self) -> list[Trouble]:
        return [*self.batch.without_person, *(t for loaded in self.portions for t in loaded.without_person)]

    @property
    def unverified(self) -> int:
        return sum(loaded.is_unverified for loaded in self.portions)

    @property
    def unusable_ids(self) -> int:
        return sum(loaded.has_unusable_id for loaded in self.portions)


def load(house: House, path: Path, source: str, progress: Callable[[int, int], None] = lambda *_: None) -> Report:
    """Load a file or folder, a few people a transaction, or a portion of one person with much, and each with an event of their own; a run
    that ends half way is simply run again."""
    started = time.monotonic()
    with _without_collecting():
        report = Report(gather(path))
    groups = [part for group in report.batch.groups.values() for part in cut(group, report.batch.index, MOST_TOGETHER)]
    gc.freeze()  # what was read lives to the end: the collector need not walk through it again and again
    try:
        for together in _portions(groups):
            report.portions += _load_together(house, together, report.batch.index, source)
            house.bell.knock()
            progress(len(report.portions), len(groups))
    finally:
        gc.unfreeze()
    report.seconds = time.monotonic() - started
    return report


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Leave the collector off while files are read: nothing of them goes, and it would look at all of it after every few."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _portions(groups: Sequence[Group]) -> Iterator[list[Group]]:
    """Yield groups in portions of MOST_TOGETHER resources: the disk is waited for once a portion, and an act of the hospital
    waits for one portion at most. What is left of a person begins a new one: it rests on rows of the one before."""
    together: list[Group] = []
    taken = 0
    for group in groups:
        heavy = 1 + weight(group.others)
        if together and (group.is_rest or taken + heavy > MOST_TOGETHER):
            yield together
            together, taken = [], 0
        together.append(group)
        taken += heavy
    if together:
        yield together


def _load_together(house: House, groups: Sequence[Group], index: Index, source: str) -> list[Loaded]:
    """Load a portion in one transaction. New people's keys are made first, all at once: the two databases never commit together,
    and a key without a person is harmless."""
    with house.reading_session() as session:
        are_new = fhir_import.are_new(session, groups, source)
    refs = [new_ref() if is_new else "" for is_new in are_new]
    if any(refs):
        house.vault.welcome_new([ref for ref in refs if ref])
    with house.writing_session() as session:
        return fhir_import.load_people(session, SYSTEM, groups, index, house.clock(), source=source, refs=refs)


def say(report: Report, limit: int | None = 10) -> Iterator[str]:
    """Yield the report in lines. Of what was left out, `limit` lines of each kind; counts are always whole."""
    new, changed, unchanged = (report.count(name) for name in ("new", "changed", "unchanged"))
    yield f"{report.batch.files} files in {report.seconds:.1f} s"
    yield f"loaded: {_counts(new)}"
    if changed:
        yield f"changed: {_counts(changed)}"
    if unchanged or report.batch.repeated:
        yield f"as it was: {_counts(unchanged)}; {report.batch.repeated} repeated"
    yield (
        f"kept unverified: {report.unverified} people without a usable document, "
        f"{report.unusable_ids} of them with an ID number that does not hold"
    )
    absent = report.count("absent")
    if absent:
        yield f"states that there is nothing: {_counts(absent)}"
    yield f"unsupported: {_counts(report.batch.unsupported)}"
    yield from _troubles("without a person", report.without_person, limit)
    yield from _troubles("broken", report.broken, limit)


def _counts(counts: Counter[str]) -> str:
    listed = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    return f"{counts.total()} ({listed})" if listed else "0"


def _troubles(title: str, troubles: Sequence[Trouble], limit: int | None) -> Iterator[str]:
    yield f"{title}: {len(troubles)}"
    shown = troubles if limit is None else troubles[:limit]
    yield from (f"  {trouble.file}: {trouble.why}" for trouble in shown)
    if len(shown) < len(troubles):
        yield f"  and {len(troubles) - len(shown)} more; --all names them"
