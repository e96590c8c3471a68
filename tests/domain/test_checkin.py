import re
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import checkin, errors
from app.domain.checkin import Open, Presence, TooEarly, TooLate, WindowRule

STARTS_AT = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)  # 12:30 at the hospital
MINUTE = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)
OPENS_AT, CLOSES_AT = STARTS_AT - 30 * MINUTE, STARTS_AT + 15 * MINUTE
RULE = WindowRule()
SECRET = b"a secret for the tests of venues"


@pytest.mark.parametrize(
    ("now", "answer"),
    [
        (OPENS_AT - MOMENT, TooEarly(OPENS_AT, 1)),
        (OPENS_AT - 61 * MINUTE, TooEarly(OPENS_AT, 61)),
        (OPENS_AT, Open(OPENS_AT, CLOSES_AT, is_late=False)),
        (STARTS_AT, Open(OPENS_AT, CLOSES_AT, is_late=False)),
        (STARTS_AT + MOMENT, Open(OPENS_AT, CLOSES_AT, is_late=True)),
        (CLOSES_AT, Open(OPENS_AT, CLOSES_AT, is_late=True)),
        (CLOSES_AT + MOMENT, TooLate(CLOSES_AT, 1)),
        (CLOSES_AT + timedelta(hours=2), TooLate(CLOSES_AT, 120)),
    ],
)
def test_the_window_goes_from_30_minutes_before_to_15_after(now, answer):
    assert checkin.decide_window(RULE, STARTS_AT, now) == answer


def test_counters_that_close_end_the_window_earlier():
    rule = WindowRule(hard_close=time(12, 40))
    closes_at = STARTS_AT + 10 * MINUTE
    assert checkin.decide_window(rule, STARTS_AT, closes_at).closes_at == closes_at
    assert checkin.decide_window(rule, STARTS_AT, closes_at + MINUTE) == TooLate(closes_at, 1)


def test_counters_that_close_later_do_not_lengthen_the_window():
    rule = WindowRule(hard_close=time(17, 0))
    assert checkin.decide_window(rule, STARTS_AT, STARTS_AT).closes_at == CLOSES_AT


def test_the_window_of_an_appointment_after_midnight_opens_the_day_before():
    starts_at = datetime(2026, 11, 22, 16, 10, tzinfo=UTC)  # 00:10 at the hospital
    assert isinstance(checkin.decide_window(RULE, starts_at, starts_at - 20 * MINUTE), Open)


def test_a_refusal_carries_the_instant_and_the_minutes():
    with pytest.raises(errors.CheckInTooEarly) as early:
        checkin.require_open(RULE, STARTS_AT, OPENS_AT - 5 * MINUTE)
    assert early.value.facts == {"opens_at": OPENS_AT, "minutes": 5}
    with pytest.raises(errors.CheckInTooLate) as late:
        checkin.require_open(RULE, STARTS_AT, CLOSES_AT + 5 * MINUTE)
    assert late.value.facts == {"closed_at": CLOSES_AT, "minutes": 5}
    assert checkin.require_open(RULE, STARTS_AT, STARTS_AT).closes_at == CLOSES_AT


@given(
    st.builds(
        WindowRule,
        early_minutes=st.integers(0, 1440),
        late_minutes=st.integers(0, 1440),
        hard_close=st.none() | st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    )
)
def test_a_window_is_written_and_read_back(rule):
    assert checkin.parse_window(checkin.format_window(rule)) == rule


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("early_minutes", -1),
        ("early_minutes", 1441),
        ("late_minutes", 1.5),
        ("late_minutes", True),
        ("late_policy", "shout"),
        ("hard_close", "11.30"),
        ("hard_close", "11:30:00"),
        ("radius_m", 300),
    ],
)
def test_a_wrong_field_of_a_window_is_named(field, value):
    with pytest.raises(errors.RuleMalformed) as refused:
        checkin.parse_window({**checkin.format_window(RULE), field: value})
    assert refused.value.field == field


