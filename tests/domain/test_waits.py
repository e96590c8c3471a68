"""The wait as a range: it holds as often as it says, is narrow enough to be of use, and is silent where it cannot be either."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import waits
from app.domain.waits import Pace, Range, Record, Room, Turn
from tests import waiting_day

KNOWN = Pace(mean=8.0, deviation=3.0, doubt=0.8, cycles=60)
ROOM = Room("1", 0.0)


def worked(minutes: list[float], *, waiting: int = 0) -> list[Turn]:
    """A room that began at 0 and called again after each of `minutes`; everybody had been there since before."""
    turns, at = [], 0.0
    for n, lasts in enumerate(minutes):
        turns.append(Turn(-60.0 + n, at, at + lasts - 0.5, "1"))
        at += lasts
    turns.append(Turn(-60.0 + len(minutes), at, None, "1"))
    return [*turns, *(Turn(-30.0 + n) for n in range(waiting))]


# On a whole simulated day


@pytest.fixture(scope="module")
def told() -> dict[str, list[tuple[Range | None, float]]]:
    return waiting_day.day(7)


def share_and_width(said: list[tuple[Range | None, float]]) -> tuple[float, float]:
    return waits.coverage([found for found, _ in said], [took for _, took in said])


def test_four_of_five_ranges_hold_on_a_day_of_doctors_of_every_kind_and_half_are_no_wider_than_twenty_minutes(told):
    hit_share, width = share_and_width([one for said in told.values() for one in said])
    assert hit_share >= 0.8
    assert width <= 20


def test_most_of_those_who_wait_are_told_a_range(told):
    said = [found is not None for all_of_kind in told.values() for found, _ in all_of_kind]
    assert sum(said) / len(said) > 0.6


@pytest.mark.parametrize("kind", ["erratic", "late", "breaks"])
def test_difficult_lines_do_not_promise_what_they_cannot_keep_either(kind):
    others = waiting_day.department(20)
    hit_share, width = share_and_width(
        [one for seed in range(20, 26) for one in waiting_day.line(kind, seed, others=others)]
    )
    assert hit_share >= 0.8
    assert width <= 20


def test_a_department_without_any_past_is_silent_at_first_and_right_as_often_later():
    chance = random.Random("new")
    told = []
    for kind in ("steady", "fast", "breaks", "pool"):
        who = waiting_day.doctor(kind, chance)
        people: list[waiting_day.Somebody] = []
        for _, people in waiting_day.work(who, chance):  # noqa: B007 (the last state is the day)
            pass
        rooms = [Room(str(n), 0.0) for n in range(who.rooms)]
        for n, mine in enumerate(people):
            now = mine.arrived_at
            turns = waiting_day.known_at(people, now)
            in_front = sum(1 for p in people[:n] if p.called_at is None or p.called_at > now)
            record = waiting_day.judged(turns, rooms, now, None)
            found = waits.predict(waits.know(turns, None), rooms, in_front, now, record=record)
            if len(waits.cycles_of(turns)) < waits.FEWEST_CYCLES:
                assert found is None
            if mine.called_at is not None:
                told.append((found, mine.called_at - now))
    hit_share, width = share_and_width(told)
    assert sum(found is not None for found, _ in told) > 30
    assert hit_share >= 0.8 and width <= 20


# One line


def test_the_range_follows_the_rooms_pace():
    quick = waits.predict(waits.know(worked([4.0, 5.0] * 6), None), [ROOM], 3, 54.0)
    slow = waits.predict(waits.know(worked([9.0, 11.0] * 6), None), [ROOM], 2, 120.0)
    assert quick is not None and quick.holds(16) and quick.width <= 12
    assert slow is not None and slow.holds(29)


def test_two_rooms_are_about_twice_as_fast():
    turns = worked([8.0] * 10)
    other = [replace(turn, room="2") for turn in turns]
    one = waits.predict(waits.know(turns, KNOWN), [ROOM], 5, 81.0)
    two = waits.predict(waits.know([*turns, *other], KNOWN), [ROOM, Room("2", 0.0)], 5, 81.0)
    assert one is not None and two is not None
    assert two.high < one.high * 0.7


def test_a_clinician_who_has_not_begun_is_waited_for():
    turns = [Turn(-20.0), Turn(-10.0)]
    begins_soon = waits.predict(waits.know(turns, KNOWN), [Room("1", 0.0)], 0, -10.0)
    said_late = waits.predict(waits.know(turns, KNOWN), [Room("1", 30.0)], 0, -10.0)
    assert begins_soon is not None and said_late is not None
    assert begins_soon.holds(11) and said_late.low >= 25 and said_late.holds(42)


def test_a_clinician_who_comes_late_every_day_is_expected_late():
    late, give = waits.lateness([18.0, 22.0, 20.0, 19.0, 21.0, 24.0])
    found = waits.predict(waits.know([Turn(-20.0)], KNOWN), [Room("1", 0.0, late, give)], 0, -10.0)
    assert found is not None and found.holds(30) and found.low > 10


def test_a_break_is_waited_for_and_a_room_that_calls_at_once_is_not():
    turns = worked([8.0] * 8)
    turns[-1] = replace(turns[-1], ended_at=70.0)
    just_free = waits.predict(waits.know(turns, KNOWN), [ROOM], 0, 70.5)
    in_break = waits.predict(waits.know(turns, KNOWN), [ROOM], 0, 77.0)
    assert just_free is not None and just_free.high <= 5
    assert in_break is not None and in_break.high > just_free.high


def test_after_noon_the_morning_is_not_taken_for_a_break():
    turns = worked([8.0] * 8)
    turns[-1] = replace(turns[-1], ended_at=70.0)
    found = waits.predict(waits.know(turns, KNOWN), [Room("1", 240.0)], 0, 200.0)
    assert found is not None and found.holds(42) and found.low >= 30


def test_idle_time_before_a_patient_came_is_not_the_rooms_pace():
    came_late = [Turn(0.0, 0.0, 6.0, "1"), Turn(40.0, 40.0, 46.0, "1"), Turn(5.0, 47.0, None, "1")]
    assert waits.cycles_of(came_late) == pytest.approx([6.0, 7.0])


def test_others_who_come_in_before_are_counted_once_they_have_been_seen():
    turns: list[Turn] = []
    for n in range(12):  # each regular ticket sees one come in after it and be called before it
        turns += [
            Turn(n * 10.0, n * 10.0 + 18, n * 10.0 + 25, "1"),
            Turn(n * 10.0 + 1, n * 10.0 + 11, n * 10.0 + 16, "1"),
        ]
    plain = worked([8.0] * 12)
    assert waits.growth_of(turns) > 1.1
    assert waits.growth_of(plain) == pytest.approx(1.0)


def test_no_room_no_range():
    assert waits.predict(waits.know(worked([8.0] * 12), KNOWN), [], 2, 97.0) is None


def test_too_little_known_no_range():
    assert waits.predict(waits.know(worked([8.0, 8.0]), None), [ROOM], 2, 17.0) is None


def test_a_range_of_more_than_half_an_hour_is_not_shown():
    assert waits.predict(waits.know(worked([8.0] * 8), KNOWN), [ROOM], 25, 64.0) is None


@pytest.mark.parametrize(
    ("record", "speaks"),
    [
        (Record(20, 0.85, 12.0, 1.0), True),
        (Record(20, 0.79, 12.0, 1.0), False),
        (Record(20, 0.95, 20.5, 1.0), False),
        (Record(3, 0.0, 90.0, 1.0), True),  # too few to be judged by
    ],
)
def test_a_line_that_was_wrong_too_often_or_too_vague_says_nothing(record, speaks):
    found = waits.predict(waits.know(worked([8.0] * 8), KNOWN), [ROOM], 2, 65.0, record=record)
    assert (found is not None) is speaks


def test_a_line_whose_past_calls_came_as_nobody_could_foresee_judges_itself_out():
    chance = random.Random("chaos")
    turns, at = [], 0.0
    for n in range(40):
        came, lasts = n * 20.0, chance.choice((0.5, 1.0, 45.0))
        turns.append(Turn(came, max(at, came), max(at, came) + lasts, "1"))
        at = max(at, came) + lasts
    record = waiting_day.judged(turns, [ROOM], at, Pace(3.0, 1.0, 0.2, 50))
    assert not waits.is_trusted(record) or record.stretch > 1.2


def test_earlier_days_of_the_same_clinician_weigh_more_than_the_departments():
    department = [[8.0, 9.0, 7.0, 8.0, 8.5] * 3 for _ in range(6)]
    own = [[14.0, 15.0, 13.0, 14.0, 16.0] * 2 for _ in range(3)]
    known, stranger = waits.pace_before(own, [*department, *own]), waits.pace_before([], department)
    assert known is not None and known.mean > 12
    assert stranger is not None and 7 < stranger.mean < 9 and stranger.doubt > known.doubt * 0.4


def test_today_overrules_before_as_it_gets_longer():
    slow_today = worked([16.0, 15.0, 17.0] * 4)
    after_one, after_all = waits.pace_of(slow_today[:3], KNOWN), waits.pace_of(slow_today, KNOWN)
    assert after_one is not None and after_all is not None
    assert KNOWN.mean < after_one.mean < after_all.mean


# For whatever comes

minutes = st.floats(0.1, 120, allow_nan=False)


@st.composite
def lines(draw: st.DrawFn) -> tuple[list[Turn], float]:
    """Tickets in any state, and an instant at which all of it had happened."""
    turns, at = [], 0.0
    for _ in range(draw(st.integers(0, 25))):
        at += draw(st.floats(0, 20))
        called_at = at + draw(minutes) if draw(st.booleans()) else None
        ended_at = (called_at if called_at is not None else at) + draw(minutes) if draw(st.booleans()) else None
        turns.append(Turn(at, called_at, ended_at, draw(st.sampled_from("123")) if called_at is not None else ""))
    latest = max((x for t in turns for x in (t.arrived_at, t.called_at, t.ended_at) if x is not None), default=0.0)
    return turns, latest + draw(st.floats(0, 30))


@given(lines(), st.integers(0, 60), st.integers(1, 3), st.sampled_from((None, KNOWN)))
@settings(max_examples=120, deadline=None)
def test_whatever_a_line_did_a_range_is_whole_minutes_that_make_sense_and_the_same_each_time(
    line, in_front, rooms, before
):
    turns, now = line
    open_rooms = [Room(str(n + 1), 0.0) for n in range(rooms)]
    record = waiting_day.judged(turns, open_rooms, now, before)
    found = waits.predict(waits.know(turns, before), open_rooms, in_front, now, record=record)
    assert record == waiting_day.judged(list(turns), open_rooms, now, before)
    assert found == waits.predict(waits.know(turns, before), open_rooms, in_front, now, record=record)
    if found is not None:
        assert 0 <= found.low < found.high and found.width <= waits.WIDEST


@given(st.integers(0, 12), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_more_people_in_front_never_mean_an_earlier_call(in_front, more):
    turns = worked([8.0, 7.0, 9.0] * 4)
    fewer = waits.predict(waits.know(turns, KNOWN), [ROOM], in_front, 98.0)
    further = waits.predict(waits.know(turns, KNOWN), [ROOM], in_front + more, 98.0)
    if fewer is not None and further is not None:
        assert further.low >= fewer.low and further.high >= fewer.high


# Measuring


def test_coverage_counts_what_was_said_and_leaves_out_what_was_not():
    said = [Range(5, 15), None, Range(0, 5), Range(10, 30)]
    assert waits.coverage(said, [15.0, 400.0, 6.0, 29.0]) == (pytest.approx(2 / 3), 10.0)
    assert waits.coverage([None], [3.0]) == (1.0, 0.0)
    with pytest.raises(ValueError):
        waits.coverage([None], [])


def growth_by_definition(turns):
    """Everybody compared with everybody."""
    stood = called = 20.0
    for turn in turns:
        for other in turns if turn.called_at is not None else ():
            is_before = other.called_at is not None and other.called_at < turn.called_at
            called += is_before and other.called_at >= turn.arrived_at
            stood += (
                (other.arrived_at, other.number) < (turn.arrived_at, turn.number)
                and (other.called_at is None or other.called_at >= turn.arrived_at)
                and (other.ended_at is None or other.ended_at >= turn.arrived_at)
                and (is_before or other.called_at is None)
            )
    return min(1.5, max(0.7, called / stood))


minutes = st.integers(0, 30).map(float)
some_turns = st.lists(st.tuples(minutes, st.none() | minutes, st.none() | minutes), max_size=30).map(
    lambda drawn: [
        Turn(
            arrived,
            None if wait is None else arrived + wait,
            None if stay is None else arrived + (wait or 0.0) + stay,
            "1",
            number,
        )
        for number, (arrived, wait, stay) in enumerate(drawn)
    ]
)


@settings(max_examples=200, deadline=None)
@given(some_turns)
def test_growth_counts_each_wait_as_its_definition_does(turns):
    assert waits.growth_of(turns) == pytest.approx(growth_by_definition(turns))


def test_what_a_call_was_told_stays_whatever_comes_later():
    turns = worked([8.0, 6.0, 9.0, 7.0, 8.0, 10.0, 8.0, 7.0])
    call = turns[-2]
    then = [turn for turn in turns if turn.arrived_at <= call.called_at]

    later = [*turns, Turn(call.called_at + 1, call.called_at + 2, call.called_at + 30, "1", 99)]

    assert waits.look_back(then, [ROOM], call, KNOWN) == waits.look_back(later, [ROOM], call, KNOWN) != []
