"""The whole demo in processes of its own, seeded once and copied; a clock that stands at any hour; a browser that complains."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser import LAUNCH_ARGUMENTS, chromium_path
from tests.server.launched import Site, wait_until

HOSPITAL = ZoneInfo("Asia/Shanghai")


def offset_to(clock: str) -> int:
    """Return how many seconds ahead of now the hospital's wall clock next shows `clock`, a few minutes' run allowed for."""
    now = datetime.now(HOSPITAL)
    hour, minute = map(int, clock.split(":"))
    then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return int(((then if then > now else then + timedelta(days=1)) - now).total_seconds())


def is_fresh(site: Site) -> bool:
    return "The demo is up to date." in (site.folder / "log" / "site.log").read_text()


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a demo that was started once: people with a past, and a ledger that sealed it."""
    site = Site(tmp_path_factory.mktemp("seeded") / "var").prepare().start()
    try:
        site.ready()
        wait_until(lambda: is_fresh(site))
    finally:
        site.end(signal.SIGINT)
    return site.folder


@pytest.fixture
def demo(seeded: Path, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Starts copies of the seeded demo: `demo("23:58")` at that hour, `demo()` now."""
    made: list[Site] = []

    def start(clock: str | None = None, days: int = 0, **environment: str) -> Site:
        folder = tmp_path / f"var{len(made)}"
        shutil.copytree(seeded, folder, ignore=shutil.ignore_patterns("*.sock", "log", "lock*", "*.lock"))
        offset = days * 86400 + (offset_to(clock) if clock else 0)
        site = Site(folder, DEMO_CLOCK_OFFSET_SECONDS=str(offset), **environment)
        made.append(site)
        return site.start().ready()

    yield start
    for site in made:
        site.sweep()


@pytest.fixture(scope="module")  # not longer: another file's tests begin a playwright of their own, and two do not mix
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium_path()), args=list(LAUNCH_ARGUMENTS))
        yield browser
        browser.close()
