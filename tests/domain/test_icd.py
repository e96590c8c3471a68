import pytest

from app.domain import icd
from app.domain.errors import DiagnosisCodeWrong


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("J06.9", "J06.9"),
        ("j069", "J06.9"),
        ("I10", "I10"),
        ("Ｅ１１．９", "E11.9"),
        ("J06.900x001", "J06.900x001"),
        ("I10.x00", "I10.x00"),
        ("S52.501", "S52.501"),
        ("s72.001a", "S72.001A"),
    ],
)
def test_a_code_is_read_in_one_spelling(typed, code):
    assert icd.parse_code(typed) == code


@pytest.mark.parametrize("typed", ["", "J", "J0", "06.9", "JJ6.9", "J06.99999", "J06.A", "感冒", "J06.9 or J20.9"])
def test_what_is_no_code_is_refused(typed):
    with pytest.raises(DiagnosisCodeWrong):
        icd.parse_code(typed)


def test_common_diagnoses_have_codes_of_the_right_form_and_two_names():
    assert len(icd.COMMON) >= 40
    for code, diagnosis in icd.COMMON.items():
        assert icd.parse_code(code) == code == diagnosis.code
        assert diagnosis.chinese
        assert diagnosis.english


def test_diagnoses_are_found_by_code_and_by_either_name():
    assert icd.find("j06")[0].chinese == "急性上呼吸道感染"
    assert [d.code for d in icd.find("糖尿病")] == ["E11.9"]
    assert [d.code for d in icd.find("GOUT")] == ["M10.9"]
    assert icd.find("  ") == []
    assert len(icd.find("急性", limit=3)) == 3
