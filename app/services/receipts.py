"""Receipts: whose they are, how they are listed, and the file that a person takes away.

A receipt belongs to its subject; staff see state and id, never the salts. A guardian holds those of a child as far as the
link reaches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import NotAllowed, NotFound
from app.models import Event, SmartApp, Staff
from app.services import events, looked_at, rights, share_openings
from ledger.receipt import ForMe, ToShow, format_extra

PAGE = 20
WHOLE_PAGE = 100  # receipts in one answer of the check that none is missing
# What a slip is the receipt of, the later act first.
ARRIVAL = ("appointment.checked_in", "appointment.booked", "waitlist.accepted")
Side = Literal["act", "look"]


@dataclass(frozen=True)
class ReceiptLine:
    """One event as its holder's list shows it. `entry` is for asking the log whether it is sealed."""

    id: str
    at: datetime
    type: str
    side: str
    subject: str
    is_mine: bool  # done by the holder's own account
    actor_kind: str
    role: str
    who_zh: str
    who_en: str
    detail: dict[str, Any]
    purpose: str
    reason: str
    entry: bytes
    contents: tuple[str, ...] = ()  # of an opening of a record: the kinds of things it showed


def _reach(session: Session, actor: Actor, now: datetime) -> list[Any]:
    """Return the conditions under which events are the actor's: the account's own, and those of its people, cut by links."""
    conditions: list[Any] = [Event.subject_ref == actor.ref]
    for patient_ref, since_at in rights.reached(session, actor, now):
        mine = Event.subject_ref == patient_ref
        conditions.append(mine if since_at is None else and_(mine, Event.at >= since_at))
    return conditions


def page_of(
    session: Session, actor: Actor, side: Side, now: datetime, *, before: str | None = None, limit: int = PAGE
) -> tuple[list[ReceiptLine], str | None]:
    """Return (lines newest first, the id to go on before, or None). `before` is the id of an event seen already.

    Under "look" stand openings and refusals by others than the account itself; under "act" everything else.
    """
    query = select(Event).where(or_(*_reach(session, actor, now)))
    is_look = and_(Event.side == "look", or_(Event.actor_ref.is_(None), Event.actor_ref != actor.ref))
    query = query.where(is_look if side == "look" else ~is_look)
    if before is not None:
        query = query.where(Event.serial < events.serial_of(before))
    rows = session.scalars(query.order_by(Event.serial.desc()).limit(limit + 1)).all()
    closed = _closed_to(session, actor, {str(row.subject_ref) for row in rows}, now)
    return _lines(session, actor, rows[:limit], closed), (rows[limit - 1].id if len(rows) > limit else None)


def newest_for(session: Session, actor: Actor, now: datetime) -> str | None:
    """Return the id of the newest event of the actor, for a page to see whether anything is new."""
    return session.scalars(
        select(Event.id).where(or_(*_reach(session, actor, now))).order_by(Event.serial.desc()).limit(1)
    ).first()


def _lines(session: Session, actor: Actor, rows: Sequence[Event], closed: set[str]) -> list[ReceiptLine]:
    """Return the lines of events. Of those of whom the actor may read no more than receipts to show (`closed`), they say what
    these do: type and time, and what one did oneself."""
    read = [events.read_event(session, row)[1] for row in rows]
    kinds = looked_at.kinds_of(
        session, [own["objects"] if row.type == "record.opened" else () for row, own in zip(rows, read, strict=True)]
    )
    return [
        _line(session, actor, row, own, contents, is_open=row.subject_ref not in closed)
        for row, own, contents in zip(rows, read, kinds, strict=True)
    ]


def _line(
    session: Session, actor: Actor, row: Event, own: dict[str, Any], contents: tuple[str, ...], *, is_open: bool
) -> ReceiptLine:
    if not is_open and row.actor_ref != actor.ref:
        return ReceiptLine(row.id, row.at, row.type, row.side, str(row.subject_ref), False, row.actor_kind, "", "", "", {}, "", "", row.entry)  # fmt: skip
    named = {"staff": Staff, "app": SmartApp}.get(row.actor_kind)
    who: Any = session.get(named, row.actor_ref) if named and row.actor_ref else None
    said = share_openings.who_said(session, row.actor_ref) if row.actor_kind == "share" and row.actor_ref else ""
    return ReceiptLine(
        id=row.id,
        at=row.at,
        type=row.type,
        side=row.side,
        subject=str(row.subject_ref),
        is_mine=row.actor_ref == actor.ref,
        actor_kind=row.actor_kind,
        role=str(own["actor"]["role"] or ""),
        who_zh=who.name_zh if who else said,
        who_en=who.name_en if who else said,
        detail=own["detail"],
        purpose=str(own.get("purpose", "")),
        reason=str(own.get("reason", "")),
        entry=row.entry,
        contents=contents,
    )


