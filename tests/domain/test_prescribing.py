"""The checks that a pharmacist is shown, and that what cannot be judged is said to be so."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import prescribing
from app.domain.clinical import PrescriptionLine
from app.domain.prescribing import Allergy, Check, Person, PrescriptionMoved, Status

ADULT, CHILD = Person(40), Person(8, Decimal("25"))


def line(name: str, dose: str = "5 mg", frequency: str = "每天一次", days: int = 7) -> PrescriptionLine:
    return PrescriptionLine(name, dose, frequency, days)


def found(lines, allergies=(), active=(), person=ADULT):
    return [(f.check, f.line) for f in prescribing.check(lines, allergies, active, person)]


def test_an_allergy_to_a_group_meets_every_ingredient_of_it():
    amoxicillin = line("阿莫西林胶囊", "0.5 g", "每天三次")
    assert found([amoxicillin], [Allergy("penicillin")]) == [(Check.ALLERGY, 0)]
    assert found([amoxicillin], [Allergy("sulfonamide")]) == []


def test_an_allergy_in_words_meets_the_ingredient_that_it_names():
    assert found([line("氯雷他定片", "10 mg")], [Allergy("other", "吃氯雷他定起疹子")]) == [(Check.ALLERGY, 0)]
    assert found([line("Loratadine tablets", "10 mg")], [Allergy("other", "Loratadine: rash")]) == [(Check.ALLERGY, 0)]


def test_the_same_ingredient_twice_is_found_within_the_prescription_and_beside_it():
    twice = [line("氨氯地平片"), line("苯磺酸氨氯地平片")]
    assert found(twice) == [(Check.DUPLICATE, 1)]
    assert found([line("氨氯地平片")], active=[line("Amlodipine 5 mg")]) == [(Check.DUPLICATE, 0)]
    assert (Check.DUPLICATE, 0) in found([line("自制合剂")], active=[line("自制合剂")])


@pytest.mark.parametrize(
    ("name", "dose", "frequency", "person", "expected"),
    [
        ("氨氯地平片", "10 mg", "每天一次", ADULT, None),
        ("氨氯地平片", "10 mg", "每天两次", ADULT, Check.DOSE_HIGH),
        ("二甲双胍片", "0.1 g", "每天一次", ADULT, Check.DOSE_LOW),
        ("二甲双胍片", "0.5 g", "每天两次，随餐", ADULT, None),
        ("对乙酰氨基酚片", "0.5 g", "发热时一片，间隔 6 小时", ADULT, None),
        ("布洛芬混悬液", "200 mg", "每天三次", CHILD, None),  # 24 mg a kg
        ("布洛芬混悬液", "400 mg", "每天三次", CHILD, Check.DOSE_HIGH),
        ("布洛芬混悬液", "200 mg", "每天三次", Person(8), Check.DOSE_UNKNOWN),  # no weight
        ("布洛芬混悬液", "200 mg", "每天三次", Person(None, Decimal(25)), Check.DOSE_UNKNOWN),
        ("布洛芬混悬液", "6 ml", "每天三次", CHILD, Check.DOSE_UNKNOWN),
        ("氨氯地平片", "2.5 mg", "每天一次", CHILD, Check.DOSE_UNKNOWN),  # nothing is agreed on for children
        ("氨氯地平片", "10 mg", "需要时", ADULT, Check.DOSE_UNKNOWN),
        ("自制合剂", "10 mg", "每天一次", ADULT, Check.DOSE_UNKNOWN),
    ],
)
def test_a_days_dose_is_compared_with_what_is_usual_for_this_person(name, dose, frequency, person, expected):
    assert found([line(name, dose, frequency)], person=person) == ([(expected, 0)] if expected else [])


def test_a_heavy_child_gets_no_more_than_a_grown_up():
    """40 mg a kg of 90 kg would be 3600 mg; an adult's most is 2400."""
    heavy = Person(17, Decimal(90))
    assert found([line("布洛芬片", "800 mg", "每天四次")], person=heavy) == [(Check.DOSE_HIGH, 0)]


def test_two_that_do_not_go_together_are_found_in_either_order():
    warfarin, ibuprofen = line("华法林片", "3 mg"), line("布洛芬片", "200 mg", "每天两次")
    assert found([warfarin, ibuprofen]) == [(Check.INTERACTION, 1)]
    assert found([ibuprofen], active=[warfarin]) == [(Check.INTERACTION, 0)]
    assert found([warfarin], active=[ibuprofen]) == [(Check.INTERACTION, 0)]


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_whatever_is_typed_is_checked_and_never_passed_in_silence_unless_it_was_understood(name, dose, frequency):
    checks = [check for check, _ in found([line(name, dose, frequency)])]
    understood = (
        len(prescribing.ingredients_of(name)) == 1
        and prescribing.milligrams(dose) is not None
        and prescribing.times_a_day(frequency) is not None
    )
    assert understood or Check.DOSE_UNKNOWN in checks


@pytest.mark.parametrize("old", [*Status, "stopped", "on-hold"])
@pytest.mark.parametrize("new", Status)
def test_nothing_comes_into_force_but_from_a_review(old, new):
    if old in prescribing.TRANSITIONS and new in prescribing.TRANSITIONS[Status(old)]:
        prescribing.require_move(old, new)
        assert new is not Status.ACTIVE or old is Status.SIGNED
    else:
        with pytest.raises(PrescriptionMoved):
            prescribing.require_move(old, new)


def test_what_the_data_names_is_there():
    known = {code for i in prescribing.FORMULARY.values() for code in (i.code, *i.groups)}
    for pair, chinese, english in prescribing.INTERACTIONS:
        assert pair <= known and len(pair) == 2 and chinese and english
    for ingredient in prescribing.FORMULARY.values():
        assert [i.code for i in prescribing.ingredients_of(ingredient.chinese)] == [ingredient.code]
        assert [i.code for i in prescribing.ingredients_of(ingredient.english)] == [ingredient.code]
        for span in (ingredient.adult, ingredient.child):
            assert span is None or span[0] <= span[1]
