"""Corrections (更正): asked for by the person, opened and answered at the desk or by an admin, each time with a reason that the
person reads (PIPL, article 46). What is amended is amended where it stands, by whoever may write there; the answer says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.domain.ids import new_ref
from app.domain.retention import MOST_CORRECTION_CHARACTERS, About, Answer, CorrectionClosed
from app.models import Appointment, Clinic, Correction
from app.services import disclosure, events, identity, rights
from app.services.identity import Masked
from app.services.sealing import open_payload, seal_next

LISTED = 100


@dataclass(frozen=True)
class CorrectionView:
    """A correction as the desk's list shows it: masked, without what was written. `state`: open, amended, refused."""

    id: str
    patient_ref: str
    clinic_id: str
    who: Masked | None
    about: str
    state: str
    asked_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True)
class OpenedCorrection:
    """A correction with its words: for the person, and for whoever answers, whose look is recorded."""

    correction: CorrectionView
    wrong: str
    right: str
    answer: str
    reason: str


def ask(session: Session, actor: Actor, patient_ref: str, about: About, wrong: str, right: str, now: datetime) -> str:
    """Ask for a correction and return its id. It goes to the clinic where the person was last. Raises NotFound, NotAllowed."""
    rights.see_health(session, actor, patient_ref, now)
    clinic_id = session.scalar(
        select(Appointment.clinic_id)
        .where(Appointment.patient_ref == patient_ref)
        .order_by(Appointment.starts_at.desc())
        .limit(1)
    ) or session.scalar(select(Clinic.id).order_by(Clinic.id).limit(1))
    if clinic_id is None:
        raise NotFound()
    row = Correction(
        id=new_ref(), patient_ref=patient_ref, account_ref=actor.ref, clinic_id=clinic_id, about=about.value, state="open",
        asked_at=now, decided_at=None, decided_by=None,
    )  # fmt: skip
    most = MOST_CORRECTION_CHARACTERS
    seal_next(session, row, {"wrong": wrong[:most], "right": right[:most]})
    detail = {"about": about.value}
    events.record(session, "correction.asked", actor, now, subject=patient_ref, objects=[row], detail=detail)
    return row.id


def of_people(session: Session, actor: Actor, now: datetime) -> list[OpenedCorrection]:
    """Return what the account's people asked and were answered, the newest first: their own words, so no disclosure."""
    refs = [ref for ref, _ in rights.reached(session, actor, now)]
    rows = session.scalars(
        select(Correction).where(Correction.patient_ref.in_(refs)).order_by(Correction.asked_at.desc()).limit(LISTED)
    ).all()
    mine = [row for row in rows if row.account_ref == actor.ref]
    return [_opened(session, row, None) for row in mine]


def in_clinic(session: Session, actor: Actor, clinic_id: str, now: datetime) -> list[CorrectionView]:
    """Return a clinic's corrections, masked: the open ones first. Raises NotAllowed, NotFound."""
    _require_may_answer(actor, clinic_id, now)
    rows = session.scalars(
        select(Correction)
        .where(Correction.clinic_id == clinic_id)
        .order_by(Correction.state != "open", Correction.asked_at.desc())
        .limit(LISTED)
    ).all()
    return _views(session, rows, now)


def open_one(session: Session, actor: Actor, correction_id: str, now: datetime) -> OpenedCorrection:
    """Return a correction with its words, recording the disclosure. Raises NotFound, NotAllowed."""
    row = _row(session, correction_id)
    _require_may_answer(actor, row.clinic_id, now)
    found = _opened(session, row, _views(session, [row], now)[0])
    disclosure.opened(session, actor, "correction.opened", row.patient_ref, [row], now, detail={}, purpose="correction")
    return found


def answer(session: Session, actor: Actor, correction_id: str, said: Answer, reason: str, now: datetime) -> str:
    """Answer a correction and return its clinic; the same answer again is no harm.

    Raises NotFound, NotAllowed, CorrectionClosed for one that was answered otherwise.
    """
    row = session.scalar(select(Correction).where(Correction.id == correction_id).with_for_update())
    if row is None:
        raise NotFound()
    _require_may_answer(actor, row.clinic_id, now)
    payload = open_payload(session, row)[0]
    if row.state != "open":
        if payload.get("answer") == said.value:
            return row.clinic_id
        raise CorrectionClosed(about=row.patient_ref)
    row.state = "amended" if said is Answer.AMENDED else "refused"
    row.decided_at, row.decided_by = now, actor.ref
    seal_next(session, row, {**payload, "answer": said.value, "reason": reason[:MOST_CORRECTION_CHARACTERS]})
    detail = {"about": row.about, "answer": said.value}
    events.record(session, "correction.answered", actor, now, subject=row.patient_ref, objects=[row], detail=detail)
    return row.clinic_id


# Private


def _row(session: Session, correction_id: str) -> Correction:
    row = session.get(Correction, correction_id)
    if row is None:
        raise NotFound()
    return row


def _require_may_answer(actor: Actor, clinic_id: str, now: datetime) -> None:
    if actor.role == "admin":
        rights.manage_staff(actor, now)
        if clinic_id not in actor.clinics:
            raise NotFound()
    else:
        rights.run_desk(actor, clinic_id, now)


def _opened(session: Session, row: Correction, view: CorrectionView | None) -> OpenedCorrection:
    payload = open_payload(session, row)[0]
    words = [str(payload.get(name, "")) for name in ("wrong", "right", "answer", "reason")]
    return OpenedCorrection(view or _view(row, None), *words)


def _views(session: Session, rows: Sequence[Correction], now: datetime) -> list[CorrectionView]:
    people = identity.masked(session, [row.patient_ref for row in rows], now)
    return [_view(row, people.get(row.patient_ref)) for row in rows]


def _view(row: Correction, who: Masked | None) -> CorrectionView:
    return CorrectionView(
        row.id, row.patient_ref, row.clinic_id, who, row.about, row.state, row.asked_at, row.decided_at
    )