def one(session: Session, actor: Actor, event_id: str, now: datetime) -> ReceiptLine:
    """Return one event of the actor. Raises NotFound, the same for absent and for somebody else's."""
    row = _own(session, actor, event_id, now)
    return _lines(session, actor, [row], _closed_to(session, actor, {str(row.subject_ref)}, now))[0]


def _own(session: Session, actor: Actor, event_id: str, now: datetime) -> Event:
    row = session.scalars(select(Event).where(Event.id == event_id, or_(*_reach(session, actor, now)))).first()
    if row is None:
        other = session.get(Event, event_id)
        raise NotFound(about=other.subject_ref if other else None)
    return row


def extra_of(
    session: Session, actor: Actor, event_id: str, now: datetime, *, form: Literal["me", "show"] = "me"
) -> tuple[bytes, bytes]:
    """Return (entry, extra) of a receipt that the actor holds, for the log's reader to complete. Raises NotFound.

    Of somebody of fourteen or more a guardian takes away the form to show, whatever was asked for: it tells nothing of whose.
    """
    row = _own(session, actor, event_id, now)
    if row.subject_ref != actor.ref and not _may_hold(session, actor, str(row.subject_ref), now):
        form = "show"
    open_salt, opened, own_salt, own = events.open_event(session, row)
    for_me = ForMe(open_salt, opened, own_salt, own)
    opening: ForMe | ToShow = for_me if form == "me" else for_me.to_show()
    return row.entry, format_extra(opening)


def whole_page_of(
    session: Session, actor: Actor, now: datetime, *, before: str | None = None, limit: int = WHOLE_PAGE
) -> tuple[list[tuple[bytes, bytes]], str | None]:
    """Return ([(entry, extra)], newest first, the id to go on before, or None) of every receipt held in the form for oneself.

    For the check that none is missing; those of which the actor holds the form to show only are left out, for they do not say
    which number they are.
    """
    query = select(Event).where(or_(*_reach(session, actor, now)))
    if before is not None:
        query = query.where(Event.serial < events.serial_of(before))
    rows = session.scalars(query.order_by(Event.serial.desc()).limit(limit + 1)).all()
    closed = _closed_to(session, actor, {str(row.subject_ref) for row in rows}, now)
    held = [
        (row.entry, format_extra(ForMe(*events.open_event(session, row))))
        for row in rows[:limit]
        if row.subject_ref not in closed
    ]
    return held, (rows[limit - 1].id if len(rows) > limit else None)


def _closed_to(session: Session, actor: Actor, subjects: set[str], now: datetime) -> set[str]:
    """Return of whom the actor may read no more than receipts to show: wards of fourteen or more."""
    return {ref for ref in subjects if ref != actor.ref and not _may_hold(session, actor, ref, now)}


def of_arrival(session: Session, patient_ref: str, appointment_id: str) -> str | None:
    """Return the id of the newest event by which this appointment was checked in, else booked; None where neither was."""
    rows = session.scalars(
        select(Event).where(Event.subject_ref == patient_ref, Event.type.in_(ARRIVAL)).order_by(Event.serial.desc())
    )
    found: dict[str, str] = {}
    for row in rows:
        objects = events.read_event(session, row)[1]["objects"]
        if any(bound["id"] == appointment_id for bound in objects):
            found.setdefault(row.type, row.id)
            if row.type == ARRIVAL[0]:
                break
    return next((found[kind] for kind in ARRIVAL if kind in found), None)


def extra_to_show(session: Session, event_id: str) -> tuple[bytes, bytes]:
    """Return (entry, extra) of an event in the form to show, which tells nothing of whose it is, for who holds a slip of it."""
    row = session.get(Event, event_id)
    if row is None:
        raise NotFound()
    return row.entry, format_extra(ForMe(*events.open_event(session, row)).to_show())


def extra_in_full(session: Session, event_id: str) -> tuple[bytes, bytes]:
    """Return (entry, extra) of a notice's event with everything in it open: the log publishes it. Of nobody's event only."""
    row = session.get(Event, event_id)
    if row is None or row.subject_ref is not None:
        raise NotFound()
    return row.entry, format_extra(ForMe(*events.open_event(session, row)))


def _may_hold(session: Session, actor: Actor, patient_ref: str, now: datetime) -> bool:
    try:
        rights.see_health(session, actor, patient_ref, now)
    except NotAllowed:
        return False
    return True


def entries_of(session: Session, event_ids: Iterable[str]) -> Sequence[tuple[str, bytes]]:
    """Return (id, entry) of events, for whoever asks for their state only."""
    return [
        (row.id, row.entry)
        for row in session.scalars(select(Event).where(Event.id.in_(list(event_ids))).order_by(Event.id))
    ]


def of_erasure(session: Session, event_id: str) -> tuple[bytes, bytes]:
    """Return (entry, extra) of an erasure's event, in full: for whoever asked for it, whose own events are gone. It names a random
    account that is no more, and counts."""
    row = session.get(Event, event_id)
    if row is None or not row.type.startswith("erasure."):
        raise NotFound()
    return row.entry, format_extra(ForMe(*events.open_event(session, row)))
