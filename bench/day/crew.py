"""Everybody of the day at work: a heap of who is to go on when, and a few threads that let them.

Somebody is a generator that acts and then yields after how many of the hospital's seconds they go on.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import traceback
from collections.abc import Callable, Generator
from datetime import datetime, timedelta

Steps = Generator[float, None, None]
NAP_SECONDS = 0.2


class Crew:
    """`now` is the hospital's clock, `rate` how fast it runs; `fail` hears of whoever fell over."""

    def __init__(self, now: Callable[[], datetime], rate: int, fail: Callable[[str], None]) -> None:
        self._now, self._rate, self._fail = now, rate, fail
        self._heap: list[tuple[datetime, int, Steps]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._living = 0
        self._is_over = False
        self.late: list[float] = []  # seconds of the hospital's, of each step

    def add(self, at: datetime, steps: Steps) -> None:
        """Let somebody begin at this instant."""
        with self._changed:
            self._living += 1
            self._push(at, steps)

    def run(self, threads: int, until: datetime) -> bool:
        """Work until everybody is done; say whether they were by `until`."""
        crew = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for one in crew:
            one.start()
        with self._changed:
            while self._living and self._now() < until:
                self._changed.wait(NAP_SECONDS)
            is_done, self._is_over = not self._living, True
            self._changed.notify_all()
        for one in crew:
            one.join(60)
        return is_done

    def _push(self, at: datetime, steps: Steps) -> None:
        heapq.heappush(self._heap, (at, next(self._numbers), steps))
        self._changed.notify()

    def _work(self) -> None:
        while (steps := self._due()) is not None:
            try:
                pause = next(steps)
            except StopIteration:
                pause = None
            except Exception:  # whatever it was stands in the report
                self._fail("somebody of the simulation fell over: " + traceback.format_exc(limit=-3))
                pause = None
            with self._changed:
                if pause is None:
                    self._living -= 1
                    self._changed.notify_all()
                else:
                    self._push(self._now() + timedelta(seconds=pause), steps)

    def _due(self) -> Steps | None:
        """Return whose turn it is, waiting for it; None when the day is over."""
        with self._changed:
            while not self._is_over:
                wait = NAP_SECONDS
                if self._heap:
                    left = (self._heap[0][0] - self._now()).total_seconds()
                    if left <= 0:
                        self.late.append(-left)
                        return heapq.heappop(self._heap)[2]
                    wait = min(wait, left / self._rate)
                self._changed.wait(wait)
        return None
