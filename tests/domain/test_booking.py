from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import booking, errors
from app.domain.booking import Allowed, AppointmentFacts, BookingRule, Refusal, Scope, SlotFacts, State

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # 12:00 at the hospital
MINUTE = timedelta(minutes=1)
RULE = BookingRule()


def appointment(state, **facts):
    return AppointmentFacts(
        state, **{"session_id": "s1", "department_id": "d1", "starts_at": NOON + 60 * MINUTE, **facts}
    )


@pytest.mark.parametrize("old", State)
@pytest.mark.parametrize("new", State)
def test_an_appointment_moves_along_the_table_and_nowhere_else(old, new):
    allowed = {
        ("held", "booked"),
        ("held", "cancelled"),
        ("booked", "checked_in"),
        ("booked", "cancelled"),
        ("booked", "no_show"),
        ("checked_in", "in_consult"),
        ("checked_in", "cancelled"),
        ("checked_in", "no_show"),
        ("in_consult", "completed"),
    }
    assert booking.is_allowed(old, new) == ((old.value, new.value) in allowed)
    if booking.is_allowed(old, new):
        booking.require_move(old, new)
    else:
        with pytest.raises(errors.AppointmentMoved) as refused:
            booking.require_move(old, new)
        assert refused.value.facts == {"state": old.value}


def test_a_free_slot_of_an_open_day_can_be_booked_until_it_begins():
    slot = SlotFacts(NOON, is_stopped=False, is_taken=False)
    assert booking.decide_slot(RULE, slot, NOON - MINUTE) == Allowed(until_at=NOON)


@pytest.mark.parametrize(
    ("slot", "now", "refusal"),
    [
        (SlotFacts(NOON, is_stopped=False, is_taken=False), NOON, errors.SlotPast),
        (SlotFacts(NOON, is_stopped=True, is_taken=True), NOON, errors.SlotStopped),
        (SlotFacts(NOON, is_stopped=False, is_taken=True), NOON - MINUTE, errors.SlotTaken),
        (SlotFacts(NOON, is_stopped=False, is_taken=False), NOON - timedelta(days=15), errors.SlotTooFar),
    ],
)
def test_a_slot_is_refused_with_its_reason(slot, now, refusal):
    with pytest.raises(refusal):
        booking.require(booking.decide_slot(RULE, slot, now))


def test_the_last_bookable_day_is_open_from_midnight_at_the_hospital():
    midnight = datetime(2026, 11, 7, 16, 0, tzinfo=UTC)  # begins 8 November, 14 days before
    slot = SlotFacts(NOON, is_stopped=False, is_taken=False)
    assert isinstance(booking.decide_slot(RULE, slot, midnight), Allowed)
    early = booking.decide_slot(RULE, slot, midnight - timedelta(microseconds=1))
    assert early.error.facts == {"opens_on": date(2026, 11, 8)}
    assert booking.last_bookable_on(RULE, midnight) == date(2026, 11, 22)


def test_a_hold_lasts_ten_minutes_and_then_counts_for_nothing():
    ends_at = booking.hold_ends_at(RULE, NOON)
    held = appointment(State.HELD, held_until_at=ends_at)

    assert ends_at == NOON + 10 * MINUTE
    assert booking.is_open(held, ends_at - timedelta(microseconds=1))
    assert not booking.is_open(held, ends_at)
    assert booking.decide_confirm(held, NOON) == Allowed(until_at=ends_at)
    assert isinstance(booking.decide_confirm(held, ends_at).error, errors.HoldExpired)
    assert isinstance(booking.decide_confirm(appointment(State.BOOKED), NOON).error, errors.AppointmentMoved)


def test_a_hold_without_an_end_is_none():
    assert not booking.is_open(appointment(State.HELD), NOON)


@pytest.mark.parametrize("state", State)
def test_only_what_is_still_open_takes_a_slot(state):
    of_state = appointment(state, held_until_at=NOON + MINUTE)
    assert booking.is_open(of_state, NOON) == (state.value in ("held", "booked", "checked_in", "in_consult"))


@pytest.mark.parametrize(
    ("change", "one_per", "scope"),
    [
        ({}, Scope.SESSION, "session"),
        ({"session_id": "s2"}, Scope.SESSION, None),
        ({"session_id": "s2"}, Scope.DEPARTMENT, "department"),
        ({"session_id": "s2", "department_id": "d2"}, Scope.DEPARTMENT, None),
        ({"session_id": "s2", "starts_at": NOON + timedelta(days=1)}, Scope.DEPARTMENT, None),
        # 23:30 the same day by UTC, but 07:30 of the next at the hospital
        ({"session_id": "s2", "starts_at": datetime(2026, 11, 22, 23, 30, tzinfo=UTC)}, Scope.DEPARTMENT, None),
    ],
)
def test_one_open_appointment_a_session_or_a_department_and_day(change, one_per, scope):
    answer = booking.decide_beside(
        BookingRule(one_per=one_per), appointment(State.HELD), [appointment(State.BOOKED, **change)], NOON
    )
    if scope is None:
        assert answer == Allowed()
    else:
        assert isinstance(answer.error, errors.AlreadyBooked)
        assert answer.error.facts == {"scope": scope}


