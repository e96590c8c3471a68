from datetime import UTC, datetime, timedelta

from app.domain import rates
from app.domain.rates import Key

SENT_AT = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def test_a_code_lives_five_minutes_and_five_tries():
    assert rates.is_code_alive(SENT_AT, 0, SENT_AT)
    assert rates.is_code_alive(SENT_AT, 4, SENT_AT + timedelta(seconds=299))
    assert not rates.is_code_alive(SENT_AT, 5, SENT_AT)
    assert not rates.is_code_alive(SENT_AT, 0, SENT_AT + timedelta(minutes=5))
    assert not rates.is_code_alive(SENT_AT, 0, SENT_AT - timedelta(seconds=1))


def test_a_phone_gets_five_codes_an_hour():
    assert "5 per 3600 seconds" in [str(limit) for limit in rates.SEND_CODE if limit.key is Key.PHONE]


def test_a_hospitals_own_wifi_is_not_one_person():
    """64 people behind one address sign in at the same moment."""
    for limits in (rates.SIGN_IN, rates.SEND_CODE):
        assert all(limit.times >= 600 for limit in limits if limit.key is Key.ADDRESS)
