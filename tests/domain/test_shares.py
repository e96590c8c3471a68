"""A link is written as the specification says, and a form is read as a person means it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.shares import LASTING, ShareUnreadable, base64url, format_link, parse_choice, plain, same_passcode
from tests.shared import payload_of

UNTIL = datetime(2026, 11, 23, 8, tzinfo=UTC)
ADDRESS = "https://hospital.example/fhir/shl/" + "A" * 43


def test_a_link_is_the_payload_of_the_specification_in_base64url():
    link = format_link(ADDRESS, bytes(range(32)), "LP", UNTIL, label="给张医生")
    payload = payload_of(link)
    assert payload == {
        "url": ADDRESS, "flag": "LP", "key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "exp": 1795420800, "label": "给张医生", "v": 1,
    }  # fmt: skip
    assert len(payload["key"]) == 43 and "=" not in link and "+" not in link


def test_what_is_not_there_is_left_out():
    assert set(payload_of(format_link(ADDRESS, bytes(32), "", UNTIL))) == {"url", "key", "exp", "v"}


def test_an_address_longer_than_the_specification_allows_makes_no_link():
    assert format_link("https://h.example/".ljust(128, "a"), bytes(32), "", UNTIL)
    with pytest.raises(ValueError, match="128"):
        format_link("https://h.example/".ljust(129, "a"), bytes(32), "", UNTIL)


@settings(max_examples=25)
@given(st.binary(max_size=40))
def test_base64url_has_no_padding_and_comes_back(data):
    written = base64url(data)
    assert base64.urlsafe_b64decode(written + "=" * (-len(written) % 4)) == data and "=" not in written


def test_the_flags_stand_in_the_order_of_the_alphabet():
    assert parse_choice(["allergies"], [], "day", passcode="123456", is_live=True).flags == "LP"
    assert parse_choice(["allergies"], [], "day", is_live=True, is_direct=True).flags == "LU"
    assert parse_choice(["allergies"], [], "day").flags == ""


@pytest.mark.parametrize(
    ("field", "form"),
    [
        ("kinds", {"kinds": []}),
        ("kinds", {"kinds": ["results"]}),  # and none of them chosen
        ("kinds", {"kinds": ["identity", "log"]}),
        ("lasting", {"lasting": "year"}),
        ("passcode", {"passcode": "12345"}),
        ("passcode", {"passcode": "1" * 33}),
        ("label", {"label": "长" * 81}),
        ("direct", {"passcode": "123456", "is_direct": True}),  # U SHALL NOT be used with P
    ],
)
def test_what_cannot_be_used_is_refused_with_its_field(field, form):
    with pytest.raises(ShareUnreadable) as refused:
        parse_choice(**{"kinds": ["allergies"], "results": [], "lasting": "day", **form})
    assert refused.value.field == field


def test_nothing_lasts_longer_than_a_month():
    assert max(LASTING.values()).days == 30


def test_a_passcode_typed_wide_is_the_same():
    wide = "".join(chr(ord(digit) - ord("0") + 0xFF10) for digit in "123456")
    assert same_passcode(f" {wide} ") == parse_choice(["allergies"], [], "day", passcode=wide).passcode == "123456"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("省人民医院  张医生\n", "省人民医院 张医生"),
        ("Dr\u202eevil\u200b X", "Dr evil X"),
        ("\x00\x1b[31m", "[31m"),
        ("  ", ""),
        ("长" * 200, "长" * 80),
    ],
)
def test_who_somebody_says_to_be_is_one_line_that_can_be_seen(typed, shown):
    assert plain(typed, 80) == shown
