"""Judging a day: each function returns what it finds wrong, in sentences; nothing where all is as promised."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.calendar import HOSPITAL_ZONE
from app.domain.waits import HIT_SHARE, MEDIAN_WIDTH, Range, coverage
from app.models import Appointment, Ticket
from bench.day.gathered import BOUND, Fact, Gathered
from bench.day.world import Shown

# Types that an act of the day's people asks for, one event for each act.
ASKED = frozenset({
    "appointment.checked_in", "appointment.walked_in", "person.registered", "ticket.called", "ticket.recalled",
    "ticket.passed", "ticket.requeued", "ticket.priority_granted", "ticket.away", "ticket.returned", "ticket.left",
    "ticket.undone", "visit.started", "visit.resumed", "visit.finished", "session.late",
})  # fmt: skip
# Types that come by themselves: a board's first look, a refusal (A6), and what the chores do.
BESIDE = frozenset({
    "board.opened", "act.refused", "waitlist.offered", "waitlist.lapsed", "appointment.no_show", "strike.given",
    "strike.excused", "appointment.move_offered",
})  # fmt: skip
MOST_LISTED = 20
FEWEST_TO_JUDGE = 50  # ranges: with fewer the share says nothing


@dataclass(frozen=True)
class Waits:
    """How the shown ranges did. `looks` had somebody waiting; of these `shown` gave a range and `judged` came to a call."""

    looks: int
    shown: int
    judged: int
    hit_share: float
    median_width: float
    by_hour: tuple[tuple[int, int, int, float, float], ...]  # hour, looks, judged, share, width


def everything(day: Gathered, acts: Counter[tuple[str, str]], failed: Sequence[str], waits: Waits) -> list[str]:
    """Return all findings of a day."""
    checks = (
        failed,
        numbers(day.numbers, day.last_numbers),
        rooms(day.of_day),
        day.replay,
        one_each(acts_by_ticket(acts, day), events_by_ticket(day)),
        strangers(day.of_day),
        day.receipts,
        entries(day.entries, day.published),
        audit(day.rows, day.events),
        promised(waits),
    )
    return [words for found in checks for words in _some(found)]


def numbers(by_queue: Mapping[str, Sequence[int]], last: Mapping[str, int]) -> list[str]:
    """A queue's numbers are 1 to n, each once (Q4), and its counter stands at n."""
    found = []
    for letter, issued in sorted(by_queue.items()):
        counted = Counter(issued)
        found += [f"queue {letter}: number {n} stands on {count} tickets" for n, count in counted.items() if count > 1]
        highest = max(max(issued, default=0), last.get(letter, 0))
        found += [f"queue {letter}: number {n} is skipped" for n in range(1, highest + 1) if n not in counted]
        if last.get(letter, 0) < max(issued, default=0):
            found.append(f"queue {letter}: its counter stands before its last number")
    return found


def rooms(facts: Iterable[Fact]) -> list[str]:
    """Nobody is called while in a room already, and no room has two (Q1): the events one after another."""
    found: list[str] = []
    in_room: dict[str, str] = {}  # ticket → room
    for fact in facts:
        ticket, number = fact.named(Ticket.OBJECT), fact.detail.get("ticket", "")
        if fact.type == "ticket.called":
            room = str(fact.detail["room"])
            if ticket in in_room:
                found.append(f"{number} is called into {room} while in {in_room[ticket]}")
            elif room in in_room.values():
                found.append(f"{number} is called into {room} where somebody is")
            in_room[ticket] = room
        elif fact.type in ("ticket.passed", "ticket.no_show", "ticket.away", "visit.finished"):
            if in_room.pop(ticket, None) is None:
                found.append(f"{fact.type} of {number or 'a ticket'} that was in no room")
        elif fact.type in ("visit.started", "visit.resumed") and ticket not in in_room:
            found.append(f"{fact.type} of a ticket that was not called")
        elif fact.type == "ticket.left" or (fact.type, fact.detail.get("undone")) == ("ticket.undone", "ticket.called"):
            in_room.pop(ticket, None)
    return found


def one_each(acts: Mapping[tuple[str, str], int], recorded: Mapping[tuple[str, str], int]) -> list[str]:
    """Every act that a client saw succeed has exactly one event, and every event of these types has its act."""
    found = []
    for key in sorted(acts.keys() | recorded.keys()):
        done, told = acts.get(key, 0), recorded.get(key, 0)
        if done != told:
            found.append(f"{key[0]} of {key[1] or 'nobody'}: {done} acts, {told} events")
    return found


def acts_by_ticket(acts: Mapping[tuple[str, str], int], day: Gathered) -> Counter[tuple[str, str]]:
    """Return the acts with tickets in place of the appointments that phones and desks named."""
    found: Counter[tuple[str, str]] = Counter()
    for (kind, ref), count in acts.items():
        found[_type(kind), day.of_appointment.get(ref, ref)] += count
    return found


