"""Exporting again and again, beside a log that works: in a thread of the sequencer's process, or as a process of its own."""

import threading
import time
from collections.abc import Callable

from ledger.errors import LedgerError
from ledger.export import Exported, Exporter, ExportRefused

LONGEST_PAUSE_SECONDS = 60.0

Report = Callable[..., None]


class ExportLoop:
    """Takes a step every `every_seconds`. What fails is reported once and tried again, ever more slowly; what the exporter
    refuses ends the loop, because only a person can tell which of the two is right."""

    def __init__(self, exporter: Exporter, every_seconds: float, report: Report) -> None:
        self._exporter = exporter
        self._every_seconds = every_seconds
        self._report = report
        self._stopping = threading.Event()
        self._trouble = ""
        self._pause_seconds = every_seconds

    def stop(self) -> None:
        """Let `run` take one last step and end. From another thread or a signal handler."""
        self._stopping.set()

    def run(self) -> bool:
        """Export until told to stop; tell whether that came before the exporter refused."""
        try:
            while not self._stopping.is_set():
                started = time.monotonic()
                self._try_step()
                self._stopping.wait(max(0.0, self._pause_seconds - (time.monotonic() - started)))
            self._try_step()  # what the log published last, before whoever ends us goes
        except ExportRefused as e:
            self._report("export.refused", why=str(e))
            return False
        return True

    def _try_step(self) -> Exported | None:
        try:
            done = self._exporter.step()
        except ExportRefused:
            raise
        except (LedgerError, OSError) as e:
            # A file is renamed only after it was written and synced as a whole, so trying again starts from nothing: no
            # failed fsync is ever taken for a good one.
            if str(e) != self._trouble:
                self._report("export.failed", why=f"{type(e).__name__}: {e}")
            self._trouble = str(e)
            self._pause_seconds = min(LONGEST_PAUSE_SECONDS, 2 * self._pause_seconds)
            return None
        if self._trouble:
            self._report("export.recovered", size=done.new_size)
        self._trouble, self._pause_seconds = "", self._every_seconds
        return done
