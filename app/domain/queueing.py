"""The queue: who is next, as a pure function of what was recorded.

An entry has a class and a place. Checking in gives the place of the ticket's number; being put back after a pass gives
a place a few people further on, coming back from tests one behind everybody who waits; those acts are recorded. The order
follows from class, place, number and the line's last calls, and nothing else moves it (promise Q2): no clock, no list
index, no order of rows.

    1  Emergencies are called before everybody, in the order of their places.
    2  Else the one with the first place is called (a *regular* call), or, before their turn, the first of the favoured
       classes (a *favoured* call): but only when none of the line's last two calls that stand was favoured.

**The cap.** Of any three calls of a line in a row, emergencies not counted, at most one is favoured. What follows from it:
whoever has n people with earlier places before them is called at the latest as the (n + 1 + ceil((n + 1) / 2))th of the
calls to come, whatever classes arrive meanwhile; emergencies do not count among them, and each recorded act that sets
somebody before them (put back, moved here, an undo) makes n one larger. A favoured class is never worse off for being one:
where its own place is the first, the call is a regular one. `tests/domain/test_cap.py` holds this.

Emergencies stand outside the cap because waiting may harm them: each is granted by somebody, on a ground, as a recorded act,
and is counted for those whom it overtakes.

A place is a fraction, so that somebody can always stand between two others without moving either.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from types import MappingProxyType

from app.domain.errors import Conflict, Refused, TicketMoved
from app.domain.priorities import Priority as Priority

PLACES_BACK_AFTER_PASS = 3
MOST_PASSES = 3  # the third pass is the last
CAP_CALLS = 3  # of so many calls in a row …
CAP_FAVOURED = 1  # … so many may be favoured
KEPT_CALLS = 16  # of a line's last calls: more than the cap looks at, so that undoing some leaves enough
PLACES_PER_NUMBER = 1000  # places are stored in thousandths, so that somebody fits between two numbers


class State(StrEnum):
    """Where a ticket is in its life."""

    WAITING = "waiting"
    CALLED = "called"
    SERVING = "serving"
    AWAY = "away"  # at a test, coming back without a new number
    DONE = "done"
    MISSED = "missed"
    NO_SHOW = "no_show"
    LEFT = "left"
    TRANSFERRED = "transferred"  # another department's queue goes on with a ticket of its own


class Turn(StrEnum):
    """How a call came about."""

    REGULAR = "regular"
    FAVOURED = "favoured"
    EMERGENCY = "emergency"


TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.WAITING: frozenset({State.CALLED, State.LEFT, State.TRANSFERRED}),
        State.CALLED: frozenset({State.SERVING, State.MISSED, State.NO_SHOW, State.LEFT}),
        State.SERVING: frozenset({State.DONE, State.AWAY}),
        State.AWAY: frozenset({State.WAITING, State.LEFT}),
        State.MISSED: frozenset({State.WAITING, State.LEFT, State.TRANSFERRED}),
        State.DONE: frozenset(),
        State.NO_SHOW: frozenset(),
        State.LEFT: frozenset(),
        State.TRANSFERRED: frozenset(),
    }
)
"""Which state may follow which. Calling again (recall) leaves the state alone."""

UNDOES: Mapping[str, frozenset[tuple[State, State]]] = MappingProxyType(
    {
        "ticket.called": frozenset({(State.CALLED, State.WAITING)}),
        "ticket.passed": frozenset({(State.MISSED, State.CALLED)}),
        "ticket.no_show": frozenset({(State.NO_SHOW, State.CALLED)}),
        "ticket.requeued": frozenset({(State.WAITING, State.MISSED)}),
        "ticket.away": frozenset({(State.AWAY, State.SERVING)}),
        "ticket.returned": frozenset({(State.WAITING, State.AWAY)}),
        "ticket.left": frozenset({(State.LEFT, State.WAITING), (State.LEFT, State.MISSED), (State.LEFT, State.CALLED)}),
        "ticket.moved": frozenset((s, s) for s in (State.WAITING, State.MISSED, State.AWAY)),
        "ticket.priority_granted": frozenset((s, s) for s in (State.WAITING, State.MISSED, State.AWAY)),
        "ticket.priority_withdrawn": frozenset((s, s) for s in (State.WAITING, State.MISSED, State.AWAY)),
    }
)
"""Which act can be taken back, once, and which state an undo leads from and to. A recall announced something and a visit
that began or ended has been with a doctor: these stay."""

ACTIVE = frozenset({State.WAITING, State.CALLED, State.SERVING, State.AWAY, State.MISSED})
"""The states in which a patient still has something to wait for."""

MOVABLE = frozenset({State.WAITING, State.MISSED, State.AWAY})
"""The states in which a ticket may go to another line, and be given or lose a class."""


class CannotUndo(Conflict):
    """There is nothing to take back, or it cannot be: `act` is the event's type, empty where there is none."""

    code = "cannot_undo"


