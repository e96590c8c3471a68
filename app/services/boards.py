"""The staff's boards: a clinic's day for its desk, a session's line for its doctor, everybody masked.

Masked boards disclose nothing (promise A4); that one was opened is recorded once a sign-in, by `queueing.record_board`.
The desk's rows come from one query; its counts and its lists are made of these rows and of nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.domain import queueing as rules
from app.domain.actor import Actor
from app.domain.board import Place, WaitLevels, parse_levels, place_of, verbs_of
from app.domain.errors import NotFound, TicketUnreadable
from app.domain.own_codes import OwnCodeUnknown, is_own_code
from app.domain.priorities import rank_of
from app.domain.queueing import QueueEntry
from app.domain.tickets import format_ticket, parse_ticket
from app.models import (
    Appointment,
    Clinic,
    ClinicSession,
    Department,
    Event,
    QueueLine,
    Room,
    Slip,
    Staff,
    Ticket,
    Visit,
)
from app.services import checkin, clinics, lines, masks, rights
from app.services.clinics import SessionView, Words
from app.services.identity import Masked
from app.services.lines import LineView, TicketView

ROWS = 60  # a doctor's line is read by one person: more than this wait uncounted
MOST_ROWS = 1500  # of one clinic and day: far more than a day holds
PHONE_TAIL = 4
ON_DAY = ("booked", "checked_in", "in_consult", "completed", "no_show")


@dataclass(frozen=True)
class DeskRow:
    """One visit of today. `waits_since` is what its clock counts from (None: no clock); `line` is whose line it stands in,
    a clinician's or, for a pool, the queue's; `before` counts who waits in front, `undoable` is the type of the
    move that can be taken back, `moved_from` the room it was first for."""

    id: str
    place: Place
    state: str
    patient_ref: str
    starts_at: datetime
    session_id: str
    department_id: str
    department: Words
    queue_id: str
    line: str
    doctor: Words | None
    room: Words | None
    verbs: tuple[str, ...]
    ticket_id: str | None = None
    ticket: str = ""
    passes: int = 0
    calls: int = 0
    waits_since: datetime | None = None
    called_by: str | None = None
    before: int | None = None
    priority: str | None = None
    moved_from: Words | None = None
    origin: str = ""  # the number in the department that it came from
    undoable: str | None = None
    tail: str = ""  # of the phone, only where another row of the board looks the same


@dataclass(frozen=True)
class RoomView:
    """A session of today as the desk calls on its behalf: who is in the room, how many wait in its line."""

    session: SessionView
    line: str
    current: DeskRow | None
    waiting: int


@dataclass(frozen=True)
class DeskDay:
    """A clinic's day: everybody, by place; the sessions; how each person stands on a board."""

    rows: tuple[DeskRow, ...]
    rooms: tuple[RoomView, ...]
    people: Mapping[str, Masked]
    levels: WaitLevels

    def counts(self, rows: Sequence[DeskRow] | None = None) -> dict[str, int]:
        """Return how many of `rows` (all) stand in each place."""
        counted = Counter(row.place for row in (self.rows if rows is None else rows))
        return {place.value: counted[place] for place in Place}


@dataclass(frozen=True)
class OpenedRow:
    """One row of the board by itself, the sessions in whose lines it may wait instead, and those of other departments."""

    row: DeskRow
    clinic_id: str
    elsewhere: tuple[RoomView, ...]
    departments: tuple[RoomView, ...]


@dataclass(frozen=True)
class DoctorBoard:
    """A session's line with whoever is listed, masked. `visit_id` is the visit under way, where there is one."""

    line: LineView
    waiting: tuple[TicketView, ...]
    people: dict[str, Masked]
    visit_id: str | None


def desk_board(session: Session, actor: Actor, clinic_id: str, now: datetime) -> DeskDay:
    """Return the clinic's day for its desk. Raises NotAllowed."""
    rights.run_desk(actor, clinic_id, now)
    rows = _rows(session, clinic_id, now)
    people = masks.masked(session, {row.patient_ref for row in rows}, now)
    order = {place: n for n, place in enumerate(Place)}
    rows.sort(key=lambda r: (order[r.place], r.before or 0, r.waits_since or r.starts_at, r.id))
    rows = _told_apart(rows, people)
    return DeskDay(
        rows=tuple(rows),
        rooms=tuple(_rooms(clinics.sessions_in(session, clinic_id, now), rows)),
        people=people,
        levels=parse_levels(session.get_one(Clinic, clinic_id).rules.get("waits")),
    )


def opened_row(session: Session, actor: Actor, appointment_id: str, now: datetime) -> OpenedRow:
    """Return one row of the board of its clinic. Raises NotFound for what does not stand on it, NotAllowed."""
    appointment = session.get(Appointment, appointment_id)
    if appointment is None:
        raise NotFound()
    board = desk_board(session, actor, appointment.clinic_id, now)
    row = next((row for row in board.rows if row.id == appointment_id), None)
    if row is None:
        raise NotFound()
    going_on = [room for room in board.rooms if room.session.ends_at > now and not room.session.is_stopped]
    return OpenedRow(
        row,
        appointment.clinic_id,
        tuple(r for r in going_on if "move" in row.verbs and r.session.queue_id == row.queue_id and r.line != row.line),
        tuple(r for r in going_on if "transfer" in row.verbs and r.session.queue_id != row.queue_id),
    )


