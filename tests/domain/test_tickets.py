import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import TicketUnreadable
from app.domain.tickets import QUEUE_LETTERS, format_ticket, parse_ticket, queue_letters


@pytest.mark.parametrize(
    ("letters", "number", "ticket"), [("A", 1, "A001"), ("B", 42, "B042"), ("AA", 999, "AA999"), ("A", 1000, "A1000")]
)
def test_a_ticket_has_three_digits_or_as_many_as_it_needs(letters, number, ticket):
    assert format_ticket(letters, number) == ticket
    assert parse_ticket(ticket) == (letters, number)


@given(st.integers(0, 599), st.integers(1, 999_999))
def test_reading_undoes_writing(queue, number):
    letters = queue_letters(queue)
    assert parse_ticket(format_ticket(letters, number)) == (letters, number)
    assert parse_ticket(f" {letters.lower()} {number:03}") == (letters, number)


@pytest.mark.parametrize("typed", ["", "A", "A1", "A000", "A0001", "001", "I001", "O001", "ABC001", "A٠٠١", "A-1.5x"])
def test_a_second_spelling_is_no_ticket(typed):
    with pytest.raises(TicketUnreadable):
        parse_ticket(typed)


@pytest.mark.parametrize(("letters", "number"), [("A", 0), ("A", -1), ("", 1), ("I", 1), ("a", 1), ("A", 1_000_000)])
def test_a_ticket_nobody_can_have_is_our_mistake(letters, number):
    with pytest.raises(ValueError, match="no such ticket"):
        format_ticket(letters, number)


def test_every_queue_of_a_day_has_its_own_letters():
    letters = [queue_letters(n) for n in range(600)]
    assert len(set(letters)) == 600
    assert letters[: len(QUEUE_LETTERS)] == list(QUEUE_LETTERS)
    assert letters[24] == "AA"
    with pytest.raises(ValueError, match="no letters"):
        queue_letters(600)
