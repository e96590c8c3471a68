"""Laboratory orders: placed and cancelled, and the result opened by the doctor where the doctor is first to see it.

What the laboratory does with an order is in `lab`. Who acts on an order has it before them, which the act's event says (A4).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import orders as rules
from app.domain.actor import Actor
from app.domain.calendar import hospital_day
from app.domain.errors import BadInput, NotFound
from app.domain.ids import new_ref
from app.domain.orders import OrderMoved, State
from app.models import ClinicalRecord, ClinicSession, LabDay, LabOrder, Visit
from app.services import disclosure, events, records, results, rights
from app.services.sealing import open_payload, seal_next


def place(session: Session, actor: Actor, visit_id: str, codes: list[str], now: datetime) -> str:
    """Order panels for a visit in progress; return the order's id.

    Raises BadInput, NotFound, NotAllowed, VisitClosed.
    """
    panels = rules.parse_panels(codes)
    visit = records.visit_for_writing(session, actor, visit_id, now)
    sitting = session.get_one(ClinicSession, visit.session_id)
    day_on = hospital_day(now)
    order = LabOrder(
        id=new_ref(), patient_ref=visit.patient_ref, visit_id=visit.id, clinic_id=sitting.clinic_id, day_on=day_on,
        number=_next_number(session, sitting.clinic_id, day_on), state=State.ORDERED.value, ordered_by=str(actor.ref),
        ordered_at=now, changed_at=now,
    )  # fmt: skip
    seal_next(session, order, {"panels": [panel.code for panel in panels]})
    record_act(session, actor, "order.placed", order, [order], now, {})
    return order.id


def release(session: Session, actor: Actor, order_id: str, now: datetime) -> str:
    """Let the person see a result that waits for the doctor to be first; return the visit's id. Pressing again changes nothing.

    Raises NotFound, NotAllowed, OrderMoved where there is no result.
    """
    order = _own_order(session, actor, order_id, now)
    if order.report_id is None:
        raise OrderMoved(about=order.patient_ref, state=order.state)
    changed = []
    for row in report_rows(session, order.report_id):
        content = open_payload(session, row)[0]
        if results.is_held(content, now):
            seal_next(session, row, {**content, "shown_from": now.isoformat()})
            changed.append(row)
    if changed:
        record_act(session, actor, "report.released", order, changed, now, {})
    return order.visit_id


def cancel(session: Session, actor: Actor, order_id: str, reason: str, now: datetime) -> str:
    """Cancel an order without a result, by its doctor or the laboratory; return the visit's id.

    Raises BadInput, NotFound, NotAllowed, OrderMoved.
    """
    if reason not in rules.CANCEL_REASONS:
        raise BadInput("reason")
    order = (_own_order if actor.role == "doctor" else order_at_lab)(session, actor, order_id, now)
    move(order, State.CANCELLED, now)
    seal_next(session, order, {**open_payload(session, order)[0], "reason": reason})
    by = "doctor" if actor.role == "doctor" else "lab"
    record_act(session, actor, "order.cancelled", order, [order], now, {"by": by})
    return order.visit_id


# For the laboratory's verbs too


def record_act(
    session: Session,
    actor: Actor,
    event_type: str,
    order: LabOrder,
    rows: Sequence[Any],
    now: datetime,
    detail: dict[str, Any],
) -> None:
    """Record an act on an order. Who acts has the order before them: the page that shows it next opens nothing new."""
    session.flush()
    event = events.record(
        session, event_type, actor, now, subject=order.patient_ref, objects=rows,
        detail={"sample": rules.format_sample(order.number), **detail},
    )  # fmt: skip
    disclosure.mark_seen(session, actor, "record.opened", order.patient_ref, rows, event.id, now)


def move(order: LabOrder, new: State, now: datetime) -> None:
    """Take an order to its next state; the caller seals it. Raises OrderMoved."""
    rules.require_move(State(order.state), new)
    order.state = new.value
    order.changed_at = now


def report_rows(session: Session, report_id: str) -> list[ClinicalRecord]:
    """Return a report's row, then its observations'."""
    query = select(ClinicalRecord).where((ClinicalRecord.id == report_id) | (ClinicalRecord.report_id == report_id))
    return list(session.scalars(query.order_by(ClinicalRecord.kind.desc(), ClinicalRecord.id)))


def order_at_lab(session: Session, actor: Actor, order_id: str, now: datetime) -> LabOrder:
    """Return an order of the actor's own laboratory, locked. Raises NotFound, NotAllowed."""
    order = session.scalar(select(LabOrder).where(LabOrder.id == order_id).with_for_update())
    if order is None:
        raise NotFound()
    rights.work_lab(actor, order.clinic_id, order.patient_ref, now)
    return order


# Private


def _next_number(session: Session, clinic_id: str, day_on: date) -> int:
    counter = session.scalar(
        select(LabDay).where(LabDay.clinic_id == clinic_id, LabDay.day_on == day_on).with_for_update()
    )
    if counter is None:
        counter = LabDay(clinic_id=clinic_id, day_on=day_on, last_number=0)
        session.add(counter)
    counter.last_number += 1
    return counter.last_number


def _own_order(session: Session, actor: Actor, order_id: str, now: datetime) -> LabOrder:
    order = session.scalar(select(LabOrder).where(LabOrder.id == order_id).with_for_update())
    visit = session.get(Visit, order.visit_id) if order else None
    if order is None or visit is None or visit.clinician_ref != actor.ref:
        raise NotFound(about=order.patient_ref if order else None)
    rights.write_health(session, actor, order.patient_ref, now)
    return order
