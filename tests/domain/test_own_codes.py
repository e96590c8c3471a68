"""One's own code: for one visit, for a minute at most, and nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.own_codes import OwnCodeUnknown, is_own_code, own_code, own_digits, visit_of_code

SECRET = bytes(range(32))
VISITS = [f"visit-{n}" for n in range(300)]
AT = datetime(2026, 3, 2, 2, 0, 0, tzinfo=UTC)

MAKERS = pytest.mark.parametrize("make", [own_code, own_digits])


@MAKERS
def test_a_code_names_its_visit_until_the_end_of_the_next_half_minute(make):
    code = make(SECRET, "visit-7", AT)
    for seconds in (0, 29, 30, 59):
        assert visit_of_code(SECRET, VISITS, code, AT + timedelta(seconds=seconds)) == "visit-7"
    for seconds in (-1, 60, 3600):
        with pytest.raises(OwnCodeUnknown):
            visit_of_code(SECRET, VISITS, code, AT + timedelta(seconds=seconds))


@MAKERS
def test_a_code_of_another_clinic_or_of_no_visit_here_names_nobody(make):
    for secret, visit in ((bytes(32), "visit-7"), (SECRET, "visit-elsewhere")):
        with pytest.raises(OwnCodeUnknown):
            visit_of_code(SECRET, VISITS, make(secret, visit, AT), AT)


@pytest.mark.parametrize(
    "text", ["", "A001", "1234", "MZ.", "MZ." + "x" * 21, "MZ." + "中" * 22, "123456789", "１２３４５６７８"]
)
def test_other_text_is_none(text):
    assert not is_own_code(text)
    with pytest.raises(OwnCodeUnknown):
        visit_of_code(SECRET, VISITS, text, AT)


def test_every_changed_character_is_refused():
    code = own_code(SECRET, "visit-7", AT)
    for at in range(3, len(code)):
        with pytest.raises(OwnCodeUnknown):
            visit_of_code(SECRET, VISITS, code[:at] + ("A" if code[at] != "A" else "B") + code[at + 1 :], AT)


def test_two_visits_with_the_same_digits_by_chance_are_told_from_none():
    with pytest.raises(OwnCodeUnknown):
        visit_of_code(SECRET, ["visit-7", "visit-7"], own_digits(SECRET, "visit-7", AT), AT)


def test_a_secret_that_is_too_short_is_our_mistake():
    with pytest.raises(ValueError, match="16 bytes"):
        own_code(b"short", "visit-7", AT)
