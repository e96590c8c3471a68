"""When and how people check in: rules of a clinic, of a department that has its own, and of the clinic's fence. An admin changes
them, each change an event; the next check-in goes by them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import places, rule_bounds
from app.domain.actor import Actor
from app.domain.checkin import WindowRule, format_window
from app.domain.errors import NotFound
from app.domain.places import Fence
from app.models import Clinic, Department
from app.services import events, rights
from app.services.clinics import Words, check_in_rule_of, format_rules, rules_of


@dataclass(frozen=True)
class RuleView:
    """Whose rule (`department_id` "" is the clinic's) and what it says. `is_own`: not merely the clinic's."""

    clinic_id: str
    department_id: str
    name: Words
    rule: WindowRule
    is_own: bool


@dataclass(frozen=True)
class ClinicRulesView:
    """A clinic's rule, those of its departments, and its fence."""

    clinic: RuleView
    departments: tuple[RuleView, ...]
    fence: Fence | None


def all_of(session: Session, clinic_ids: Iterable[str]) -> list[ClinicRulesView]:
    """Return the rules of these clinics."""
    found = session.scalars(select(Clinic).where(Clinic.id.in_(set(clinic_ids))).order_by(Clinic.id))
    return [_view(session, clinic) for clinic in found]


def one_of(session: Session, actor: Actor, clinic_id: str, department_id: str = "") -> RuleView:
    """Return the rule that a clinic or a department goes by now. Raises NotFound."""
    view = _view(session, clinic_of(session, actor, clinic_id))
    if not department_id:
        return view.clinic
    found = next((one for one in view.departments if one.department_id == department_id), None)
    if found is None:
        raise NotFound()
    return found


def change_window(
    session: Session, actor: Actor, clinic_id: str, department_id: str, rule: WindowRule | None, now: datetime
) -> None:
    """Change the rule of a clinic, or of a department (None: it goes by the clinic's again). Raises NotFound, NotAllowed."""
    rights.manage_staff(actor, now)
    clinic = clinic_of(session, actor, clinic_id)
    if department_id:
        department = session.get(Department, department_id)
        if department is None or department.clinic_id != clinic.id:
            raise NotFound()
        before = check_in_rule_of(clinic.rules, department.check_in)
        department.check_in = None if rule is None else format_window(rule)
        after, of = check_in_rule_of(clinic.rules, department.check_in), department.name_zh
    else:
        rules = rules_of(clinic)
        before, after, of = rules.check_in, rule or WindowRule(), clinic.name_zh
        clinic.rules = {**clinic.rules, **format_rules(replace(rules, check_in=after))}
    said = rule_bounds.changed(format_window(before), format_window(after))
    detail = {"rule": "check_in_window", "of": of, "before": said[0], "after": said[1]}
    events.record(session, "rules.changed", actor, now, detail=detail)


def change_fence(session: Session, actor: Actor, clinic_id: str, fence: Fence | None, now: datetime) -> None:
    """Draw the fence inside which phones may check in, or take it away. Raises NotFound, NotAllowed."""
    rights.manage_staff(actor, now)
    clinic = clinic_of(session, actor, clinic_id)
    known = rules_of(clinic).place
    clinic.rules = {**clinic.rules, "place": places.format_fence(fence)}
    # How far, and not where: no receipt holds a coordinate, a clinic's neither.
    detail = {"rule": "check_in_place", "of": clinic.name_zh, "before": _reach(known), "after": _reach(fence)}
    events.record(session, "rules.changed", actor, now, detail=detail)


def fence_of(session: Session, actor: Actor, clinic_id: str) -> Fence | None:
    return rules_of(clinic_of(session, actor, clinic_id)).place


def clinic_of(session: Session, actor: Actor, clinic_id: str) -> Clinic:
    """Return a clinic of the actor's own. Raises NotFound."""
    clinic = session.get(Clinic, clinic_id)
    if clinic is None or clinic_id not in actor.clinics:
        raise NotFound()
    return clinic


def _reach(fence: Fence | None) -> str:
    return "-" if fence is None else f"radius_m={fence.radius_m} accuracy_max_m={fence.accuracy_max_m}"


def _view(session: Session, clinic: Clinic) -> ClinicRulesView:
    rules = rules_of(clinic)
    departments = session.scalars(
        select(Department).where(Department.clinic_id == clinic.id).order_by(Department.position, Department.id)
    )
    return ClinicRulesView(
        RuleView(clinic.id, "", Words(clinic.name_zh, clinic.name_en), rules.check_in, is_own=True),
        tuple(
            RuleView(
                clinic.id, row.id, Words(row.name_zh, row.name_en), check_in_rule_of(clinic.rules, row.check_in),
                is_own=row.check_in is not None,
            )
            for row in departments
        ),
        rules.place,
    )  # fmt: skip
