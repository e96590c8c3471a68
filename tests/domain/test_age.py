from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.age import AgeGroup, age_group, age_on, birthday, is_child


@pytest.mark.parametrize(
    ("birth_on", "day_on", "years"),
    [
        (date(2012, 6, 1), date(2026, 5, 31), 13),
        (date(2012, 6, 1), date(2026, 6, 1), 14),
        (date(2012, 2, 29), date(2026, 2, 28), 13),
        (date(2012, 2, 29), date(2026, 3, 1), 14),
        (date(2026, 1, 1), date(2026, 1, 1), 0),
    ],
)
def test_one_grows_older_on_the_birthday(birth_on, day_on, years):
    assert age_on(birth_on, day_on) == years


def test_nobody_has_an_age_before_birth():
    with pytest.raises(ValueError, match="before"):
        age_on(date(2026, 1, 2), date(2026, 1, 1))


def test_childhood_ends_at_fourteen_and_minority_at_eighteen():
    birth_on = date(2008, 5, 5)
    assert age_group(birth_on, date(2022, 5, 4)) is AgeGroup.CHILD
    assert age_group(birth_on, date(2022, 5, 5)) is AgeGroup.MINOR
    assert age_group(birth_on, date(2026, 5, 4)) is AgeGroup.MINOR
    assert age_group(birth_on, date(2026, 5, 5)) is AgeGroup.ADULT
    assert is_child(birth_on, date(2022, 5, 4))
    assert not is_child(birth_on, date(2022, 5, 5))


@given(st.dates(date(1930, 1, 1), date(2030, 12, 31)), st.integers(0, 80))
def test_a_birthday_is_the_first_day_of_its_age(birth_on, years):
    day_on = birthday(birth_on, years)
    assert age_on(birth_on, day_on) == years
    assert years == 0 or age_on(birth_on, day_on - timedelta(days=1)) == years - 1
