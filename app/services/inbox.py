"""What came back to a doctor: results of the own orders and prescriptions that a pharmacist returned; everybody masked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import orders as rules
from app.domain.actor import Actor
from app.domain.clinical import Kind
from app.models import ClinicalRecord, LabOrder, Visit
from app.services import identity
from app.services.identity import Masked

LISTED = 50
SHOWN_FOR = timedelta(days=2)  # as long as a treating relation lasts at most


@dataclass(frozen=True)
class BackLine:
    """One thing that came back: of whom, masked; since when. `what` is returned, preliminary, final or amended."""

    visit_id: str
    what: str
    sample: str
    who: Masked | None
    since: datetime


def came_back(session: Session, actor: Actor, now: datetime) -> list[BackLine]:
    """Return what came back to the actor as a doctor, what waits for an answer first, then the newest."""
    returned = session.scalars(
        select(ClinicalRecord)
        .join(Visit, Visit.id == ClinicalRecord.visit_id)
        .where(Visit.clinician_ref == actor.ref, Visit.started_at > now - SHOWN_FOR)
        .where(ClinicalRecord.kind == Kind.PRESCRIPTION.value, ClinicalRecord.status == "returned")
        .limit(LISTED)
    ).all()
    signed = session.scalars(
        select(LabOrder)
        .where(LabOrder.ordered_by == actor.ref, LabOrder.changed_at > now - SHOWN_FOR)
        .where(LabOrder.state.in_([state.value for state in rules.SIGNED]))
        .order_by(LabOrder.changed_at.desc(), LabOrder.id)
        .limit(LISTED)
    ).all()
    people = identity.masked(session, {row.patient_ref for row in returned} | {row.patient_ref for row in signed}, now)
    return [
        *(
            BackLine(str(row.visit_id), "returned", "", people.get(row.patient_ref), row.effective_at or now)
            for row in returned
        ),
        *(
            BackLine(
                row.visit_id, row.state, rules.format_sample(row.number), people.get(row.patient_ref), row.changed_at
            )
            for row in signed
        ),
    ]
