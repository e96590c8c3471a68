"""What counts against booking online (爽约), for how long, and what excuses it. Hospitals differ: the numbers are data.

Only who never came, or cancelled late more often than the rule allows, gets a strike; never who came, and never for what was
the hospital's own doing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.errors import Conflict, Refused


class BookingPaused(Refused):
    """Too many appointments were not kept: online booking rests until `until_at`; the desk books all the same."""

    code = "booking_paused"


class AppealClosed(Conflict):
    """This strike takes no appeal: there was one already, or it does not stand any more."""

    code = "appeal_closed"


class Kind(StrEnum):
    """What a strike is for."""

    NO_SHOW = "no_show"
    LATE_CANCEL = "late_cancel"


class Excuse(StrEnum):
    """Why an appointment that was not kept counts for nothing."""

    STOPPED = "stopped"
    CLINICIAN_LATE = "clinician_late"


class AppealReason(StrEnum):
    """What a person may say. Sealed with the words: it may tell something of their life."""

    HOSPITAL_LATE = "hospital_late"
    WAS_THERE = "was_there"
    URGENT = "urgent"
    NOT_MINE = "not_mine"
    OTHER = "other"


class DecisionReason(StrEnum):
    """Why an appeal was upheld, or denied."""

    SHOWN = "shown"
    HOSPITALS_FAULT = "hospitals_fault"
    GOODWILL = "goodwill"
    NOT_SHOWN = "not_shown"
    REPEATED = "repeated"


UPHELD_FOR = (DecisionReason.SHOWN, DecisionReason.HOSPITALS_FAULT, DecisionReason.GOODWILL)
DENIED_FOR = (DecisionReason.NOT_SHOWN, DecisionReason.REPEATED)
MOST_APPEAL_CHARACTERS = 300


@dataclass(frozen=True)
class StrikeRule:
    """One clinic's rule: `count` strikes within `period_days` rest online booking for `ban_days`.

    A cancellation less than `late_cancel_minutes` before the start is late; `free_late_cancels` of them in `late_cancel_days`
    count for nothing. A clinician who was `clinician_late_minutes` late or more excuses everybody who waited for them.
    """

    count: int = 3
    period_days: int = 90
    ban_days: int = 30
    late_cancel_minutes: int = 120
    free_late_cancels: int = 2
    late_cancel_days: int = 30
    clinician_late_minutes: int = 20


def expires_at(rule: StrikeRule, happened_at: datetime) -> datetime:
    """Return when a strike counts no more."""
    return happened_at + timedelta(days=rule.period_days)


def ban_ends_at(rule: StrikeRule, standing: Iterable[datetime], now: datetime) -> datetime | None:
    """Return until when online booking rests, or None. `standing` is when each strike that stands happened.

    A rule of no strikes at all (`count` 0) never rests it.
    """
    if rule.count < 1:
        return None
    happened = sorted(standing)
    period, rest = timedelta(days=rule.period_days), timedelta(days=rule.ban_days)
    ends = [
        last + rest
        for first, last in zip(happened, happened[rule.count - 1 :], strict=False)
        if last - first <= period and now < last + rest
    ]
    return max(ends, default=None)


def is_late_cancel(rule: StrikeRule, starts_at: datetime, cancelled_at: datetime) -> bool:
    """Return whether a cancellation left the hospital too little time to give the slot to somebody else."""
    return starts_at - cancelled_at < timedelta(minutes=rule.late_cancel_minutes)


def excuse_of(rule: StrikeRule, *, is_stopped: bool, clinician_late_minutes: int) -> Excuse | None:
    """Return what excuses somebody who did not come, or None. It is the hospital's lateness, never the patient's."""
    if is_stopped:
        return Excuse.STOPPED
    if clinician_late_minutes >= max(rule.clinician_late_minutes, 1):
        return Excuse.CLINICIAN_LATE
    return None
