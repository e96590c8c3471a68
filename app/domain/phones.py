"""Phone numbers in E.164: `+8613812345678`.

A number without a country is one of the mainland. Of other countries only the form is checked (ITU-T E.164, 6.1: at
most 15 digits after the plus); whether it exists, the code sent to it shows.
"""

import re
import unicodedata

from app.domain.errors import PhoneNotMobile, PhoneUnreadable

_NOISE = re.compile(r"[\s\-‐‑‒–—−_./]+")
_BRACKETS = re.compile(r"\(0\)|[()]")  # "(0)" is the trunk zero that people write after the country
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_MAINLAND_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_MAINLAND_LINE = re.compile(r"0[1-9][0-9]{8,10}|10[0-9]{8}|[2-9][0-9]{8,10}")


def parse_phone(text: str, field: str = "phone") -> str:
    """Return the number as `+` and digits; full-width digits, spaces, hyphens, brackets and `00` are forgiven.

    Raises:
        PhoneUnreadable: not the form of a phone number.
        PhoneNotMobile: a mainland number that is no mobile one: no code can be sent to it.
    """
    number = _BRACKETS.sub("", _NOISE.sub("", unicodedata.normalize("NFKC", text)))
    if number.startswith("00"):
        number = "+" + number[2:]
    if re.fullmatch(r"86" + _MAINLAND_MOBILE.pattern, number):
        number = "+" + number
    if not number.startswith("+"):
        number = "+86" + number
    if number.startswith("+86") and _MAINLAND_LINE.fullmatch(number[3:]):
        raise PhoneNotMobile(field)
    if not _E164.fullmatch(number) or (number.startswith("+86") and not _MAINLAND_MOBILE.fullmatch(number[3:])):
        raise PhoneUnreadable(field)
    return number


def format_phone(number: str) -> str:
    """Return a number of `parse_phone` as its owner would write it: a mainland one in groups, others with their plus."""
    if not number.startswith("+86"):
        return number
    own = number[3:]
    return f"{own[:3]} {own[3:7]} {own[7:]}"
