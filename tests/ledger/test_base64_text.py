"""Base64 in one spelling."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.base64_text import format_base64, parse_base64


@given(st.binary(max_size=100))
def test_parsing_undoes_formatting(data):
    assert parse_base64(format_base64(data)) == data == base64.b64decode(format_base64(data))


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AA",
        "AA=",
        "AAA",
        "A===",
        "AB==",
        "AAB=",
        "AA==\n",
        " AA==",
        "A A=",
        "AA==AA==",
        "AA-_",
        "AA\u00e9=",
        "====",
        "=",
        "ＡＡ＝＝",
    ],
)
def test_every_other_spelling_is_refused(text):
    with pytest.raises(ValueError, match="not base64"):
        parse_base64(text)


@given(st.text(alphabet="ABwxyz0189+/=-_ \n", max_size=12))
def test_what_parses_has_no_second_spelling(text):
    try:
        data = parse_base64(text)
    except ValueError:
        return
    assert format_base64(data) == text
