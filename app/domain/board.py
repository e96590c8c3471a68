"""The desk's board: in which of six places somebody's visit stands, what may be done from there, and how long is long.

Counts and lists are made of the same rows by `place_of`, so that they can never disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from app.domain import rulebook
from app.domain.errors import RuleMalformed


class Place(StrEnum):
    """Where a visit of today stands for the desk, in the order of the board."""

    MISSED = "missed"
    IN_ROOM = "in_room"
    WAITING = "waiting"
    AWAY = "away"
    EXPECTED = "expected"
    DONE = "done"


_OF_TICKET: Mapping[str, Place] = MappingProxyType(
    {
        "waiting": Place.WAITING,
        "called": Place.IN_ROOM,
        "serving": Place.IN_ROOM,
        "missed": Place.MISSED,
        "away": Place.AWAY,
    }
)

_VERBS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "booked": ("check_in", "cancel"),
        "waiting": ("priority", "move", "transfer", "left"),
        "called": ("recall", "pass", "left"),
        "serving": ("to_tests",),
        "missed": ("put_back", "priority", "move", "transfer", "left"),
        "away": ("from_tests", "priority", "move", "left"),
    }
)


def place_of(appointment_state: str, ticket_state: str | None) -> Place:
    """Return where a visit stands: as its ticket says, once there is one."""
    if ticket_state is None:
        return Place.EXPECTED if appointment_state == "booked" else Place.DONE
    return _OF_TICKET.get(ticket_state, Place.DONE)


def verbs_of(
    appointment_state: str, ticket_state: str | None, *, priority: str | None = None, undoable: str | None = None
) -> tuple[str, ...]:
    """Return what the desk may do with a visit in this state, the likeliest first.

    Only what to offer: the rules of the queue decide again when it is done.
    """
    verbs = list(_VERBS.get(ticket_state or appointment_state, ()))
    if priority is not None and "priority" in verbs:
        verbs.insert(verbs.index("priority") + 1, "withdraw")
    if undoable is not None:
        verbs.append("undo")
    return tuple(verbs)


@dataclass(frozen=True)
class WaitLevels:
    """From how many minutes on a wait is long, and very long. A clinic's own stand under "waits" among its rules."""

    long_minutes: int = 30
    very_long_minutes: int = 60

    def level(self, minutes: int) -> str:
        """Return "" , "long" or "very_long" for a wait of so many whole minutes."""
        if minutes >= self.very_long_minutes:
            return "very_long"
        return "long" if minutes >= self.long_minutes else ""


def parse_levels(stored: Mapping[str, object] | None) -> WaitLevels:
    """Return the levels that a clinic's rules hold; the usual ones where they hold none.

    Raises RuleMalformed for levels that are none: whoever stored them is at fault.
    """
    if stored is None:
        return WaitLevels()
    levels = rulebook.parse_numbers(WaitLevels, stored)
    if not 0 < levels.long_minutes < levels.very_long_minutes:
        raise RuleMalformed("very_long_minutes")
    return levels


def minutes_between(since: datetime, now: datetime) -> int:
    """Return the whole minutes that have passed, never fewer than none."""
    return max(0, int((now - since).total_seconds() // 60))
