"""Resident IDs and passports.

11010519491231002X and 440524188001010014 are the two examples of GB 11643-1999, annex A.
"""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import errors
from app.domain.countries import ALPHA2_OF_ALPHA3, parse_country
from app.domain.documents import (
    DocumentKind,
    Sex,
    check_character,
    document_key,
    parse_passport,
    parse_resident_id,
)

TODAY = date(2026, 11, 22)
EXAMPLE = "11010519491231002X"

areas = st.sampled_from(["110105", "310101", "440524", "650102", "810000", "820000", "830000", "710000"])
births = st.dates(date(1900, 1, 1), TODAY)


def number_of(area, birth_on, sequence):
    body = f"{area}{birth_on:%Y%m%d}{sequence:03}"
    return body + check_character(body)


def test_the_example_of_the_standard_is_read():
    found = parse_resident_id(EXAMPLE, TODAY)
    assert (found.number, found.birth_on, found.sex) == (EXAMPLE, date(1949, 12, 31), Sex.FEMALE)


def test_the_check_character_of_the_standards_second_example():
    assert check_character("44052418800101001") == "4"


@pytest.mark.parametrize(
    "typed",
    ["11010519491231002x", " 110105 19491231 002X ", "１１０１０５１９４９１２３１００２Ｘ", "110105-19491231-002X"],
)
def test_spaces_hyphens_full_width_and_small_x_are_forgiven(typed):
    assert parse_resident_id(typed, TODAY).number == EXAMPLE


@given(st.from_regex(r"[0-9]{17}", fullmatch=True))
def test_check_characters_are_those_of_iso_7064(body):
    """MOD 11-2: the digits times the powers of two, from the right, leave one (ISO 7064, 7.2)."""
    values = [10 if c == "X" else int(c) for c in body + check_character(body)]
    assert sum(value * 2**power for power, value in enumerate(reversed(values))) % 11 == 1


def test_the_newborn_and_the_oldest_are_both_read():
    for birth_on in (TODAY, date(1900, 1, 1)):
        assert parse_resident_id(number_of("110105", birth_on, 1), TODAY).birth_on == birth_on
        assert parse_passport("GBR", "123456789", "A" * 80, birth_on, Sex.MALE, TODAY).birth_on == birth_on


def test_a_name_in_a_passport_may_be_one_letter():
    assert parse_passport("IND", "M1234567", "a", date(1990, 1, 1), Sex.OTHER, TODAY).name == "A"


@given(areas, births, st.integers(1, 999))
def test_every_well_made_number_says_its_birth_and_sex(area, birth_on, sequence):
    found = parse_resident_id(number_of(area, birth_on, sequence), TODAY)
    assert found.birth_on == birth_on
    assert found.sex is (Sex.MALE if sequence % 2 else Sex.FEMALE)


