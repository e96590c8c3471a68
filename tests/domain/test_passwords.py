"""Passwords and PINs: length is asked for, and that it is not what everybody tries; nothing else."""

from __future__ import annotations

import pytest

from app.domain import passwords
from app.domain.errors import BadInput

NAMES = ("zhang.haiyan", "张海燕", "Zhang Haiyan", "明诊", "Mingzhen")


@pytest.mark.parametrize(
    "password",
    [
        "seven kettles on a roof",
        "correct horse battery",
        "aB3$kL9#mN2x",
        "我爱吃西瓜和哈密瓜还有葡萄",
        "            a1b2c3d4e5",  # spaces are characters
        "x" * 100 + "abcdefgh tulip",
    ],
)
def test_what_is_long_and_not_common_is_taken_whatever_it_is_made_of(password: str) -> None:
    passwords.check_password(password, NAMES)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("tulip kettle", None),
        ("tulip kettl", "password_short"),
        ("x" * 129, "password_long"),
        ("Password2026!", "password_common"),
        ("P@ssw0rd1234", "password_common"),
        ("passwordpassword", "password_common"),
        ("qwertyuiop123456", "password_common"),
        ("1qaz2wsx3edc4rfv", "password_common"),
        ("123456789012", "password_common"),
        ("abcdefghijklmn", "password_common"),
        ("aaaaaaaaaaaaaaaa", "password_common"),
        ("1111aaaa2222", "password_common"),
        ("woaini5201314!", "password_common"),
        ("hospital-nurse-1", "password_common"),
        ("zhang.haiyan1", "password_names_you"),
        ("ZHANG-HAIYAN-2026", "password_names_you"),
        ("mingzhenhaiyan", "password_names_you"),
    ],
)
def test_what_is_short_common_or_hardly_more_than_a_name_is_refused(password: str, code: str | None) -> None:
    try:
        passwords.check_password(password, NAMES)
    except BadInput as refused:
        assert refused.code == code
    else:
        assert code is None


def test_a_name_is_no_harm_among_other_words() -> None:
    passwords.check_password("haiyan keeps seven kettles", NAMES)


def test_two_keyboards_make_one_password() -> None:
    assert passwords.normal("ｓｅｖｅｎ　kettles") == passwords.normal("seven kettles")


@pytest.mark.parametrize("pin", ["2580", "90210", "482915"])
def test_four_to_six_digits_are_a_pin(pin: str) -> None:
    passwords.check_pin(pin)


@pytest.mark.parametrize(
    ("pin", "code"),
    [
        ("258", "pin_form"), ("2580258", "pin_form"), ("25a0", "pin_form"), ("２５８０", "pin_form"), ("", "pin_form"),
        ("0000", "pin_common"), ("1234", "pin_common"), ("4321", "pin_common"), ("890123", "pin_common"),
        ("1212", "pin_common"), ("777777", "pin_common"),
    ],
)  # fmt: skip
def test_what_is_no_pin_or_everybodys_pin_is_refused(pin: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        passwords.check_pin(pin)
    assert refused.value.code == code
