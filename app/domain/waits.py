"""How long somebody still waits, as a range: from what a line did today and before, and from nothing else.

A line is one clinician's own people, or the pool of several rooms. Its pace is the time from one call of a room to that
room's next one, while somebody waited: consultation, turnaround, passes and breaks together. The pace of today is drawn
towards that of the same clinician and department before (shrinkage: Efron and Morris, "Data analysis using Stein's
estimator", 1975), so that the first patients of a day get a range as well. The time until a ticket is called is then the
rest of what the rooms are at, and one pace for each person in front; its first two moments give a lognormal range.

A line judges itself before it says anything: `judge` replays its last calls, predicts each with what was known then, and
compares. A line that was right less often than promised, or only with wider ranges, says nothing (`predict` gives None),
and the page shows only the people in front.

All times here are minutes, counted from any instant as long as it is the same for one line. No clock, no randomness.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, exp, floor, log, sqrt
from statistics import NormalDist, fmean, median, pvariance

HIT_SHARE = 0.8  # of the ranges that are shown, so many hold
MEDIAN_WIDTH = 20.0  # and half of them are no wider
WIDEST = 30.0  # a wider one helps nobody: that ticket shows the people in front
FEWEST_CYCLES = 5  # known of today or before: with fewer, a range would be a guess
FEWEST_JUDGED = 8  # replayed calls, before a line's own record counts
LAST_JUDGED = 24
LAST_CYCLES = 14  # of today: a clinician at eleven is not the one of eight
LONGEST_CYCLE = 90.0  # minutes; longer is a lunch, or a room that forgot to call
BREAK = 5.0  # a room that has called nobody for so long, though people wait, is in a break

_NORMAL = NormalDist()
_AIM = _NORMAL.inv_cdf(0.92)  # each side: a little more than promised, since a line's pace is never quite known
_LEAST_DEVIATION = 0.22  # of the mean: no clinician is a machine
_BETWEEN_DAYS = 0.10  # how much one clinician's mean differs from day to day, as a share of it
_BETWEEN_CLINICIANS = 0.35  # the same between clinicians of a department, where too few are known to tell


@dataclass(frozen=True)
class Turn:
    """One ticket of a line, as far as it went: when it came, when a room called it, when that room was done with it.

    `room` is any name of the room, or of who sits there. A ticket that was passed has `called_at` and `ended_at`; one that
    left on its own has `ended_at` alone.
    """

    arrived_at: float
    called_at: float | None = None
    ended_at: float | None = None
    room: str = ""
    number: int = 0  # tells who came first of those who came at once


@dataclass(frozen=True)
class Room:
    """A room that works for the line now, or will from `opens_at` on: as planned, or as the clinician said who is late.

    `late` is by how much its first call usually comes after that (see `lateness`), `give` how much that differs.
    """

    name: str
    opens_at: float
    late: float = 2.0
    give: float = 4.0


@dataclass(frozen=True)
class Pace:
    """What is known of a line's minutes from call to call: the mean, how much single ones differ from it (standard
    deviation), how uncertain the mean is (the same), and how many cycles say so."""

    mean: float
    deviation: float
    doubt: float
    cycles: int


@dataclass(frozen=True)
class Known:
    """What a line's turns tell at an instant, whoever asks: its pace, its growth, and each room's last call by its name."""

    pace: Pace | None
    growth: float
    last: Mapping[str, Turn]


@dataclass(frozen=True)
class Range:
    """Whole minutes, from `low` to `high`."""

    low: int
    high: int

    @property
    def width(self) -> int:
        return self.high - self.low

    def holds(self, minutes: float) -> bool:
        return self.low <= minutes <= self.high


@dataclass(frozen=True)
class Record:
    """How a line's own predictions did: how many, the share that held, their median width, and by how much the ranges must
    be stretched for the promised share to have held."""

    judged: int
    hit_share: float
    median_width: float
    stretch: float


Judged = tuple[Range, float]
"""A range as it was said, or would have been, and the minutes that it then took."""


# What is known


def cycles_of(turns: Iterable[Turn]) -> list[float]:
    """Return the minutes from call to call of each room, in the order in which they ended.

    Where the next patient had not come when the room was free, the room's idle time is left out: the cycle ends when that
    patient came, at the earliest when the one before was done. The one who is in the room is not counted: `_rest` is.
    """
    found: list[tuple[float, float]] = []
    for called in _by_room(turns).values():
        for turn, following in pairwise(called):
            began, again = _called(turn), _called(following)
            free = turn.ended_at if turn.ended_at is not None else again
            idle = max(0.0, min(following.arrived_at, again) - max(free, began))
            minutes = again - began - idle
            if 0 < minutes <= LONGEST_CYCLE:
                found.append((again, minutes))
    return [minutes for _, minutes in sorted(found)]


def pace_before(own: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> Pace | None:
    """Return the pace that earlier days suggest, or None when they say too little.

    `own` are the cycles of each earlier session of the line's own clinicians, `others` those of everybody's in the
    department (own ones included or not). The own ones count as far as there are any.
    """
    known = [day for day in others if len(day) >= FEWEST_CYCLES] or [day for day in own if len(day) >= FEWEST_CYCLES]
    if not known:
        return None
    means = [fmean(day) for day in known]
    common = fmean(means)
    within = _pooled_deviation(known, common)
    spread = max(_BETWEEN_DAYS * common, sqrt(pvariance(means))) if len(means) > 3 else _BETWEEN_CLINICIANS * common
    cycles = sum(map(len, known))
    mine = [day for day in own if len(day) >= FEWEST_CYCLES]
    if not mine:
        return Pace(common, within, spread, cycles)
    own_means = [fmean(day) for day in mine]
    by_day = max(_BETWEEN_DAYS * common, sqrt(pvariance(own_means)) if len(mine) > 2 else 0.0)
    weight = spread**2 / (spread**2 + by_day**2 / len(mine))
    mean = weight * fmean(own_means) + (1 - weight) * common
    doubt = sqrt(by_day**2 + (1 - weight) * spread**2)
    return Pace(mean, _pooled_deviation(mine, mean), doubt, sum(map(len, mine)))


def lateness(first_calls: Sequence[float]) -> tuple[float, float]:
    """Return (`late`, `give`) of a `Room`, from the minutes between plan and first call of earlier sessions."""
    sane = [min(60.0, max(-15.0, minutes)) for minutes in first_calls]
    if not sane:
        return 2.0, 4.0
    mean = (4.0 + sum(sane)) / (2 + len(sane))  # as if two more days had been two minutes late
    return mean, sqrt(sum((minutes - mean) ** 2 for minutes in [*sane, mean + 4.0, mean - 4.0]) / (len(sane) + 2))


def pace_of(turns: Iterable[Turn], before: Pace | None) -> Pace | None:
    """Return the line's pace now: today's cycles, drawn towards earlier days as far as today says little yet.

    None where today and before together have fewer than `FEWEST_CYCLES` cycles.
    """
    today = cycles_of(turns)[-LAST_CYCLES:]
    if before is None:
        if len(today) < FEWEST_CYCLES:
            return None
        mean = fmean(today)
        deviation = max(_LEAST_DEVIATION * mean, sqrt(pvariance(today) * len(today) / (len(today) - 1)))
        return Pace(mean, deviation, deviation / sqrt(len(today)), len(today))
    if not today:
        return before
    # The single cycles' deviation: that of before weighs as much as ten of today's.
    own = fmean((minutes - fmean(today)) ** 2 for minutes in today)
    deviation = sqrt((10 * before.deviation**2 + len(today) * own) / (10 + len(today)))
    noise = deviation**2 / len(today)
    weight = before.doubt**2 / (before.doubt**2 + noise)
    mean = weight * fmean(today) + (1 - weight) * before.mean
    deviation = max(deviation, _LEAST_DEVIATION * mean)
    doubt = sqrt(before.doubt**2 * noise / (before.doubt**2 + noise) + (0.04 * mean) ** 2)
    return Pace(mean, deviation, doubt, before.cycles + len(today))


def growth_of(turns: Sequence[Turn]) -> float:
    """Return how many are really called before a ticket, for each that stood in front of it when it came.

    More than 1 where others come in with priority or back with results, less where people leave. Whom it overtook itself
    did not stand in front of it. Drawn towards 1.

    Whoever was called during a ticket's wait is a stretch of those called, in their order: what is counted is the wait of
    each, not everybody for everybody.
    """
    came = {arrival: rank for rank, arrival in enumerate(sorted({_by_arrival(turn) for turn in turns}))}
    called = sorted((turn for turn in turns if turn.called_at is not None), key=_called)
    called_at, ranks = [_called(turn) for turn in called], [came[_by_arrival(turn)] for turn in called]
    uncalled = [turn for turn in turns if turn.called_at is None]
    waiting = sorted(came[_by_arrival(turn)] for turn in uncalled if turn.ended_at is None)
    left = [(came[_by_arrival(turn)], turn.ended_at) for turn in uncalled if turn.ended_at is not None]
    stood = before = 20.0
    for turn in called:
        mine = came[_by_arrival(turn)]
        since, until = bisect_left(called_at, turn.arrived_at), bisect_left(called_at, _called(turn))
        before += max(0, until - since)
        stood += sum(rank < mine for rank in ranks[since:until])
        stood += bisect_left(waiting, mine) + sum(rank < mine and gone >= turn.arrived_at for rank, gone in left)
    return min(1.5, max(0.7, before / stood))


# Saying it


def know(turns: Sequence[Turn], before: Pace | None) -> Known:
    """Return what a line's turns tell. Costs some microseconds a turn: once for all who ask at the same time."""
    return Known(
        pace_of(turns, before), growth_of(turns), {room: called[-1] for room, called in _by_room(turns).items()}
    )