class MoveElsewhere(Refused):
    """The other session is not of this queue: another department or day. There a transfer gives a number of that queue."""

    code = "move_elsewhere"


class MoveNowhere(Conflict):
    """The ticket is in that line already, or the session is stopped or over."""

    code = "move_nowhere"


class LateUnreadable(Refused):
    """How late a clinician is, is 0 to 240 whole minutes."""

    code = "late_unreadable"
    status = 400
    is_recorded = False


MOST_MINUTES_LATE = 240

Calls = Sequence[tuple[str, Turn]]
"""A line's last calls that stand, the newest last: ticket and turn, without emergencies."""


@dataclass(frozen=True)
class QueueEntry:
    """The facts about one ticket that its queue is ordered by. `returns` counts how often it came back from tests."""

    ticket_id: str
    number: int
    place: Fraction
    state: State = State.WAITING
    priority: Priority = Priority.NORMAL
    passes: int = 0
    returns: int = 0


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


def order(entries: Iterable[QueueEntry], recent: Calls = ()) -> list[QueueEntry]:
    """Return those who wait in the order in which they will be called if nothing else is recorded."""
    return [entry for entry, _ in _calls_to_come(entries, recent)]


def next_to_call(entries: Iterable[QueueEntry], recent: Calls = ()) -> QueueEntry | None:
    """Return who is called next, or None when nobody waits."""
    waiting = order(entries, recent)
    return waiting[0] if waiting else None


def turn_of(entry: QueueEntry, entries: Iterable[QueueEntry]) -> Turn:
    """Return what calling this one now would be: regular where nobody who waits has an earlier place."""
    if entry.priority is Priority.EMERGENCY:
        return Turn.EMERGENCY
    waiting = (e for e in entries if e.state is State.WAITING and e.priority is not Priority.EMERGENCY)
    first = min((*waiting, entry), key=_by_place)
    is_favoured = entry.priority is Priority.PRIORITY and first.ticket_id != entry.ticket_id
    return Turn.FAVOURED if is_favoured else Turn.REGULAR


def after_call(recent: Calls, ticket_id: str, turn: Turn) -> list[tuple[str, Turn]]:
    """Return a line's last calls with this one. Emergencies are not counted."""
    return list(recent) if turn is Turn.EMERGENCY else [*recent, (ticket_id, turn)][-KEPT_CALLS:]


def after_undone_call(recent: Calls, ticket_id: str) -> list[tuple[str, Turn]]:
    """Return a line's last calls without the newest of this ticket: it was taken back, so it never counted."""
    calls = list(recent)
    for index in range(len(calls) - 1, -1, -1):
        if calls[index][0] == ticket_id:
            del calls[index]
            break
    return calls


def people_before(entries: Iterable[QueueEntry], ticket_id: str, recent: Calls = ()) -> int | None:
    """Return how many wait in front of a ticket, or None when that ticket does not wait."""
    for people, entry in enumerate(order(entries, recent)):
        if entry.ticket_id == ticket_id:
            return people
    return None


def position_of(entries: Iterable[QueueEntry], ticket_id: str, recent: Calls = ()) -> int | None:
    """Return a ticket's position, 1 for the next one, or None when it does not wait."""
    people = people_before(entries, ticket_id, recent)
    return None if people is None else people + 1


def most_calls(people_before_by_place: int) -> int:
    """Return the cap's promise: at which of the calls to come, emergencies not counted, one with so many earlier places
    before them is called at the latest."""
    n = people_before_by_place
    return n + 1 + CAP_FAVOURED * ceil((n + 1) / (CAP_CALLS - CAP_FAVOURED))


def _require(entry: QueueEntry, state: State) -> None:
    if entry.state is not state:
        raise TicketMoved(state=entry.state.value)


def move(entry: QueueEntry, new: State) -> QueueEntry:
    """Return the entry in its new state. Raises TicketMoved, with the present state, when that does not follow."""
    if not is_allowed(entry.state, new):
        raise TicketMoved(state=entry.state.value)
    return replace(entry, state=new)


