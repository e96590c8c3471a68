"""What the API gives, read off what services return: a field that is not here does not go out.

Instants are RFC 3339 in UTC, days are the hospital's own (Asia/Shanghai), names come in both languages, measured numbers
are decimal text as they were written.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class Given(BaseModel):
    """Base of them all."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Words(Given):
    """A name in both languages."""

    zh: str
    en: str


# Who one is


class Session(Given):
    """The token for `Authorization: Bearer`, and how long it lives without being used."""

    token: str
    idle_seconds: int


class Person(Given):
    """A person of the account. `opens_from` is the first moment whose records are open; null where all are."""

    id: str
    patient_ref: str
    relation: str
    state: str
    proof: str
    opens_from: datetime | None
    name: str
    birth_on: date | None
    sex: str


class Me(Given):
    """The account: its people, and its phone without the middle."""

    people: list[Person]
    phone_masked: str | None


class CodeSent(Given):
    """A code went to the phone on file, which is not told."""

    valid_seconds: int


# What can be booked


class Department(Given):
    id: str
    clinic_id: str
    name: Words
    free: int
    first_free_on: date | None


class Day(Given):
    day_on: date
    free: int


class Sitting(Given):
    """A session: a doctor, a room, from when to when, and how many slots are free on the day asked for."""

    id: str
    clinic_id: str
    department_id: str
    kind: str
    day_on: date
    starts_at: datetime
    ends_at: datetime
    clinic: Words
    department: Words
    room: Words
    doctor: Words
    title: Words
    free: int


class Slot(Given):
    id: str
    session_id: str
    starts_at: datetime
    ends_at: datetime
    is_free: bool


# The road of a visit


class Appointment(Given):
    """`state`: held, booked, checked_in, in_consult, completed, cancelled, released, no_show, expired."""

    id: str
    patient_ref: str
    state: str
    starts_at: datetime
    ends_at: datetime
    held_until: datetime | None
    cancel_until: datetime
    clinic_id: str
    session_id: str
    slot_id: str | None
    clinic: Words
    department: Words
    doctor: Words
    title: Words
    room: Words
    ticket_id: str | None
    ticket: str | None
    ticket_state: str | None


class Issued(Given):
    """A ticket as check-in answers with it; `is_new` is false where it was there already."""

    ticket_id: str
    ticket: str
    appointment_id: str
    patient_ref: str
    is_new: bool


class Wait(Given):
    """Whole minutes, from `low` to `high`."""

    low: int
    high: int


class Overtaken(Given):
    """How many of a class came in before a ticket since it has its place."""

    priority: str
    count: int


class Ticket(Given):
    """`state`: waiting, called, serving, away, missed, done, no_show, left, transferred. `before` counts who waits in front, null unless waiting;
    `wait` is how long that takes, null where it cannot be said. `origin` is the number it had in the department that sent it here."""

    id: str
    ticket: str
    state: str
    patient_ref: str
    appointment_id: str
    clinic: Words
    department: Words
    doctor: Words | None
    room: Words | None
    passes: int
    calls: int
    starts_at: datetime
    checked_in_at: datetime
    called_at: datetime | None
    before: int | None
    now_calling: list[str]
    wait: Wait | None
    priority: str | None
    overtaken: list[Overtaken]
    origin: str
    late_minutes: int


class InLine(Given):
    """A place in a line for a freed time. `state`: waiting, offered, accepted, left, lapsed. `ahead` come before; an offer names its time and how
    long it is kept."""

    id: str
    patient_ref: str
    state: str
    day_on: date
    department: Words
    doctor: Words | None
    ahead: int
    appointment_id: str | None
    starts_at: datetime | None
    offered_until: datetime | None


class Move(Given):
    """What a stopped session offers instead. `state`: open or over; `to_at` is null where nothing was found. `is_in_line`: who waits already is offered
    another doctor's line and keeps the number."""

    id: str
    patient_ref: str
    appointment_id: str
    state: str
    reason: str
    was_at: datetime
    from_doctor: Words
    to_at: datetime | None
    to_doctor: Words | None
    to_title: Words | None
    to_room: Words | None
    until_at: datetime
    is_in_line: bool
    is_same_rank: bool
    may_accept: bool
    ticket: str | None


# Receipts


class ReceiptLine(Given):
    """One event. `state` is "sealed" once a published checkpoint covers it, "witnessed" once one does that a quorum of
    witnesses cosigned, "pending" before."""

    id: str
    at: datetime
    type: str
    side: str
    subject: str
    is_mine: bool
    actor_kind: str
    role: str
    who_zh: str
    who_en: str
    detail: dict[str, str | int | bool | None]
    purpose: str
    reason: str
    state: str


class ReceiptPage(Given):
    """Newest first; `next` goes on, null at the end."""

    receipts: list[ReceiptLine]
    next: str | None


class Receipt(Given):
    """One event with its receipt (c2sp.org/tlog-proof), to be checked offline; null while it is pending."""

    receipt: ReceiptLine
    tlog_proof: str | None


class Description(BaseModel):
    """This description: OpenAPI 3.1."""

    model_config = ConfigDict(extra="allow")

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
