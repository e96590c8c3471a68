"""How the routes of erasing and correcting are asked; see tests/rows.py, which takes these in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from app.domain.calendar import hospital_day
from app.domain.retention import About
from app.models import Appointment, Correction, Erasure, Event, Ticket
from app.services import corrections
from tests.rows import PERSON, Objects, Row
from tests.scene import Scene

ELSEWHERE = {"desk_elsewhere": 403}


def _nothing_open(scene: Scene) -> Objects:
    """Nobody has a visit to come."""
    with scene.ward.house.writing_session() as session:
        rows = update(Appointment).where(Appointment.state.in_(("held", "booked", "checked_in", "in_consult")))
        session.execute(rows.values(state="released", held_until=None))
    return {}


def _asked(scene: Scene) -> Objects:
    ward = scene.ward
    ward.do(corrections.ask, scene.actors["a"], scene.of("a", "person"), About.IDENTITY, "名字写错了", "李鸣")
    with ward.house.reading_session() as session:
        return {"": {"correction": str(session.scalar(select(Correction.id)))}}


def _restricted(scene: Scene) -> Objects:
    """Li Ming, whom doctor Chen treats, asked to be erased, and law keeps her record."""
    ward = scene.ward
    with ward.house.writing_session() as session:
        ticket = session.scalars(select(Ticket).where(Ticket.patient_ref == scene.of("a", "person"))).first()
        event = session.scalar(select(Event.id).where(Event.subject_ref.is_(None)))
        assert ticket is not None and event is not None
        session.add(
            Erasure(
                id="AAAAAAAAAAAAAAAAAAAAAE", kind="now", state="completed", patient_ref=ticket.patient_ref, event_id=event,
                begun_at=ward.now, destroyed_at=ward.now, completed_at=ward.now, law="medical_records_29",
                keep_until_on=hospital_day(ward.now) + timedelta(days=1), keys=[], holders=[],
            )
        )  # fmt: skip
        return {"": {"restricted_ticket": ticket.id}}


ASK: dict[str, Any] = {"person": "$person", "about": "identity", "wrong": "名字写错了", "right": "李鸣"}

ROWS: dict[str, Row] = {
    "patient.erasing": Row(),
    "patient.erase": Row(form={"sure": "yes"}, prepare=_nothing_open),
    "patient.erased": Row(but={"*": 404}),
    "patient.erased_file": Row(but={"*": 404}),
    "patient.corrections": Row(),
    "patient.ask_correction": Row(form=ASK, **PERSON),
    "desk.corrections": Row(),
    "desk.correction": Row({"correction_id": "$correction"}, prepare=_asked, but=ELSEWHERE),
    "desk.answer_correction": Row(
        {"correction_id": "$correction"}, {"answer": "amended", "reason": "已改"}, prepare=_asked, but=ELSEWHERE
    ),
    "doctor.restricted": Row(),
    "doctor.open_restricted": Row(
        {"ticket_id": "$restricted_ticket"}, {"reason": "treatment"}, prepare=_restricted, but={"lin": 404}
    ),
}
