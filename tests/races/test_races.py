"""What must hold when many press at the same moment: promises Q1 and Q4, over HTTP, five hundred rounds each."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from app.domain.actor import SYSTEM
from app.domain.booking import BookingRule, Scope
from app.domain.checkin import WindowRule
from app.models import Appointment, Clinic, ClinicSession, Event, Queue, Ticket
from app.services import booking, checkin, clinics, planning
from app.services.sealing import seal_next
from tests.fixtures_visit import Ward

from .conftest import Site

ROUNDS = 500
PHONES = 4
VISITORS = 25


def plan(ward: Ward, department: str, slots: int, kind: str = "general") -> str:
    """Return a session with as many slots of a minute, all of them still to come and within the clinic's windows."""
    with ward.house.reading_session() as session:
        room = session.get_one(ClinicSession, ward.pool).room_id
    begins_at = ward.now + timedelta(hours=1)
    hours = begins_at, begins_at + timedelta(minutes=slots)
    return str(ward.do(planning.plan_session, SYSTEM, ward.clinic, department, ward.lin.ref, room, *hours, 1, kind))


@pytest.fixture(scope="module")
def relaxed(site: Site) -> Site:
    """The site with rules that let one patient have many appointments in a day and check in for them all day."""
    rules = clinics.ClinicRules(BookingRule(one_per=Scope.SESSION), WindowRule(early_minutes=24 * 60))
    with site.ward.house.writing_session() as session:
        session.get_one(Clinic, site.ward.clinic).rules = clinics.format_rules(rules)
    return site


def count(ward: Ward, what) -> int:
    with ward.house.reading_session() as session:
        return session.scalar(select(func.count()).select_from(what)) or 0


def test_a_slot_is_never_sold_twice(relaxed: Site):
    ward = relaxed.ward
    session_id = plan(ward, ward.department, ROUNDS)
    everybody = [ward.person() for _ in range(PHONES)]
    phones = [(who, relaxed.phone(who)) for who in everybody]
    winners: Counter[str] = Counter()
    for slot in ward.slots(session_id):
        deeds = [partial(phone.post, "/book/hold", slot=slot, person=who.ref) for who, phone in phones]
        answers = relaxed.at_once(deeds)
        sold = [who for (who, _), answer in zip(phones, answers, strict=True) if answer.status_code == 303]
        refused = [answer.status_code for answer in answers if answer.status_code != 303]
        assert len(sold) == 1, [answer.status_code for answer in answers]
        # A refusal is recorded once in ten minutes for each patient and rule; the later ones are told to slow down.
        assert set(refused) <= {409, 429}
        winners[sold[0].ref] += 1
        with ward.house.reading_session() as session:
            (holder,) = session.scalars(
                select(Appointment.patient_ref).where(Appointment.slot_id == slot, Appointment.state == "held")
            ).all()
        assert holder == sold[0].ref
    assert winners.total() == ROUNDS
    held = sum(ward.types(who.ref).count("appointment.held") for who in everybody)
    assert held == ROUNDS


def test_no_ticket_number_comes_twice_and_none_is_skipped(relaxed: Site):
    ward = relaxed.ward
    everybody = [ward.person() for _ in range(VISITORS)]
    department = ward.do(planning.create_department, SYSTEM, ward.clinic, "骨科", "Orthopaedics", "C")
    due: list[tuple[int, str]] = []
    for _ in range(2 * ROUNDS // VISITORS):
        session_id = plan(ward, department, VISITORS)
        slots = ward.slots(session_id)
        with ward.house.writing_session() as session:
            for index, who in enumerate(everybody):
                held = booking.hold(session, who.actor, who.ref, slots[index], ward.now)
                due.append((index, booking.confirm(session, who.actor, held.id, ward.now).id))
    phones = [relaxed.phone(who) for who in everybody]

    for number in range(ROUNDS):
        if number % 100 == 0:  # a presence lasts ten minutes
            for phone in phones:
                assert phone.get(f"/c/{ward.venue_code()}").status_code == 303
        (one, first), (other, second) = due[2 * number : 2 * number + 2]
        # Two patients at the same moment, one of whom presses twice.
        deeds = [
            partial(phones[one].post, "/check-in", appointment=first),
            partial(phones[other].post, "/check-in", appointment=second),
            partial(phones[one].post, "/check-in", appointment=first),
        ]
        assert [answer.status_code for answer in relaxed.at_once(deeds)] == [303] * 3

    with ward.house.reading_session() as session:
        (queue,) = session.scalars(select(Queue).where(Queue.department_id == department)).all()
        numbers = session.scalars(
            select(Ticket.number).where(Ticket.queue_id == queue.id).order_by(Ticket.number)
        ).all()
        assert list(numbers) == list(range(1, 2 * ROUNDS + 1))
        assert queue.last_number == 2 * ROUNDS
        recorded = session.scalar(select(func.count()).where(Event.type == "appointment.checked_in"))
    assert recorded == 2 * ROUNDS


def test_two_rooms_never_call_one_patient(relaxed: Site):
    ward = relaxed.ward
    department = ward.do(planning.create_department, SYSTEM, ward.clinic, "眼科", "Ophthalmology", "D")
    with ward.house.reading_session() as session:
        room = session.get_one(ClinicSession, ward.pool).room_id
    doctors = (ward.chen, ward.lin, ward.ma)
    hours = ward.now + timedelta(minutes=5), ward.now + timedelta(hours=1)
    session_ids = [
        ward.do(planning.plan_session, SYSTEM, ward.clinic, department, doctor.ref, room, *hours, 5, "general")
        for doctor in doctors
    ]
    who = ward.person()
    appointment = ward.booked(who, session_ids[0])
    ticket_id = ward.do(checkin.check_in_at_desk, ward.desk, appointment).ticket_id
    rooms = [(relaxed.doctor(doctor), session_id) for doctor, session_id in zip(doctors, session_ids, strict=True)]

    for number in range(1, ROUNDS + 1):
        deeds = [partial(client.post, f"/staff/doctor/sessions/{session_id}/call") for client, session_id in rooms]
        assert [answer.status_code for answer in relaxed.at_once(deeds)] == [303] * len(rooms)
        with ward.house.writing_session() as session:
            ticket = session.get_one(Ticket, ticket_id)
            calls = session.scalar(
                select(func.count()).where(Event.subject_ref == who.ref, Event.type == "ticket.called")
            )
            assert (ticket.state, ticket.calls, calls) == ("called", number, number)
            # Waiting again, as if nothing had happened: the next round.
            ticket.state, ticket.called_by, ticket.room_id = "waiting", None, None
            seal_next(session, ticket)


def test_a_clinician_in_two_windows_has_one_patient(relaxed: Site):
    """The unique index over who is in a room decides, also where both windows saw an empty room."""
    ward = relaxed.ward
    department = ward.do(planning.create_department, SYSTEM, ward.clinic, "耳鼻喉科", "ENT", "E")
    session_id = plan(ward, department, 5, "expert")
    tickets = [ward.waiting(session_id) for _ in range(2)]
    windows = [relaxed.doctor(ward.lin) for _ in range(2)]
    for _ in range(50):
        answers = relaxed.at_once([partial(w.post, f"/staff/doctor/sessions/{session_id}/call") for w in windows])
        assert sorted(answer.status_code for answer in answers) == [303, 409]
        with ward.house.writing_session() as session:
            called = [row for row in (session.get_one(Ticket, t) for t in tickets) if row.state == "called"]
            assert len(called) == 1
            called[0].state, called[0].called_by, called[0].room_id = "waiting", None, None
            seal_next(session, called[0])