def events_by_ticket(day: Gathered) -> Counter[tuple[str, str]]:
    """Return how many events of the asked types there are for each ticket; of a late doctor for each member."""
    found: Counter[tuple[str, str]] = Counter()
    for fact in day.of_day:
        kind = _type(fact.type, fact.detail.get("by"))
        if kind not in ASKED:
            continue
        ticket = fact.named(Ticket.OBJECT) or day.of_appointment.get(fact.named(Appointment.OBJECT), "")
        if fact.type == "person.registered":
            ticket = day.of_patient.get(fact.subject or "", "")
        found[kind, str(fact.actor) if fact.type == "session.late" else ticket] += 1
    return found


def _type(kind: str, by: object = None) -> str:
    """A pass is a pass: the third ends the ticket, or the visit of who was back from tests, and its event says so."""
    return "ticket.passed" if kind == "ticket.no_show" or by == "passes" else kind


def strangers(facts: Iterable[Fact]) -> list[str]:
    """Events of types that nobody and nothing of the day asks for."""
    counted = Counter(fact.type for fact in facts if _type(fact.type) not in ASKED | BESIDE)
    return [f"{count} events of type {kind}, which nobody asked for" for kind, count in sorted(counted.items())]


def entries(recorded: int, published: int) -> list[str]:
    """The published log has an entry for each event and no other."""
    return [] if recorded == published else [f"{recorded} events, {published} entries in the published log"]


def audit(rows: Mapping[tuple[str, str], Mapping[str, Any]], facts: Iterable[Fact]) -> list[str]:
    """Both ways: each version of a ticket or appointment is named by one event, the newest with the digest that the row has
    now; and each event names rows that are there, in a version that they have reached."""
    named: dict[tuple[str, str], dict[int, dict[str, Any]]] = defaultdict(dict)
    found = []
    for fact in facts:
        for one in fact.objects:
            if one["type"] not in BOUND:
                continue
            key, version = (one["type"], one["id"]), one["version"]
            row = rows.get(key)
            if row is None:
                found.append(f"{fact.type} names a {key[0]} that is not there")
            elif version > row["version"]:
                found.append(f"{fact.type} names version {version} of a {key[0]} that is at {row['version']}")
            if named[key].setdefault(version, one)["digest"] != one["digest"]:
                found.append(f"{fact.type} names version {version} of a {key[0]} with a second digest")
    for key, row in rows.items():
        missing = set(range(1, row["version"] + 1)) - named[key].keys()
        found += [f"version {version} of a {key[0]} is named by no event" for version in sorted(missing)]
        if row["version"] in named[key] and named[key][row["version"]]["digest"] != row["digest"]:
            found.append(f"a {key[0]} is not what its newest event says (version {row['version']})")
    return found


def measure_waits(shown: Sequence[Shown], tickets: Mapping[str, str], facts: Iterable[Fact]) -> Waits:
    """Compare each range with when the number was called next, counted from the look. Who was not called any more, or waited
    anew in between, counts for nothing."""
    steps: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for fact in facts:
        if fact.type.startswith("ticket."):
            steps[fact.named(Ticket.OBJECT)].append((fact.at, fact.type))
    said: list[tuple[int, Range, float]] = []
    for one in shown:
        if one.low is None or one.high is None:
            continue
        after = [(at, kind) for at, kind in steps[tickets.get(one.ticket, "")] if at > one.at]
        call = next(((at, kind) for at, kind in after if kind != "ticket.priority_granted"), None)
        if call is not None and call[1] == "ticket.called":
            took = (call[0] - one.at).total_seconds() / 60
            said.append((_hour(one.at), Range(one.low, one.high), took))
    by_hour = []
    hours = Counter(_hour(one.at) for one in shown)
    share, width = coverage([found for _, found, _ in said], [took for _, _, took in said])
    for hour, looks in sorted(hours.items()):
        own = [(found, took) for at, found, took in said if at == hour]
        by_hour.append((hour, looks, len(own), *coverage([f for f, _ in own], [t for _, t in own])))
    return Waits(len(shown), sum(one.low is not None for one in shown), len(said), share, width, tuple(by_hour))


def promised(waits: Waits) -> list[str]:
    """Of the ranges that were shown four in five hold, and half are no wider than twenty minutes."""
    if waits.judged < FEWEST_TO_JUDGE:
        return []
    found = []
    if waits.hit_share < HIT_SHARE:
        found.append(f"waits: {waits.hit_share:.1%} of {waits.judged} ranges held, {HIT_SHARE:.0%} are promised")
    if waits.median_width > MEDIAN_WIDTH:
        found.append(f"waits: the median width is {waits.median_width:g} minutes, {MEDIAN_WIDTH:g} are promised")
    return found


def _hour(at: datetime) -> int:
    return at.astimezone(HOSPITAL_ZONE).hour


def _some(found: Sequence[str]) -> list[str]:
    more = len(found) - MOST_LISTED
    return [*found[:MOST_LISTED], f"… and {more} more of these"] if more > 0 else list(found)
