"""What can be booked: departments, days, doctors' sessions, slots. Nothing here is anybody's."""

from __future__ import annotations

from typing import Any

from app.services import clinics
from app.web.api import answers, bp, examples, forms
from app.web.api.operation import answer, operation
from app.web.house import house
from app.web.login import bearer_required
from app.web.transaction import reading


@bp.get("/departments")
@bearer_required
@operation(list[answers.Department], [examples.DEPARTMENT])
def departments() -> Any:
    """All departments, with what is free today and the first day that has anything."""
    with reading() as session:
        return answer(list[answers.Department], clinics.departments(session, house().clock()))


@bp.get("/departments/<department_id>/days")
@bearer_required
@operation(list[answers.Day], [examples.DAY])
def days(department_id: str) -> Any:
    """The days that are open for booking, today first."""
    with reading() as session:
        return answer(list[answers.Day], clinics.days(session, department_id, house().clock()))


@bp.get("/sessions")
@bearer_required
@operation(list[answers.Sitting], [examples.SITTING], asks=forms.SessionsQuery)
def sessions(query: forms.SessionsQuery) -> Any:
    """Who sits in a department on a day, the earliest first."""
    with reading() as session:
        clinics.department(session, query.department)
        found = clinics.doctors(session, query.department, query.day, house().clock())
        return answer(list[answers.Sitting], found)


@bp.get("/slots")
@bearer_required
@operation(list[answers.Slot], [examples.SLOT], asks=forms.SlotsQuery)
def slots(query: forms.SlotsQuery) -> Any:
    """The slots of a session on a day that have not begun."""
    with reading() as session:
        return answer(list[answers.Slot], clinics.slots(session, query.session, query.day, house().clock()))
