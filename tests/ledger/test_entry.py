"""Entries and the JSON below them: each formula against a second writing of it."""

import enum
import hashlib
import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.entry import (
    canonical_json,
    chain_link,
    entry_of,
    own_hash,
    parse_canonical_json,
    row_digest,
)
from ledger.errors import MalformedJSON

OPEN_SALT, OWN_SALT = b"\x11" * 32, b"\x22" * 32

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_an_entry_commits_to_both_parts_of_an_event():
    opened, own = b'{"v":1}', b"{}"
    inner = hashlib.sha256(b"mingzhen.own.v1\n" + OWN_SALT + own).digest()
    outer = hashlib.sha256(b"mingzhen.event.v1\n" + OPEN_SALT + inner + opened).digest()

    assert own_hash(OWN_SALT, own) == inner
    assert entry_of(OPEN_SALT, inner, opened) == b"\x01" + outer
    assert len(entry_of(OPEN_SALT, inner, opened)) == 33


def test_an_event_names_the_one_before_it_without_betraying_it():
    entry = b"\x01" + bytes(32)
    assert chain_link(OWN_SALT, entry) == hashlib.sha256(b"mingzhen.chain.v1\n" + OWN_SALT + entry).digest()


def test_a_row_is_committed_to_by_a_salt_and_its_projection():
    expected = hashlib.sha256(OPEN_SALT + b'{"status":"booked","version":2}').digest()
    assert row_digest(OPEN_SALT, {"version": 2, "status": "booked"}) == expected


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: own_hash(bytes(31), b"{}"),
        lambda: entry_of(bytes(33), bytes(32), b"{}"),
        lambda: entry_of(OPEN_SALT, bytes(33), b"{}"),
        lambda: chain_link(b"", bytes(33)),
        lambda: chain_link(OWN_SALT, bytes(32)),
        lambda: row_digest(b"", {}),
    ],
)
def test_salts_and_hashes_of_another_length_are_mistakes_of_ours(mistake):
    """A short salt would let the rest of a hashed text slide into its place."""
    with pytest.raises(ValueError, match="bytes"):
        mistake()


def test_keys_are_sorted_as_the_example_of_rfc_8785_has_them():
    """Section 3.2.3: by UTF-16 code units, so that the smiling face comes before U+FB33."""
    value = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    keys = list(json.loads(canonical_json(value)))
    assert keys == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_text_is_escaped_as_rfc_8785_has_it():
    assert canonical_json('€$\x0f\nA\'B"\\\\"/') == b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'


@given(PLAIN)
def test_parsing_undoes_writing_and_there_is_one_spelling(value):
    assert parse_canonical_json(canonical_json(value)) == value
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)):
        if text.encode() != canonical_json(value):
            with pytest.raises(MalformedJSON):
                parse_canonical_json(text.encode())


@pytest.mark.parametrize(
    "value",
    [1.0, 1.5, float("nan"), [0.1], {"a": {"b": 1e3}}, 2**53, -(2**53), b"bytes", {1: 2}, {None: 1}, {1, 2}],
)
def test_what_has_no_single_form_everywhere_is_a_mistake_of_ours(value):
    with pytest.raises(ValueError):
        canonical_json(value)


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}], ids=["text", "key"])
def test_text_with_half_a_character_is_a_mistake_of_ours(value):
    with pytest.raises(ValueError):  # whichever sentence the library has for it
        canonical_json(value)


def test_thirty_two_levels_are_written_and_one_more_is_a_mistake_of_ours():
    def nested(levels):
        return [nested(levels - 1)] if levels else 0

    assert canonical_json(nested(32)) == b"[" * 32 + b"0" + b"]" * 32
    boxes: object = 0
    for _ in range(32):
        boxes = {"a": boxes}
    assert canonical_json(boxes).count(b"{") == 32
    for value in (nested(33), {"a": nested(32)}, [{"a": nested(31)}], {"a": boxes}):
        with pytest.raises(ValueError, match="deeply"):
            canonical_json(value)


def test_a_value_without_end_is_a_mistake_of_ours():
    value: list[object] = []
    value.append(value)
    with pytest.raises(ValueError, match="deeply"):
        canonical_json(value)


def test_named_constants_are_written_as_what_they_stand_for():
    class Kind(enum.StrEnum):
        PATIENT = "patient"

    assert canonical_json({"kind": Kind.PATIENT}) == b'{"kind":"patient"}'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" {}",
        b"{}\n",
        b"{ }",
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":1e0}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":9007199254740993}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\u00e4"}',
        b'{"a":"\\/"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        b"[" * 100_000,
        b"[" * 100 + b"]" * 100,
        b"{'a':1}",
        b'{"a":1,}',
    ],
)
def test_json_in_another_spelling_is_refused(data):
    with pytest.raises(MalformedJSON):
        parse_canonical_json(data)


@given(st.binary(max_size=50))
def test_nothing_but_a_value_or_our_own_error_comes_out(data):
    try:
        value = parse_canonical_json(data)
    except MalformedJSON:
        return
    assert canonical_json(value) == data


ASCII = st.text(st.characters(max_codepoint=0x7F), max_size=8)
ANY = ASCII | st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=("Cs",)), max_size=4) | st.text(max_size=4)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | ANY,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY, inner, max_size=4),
        max_leaves=12,
    )
)
def test_the_short_way_spells_as_the_library_does_and_is_not_taken_where_it_would_not(value):
    assert canonical_json(value) == rfc8785.dumps(value)


def test_the_largest_whole_number_that_javascript_holds_is_written():
    assert canonical_json([2**53 - 1, 1 - 2**53]) == b"[9007199254740991,-9007199254740991]"


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**30])
def test_a_whole_number_that_javascript_would_round_is_refused(number):
    with pytest.raises(ValueError):
        canonical_json({"n": number})


def test_half_a_character_has_no_canonical_form():
    with pytest.raises(ValueError, match="surrogates"):
        canonical_json({"name": "\ud800"})
