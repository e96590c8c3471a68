"""A day of waiting, made up: many lines with doctors of every kind, and what `app.domain.waits` would have told who waited.

    .venv/bin/python -m tests.waiting_day [seed …]

prints for each kind of line how many ranges were shown, how many of them held, and how wide they were. A range is asked for
as phones ask for it: at check-in, and every five minutes until the call.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.domain import waits
from app.domain.waits import Pace, Range, Record, Room, Turn

KINDS = ("steady", "fast", "slow", "erratic", "breaks", "late", "pool", "jumpy")
ASKED_EVERY = 5.0
DAYS_BEFORE = 6


@dataclass
class Somebody:
    arrived_at: float
    place: float
    called_at: float | None = None
    ended_at: float | None = None
    room: str = ""
    asked: list[tuple[float, int]] = field(default_factory=list)

    def turn(self) -> Turn:
        return Turn(self.arrived_at, self.called_at, self.ended_at, self.room)


@dataclass(frozen=True)
class Doctor:
    """How one line works. Minutes; `erratic` is the consultations' deviation as a share of their mean."""

    mean: float
    erratic: float
    rooms: int = 1
    breaks: bool = False
    starts_late: float = 0.0
    jumps: float = 0.03


def doctor(kind: str, chance: random.Random) -> Doctor:
    mean = chance.uniform(6, 9)
    return {
        "steady": Doctor(mean, 0.35),
        "fast": Doctor(chance.uniform(3.5, 5), 0.4),
        "slow": Doctor(chance.uniform(11, 15), 0.35),
        "erratic": Doctor(mean, 0.85),
        "breaks": Doctor(mean, 0.4, breaks=True),
        "late": Doctor(mean, 0.4, starts_late=chance.uniform(10, 25)),
        "pool": Doctor(mean, 0.5, rooms=chance.choice((2, 3))),
        "jumpy": Doctor(mean, 0.4, jumps=0.15),
    }[kind]


def work(who: Doctor, chance: random.Random, hours: float = 3.5) -> Iterator[tuple[float, list[Somebody]]]:
    """Let a line work through a session; yield (time, everybody so far) after each thing that happened."""
    today = who.mean * chance.uniform(0.88, 1.12)
    expected = int(hours * 60 / today * who.rooms * 0.9)
    due = [n * hours * 60 / expected for n in range(expected)]
    arrivals = sorted(max(-30.0, at - chance.uniform(0, 35) + (25 if chance.random() < 0.1 else 0)) for at in due)
    people: list[Somebody] = []
    free = {str(n): max(0.0, who.starts_late * chance.uniform(0.6, 1.3)) for n in range(who.rooms)}
    rests = {room: chance.uniform(60, 110) for room in free}
    now = -30.0
    while True:
        waiting = sorted((p for p in people if p.called_at is None), key=lambda p: p.place)
        room = min(free, key=lambda name: free[name])
        calls_at = max(free[room], now) if waiting else None
        if arrivals and (calls_at is None or arrivals[0] <= calls_at):
            now = arrivals.pop(0)
            place = float(len(people))
            if chance.random() < who.jumps and len(waiting) > 1:  # back with results, or over 80
                place = (waiting[0].place + waiting[1].place) / 2
            people.append(Somebody(now, place))
            yield now, people
            continue
        if calls_at is None:
            return
        now = calls_at
        called = waiting[0]
        called.called_at, called.room = now, room
        if chance.random() < 0.04:  # nobody came: passed
            lasts = chance.uniform(1, 3)
        else:
            sigma = (1 + who.erratic**2) ** 0.5
            lasts = chance.lognormvariate(_mu(today, sigma), _sigma(sigma))
        called.ended_at = now + lasts
        free[room] = called.ended_at + chance.uniform(0.1, 1.0)
        if who.breaks and now > rests[room]:
            free[room] += chance.uniform(8, 18)
            rests[room] = now + chance.uniform(70, 120)
        yield now, people


def _sigma(sigma: float) -> float:
    import math

    return math.sqrt(math.log(sigma**2))


