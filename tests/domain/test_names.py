import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import NameCharactersWrong, NameEmpty, NameTooLong
from app.domain.names import clean_name, match_key, sort_key


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (" 张三 ", "张三"),
        ("张\u3000三", "张三"),
        ("欧阳 娜娜", "欧阳娜娜"),
        ("阿依古丽•买买提", "阿依古丽·买买提"),
        ("阿依古丽.买买提", "阿依古丽·买买提"),
        ("阿依古丽 ・ 买买提", "阿依古丽·买买提"),
        ("John  Q. Smith", "John Q. Smith"),
        ("Zoe\u0308", "Zoë"),
        ("〇七", "〇七"),
        ("𠮷田", "𠮷田"),  # a surname outside the basic plane
        ("O'Brien-Łuczak", "O'Brien-Łuczak"),
        ("Nguyễn Thị Minh", "Nguyễn Thị Minh"),
        ("김민수", "김민수"),
    ],
)
def test_a_name_has_one_spelling(typed, name):
    assert clean_name(typed) == name


@pytest.mark.parametrize(
    ("typed", "position"),
    [
        ("张\u200b三", 2),  # zero width space
        ("张三\u202e", 3),  # turns the line around
        ("\ufeff张三", 1),
        ("张\n三", 2),
        ("张三1", 3),
        ("<b>", 1),
        ("张\ue000", 2),  # private use: no two machines agree what it is
        ("张😀", 2),
        ("张\ud800", 2),
    ],
)
def test_what_no_name_has_is_refused_with_its_position(typed, position):
    with pytest.raises(NameCharactersWrong) as refused:
        clean_name(typed)
    assert refused.value.facts == {"field": "name", "position": position}


@pytest.mark.parametrize("typed", ["", "  ", "·", "-", "\u3000"])
def test_a_name_has_a_letter(typed):
    with pytest.raises(NameEmpty):
        clean_name(typed)


def test_sixty_characters_are_a_name_and_sixty_one_are_not():
    assert len(clean_name("A" * 60)) == 60
    with pytest.raises(NameTooLong) as refused:
        clean_name("A" * 61)
    assert refused.value.facts["limit"] == 60


@given(st.text(max_size=80))
def test_a_cleaned_name_is_clean(typed):
    try:
        name = clean_name(typed)
    except (NameCharactersWrong, NameEmpty, NameTooLong):
        return
    assert clean_name(name) == name
    assert unicodedata.is_normalized("NFC", name)
    assert 1 <= len(name) <= 60
    assert not any(unicodedata.category(c) in ("Cc", "Cf") for c in name)


def test_spellings_match_across_width_case_and_dots():
    assert match_key("Ｓｍｉｔｈ Anne") == match_key("SMITH, ANNE")
    assert match_key("阿依古丽·买买提") == match_key("阿依古丽买买提")
    assert match_key("张三") != match_key("张四")


def test_names_sort_like_a_phone_book():
    names = ["张三", "李四", "Smith", "王五", "阿依古丽", "陈晨", "anna"]
    assert sorted(names, key=sort_key) == ["anna", "Smith", "阿依古丽", "陈晨", "李四", "王五", "张三"]
