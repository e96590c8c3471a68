"""How often things may be tried. Limits are data: the doors enforce them, the pages print them.

Keys name what is counted. Addresses are counted far above what a hospital's own Wi-Fi, behind one address, can need;
accounts, phones and browsers narrowly.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Key(StrEnum):
    """What is counted."""

    ACCOUNT = "account"
    PHONE = "phone"
    BROWSER = "browser"
    ADDRESS = "address"
    DOCUMENT = "document"


@dataclass(frozen=True)
class Limit:
    """At most `times` in any `per_seconds`, counted per `key`."""

    times: int
    per_seconds: int
    key: Key

    def __str__(self) -> str:
        """Return the limit as Flask-Limiter reads it: `5 per 3600 seconds`."""
        return f"{self.times} per {self.per_seconds} seconds"


MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

CODE_DIGITS = 6
CODE_LIFE = timedelta(minutes=5)
CODE_TRIES = 5
CLAIM_CODE_LIFE = timedelta(minutes=30)
CLAIM_CODE_TRIES = 5

SEND_CODE = (
    Limit(1, MINUTE, Key.PHONE),
    Limit(5, HOUR, Key.PHONE),
    Limit(10, DAY, Key.PHONE),
    Limit(10, HOUR, Key.BROWSER),
    Limit(600, HOUR, Key.ADDRESS),
)
SIGN_IN = (Limit(20, 10 * MINUTE, Key.BROWSER), Limit(1200, MINUTE, Key.ADDRESS))
STAFF_SIGN_IN = (Limit(20, 10 * MINUTE, Key.BROWSER), Limit(120, MINUTE, Key.ADDRESS))
BIND = (Limit(10, HOUR, Key.ACCOUNT), Limit(5, DAY, Key.DOCUMENT))
VENUE_SHORT_CODE = (Limit(10, 10 * MINUTE, Key.BROWSER), Limit(20, 10 * MINUTE, Key.ACCOUNT))


def is_code_alive(sent_at: datetime, tries: int, now: datetime) -> bool:
    """Return whether a code sent at `sent_at` and tried wrongly `tries` times may still be tried."""
    return sent_at <= now < sent_at + CODE_LIFE and tries < CODE_TRIES
