"""The queue: who is next, as a pure function of what was recorded.

An entry has a class and a place. Checking in gives the place of the ticket's number; being put back after a pass gives
a place a few people further on, and that act is recorded. The order is by class, then place, then number, and nothing
else moves it (promise Q2): no clock, no list index, no order of rows.

A place is a fraction, so that somebody can always stand between two others without moving either.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from fractions import Fraction
from math import floor
from types import MappingProxyType

from app.domain.errors import TicketMoved

PLACES_BACK_AFTER_PASS = 3
MOST_PASSES = 3  # the third pass is the last


class State(StrEnum):
    """Where a ticket is in its life."""

    WAITING = "waiting"
    CALLED = "called"
    SERVING = "serving"
    DONE = "done"
    MISSED = "missed"
    NO_SHOW = "no_show"
    LEFT = "left"


class Priority(IntEnum):
    """Classes are called in this order; each but the last needs a reason when it is given."""

    EMERGENCY = 0
    PRIORITY = 1
    NORMAL = 2


TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.WAITING: frozenset({State.CALLED, State.LEFT}),
        State.CALLED: frozenset({State.SERVING, State.MISSED, State.NO_SHOW, State.LEFT}),
        State.SERVING: frozenset({State.DONE}),
        State.MISSED: frozenset({State.WAITING, State.LEFT}),
        State.DONE: frozenset(),
        State.NO_SHOW: frozenset(),
        State.LEFT: frozenset(),
    }
)
"""Which state may follow which. Calling again (recall) leaves the state alone."""

ACTIVE = frozenset({State.WAITING, State.CALLED, State.SERVING, State.MISSED})
"""The states in which a patient still has something to wait for."""


@dataclass(frozen=True)
class QueueEntry:
    """The facts about one ticket that its queue is ordered by."""

    ticket_id: str
    number: int
    place: Fraction
    state: State = State.WAITING
    priority: Priority = Priority.NORMAL
    passes: int = 0


def is_allowed(old: State, new: State) -> bool:
    """Return whether a ticket may go from `old` to `new`."""
    return new in TRANSITIONS[old]


def first_place(number: int) -> Fraction:
    """Return the place of a ticket just issued: numbers follow the order of arrival, so the number is the place."""
    return Fraction(number)


def parse_place(text: str) -> Fraction:
    """Return the place stored as `7` or `15/2`. Raises ValueError for any other spelling: the database is ours."""
    place = Fraction(text)
    if format_place(place) != text:
        raise ValueError("not the spelling of a place")
    return place


def format_place(place: Fraction) -> str:
    """Return the stored spelling of a place: `7` or `15/2`."""
    return str(place)


def order(entries: Iterable[QueueEntry]) -> list[QueueEntry]:
    """Return those who wait, the next one first."""
    waiting = (entry for entry in entries if entry.state is State.WAITING)
    return sorted(waiting, key=lambda entry: (entry.priority, entry.place, entry.number, entry.ticket_id))


def next_to_call(entries: Iterable[QueueEntry]) -> QueueEntry | None:
    """Return who is called next, or None when nobody waits."""
    waiting = order(entries)
    return waiting[0] if waiting else None


def people_before(entries: Iterable[QueueEntry], ticket_id: str) -> int | None:
    """Return how many wait in front of a ticket, or None when that ticket does not wait."""
    for people, entry in enumerate(order(entries)):
        if entry.ticket_id == ticket_id:
            return people
    return None


def position_of(entries: Iterable[QueueEntry], ticket_id: str) -> int | None:
    """Return a ticket's position, 1 for the next one, or None when it does not wait."""
    people = people_before(entries, ticket_id)
    return None if people is None else people + 1


def move(entry: QueueEntry, new: State) -> QueueEntry:
    """Return the entry in its new state. Raises TicketMoved, with the present state, when that does not follow."""
    if not is_allowed(entry.state, new):
        raise TicketMoved(state=entry.state.value)
    return replace(entry, state=new)


def pass_over(entry: QueueEntry) -> QueueEntry:
    """Return the called entry after nobody came (过号): missed, and at the third time no longer expected.

    Raises TicketMoved when it was not called.
    """
    passes = entry.passes + 1
    new = State.NO_SHOW if passes >= MOST_PASSES else State.MISSED
    return replace(move(entry, new), passes=passes)


def put_back(entry: QueueEntry, entries: Iterable[QueueEntry], places: int = PLACES_BACK_AFTER_PASS) -> QueueEntry:
    """Return a missed entry as it waits again, behind the next `places` people of its class or behind all of them.

    `entries` is the queue as it stands. Raises TicketMoved when the entry was not missed.
    """
    if places < 1:
        raise ValueError("putting back goes at least one place back")
    others = [other.place for other in order(entries) if other.priority is entry.priority]
    waiting = move(entry, State.WAITING)
    return replace(waiting, place=_place_behind(others, places)) if others else waiting


def _place_behind(others: list[Fraction], places: int) -> Fraction:
    """Return a place behind the first `places` of `others`, in front of the rest and of everybody still to come."""
    behind = others[min(places, len(others)) - 1]
    limit = others[places] if places < len(others) else Fraction(floor(behind) + 1)
    return (behind + limit) / 2
