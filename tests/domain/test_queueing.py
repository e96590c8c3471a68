from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.domain import queueing
from app.domain.errors import TicketMoved
from app.domain.queueing import Priority, QueueEntry, State


def entry(number, **facts):
    return QueueEntry(f"t{number}", number, queueing.first_place(number), **facts)


def ids(entries):
    return [e.ticket_id for e in queueing.order(entries)]


entries_of_a_queue = st.lists(
    st.builds(
        QueueEntry,
        ticket_id=st.uuids().map(str),
        number=st.integers(1, 50),
        place=st.fractions(0, 60, max_denominator=16),
        state=st.sampled_from(State),
        priority=st.sampled_from(Priority),
    ),
    max_size=12,
    unique_by=lambda e: e.ticket_id,
)


@given(entries_of_a_queue, st.randoms())
def test_the_order_depends_on_the_facts_and_not_on_the_order_of_rows(entries, random):
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert queueing.order(shuffled) == queueing.order(entries)


@given(entries_of_a_queue)
def test_each_who_waits_stands_in_the_order_once_and_nobody_else_does(entries):
    waiting = sorted(e.ticket_id for e in entries if e.state is State.WAITING)
    assert sorted(ids(entries)) == waiting


@given(entries_of_a_queue)
def test_positions_count_from_the_next_one(entries):
    for people, one in enumerate(queueing.order(entries)):
        assert queueing.people_before(entries, one.ticket_id) == people
        assert queueing.position_of(entries, one.ticket_id) == people + 1


def test_who_does_not_wait_has_no_position():
    entries = [entry(1, state=State.CALLED), entry(2)]
    assert queueing.position_of(entries, "t1") is None
    assert queueing.people_before(entries, "unknown") is None
    assert queueing.next_to_call(entries).ticket_id == "t2"
    assert queueing.next_to_call([]) is None


def test_a_class_goes_first_and_arrival_decides_inside_it():
    entries = [entry(1), entry(2), entry(3, priority=Priority.EMERGENCY), entry(4, priority=Priority.PRIORITY)]
    assert ids(entries) == ["t3", "t4", "t1", "t2"]


@pytest.mark.parametrize(("waiting", "position"), [(0, 1), (1, 2), (2, 3), (3, 4), (4, 4), (9, 4)])
def test_a_passed_one_waits_behind_the_next_three(waiting, position):
    missed = entry(1, state=State.MISSED, passes=1)
    others = [entry(n) for n in range(2, 2 + waiting)]

    back = queueing.put_back(missed, others)

    assert queueing.position_of([back, *others], "t1") == position


def test_a_passed_one_still_goes_before_those_who_come_later():
    others = [entry(2)]
    back = queueing.put_back(entry(1, state=State.MISSED, passes=1), others)
    assert ids([back, *others, entry(3)]) == ["t2", "t1", "t3"]


def test_no_place_back_is_our_mistake():
    with pytest.raises(ValueError, match="at least one"):
        queueing.put_back(entry(1, state=State.MISSED), [], places=0)


def test_two_passed_ones_each_go_three_places_back():
    others = [entry(n) for n in range(3, 8)]
    first = queueing.put_back(entry(1, state=State.MISSED), others)
    second = queueing.put_back(entry(2, state=State.MISSED), [first, *others])
    assert ids([first, second, *others]) == ["t3", "t4", "t5", "t2", "t1", "t6", "t7"]


def test_only_the_own_class_counts_for_the_way_back():
    others = [entry(2, priority=Priority.PRIORITY), entry(3), entry(4), entry(5), entry(6)]
    back = queueing.put_back(entry(1, state=State.MISSED), others)
    assert ids([back, *others]) == ["t2", "t3", "t4", "t5", "t1", "t6"]


def test_the_third_pass_is_the_last():
    called = entry(1, state=State.CALLED)
    assert queueing.pass_over(called) == replace(called, state=State.MISSED, passes=1)
    assert queueing.pass_over(replace(called, passes=1)).state is State.MISSED
    assert queueing.pass_over(replace(called, passes=2)) == replace(called, state=State.NO_SHOW, passes=3)


