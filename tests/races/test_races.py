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
from app.services import booking, checkin, clinics, planning, queueing, replaying
from app.services.sealing import seal_next
from tests.fixtures_visit import Ward

from .conftest import Site

ROUNDS = 500
PHONES = 4
VISITORS = 25
MOVED_ROUNDS = 60
PUT_BACK_ROUNDS = 40


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
    many = BookingRule(one_per=Scope.SESSION, account_per_day=10_000, device_per_day=10_000, holds_at_once=10_000)
    rules = clinics.ClinicRules(many, WindowRule(early_minutes=24 * 60))
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


def two_lines(ward: Ward, letter: str) -> tuple[str, str]:
    """Return a session of doctor Chen's and one of doctor Lin's own people in one department of its own."""
    department = ward.do(planning.create_department, SYSTEM, ward.clinic, f"科{letter}", f"Dept {letter}", letter)
    first = ward.do(planning.create_room, SYSTEM, ward.clinic, f"{letter}1诊室", f"Room {letter}1")
    hours = ward.now + timedelta(minutes=5), ward.now + timedelta(hours=1)
    found = [
        ward.do(planning.plan_session, SYSTEM, ward.clinic, department, doctor.ref, first, *hours, 5, "expert")
        for doctor in (ward.chen, ward.lin)
    ]
    return found[0], found[1]


def test_who_is_moved_and_called_at_once_is_in_one_line_and_one_room(relaxed: Site):
    """A call of the line that is left, the move, and a call of the line it leads to: one holder, and the day replays."""
    ward = relaxed.ward
    here, there = two_lines(ward, "F")
    who = ward.person()
    ticket_id = ward.waiting(here, who)
    chen, chens_desk, lin = relaxed.doctor(ward.chen), relaxed.doctor(ward.chen), relaxed.doctor(ward.lin)
    holders: Counter[str] = Counter()
    for _ in range(MOVED_ROUNDS):
        answers = relaxed.at_once(
            [
                partial(chen.post, f"/staff/doctor/sessions/{here}/call"),
                partial(chens_desk.post, f"/staff/doctor/tickets/{ticket_id}/move", to=there),
                partial(lin.post, f"/staff/doctor/sessions/{there}/call"),
            ]
        )
        codes = [answer.status_code for answer in answers]
        assert codes[0] == codes[2] == 303 and codes[1] in (303, 409, 429), codes
        with ward.house.reading_session() as session:
            row = session.get_one(Ticket, ticket_id)
            inside = session.scalars(
                select(Ticket.called_by).where(Ticket.patient_ref == who.ref, Ticket.state == "called")
            ).all()
        was_moved = codes[1] == 303
        assert (row.session_id == there, row.clinician_ref == ward.lin.ref) == (was_moved, was_moved)
        assert inside in ([], [ward.lin.ref if was_moved else ward.chen.ref])
        holders[str(inside)] += 1
        if row.state == "called":
            ward.do(queueing.undo, ward.desk, ticket_id)
        if was_moved:
            ward.do(queueing.move, ward.desk, ticket_id, here)
    assert holders.total() == MOVED_ROUNDS
    replays(ward, here, "F")


def test_who_is_put_back_twice_at_once_is_put_back_once(relaxed: Site):
    ward = relaxed.ward
    here, _ = two_lines(ward, "G")
    ticket_id = ward.waiting(here)
    ward.do(queueing.call_next, ward.chen, here)
    ward.do(queueing.pass_, ward.chen, ticket_id)
    windows = [relaxed.doctor(ward.chen) for _ in range(2)]
    for _ in range(PUT_BACK_ROUNDS):
        answers = relaxed.at_once([partial(w.post, f"/staff/doctor/tickets/{ticket_id}/put-back") for w in windows])
        done, refused = sorted(answer.status_code for answer in answers)
        assert done == 303 and refused in (409, 429)
        ward.do(queueing.undo, ward.desk, ticket_id)
    replays(ward, here, "G")


def replays(ward: Ward, session_id: str, letter: str) -> None:
    """The queue of a session is what its events say. Other tests here reset rows by hand, so that their queues are not."""
    with ward.house.reading_session() as session:
        day_on = session.get_one(ClinicSession, session_id).day_on
        found = replaying.replay_day(session, day_on, ward.clinic)
    (queue,) = [one for one in found.queues if one.letter == letter]
    assert queue.calls > 0 and queue.first == ""
