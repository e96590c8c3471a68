"""What a waiting room hears: every figure by itself, in both languages, and nothing but number and room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import speaking


@pytest.mark.parametrize(
    ("ticket", "zh", "en"),
    [
        ("A001", "A 零 零 一", "A, zero, zero, one"),
        ("B120", "B 一 二 零", "B, one, two, zero"),
        ("C1000", "C 一 零 零 零", "C, one, zero, zero, zero"),
    ],
)
def test_a_number_is_read_figure_by_figure(ticket, zh, en):
    assert speaking.spell_zh(ticket) == zh
    assert speaking.spell_en(ticket) == en


@given(st.from_regex(r"[A-Z][0-9]{3,4}", fullmatch=True))
def test_no_two_figures_run_together_and_no_two_numbers_sound_alike(ticket):
    assert not any(character.isdigit() for character in speaking.spell_zh(ticket) + speaking.spell_en(ticket))
    assert len(speaking.spell_zh(ticket).split()) == len(speaking.spell_en(ticket).split(", ")) == len(ticket)


def test_a_call_says_the_number_and_where_to_go():
    assert speaking.call_zh("A012", "3 诊室") == "请 A 零 一 二 号，A 零 一 二 号，请到3诊室就诊。"
    assert speaking.call_en("A012", "Room 3") == "Number A, zero, one, two, please go to Room 3."


def test_a_call_without_a_room_still_makes_sense():
    assert speaking.call_zh("A012", "").endswith("请到诊室就诊。")
    assert speaking.call_en("A012", "").endswith("it is your turn.")