def test_a_pass_that_is_excused_counts_for_nothing():
    called = entry(1, state=State.CALLED, passes=2)
    assert queueing.pass_over(called, is_excused=True) == replace(called, state=State.MISSED)


@pytest.mark.parametrize("old", State)
@pytest.mark.parametrize("new", State)
def test_a_ticket_moves_along_the_table_and_nowhere_else(old, new):
    allowed = {
        ("waiting", "called"),
        ("waiting", "left"),
        ("waiting", "transferred"),
        ("called", "serving"),
        ("called", "missed"),
        ("called", "no_show"),
        ("called", "left"),
        ("serving", "done"),
        ("serving", "away"),
        ("away", "waiting"),
        ("away", "left"),
        ("missed", "waiting"),
        ("missed", "left"),
        ("missed", "transferred"),
    }
    assert queueing.is_allowed(old, new) == ((old.value, new.value) in allowed)
    if queueing.is_allowed(old, new):
        assert queueing.move(entry(1, state=old), new) == entry(1, state=new)
    else:
        with pytest.raises(TicketMoved) as refused:
            queueing.move(entry(1, state=old), new)
        assert refused.value.facts == {"state": old.value}


@pytest.mark.parametrize("state", [s for s in State if s is not State.CALLED])
def test_only_who_was_called_can_be_passed(state):
    with pytest.raises(TicketMoved):
        queueing.pass_over(entry(1, state=state))


@pytest.mark.parametrize("state", [s for s in State if s is not State.MISSED])
def test_only_who_was_passed_can_be_put_back(state):
    with pytest.raises(TicketMoved):
        queueing.put_back(entry(1, state=state), [entry(2)])


@given(st.fractions(0, 10_000))
def test_a_place_is_stored_and_read_in_one_spelling(place):
    assert queueing.parse_place(queueing.format_place(place)) == place


@pytest.mark.parametrize("text", ["", "1.5", "2/4", " 1", "1_0", "01", "1/0", "nan"])
def test_a_second_spelling_of_a_place_is_refused(text):
    with pytest.raises((ValueError, ZeroDivisionError)):
        queueing.parse_place(text)


def test_a_day_of_putting_back_behind_the_same_person_keeps_places_short():
    others = [entry(2), entry(3)]
    for _ in range(200):
        back = queueing.put_back(entry(1, state=State.MISSED), others, places=1)
        others[1] = replace(others[1], place=back.place)
    assert others[0].place < others[1].place
    assert len(queueing.format_place(others[1].place)) < 256


def test_who_was_seen_before_the_tests_is_no_no_show():
    called = entry(1, state=State.CALLED, passes=2, returns=1)
    assert queueing.pass_over(called) == replace(called, state=State.LEFT, passes=3)


def test_who_is_back_from_tests_stands_behind_all_and_goes_forward_by_class():
    others = [entry(n) for n in (3, 4, 5)]
    back = queueing.come_back(entry(1, state=State.AWAY, passes=2), others)
    assert (back.state, back.priority, back.passes, back.returns) == (State.WAITING, Priority.PRIORITY, 0, 1)
    assert others[-1].place < back.place < entry(6).place
    assert ids([back, *others]) == ["t1", "t3", "t4", "t5"]


def test_an_emergency_stays_one_after_the_tests():
    back = queueing.come_back(entry(1, state=State.AWAY, priority=Priority.EMERGENCY), [entry(2)])
    assert back.priority is Priority.EMERGENCY


def test_who_is_back_with_nobody_waiting_keeps_the_place():
    assert queueing.come_back(entry(4, state=State.AWAY), []).place == entry(4).place


@given(st.fractions(0, 5000, max_denominator=64))
def test_a_stored_place_is_at_most_a_thousandth_further_back(place):
    stored = queueing.place_of(queueing.order_key(place))
    assert place <= stored < place + Fraction(1, queueing.PLACES_PER_NUMBER)


