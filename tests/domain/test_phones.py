import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import PhoneNotMobile, PhoneUnreadable
from app.domain.phones import format_phone, parse_phone


@pytest.mark.parametrize(
    "typed",
    [
        "13812345678",
        "138 1234 5678",
        "138-1234-5678",
        "+8613812345678",
        "008613812345678",
        "8613812345678",
        "１３８１２３４５６７８",
    ],
)
def test_a_mainland_number_is_understood_as_people_write_it(typed):
    assert parse_phone(typed) == "+8613812345678"


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+44 (0)20 7946 0018", "+442079460018"),
        ("0044 20 7946 0018", "+442079460018"),
        ("+1 (212) 555-0100", "+12125550100"),
        ("+852 9123 4567", "+85291234567"),
    ],
)
def test_numbers_of_any_country_are_taken_with_their_plus(typed, number):
    assert parse_phone(typed) == number


@pytest.mark.parametrize(("number", "shown"), [("+8613812345678", "138 1234 5678"), ("+442079460018", "+442079460018")])
def test_a_number_is_shown_as_its_owner_writes_it_and_read_back(number, shown):
    assert format_phone(number) == shown
    assert parse_phone(shown) == number


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "+",
        "12345",
        "12812345678",
        "1381234567a",
        "+0123456789",
        "+1234567890123456",
        "tel:13812345678",
        "+86+13812345678",
    ],
)
def test_what_is_no_number_is_refused(typed):
    with pytest.raises(PhoneUnreadable):
        parse_phone(typed)


@pytest.mark.parametrize("typed", ["010-65551234", "021 6555 1234", "+86 21 6555 1234", "400-800-1234"])
def test_a_line_at_home_gets_no_code(typed):
    with pytest.raises(PhoneNotMobile):
        parse_phone(typed)


@given(st.from_regex(r"\+(?!86)[1-9][0-9]{6,14}", fullmatch=True))
def test_what_is_normal_stays_as_it_is(number):
    assert parse_phone(number) == number


@given(st.text(max_size=24))
def test_every_answer_is_itself_normal(typed):
    try:
        number = parse_phone(typed)
    except (PhoneUnreadable, PhoneNotMobile) as refused:
        assert set(refused.facts) == {"field"}
    else:
        assert parse_phone(number) == number