def find(session: Session, actor: Actor, clinic_id: str, typed: str, now: datetime) -> tuple[DeskRow, ...]:
    """Return the rows of the board that typed or scanned text names: a ticket ("A001"), the last four digits of the phone
    on file, a slip's link, the code that somebody's own phone shows. Text that is none of these names nobody. Raises NotAllowed.
    """
    board = desk_board(session, actor, clinic_id, now)
    text = typed.strip()
    if is_own_code(text):
        with suppress(OwnCodeUnknown):
            visit = checkin.visit_of_own_code(session, actor, clinic_id, text, now)
            return tuple(row for row in board.rows if row.id == visit)
    for finder in FINDERS:
        found = finder(session, board, text)
        if found is not None:
            return tuple(row for row in board.rows if row.id in found)
    return ()


def doctor_board(session: Session, actor: Actor, session_id: str, now: datetime) -> DoctorBoard:
    """Return a session's line for who works it. Raises NotFound, NotAllowed."""
    line = lines.line(session, actor, session_id, now)
    shown = line.waiting[:ROWS]
    refs = {t.patient_ref for t in (*shown, *line.missed, *line.away)}
    visit_id = None
    if line.current is not None:
        refs.add(line.current.patient_ref)
        visit_id = session.scalar(select(Visit.id).where(Visit.appointment_id == line.current.appointment_id))
    return DoctorBoard(line, shown, masks.masked(session, refs, now), visit_id)


# Finding: each says whom a text names, or None where the text is not of its kind

Finder = Callable[[Session, DeskDay, str], "set[str] | None"]


def _by_phone_tail(_session: Session, board: DeskDay, text: str) -> set[str] | None:
    if not (len(text) == PHONE_TAIL and text.isascii() and text.isdigit()):
        return None
    whose = {ref for ref, who in board.people.items() if who.phone_tail == text}
    return {row.id for row in board.rows if row.patient_ref in whose}


def _by_ticket(_session: Session, board: DeskDay, text: str) -> set[str] | None:
    try:
        ticket = format_ticket(*parse_ticket(text))
    except TicketUnreadable:
        return None
    return {row.id for row in board.rows if row.ticket == ticket}


_SLIP = re.compile(r"/([A-Za-z0-9_-]{24})(?:[/?#]|$)")
_EVENT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _by_slip(session: Session, _board: DeskDay, text: str) -> set[str] | None:
    """A slip's code is a link whose end is the slip's own token, of which its hash is kept."""
    token = _SLIP.search(text)
    if token is None:
        return None
    named = select(Slip.appointment_id).where(Slip.token_hash == hashlib.sha256(token[1].encode()).digest())
    return set(session.scalars(named))


def _by_receipt(session: Session, board: DeskDay, text: str) -> set[str] | None:
    """The address of a receipt names an event: whoever that is about. The event stays sealed."""
    named = _EVENT_ID.search(text.lower())
    if named is None:
        return None
    whose = session.scalar(select(Event.subject_ref).where(Event.id == named[0]))
    return {row.id for row in board.rows if row.patient_ref == whose}


FINDERS: tuple[Finder, ...] = (_by_phone_tail, _by_receipt, _by_slip, _by_ticket)
"""What the search understands, in this order. Whoever makes another code that people show puts its finder here."""


# Private


_called_to, _own_room, _first_room = (Room.__table__.alias(name) for name in ("called_to", "own_room", "first_room"))
_first, _origin = ClinicSession.__table__.alias("first"), Ticket.__table__.alias("origin")
_VISITS = (
    select(
        Appointment.id, Appointment.state, Appointment.patient_ref, Appointment.starts_at,
        Ticket.id.label("ticket_id"), Ticket.letter, Ticket.number, Ticket.state.label("ticket_state"),
        Ticket.called_by, Ticket.called_at, Ticket.checked_in_at, Ticket.passes, Ticket.calls, Ticket.returns,
        Ticket.order_key, Ticket.priority, Ticket.undo,
        ClinicSession.id.label("session_id"), ClinicSession.queue_id, ClinicSession.kind,
        ClinicSession.clinician_ref.label("sits"), ClinicSession.department_id,
        Department.name_zh, Department.name_en, Staff.name_zh.label("staff_zh"), Staff.name_en.label("staff_en"),
        _called_to.c.name_zh.label("called_zh"), _called_to.c.name_en.label("called_en"),
        _own_room.c.name_zh.label("room_zh"), _own_room.c.name_en.label("room_en"),
        _first_room.c.name_zh.label("first_zh"), _first_room.c.name_en.label("first_en"),
        _origin.c.letter.label("origin_letter"), _origin.c.number.label("origin_number"),
    )
    .outerjoin(Ticket, Ticket.appointment_id == Appointment.id)
    .join(ClinicSession, ClinicSession.id == func.coalesce(Ticket.session_id, Appointment.session_id))
    .join(Department, Department.id == ClinicSession.department_id)
    .join(Staff, Staff.ref == ClinicSession.clinician_ref)
    .join(_own_room, _own_room.c.id == ClinicSession.room_id)
    .outerjoin(_called_to, _called_to.c.id == Ticket.room_id)
    .outerjoin(_first, _first.c.id == Ticket.moved_from)
    .outerjoin(_first_room, _first_room.c.id == _first.c.room_id)
    .outerjoin(_origin, _origin.c.id == Ticket.origin_id)
    .order_by(Appointment.starts_at, Appointment.id)
    .limit(MOST_ROWS)
)  # fmt: skip


