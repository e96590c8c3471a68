"""A clinic's check-in window: data that an admin changes, each change an event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.models import Clinic
from app.services import events
from app.services.clinics import format_rules, rules_of


@dataclass(frozen=True)
class WindowView:
    """A clinic's window, and what it means for a visit at nine o'clock."""

    clinic_id: str
    name_zh: str
    name_en: str
    early_minutes: int
    late_minutes: int
    example_opens: str
    example_closes: str


def windows_of(session: Session, clinic_ids: Iterable[str]) -> list[WindowView]:
    views = []
    nine = datetime(2000, 1, 1, 9, 0)
    for clinic in session.scalars(select(Clinic).where(Clinic.id.in_(set(clinic_ids))).order_by(Clinic.id)):
        rule = rules_of(clinic).check_in
        opens, closes = nine - timedelta(minutes=rule.early_minutes), nine + timedelta(minutes=rule.late_minutes)
        views.append(
            WindowView(
                clinic.id, clinic.name_zh, clinic.name_en, rule.early_minutes, rule.late_minutes,
                opens.strftime("%H:%M"), closes.strftime("%H:%M"),
            )
        )  # fmt: skip
    return views


def change_window(
    session: Session, actor: Actor, clinic_id: str, early_minutes: int, late_minutes: int, now: datetime
) -> None:
    """Change a clinic's window; in force on the next check-in. Raises NotFound."""
    clinic = session.get(Clinic, clinic_id)
    if clinic is None or clinic_id not in actor.clinics:
        raise NotFound()
    rules = rules_of(clinic)
    window = replace(rules.check_in, early_minutes=early_minutes, late_minutes=late_minutes)
    clinic.rules = format_rules(replace(rules, check_in=window))
    events.record(session, "rules.changed", actor, now, detail={"rule": "check_in_window"})
