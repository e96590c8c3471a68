"""A day at random over the real services and a real database: whatever is pressed, in whatever order, the promises hold.

Numbers never change (Q4), a room has one holder (Q1), states go along the tables alone, each act that did something left one
event of its kind (I4), who is called is who was shown as next, and the day replays to itself (Q2).
"""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from app import create_app
from app.domain import queueing as rules
from app.domain.actor import SYSTEM
from app.domain.calendar import hospital_day
from app.domain.errors import Refused
from app.models import Appointment, Event, Ticket, Visit
from app.services import checkin, lines, planning, queueing
from app.services.replaying import replay_day
from tests.conftest import Clock, settings_in
from tests.fixtures_visit import build_ward

PEOPLE = 7
ARRIVED = 4  # before the first press
INDEX = st.integers(0, PEOPLE - 1)
ROOM = st.integers(0, 3)
ALLOWED = {(old, new) for old, following in rules.TRANSITIONS.items() for new in following}
TAKEN_BACK = {ways for known in rules.UNDOES.values() for ways in known}


@pytest.fixture(scope="module")
def hospital_at_ten(pristine, tmp_path_factory):
    """Return a folder with a hospital of two lines of doctors and a pool, and people who are booked; and who is who in it."""
    var = tmp_path_factory.mktemp("day") / "var"
    shutil.copytree(pristine, var)
    app = create_app(settings_in(var), Clock())
    ward = build_ward(app.extensions["mingzhen"](), Clock())
    room = ward.do(planning.create_room, SYSTEM, ward.clinic, "8诊室", "Room 8")
    hours = ward.now - timedelta(hours=1), ward.now + timedelta(hours=2)
    beside = ward.do(
        planning.plan_session, SYSTEM, ward.clinic, ward.department, ward.desk.ref, room, *hours, 10, "expert"
    )
    booked = [ward.booked(ward.person(), ward.pool if n >= PEOPLE - 2 else ward.expert) for n in range(PEOPLE)]
    app.extensions["mingzhen"].close()
    return var, ward, beside, booked


