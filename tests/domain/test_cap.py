"""The cap on classes, and what follows from it: nobody starves, and nobody is worse off for having a class.

The promise stands at the top of `app/domain/queueing.py`. Here a hospital that grants classes as fast as it can tries to break it.
"""

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import queueing
from app.domain.queueing import Priority, QueueEntry, State, Turn

CLASSES = st.sampled_from(Priority)
FAVOURED_OR_EMERGENCY = st.sampled_from([Priority.PRIORITY, Priority.EMERGENCY])


@dataclass
class Line:
    """A line that calls one after the other; `calls` has each with its turn."""

    entries: list = field(default_factory=list)
    recent: list = field(default_factory=list)
    calls: list = field(default_factory=list)

    def arrive(self, priority):
        number = len(self.entries) + 1
        self.entries.append(QueueEntry(f"t{number}", number, queueing.first_place(number), priority=priority))

    def call(self):
        chosen = queueing.next_to_call(self.entries, self.recent)
        if chosen is not None:
            turn = queueing.turn_of(chosen, self.entries)
            self.recent = queueing.after_call(self.recent, chosen.ticket_id, turn)
            self.calls.append((chosen.ticket_id, turn))
            self.entries[chosen.number - 1] = replace(chosen, state=State.CALLED)
        return chosen


@settings(max_examples=200)
@given(
    st.lists(CLASSES, min_size=1, max_size=12),
    st.lists(st.lists(FAVOURED_OR_EMERGENCY, max_size=4), min_size=60, max_size=60),
    st.data(),
)
def test_nobody_starves_however_many_with_a_class_arrive(waiting, arriving, data):
    line = Line()
    for priority in waiting:
        line.arrive(priority)
    for _ in range(data.draw(st.integers(0, 3))):
        line.call()
    still = [e for e in line.entries if e.state is State.WAITING and e.priority is not Priority.EMERGENCY]
    if not still:
        return
    me = data.draw(st.sampled_from(still))
    before = sum(e.place < me.place for e in still)
    counted = 0
    for newcomers in arriving:
        for priority in newcomers:
            line.arrive(priority)
        called = line.call()
        if called.priority is not Priority.EMERGENCY:
            counted += 1
        if called.ticket_id == me.ticket_id:
            break
        assert counted < queueing.most_calls(before)


@settings(max_examples=200)
@given(st.lists(st.lists(CLASSES, max_size=3), min_size=1, max_size=30))
def test_of_three_calls_in_a_row_one_at_most_is_out_of_turn(arriving):
    line = Line()
    for newcomers in arriving:
        for priority in newcomers:
            line.arrive(priority)
        line.call()
    counted = [turn for _, turn in line.calls if turn is not Turn.EMERGENCY]
    assert all(counted[i : i + 3].count(Turn.FAVOURED) <= 1 for i in range(len(counted)))


@settings(max_examples=200)
@given(st.lists(CLASSES, min_size=1, max_size=12), st.lists(st.sampled_from(Turn), max_size=4), st.data())
def test_a_class_makes_nobody_wait_longer(classes, turns, data):
    line = Line(recent=[(f"x{n}", turn) for n, turn in enumerate(turns) if turn is not Turn.EMERGENCY])
    for priority in classes:
        line.arrive(priority)
    number = data.draw(st.integers(1, len(classes)))
    plain = [e if e.number != number else replace(e, priority=Priority.NORMAL) for e in line.entries]
    favoured = [e if e.number != number else replace(e, priority=Priority.PRIORITY) for e in line.entries]
    with_class = queueing.people_before(favoured, f"t{number}", line.recent)
    assert with_class <= queueing.people_before(plain, f"t{number}", line.recent)


@given(st.lists(st.sampled_from([Priority.EMERGENCY, Priority.NORMAL, Priority.PRIORITY]), max_size=12))
def test_emergencies_come_first_and_do_not_count(classes):
    line = Line()
    for priority in classes:
        line.arrive(priority)
    order = [e.priority for e in queueing.order(line.entries)]
    emergencies = classes.count(Priority.EMERGENCY)
    assert order[:emergencies] == [Priority.EMERGENCY] * emergencies
    without = [e for e in line.entries if e.priority is not Priority.EMERGENCY]
    assert queueing.order(line.entries)[emergencies:] == queueing.order(without)


def test_the_promise_in_numbers():
    """Nobody before me: second call at the latest. Ten before me: the seventeenth."""
    assert [queueing.most_calls(n) for n in (0, 1, 2, 3, 10)] == [2, 3, 5, 6, 17]


def test_the_worst_case_is_reached_so_the_promise_says_no_more_than_it_holds():
    line = Line()
    for _ in range(3):
        line.arrive(Priority.NORMAL)
    for _ in range(10):
        line.arrive(Priority.PRIORITY)
    called = [line.call().ticket_id for _ in range(5)]
    assert called == ["t4", "t1", "t2", "t5", "t3"]
