"""What a waiting room hears when a number is called, in Chinese and in English.

A number is read digit by digit, since "one hundred and one" and "A101" are not the same to somebody who waits for a number; in
Chinese one is read yāo nowhere here, because not everybody knows it. No name is ever read aloud.
"""

from __future__ import annotations

_DIGITS_ZH = dict(zip("0123456789", "零一二三四五六七八九", strict=True))
_DIGITS_EN = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def spell_zh(ticket: str) -> str:
    """Return `A 零 一 二` for `A012`: with spaces, or a voice reads the digits as one number."""
    return " ".join(_DIGITS_ZH.get(character, character) for character in ticket)


def spell_en(ticket: str) -> str:
    """Return `A, zero, one, two` for `A012`."""
    return ", ".join(_DIGITS_EN[int(c)] if c in _DIGITS_ZH else c for c in ticket)


def call_zh(ticket: str, room: str) -> str:
    """Return what is said in Chinese: the number twice, as in every Chinese hospital, then the room where it is known."""
    number = spell_zh(ticket)
    place = f"请到{room.replace(' ', '')}" if room else "请到诊室"
    return f"请 {number} 号，{number} 号，{place}就诊。"


def call_en(ticket: str, room: str) -> str:
    """Return what is said in English."""
    return (
        f"Number {spell_en(ticket)}, please go to {room}." if room else f"Number {spell_en(ticket)}, it is your turn."
    )