def has_begun(starts_at: datetime, late_minutes: int, now: datetime) -> bool:
    """Return whether a session has begun by what the people who wait were told: its start, or as late as its clinician said."""
    return now >= starts_at + timedelta(minutes=late_minutes)


def pass_over(entry: QueueEntry, *, is_excused: bool = False) -> QueueEntry:
    """Return the called entry after nobody came (过号): missed, and at the third time no longer expected. Who was with the
    doctor before the tests is no no-show, but has left. One that `is_excused` was called before the session had begun: it
    does not count.

    Raises TicketMoved when it was not called.
    """
    if is_excused:
        return move(entry, State.MISSED)
    passes = entry.passes + 1
    last = State.LEFT if entry.returns else State.NO_SHOW
    return replace(move(entry, last if passes >= MOST_PASSES else State.MISSED), passes=passes)


def put_back(entry: QueueEntry, entries: Iterable[QueueEntry], places: int = PLACES_BACK_AFTER_PASS) -> QueueEntry:
    """Return a missed entry as it waits again, behind the next `places` people of its class or behind all of them.

    `entries` is the queue as it stands. Raises TicketMoved when the entry was not missed.
    """
    if places < 1:
        raise ValueError("putting back goes at least one place back")
    _require(entry, State.MISSED)
    others = sorted(e.place for e in entries if e.state is State.WAITING and e.priority is entry.priority)
    waiting = move(entry, State.WAITING)
    return replace(waiting, place=_place_behind(others, places)) if others else waiting


def come_back(entry: QueueEntry, entries: Iterable[QueueEntry]) -> QueueEntry:
    """Return an entry that is back from tests (回诊): it waits behind everybody who waits, before all still to come, and its
    class brings it forward. Passes count anew. `entries` is the queue as it stands.

    Raises TicketMoved when the entry was not away.
    """
    _require(entry, State.AWAY)
    others = sorted(other.place for other in entries if other.state is State.WAITING)
    back = replace(move(entry, State.WAITING), passes=0, returns=entry.returns + 1)
    if back.priority is not Priority.EMERGENCY:
        back = replace(back, priority=Priority.PRIORITY)
    return replace(back, place=_place_behind(others, len(others))) if others else back


def order_key(place: Fraction) -> int:
    """Return a place as it is stored. Rounded up: a place between two others stays behind the first of them."""
    return ceil(place * PLACES_PER_NUMBER)


@lru_cache(maxsize=16384)  # the same few hundred tickets of a day, read again and again
def place_of(order_key: int) -> Fraction:
    """Return a stored place."""
    return Fraction(order_key, PLACES_PER_NUMBER)


def _by_place(entry: QueueEntry) -> tuple[Fraction, int, str]:
    return entry.place, entry.number, entry.ticket_id


def _calls_to_come(entries: Iterable[QueueEntry], recent: Calls) -> list[tuple[QueueEntry, Turn]]:
    """Return the calls that empty the queue from here, each with its turn."""
    waiting = sorted((entry for entry in entries if entry.state is State.WAITING), key=_by_place)
    calls = [(entry, Turn.EMERGENCY) for entry in waiting if entry.priority is Priority.EMERGENCY]
    by_place = [entry for entry in waiting if entry.priority is not Priority.EMERGENCY]
    favoured = [entry for entry in by_place if entry.priority is Priority.PRIORITY]
    turns = [turn for _, turn in recent]
    called: set[str] = set()
    first = ahead = 0  # the first by place, and the first of the favoured, that were not called yet
    while first < len(by_place):
        if by_place[first].ticket_id in called:
            first += 1
            continue
        while ahead < len(favoured) and favoured[ahead].ticket_id in called:
            ahead += 1
        entry, turn = by_place[first], Turn.REGULAR
        if ahead < len(favoured) and favoured[ahead] is not entry and _is_favour_due(turns):
            entry, turn = favoured[ahead], Turn.FAVOURED
        called.add(entry.ticket_id)
        turns.append(turn)
        calls.append((entry, turn))
    return calls


def _is_favour_due(turns: Sequence[Turn]) -> bool:
    return turns[-(CAP_CALLS - 1) :].count(Turn.FAVOURED) < CAP_FAVOURED


def _place_behind(others: list[Fraction], places: int) -> Fraction:
    """Return a place behind the first `places` of `others`, in front of the rest and of everybody still to come."""
    behind = others[min(places, len(others)) - 1]
    limit = others[places] if places < len(others) else Fraction(floor(behind) + 1)
    return (behind + limit) / 2
