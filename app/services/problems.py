"""A person's problems and immunizations: written by whoever treats, changed by whoever treats, every version kept."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from sqlalchemy.orm import Session

from app.domain import problems as rules
from app.domain.actor import Actor
from app.domain.calendar import hospital_day, instant
from app.domain.errors import NotFound
from app.domain.ids import new_ref
from app.models import Immunization, Problem
from app.services import disclosure, events, records, rights
from app.services.sealing import open_payload, seal_next


def record_problem(session: Session, actor: Actor, visit_id: str, payload: dict[str, Any], now: datetime) -> str:
    """Write a problem into a person's list; return its id. `payload` is `domain.problems.problem`'s.

    Raises NotFound, NotAllowed, VisitClosed.
    """
    visit = records.visit_for_writing(session, actor, visit_id, now)
    row = Problem(
        id=new_ref(), patient_ref=visit.patient_ref, visit_id=visit.id, status="active", recorded_at=now, changed_at=now,
        author_ref=actor.ref, source="here",
    )  # fmt: skip
    seal_next(session, row, payload)
    _say(session, actor, "problem.recorded", row, now)
    return row.id


def change_problem(
    session: Session, actor: Actor, visit_id: str, problem_id: str, status: str, until: str, now: datetime
) -> None:
    """Give a problem another status while the person is here. What it was before stays as a version of its own.

    Raises BadInput (`status`, `until`), NothingNew, NotFound (also for somebody else's problem), NotAllowed, VisitClosed.
    """
    visit = records.visit_for_writing(session, actor, visit_id, now)
    row = session.get(Problem, problem_id)
    if row is None or row.patient_ref != visit.patient_ref:
        raise NotFound()
    payload = rules.ended(open_payload(session, row)[0], status, until, hospital_day(now))
    if row.status == status:
        raise rules.NothingNew()
    row.status, row.changed_at, row.author_ref = status, now, actor.ref
    seal_next(session, row, payload)
    _say(session, actor, "problem.changed", row, now)


def record_immunization(
    session: Session, actor: Actor, visit_id: str, payload: dict[str, Any], given_on: date, now: datetime
) -> str:
    """Write down a vaccination of `given_on`, here or elsewhere; return its id. `payload` is `domain.problems.immunization`'s.

    Raises NotFound, NotAllowed, VisitClosed.
    """
    visit = records.visit_for_writing(session, actor, visit_id, now)
    given_at = now if given_on == hospital_day(now) else instant(given_on, time(0))
    row = Immunization(
        id=new_ref(), patient_ref=visit.patient_ref, visit_id=visit.id, status="completed", given_at=given_at,
        recorded_at=now, author_ref=actor.ref, source="here",
    )  # fmt: skip
    seal_next(session, row, payload)
    _say(session, actor, "immunization.recorded", row, now)
    return row.id


def _say(session: Session, actor: Actor, event_type: str, row: Problem | Immunization, now: datetime) -> None:
    """Record the writing. Who writes has seen it: the page that shows it next opens nothing new."""
    session.flush()
    with rights.concerning(row.patient_ref):
        event = events.record(session, event_type, actor, now, subject=row.patient_ref, objects=[row])
        disclosure.mark_seen(session, actor, "record.opened", row.patient_ref, [row], event.id, now)
