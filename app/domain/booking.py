"""Booking: the life of an appointment, and the rules about slots, holds and cancelling, as data.

A hold that ran out is computed from the clock, never stored (DESIGN, section 3): `is_open` answers for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType

from app.domain.calendar import ONE_DAY, hospital_day, instant
from app.domain.errors import (
    AlreadyBooked,
    AppointmentMoved,
    CancelTooLate,
    HoldExpired,
    Refused,
    RuleMalformed,
    SlotPast,
    SlotStopped,
    SlotTaken,
    SlotTooFar,
)


class BookingLimit(Refused):
    """As much is open as the rule allows: `limit` of the account's or device's appointments that day, or holds (`scope`)."""

    code = "booking_limit"


class State(StrEnum):
    """Where an appointment is in its life; FHIR's words are the door's business."""

    HELD = "held"
    BOOKED = "booked"
    CHECKED_IN = "checked_in"
    IN_CONSULT = "in_consult"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.HELD: frozenset({State.BOOKED, State.CANCELLED}),
        State.BOOKED: frozenset({State.CHECKED_IN, State.CANCELLED, State.NO_SHOW}),
        # Who was called three times and never came is a no-show too, but only the queue says so, never a timer.
        State.CHECKED_IN: frozenset({State.IN_CONSULT, State.CANCELLED, State.NO_SHOW}),
        State.IN_CONSULT: frozenset({State.COMPLETED}),
        State.COMPLETED: frozenset(),
        State.CANCELLED: frozenset(),
        State.NO_SHOW: frozenset(),
    }
)
"""Which state may follow which. Walk-ins begin as checked in, everybody else as held or booked."""

OPEN = frozenset({State.HELD, State.BOOKED, State.CHECKED_IN, State.IN_CONSULT})
"""The states in which an appointment still takes its slot and stands in the way of a second one."""


class Scope(StrEnum):
    """How far one open appointment of a patient excludes another on the same day."""

    SESSION = "session"
    DEPARTMENT = "department"


@dataclass(frozen=True)
class BookingRule:
    """One clinic's rules: how long a hold lasts, how far ahead one may book, how many at a time, until when to cancel.

    Cancelling ends `cancel_minutes_before` the start, or, when `cancel_days_before` is set, at `cancel_until` on the
    hospital's clock that many days earlier.

    An account, and a browser, have so many open appointments a day (`account_per_day`, `device_per_day`) and `holds_at_once`. A
    slot that was given back is free to everybody after a time drawn between `release_least_minutes` and
    `release_most_minutes`, so that no robot can know the moment.
    """

    hold_minutes: int = 10
    days_ahead: int = 14
    one_per: Scope = Scope.DEPARTMENT
    cancel_minutes_before: int = 30
    cancel_days_before: int | None = None
    cancel_until: time = time(15, 0)
    account_per_day: int = 12
    device_per_day: int = 12
    holds_at_once: int = 4
    release_least_minutes: int = 2
    release_most_minutes: int = 15


@dataclass(frozen=True)
class Open:
    """How much is open already, of what the limits count."""

    of_account: int
    of_device: int
    holds: int


@dataclass(frozen=True)
class SlotFacts:
    """What booking needs to know of a slot. `is_taken` counts other people's open appointments and running holds."""

    starts_at: datetime
    is_stopped: bool
    is_taken: bool


@dataclass(frozen=True)
class AppointmentFacts:
    """What the rules need to know of an appointment; `held_until_at` matters while it is held."""

    state: State
    session_id: str
    department_id: str
    starts_at: datetime
    held_until_at: datetime | None = None


@dataclass(frozen=True)
class Allowed:
    """The rule has nothing against it. `until_at` is the end of that, where there is one."""

    until_at: datetime | None = None


@dataclass(frozen=True)
class Refusal:
    """The rule says no; `error` is what a service raises, and its code names the rule."""

    error: Refused


Decision = Allowed | Refusal


def is_allowed(old: State, new: State) -> bool:
    """Return whether an appointment may go from `old` to `new`."""
    return new in TRANSITIONS[old]


def require_move(old: State, new: State) -> None:
    """Raise AppointmentMoved, with the present state, unless `new` may follow `old`."""
    if not is_allowed(old, new):
        raise AppointmentMoved(state=old.value)


def hold_ends_at(rule: BookingRule, held_at: datetime) -> datetime:
    """Return when a hold taken at `held_at` ends."""
    return held_at + timedelta(minutes=rule.hold_minutes)


def is_open(appointment: AppointmentFacts, now: datetime) -> bool:
    """Return whether the appointment still takes its slot: a hold does until it runs out."""
    if appointment.state is State.HELD:
        return appointment.held_until_at is not None and now < appointment.held_until_at
    return appointment.state in OPEN


def decide_slot(rule: BookingRule, slot: SlotFacts, now: datetime) -> Decision:
    """Return whether a slot may be held or booked now; the reasons are tried in the order a person would ask them."""
    if slot.is_stopped:
        return Refusal(SlotStopped())
    if now >= slot.starts_at:
        return Refusal(SlotPast())
    opens_on = hospital_day(slot.starts_at) - rule.days_ahead * ONE_DAY
    if hospital_day(now) < opens_on:
        return Refusal(SlotTooFar(opens_on=opens_on))
    if slot.is_taken:
        return Refusal(SlotTaken())
    return Allowed(until_at=slot.starts_at)


def last_bookable_on(rule: BookingRule, now: datetime) -> date:
    """Return the last hospital day that is open for booking."""
    return hospital_day(now) + rule.days_ahead * ONE_DAY


