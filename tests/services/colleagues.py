"""A laboratory scientist and a pharmacist for a ward, and one of each from elsewhere."""

from __future__ import annotations

from app.domain.actor import SYSTEM, Actor
from app.services import planning, staff
from tests.fixtures_visit import Ward


def hire(ward: Ward, role: str, clinic_id: str = "") -> Actor:
    """Return a new member of staff as they act."""
    clinic_id = clinic_id or ward.clinic
    login = f"{role}-{clinic_id[:6]}"
    with ward.house.writing_session() as session:
        ref = staff.create(
            session, SYSTEM, ward.now, login=login, password_hash="none", name_zh="同事", name_en="Colleague", role=role,
            clinic_id=clinic_id,
        )  # fmt: skip
    return Actor("staff", ref, role, f"sitting-{login}", frozenset({clinic_id}))  # type: ignore[arg-type]


def elsewhere(ward: Ward, role: str) -> Actor:
    return hire(ward, role, ward.do(planning.create_clinic, SYSTEM, "东院", "East clinic"))
