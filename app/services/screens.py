"""The waiting room's television: pairing it with its clinic, and what stands on it.

Numbers and rooms; masked names only where the clinic wants them, and never in a sensitive department. The check-in code is a
link that changes every 30 seconds, with six digits to type for those who cannot scan. A screen keeps nothing: what it shows
is read from the tickets each time, so that it shows the same after a restart.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import checkin as checkin_rules
from app.domain.actor import Actor
from app.domain.errors import NotFound, PairingCodeUnknown
from app.domain.ids import new_ref
from app.domain.priorities import CLASSES
from app.models import Clinic, Department, ProofCode, Queue, Screen
from app.services import clinics, events, identity, lines, rights, waits, websessions
from app.services.clinics import Words
from app.services.lines import TicketView
from app.services.sealing import vault_of

PAIRING_DIGITS = 8
PAIRING_LIFE = timedelta(minutes=10)
MAKING_READY = 2  # how many of each line are asked to get ready
FRESH_FOR = timedelta(seconds=20)
SPOKEN_FOR = timedelta(minutes=2)  # a call older than that is read aloud no more: the network was away
CALLING_PLACES, READY_PLACES, WAITING_PLACES = 5, 4, 10  # as many as there is room for digits seen from eight metres
TURN_SECONDS = 8  # more than that take turns
SHOWN = ("called", "serving", "waiting")
PURPOSE = "screen"
NAMES = ("none", "masked")  # what the screens of a clinic show of a name


@dataclass(frozen=True)
class ScreenRow:
    """One number on the board, with its room or else the area where its people wait.

    `marks` are the codes of its class, `name` is masked or empty. `is_fresh` marks a call of the last seconds, `is_serving`
    one that is in already. `call` names this very call, to be read aloud once; empty where there is nothing to read.
    """

    ticket: str
    place: Words | None
    marks: tuple[str, ...] = ()
    name: str = ""
    is_fresh: bool = False
    is_serving: bool = False
    call: str = ""


@dataclass(frozen=True)
class Board:
    """What a screen shows now: as many rows as it has places; where there are more, they take turns. `more` counts who waits
    beside those shown, `marks` are the classes on the board, in their order. `code` is the long check-in code for the link
    `/c/<code>`, `short_code` the digits to type."""

    clinic: Words
    calling: tuple[ScreenRow, ...]
    ready: tuple[ScreenRow, ...]
    waiting: tuple[ScreenRow, ...]
    more: int
    marks: tuple[str, ...]
    code: str
    short_code: str
    seconds_left: int


@dataclass(frozen=True)
class ScreenView:
    """A paired screen, for the staff's list."""

    ref: str
    clinic: Words
    paired_at: datetime


def show_pairing_code(session: Session, actor: Actor, clinic_id: str, now: datetime) -> str:
    """Return eight digits that pair one screen with the clinic within ten minutes. Raises NotFound, NotAllowed."""
    if session.get(Clinic, clinic_id) is None:
        raise NotFound()
    rights.pair_screen(actor, clinic_id, now)
    code = f"{secrets.randbelow(10**PAIRING_DIGITS):0{PAIRING_DIGITS}}"
    session.add(
        ProofCode(
            id=new_ref(),
            purpose=PURPOSE,
            scope=f"{clinic_id}\n{actor.ref}".encode(),
            code_hash=_hash(session, code),
            created_at=now,
            expires_at=now + PAIRING_LIFE,
        )
    )
    session.flush()
    events.record(session, "screen.code_shown", actor, now)
    return code


def pair(session: Session, typed: str, now: datetime) -> tuple[str, Actor]:
    """Spend a pairing code: return (the screen's token, who it is). The door counts tries.

    Raises PairingCodeUnknown.
    """
    digest = _hash(session, "".join(typed.split()))
    row = next(
        (
            code
            for code in session.scalars(
                select(ProofCode)
                .where(ProofCode.purpose == PURPOSE, ProofCode.used_at.is_(None), ProofCode.expires_at > now)
                .with_for_update()
            )
            if hmac.compare_digest(code.code_hash, digest)
        ),
        None,
    )
    if row is None:
        raise PairingCodeUnknown()
    row.used_at = now
    clinic_id, staff_ref = row.scope.decode().split("\n")
    screen = Screen(ref=new_ref(), clinic_id=clinic_id, paired_by=staff_ref, paired_at=now)
    session.add(screen)
    token, sitting = websessions.begin(session, "screen", screen.ref, now)
    session.flush()
    actor = Actor("screen", screen.ref, "screen", sitting.ref, frozenset({clinic_id}))
    events.record(session, "screen.paired", actor, now)
    return token, actor


def unpair(session: Session, actor: Actor, screen_ref: str, now: datetime) -> None:
    """Take a screen's clinic away; its session dies at once. Unpairing again is no harm. Raises NotFound, NotAllowed."""
    screen = session.get(Screen, screen_ref)
    if screen is None:
        raise NotFound()
    rights.pair_screen(actor, screen.clinic_id, now)
    if screen.ended_at is None:
        screen.ended_at = now
        websessions.end_all(session, screen.ref, now)
        events.record(session, "screen.unpaired", actor, now)


