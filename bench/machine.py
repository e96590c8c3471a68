"""On what machine, when, and how much of it others used meanwhile: without that a figure says nothing."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ledger.stores.engine import sqlite

IDLE_FIELDS = (3, 4)  # of the first line of /proc/stat: idle, and waiting for disks


@dataclass(frozen=True)
class Machine:
    """What the page of the figures says about where they come from."""

    processor: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    parts: str


def describe() -> Machine:
    cores = os.cpu_count() or 1
    model = re.search(r"model name\s*: (.+)", _read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+) kB", _read("/proc/meminfo"))
    parts = [f"{name} {version(name)}" for name in ("Flask", "gunicorn", "SQLAlchemy", "pycryptodome")]
    return Machine(
        processor=model[1].strip() if model else platform.machine(),
        cores=cores,
        memory_gib=int(memory[1]) / 1024**2 if memory else 0.0,
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {sys.version.split()[0]}",
        parts=", ".join([*parts, f"SQLite {sqlite.sqlite_version}"]),
    )


class Others:
    """Measures how much of the machine's cores everybody else used. `ours` returns the processor seconds of our own."""

    def __init__(self, ours: Callable[[], float]) -> None:
        self._ours = ours
        self._began = self._now()

    def _now(self) -> tuple[float, float, float]:
        return time.monotonic(), _busy_seconds(), self._ours() + time.process_time()

    def share(self) -> float:
        """Return the share, 0 to 1 of all cores, since this was made; 0 where the system does not tell."""
        passed, busy, ours = (new - old for new, old in zip(self._now(), self._began, strict=True))
        return max(0.0, busy - ours) / (passed * (os.cpu_count() or 1)) if busy else 0.0


def _busy_seconds() -> float:
    fields = [int(field) for field in _read("/proc/stat").partition("\n")[0].split()[1:9]]
    return sum(ticks for i, ticks in enumerate(fields) if i not in IDLE_FIELDS) / os.sysconf("SC_CLK_TCK")


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
