"""What of a name, a phone number or a document number may be seen by people who need not know it.

A masked value depends on the visible characters and on the length only: two people who differ in the hidden part look
alike. Raw and masked values never stand on the same page of staff.
"""

import re
import unicodedata

STAR = "*"

_IDEOGRAPHIC = ("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "HANGUL SYLLABLE", "HIRAGANA", "KATAKANA LETTER")
_MAINLAND = re.compile(r"\+86(1[0-9]{10})")
_INTERNATIONAL = re.compile(r"\+([1-9][0-9]{6,14})")


def mask_name(name: str) -> str:
    """Return `张*`, `张*三`, `欧**娜` (first and last from four on), or a foreign name's initials `J. S.`."""
    letters = [c for c in name if not c.isspace() and c != "·"]
    if letters and all(_is_ideograph(c) for c in letters):
        return _mask_ideographs("".join(c for c in name if not c.isspace()))
    words = [word for word in re.split(r"[\s\-·,.]+", name) if word]
    if sum(len(word) for word in words) < 2:
        return STAR
    return " ".join(f"{word[0].upper()}." for word in words)


def mask_phone(phone: str) -> str:
    """Return `138****5678` for a mainland number in E.164, `+44********21` for others (the last two digits, from ten
    digits on the last four); anything else is all stars."""
    if mainland := _MAINLAND.fullmatch(phone):
        digits = mainland[1]
        return f"{digits[:3]}****{digits[-4:]}"
    if other := _INTERNATIONAL.fullmatch(phone):
        digits = other[1]
        shown = 4 if len(digits) >= 10 else 2
        return f"+{digits[:2]}{STAR * (len(digits) - 2 - shown)}{digits[-shown:]}"
    return STAR * len(phone)


def mask_document(number: str) -> str:
    """Return the first and last character with stars between: `3****************X`, `E*******8`.

    Numbers shorter than five characters are all stars: too little would be hidden.
    """
    if len(number) < 5:
        return STAR * len(number)
    return f"{number[0]}{STAR * (len(number) - 2)}{number[-1]}"


def _mask_ideographs(name: str) -> str:
    if len(name) <= 2:
        return STAR if len(name) == 1 else name[0] + STAR
    return f"{name[0]}{STAR * (len(name) - 2)}{name[-1]}"


def _is_ideograph(character: str) -> bool:
    return character == "〇" or unicodedata.name(character, "").startswith(_IDEOGRAPHIC)