@pytest.mark.parametrize("make", [checkin.venue_code, checkin.short_code])
def test_a_code_is_good_until_the_end_of_the_next_one(make):
    shown_at = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
    code = make(SECRET, "clinic", shown_at)

    def is_good(seconds):
        return checkin.is_venue_code(SECRET, "clinic", code, shown_at + timedelta(seconds=seconds))

    assert is_good(0)
    assert is_good(59.999)
    assert not is_good(60)
    assert not is_good(-0.001)
    assert make(SECRET, "clinic", shown_at + timedelta(seconds=29.9)) == code
    assert make(SECRET, "clinic", shown_at + timedelta(seconds=30)) != code


@pytest.mark.parametrize("make", [checkin.venue_code, checkin.short_code])
def test_a_code_is_of_one_clinic_and_one_secret(make):
    code = make(SECRET, "clinic", STARTS_AT)
    assert not checkin.is_venue_code(SECRET, "other", code, STARTS_AT)
    assert not checkin.is_venue_code(SECRET[::-1], "clinic", code, STARTS_AT)


def test_every_changed_character_of_a_code_is_noticed():
    code = checkin.venue_code(SECRET, "clinic", STARTS_AT)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", code)
    assert len(code) == checkin.VENUE_CODE_LENGTH == 22
    for position, old in enumerate(code):
        changed = code[:position] + ("A" if old != "A" else "B") + code[position + 1 :]
        assert not checkin.is_venue_code(SECRET, "clinic", changed, STARTS_AT)


@given(st.text(max_size=30))
def test_nothing_that_people_type_breaks_the_comparison(typed):
    assert checkin.is_venue_code(SECRET, "clinic", typed, STARTS_AT) in (True, False)


def test_the_clinic_is_found_from_the_code_alone():
    clinics = [f"clinic{n}" for n in range(40)]
    code = checkin.venue_code(SECRET, "clinic7", STARTS_AT)
    assert checkin.clinic_of_code(SECRET, clinics, code, STARTS_AT) == "clinic7"
    with pytest.raises(errors.VenueCodeUnknown):
        checkin.clinic_of_code(SECRET, clinics, code, STARTS_AT + 2 * MINUTE)
    with pytest.raises(errors.VenueCodeUnknown):
        checkin.clinic_of_code(SECRET, ["clinic7", "clinic7"], code, STARTS_AT)


def test_a_short_secret_is_our_mistake():
    assert checkin.venue_code(bytes(16), "clinic", STARTS_AT)
    with pytest.raises(ValueError, match="16 bytes"):
        checkin.venue_code(bytes(15), "clinic", STARTS_AT)


def test_the_short_code_is_six_digits_to_type():
    codes = {checkin.short_code(SECRET, "clinic", STARTS_AT + n * MINUTE) for n in range(50)}
    assert all(re.fullmatch(r"[0-9]{6}", code) for code in codes)
    assert len(codes) > 45


def test_the_screen_knows_when_to_show_the_next_code():
    at = datetime(2026, 11, 22, 4, 0, 29, 500000, tzinfo=UTC)
    assert checkin.seconds_left(at) == 1
    assert checkin.seconds_left(at.replace(second=0)) == 30


def test_presence_lasts_ten_minutes_at_one_clinic():
    presence = Presence("clinic", STARTS_AT)
    assert checkin.is_present(presence, "clinic", STARTS_AT)
    assert checkin.is_present(presence, "clinic", STARTS_AT + 10 * MINUTE - MOMENT)
    assert not checkin.is_present(presence, "clinic", STARTS_AT + 10 * MINUTE)
    assert not checkin.is_present(presence, "clinic", STARTS_AT - MOMENT)
    assert not checkin.is_present(presence, "other", STARTS_AT)
    assert not checkin.is_present(None, "clinic", STARTS_AT)
    checkin.require_presence(presence, "clinic", STARTS_AT)
    with pytest.raises(errors.PresenceNeeded):
        checkin.require_presence(presence, "other", STARTS_AT)
