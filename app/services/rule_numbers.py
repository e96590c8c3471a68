"""The numbers of a clinic's rules, what its screens show of a name, and where people wait for each room: read and changed by
its admin. Each rule that changes is an event of its own that says what it was and what it is; the next act goes by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import rule_bounds
from app.domain.actor import Actor
from app.models import Clinic, Room
from app.services import events, rights
from app.services.clinics import Words, format_rules, rules_of
from app.services.rules import clinic_of
from app.services.screens import NAMES

MOST_AREA = 20  # characters of an area's name: it stands on a phone and on the screen


@dataclass(frozen=True)
class RoomArea:
    """A room and where its people wait; both empty where the waiting room has no areas."""

    id: str
    name: Words
    area_zh: str
    area_en: str


@dataclass(frozen=True)
class Numbers:
    """A clinic's rules by group (see `rule_bounds`), what its screens show of a name, and its rooms."""

    clinic_id: str
    clinic: Words
    rules: Mapping[str, Any]
    screen_names: str
    rooms: tuple[RoomArea, ...]


def numbers_of(session: Session, actor: Actor, clinic_id: str, now: datetime) -> Numbers:
    """Return the numbers that a clinic goes by now. Raises NotFound, NotAllowed."""
    rights.manage_staff(actor, now)
    clinic = clinic_of(session, actor, clinic_id)
    rules = rules_of(clinic)
    return Numbers(
        clinic.id,
        Words(clinic.name_zh, clinic.name_en),
        {group: getattr(rules, group) for group in rule_bounds.KINDS},
        clinic.screen_names,
        tuple(
            RoomArea(row.id, Words(row.name_zh, row.name_en), row.area_zh or "", row.area_en or "")
            for row in _rooms(session, clinic)
        ),
    )


def change_numbers(
    session: Session,
    actor: Actor,
    clinic_id: str,
    rules: Mapping[str, Any],
    screen_names: str,
    areas: Mapping[str, tuple[str, str]],
    now: datetime,
) -> int:
    """Let a clinic go by these rules, by group; return how many changed. `areas` are the rooms' by id, in both languages; a
    room that is not among them keeps its own. What stays as it was is no event. Raises NotFound, NotAllowed."""
    if screen_names not in NAMES:
        raise ValueError("no such policy")
    rights.manage_staff(actor, now)
    clinic = clinic_of(session, actor, clinic_id)
    count = 0
    for group, rule in rules.items():
        known = rules_of(clinic)
        before = format_rules(known)[group]
        after = format_rules(replace(known, **{group: rule}))
        if after[group] != before:
            clinic.rules = {**clinic.rules, **after}
            said = rule_bounds.changed(before or {}, after[group] or {})
            count += _said(session, actor, now, group, clinic.name_zh, *said)
    if clinic.screen_names != screen_names:
        before_names, clinic.screen_names = clinic.screen_names, screen_names
        count += _said(session, actor, now, "screen_names", clinic.name_zh, before_names, screen_names)
    for room in _rooms(session, clinic):
        was = (room.area_zh or "", room.area_en or "")
        new_area = areas.get(room.id, was)
        if new_area != was:
            room.area_zh, room.area_en = new_area[0] or None, new_area[1] or None
            count += _said(session, actor, now, "room_area", room.name_zh, was[0] or "-", new_area[0] or "-")
    return count


def _said(session: Session, actor: Actor, now: datetime, rule: str, of: str, before: str, after: str) -> int:
    detail = {"rule": rule, "of": of, "before": before, "after": after}
    events.record(session, "rules.changed", actor, now, detail=detail)
    return 1


def _rooms(session: Session, clinic: Clinic) -> list[Room]:
    return list(session.scalars(select(Room).where(Room.clinic_id == clinic.id).order_by(Room.name_zh, Room.id)))
