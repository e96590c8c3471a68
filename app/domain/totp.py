"""One-time codes of six digits: HOTP (RFC 4226) over the time (RFC 6238), with the parameters that every app understands.

Our own few lines, checked against both RFCs' vectors: a library would add a name to trust for one HMAC and a division.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
import unicodedata
from datetime import datetime
from hashlib import sha1
from urllib.parse import quote, urlencode

from app.domain.errors import BadInput

STEP_SECONDS = 30
DIGITS = 6
SECRET_BYTES = 20  # as long as SHA-1's output (RFC 4226, 4, R6)
SKEW_STEPS = 1  # a clock that is half a minute off, or a slow typist (RFC 6238, 5.2)
RECOVERY_CODES = 10


class OneTimeCodeWrong(BadInput):
    """The code is not that of this moment, was used already, or is no recovery code of this member's."""

    code = "one_time_code"


def hotp(secret: bytes, counter: int, digits: int = DIGITS) -> str:
    """Return the code of one counter (RFC 4226, 5.3)."""
    mac = hmac.new(secret, struct.pack(">Q", counter), sha1).digest()
    at = mac[-1] & 0x0F
    number = struct.unpack(">I", mac[at : at + 4])[0] & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_at(now: datetime) -> int:
    """Return the time step that `now` lies in (RFC 6238, 4.2)."""
    return int(now.timestamp()) // STEP_SECONDS


def matching_step(secret: bytes, code: str, now: datetime, last_step: int) -> int | None:
    """Return the step whose code this is: the present one or a neighbour, but only one after `last_step`, so that a code that
    was used opens nothing again (RFC 6238, 5.2). None: no such step."""
    found = None
    for step in range(step_at(now) - SKEW_STEPS, step_at(now) + SKEW_STEPS + 1):
        if hmac.compare_digest(hotp(secret, step).encode(), code.encode()) and step > last_step and found is None:
            found = step
    return found


def base32_of(secret: bytes) -> str:
    """Return the secret as apps take it when it is typed: RFC 4648, 6, without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def secret_of(text: str) -> bytes:
    """Undo `base32_of`. Raises ValueError for what it never returns: ours, since nobody types it to us."""
    try:
        secret = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error as error:
        raise ValueError("not a secret in base32") from error
    if base32_of(secret) != text:
        raise ValueError("not a secret in base32 as we write it")
    return secret


def otpauth_uri(secret: bytes, issuer: str, login: str) -> str:
    """Return what the QR code says, in the Key URI Format that authenticator apps read."""
    label = quote(f"{issuer}:{login}", safe="")
    return f"otpauth://totp/{label}?" + urlencode(
        {
            "secret": base32_of(secret),
            "issuer": issuer,
            "algorithm": "SHA1",
            "digits": DIGITS,
            "period": STEP_SECONDS,
        },
        quote_via=quote,
    )


RECOVERY_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that reads as something else
RECOVERY_LENGTH = 12  # 58 bits


def normal_code(typed: str) -> str:
    """Return what was typed into the code's field without the spaces and dashes that people copy along, wide digits as digits."""
    return "".join(c for c in unicodedata.normalize("NFKC", typed[:200]).upper() if c.isalnum())[:40]


def grouped(code: str) -> str:
    """Return a recovery code as it is shown: ABCD-EFGH-JKMN."""
    return "-".join(code[i : i + 4] for i in range(0, len(code), 4))
