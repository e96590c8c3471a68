from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import waitlist
from app.domain.waitlist import InLine, WaitlistRule

NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
RULE = WaitlistRule()
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("minutes_left", "stands_for"), [(30, None), (31, 31 / 6), (60, 10), (90, 15), (10_000, 15), (-5, None)]
)
def test_an_offer_is_shorter_near_the_start_and_there_is_none_in_the_last_half_hour(minutes_left, stands_for):
    ends_at = waitlist.offer_ends_at(RULE, NINE + minutes_left * MINUTE, NINE)
    assert ends_at == (None if stands_for is None else NINE + stands_for * MINUTE)


def test_an_offer_stands_for_the_least_time_where_a_sixth_would_be_too_short():
    rule = WaitlistRule(stop_minutes=5, least_answer_minutes=5)
    assert waitlist.offer_ends_at(rule, NINE + 12 * MINUTE, NINE) == NINE + 5 * MINUTE


@given(left=st.integers(-60, 5000), answer=st.integers(0, 60), least=st.integers(0, 60), stop=st.integers(0, 120))
def test_no_offer_outlasts_the_beginning_of_its_slot(left, answer, least, stop):
    rule = WaitlistRule(answer_minutes=answer, least_answer_minutes=least, stop_minutes=stop)
    starts_at = NINE + left * MINUTE
    ends_at = waitlist.offer_ends_at(rule, starts_at, NINE)
    assert ends_at is None or NINE <= ends_at <= starts_at


LINE = st.lists(st.sampled_from(["a", "b", None]), max_size=8).map(
    lambda whos: [InLine(place, who) for place, who in enumerate(whos, 1)]
)


@given(line=LINE, session=st.sampled_from(["a", "b"]))
def test_a_slot_goes_in_order_to_those_whom_it_serves_and_to_no_other(line, session):
    order = waitlist.next_for(session, line)
    assert [one.place for one in order] == sorted(one.place for one in order)
    assert {one.session_id for one in order} <= {session, None}
    assert len(order) == sum(1 for one in line if one.session_id in (session, None))


@given(line=LINE)
def test_who_is_first_for_a_doctor_has_nobody_ahead_and_each_place_counts_once(line):
    for session in ("a", "b"):
        order = [one for one in waitlist.next_for(session, line) if one.session_id == session]
        counts = [waitlist.ahead_of(one, line) for one in order]
        assert counts == sorted(counts)
        assert all(waitlist.ahead_of(one, line) < one.place for one in order)
