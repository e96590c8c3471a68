"""Messages to people: written with the act, addressed and sent after it.

An act writes one row to a *person* (`tell`), in its own transaction. Afterwards a chore finds who holds that person by then, so that
an account that lost a child meanwhile gets nothing, and writes one row for each such account and its channel (`address`).
One row at a time is marked as being sent and its mark committed before the network is asked (`take`), and what came of it is
written down (`settle`): a message goes once at most, and where a crash came between the two it is `unknown` and not sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import NotAllowed, NotFound
from app.domain.ids import new_ref
from app.domain.messages import KINDS, LEASE, MOST_TRIES, Template, told_by, wait_after
from app.models import ClinicSession, Department, Link, MessageQuota, OutboxMessage, Patient, Ticket
from app.ports import Unreadable
from app.services import accounts, people, rights
from app.services.sealing import vault_of

BATCH = 50
MOST_ASKED = 20  # messages of one template that an account may have asked for and not got
OPEN_STATES = ("new", "ready", "sending")


@dataclass(frozen=True)
class Ways:
    """How this hospital can reach people: WeChat's templates by name (none: not at all), and whether texts can be sent."""

    templates: Mapping[str, Template]
    has_sms: bool


@dataclass(frozen=True)
class Letter:
    """One message that is being sent: over which channel, to where, and what its words are made of."""

    id: str
    kind: str
    channel: str
    openid: str = field(repr=False)
    phone: str = field(repr=False)
    facts: dict[str, Any] = field(repr=False)
    tries: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of sending. `state`: sent; unknown, where nobody can tell; again, later; refused, so another way; dead."""

    state: str
    reason: str = ""


def tell(
    session: Session,
    patient_ref: str,
    kind: str,
    now: datetime,
    *,
    at: datetime | None = None,
    key: str | None = None,
    about: Iterable[tuple[str, str]] = (),
    **facts: str | int,
) -> bool:
    """Write a message about a person, to be sent after the commit, not before `at`; tell whether there is a new one.

    `key` names what is said once only. `about` are rows by (type, id), for what may be said to depend on them. Of what happened so
    long ago that it would come too late (history that is brought in), nothing is written.
    """
    connection = session.connection()
    clock = session.info.get("clock")
    if clock is not None and (at or now) + KINDS[kind].lasts <= clock():
        return False
    if key is not None and connection.execute(_KNOWN, {"of": key}).first() is not None:
        return False
    row_id, starts_at = new_ref(), at or now
    row = {
        "id": row_id, "patient_ref": patient_ref, "kind": kind, "state": "new", "tries": 0, "created_at": now,
        "next_at": starts_at, "not_after": starts_at + KINDS[kind].lasts, "key": key,
        "sealed": _seal(session, patient_ref, row_id, {"facts": facts, "about": [list(one) for one in about]}),
    }  # fmt: skip
    connection.execute(_ADD, row)
    return True


def tell_once_in(
    session: Session, patient_ref: str, kind: str, now: datetime, *, about: tuple[str, str], every: timedelta
) -> bool:
    """Write a message about a person and a row, unless one was written about it within `every`; tell whether there is a new one.

    For what others may do as often as they like: a phone must not ring each time.
    """
    said = f"{kind}:{about[1]}:"
    last = session.scalar(
        select(func.max(OutboxMessage.created_at)).where(
            OutboxMessage.patient_ref == patient_ref,
            OutboxMessage.kind == kind,
            OutboxMessage.key.startswith(said, autoescape=True),
        )
    )
    if last is not None and now - last < every:
        return False
    return tell(session, patient_ref, kind, now, key=f"{said}{int(now.timestamp() * 1000)}", about=[about])


def tell_recorded(session: Session) -> None:
    """Write the messages that the events recorded in this transaction bring. Called once, at the act's end."""
    for event_type, subject, detail, about, now in session.info.pop("to_tell", ()):
        told = told_by(event_type, detail)
        if told is not None and session.get(Patient, subject) is not None:
            tell(session, subject, told[0], now, about=about, **told[1])


def ask_to_be_told(session: Session, actor: Actor, templates: Iterable[str]) -> None:
    """Count one tap on "remind me": one more message of each template may go to the account over WeChat."""
    for template in templates:
        row = session.get(MessageQuota, (str(actor.ref), template))
        if row is None:
            session.add(MessageQuota(account_ref=str(actor.ref), template=template, left=1))
        else:
            row.left = min(row.left + 1, MOST_ASKED)


# For the chore