def predict(
    known: Known, rooms: Sequence[Room], in_front: int, now: float, *, record: Record | None = None
) -> Range | None:
    """Return in how many minutes a ticket with `in_front` people before it is called, or None where nothing may be said.

    `record` is what `judge` found: it stretches the range, or forbids it. Rules for one ticket alone: some room works, the
    pace is known, and the range is no wider than `WIDEST`.
    """
    if record is not None and not is_trusted(record):
        return None
    found = _foresee(known, rooms, in_front, now, record.stretch if record else 1.0)
    return found if found is not None and found.width <= WIDEST else None


def is_trusted(record: Record) -> bool:
    """Say whether a line may speak: enough of its stretched predictions held, and they are narrow enough.

    Too few calls to judge by is no mark against it: what is said then comes from earlier days, or is not said at all.
    """
    if record.judged < FEWEST_JUDGED:
        return True
    return record.hit_share >= HIT_SHARE and record.median_width <= MEDIAN_WIDTH


def lately_called(turns: Iterable[Turn], now: float) -> list[Turn]:
    """Return the calls that a line is judged by, the newest last."""
    return sorted((t for t in turns if t.called_at is not None and t.called_at <= now), key=_called)[-LAST_JUDGED:]


def look_back(turns: Sequence[Turn], rooms: Sequence[Room], call: Turn, before: Pace | None) -> list[Judged]:
    """Return what would have been said of one call, at its arrival and in the middle of its wait, with what was known
    then, and how it came. Nothing that happens later changes it."""
    called_at = _called(call)
    made = []
    for asked_at in (call.arrived_at, (call.arrived_at + called_at) / 2):
        then = _as_of(turns, asked_at)
        found = _foresee(know(then, before), rooms, _in_front(then, call, asked_at), asked_at, 1.0)
        if found is not None and found.width <= WIDEST:
            made.append((found, called_at - asked_at))
    return made