def screens_of(session: Session, actor: Actor, clinic_id: str, now: datetime) -> list[ScreenView]:
    """Return the clinic's paired screens, newest first. Raises NotAllowed."""
    rights.pair_screen(actor, clinic_id, now)
    names = clinics.clinic_names(session)
    rows = session.scalars(
        select(Screen)
        .where(Screen.clinic_id == clinic_id, Screen.ended_at.is_(None))
        .order_by(Screen.paired_at.desc(), Screen.ref)
    )
    return [ScreenView(row.ref, names[row.clinic_id], row.paired_at) for row in rows]


def set_names(session: Session, actor: Actor, clinic_id: str, policy: str, now: datetime) -> None:
    """Set what the clinic's screens show of a name: one of `NAMES`. Raises NotFound, NotAllowed."""
    if policy not in NAMES:
        raise ValueError("no such policy")
    if actor.kind != "system":
        rights.manage_staff(actor, now)
    clinic = session.get(Clinic, clinic_id)
    if clinic is None:
        raise NotFound()
    before, clinic.screen_names = clinic.screen_names, policy
    detail = {"rule": "screen_names", "of": clinic.name_zh, "before": before, "after": policy}
    events.record(session, "rules.changed", actor, now, detail=detail)


def board(session: Session, actor: Actor, now: datetime) -> Board:
    """Return what the actor's screen shows now. Raises NotFound, NotAllowed."""
    if len(actor.clinics) != 1:
        raise NotFound()
    (clinic_id,) = actor.clinics
    clinic = session.get(Clinic, clinic_id)
    if clinic is None:
        raise NotFound()
    rights.show_board(actor, clinic_id, now)
    tickets = lines.tickets_in(session, clinic_id, now)
    names = _names(session, clinic, tickets, now)
    around = waits.around(session, tickets)

    def row(ticket: TicketView) -> ScreenRow:
        age = now - ticket.called_at if ticket.called_at is not None else None
        is_called = ticket.state == "called" and age is not None
        return ScreenRow(
            ticket.ticket,
            ticket.room or around[ticket.id].area,
            ticket.marks,
            names.get(ticket.patient_ref, ""),
            is_fresh=is_called and age is not None and age < FRESH_FOR,
            is_serving=ticket.state == "serving",
            call=_call_of(ticket) if is_called and age is not None and age < SPOKEN_FOR else "",
        )

    called = [row(t) for t in sorted((t for t in tickets if t.state == "called"), key=_newest_call_first)]
    serving = [row(t) for t in sorted((t for t in tickets if t.state == "serving"), key=_newest_call_first)]
    ready = [row(t) for t in tickets if t.state == "waiting" and (t.before or 0) < MAKING_READY]
    waiting = [row(t) for t in tickets if t.state == "waiting" and (t.before or 0) >= MAKING_READY]
    shown_waiting = waiting if len(waiting) <= WAITING_PLACES else waiting[: WAITING_PLACES - 1]
    return Board(
        clinic=Words(clinic.name_zh, clinic.name_en),
        calling=(*_in_turn(called, CALLING_PLACES, now), *serving)[:CALLING_PLACES],
        ready=_in_turn(ready, READY_PLACES, now),
        waiting=tuple(shown_waiting),
        more=len(waiting) - len(shown_waiting),
        marks=tuple(code for code in CLASSES if any(code in t.marks for t in tickets if t.state in SHOWN)),
        code=checkin_rules.venue_code(clinic.venue_secret, clinic_id, now),
        short_code=checkin_rules.short_code(clinic.venue_secret, clinic_id, now),
        seconds_left=checkin_rules.seconds_left(now),
    )


def _names(session: Session, clinic: Clinic, tickets: Sequence[TicketView], now: datetime) -> dict[str, str]:
    """Return the masked names that may stand on the clinic's screens; none by default, none of a sensitive department's."""
    if clinic.screen_names != "masked":
        return {}
    sensitive = set(
        session.scalars(
            select(Queue.id)
            .join(Department, Department.id == Queue.department_id)
            .where(Queue.id.in_({t.queue_id for t in tickets}), Department.is_sensitive)
        )
    )
    hidden = {t.patient_ref for t in tickets if t.queue_id in sensitive}  # also where they wait somewhere else as well
    shown = {t.patient_ref for t in tickets if t.state in SHOWN} - hidden
    return {ref: who.name for ref, who in identity.masked(session, shown, now).items()}


def _call_of(ticket: TicketView) -> str:
    called_at = ticket.called_at.timestamp() if ticket.called_at else 0.0
    return f"{ticket.ticket}-{int(called_at)}"


def _in_turn(rows: Sequence[ScreenRow], places: int, now: datetime) -> tuple[ScreenRow, ...]:
    """Return the rows where they fit; else the first, which is the newest, and the others in turn."""
    if len(rows) <= places:
        return tuple(rows)
    others = rows[1:]
    step = int(now.timestamp()) // TURN_SECONDS * (places - 1) % len(others)
    return (rows[0], *(*others[step:], *others[:step])[: places - 1])


def _newest_call_first(ticket: TicketView) -> tuple[float, str]:
    return -(ticket.called_at.timestamp() if ticket.called_at else 0.0), ticket.id


def _hash(session: Session, code: str) -> bytes:
    return vault_of(session).digest("pairing", code)