def _rows(session: Session, clinic_id: str, now: datetime) -> list[DeskRow]:
    from_at, to_at = clinics.around_today(now)
    found = session.execute(
        _VISITS.where(
            Appointment.clinic_id == clinic_id,
            Appointment.starts_at >= from_at,
            Appointment.starts_at < to_at,
            or_(Appointment.state.in_(ON_DAY), Ticket.id.is_not(None)),
        )
    ).all()
    before = _before(session, [row for row in found if row.ticket_state == "waiting"])
    return [_row(row, before) for row in found]


def _before(session: Session, waiting: Sequence[Any]) -> dict[str, int]:
    """Return how many wait in front of each ticket, as the rules of the queue order its line."""
    of_line: dict[str, list[QueueEntry]] = {}
    for row in waiting:
        key = lines.line_key(row.queue_id, None if row.kind == "general" else row.sits)
        entry = QueueEntry(
            row.ticket_id, row.number, rules.place_of(row.order_key), rules.State.WAITING, rank_of(row.priority),
            row.passes, row.returns,
        )  # fmt: skip
        of_line.setdefault(key, []).append(entry)
    kept = session.execute(select(QueueLine.key, QueueLine.recent).where(QueueLine.key.in_(of_line))).all()
    calls = {key: [(ticket_id, rules.Turn(turn)) for ticket_id, turn in recent or ()] for key, recent in kept}
    return {
        entry.ticket_id: people
        for key, entries in of_line.items()
        for people, entry in enumerate(rules.order(entries, calls.get(key, ())))
    }


def _row(row: Any, before: Mapping[str, int]) -> DeskRow:
    """Return the row of one visit; `row` is what `_rows` selects."""
    place = place_of(row.state, row.ticket_state)
    is_pool = row.kind == "general"
    in_room = place is Place.IN_ROOM
    undoable = row.undo["act"] if row.undo else None
    room = _words(row.called_zh, row.called_en)
    if room is None and not is_pool:
        room = _words(row.room_zh, row.room_en)
    return DeskRow(
        id=row.id,
        place=place,
        state=row.ticket_state or row.state,
        patient_ref=row.patient_ref,
        starts_at=row.starts_at,
        session_id=row.session_id,
        department_id=row.department_id,
        department=Words(row.name_zh, row.name_en),
        queue_id=row.queue_id,
        line=row.called_by if in_room else row.queue_id if is_pool else row.sits,
        doctor=None if is_pool else _words(row.staff_zh, row.staff_en),
        room=room,
        verbs=verbs_of(row.state, row.ticket_state, priority=row.priority, undoable=undoable),
        ticket_id=row.ticket_id,
        ticket=format_ticket(row.letter, row.number) if row.ticket_id else "",
        passes=row.passes or 0,
        calls=row.calls or 0,
        waits_since=None if place in (Place.DONE, Place.EXPECTED) else row.called_at if in_room else row.checked_in_at,
        called_by=row.called_by if in_room else None,
        before=before.get(row.ticket_id),
        priority=row.priority,
        moved_from=_words(row.first_zh, row.first_en),
        origin=format_ticket(row.origin_letter, row.origin_number) if row.origin_letter else "",
        undoable=undoable,
    )


def _words(zh: str | None, en: str | None) -> Words | None:
    return None if zh is None else Words(zh, en or "")


def _told_apart(rows: list[DeskRow], people: Mapping[str, Masked]) -> list[DeskRow]:
    """Return the rows, with the phone's tail where the masked names of two different people on the board are the same."""
    bearers: dict[str, set[str]] = {}
    for ref, who in people.items():
        bearers.setdefault(who.name, set()).add(ref)
    return [
        replace(row, tail=who.phone_tail)
        if (who := people.get(row.patient_ref)) is not None and len(bearers[who.name]) > 1
        else row
        for row in rows
    ]


def _rooms(sittings: Sequence[SessionView], rows: Sequence[DeskRow]) -> list[RoomView]:
    waiting = Counter(row.line for row in rows if row.place is Place.WAITING)
    current = {row.called_by: row for row in rows if row.called_by is not None}
    found = []
    for sitting in sorted(sittings, key=lambda one: (one.room.zh, one.starts_at, one.id)):
        line = sitting.queue_id if sitting.kind == "general" else sitting.clinician_ref
        found.append(RoomView(sitting, line, current.get(sitting.clinician_ref), waiting[line]))
    return found
