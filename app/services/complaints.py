"""Complaints about a look (投诉): made by who holds the person, answered by an auditor, who never learns whose it is.

This is one of the openers: words and answers are sealed. The one who complained reads both as their own; an auditor's
reading of them is a disclosure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import complaints as rules
from app.domain.actor import Actor
from app.domain.complaints import AlreadyAnswered, Outcome
from app.domain.errors import NotFound
from app.domain.ids import new_ref
from app.models import Complaint, Patient
from app.services import audit_log, disclosure, events, receipts, rights
from app.services.audit_log import AuditedEvent
from app.services.receipts import ReceiptLine
from app.services.sealing import open_payload, seal_next

LISTED = 100


@dataclass(frozen=True)
class ComplaintView:
    """A complaint as its maker sees it. `state`: open or answered; `line` is the look that it is about."""

    id: str
    event_id: str
    state: str
    outcome: str
    words: str
    answer: str
    made_at: datetime
    due_at: datetime
    answered_at: datetime | None
    line: ReceiptLine


@dataclass(frozen=True)
class ComplaintLine:
    """A complaint in the auditor's queue: no words, and nobody's."""

    id: str
    state: str
    outcome: str
    made_at: datetime
    due_at: datetime
    is_late: bool


@dataclass(frozen=True)
class OpenedComplaint:
    """A complaint with its words, and the look that it is about as the ledger binds it."""

    line: ComplaintLine
    words: str
    answer: str
    event: AuditedEvent
    doer: tuple[str, str]  # the name of the member of staff who looked, in both languages; empty for others


def about(session: Session, actor: Actor, event_id: str, now: datetime) -> tuple[ReceiptLine, str | None]:
    """Return (the look that could be complained about, the complaint there is). Raises NotFound for what is no look of
    somebody else's at a person of the account."""
    line = receipts.one(session, actor, event_id, now)
    if line.side != "look" or line.is_mine or session.get(Patient, line.subject) is None:
        raise NotFound(about=line.subject)
    known = session.scalar(select(Complaint).where(Complaint.event_id == event_id))
    if known is not None and known.account_ref != actor.ref:
        raise NotFound(about=line.subject)  # somebody else who holds the person has asked already
    return line, known.id if known else None


def complain(session: Session, actor: Actor, event_id: str, words: str, now: datetime) -> str:
    """Complain about a look and return the complaint's id. Complaining again about the same look finds the first.

    Raises NotFound, WordsMissing.
    """
    line, known = about(session, actor, event_id, now)
    said = rules.parse_words(words)
    rights.see_own(session, actor, line.subject, now)
    if known is not None:
        return known
    row = Complaint(
        id=new_ref(),
        patient_ref=line.subject,
        account_ref=str(actor.ref),
        event_id=event_id,
        state="open",
        outcome=None,
        made_at=now,
        due_at=rules.due_at(now),
        answered_at=None,
        answered_by=None,
    )
    seal_next(session, row, {"words": said, "answer": ""})
    events.record(session, "complaint.made", actor, now, subject=row.patient_ref, objects=[row])
    return row.id


def complaints_of(session: Session, actor: Actor, now: datetime) -> list[ComplaintView]:
    """Return the account's own complaints, the newest first."""
    rows = session.scalars(
        select(Complaint)
        .where(Complaint.account_ref == actor.ref)
        .order_by(Complaint.made_at.desc(), Complaint.id)
        .limit(LISTED)
    ).all()
    reached = {ref for ref, _since in rights.reached(session, actor, now)}
    return [_view(session, actor, row, now) for row in rows if row.patient_ref in reached]


def one(session: Session, actor: Actor, complaint_id: str, now: datetime) -> ComplaintView:
    """Return a complaint of the account's own. Raises NotFound."""
    row = session.get(Complaint, complaint_id)
    if row is None or row.account_ref != actor.ref:
        raise NotFound(about=row.patient_ref if row else None)
    rights.see_own(session, actor, row.patient_ref, now)
    return _view(session, actor, row, now)


def _view(session: Session, actor: Actor, row: Complaint, now: datetime) -> ComplaintView:
    payload = open_payload(session, row)[0]
    return ComplaintView(
        id=row.id,
        event_id=row.event_id,
        state=row.state,
        outcome=row.outcome or "",
        words=str(payload["words"]),
        answer=str(payload["answer"]),
        made_at=row.made_at,
        due_at=row.due_at,
        answered_at=row.answered_at,
        line=receipts.one(session, actor, row.event_id, now),
    )


# The auditor


def queue(session: Session, actor: Actor, now: datetime) -> list[ComplaintLine]:
    """Return complaints: those that wait for an answer first, the one due first at the top. Raises NotAllowed."""
    rights.audit_events(actor, now)
    rows = session.scalars(
        select(Complaint)
        .order_by(Complaint.state != "open", Complaint.answered_at.desc(), Complaint.due_at, Complaint.id)
        .limit(LISTED)
    )
    return [_line(row, now) for row in rows]


def open_complaint(session: Session, actor: Actor, complaint_id: str, now: datetime) -> OpenedComplaint:
    """Return a complaint with its words, recording the disclosure. Raises NotFound, NotAllowed."""
    rights.audit_events(actor, now)
    row = session.get(Complaint, complaint_id)
    if row is None:
        raise NotFound()
    disclosure.opened(session, actor, "complaint.opened", row.patient_ref, [row], now, detail={}, purpose="complaint")
    payload = open_payload(session, row)[0]
    event = audit_log.one(session, actor, row.event_id, now)
    doer = audit_log.doer_of(session, event)
    return OpenedComplaint(_line(row, now), str(payload["words"]), str(payload["answer"]), event, doer)


def answer(session: Session, actor: Actor, complaint_id: str, outcome: Outcome, words: str, now: datetime) -> None:
    """Answer a complaint, for its maker to read. The same outcome again is no harm.

    Raises NotFound, NotAllowed, WordsMissing, AlreadyAnswered where it was answered otherwise.
    """
    rights.audit_events(actor, now)
    row = session.scalar(select(Complaint).where(Complaint.id == complaint_id).with_for_update())
    if row is None:
        raise NotFound()
    said = rules.parse_words(words, "answer")
    if row.outcome == outcome.value:
        return
    if row.state != "open":
        raise AlreadyAnswered(about=row.patient_ref)
    payload = open_payload(session, row)[0]
    row.state, row.outcome, row.answered_at, row.answered_by = "answered", outcome.value, now, actor.ref
    seal_next(session, row, {**payload, "answer": said})
    events.record(
        session, "complaint.answered", actor, now, subject=row.patient_ref, objects=[row],
        detail={"outcome": outcome.value}, purpose="complaint",
    )  # fmt: skip


def _line(row: Complaint, now: datetime) -> ComplaintLine:
    is_late = row.state == "open" and now >= row.due_at
    return ComplaintLine(row.id, row.state, row.outcome or "", row.made_at, row.due_at, is_late)
