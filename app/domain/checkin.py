"""Checking in: when it is open, and how a browser shows that it is at the clinic.

A screen in the clinic shows a code that changes every 30 seconds; a scan exchanges it at once for ten minutes of
*presence* of that browser, so that signing in and choosing people may take their time (promise Q3). The code says
nothing about the clinic to who does not hold the secret.
"""

import hmac
import math
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from app.domain.calendar import hospital_day, instant
from app.domain.errors import CheckInTooEarly, CheckInTooLate, PresenceNeeded, Refused, RuleMalformed, VenueCodeUnknown

VENUE_CODE_SECONDS = 30
VENUE_CODE_LENGTH = 22
SHORT_CODE_DIGITS = 6
PRESENCE_LIFE = timedelta(minutes=10)

_LONGEST_WINDOW_MINUTES = 24 * 60


class Way(StrEnum):
    """How somebody shows that they are here. The desk, which sees the person, is always one."""

    VENUE = "venue"  # the code on the waiting room's screen, scanned or typed
    PLACE = "place"  # the phone says that it is inside the clinic's fence
    OWN_CODE = "own_code"  # the phone shows its code to the desk's scanner or to a gate
    DESK = "desk"


CHOSEN_WAYS = (Way.VENUE, Way.PLACE, Way.OWN_CODE)
"""The ways that a rule may allow or not."""


class WayNotUsed(Refused):
    """This department takes check-ins another way; `ways` are the ones that it takes."""

    code = "way_not_used"


class LatePolicy(StrEnum):
    """What being late, but inside the window, does to one's turn."""

    APPEND = "append"  # nothing beside the later number: the queue goes by arrival


@dataclass(frozen=True)
class WindowRule:
    """The window of a clinic, or of a department that has its own: from `early_minutes` before the start to `late_minutes` after it, both ends included.

    `hard_close`, on the hospital's clock of the appointment's day, ends it earlier: when the counters close at 11:30,
    nobody checks in for 11:25 at 11:40.
    """

    early_minutes: int = 30
    late_minutes: int = 15
    late_policy: LatePolicy = LatePolicy.APPEND
    hard_close: time | None = None
    ways: frozenset[Way] = frozenset(CHOSEN_WAYS)


@dataclass(frozen=True)
class Open:
    """Come in. `is_late` is after the start."""

    opens_at: datetime
    closes_at: datetime
    is_late: bool


@dataclass(frozen=True)
class TooEarly:
    """`minutes` until it opens, rounded up."""

    opens_at: datetime
    minutes: int


@dataclass(frozen=True)
class TooLate:
    """`minutes` since it closed, rounded up."""

    closed_at: datetime
    minutes: int


def decide_window(
    rule: WindowRule, starts_at: datetime, now: datetime, clinician_late_minutes: int = 0
) -> Open | TooEarly | TooLate:
    """Return whether checking in for `starts_at` is open now, or how far it is from that.

    A clinician who said to be late gives everybody as many minutes more; nothing lengthens a hard close.
    """
    opens_at = starts_at - timedelta(minutes=rule.early_minutes)
    closes_at = starts_at + timedelta(minutes=rule.late_minutes + clinician_late_minutes)
    if rule.hard_close is not None:
        closes_at = min(closes_at, instant(hospital_day(starts_at), rule.hard_close))
    if now > closes_at:
        return TooLate(closes_at, _minutes(now - closes_at))
    if now < opens_at:
        return TooEarly(opens_at, _minutes(opens_at - now))
    return Open(opens_at, closes_at, is_late=now > starts_at)


def require_open(rule: WindowRule, starts_at: datetime, now: datetime, clinician_late_minutes: int = 0) -> Open:
    """Return the open window. Raises CheckInTooEarly or CheckInTooLate, with the instant and the minutes to it."""
    decision = decide_window(rule, starts_at, now, clinician_late_minutes)
    if isinstance(decision, TooEarly):
        raise CheckInTooEarly(opens_at=decision.opens_at, minutes=decision.minutes)
    if isinstance(decision, TooLate):
        raise CheckInTooLate(closed_at=decision.closed_at, minutes=decision.minutes)
    return decision


def format_window(rule: WindowRule) -> dict[str, str | int | None]:
    """Return the rule as a flat dict that JSON can hold."""
    return {
        "early_minutes": rule.early_minutes,
        "late_minutes": rule.late_minutes,
        "late_policy": rule.late_policy.value,
        "hard_close": None if rule.hard_close is None else rule.hard_close.strftime("%H:%M"),
        "ways": " ".join(way.value for way in CHOSEN_WAYS if way in rule.ways),
    }


