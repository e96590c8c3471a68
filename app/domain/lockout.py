"""How signing in slows down whoever guesses, and never the nurse at her own tablet.

What was wrong is counted apart for each device on which this member signed in before, and together for all other devices. A
stranger who knows a login, or a thousand who know it, use up the second count alone; a known device goes on as ever. What one
count allows in an hour bounds the guesses, however many devices guess. Rules are data; times come in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.errors import Refused, TooMany

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Patience:
    """`free` failures in an hour cost nothing; after each further one the wait doubles from `first_wait` to `longest_wait`; and
    in no hour are there more than `most_per_hour`."""

    free: int
    first_wait: timedelta
    longest_wait: timedelta
    most_per_hour: int


KNOWN_DEVICE = Patience(5, timedelta(seconds=15), timedelta(minutes=4), 20)
OTHER_DEVICES = Patience(5, timedelta(seconds=30), timedelta(minutes=8), 12)
TRIES_KEPT = HOUR

PIN_TRIES = 5  # wrong ones in a row on one device; then the password
PIN_AFTER_PASSWORD = timedelta(hours=12)  # how long after a sign-in by password the PIN opens that device
STEPS_LIVE = timedelta(minutes=10)  # between the password and the code, and while a new password is thought of
SITTING = timedelta(hours=12)

# Without a touch for so long the page is covered. The desk's tablet stands where patients do; the others' rooms have doors.
LOCK_AFTER: Mapping[str, timedelta] = {
    "desk": timedelta(minutes=5),
    "lab": timedelta(minutes=15),
    "pharmacist": timedelta(minutes=15),
    "doctor": timedelta(minutes=30),
    "admin": timedelta(minutes=15),
    "auditor": timedelta(minutes=15),
}
TOUCHES_TOLD_EVERY = timedelta(seconds=30)  # how often a page in use says so, and so how late the server may know

NEEDS_SECOND_FACTOR = frozenset({"admin", "auditor"})


class TriedTooOften(TooMany):
    """Too much was wrong lately for this account from devices like this one; `retry_seconds` says when to try again."""

    code = "tried_too_often"


class Locked(Refused):
    """The page was left without a touch, or covered by its lock button; the PIN or the password opens it."""

    code = "locked"
    status = 401
    is_recorded = False


class PinNotHere(Refused):
    """The PIN does not open this device now: no sign-in by password in the last hours, or wrong too often."""

    code = "pin_not_here"
    is_recorded = False


def wait_for(patience: Patience, failures: Sequence[datetime], now: datetime) -> timedelta:
    """Return how long to wait before the next try; zero or less: not at all. `failures` in any order, of whatever time."""
    recent = sorted(at for at in failures if now - at < HOUR)
    over = len(recent) - patience.free
    if over < 0:
        return timedelta(0)
    if len(recent) >= patience.most_per_hour:
        return recent[-patience.most_per_hour] + HOUR - now
    wait = min(patience.first_wait * (1 << min(over, 20)), patience.longest_wait)
    return recent[-1] + wait - now


def lock_after(roles: Iterable[str]) -> timedelta:
    """Return how long the page of somebody with these roles stays open without a touch: the shortest of theirs."""
    return min((LOCK_AFTER[role] for role in roles if role in LOCK_AFTER), default=min(LOCK_AFTER.values()))


def is_left_alone(roles: Iterable[str], seen_at: datetime, now: datetime) -> bool:
    """Return whether a sitting counts as locked. The page covers itself in time; the server, which hears of touches a little late,
    gives it that much longer."""
    return now - seen_at >= lock_after(roles) + TOUCHES_TOLD_EVERY


def is_pin_good(password_at: datetime | None, tries: int, roles: Iterable[str], now: datetime) -> bool:
    """Return whether a PIN may be tried on a device. Whoever needs a second factor has no PIN: it would go around it."""
    if password_at is None or tries >= PIN_TRIES or NEEDS_SECOND_FACTOR.intersection(roles):
        return False
    return password_at <= now < password_at + PIN_AFTER_PASSWORD