def is_due(session: Session, now: datetime) -> bool:
    """Tell whether anything waits to be addressed or sent, or whose sender fell."""
    due = select(OutboxMessage.id).where(OutboxMessage.state.in_(OPEN_STATES), OutboxMessage.next_at <= now)
    return session.scalar(due.limit(1)) is not None


def address(session: Session, ways: Ways, now: datetime) -> list[tuple[str, str, str]]:
    """Turn messages to persons into messages to accounts, end what is too late, and mark as unknown what a sender that fell
    left in its hands. Returns (kind, state, reason) of what ended here, for the log."""
    ended = []
    rows = session.scalars(
        select(OutboxMessage)
        .where(
            or_(
                and_(OutboxMessage.state.in_(("new", "sending")), OutboxMessage.next_at <= now),
                and_(OutboxMessage.state == "ready", OutboxMessage.not_after <= now),
            )
        )
        .order_by(OutboxMessage.next_at)
        .limit(BATCH)
    ).all()
    for row in rows:
        if row.state == "sending":
            row.state, row.reason = "unknown", "sender_fell"
        elif row.not_after <= now:
            row.state, row.reason = "dropped", "too_late"
        elif row.state == "new":
            _spread_if_readable(session, row, ways, now)
        if row.state in ("unknown", "dropped"):
            ended.append((row.kind, row.state, str(row.reason)))
    return ended


def take(session: Session, now: datetime) -> Letter | None:
    """Return the message whose turn it is, marked as being sent; None when none is. Commit before sending."""
    turn = (
        select(OutboxMessage)
        .where(OutboxMessage.state == "ready", OutboxMessage.next_at <= now, OutboxMessage.not_after > now)
        .order_by(OutboxMessage.next_at, OutboxMessage.created_at)
        .limit(1)
    )
    while (row := session.scalar(turn)) is not None:
        try:
            facts = _open(session, row)["facts"]
        except (Unreadable, KeyError):
            row.state, row.reason = "dropped", "unreadable"
            continue
        row.state, row.next_at, row.tries = "sending", now + LEASE, row.tries + 1
        to = _addresses(session, row)
        return Letter(row.id, row.kind, str(row.channel), to.openid, to.phone, facts, row.tries)
    return None


def settle(session: Session, letter: Letter, outcome: Outcome, ways: Ways, now: datetime) -> str:
    """Write down what came of a message, and return the state that it has now.

    Refused over WeChat it goes as a text where the account has a phone; what failed for now is tried again, later each time.
    """
    row = session.get(OutboxMessage, letter.id)
    if row is None or row.state != "sending":
        return "unknown"  # the lease ran out meanwhile, and it was given up
    row.reason = outcome.reason or None
    if outcome.state == "again":
        row.state, row.next_at = "ready", now + wait_after(row.tries)
        if row.tries >= MOST_TRIES:
            row.state = "dead"
    elif outcome.state == "refused":
        can_text = row.channel == "wechat" and ways.has_sms and bool(_addresses(session, row).phone)
        row.state = "ready" if can_text else "dropped"
        row.channel, row.next_at, row.tries = ("sms", now, 0) if can_text else (row.channel, now, row.tries)
    else:
        row.state = outcome.state
    if letter.channel == "wechat" and (outcome.state in ("sent", "unknown") or outcome.reason == "wechat_43101"):
        _count_off(session, str(row.account_ref), letter.kind, is_all=outcome.reason == "wechat_43101")
    return row.state


# For the operator


def depth(session: Session) -> dict[str, int]:
    """Return how many messages are in each state."""
    rows = session.execute(select(OutboxMessage.state, func.count()).group_by(OutboxMessage.state))
    return {row[0]: row[1] for row in rows}


def troubles(session: Session) -> list[tuple[str, str, str, int]]:
    """Return (kind, state, reason, how many) of what did not reach anybody, for the operator: no person is named."""
    rows = session.execute(
        select(OutboxMessage.kind, OutboxMessage.state, OutboxMessage.reason, func.count())
        .where(OutboxMessage.state.in_(("dead", "unknown", "dropped")))
        .group_by(OutboxMessage.kind, OutboxMessage.state, OutboxMessage.reason)
        .order_by(OutboxMessage.state, OutboxMessage.kind)
    )
    return [(kind, state, reason or "", count) for kind, state, reason, count in rows]


def try_again(session: Session, now: datetime) -> int:
    """Let dead letters that are still worth sending be tried once more; return how many. What is unknown stays."""
    done = session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.state == "dead", OutboxMessage.not_after > now)
        .values(state="ready", tries=0, next_at=now)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