def parse_window(value: Mapping[str, object]) -> WindowRule:
    """Return the rule that `format_window` wrote. Raises RuleMalformed, naming the first field that is wrong."""
    if strange := value.keys() ^ format_window(WindowRule()).keys():
        raise RuleMalformed(min(strange))
    minutes: dict[str, int] = {}
    for field in ("early_minutes", "late_minutes"):
        typed = value[field]
        if not isinstance(typed, int) or isinstance(typed, bool) or not 0 <= typed <= _LONGEST_WINDOW_MINUTES:
            raise RuleMalformed(field)
        minutes[field] = typed
    try:
        policy = LatePolicy(str(value["late_policy"]))
    except ValueError as unknown:
        raise RuleMalformed("late_policy") from unknown
    try:
        hard_close = None if value["hard_close"] is None else time.fromisoformat(str(value["hard_close"]))
    except ValueError as unreadable:
        raise RuleMalformed("hard_close") from unreadable
    ways = frozenset(way for way in CHOSEN_WAYS if way.value in str(value["ways"]).split())
    rule = WindowRule(minutes["early_minutes"], minutes["late_minutes"], policy, hard_close, ways)
    written = format_window(rule)
    for field in ("hard_close", "ways"):  # these have more than one spelling
        if written[field] != value[field]:
            raise RuleMalformed(field)
    return rule


# The venue's code


def venue_code(secret: bytes, clinic: str, at: datetime) -> str:
    """Return the code that the clinic's screen shows at `at`: 22 url-safe characters, 128 bits of an HMAC-SHA256."""
    return _token(secret, clinic, _step(at))


def short_code(secret: bytes, clinic: str, at: datetime) -> str:
    """Return the six digits to type for those who cannot scan; they change together with the code."""
    return _digits(secret, clinic, _step(at))


def is_venue_code(secret: bytes, clinic: str, code: str, at: datetime) -> bool:
    """Return whether `code` is this clinic's present or previous one, long or short, in constant time.

    The short one is a million to one: who accepts it also counts tries (`rates.VENUE_SHORT_CODE`).
    """
    step = _step(at)
    make = _digits if len(code) == SHORT_CODE_DIGITS else _token
    typed = code.encode("utf-8", errors="replace")
    answers = [hmac.compare_digest(make(secret, clinic, s).encode(), typed) for s in (step, step - 1)]
    return any(answers)


def clinic_of_code(secret: bytes, clinics: Iterable[str], code: str, at: datetime) -> str:
    """Return which of `clinics` shows `code`, so that the address in the QR need not name one.

    For a long code pass all clinics; for a typed short one only those where the account has a visit today.

    Raises VenueCodeUnknown when none does, or, with short codes only, when two do by chance.
    """
    found = [clinic for clinic in clinics if is_venue_code(secret, clinic, code, at)]
    if len(found) != 1:
        raise VenueCodeUnknown()
    return found[0]


def seconds_left(at: datetime) -> int:
    """Return for how many seconds, 1 to 30, the screen's present code is the newest."""
    return VENUE_CODE_SECONDS - int(at.timestamp()) % VENUE_CODE_SECONDS


# Presence


@dataclass(frozen=True)
class Presence:
    """This browser was at `clinic` at `granted_at`: `way` says how it showed that, `within_m` its band of distance."""

    clinic: str
    granted_at: datetime
    way: Way = Way.VENUE
    within_m: int | None = None

    @property
    def ends_at(self) -> datetime:
        return self.granted_at + PRESENCE_LIFE


def is_present(presence: Presence | None, clinic: str, now: datetime) -> bool:
    """Return whether the presence holds for `clinic` now. One from the future holds for nothing."""
    return presence is not None and presence.clinic == clinic and presence.granted_at <= now < presence.ends_at


def require_presence(presence: Presence | None, clinic: str, now: datetime) -> Presence:
    """Return the presence. Raises PresenceNeeded unless it holds for `clinic` now."""
    if presence is None or not is_present(presence, clinic, now):
        raise PresenceNeeded()
    return presence


def require_way(rule: WindowRule, way: Way) -> None:
    """Raise WayNotUsed unless the rule takes check-ins this way."""
    if way is not Way.DESK and way not in rule.ways:
        raise WayNotUsed(ways=sorted(rule.ways))


def _step(at: datetime) -> int:
    return int(at.timestamp()) // VENUE_CODE_SECONDS


def _mac(secret: bytes, label: bytes, clinic: str, step: int) -> bytes:
    if len(secret) < 16:
        raise ValueError("the secret of the venue's code needs 16 bytes")
    return hmac.digest(secret, label + step.to_bytes(8, "big") + clinic.encode(), "sha256")


def _token(secret: bytes, clinic: str, step: int) -> str:
    mac = _mac(secret, b"mingzhen.venue.v1\n", clinic, step)
    return urlsafe_b64encode(mac[:16]).decode().rstrip("=")


def _digits(secret: bytes, clinic: str, step: int) -> str:
    mac = _mac(secret, b"mingzhen.venue.short.v1\n", clinic, step)
    return f"{int.from_bytes(mac[:8], 'big') % 10**SHORT_CODE_DIGITS:0{SHORT_CODE_DIGITS}}"


def _minutes(distance: timedelta) -> int:
    return math.ceil(distance / timedelta(minutes=1))
