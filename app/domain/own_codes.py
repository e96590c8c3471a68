"""One's own code: what a phone shows to the desk or to a gate, so that its holder is checked in (promise Q3).

It stands for one visit, changes every 30 seconds, and is worth nothing once that visit has its ticket. The long form goes
into a QR code, the short one is eight digits to read out. Both are an HMAC-SHA256 under the clinic's secret over the visit and
the half minute: whoever photographs one has it for a minute, and it can do no more than check that visit in, at that clinic.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime

from app.domain.checkin import VENUE_CODE_SECONDS
from app.domain.errors import Refused

PREFIX = "MZ."  # so that a scanner's text is told apart from a ticket or a link
TOKEN_LENGTH = 22
DIGITS = 8


class OwnCodeUnknown(Refused):
    """No visit of today here has this code, or not any more."""

    code = "own_code_unknown"
    is_recorded = False


def own_code(secret: bytes, visit: str, at: datetime) -> str:
    """Return the code for the QR: `MZ.` and 22 url-safe characters, 128 bits."""
    return PREFIX + _token(secret, visit, _step(at))


def own_digits(secret: bytes, visit: str, at: datetime) -> str:
    """Return the eight digits to read out; they change together with the code."""
    return _digits(secret, visit, _step(at))


def is_own_code(text: str) -> bool:
    """Tell whether text has the form of such a code, long or short."""
    if text.startswith(PREFIX):
        return len(text) == len(PREFIX) + TOKEN_LENGTH and text.isascii()
    return len(text) == DIGITS and text.isascii() and text.isdigit()


def visit_of_code(secret: bytes, visits: Iterable[str], text: str, at: datetime) -> str:
    """Return which of `visits` has this code now or had it half a minute ago, every one compared in constant time.

    Raises OwnCodeUnknown where none has it, or, with digits only, where two have by chance.
    """
    typed = text.removeprefix(PREFIX).encode()
    make = _token if text.startswith(PREFIX) else _digits
    step = _step(at)
    found = []
    for visit in visits:
        newest, one_before = (_same(make(secret, visit, s), typed) for s in (step, step - 1))
        if newest or one_before:
            found.append(visit)
    if not is_own_code(text) or len(found) != 1:
        raise OwnCodeUnknown()
    return found[0]


def _same(code: str, typed: bytes) -> bool:
    return hmac.compare_digest(code.encode(), typed)


def _step(at: datetime) -> int:
    return int(at.timestamp()) // VENUE_CODE_SECONDS


def _mac(secret: bytes, label: bytes, visit: str, step: int) -> bytes:
    if len(secret) < 16:
        raise ValueError("the secret of one's own code needs 16 bytes")
    return hmac.digest(secret, label + step.to_bytes(8, "big") + visit.encode(), "sha256")


def _token(secret: bytes, visit: str, step: int) -> str:
    return urlsafe_b64encode(_mac(secret, b"mingzhen.own-code.v1\n", visit, step)[:16]).decode().rstrip("=")


def _digits(secret: bytes, visit: str, step: int) -> str:
    mac = _mac(secret, b"mingzhen.own-code.short.v1\n", visit, step)
    return f"{int.from_bytes(mac[:8], 'big') % 10**DIGITS:0{DIGITS}}"
