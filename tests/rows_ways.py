"""The rows of the ways to check in, and of the rules about them: see tests/rows.py."""

from __future__ import annotations

from collections.abc import Mapping

from app.domain.checkin import WindowRule
from app.domain.places import Fence
from app.domain.rule_bounds import KINDS, format_typed, usual
from app.services import checkin, rules
from tests.rows import PERSON, Row
from tests.scene import Scene

Objects = Mapping[str, Mapping[str, str]]
PLACE = {"latitude": "31.2165", "longitude": "121.4737", "accuracy": "10"}
RULE = {"early_minutes": "45", "late_minutes": "20", "hard_close": "", "ways": ["venue", "own_code"], "do": "save"}
NUMBERS = {f"{group}-{key}": text for group in KINDS for key, text in format_typed(usual(group)).items()} | {
    "screen_names": "none"
}
FENCE = {"latitude": "31.216540", "longitude": "121.473701", "radius": "300", "accuracy": "100", "do": "save"}


def _fenced(scene: Scene) -> Objects:
    scene.ward.do(rules.change_fence, scene.actors["admin"], scene.ward.clinic, Fence(31_216_500, 121_473_700))
    return {}


def _of_its_own(scene: Scene) -> Objects:
    admin, ward = scene.actors["admin"], scene.ward
    ward.do(rules.change_window, admin, ward.clinic, ward.department, WindowRule(early_minutes=60))
    return {}


def _shown_code(scene: Scene) -> Objects:
    who = scene.ward.person()
    appointment = scene.ward.booked(who, scene.ward.pool)
    return {"": {"own_code": scene.ward.do(checkin.own_code_of, who.actor, appointment).text}}


ROWS = {
    "patient.take_place": Row(
        form=PLACE, prepare=_fenced, but={"b": 409, "former": 409, "claimant": 409}
    ),  # no visit today
    "patient.own_code": Row({"appointment_id": "$booked"}, **PERSON),
    "patient.own_code_now": Row({"appointment_id": "$booked"}, **PERSON),
    "screen.gate": Row(),
    "screen.take_code": Row(form={"code": "$own_code"}, prepare=_shown_code),
    "admin.rules": Row(),
    "admin.rule": Row({"clinic_id": "$clinic"}),
    "admin.change_rule": Row({"clinic_id": "$clinic"}, RULE),
    "admin.department_rule": Row({"clinic_id": "$clinic", "part_id": "$department"}),
    "admin.change_department_rule": Row(
        {"clinic_id": "$clinic", "part_id": "$department"}, {"do": "inherit"}, prepare=_of_its_own
    ),
    "admin.fence": Row({"clinic_id": "$clinic"}),
    "admin.numbers": Row({"clinic_id": "$clinic"}),
    "admin.change_numbers": Row({"clinic_id": "$clinic"}, {**NUMBERS, "strikes-count": "4", "do": "save"}),
    "admin.change_fence": Row({"clinic_id": "$clinic"}, FENCE),
}
