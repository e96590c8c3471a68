"""Opening a record in an emergency, without any relation (紧急查阅): never without its receipt, told at once, judged afterwards.

This is one of the openers: the doctor's words and the auditor's note are sealed. The row, its event and the message to the
patient stand in one transaction, which commits before anything is read; where the database does not take the event there is
no row, and `rights` finds no grant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.domain.access import Grant
from app.domain.actor import Actor
from app.domain.break_glass import AlreadyReviewed, BreakGlassOver, NoSuchPerson, NotNeeded, Reason, Verdict
from app.domain.documents import DocumentKind
from app.domain.errors import NotFound
from app.domain.ids import new_ref
from app.models import BreakGlass, Clinic, Link, Prepared, Staff
from app.services import audit_log, clinics, disclosure, events, identity, people, rights
from app.services.audit_log import Look
from app.services.clinics import Words
from app.services.identity import Masked
from app.services.sealing import open_payload, seal_again, seal_next

PURPOSE = "emergency"
TOLD_FOR = timedelta(days=3)  # so long it, and then its verdict, stands at the top of the person's home
LISTED_FOR = timedelta(days=90)  # and so long above the list of looks
LISTED = 100


@dataclass(frozen=True)
class Emergency:
    """One emergency as its doctor sees it. `who` is masked; `is_open` while the record may be read on it."""

    id: str
    patient_ref: str
    who: Masked | None
    reason: str
    opened_at: datetime
    until_at: datetime
    is_open: bool


@dataclass(frozen=True)
class Notice:
    """What a person is told of an emergency: who, why, until when, and what the review found."""

    id: str
    patient_ref: str
    doctor: Words
    reason: str
    opened_at: datetime
    until_at: datetime
    is_open: bool
    verdict: str
    reviewed_at: datetime | None
    words: str = ""
    note: str = ""


@dataclass(frozen=True)
class Review:
    """An emergency as an auditor judges it: without whose record it was. `looks` are what was opened on it."""

    id: str
    doctor: Words
    clinic: Words
    reason: str
    opened_at: datetime
    until_at: datetime
    ended_at: datetime | None
    is_open: bool
    verdict: str
    words: str = ""
    note: str = ""
    looks: tuple[Look, ...] = ()


# The doctor


def open_by_document(
    session: Session,
    actor: Actor,
    kind: DocumentKind,
    country: str,
    number: str,
    reason: Reason,
    words: str,
    now: datetime,
) -> str:
    """Open the record of the person whose document this is, for as long as the clinic's rule says; return the emergency's id.

    The same doctor's second press finds the one that is under way. Raises NotAllowed, NoSuchPerson, NotNeeded.
    """
    rights.break_glass(actor, "", now)
    patient_ref = people.find_by_document(session, kind, country, number)
    if patient_ref is None:
        raise NoSuchPerson()
    known = _under_way(session, actor, patient_ref, now)
    if known is not None:
        return known.id
    if _reads_all(session, actor, patient_ref, now):
        raise NotNeeded(about=patient_ref)
    clinic = session.get_one(Clinic, min(actor.clinics))
    minutes = clinics.break_glass_rule_of(clinic.rules).minutes
    row = BreakGlass(
        id=new_ref(),
        patient_ref=patient_ref,
        clinician_ref=str(actor.ref),
        clinic_id=clinic.id,
        reason=reason.value,
        opened_at=now,
        until_at=now + timedelta(minutes=minutes),
        ended_at=None,
        verdict=None,
        reviewed_at=None,
        reviewed_by=None,
    )
    seal_next(session, row, {"words": words, "note": ""})
    events.record(
        session, "break_glass.opened", actor, now, subject=patient_ref, objects=[row],
        detail={"why": reason.value, "minutes": minutes}, purpose=PURPOSE, reason="break_glass",
    )  # fmt: skip
    return row.id


def _reads_all(session: Session, actor: Actor, patient_ref: str, now: datetime) -> bool:
    answer = rights.may_read(session, actor, patient_ref, now)
    return isinstance(answer, Grant) and answer.parts is None and answer.since_at is None


def _under_way(session: Session, actor: Actor, patient_ref: str, now: datetime) -> BreakGlass | None:
    rows = session.scalars(
        select(BreakGlass)
        .where(BreakGlass.clinician_ref == actor.ref, BreakGlass.patient_ref == patient_ref)
        .where(BreakGlass.until_at > now, BreakGlass.ended_at.is_(None))
    )
    return next(iter(rows), None)


def one_of_mine(session: Session, actor: Actor, emergency_id: str, now: datetime) -> Emergency:
    """Return an emergency of the actor's own, over or not. Raises NotFound."""
    row = session.get(BreakGlass, emergency_id)
    if row is None or row.clinician_ref != actor.ref:
        raise NotFound(about=row.patient_ref if row else None)
    who = identity.masked(session, [row.patient_ref], now).get(row.patient_ref)
    return Emergency(row.id, row.patient_ref, who, row.reason, row.opened_at, row.until_at, _is_open(row, now))


