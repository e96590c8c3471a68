"""One-time codes: the RFCs' own vectors, each code once, and the texts that apps and people read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import totp

SECRET = b"12345678901234567890"  # of both RFCs

# RFC 4226, appendix D
HOTP = ("755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489")

# RFC 6238, appendix B, the rows of SHA-1, with eight digits
TOTP = (
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
)


def test_the_codes_of_rfc_4226() -> None:
    assert tuple(totp.hotp(SECRET, counter) for counter in range(10)) == HOTP


@pytest.mark.parametrize(("seconds", "code"), TOTP)
def test_the_codes_of_rfc_6238(seconds: int, code: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert totp.hotp(SECRET, totp.step_at(at), digits=8) == code
    assert totp.matching_step(SECRET, code[2:], at, 0) == totp.step_at(at)


NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(("steps_off", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_one_step_off_and_no_more(steps_off: int, is_taken: bool) -> None:
    step = totp.step_at(NOW) + steps_off
    assert totp.matching_step(SECRET, totp.hotp(SECRET, step), NOW, 0) == (step if is_taken else None)


def test_a_code_that_was_used_is_refused_and_so_is_an_older_one_after_it() -> None:
    step = totp.step_at(NOW)
    assert totp.matching_step(SECRET, totp.hotp(SECRET, step), NOW, step) is None
    assert totp.matching_step(SECRET, totp.hotp(SECRET, step - 1), NOW, step) is None
    assert totp.matching_step(SECRET, totp.hotp(SECRET, step + 1), NOW, step) == step + 1


@pytest.mark.parametrize("code", ["", "75522", "7552240", "abcdef", "７５５２２４"])
def test_what_is_no_code_matches_nothing(code: str) -> None:
    assert totp.matching_step(SECRET, code, datetime.fromtimestamp(59, UTC), -5) is None


@given(secret=st.binary(min_size=1, max_size=40))
@settings(max_examples=50)
def test_a_secret_in_base32_is_read_back_as_it_was(secret: bytes) -> None:
    assert totp.secret_of(totp.base32_of(secret)) == secret


@pytest.mark.parametrize("text", ["gezdgnbv", "GEZDGNBV=", "GEZ 1", "A"])
def test_another_spelling_of_a_secret_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="base32"):
        totp.secret_of(text)


def test_the_address_that_is_scanned_says_who_and_where_and_how() -> None:
    found = urlsplit(totp.otpauth_uri(SECRET, "明诊", "admin.tang"))
    assert (found.scheme, found.netloc) == ("otpauth", "totp")
    said = {name: values[0] for name, values in parse_qs(found.query).items()}
    assert said == {
        "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "issuer": "明诊",
        "algorithm": "SHA1",
        "digits": "6",
        "period": "30",
    }


def test_what_people_copy_along_with_a_code_does_not_matter() -> None:
    assert totp.normal_code(" 755 224 ") == "755224"
    assert totp.normal_code("abcd-efgh-jkmn") == totp.normal_code("ABCD EFGH JKMN") == "ABCDEFGHJKMN"
    assert totp.grouped("ABCDEFGHJKMN") == "ABCD-EFGH-JKMN"
    assert not set("01OIL") & set(totp.RECOVERY_ALPHABET)


def test_the_skew_bounds_what_one_guess_can_hit() -> None:
    """Three codes of a million at a time: with the lock-out's twelve an hour, one in 27,000 hours."""
    at = NOW + timedelta(seconds=7)
    hits = [code for code in range(10**4) if totp.matching_step(SECRET, f"{code:06d}", at, 0) is not None]
    assert len(hits) <= 3