def judge(made: Sequence[Judged]) -> Record:
    """Return how a line's predictions for its last calls did. The stretch is learned from all of them, and the share and
    width are those of all of them, stretched."""
    if len(made) < FEWEST_JUDGED:
        return Record(len(made), 1.0, 0.0, 1.0)
    stretch = _stretch(made)
    stretched = [(_stretched(found, stretch), outcome) for found, outcome in made]
    hit_share, width = coverage([found for found, _ in stretched], [outcome for _, outcome in stretched])
    return Record(len(made), hit_share, width, stretch)


def coverage(predictions: Sequence[Range | None], outcomes: Sequence[float]) -> tuple[float, float]:
    """Return (the share of ranges that held, their median width in minutes), for measuring a day.

    `outcomes` are the minutes that it took, one for each prediction; where nothing was predicted, nothing counts. With no
    range at all the share is 1 and the width 0. Raises ValueError when the two do not go together.
    """
    said = [(found, took) for found, took in zip(predictions, outcomes, strict=True) if found is not None]
    if not said:
        return 1.0, 0.0
    return fmean(found.holds(took) for found, took in said), float(median(found.width for found, _ in said))


# Private


def _called(turn: Turn) -> float:
    if turn.called_at is None:
        raise ValueError("this ticket was not called")
    return turn.called_at


