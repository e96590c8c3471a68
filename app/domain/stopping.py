"""Stopping a session (停诊): the reasons there are, and what its patients are offered instead.

Nobody is moved without their consent, and nobody bears a strike or a fee for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.calendar import hospital_day
from app.domain.errors import Conflict


class AlreadyStopped(Conflict):
    """The session was stopped before, or it is over."""

    code = "already_stopped"


class MoveOver(Conflict):
    """This offer cannot be answered any more: it ran out, or was answered."""

    code = "move_over"


class StopReason(StrEnum):
    """Why a session is stopped, as patients read it: never what is the matter with a clinician."""

    CLINICIAN_AWAY = "clinician_away"
    EMERGENCY = "emergency"
    EQUIPMENT = "equipment"
    BUILDING = "building"


@dataclass(frozen=True)
class MoveRule:
    """How long an offer keeps its slot: `answer_minutes`, and never into the last `notice_minutes` before it."""

    answer_minutes: int = 240
    notice_minutes: int = 30


@dataclass(frozen=True)
class Candidate:
    """A free slot that somebody may be offered; `rank` is the clinician's title."""

    slot_id: str
    session_id: str
    starts_at: datetime
    rank: str


def offer_ends_at(rule: MoveRule, starts_at: datetime, now: datetime) -> datetime:
    """Return until when a slot that begins at `starts_at` is kept for whoever was offered it."""
    return min(now + timedelta(minutes=rule.answer_minutes), starts_at - timedelta(minutes=rule.notice_minutes))


def choose(booked_at: datetime, rank: str, candidates: Iterable[Candidate]) -> Candidate | None:
    """Return the best of `candidates` for somebody who was booked for `booked_at` with a doctor of `rank`, or None.

    The nearest day first, on that day a doctor of the same rank, then the nearest time.
    """

    def distance(one: Candidate) -> tuple[int, bool, timedelta, datetime, str]:
        days = abs((hospital_day(one.starts_at) - hospital_day(booked_at)).days)
        return (days, one.rank != rank, abs(one.starts_at - booked_at), one.starts_at, one.slot_id)

    return min(candidates, key=distance, default=None)
