"""Where everybody stands: a ticket's position, a session's line, a clinic's tickets of today.

A line is one clinician's own people, or the pool of a department's queue. Its order comes from `app.domain.queueing` over
what was recorded, and from nothing else (promise Q2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.domain import queueing as rules
from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.domain.priorities import CLASSES, rank_of
from app.domain.queueing import QueueEntry
from app.domain.tickets import format_ticket
from app.models import Appointment, ClinicSession, Prepared, Queue, QueueLine, Ticket
from app.services import clinics, rights
from app.services.clinics import SessionView
from app.services.ticket_views import TicketView as TicketView
from app.services.ticket_views import number_of as number_of
from app.services.ticket_views import views, views_of

ACTIVE = tuple(sorted(state.value for state in rules.ACTIVE))
IN_ROOM = ("called", "serving")
RANK = {"called": 0, "serving": 1, "waiting": 2, "missed": 3, "away": 4}
UNDO_SHOWN = 3
UNDO_SHOWN_FOR = timedelta(minutes=30)  # later moves can be taken back where the ticket is listed
ACTIVE_FOR = timedelta(hours=24)  # a ticket that nobody called by then is waited for no longer


@dataclass(frozen=True)
class LineView:
    """A session at work: who is in the room, who waits in order, who was passed, who is away for tests, how many are done or
    still to come, and how late the clinician said to be. `last` are the newest moves that can be taken back."""

    session: SessionView
    current: TicketView | None
    waiting: tuple[TicketView, ...]
    missed: tuple[TicketView, ...]
    done: int
    expected: int
    away: tuple[TicketView, ...] = ()
    late_minutes: int = 0
    last: tuple[TicketView, ...] = ()


# Where everybody stands


def ticket(session: Session, ticket_id: str, now: datetime) -> TicketView:
    """Return one ticket with its position. The caller has decided who may see it. Raises NotFound."""
    session.flush()
    found = views_of(session, [ticket_id])
    if not found:
        raise NotFound()
    return _placed(session, found)[0]


def position(session: Session, actor: Actor, ticket_id: str, now: datetime) -> TicketView:
    """Return a ticket of the account's people with its position. Raises NotFound."""
    row = session.get(Ticket, ticket_id)
    if row is None:
        raise NotFound()
    rights.see_own(session, actor, row.patient_ref, now, recorded_at=row.checked_in_at)
    return ticket(session, ticket_id, now)


_TICKETS_OF = Prepared(
    select(Ticket.id).where(
        Ticket.patient_ref == bindparam("patient"),
        or_(*(Ticket.state == state for state in ACTIVE)),
        Ticket.checked_in_at > bindparam("after", type_=Ticket.checked_in_at.type),
    )
)


def tickets_of(session: Session, actor: Actor, now: datetime) -> list[TicketView]:
    """Return every ticket of the account's people that something is still to come of, whoever's turn is nearest first."""
    since = dict(rights.reached(session, actor, now))
    session.flush()
    connection = session.connection()
    ids = [row.id for ref in since for row in _TICKETS_OF.all(connection, patient=ref, after=now - ACTIVE_FOR)]
    found = _placed(session, views_of(session, ids))
    return [t for t in found if (opens := since[t.patient_ref]) is None or t.checked_in_at >= opens]


def line(session: Session, actor: Actor, session_id: str, now: datetime) -> LineView:
    """Return a session's line for who works it. Raises NotFound, NotAllowed."""
    sitting = sitting_of(session, session_id)
    rights.work_queue(session, actor, sitting, now)
    queue_id, clinician_ref = line_of(sitting)
    recent = Ticket.checked_in_at > now - ACTIVE_FOR
    here = and_(Ticket.queue_id == queue_id, _of_line(clinician_ref), recent)
    active = views(session, and_(here, Ticket.state.in_(("waiting", "missed", "away"))))
    newest = (
        select(Ticket.id)
        .where(here, Ticket.undo.is_not(None), Ticket.changed_at > now - UNDO_SHOWN_FOR)
        .order_by(Ticket.changed_at.desc(), Ticket.id)
        .limit(UNDO_SHOWN)
    )
    is_lately = ClinicSession.day_on.in_(clinics.days_around(now))
    in_room = views(session, and_(Ticket.called_by == sitting.clinician_ref, Ticket.state.in_(IN_ROOM), is_lately))
    done = session.scalar(
        select(func.count())
        .select_from(Ticket)
        .where(Ticket.session_id == session_id, Ticket.state.in_(("done", "no_show", "left", "transferred")))
    )
    expected = session.scalar(
        select(func.count())
        .select_from(Appointment)
        .where(Appointment.session_id == session_id, Appointment.state == "booked")
    )
    return LineView(
        session=clinics.session_of(session, session_id),
        current=in_room[0] if in_room else None,
        waiting=tuple(t for t in _placed(session, active) if t.state == "waiting"),
        missed=tuple(t for t in active if t.state == "missed"),
        done=done or 0,
        expected=expected or 0,
        away=tuple(t for t in active if t.state == "away"),
        late_minutes=sitting.late_minutes or 0,
        last=tuple(sorted(views(session, Ticket.id.in_(newest)), key=lambda t: (t.changed_at, t.id), reverse=True)),
    )