def _by_room(turns: Iterable[Turn]) -> dict[str, list[Turn]]:
    rooms: dict[str, list[Turn]] = {}
    for turn in sorted((t for t in turns if t.called_at is not None), key=_called):
        rooms.setdefault(turn.room, []).append(turn)
    return rooms


def _as_of(turns: Iterable[Turn], then: float) -> list[Turn]:
    """Return what was known at an instant: who had come, who was called, who was done."""
    known = []
    for turn in turns:
        if turn.arrived_at > then:
            continue
        called_at = turn.called_at if turn.called_at is not None and turn.called_at < then else None
        ended_at = turn.ended_at if turn.ended_at is not None and turn.ended_at < then else None
        is_over = (called_at, ended_at) == (turn.called_at, turn.ended_at)
        known.append(turn if is_over else Turn(turn.arrived_at, called_at, ended_at, turn.room, turn.number))
    return known


def _by_arrival(turn: Turn) -> tuple[float, int]:
    return turn.arrived_at, turn.number


def _stands_in_front(other: Turn, mine: Turn, then: float) -> bool:
    """Say whether somebody who had come before still waited at `then`."""
    return (
        (other.arrived_at, other.number) < (mine.arrived_at, mine.number)
        and (other.called_at is None or other.called_at >= then)
        and (other.ended_at is None or other.ended_at >= then)
    )


def _in_front(turns: Iterable[Turn], mine: Turn, then: float) -> int:
    return sum(1 for other in turns if _stands_in_front(other, mine, then))


def _pooled_deviation(days: Sequence[Sequence[float]], mean: float) -> float:
    squares = sum(pvariance(day) * len(day) for day in days)
    return max(_LEAST_DEVIATION * mean, sqrt(squares / sum(map(len, days))))


def _foresee(known: Known, rooms: Sequence[Room], in_front: int, now: float, stretch: float) -> Range | None:
    """Return the range for a ticket whatever the line's record says; None where there is no room or no pace."""
    pace = known.pace
    if pace is None or not rooms:
        return None
    rests = sorted(_rest(known.last.get(room.name), room, pace, now) for room in rooms)
    people = in_front * known.growth
    # Rooms that open only after it would be over do not help: take them in as long as they come in time.
    mean = variance = 0.0
    for working in range(1, len(rests) + 1):
        first = rests[:working]
        # A room at work for t minutes calls (t - rest) / pace + 1/2 people on average; one more than those in front is me.
        mean = fmean(rest for rest, _ in first) + (people + 0.5 - working / 2) * pace.mean / working
        mean = max(mean, first[0][0])
        variance = (
            sum(v for _, v in first) / working**2
            + people * pace.deviation**2 / working**2
            + (people * pace.doubt / working) ** 2
        )
        if working < len(rests) and rests[working][0] > mean:
            break
    return _stretched(_range(mean, variance), stretch)


