"""What a doctor may read of people whom they do not treat: who lets them, and that part of the record (A1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.access import Denial, Grant
from app.domain.actor import Actor
from app.domain.errors import NotAllowed, NotFound
from app.domain.permits import GrantOver
from app.models import Permit, Visit
from app.services import identity, records, rights, summary, timeline
from app.services.chart import Chart, History, VisitLine
from app.services.identity import Masked
from app.services.summary import Summary
from app.services.timeline import Page


@dataclass(frozen=True)
class ReadableLine:
    """Somebody whose record the doctor may read now, masked, and the grant."""

    patient_ref: str
    who: Masked | None
    grant: Grant


@dataclass(frozen=True)
class GrantedRecord:
    """A record as far as the grant goes."""

    patient_ref: str
    who: Masked | None
    grant: Grant
    history: History
    known: Summary


def readable(session: Session, actor: Actor, now: datetime) -> list[ReadableLine]:
    """Return whose records the actor may read, and on which grant each; nobody else is listed."""
    found = rights.readable_people(session, actor, now)
    people = identity.masked(session, [ref for ref, _grant in found], now)
    return [ReadableLine(ref, people.get(ref), grant) for ref, grant in found]


def open_granted(session: Session, actor: Actor, patient_ref: str, now: datetime) -> GrantedRecord:
    """Return the record as far as the actor may read it, recording the disclosure with what it rests on.

    Raises NotFound, NotAllowed, GrantOver.
    """
    _require_not_over(session, actor, patient_ref, now)
    history = records.open_history(session, actor, patient_ref, now)
    known = summary.open_summary(session, actor, patient_ref, now)
    grant = rights.granted(session, actor, patient_ref)
    if grant is None:  # open_history asked, or it would have raised
        raise NotAllowed(about=patient_ref)
    return GrantedRecord(patient_ref, masked(session, patient_ref, now), grant, history, known)


def open_days(session: Session, actor: Actor, patient_ref: str, now: datetime, *, after: str = "") -> Page:
    """Return a page of the days that the grant includes; the visits on it, whose days and departments tell something, are
    recorded as opened. Raises NotFound, NotAllowed, GrantOver."""
    _require_not_over(session, actor, patient_ref, now)
    page = timeline.page(session, actor, patient_ref, now, after=after)
    listed = [line.id for _day_on, line in page.lines if isinstance(line, VisitLine)]
    rows = session.scalars(select(Visit).where(Visit.id.in_(listed)).order_by(Visit.id)).all()
    records.disclose(session, actor, patient_ref, rows, now)
    return page


def open_visit(session: Session, actor: Actor, patient_ref: str, visit_id: str, now: datetime) -> Chart:
    """Return one visit of a person as far as the grant goes, and record that it was opened. Raises NotFound, NotAllowed,
    GrantOver."""
    _require_not_over(session, actor, patient_ref, now)
    return _of(patient_ref, records.open_visit(session, actor, visit_id, now))


def open_day(session: Session, actor: Actor, patient_ref: str, record_id: str, now: datetime) -> Chart:
    """Return what stands beside visits on the day of a record, as far as the grant goes, and record that it was opened.

    Raises NotFound, NotAllowed, GrantOver.
    """
    _require_not_over(session, actor, patient_ref, now)
    return _of(patient_ref, records.open_others(session, actor, record_id, now))


def _of(patient_ref: str, chart: Chart) -> Chart:
    if chart.patient_ref != patient_ref:
        raise NotFound()  # an address that somebody put together: what it opened is undone
    return chart


def is_over(session: Session, actor: Actor, patient_ref: str, now: datetime) -> bool:
    """Tell whether the actor was let read once, and is not any more. For a page that lay open and closes, which is nobody's
    attempt: it leaves no refusal."""
    denied = isinstance(rights.may_read(session, actor, patient_ref, now), Denial)
    return denied and _was_let(session, actor, patient_ref, now)


def _require_not_over(session: Session, actor: Actor, patient_ref: str, now: datetime) -> None:
    if is_over(session, actor, patient_ref, now):
        raise GrantOver(about=patient_ref)


def standing(session: Session, actor: Actor, patient_ref: str, now: datetime) -> Grant | None:
    """Return the grant on which a page that lies open goes on, or None: it has to close. Leaves no refusal: nobody asked."""
    answer = rights.may_read(session, actor, patient_ref, now)
    return answer if isinstance(answer, Grant) else None


def masked(session: Session, patient_ref: str, now: datetime) -> Masked | None:
    """Return who it is, masked, for whoever may read of them."""
    return identity.masked(session, [patient_ref], now).get(patient_ref)


def _was_let(session: Session, actor: Actor, patient_ref: str, now: datetime) -> bool:
    departments = rights.departments_of(session, str(actor.ref), now)
    meant = (Permit.clinician_ref == actor.ref) | Permit.department_id.in_(departments)
    known = session.scalars(select(Permit.id).where(Permit.patient_ref == patient_ref, meant).limit(1)).first()
    return actor.role == "doctor" and known is not None