def machine(hospital_at_ten, tmp_path_factory):
    var, built, beside, booked = hospital_at_ten

    class Day(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.clock = Clock()
            own = tmp_path_factory.mktemp("one") / "var"
            shutil.copytree(var, own)
            self.app = create_app(settings_in(own), self.clock)
            self.house = self.app.extensions["mingzhen"]()
            self.rooms = [
                (built.chen, built.expert), (built.desk, beside), (built.lin, built.pool), (built.ma, built.pool_too),
            ]  # fmt: skip
            self.states, self.numbers = {}, {}
            for appointment_id in booked[:ARRIVED]:
                self.do("appointment.checked_in", checkin.check_in_at_desk, built.desk, appointment_id)

        def events(self):
            with self.house.reading_session() as session:
                return session.scalar(select(func.max(Event.serial))) or 0

        def tickets(self):
            with self.house.reading_session() as session:
                return session.scalars(select(Ticket).order_by(Ticket.letter, Ticket.number)).all()

        def do(self, kinds, verb, *arguments):
            """Call a verb; when it is refused nothing may have changed, when it is not, at most one event of `kinds` came."""
            self.clock.now += timedelta(seconds=3)
            before = self.events()
            try:
                with self.house.writing_session() as session:
                    answer = verb(session, *arguments, self.clock.now)
            except Refused:
                assert self.events() == before
                return None
            with self.house.reading_session() as session:
                new = session.scalars(select(Event.type).where(Event.serial > before)).all()
            assert len(new) <= 1 and set(new) <= set(kinds.split())
            self.numbers_stay_and_states_go_along_the_tables()
            return answer

        def pick(self, index, states):
            """Return a ticket in one of `states`; where there is none any other, so that what is refused is tried too."""
            found = self.tickets()
            fitting = [row for row in found if row.state in states.split()] or found
            return fitting[index % len(fitting)] if fitting else None

        def lead_to(self, state, room):
            """Bring somebody into a state where nobody is in it, so that few steps go far."""
            before = {"called": None, "serving": "called", "missed": "called", "away": "serving"}
            if state not in before or any(row.state == state for row in self.tickets()):
                return
            if before[state] is None:
                self.call(room)
                return
            self.lead_to(before[state], room)
            step = {"serving": self.start, "missed": self.pass_over, "away": self.to_tests}[state]
            step(room)

        def on(self, states, index, kinds, verb, *more, actor=None):
            self.lead_to(states.split()[0], index % len(self.rooms))
            row = self.pick(index, states)
            if row is not None:
                who = actor or next((a for a, _ in self.rooms if a.ref == row.called_by), built.desk)
                self.do(kinds, verb, who, row.id, *more)

        @rule(index=INDEX)
        def check_in(self, index):
            self.do("appointment.checked_in", checkin.check_in_at_desk, built.desk, booked[index])

        @rule(room=ROOM)
        def call(self, room):
            actor, sitting_id = self.rooms[room]
            with self.house.reading_session() as session:
                sitting = lines.sitting_of(session, sitting_id)
                shown = lines.in_order(session, *lines.line_of(sitting))
            called = self.do("ticket.called", queueing.call_next, actor, sitting_id)
            assert called is None or called.id == shown[0].ticket_id

        @rule(index=INDEX)
        def recall(self, index):
            self.on("called", index, "ticket.recalled", queueing.recall)

        @rule(index=INDEX)
        def pass_over(self, index):
            self.on("called", index, "ticket.passed ticket.no_show ticket.left", queueing.pass_)

        @rule(index=INDEX)
        def put_back(self, index):
            self.on("missed", index, "ticket.requeued", queueing.put_back, actor=built.desk)

        @rule(index=INDEX)
        def start(self, index):
            self.on("called", index, "visit.started visit.resumed", queueing.start)

        @rule(index=INDEX)
        def finish(self, index):
            self.on("serving", index, "visit.finished", queueing.finish)

        @rule(index=INDEX)
        def to_tests(self, index):
            self.on("serving", index, "ticket.away", queueing.send_to_tests)

        @rule(index=INDEX)
        def back(self, index):
            self.on("away", index, "ticket.returned", queueing.back_from_tests, actor=built.desk)

        @rule(index=INDEX)
        def leave(self, index):
            self.on("waiting missed away called", index, "ticket.left", queueing.leave, actor=built.desk)

        @rule(index=INDEX)
        def leave_from_the_phone(self, index):
            row = self.pick(index, "waiting missed away")
            if row is not None:
                own = next(who.actor for who in built.people if who.ref == row.patient_ref)
                self.do("ticket.left", queueing.leave, own, row.id)

        @rule(index=INDEX, room=ROOM)
        def move(self, index, room):
            self.on("waiting missed away", index, "ticket.moved", queueing.move, self.rooms[room][1], actor=built.desk)

        @rule(
            index=INDEX, given=st.sampled_from([("emergency", "triage"), ("soldier", "document_seen"), ("elder", "x")])
        )
        def grant(self, index, given):
            self.on(
                "waiting missed away",
                index,
                "ticket.priority_granted",
                queueing.grant_priority,
                *given,
                "",
                actor=built.desk,
            )

        @rule(index=INDEX)
        def withdraw(self, index):
            self.on("waiting", index, "ticket.priority_withdrawn", queueing.withdraw_priority, actor=built.desk)

        @rule(index=INDEX)
        def undo(self, index):
            self.on("called missed waiting away left no_show", index, "ticket.undone", queueing.undo, actor=built.desk)

        def numbers_stay_and_states_go_along_the_tables(self):
            for row in self.tickets():
                assert self.numbers.setdefault(row.id, (row.letter, row.number)) == (row.letter, row.number)
                old, new = self.states.get(row.id, row.state), row.state
                assert old == new or (old, new) in ALLOWED | TAKEN_BACK
                self.states[row.id] = new
            assert len(set(self.numbers.values())) == len(self.numbers)

        @invariant()
        def a_room_has_one_holder(self):
            inside = [row.called_by for row in self.tickets() if row.state in lines.IN_ROOM]
            assert len(set(inside)) == len(inside)

        @invariant()
        def appointments_and_visits_say_the_same_as_tickets(self):
            with self.house.reading_session() as session:
                pairs = session.execute(
                    select(Ticket.state, Appointment.state, Visit.state)
                    .join(Appointment, Appointment.id == Ticket.appointment_id)
                    .outerjoin(Visit, Visit.appointment_id == Appointment.id)
                ).all()
            for ticket, appointment, visit in pairs:
                match ticket:
                    case "serving" | "away":
                        assert (appointment, visit) == ("in_consult", "in_progress")
                    case "done":
                        assert (appointment, visit) == ("completed", "finished")
                    case "no_show":
                        assert (appointment, visit) == ("no_show", None)
                    case "left":
                        assert (appointment, visit) in (("cancelled", None), ("completed", "finished"))
                    case _:
                        assert (appointment, visit) in (("checked_in", None), ("in_consult", "in_progress"))

        @invariant()
        def the_day_replays_to_itself(self):
            with self.house.reading_session() as session:
                found = replay_day(session, hospital_day(self.clock.now))
            assert [queue.first for queue in found.queues] == ["" for _ in found.queues]
            assert found.strays == ()

        def teardown(self):
            self.app.extensions["mingzhen"].close()

    return Day


def test_whatever_is_pressed_in_whatever_order_the_promises_hold(hospital_at_ten, tmp_path_factory):
    run_state_machine_as_test(
        machine(hospital_at_ten, tmp_path_factory),
        settings=settings(
            max_examples=10,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(
                Phase.explicit,
                Phase.reuse,
                Phase.generate,
            ),  # a day takes a second: to shrink one takes many minutes
        ),
    )