def _rest(last: Turn | None, room: Room, pace: Pace, now: float) -> tuple[float, float]:
    """Return mean and variance of the minutes until a room calls again; `last` is its last call."""
    is_closed = last is None or (
        _called(last) < room.opens_at and last.ended_at is not None and now - last.ended_at >= BREAK
    )
    if last is None or is_closed:  # not open yet, or open again only after noon
        until = room.opens_at + room.late - now
        if until > 0:
            return until, room.give**2
        left = max(room.give, -until) / 2 + 1.0  # overdue: the longer already, the longer still
        return left, left**2
    if last.ended_at is None:
        return _rest_of_cycle(pace, now - _called(last))
    idle = now - last.ended_at
    if idle < BREAK:
        return 1.0, 1.0
    left = max(3.0, 15.0 - idle)
    return left, (0.7 * left) ** 2


def _rest_of_cycle(pace: Pace, elapsed: float) -> tuple[float, float]:
    """Return mean and variance of what is left of a cycle that has lasted `elapsed`, its length being lognormal.

    Partial moments of the lognormal: E[X^n; X > e] = exp(n m + n² s²/2) Phi((m + n s² - ln e) / s).
    """
    if elapsed <= 0.05:
        return pace.mean, pace.deviation**2
    square = log(1 + (pace.deviation / pace.mean) ** 2)
    middle, sigma = log(pace.mean) - square / 2, sqrt(square)
    beyond = [_NORMAL.cdf((middle + n * square - log(elapsed)) / sigma) for n in range(3)]
    if beyond[0] < 1e-4:  # longer than anything known: about as long again as a half of it
        return elapsed / 3, (elapsed / 3) ** 2
    mean = exp(middle + square / 2) * beyond[1] / beyond[0]
    second = exp(2 * middle + 2 * square) * beyond[2] / beyond[0]
    return max(0.5, mean - elapsed), max(0.25, second - mean**2)


def _range(mean: float, variance: float) -> Range:
    mean = max(mean, 0.5)
    square = log(1 + variance / mean**2)
    middle, sigma = log(mean) - square / 2, sqrt(square)
    return _rounded(exp(middle - _AIM * sigma), exp(middle + _AIM * sigma))


def _rounded(low: float, high: float) -> Range:
    """Whole minutes below ten, fives above: nobody waits 23 minutes. Rounded outward, but for the last two minutes of five."""
    down = floor(low) if low < 10 else int(5 * floor((low + 1) / 5))
    up = ceil(high) if high <= 10 else int(5 * ceil((high - 1) / 5))
    return Range(down, max(up, down + 2))


def _stretch(made: Sequence[tuple[Range, float]]) -> float:
    """Return by how much the ranges must be stretched around their middles to have held as often as promised and a bit
    more (split conformal prediction: Vovk, Gammerman, Shafer, 2005), between three quarters and twice."""
    needed = sorted(abs(outcome - (found.low + found.high) / 2) / max(1.0, found.width / 2) for found, outcome in made)
    at = min(len(needed) - 1, ceil(0.84 * (len(needed) + 1)) - 1)
    # As if ten predictions had needed exactly what they had: few calls move it little.
    return min(2.0, max(0.75, (10 + len(needed) * needed[at]) / (10 + len(needed))))


def _stretched(found: Range, stretch: float) -> Range:
    if stretch == 1.0:
        return found
    middle, half = (found.low + found.high) / 2, found.width / 2 * stretch
    return _rounded(max(0.0, middle - half), middle + half)