@pytest.mark.parametrize("state", [State.COMPLETED, State.CANCELLED, State.NO_SHOW])
def test_what_is_over_stands_in_nobodys_way(state):
    assert booking.decide_beside(RULE, appointment(State.HELD), [appointment(state)], NOON) == Allowed()


def test_an_expired_hold_stands_in_nobodys_way():
    expired = appointment(State.HELD, held_until_at=NOON)
    assert booking.decide_beside(RULE, appointment(State.HELD), [expired], NOON) == Allowed()


def test_cancelling_ends_at_the_cut_off():
    booked = appointment(State.BOOKED)
    cut_off = booked.starts_at - 30 * MINUTE
    assert booking.decide_cancel(RULE, booked, cut_off) == Allowed(until_at=cut_off)
    late = booking.decide_cancel(RULE, booked, cut_off + timedelta(microseconds=1))
    assert isinstance(late.error, errors.CancelTooLate)
    assert late.error.facts == {"until_at": cut_off}


def test_a_cut_off_may_be_an_hour_of_the_day_before():
    rule = BookingRule(cancel_days_before=1, cancel_until=time(15, 0))
    assert booking.cancel_ends_at(rule, NOON) == datetime(2026, 11, 21, 7, 0, tzinfo=UTC)


def test_a_hold_is_let_go_at_any_time_and_what_began_is_not_cancelled():
    assert booking.decide_cancel(RULE, appointment(State.HELD, starts_at=NOON), NOON) == Allowed()
    for state in set(State) - {State.HELD, State.BOOKED}:
        answer = booking.decide_cancel(RULE, appointment(state), NOON)
        assert isinstance(answer, Refusal)
        assert isinstance(answer.error, errors.AppointmentMoved)


@given(
    st.builds(
        BookingRule,
        hold_minutes=st.integers(1, 60),
        days_ahead=st.integers(0, 60),
        cancel_minutes_before=st.integers(0, 600),
        cancel_days_before=st.none() | st.integers(0, 7),
        cancel_until=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    )
)
def test_a_rule_is_written_and_read_back(rule):
    assert booking.parse_rule(booking.format_rule(rule)) == rule


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hold_minutes", 0),
        ("hold_minutes", True),
        ("hold_minutes", "10"),
        ("days_ahead", -1),
        ("days_ahead", 10_001),
        ("one_per", "doctor"),
        ("cancel_days_before", -1),
        ("cancel_until", "25:00"),
        ("cancel_until", "15:00:00"),
        ("surprise", 1),
    ],
)
def test_a_wrong_field_of_a_rule_is_named(field, value):
    with pytest.raises(errors.RuleMalformed) as refused:
        booking.parse_rule({**booking.format_rule(RULE), field: value})
    assert refused.value.field == field


def test_a_missing_field_of_a_rule_is_named():
    rule = booking.format_rule(RULE)
    del rule["days_ahead"]
    with pytest.raises(errors.RuleMalformed) as refused:
        booking.parse_rule(rule)
    assert refused.value.field == "days_ahead"


# Limits, and the release of what was given back


@pytest.mark.parametrize(
    ("already", "scope"),
    [
        (booking.Open(of_account=0, of_device=0, holds=4), "holds"),
        (booking.Open(of_account=12, of_device=0, holds=0), "account"),
        (booking.Open(of_account=0, of_device=12, holds=0), "device"),
    ],
)
def test_more_than_the_rule_allows_is_refused_with_what_was_too_many(already, scope):
    with pytest.raises(booking.BookingLimit) as refused:
        booking.require(booking.decide_limits(RULE, already))
    assert refused.value.facts["scope"] == scope
    less = booking.Open(of_account=11, of_device=11, holds=3)
    assert booking.decide_limits(RULE, less) == Allowed()


@given(draw=st.floats(0, 1), left=st.integers(0, 10_000))
def test_a_slot_given_back_is_free_to_everybody_within_a_quarter_of_the_time_left(draw, left):
    starts_at = NOON + left * MINUTE
    free_from = booking.free_from(RULE, starts_at, NOON, draw)
    assert NOON <= free_from <= NOON + 15 * MINUTE
    assert free_from - NOON <= (starts_at - NOON) / 4
    assert left <= 8 or free_from >= NOON + 2 * MINUTE


def test_the_draw_decides_the_moment_between_the_least_and_the_most():
    late = NOON + timedelta(days=1)
    assert booking.free_from(RULE, late, NOON, 0.0) == NOON + 2 * MINUTE
    assert booking.free_from(RULE, late, NOON, 1.0) == NOON + 15 * MINUTE


def test_what_excludes_a_second_appointment_is_the_departments_day_or_the_session():
    of_session = BookingRule(one_per=Scope.SESSION)
    assert booking.exclusion(RULE, "s1", "d1", NOON) == booking.exclusion(RULE, "s2", "d1", NOON + 60 * MINUTE)
    assert booking.exclusion(RULE, "s1", "d1", NOON) != booking.exclusion(RULE, "s1", "d1", NOON + 24 * 60 * MINUTE)
    assert booking.exclusion(of_session, "s1", "d1", NOON) != booking.exclusion(of_session, "s2", "d1", NOON)
