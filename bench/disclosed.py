"""A patient's page with the disclosure that it is beside the same page without: for `bench.sealing`, which writes it down.

The page of a visit is asked for through the application, from database files, in turn: without (in this process alone nothing is
recorded, and the page is read as a page that discloses nothing is), with the event that its opening is, and again within fifteen minutes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import func, select

from app import create_app
from app.models import Event, Visit
from app.services import disclosure
from bench import hospital, longrecord

VISITS = 60
_course = longrecord._value
WANTED = 0.5


@dataclass
class Page:
    """Times of one page in ms, by the clock and of the processor: `without` a disclosure, `opened`, and `again`."""

    name: str
    wall: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self, which: str) -> float:
        """Return the speed of a page that discloses beside the same without, by the processor's time."""
        return statistics.median(self.cpu["without"]) / statistics.median(self.cpu[which])


def measure(folder: Path) -> list[Page]:
    """Return a visit of five values that were measured once each, and one of twenty with their course over the visits before."""
    pages = []
    for name, results, is_course in (
        ("a visit with 5 results", 5, False),
        ("a visit with 20 results and their courses", 20, True),
    ):
        var = folder / f"disclosed-{results}"
        house = hospital.found(var, 0)
        with patch.multiple(longrecord, RESULTS=results, _value=_course if is_course else _once):
            token, _ = longrecord.fill(house, VISITS)
        with house.reading_session() as session:
            ids = list(session.scalars(select(Visit.id).order_by(Visit.started_at.desc()).limit(VISITS // 2)))
        house.close()
        app = create_app(hospital.settings_of(hospital.environment(var, 0)))
        app.extensions["warm"]()
        pages.append(_in_turn(longrecord._client(app, token), Page(name), ids))
        with app.extensions["mingzhen"]().reading_session() as session:
            looks = session.scalar(select(func.count()).select_from(Event).where(Event.type == "record.opened"))
        assert looks == len(ids), f"{looks} events of {len(ids)} pages that were opened"
        app.extensions["mingzhen"].close()
    return pages


def _once(index: int, number: int) -> dict[str, Any]:
    """Return a value that no other visit has."""
    return {**_course(index, number), "code": f"{number}-{index}"}


def _in_turn(client: Any, page: Page, ids: list[str]) -> Page:
    first, *rest = ids
    _ask(client, first, page, "")  # what a first request pays belongs to none
    for one in rest:
        with _silent():
            _ask(client, one, page, "without")
        _ask(client, one, page, "opened")
        _ask(client, one, page, "again")
    return page


def _ask(client: Any, visit_id: str, page: Page, which: str) -> None:
    began, used = time.perf_counter(), time.process_time()
    answer = client.get(f"/records/{visit_id}")
    cpu, wall = time.process_time() - used, time.perf_counter() - began
    assert answer.status_code == 200, answer.status_code
    if which:
        page.cpu.setdefault(which, []).append(1000 * cpu)
        page.wall.setdefault(which, []).append(1000 * wall)


@contextmanager
def _silent() -> Iterator[None]:
    """Let pages of the record disclose nothing, in this process: with nothing to record they only read."""
    with patch.object(disclosure, "opened", lambda *_a, **_k: None):
        yield


def lines(pages: list[Page]) -> list[str]:
    """Return what the section says of it."""
    said = [
        "The page of a visit on the patient's phone, through the whole application and with everything it asks of the database, beside the same page",
        f"with the disclosure switched off in the benchmark alone; {WANTED} is wanted:",
        "",
        "| page | without | opened: event and marks committed first | of without | again within fifteen minutes | of without |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for page in pages:
        cells = {
            which: f"{statistics.median(page.wall[which]):.1f} ms ({statistics.median(page.cpu[which]):.1f})"
            for which in page.wall
        }
        said.append(
            f"| {page.name} | {cells['without']} | {cells['opened']} | **{page.ratio('opened'):.2f}** | {cells['again']} |"
            f" **{page.ratio('again'):.2f}** |"
        )
    return [*said, "", "In brackets the processor's time, of which the ratios are."]