def _mu(mean: float, sigma: float) -> float:
    import math

    return math.log(mean) - math.log(sigma**2) / 2


def known_at(people: list[Somebody], now: float) -> list[Turn]:
    return [
        Turn(
            p.arrived_at,
            p.called_at if p.called_at is not None and p.called_at <= now else None,
            p.ended_at if p.ended_at is not None and p.ended_at <= now else None,
            p.room if p.called_at is not None and p.called_at <= now else "",
        )
        for p in people
        if p.arrived_at <= now
    ]


def cycles_before(who: Doctor, chance: random.Random) -> tuple[list[list[float]], list[float]]:
    """Return the cycles of each earlier day, and how late its first call was."""
    days, late = [], []
    for _ in range(DAYS_BEFORE):
        people: list[Somebody] = []
        for _, people in work(who, chance):  # noqa: B007 (the last state is the day)
            pass
        days.append(waits.cycles_of(p.turn() for p in people))
        late.append(min(p.called_at for p in people if p.called_at is not None))
    return days, late


def judged(turns: list[Turn], rooms: list[Room], now: float, before: Pace | None) -> Record:
    """Return how a line did with its last calls."""
    calls = waits.lately_called(turns, now)
    return waits.judge([told for call in calls for told in waits.look_back(turns, rooms, call, before)])


def line(kind: str, seed: int, *, others: list[list[float]] | None = None) -> list[tuple[Range | None, float]]:
    """Return what one line's people were told, each with how long it took."""
    chance = random.Random(f"{kind} {seed}")
    who = doctor(kind, chance)
    own, first_calls = cycles_before(who, chance)
    before: Pace | None = waits.pace_before(own, [*own, *(others or [])])
    people: list[Somebody] = []
    for _, people in work(who, chance):  # noqa: B007 (the last state is the day)
        pass
    rooms = [Room(str(n), 0.0, *waits.lateness(first_calls)) for n in range(who.rooms)]
    told = []
    asked_at = sorted(
        (p.arrived_at + n * ASKED_EVERY, i)
        for i, p in enumerate(people)
        for n in range(40)
        if p.called_at is not None and p.arrived_at + n * ASKED_EVERY < p.called_at
    )
    for now, i in asked_at:
        turns = known_at(people, now)
        mine = people[i]
        in_front = sum(
            1
            for p in people
            if p.arrived_at <= now and (p.called_at is None or p.called_at > now) and p.place < mine.place
        )
        record = judged(turns, rooms, now, before)
        found = waits.predict(waits.know(turns, before), rooms, in_front, now, record=record)
        told.append((found, float(mine.called_at or 0) - now))
    return told


def department(seed: int, count: int = 8) -> list[list[float]]:
    """Return earlier days of other clinicians, of every kind."""
    chance = random.Random(f"department {seed}")
    return [day for n in range(count) for day in cycles_before(doctor(KINDS[n % 5], chance), chance)[0][:1]]


def day(seed: int, lines: int = 2) -> dict[str, list[tuple[Range | None, float]]]:
    """Return a whole day: `lines` of each kind."""
    others = department(seed)
    told = defaultdict(list)
    for kind in KINDS:
        for n in range(lines):
            told[kind] += line(kind, seed * 100 + n, others=others)
    return dict(told)


def main(seeds: list[int]) -> None:
    told: dict[str, list[tuple[Range | None, float]]] = defaultdict(list)
    for seed in seeds:
        for kind, said in day(seed).items():
            told[kind] += said
    told["all"] = [one for said in list(told.values()) for one in said]
    print(f"{'line':8} {'asked':>6} {'shown':>6} {'held':>6} {'width':>6}")
    for kind, said in told.items():
        hit_share, width = waits.coverage([found for found, _ in said], [took for _, took in said])
        shown = sum(found is not None for found, _ in said) / len(said)
        print(f"{kind:8} {len(said):6} {shown:6.0%} {hit_share:6.1%} {width:6.1f}")


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or [1])
