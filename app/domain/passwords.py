"""What a password and a PIN of staff must be (NIST SP 800-63B, 5.1.1.2): long enough, and not what everybody tries first.

No composition rules, no expiry, no hints; spaces and any language are welcome. What is common is told by the short list below and
by what people make of it: a common word with digits and signs around it, repeated, or in 1337 spelling is that word still.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from app.domain.errors import BadInput

SHORTEST, LONGEST = 12, 128
PIN_DIGITS = (4, 6)
FEWEST_DIFFERENT = 5  # characters
MOST_BESIDE = 4  # characters beside the common words

# Written by us from what lists of leaked passwords have in common, English and Pinyin.
WORDS = (
    "password passw0rd passwort senha welcome letmein login signin admin administrator root user guest test demo default "
    "changeme secret master access qwerty qwertyuiop asdfgh asdfghjkl zxcvbn zxcvbnm qazwsx qazwsxedc 1qaz2wsx 3edc4rfv 1q2w3e4r5t "
    "iloveyou sunshine princess dragon monkey football baseball superman batman shadow michael jordan charlie freedom whatever "
    "trustno starwars computer internet windows google apple samsung summer winter spring autumn monday friday january "
    "woaini woaiwo woaini1314 5201314 nihao zhongguo china beijing shanghai hospital yiyuan doctor yisheng nurse hushi health "
    "medical clinic menzhen mingzhen patient staff tablet desk hello abc abcd abcde abcdef correcthorsebatterystaple"
)
COMMON = tuple(WORDS.split())
PLAIN = str.maketrans("013457@$!|", "oieastasil")
RUNS = (
    "0123456789012345678901234567890",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
)
SHORTEST_RUN = 4


class PasswordShort(BadInput):
    """A password has at least `limit` characters."""

    code = "password_short"


class PasswordLong(BadInput):
    """A password has at most `limit` characters."""

    code = "password_long"


class PasswordCommon(BadInput):
    """The password is one of those that are tried first."""

    code = "password_common"


class PasswordNamesYou(BadInput):
    """The password is the login, the name or the hospital with a little around it."""

    code = "password_names_you"


class PinForm(BadInput):
    """A PIN has 4 to 6 digits."""

    code = "pin_form"


class PinCommon(BadInput):
    """The PIN is one digit repeated, a run, or a pair repeated."""

    code = "pin_common"


def normal(password: str) -> str:
    """Return a password as it is hashed: NFKC, so that two keyboards make the same one of it (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, about: Iterable[str] = ()) -> None:
    """Raise unless this may be a password. `about`: login, names and whatever else anybody at the hospital knows."""
    text = normal(password)
    if len(text) < SHORTEST:
        raise PasswordShort("password", limit=SHORTEST)
    if len(text) > LONGEST:
        raise PasswordLong("password", limit=LONGEST)
    folded = text.casefold()
    if len(set(folded)) < FEWEST_DIFFERENT:
        raise PasswordCommon("password")
    words = {w for name in about for w in re.split(r"[\W_]+", normal(name).casefold()) if len(w) > 1}
    if _beside(folded, COMMON) <= MOST_BESIDE:
        raise PasswordCommon("password")
    if _beside(folded, {*COMMON, *words}) <= MOST_BESIDE:
        raise PasswordNamesYou("password")


def _beside(text: str, words: Iterable[str]) -> int:
    """Return how much of `text` is left beside common words and runs, as typed or in plain spelling, whichever leaves less."""
    longest_first = sorted(words, key=len, reverse=True)
    left = []
    for spelled in (text, text.translate(PLAIN)):
        rest = spelled
        for word in longest_first:
            rest = rest.replace(word, " ")
        rest = _without_runs(rest)
        left.append(len(re.sub(r"[\W_]+", "", rest)))
    return min(left)


def _without_runs(text: str) -> str:
    """Return `text` with runs along the alphabet, the digits or the keyboard, and repeated characters, shrunk to nothing."""
    kept, i = [], 0
    while i < len(text):
        length = max(_run_at(text, i, run) for run in (*RUNS, *(r[::-1] for r in RUNS)))
        length = max(length, len(text[i:]) - len(text[i:].lstrip(text[i])))
        if length >= SHORTEST_RUN:
            i += length
        else:
            kept.append(text[i])
            i += 1
    return "".join(kept)


def _run_at(text: str, start: int, run: str) -> int:
    end = start + 1
    while end < len(text) and text[start : end + 1] in run:
        end += 1
    return end - start


def check_pin(pin: str) -> None:
    """Raise unless this may be a PIN."""
    low, high = PIN_DIGITS
    if not re.fullmatch(rf"[0-9]{{{low},{high}}}", pin):
        raise PinForm("pin")
    is_pairs = len(pin) % 2 == 0 and pin == pin[:2] * (len(pin) // 2)
    if len(set(pin)) == 1 or is_pairs or pin in RUNS[0] or pin in RUNS[0][::-1]:
        raise PinCommon("pin")
