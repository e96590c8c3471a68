"""Appeals against strikes: made by the person, opened and decided at the clinic's desk or by its admin, each time with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import strikes as rules
from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.domain.ids import new_ref
from app.domain.strikes import AppealClosed, AppealReason, DecisionReason
from app.models import Appeal, Appointment, ClinicSession, Department, Strike, Ticket
from app.services import disclosure, events, evidence, identity, rights
from app.services.clinics import Words
from app.services.evidence import Evidence
from app.services.identity import Masked
from app.services.sealing import open_payload, seal_next


@dataclass(frozen=True)
class AppealView:
    """An appeal as a list shows it: masked, without what was written. `state`: open, upheld, denied."""

    id: str
    patient_ref: str
    who: Masked | None
    state: str
    kind: str
    made_at: datetime
    decided_at: datetime | None
    starts_at: datetime
    department: Words


@dataclass(frozen=True)
class OpenedAppeal:
    """An appeal with its words, and the evidence that it speaks of."""

    appeal: AppealView
    reason: str
    words: str
    decision: str
    checked_in: bool
    late_minutes: int
    is_stopped: bool
    evidence: Evidence


def appeal(session: Session, actor: Actor, strike_id: str, reason: AppealReason, words: str, now: datetime) -> None:
    """Appeal against a strike, once. Appealing again with one open is no harm. Raises NotFound, AppealClosed."""
    strike = session.scalar(select(Strike).where(Strike.id == strike_id).with_for_update())
    if strike is None:
        raise NotFound()
    rights.act_for(session, actor, strike.patient_ref, now)
    known = session.scalar(select(Appeal).where(Appeal.strike_id == strike_id))
    if known is not None and known.state == "open":
        return
    if known is not None or strike.state != "standing" or now >= strike.expires_at:
        raise AppealClosed(about=strike.patient_ref)
    row = Appeal(
        id=new_ref(),
        patient_ref=strike.patient_ref,
        clinic_id=strike.clinic_id,
        strike_id=strike.id,
        state="open",
        made_at=now,
        decided_at=None,
        decided_by=None,
    )
    seal_next(session, row, {"reason": reason.value, "words": words[: rules.MOST_APPEAL_CHARACTERS]})
    events.record(session, "appeal.made", actor, now, subject=row.patient_ref, objects=[row])


def appeals_in(session: Session, actor: Actor, clinic_id: str, now: datetime) -> list[AppealView]:
    """Return the clinic's appeals, masked: the open ones by time, then the latest decided. Raises NotAllowed, NotFound."""
    _require_may_decide(actor, clinic_id, now)
    return _views(session, Appeal.clinic_id == clinic_id, now)


def open_appeal(session: Session, actor: Actor, appeal_id: str, now: datetime) -> OpenedAppeal:
    """Return an appeal with its words, recording the disclosure. Raises NotFound, NotAllowed."""
    row = session.get(Appeal, appeal_id)
    if row is None:
        raise NotFound()
    _require_may_decide(actor, row.clinic_id, now)
    payload = open_payload(session, row)[0]
    disclosure.opened(session, actor, "appeal.opened", row.patient_ref, [row], now, detail={}, purpose="appeal")
    strike = session.get_one(Strike, row.strike_id)
    kept = session.get_one(Appointment, strike.appointment_id)
    sitting = session.get_one(ClinicSession, kept.session_id)
    return OpenedAppeal(
        appeal=_views(session, Appeal.id == appeal_id, now)[0],
        reason=str(payload.get("reason", "")),
        words=str(payload.get("words", "")),
        decision=str(payload.get("decision", "")),
        checked_in=strike.kind == "no_show" and _came(session, kept.id),
        late_minutes=sitting.late_minutes or 0,
        is_stopped=sitting.stopped_at is not None,
        evidence=evidence.of_strike(session, strike.id),
    )


def decide(session: Session, actor: Actor, appeal_id: str, reason: DecisionReason, now: datetime) -> str:
    """Uphold or deny an appeal, as its reason says, and return its clinic; an upheld one lifts the strike. Deciding the same
    again is no harm.

    Raises NotFound, NotAllowed, AppealClosed for one that was decided otherwise.
    """
    row = session.scalar(select(Appeal).where(Appeal.id == appeal_id).with_for_update())
    if row is None:
        raise NotFound()
    _require_may_decide(actor, row.clinic_id, now)
    state = "upheld" if reason in rules.UPHELD_FOR else "denied"
    if row.state == state:
        return row.clinic_id
    if row.state != "open":
        raise AppealClosed(about=row.patient_ref)
    payload = open_payload(session, row)[0]
    row.state, row.decided_at, row.decided_by = state, now, actor.ref
    seal_next(session, row, {**payload, "decision": reason.value})
    strike = session.get_one(Strike, row.strike_id)
    objects: list[Appeal | Strike] = [row]
    if state == "upheld":
        strike.state = "lifted"
        seal_next(session, strike)
        objects.append(strike)
    events.record(
        session, f"appeal.{state}", actor, now, subject=row.patient_ref, objects=objects, detail={"why": reason.value}
    )
    return row.clinic_id


# Private


def _require_may_decide(actor: Actor, clinic_id: str, now: datetime) -> None:
    if actor.role == "admin":
        rights.manage_staff(actor, now)
        if clinic_id not in actor.clinics:
            raise NotFound()
    else:
        rights.run_desk(actor, clinic_id, now)


def _came(session: Session, appointment_id: str) -> bool:
    return session.scalar(select(Ticket.id).where(Ticket.appointment_id == appointment_id)) is not None


def _views(session: Session, which, now: datetime) -> list[AppealView]:  # type: ignore[no-untyped-def]
    rows = session.execute(
        select(Appeal, Strike, Appointment, Department)
        .join(Strike, Strike.id == Appeal.strike_id)
        .join(Appointment, Appointment.id == Strike.appointment_id)
        .join(ClinicSession, ClinicSession.id == Appointment.session_id)
        .join(Department, Department.id == ClinicSession.department_id)
        .where(which)
        .order_by(Appeal.state != "open", Appeal.made_at.desc(), Appeal.id)
        .limit(100)
    ).all()
    people = identity.masked(session, [row.patient_ref for row, *_ in rows], now)
    return [
        AppealView(
            id=row.id,
            patient_ref=row.patient_ref,
            who=people.get(row.patient_ref),
            state=row.state,
            kind=strike.kind,
            made_at=row.made_at,
            decided_at=row.decided_at,
            starts_at=kept.starts_at,
            department=Words(department.name_zh, department.name_en),
        )
        for row, strike, kept, department in rows
    ]