def mine(session: Session, actor: Actor, now: datetime) -> list[Emergency]:
    """Return the emergencies of the actor that are under way."""
    rows = session.scalars(
        select(BreakGlass)
        .where(BreakGlass.clinician_ref == actor.ref, BreakGlass.until_at > now, BreakGlass.ended_at.is_(None))
        .order_by(BreakGlass.opened_at.desc())
    ).all()
    return [one_of_mine(session, actor, row.id, now) for row in rows]


def end(session: Session, actor: Actor, emergency_id: str, now: datetime) -> None:
    """End an emergency before its time. Ending it again is no harm. Raises NotFound."""
    row = session.scalar(select(BreakGlass).where(BreakGlass.id == emergency_id).with_for_update())
    if row is None or row.clinician_ref != actor.ref:
        raise NotFound(about=row.patient_ref if row else None)
    if not _is_open(row, now):
        return
    row.ended_at = now
    seal_again(session, row)
    events.record(session, "break_glass.ended", actor, now, subject=row.patient_ref, objects=[row])


def require_open(session: Session, actor: Actor, emergency_id: str, now: datetime) -> Emergency:
    """Return an emergency of the actor's own that is under way. Raises NotFound, BreakGlassOver."""
    found = one_of_mine(session, actor, emergency_id, now)
    if not found.is_open:
        raise BreakGlassOver()
    return found


# The person


_FRESH = Prepared(
    select(BreakGlass.id)
    .join(Link, Link.patient_ref == BreakGlass.patient_ref)
    .where(Link.account_ref == bindparam("account"), Link.state == "active")
    .where((BreakGlass.opened_at > bindparam("since")) | (BreakGlass.reviewed_at > bindparam("since")))
    .limit(1)
)


def notices(session: Session, actor: Actor, now: datetime, *, within: timedelta = TOLD_FOR) -> list[Notice]:
    """Return the emergencies of the account's people that were opened or judged lately, the newest first; no words of theirs.

    The home page asks this every two seconds, and nearly always there is none: that much is one prepared look.
    """
    if _FRESH.first(session.connection(), account=actor.ref, since=now - within) is None:
        return []
    rows = session.execute(
        select(BreakGlass, Staff)
        .join(Link, Link.patient_ref == BreakGlass.patient_ref)
        .join(Staff, Staff.ref == BreakGlass.clinician_ref)
        .where(Link.account_ref == actor.ref, Link.state == "active")
        .where((BreakGlass.opened_at > now - within) | (BreakGlass.reviewed_at > now - within))
        .order_by(BreakGlass.opened_at.desc())
        .limit(LISTED)
    ).all()
    reached = dict(rights.reached(session, actor, now))
    return [
        _notice(row, doctor, now)
        for row, doctor in rows
        if row.patient_ref in reached and row.opened_at >= (reached[row.patient_ref] or row.opened_at)
    ]


def read_notice(session: Session, actor: Actor, emergency_id: str, now: datetime) -> Notice:
    """Return an emergency with the doctor's words and the auditor's note, to the person or who reads their record; what they
    say is of health, so that they were opened stands in the person's own log. Raises NotFound, NotAllowed."""
    row = session.get(BreakGlass, emergency_id)
    if row is None:
        raise NotFound()
    rights.read_parts(session, actor, row.patient_ref, now, recorded_at=row.opened_at)
    disclosure.opened(
        session, actor, "record.opened", row.patient_ref, [row], now, detail={"count": 1}, purpose="own_access"
    )
    payload = open_payload(session, row)[0]
    return _notice(row, session.get_one(Staff, row.clinician_ref), now, str(payload["words"]), str(payload["note"]))