def ticket_of_line(session: Session, actor: Actor, ticket_id: str, now: datetime) -> TicketView:
    """Return one ticket for who works its line. Raises NotFound, NotAllowed."""
    row = session.get(Ticket, ticket_id)
    if row is None:
        raise NotFound()
    rights.work_queue(session, actor, sitting_of(session, row.session_id), now)
    return ticket(session, ticket_id, now)


def beside(session: Session, shown: TicketView, now: datetime) -> list[SessionView]:
    """Return the sessions whose lines a ticket may move to: of its queue, going on, other than its own line; of a pool one."""
    found: dict[tuple[str, str | None], SessionView] = {}
    for view in clinics.sessions_in(session, shown.clinic_id, now):
        line = (view.queue_id, view.clinician_ref if view.kind == "expert" else None)
        is_other = line != (shown.queue_id, shown.clinician_ref)
        if view.queue_id == shown.queue_id and is_other and not view.is_stopped and view.ends_at > now:
            found.setdefault(line, view)
    return list(found.values())


def tickets_in(session: Session, clinic_id: str, now: datetime) -> list[TicketView]:
    """Return the clinic's tickets of today that something is still to come of: those in a room, then each line in its order.

    For the desk and the screens; the caller has decided access."""
    from_at, to_at = clinics.around_today(now)
    here = and_(
        Ticket.queue_id.in_(
            select(Queue.id).where(Queue.clinic_id == clinic_id, Queue.day_on.in_(clinics.days_around(now)))
        ),
        Ticket.state.in_(ACTIVE),
        Ticket.checked_in_at >= from_at,
        Ticket.checked_in_at < to_at,
    )
    return _placed(session, views(session, here))


# For the moves


def sitting_of(session: Session, session_id: str) -> ClinicSession:
    row = session.get(ClinicSession, session_id)
    if row is None:
        raise NotFound()
    return row


def line_of(sitting: ClinicSession) -> tuple[str, str | None]:
    return sitting.queue_id, sitting.clinician_ref if sitting.kind == "expert" else None


def line_key(queue_id: str, clinician_ref: str | None) -> str:
    return f"{queue_id}|{clinician_ref or ''}"


def entry_of(row: Ticket) -> QueueEntry:
    return QueueEntry(
        row.id,
        row.number,
        rules.place_of(row.order_key),
        rules.State(row.state),
        rank_of(row.priority),
        row.passes,
        row.returns,
    )


_ENTRIES = Prepared(
    select(Ticket.id, Ticket.number, Ticket.order_key, Ticket.priority, Ticket.passes, Ticket.returns)
    .where(
        Ticket.queue_id == bindparam("queue"),
        Ticket.state == "waiting",
        Ticket.clinician_ref.is_not_distinct_from(bindparam("clinician")),
    )
    .order_by(Ticket.order_key, Ticket.number, Ticket.id)  # as the rules sort them, who then have little to sort
)


def entries(session: Session, queue_id: str, clinician_ref: str | None) -> list[QueueEntry]:
    """Return who waits in a line, by the index on queue and state: a few columns of a few dozen rows."""
    session.flush()
    return [
        QueueEntry(
            row.id, row.number, rules.place_of(row.order_key), rules.State.WAITING, rank_of(row.priority), row.passes,
            row.returns,
        )
        for row in _ENTRIES.all(session.connection(), queue=queue_id, clinician=clinician_ref)
    ]  # fmt: skip


