"""Work that the clock brings: what there is, how often, and in which order.

Each chore is one short writing transaction. Who runs them, when, and what becomes of one that fails: `app/chores.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.services import notices, offers, reminding, stopping, strikes, sweeping


@dataclass(frozen=True)
class Chore:
    """One kind of work. `run` returns how many things it did; `name` stands in logs, metrics and docs/events.md.

    `is_due` looks, in a read transaction, whether there is anything to do, so that idle rounds take no turn at the gate; None
    says that `run` finds out by itself. A chore with `in_batches` runs again at once while it finds something.
    """

    name: str
    every_seconds: float
    run: Callable[[Session, datetime], int]
    is_due: Callable[[Session, datetime], bool] | None = None
    in_batches: bool = False


CHORES: tuple[Chore, ...] = (
    Chore("offer-freed-slots", 2, offers.run, offers.is_due, in_batches=True),
    Chore("offer-moves", 1, stopping.run, stopping.is_due, in_batches=True),
    Chore("close-days", 60, strikes.run, strikes.is_due, in_batches=True),
    Chore("remind-of-visits", 60, reminding.remind, reminding.reminders_due, in_batches=True),
    Chore("tell-the-near", 3, reminding.tell_near, reminding.near_due, in_batches=True),
    Chore("record-notices", 2, notices.run, notices.is_due),
    Chore("sweep-old-rows", 3600, sweeping.run, sweeping.is_due, in_batches=True),
)  # fmt: skip