# The auditor


def to_review(session: Session, actor: Actor, now: datetime) -> list[Review]:
    """Return emergencies, those that nobody judged first, the oldest of them at the top; none says whose. Raises NotAllowed."""
    rights.audit_events(actor, now)
    rows = session.scalars(
        select(BreakGlass)
        .order_by(BreakGlass.verdict.is_not(None), BreakGlass.reviewed_at.desc(), BreakGlass.opened_at)
        .limit(LISTED)
    )
    return [_review(session, row, now) for row in rows]


def open_review(session: Session, actor: Actor, emergency_id: str, now: datetime) -> Review:
    """Return an emergency with its words and what was opened on it, recording the disclosure. Raises NotFound, NotAllowed."""
    rights.audit_events(actor, now)
    row = session.get(BreakGlass, emergency_id)
    if row is None:
        raise NotFound()
    disclosure.opened(
        session, actor, "break_glass.read", row.patient_ref, [row], now, detail={}, purpose="audit_review"
    )
    payload = open_payload(session, row)[0]
    looks = audit_log.looks_by(session, row.clinician_ref, row.patient_ref, f"break_glass:{row.id}@", row.opened_at)
    return _review(session, row, now, str(payload["words"]), str(payload["note"]), looks)


def review(session: Session, actor: Actor, emergency_id: str, verdict: Verdict, note: str, now: datetime) -> None:
    """Judge an emergency, with a note that the person reads. One that was not justified and goes on is over at once. The same
    again is no harm.

    Raises NotFound, NotAllowed, AlreadyReviewed where it was judged otherwise.
    """
    rights.audit_events(actor, now)
    row = session.scalar(select(BreakGlass).where(BreakGlass.id == emergency_id).with_for_update())
    if row is None:
        raise NotFound()
    if row.verdict == verdict.value:
        return
    if row.verdict is not None:
        raise AlreadyReviewed(about=row.patient_ref)
    payload = open_payload(session, row)[0]
    row.verdict, row.reviewed_at, row.reviewed_by = verdict.value, now, actor.ref
    if verdict is Verdict.UNJUSTIFIED and _is_open(row, now):
        row.ended_at = now
    seal_next(session, row, {**payload, "note": note})
    events.record(
        session, "break_glass.reviewed", actor, now, subject=row.patient_ref, objects=[row],
        detail={"verdict": verdict.value}, purpose="audit_review",
    )  # fmt: skip


# Private


def _is_open(row: BreakGlass, now: datetime) -> bool:
    return row.ended_at is None and row.opened_at <= now < row.until_at


def _notice(row: BreakGlass, doctor: Staff, now: datetime, words: str = "", note: str = "") -> Notice:
    return Notice(
        id=row.id,
        patient_ref=row.patient_ref,
        doctor=Words(doctor.name_zh, doctor.name_en),
        reason=row.reason,
        opened_at=row.opened_at,
        until_at=row.ended_at or row.until_at,
        is_open=_is_open(row, now),
        verdict=row.verdict or "",
        reviewed_at=row.reviewed_at,
        words=words,
        note=note,
    )


def _review(
    session: Session, row: BreakGlass, now: datetime, words: str = "", note: str = "", looks: Sequence[Look] = ()
) -> Review:
    doctor, clinic = session.get_one(Staff, row.clinician_ref), session.get_one(Clinic, row.clinic_id)
    return Review(
        id=row.id,
        doctor=Words(doctor.name_zh, doctor.name_en),
        clinic=Words(clinic.name_zh, clinic.name_en),
        reason=row.reason,
        opened_at=row.opened_at,
        until_at=row.until_at,
        ended_at=row.ended_at,
        is_open=_is_open(row, now),
        verdict=row.verdict or "",
        words=words,
        note=note,
        looks=tuple(looks),
    )