def decide_beside(
    rule: BookingRule, wanted: AppointmentFacts, of_patient: Iterable[AppointmentFacts], now: datetime
) -> Decision:
    """Return whether a patient's other appointments leave room for `wanted` (which is not among them).

    One open appointment a session always; one a department and day when the rule's scope says so. What is completed,
    cancelled or missed stands in nobody's way.
    """
    for other in of_patient:
        if not is_open(other, now):
            continue
        if other.session_id == wanted.session_id:
            return Refusal(AlreadyBooked(scope=Scope.SESSION.value))
        is_same_day = hospital_day(other.starts_at) == hospital_day(wanted.starts_at)
        if rule.one_per is Scope.DEPARTMENT and is_same_day and other.department_id == wanted.department_id:
            return Refusal(AlreadyBooked(scope=Scope.DEPARTMENT.value))
    return Allowed()


def exclusion(rule: BookingRule, session_id: str, department_id: str, starts_at: datetime) -> str:
    """Return what an open appointment keeps its person from having a second time: a unique index holds it.

    The department's day, or the session where the rule's scope is that.
    """
    if rule.one_per is Scope.DEPARTMENT:
        return f"{department_id}|{hospital_day(starts_at).isoformat()}"
    return session_id


def decide_limits(rule: BookingRule, already: Open) -> Decision:
    """Return whether one more appointment is within what an account, a browser may have open that day."""
    for scope, count, limit in (
        ("holds", already.holds, rule.holds_at_once),
        ("account", already.of_account, rule.account_per_day),
        ("device", already.of_device, rule.device_per_day),
    ):
        if count >= limit:
            return Refusal(BookingLimit(scope=scope, limit=limit))
    return Allowed()


def free_from(rule: BookingRule, starts_at: datetime, now: datetime, draw: float) -> datetime:
    """Return when a slot that is given back now is free to everybody. `draw` is uniform between 0 and 1.

    No more than a quarter of the time left is spent on waiting, so that a slot that begins soon is not wasted.
    """
    least, most = timedelta(minutes=rule.release_least_minutes), timedelta(minutes=rule.release_most_minutes)
    most = min(max(most, least), (starts_at - now) / 4)
    if most <= least:
        return now
    return now + least + (most - least) * draw


def decide_confirm(appointment: AppointmentFacts, now: datetime) -> Decision:
    """Return whether a held appointment may become a booked one now."""
    if appointment.state is not State.HELD:
        return Refusal(AppointmentMoved(state=appointment.state.value))
    if not is_open(appointment, now):
        return Refusal(HoldExpired(ended_at=appointment.held_until_at))
    return Allowed(until_at=appointment.held_until_at)


def cancel_ends_at(rule: BookingRule, starts_at: datetime) -> datetime:
    """Return the instant until which the patient may cancel without the desk."""
    if rule.cancel_days_before is None:
        return starts_at - timedelta(minutes=rule.cancel_minutes_before)
    return instant(hospital_day(starts_at) - rule.cancel_days_before * ONE_DAY, rule.cancel_until)


def decide_cancel(rule: BookingRule, appointment: AppointmentFacts, now: datetime) -> Decision:
    """Return whether the patient may cancel now. A hold may always be let go; the desk is not bound by the cut-off."""
    if appointment.state is State.HELD:
        return Allowed()
    if appointment.state is not State.BOOKED:
        return Refusal(AppointmentMoved(state=appointment.state.value))
    until_at = cancel_ends_at(rule, appointment.starts_at)
    return Allowed(until_at) if now <= until_at else Refusal(CancelTooLate(until_at=until_at))


def require(decision: Decision) -> None:
    """Raise the refusal's error, or return."""
    if isinstance(decision, Refusal):
        raise decision.error


def format_rule(rule: BookingRule) -> dict[str, str | int | None]:
    """Return the rule as a flat dict that JSON can hold."""
    return {**asdict(rule), "one_per": rule.one_per.value, "cancel_until": rule.cancel_until.strftime("%H:%M")}


def parse_rule(value: Mapping[str, object]) -> BookingRule:
    """Return the rule that `format_rule` wrote. Raises RuleMalformed, naming the first field that is wrong."""
    known = format_rule(BookingRule())
    if strange := value.keys() ^ known.keys():
        raise RuleMalformed(min(strange))
    try:
        one_per = Scope(str(value["one_per"]))
    except ValueError as unknown:
        raise RuleMalformed("one_per") from unknown
    try:
        cancel_until = time.fromisoformat(str(value["cancel_until"]))
    except ValueError as unreadable:
        raise RuleMalformed("cancel_until") from unreadable
    days_before = value["cancel_days_before"]
    rule = BookingRule(
        hold_minutes=_whole_number(value["hold_minutes"], "hold_minutes", 1),
        days_ahead=_whole_number(value["days_ahead"], "days_ahead", 0),
        one_per=one_per,
        cancel_minutes_before=_whole_number(value["cancel_minutes_before"], "cancel_minutes_before", 0),
        cancel_days_before=None if days_before is None else _whole_number(days_before, "cancel_days_before", 0),
        cancel_until=cancel_until,
        account_per_day=_whole_number(value["account_per_day"], "account_per_day", 1),
        device_per_day=_whole_number(value["device_per_day"], "device_per_day", 1),
        holds_at_once=_whole_number(value["holds_at_once"], "holds_at_once", 1),
        release_least_minutes=_whole_number(value["release_least_minutes"], "release_least_minutes", 0),
        release_most_minutes=_whole_number(value["release_most_minutes"], "release_most_minutes", 0),
    )
    if format_rule(rule) != dict(value):
        raise RuleMalformed("cancel_until")  # the clock is the one field with two spellings
    return rule


def _whole_number(value: object, field: str, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= 10_000:
        raise RuleMalformed(field)
    return value