@given(areas, births, st.integers(1, 999), st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(area, birth_on, sequence, position, shift):
    number = number_of(area, birth_on, sequence)
    old = number[position]
    new = "0" if old == "X" else str((int(old) + shift) % 10)
    with pytest.raises(errors.BadInput):
        parse_resident_id(number[:position] + new + number[position + 1 :], TODAY)


@given(areas, births, st.integers(1, 999), st.integers(0, 15))
def test_two_swapped_neighbours_are_always_noticed(area, birth_on, sequence, position):
    number = number_of(area, birth_on, sequence)
    swapped = number[:position] + number[position + 1] + number[position] + number[position + 2 :]
    if swapped != number:
        with pytest.raises(errors.BadInput):
            parse_resident_id(swapped, TODAY)


@pytest.mark.parametrize(
    ("typed", "refusal"),
    [
        ("", errors.DocumentLengthWrong),
        ("3112219680806371X", errors.DocumentLengthWrong),  # 17 characters, from HL7's Patient-ch-example
        (EXAMPLE + "1", errors.DocumentLengthWrong),
        ("1101051949123100X2", errors.DocumentCharactersWrong),
        ("11010519491231002Y", errors.DocumentCharactersWrong),
        ("١١٠١٠٥١٩٤٩١٢٣١٠٠٢٠", errors.DocumentCharactersWrong),  # Arabic-Indic digits are digits to str.isdigit
        ("99010519491231002X", errors.DocumentAreaUnknown),
        ("11010519490231002X", errors.DocumentDateWrong),
        ("110105202611230023", errors.DocumentDateWrong),  # tomorrow
        ("440524188001010014", errors.DocumentDateWrong),  # right in 1999, but nobody born in 1880 lives
        ("110105194912310021", errors.DocumentCheckDigitWrong),
    ],
)
def test_a_refusal_names_the_part_that_is_wrong(typed, refusal):
    with pytest.raises(refusal) as refused:
        parse_resident_id(typed, TODAY)
    assert refused.value.field == "number"


@given(st.text(max_size=20))
def test_refusals_never_carry_what_was_typed(typed):
    try:
        parse_resident_id(typed, TODAY)
    except errors.BadInput as refused:
        assert set(refused.facts) <= {"field", "length"}
        assert refused.args == (refused.code,)


def test_a_card_of_the_first_generation_is_upgraded():
    found = parse_resident_id("110105491231002", TODAY)
    assert found.number == EXAMPLE


def test_what_was_typed_beside_the_number_must_agree():
    assert parse_resident_id(EXAMPLE, TODAY, birth_on=date(1949, 12, 31), sex=Sex.FEMALE).number == EXAMPLE
    with pytest.raises(errors.DocumentDisagrees) as refused:
        parse_resident_id(EXAMPLE, TODAY, birth_on=date(1949, 12, 30))
    assert refused.value.facts["what"] == "birth_on"
    with pytest.raises(errors.DocumentDisagrees) as refused:
        parse_resident_id(EXAMPLE, TODAY, sex=Sex.MALE)
    assert refused.value.facts["what"] == "sex"


def test_who_tells_no_sex_disagrees_with_nothing():
    assert parse_resident_id(EXAMPLE, TODAY, sex=Sex.UNKNOWN).sex is Sex.FEMALE


def test_a_passport_is_read_in_one_spelling():
    found = parse_passport("gb", " 123-456 789 ", "Smith, Zoë  Anne", date(1980, 2, 3), Sex.FEMALE, TODAY)
    assert (found.country, found.number, found.name) == ("GBR", "123456789", "SMITH, ZOË ANNE")


@pytest.mark.parametrize(
    ("change", "refusal", "field"),
    [
        ({"country": "ZZZ"}, errors.CountryUnknown, "country"),
        ({"country": ""}, errors.CountryUnknown, "country"),
        ({"number": "1234"}, errors.PassportNumberWrong, "number"),
        ({"number": "1" * 16}, errors.PassportNumberWrong, "number"),
        ({"number": "12345/6"}, errors.PassportNumberWrong, "number"),
        ({"name": "张三"}, errors.PassportNameWrong, "name"),
        ({"name": " - "}, errors.PassportNameWrong, "name"),
        ({"name": "A" * 81}, errors.PassportNameWrong, "name"),
        ({"birth_on": date(2026, 11, 23)}, errors.BirthDateWrong, "birth_on"),
        ({"birth_on": date(1899, 12, 31)}, errors.BirthDateWrong, "birth_on"),
    ],
)
def test_each_wrong_field_of_a_passport_is_named(change, refusal, field):
    right = {"country": "GBR", "number": "123456789", "name": "SMITH ANNE", "birth_on": date(1980, 2, 3)}
    with pytest.raises(refusal) as refused:
        parse_passport(**{**right, **change}, sex=Sex.FEMALE, today_on=TODAY)
    assert refused.value.field == field


def test_there_are_249_countries_each_with_its_own_two_letters():
    assert len(ALPHA2_OF_ALPHA3) == len(set(ALPHA2_OF_ALPHA3.values())) == 249
    assert parse_country("d") == "DEU"  # as printed in German passports
    assert parse_country("XXA") == "XXA"  # stateless


def test_two_spellings_of_one_document_have_one_key():
    first, upgraded = parse_resident_id(EXAMPLE.lower(), TODAY), parse_resident_id("110105491231002", TODAY)
    assert first.key == upgraded.key == document_key(DocumentKind.RESIDENT_ID, "CHN", "110105 19491231 002x")


def test_the_same_number_of_two_countries_has_two_keys():
    keys = {document_key(DocumentKind.PASSPORT, country, "123456789") for country in ("GBR", "USA")}
    assert len(keys) == 2
