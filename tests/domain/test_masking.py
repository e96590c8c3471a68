"""A mask hides: what it shows depends on the visible characters and the length, and on nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.masking import mask_document, mask_name, mask_phone

han = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5)


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张", "*"),
        ("张三", "张*"),
        ("张小三", "张*三"),
        ("欧阳娜娜", "欧**娜"),
        ("阿依古丽·买买提", "阿******提"),
        ("김민수", "김*수"),
        ("John Smith", "J. S."),
        ("Anne-Marie O'Neil", "A. M. O."),
        ("élodie", "É."),
        ("X", "*"),
        ("", "*"),
    ],
)
def test_names_are_masked_by_the_customs_of_waiting_rooms(name, masked):
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("+8613812345678", "138****5678"),
        ("+442079460018", "+44******0018"),
        ("+2901234", "+29***34"),
        ("+291234567", "+29*****67"),
        ("+2912345678", "+29****5678"),
        ("something else", "*" * 14),
        ("", ""),
    ],
)
def test_phones_show_both_ends(phone, masked):
    assert mask_phone(phone) == masked


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("31010119800101371X", "3****************X"),
        ("E12345678", "E*******8"),
        ("AB123", "A***3"),
        ("AB12", "****"),
        ("", ""),
    ],
)
def test_documents_show_first_and_last(number, masked):
    assert mask_document(number) == masked


@given(han, st.lists(han, min_size=1, max_size=8), st.lists(han, min_size=1, max_size=8), han)
def test_two_names_that_differ_only_inside_look_alike(first, one, other, last):
    other = (other * len(one))[: len(one)]
    assert mask_name(first + "".join(one) + last) == mask_name(first + "".join(other) + last)


@given(han, han, han)
def test_of_two_characters_the_second_is_hidden(first, one, other):
    assert mask_name(first + one) == mask_name(first + other)


@given(st.from_regex(r"[A-Z][a-z]{1,12}( [A-Z][a-z]{1,12}){0,3}", fullmatch=True))
def test_a_foreign_name_shows_its_initials_only(name):
    assert [c for c in mask_name(name) if c.isalpha()] == [word[0] for word in name.split()]


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.from_regex(r"[0-9]{4}", fullmatch=True))
def test_the_middle_of_a_mainland_number_leaves_no_trace(number, middle):
    assert mask_phone("+86" + number) == mask_phone("+86" + number[:3] + middle + number[7:])


@given(st.from_regex(r"\+(?!86)[1-9][0-9]{6,14}", fullmatch=True))
def test_at_least_three_digits_of_any_number_stay_hidden(number):
    masked = mask_phone(number)
    assert masked.count("*") >= 3
    assert len(masked) == len(number)


@given(st.from_regex(r"[A-Z0-9]{5,18}", fullmatch=True), st.data())
def test_the_inside_of_a_document_leaves_no_trace(number, data):
    inside = data.draw(st.text("0123456789", min_size=len(number) - 2, max_size=len(number) - 2))
    assert mask_document(number) == mask_document(number[0] + inside + number[-1])