_RECENT = Prepared(select(QueueLine.recent).where(QueueLine.key == bindparam("key")))


def recent_calls(session: Session, queue_id: str, clinician_ref: str | None) -> list[tuple[str, rules.Turn]]:
    """Return a line's last calls, which its cap looks at."""
    session.flush()
    kept = _RECENT.first(session.connection(), key=line_key(queue_id, clinician_ref))
    return [(ticket_id, rules.Turn(turn)) for ticket_id, turn in (kept.recent if kept else None) or ()]


def in_order(session: Session, queue_id: str, clinician_ref: str | None) -> list[QueueEntry]:
    """Return who waits in a line, in the order in which they will be called if nothing else is recorded."""
    return rules.order(entries(session, queue_id, clinician_ref), recent_calls(session, queue_id, clinician_ref))


def _of_line(clinician_ref: str | None) -> ColumnElement[bool]:
    return Ticket.clinician_ref.is_(None) if clinician_ref is None else Ticket.clinician_ref == clinician_ref


def _placed(session: Session, found: Sequence[TicketView]) -> list[TicketView]:
    """Return the tickets with their positions, each line read once; the order is: in a room, then by who is before."""
    lines = {(t.queue_id, t.clinician_ref) for t in found}
    before: dict[str, int] = {}
    calling: dict[tuple[str, str | None], tuple[str, ...]] = {}
    favoured: dict[tuple[str, str | None], list[_Favoured]] = {}
    places: dict[str, tuple[int, int]] = {}
    for line in lines:
        waiting = in_order(session, *line)
        before.update({entry.ticket_id: people for people, entry in enumerate(waiting)})
        places.update({entry.ticket_id: (rules.order_key(entry.place), entry.number) for entry in waiting})
        calling[line] = _calling(session, *line)
        favoured[line] = _called_out_of_turn(session, *line)
    placed = [
        replace(
            t,
            before=before.get(t.id),
            now_calling=calling[t.queue_id, t.clinician_ref],
            overtaken=_overtaken(t, places.get(t.id), favoured[t.queue_id, t.clinician_ref]),
        )
        for t in found
    ]
    return sorted(placed, key=lambda t: (RANK.get(t.state, len(RANK)), t.before or 0, t.changed_at, t.id))


class _Favoured(NamedTuple):
    """Somebody who was called out of turn, and whose call stands."""

    ticket_id: str
    priority: str
    place: tuple[int, int]
    called_at: datetime


_OUT_OF_TURN = Prepared(
    select(Ticket.id, Ticket.priority, Ticket.order_key, Ticket.number, Ticket.called_at).where(
        Ticket.queue_id == bindparam("queue"),
        Ticket.clinician_ref.is_not_distinct_from(bindparam("clinician")),
        or_(Ticket.turn == "favoured", Ticket.turn == "emergency"),
        Ticket.priority.is_not(None),
        Ticket.called_at.is_not(None),
    )
)


def _called_out_of_turn(session: Session, queue_id: str, clinician_ref: str | None) -> list[_Favoured]:
    rows = _OUT_OF_TURN.all(session.connection(), queue=queue_id, clinician=clinician_ref)
    return [_Favoured(row.id, row.priority, (row.order_key, row.number), row.called_at) for row in rows]


def _overtaken(
    ticket: TicketView, place: tuple[int, int] | None, favoured: list[_Favoured]
) -> tuple[tuple[str, int], ...]:
    """Return how many of which class, from a later place, were called since this one has its place. No names, no numbers."""
    since = ticket.queued_at
    if place is None or since is None:
        return ()
    counts = Counter(one.priority for one in favoured if one.place > place and one.called_at >= since)
    return tuple((code, counts[code]) for code in CLASSES if counts[code])


_CALLING = Prepared(
    select(Ticket.letter, Ticket.number)
    .where(
        Ticket.queue_id == bindparam("queue"),
        or_(*(Ticket.state == state for state in IN_ROOM)),
        Ticket.clinician_ref.is_not_distinct_from(bindparam("clinician")),
    )
    .order_by(Ticket.called_at.desc())
)


def _calling(session: Session, queue_id: str, clinician_ref: str | None) -> tuple[str, ...]:
    rows = _CALLING.all(session.connection(), queue=queue_id, clinician=clinician_ref)
    return tuple(format_ticket(row.letter, row.number) for row in rows)
