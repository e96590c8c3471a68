"""Laboratory orders and signed versions as they are read: this opens their payloads, for those whose right was decided.

`orders` and `records` decide access and record the disclosure; what is opened here they name in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import orders as rules
from app.models import LabOrder, ReportVersion, Staff
from app.services.clinics import Words
from app.services.sealing import open_payload


@dataclass(frozen=True)
class OrderLine:
    """An order of a visit. `is_held`: there is a result, which the person who reads this does not see yet; it opens by
    itself at `opens_at`."""

    id: str
    sample: str
    state: str
    panels: tuple[Words, ...]
    samples: tuple[Words, ...]
    ordered_at: datetime
    collected_at: datetime | None
    report_id: str | None
    is_held: bool
    opens_at: datetime | None
    cancel_reason: Words | None


@dataclass(frozen=True)
class Changed:
    """One value that an amendment changed, as it was and as it is."""

    code: str
    name: Words
    unit: str
    old: Words
    new: Words


@dataclass(frozen=True)
class VersionLine:
    """One signature of a report: who signed what, when; of an amendment also why and what it changed."""

    number: int
    status: str
    at: datetime
    who: Words
    reason: Words | None
    changes: tuple[Changed, ...]
    note: str


def orders_of(session: Session, visit_ids: Iterable[str]) -> list[LabOrder]:
    """Return the orders of these visits, oldest first."""
    query = select(LabOrder).where(LabOrder.visit_id.in_(list(visit_ids)))
    return list(session.scalars(query.order_by(LabOrder.ordered_at, LabOrder.number)))


def versions_of(session: Session, report_ids: Iterable[str]) -> list[ReportVersion]:
    """Return the versions of these reports, oldest first."""
    query = select(ReportVersion).where(ReportVersion.report_id.in_(list(report_ids)))
    return list(session.scalars(query.order_by(ReportVersion.report_id, ReportVersion.number)))


def panels_of(session: Session, order: LabOrder) -> list[str]:
    """Return the codes of the panels that an order asks for."""
    return [str(code) for code in open_payload(session, order)[0]["panels"]]


def read_order(session: Session, order: LabOrder, held_until: dict[str, datetime]) -> OrderLine:
    """Return an order with its words. `held_until` names the reports that the reader does not see yet."""
    content = open_payload(session, order)[0]
    panels = [str(code) for code in content["panels"]]
    opens_at = held_until.get(order.report_id or "")
    reason = rules.CANCEL_REASONS.get(str(content.get("reason", "")))
    return OrderLine(
        id=order.id,
        sample=rules.format_sample(order.number),
        state=order.state,
        panels=tuple(Words(rules.PANELS[code].chinese, rules.PANELS[code].english) for code in panels),
        samples=tuple(Words(*rules.SAMPLES[kind]) for kind in rules.samples_of(panels)),
        ordered_at=order.ordered_at,
        collected_at=order.collected_at,
        report_id=order.report_id,
        is_held=opens_at is not None,
        opens_at=opens_at,
        cancel_reason=Words(*reason) if reason else None,
    )


def read_version(session: Session, row: ReportVersion, *, is_staff: bool) -> VersionLine:
    """Return one signed version with its words; the note is for staff."""
    content = open_payload(session, row)[0]
    signer = session.get(Staff, row.author_ref)
    reason = rules.AMEND_REASONS.get(str(content.get("reason", "")))
    return VersionLine(
        number=row.number,
        status=row.status,
        at=row.signed_at,
        who=Words(signer.name_zh, signer.name_en) if signer else Words("", ""),
        reason=Words(*reason) if reason else None,
        changes=tuple(_changed(one) for one in content.get("changes", ())),
        note=str(content.get("note", "")) if is_staff else "",
    )


def is_held(content: dict[str, Any], now: datetime) -> bool:
    """Say whether a report or a value of it is still for the doctor alone: the rule is `domain.orders.RELEASES`."""
    shown_from = content.get("shown_from")
    return shown_from is not None and datetime.fromisoformat(str(shown_from)) > now


def values_of(session: Session, row: ReportVersion) -> dict[str, str]:
    """Return the values of a version as they were typed, by the analyte's code."""
    return {str(code): str(value) for code, value in open_payload(session, row)[0]["values"].items()}


def _changed(one: dict[str, Any]) -> Changed:
    analyte = rules.ANALYTES[one["code"]]
    return Changed(
        analyte.code, Words(analyte.chinese, analyte.english), analyte.unit, shown(one["old"]), shown(one["new"])
    )


def shown(value: str) -> Words:
    """Return a value as it is printed: a choice in words, a number as it is."""
    return Words(*rules.CHOICES[value]) if value in rules.CHOICES else Words(value, value)