# Private

_ADD = insert(OutboxMessage.__table__)
_KNOWN = select(OutboxMessage.id).where(OutboxMessage.key == bindparam("of"))


def _spread_if_readable(session: Session, row: OutboxMessage, ways: Ways, now: datetime) -> None:
    """Spread a message. One whose key was destroyed, or that somebody changed, is dropped, and holds up no other."""
    try:
        _spread(session, row, ways, now)
    except (Unreadable, KeyError):
        row.state, row.reason = "dropped", "unreadable"


def _spread(session: Session, row: OutboxMessage, ways: Ways, now: datetime) -> None:
    links = session.scalars(
        select(Link).where(Link.patient_ref == row.patient_ref, Link.state == "active").order_by(Link.created_at)
    ).all()
    said = _open(session, row)
    facts = _discreet(session, said["facts"], said["about"])
    reached = 0
    for link in links:
        channel = _channel(session, row, link, ways) if _may_know(session, row, link, now) else None
        if channel is None:
            continue
        reached += 1
        one = OutboxMessage(
            id=new_ref(), patient_ref=row.patient_ref, account_ref=link.account_ref, kind=row.kind, channel=channel,
            state="ready", tries=0, created_at=row.created_at, next_at=now, not_after=row.not_after,
        )  # fmt: skip
        one.sealed = _seal(session, row.patient_ref, one.id, {"facts": facts, "about": said["about"]})
        session.add(one)
    row.state, row.reason = ("spread", None) if reached else ("dropped", "no_way" if links else "nobody")


def _may_know(session: Session, row: OutboxMessage, link: Link, now: datetime) -> bool:
    """Tell whether an account may see what the message is about: what its own pages would show, and no more."""
    actor = Actor("patient", link.account_ref, "patient")
    ask = rights.see_health if KINDS[row.kind].is_health else rights.see_own
    try:
        ask(session, actor, row.patient_ref, now, recorded_at=row.created_at)
    except (NotFound, NotAllowed):
        return False
    return True


def _channel(session: Session, row: OutboxMessage, link: Link, ways: Ways) -> str | None:
    to = _addresses_for(session, link)
    template = KINDS[row.kind].template
    quota = session.get(MessageQuota, (link.account_ref, template))
    if to.openid and template in ways.templates and quota is not None and quota.left > 0:
        return "wechat"
    return "sms" if ways.has_sms and to.phone else None


def _addresses(session: Session, row: OutboxMessage) -> accounts.Addresses:
    link = session.scalar(
        select(Link).where(
            Link.patient_ref == row.patient_ref, Link.account_ref == row.account_ref, Link.state == "active"
        )
    )
    return accounts.Addresses("", "", "") if link is None else _addresses_for(session, link)


def _addresses_for(session: Session, link: Link) -> accounts.Addresses:
    """Return where an account is reached; who proved to be the person, also at the phone that the hospital has on file."""
    to = accounts.addresses_of(session, link.account_ref)
    if to.phone or link.relation != "self" or link.proof == "none":
        return to
    patient = session.get_one(Patient, link.patient_ref)
    return accounts.Addresses(to.appid, to.openid, people.proving_phone(people.contact_of(session, patient)) or "")


def _discreet(session: Session, facts: dict[str, Any], about: list[list[str]]) -> dict[str, Any]:
    """Return the facts without the room where its name could tell which department it is, and that is sensitive."""
    for kind, row_id in about:
        if kind == Ticket.OBJECT and "room" in facts:
            is_sensitive = session.scalar(
                select(Department.is_sensitive)
                .join(ClinicSession, ClinicSession.department_id == Department.id)
                .join(Ticket, Ticket.session_id == ClinicSession.id)
                .where(Ticket.id == row_id)
            )
            if is_sensitive is not False:
                return {name: value for name, value in facts.items() if name != "room"}
    return facts


def _count_off(session: Session, account_ref: str, kind: str, *, is_all: bool) -> None:
    quota = session.get(MessageQuota, (account_ref, KINDS[kind].template))
    if quota is not None:
        quota.left = 0 if is_all else max(0, quota.left - 1)


def _seal(session: Session, patient_ref: str, row_id: str, payload: dict[str, Any]) -> bytes:
    return vault_of(session).seal(patient_ref, "messages", f"outbox|{row_id}|1", payload)


def _open(session: Session, row: OutboxMessage) -> dict[str, Any]:
    return vault_of(session).open(row.patient_ref, "messages", f"outbox|{row.id}|1", row.sealed)
