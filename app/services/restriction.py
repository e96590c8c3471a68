"""Records that are kept because law says so, and for nothing else (PIPL, article 47): which they are, and who may open one now."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.models import Erasure, Prepared, RestrictedOpening
from app.services.sealing import vault_of

_RESTRICTED = Prepared(
    select(Erasure.id).where(
        Erasure.patient_ref == bindparam("of"), Erasure.keep_until_on.is_not(None), Erasure.lifted_at.is_(None)
    )
)


def is_restricted(session: Session, patient_ref: str) -> bool:
    """Tell whether this person asked to be erased and law keeps the record still."""
    return _RESTRICTED.first(session.connection(), of=patient_ref) is not None


def blocks(session: Session, staff_ref: str, patient_ref: str, now: datetime) -> bool:
    """Tell whether a restriction stands between somebody of the staff and this record: no legal reason was given lately."""
    if not is_restricted(session, patient_ref):
        return False
    session.flush()
    opened = select(RestrictedOpening.id).where(
        RestrictedOpening.patient_ref == patient_ref,
        RestrictedOpening.staff_ref == staff_ref,
        RestrictedOpening.until_at > now,
    )
    return session.scalar(opened.limit(1)) is None


def welcome_back(session: Session, patient_ref: str) -> None:
    """Make the keys anew that an erasure destroyed, for a person who comes back: what was erased stays so."""
    if is_restricted(session, patient_ref):
        vault_of(session).welcome(patient_ref)
