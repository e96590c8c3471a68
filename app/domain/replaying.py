"""A queue's day once more: the order recomputed from what was recorded, and compared with what was done and what is stored.

Facts come in the order in which they were recorded. Each moves one ticket, as the rules of `app.domain.queueing` say; a call
must be of whoever was next, and what an event says of places, passes and calls must be what the rules find. What is then
stored of each ticket and line must be what the replay ends with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.domain import queueing as rules
from app.domain.errors import TicketMoved
from app.domain.priorities import RETURNING, Priority, rank_of
from app.domain.queueing import QueueEntry, State, Turn
from app.domain.strikes import Excuse

ISSUED = "issued"  # whatever act a ticket came with
STARTS = ("visit.started", "visit.resumed")


@dataclass(frozen=True)
class Fact:
    """One recorded act on one ticket. `kind` is its event's type, or ISSUED; `says` the event's detail.

    `line` is the ticket's line after it was issued or moved, `session` the session then, `number` its number when issued.
    """

    kind: str
    ticket_id: str
    at: datetime
    says: Mapping[str, object]
    line: str = ""
    session: str = ""
    number: int = 0


@dataclass(frozen=True)
class Stored:
    """What is stored of a ticket, or what the replay finds: the two are compared field by field."""

    number: int
    state: str
    order_key: int
    calls: int
    passes: int
    returns: int
    priority: str | None
    turn: str | None
    line: str
    session: str
    called_at: datetime | None


@dataclass(frozen=True)
class Difference:
    """Where the replay and the record part: `ticket_id` (empty for a line), what it is about, and both sides."""

    ticket_id: str
    what: str
    recorded: object
    replayed: object


@dataclass
class _Ticket:
    entry: QueueEntry
    line: str
    session: str
    priority: str | None = None
    turn: Turn | None = None
    calls: int = 0
    called_at: datetime | None = None
    act: str = ""
    before: _Ticket | None = None  # as it was before the last act, where that can be taken back


@dataclass
class Replay:
    """The day so far. `calls` counts those that were made, `differences` are in the order in which they were found."""

    tickets: dict[str, _Ticket] = field(default_factory=dict)
    lines: dict[str, list[tuple[str, Turn]]] = field(default_factory=dict)
    standing_calls: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    differences: list[Difference] = field(default_factory=list)

    def apply(self, fact: Fact) -> None:
        """Let one fact happen."""
        if fact.kind == ISSUED:
            self._issue(fact)
            return
        ticket = self.tickets.get(fact.ticket_id)
        if ticket is None:
            self._differ(fact.ticket_id, fact.kind, "recorded", "never issued")
            return
        try:
            self._undo(ticket, fact) if fact.kind == "ticket.undone" else self._move(ticket, fact)
        except TicketMoved:
            self._differ(fact.ticket_id, fact.kind, "recorded", f"not possible from {ticket.entry.state.value}")

    def compare(self, stored: Mapping[str, Stored], lines: Mapping[str, tuple[int, list[tuple[str, Turn]]]]) -> None:
        """Compare with the tickets and lines as they are stored; a line is (calls that stand, the last of them)."""
        for ticket_id in sorted(stored.keys() | self.tickets.keys()):
            row, found = stored.get(ticket_id), self.tickets.get(ticket_id)
            if row is None or found is None:
                self._differ(ticket_id, "ticket", "stored" if row else "missing", "issued" if found else "never issued")
                continue
            replayed = self._stored(found)
            for name in Stored.__dataclass_fields__:
                if getattr(row, name) != getattr(replayed, name):
                    self._differ(ticket_id, name, getattr(row, name), getattr(replayed, name))
        for line in sorted(lines.keys() | self.lines.keys()):
            count, recent = lines.get(line, (0, []))
            if count != self.standing_calls.get(line, 0):
                self._differ("", "calls of a line", count, self.standing_calls.get(line, 0))
            if recent != self.lines.get(line, []):
                self._differ("", "last calls of a line", recent, self.lines.get(line, []))

    # Private

    def _differ(self, ticket_id: str, what: str, recorded: object, replayed: object) -> None:
        self.differences.append(Difference(ticket_id, what, recorded, replayed))

    def _says(self, fact: Fact, name: str, replayed: object) -> None:
        if name in fact.says and fact.says[name] != replayed:
            self._differ(fact.ticket_id, f"{fact.kind} {name}", fact.says[name], replayed)

    def _waiting(self, line: str) -> list[QueueEntry]:
        return [t.entry for t in self.tickets.values() if t.line == line and t.entry.state is State.WAITING]

    def _issue(self, fact: Fact) -> None:
        if fact.ticket_id in self.tickets:
            self._differ(fact.ticket_id, "issued", "twice", "once")
            return
        if any(t.entry.number == fact.number for t in self.tickets.values()):
            self._differ(fact.ticket_id, "number", fact.number, "taken")
        entry = QueueEntry(fact.ticket_id, fact.number, rules.first_place(fact.number))
        self.tickets[fact.ticket_id] = _Ticket(entry, fact.line, fact.session)

    def _move(self, ticket: _Ticket, fact: Fact) -> None:
        before = replace(ticket, before=None)
        entry = ticket.entry
        match fact.kind:
            case "ticket.called":
                entry = self._call(ticket, fact)
            case "ticket.recalled":
                ticket.calls, ticket.called_at = ticket.calls + 1, fact.at
                self._says(fact, "calls", ticket.calls)
            case "ticket.passed" | "ticket.no_show":
                entry = rules.pass_over(entry, is_excused=fact.says.get("why") == Excuse.CLINICIAN_LATE.value)
                self._says(fact, "passes", entry.passes)
                expected = "ticket.no_show" if entry.state is State.NO_SHOW else "ticket.passed"
                if expected != fact.kind:
                    self._differ(fact.ticket_id, "pass", fact.kind, expected)
            case "ticket.requeued":
                waiting = self._waiting(ticket.line)
                self._says(fact, "places", min(rules.PLACES_BACK_AFTER_PASS, len(waiting)))
                entry, ticket.turn = _as_stored(rules.put_back(entry, waiting)), None
            case "visit.started" | "visit.resumed":
                entry = rules.move(entry, State.SERVING)
            case "visit.finished":
                entry = rules.move(entry, State.DONE)
            case "ticket.away":
                entry = rules.move(entry, State.AWAY)
            case "ticket.returned":
                entry = _as_stored(rules.come_back(entry, self._waiting(ticket.line)))
                ticket.turn = None
                ticket.priority = ticket.priority if entry.priority is Priority.EMERGENCY else RETURNING
            case "ticket.left":
                by_passes = fact.says.get("by") == "passes"
                entry = rules.pass_over(entry) if by_passes else rules.move(entry, State.LEFT)
                if entry.state is not State.LEFT:
                    self._differ(fact.ticket_id, fact.kind, "left", entry.state.value)
            case "ticket.transferred":
                entry = rules.move(entry, State.TRANSFERRED)
            case "ticket.moved":
                ticket.line, ticket.session, ticket.turn = fact.line, fact.session, None
            case "ticket.priority_granted":
                ticket.priority = str(fact.says.get("priority"))
            case "ticket.priority_withdrawn":
                self._says(fact, "priority", ticket.priority)
                ticket.priority = None
            case _:
                raise ValueError(f"no fact of a queue: {fact.kind}")
        ticket.entry = replace(entry, priority=rank_of(ticket.priority))
        ticket.act, ticket.before = fact.kind, before if fact.kind in rules.UNDOES else None

    def _call(self, ticket: _Ticket, fact: Fact) -> QueueEntry:
        waiting, recent = self._waiting(ticket.line), self.lines.get(ticket.line, [])
        following = rules.next_to_call(waiting, recent)
        if following is None or following.ticket_id != fact.ticket_id:
            self._differ(fact.ticket_id, "call", fact.ticket_id, following.ticket_id if following else "nobody")
        entry = rules.move(ticket.entry, State.CALLED)
        ticket.turn = rules.turn_of(ticket.entry, waiting)
        ticket.calls, ticket.called_at = ticket.calls + 1, fact.at
        self.lines[ticket.line] = rules.after_call(recent, fact.ticket_id, ticket.turn)
        self.standing_calls[ticket.line] = self.standing_calls.get(ticket.line, 0) + 1
        self.calls += 1
        return entry

    def _undo(self, ticket: _Ticket, fact: Fact) -> None:
        self._says(fact, "undone", ticket.act)
        before = ticket.before
        if before is None or (ticket.entry.state, before.entry.state) not in rules.UNDOES[ticket.act]:
            self._differ(fact.ticket_id, fact.kind, "recorded", "nothing to undo")
            return
        if ticket.act == "ticket.called":
            self.lines[ticket.line] = rules.after_undone_call(self.lines[ticket.line], fact.ticket_id)
            self.standing_calls[ticket.line] -= 1
        self.tickets[fact.ticket_id] = replace(before, act="", before=None)

    def _stored(self, ticket: _Ticket) -> Stored:
        entry = ticket.entry
        return Stored(
            number=entry.number,
            state=entry.state.value,
            order_key=rules.order_key(entry.place),
            calls=ticket.calls,
            passes=entry.passes,
            returns=entry.returns,
            priority=ticket.priority,
            turn=ticket.turn.value if ticket.turn else None,
            line=ticket.line,
            session=ticket.session,
            called_at=ticket.called_at,
        )


def replay(facts: Iterable[Fact]) -> Replay:
    """Return a queue's day as the rules find it from its facts."""
    day = Replay()
    for fact in facts:
        day.apply(fact)
    return day


def _as_stored(entry: QueueEntry) -> QueueEntry:
    return replace(entry, place=rules.place_of(rules.order_key(entry.place)))