class Day(RuleBasedStateMachine):
    """A queue through a day: whatever is done, an act moves one ticket and leaves the places of the others alone."""

    def __init__(self):
        super().__init__()
        self.entries = []
        self.recent = []

    def places(self, without):
        waiting = [e for e in self.entries if e.state is State.WAITING and e.ticket_id != without]
        return [e.ticket_id for e in sorted(waiting, key=lambda e: (e.place, e.number))]

    def act(self, changed):
        index = next(i for i, e in enumerate(self.entries) if e.ticket_id == changed.ticket_id)
        before = self.places(changed.ticket_id)
        self.entries[index] = changed
        assert self.places(changed.ticket_id) == before

    def pick(self, data, state):
        return data.draw(st.sampled_from([e for e in self.entries if e.state is state]))

    def has(self, state):
        return any(e.state is state for e in self.entries)

    def order(self):
        return queueing.order(self.entries, self.recent)

    @rule(priority=st.sampled_from(Priority))
    def check_in(self, priority):
        new = entry(len(self.entries) + 1, priority=priority)
        before = self.places(new.ticket_id)
        self.entries.append(new)
        assert self.places(new.ticket_id) == before
        assert [e.ticket_id for e in self.order() if e.priority is priority][-1] == new.ticket_id

    @precondition(lambda self: self.has(State.WAITING))
    @rule()
    def call_next(self):
        planned = [e.ticket_id for e in self.order()]
        chosen = queueing.next_to_call(self.entries, self.recent)
        self.recent = queueing.after_call(self.recent, chosen.ticket_id, queueing.turn_of(chosen, self.entries))
        self.act(queueing.move(chosen, State.CALLED))
        assert [chosen.ticket_id, *(e.ticket_id for e in self.order())] == planned  # what was shown comes true

    @precondition(lambda self: self.recent and self.of(self.recent[-1][0]).state is State.CALLED)
    @rule()
    def undo_the_last_call(self):
        """As if it had not been: the cap and the order are what they were."""
        chosen = self.of(self.recent[-1][0])
        self.recent = queueing.after_undone_call(self.recent, chosen.ticket_id)
        self.act(replace(chosen, state=State.WAITING))

    def of(self, ticket_id):
        return next(e for e in self.entries if e.ticket_id == ticket_id)

    @precondition(lambda self: self.has(State.CALLED))
    @rule(data=st.data())
    def pass_over(self, data):
        self.act(queueing.pass_over(self.pick(data, State.CALLED)))

    @precondition(lambda self: self.has(State.CALLED))
    @rule(data=st.data(), new=st.sampled_from([State.DONE, State.AWAY]))
    def see(self, data, new):
        serving = queueing.move(self.pick(data, State.CALLED), State.SERVING)
        self.act(queueing.move(serving, new))

    @precondition(lambda self: self.has(State.AWAY))
    @rule(data=st.data())
    def come_back(self, data):
        back = queueing.come_back(self.pick(data, State.AWAY), self.entries)
        others = [e.place for e in self.entries if e.state is State.WAITING]
        self.act(back)
        assert all(place < back.place for place in others)

    @precondition(lambda self: self.has(State.MISSED))
    @rule(data=st.data())
    def put_back(self, data):
        missed = self.pick(data, State.MISSED)
        back = queueing.put_back(missed, self.entries)
        self.act(back)
        same_class = [e.ticket_id for e in self.order() if e.priority is missed.priority]
        assert same_class.index(missed.ticket_id) == min(3, len(same_class) - 1)

    @precondition(lambda self: self.has(State.WAITING) or self.has(State.MISSED))
    @rule(data=st.data())
    def leave(self, data):
        states = [s for s in (State.WAITING, State.MISSED) if self.has(s)]
        self.act(queueing.move(self.pick(data, data.draw(st.sampled_from(states))), State.LEFT))

    @invariant()
    def each_who_waits_stands_in_the_order_once(self):
        waiting = sorted(e.ticket_id for e in self.entries if e.state is State.WAITING)
        assert sorted(e.ticket_id for e in self.order()) == waiting
        assert all(e.place > Fraction(0) for e in self.entries)

    @invariant()
    def of_three_calls_one_is_favoured_at_most(self):
        turns = [turn for _, turn in self.recent]
        assert all(turns[i : i + 3].count(queueing.Turn.FAVOURED) <= 1 for i in range(len(turns)))


TestDay = Day.TestCase
