"""Whatever people, the desk and the clock do with a session's slots, in whatever order: on a real database, each slot has one
holder, each person one appointment a day, everything that changed has its event, and nobody who came is struck."""

from __future__ import annotations

import shutil
from datetime import timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from app import create_app
from app.domain.actor import SYSTEM
from app.domain.calendar import hospital_day
from app.domain.errors import Refused
from app.domain.stopping import StopReason
from app.models import Appointment, ClinicSession, Event, MoveOffer, Slot, Strike, WaitlistEntry
from app.services import booking, checkin, moves, offers, planning, stopping, strikes, waitlist
from tests.conftest import Clock, settings_in
from tests.fixtures_visit import build_ward

OPEN = ("held", "booked", "checked_in", "in_consult")
LIVING = (*OPEN, "completed", "no_show")
WHO, WHICH = st.integers(0, 3), st.integers(0, 2)


class Life(RuleBasedStateMachine):
    """Four people, a session of three slots to come and another of the afternoon."""

    pristine = None
    folder = None
    made = 0

    @initialize()
    def open_the_clinic(self):
        Life.made += 1
        var = Life.folder / f"life{Life.made}"
        shutil.copytree(Life.pristine, var)
        self.clock = Clock()
        self.app = create_app(settings_in(var), self.clock)
        self.ward = ward = build_ward(self.app.extensions["mingzhen"](), self.clock)
        self.people = [ward.person() for _ in range(4)]
        with ward.house.reading_session() as session:
            row = session.get_one(ClinicSession, ward.expert)
            place = ward.clinic, row.department_id, ward.lin.ref, row.room_id
        plans = ((2, 30, ward.chen), (5, 30, ward.lin))  # 12:00 and 15:00, three slots each
        self.sessions = []
        for hours, _, doctor in plans:
            begins_at = self.clock.now + timedelta(hours=hours)
            times = begins_at, begins_at + timedelta(minutes=90)
            planned = ward.do(
                planning.plan_session, SYSTEM, place[0], place[1], doctor.ref, place[3], *times, 30, "expert"
            )
            self.sessions.append(str(planned))
        self.slots = [slot for one in self.sessions for slot in ward.slots(one)]

    def attempt(self, verb, *arguments, **named):
        try:
            return self.ward.do(verb, *arguments, **named)
        except Refused:
            return None

    def own(self, who, *states):
        with self.ward.house.reading_session() as session:
            query = select(Appointment.id).where(Appointment.patient_ref == who.ref, Appointment.state.in_(states))
            return session.scalars(query.order_by(Appointment.id)).first() or ""

    @rule(who=WHO, slot=st.integers(0, 5))
    def hold(self, who, slot):
        person = self.people[who]
        self.attempt(booking.hold, person.actor, person.ref, self.slots[slot], device="one browser")

    @rule(who=WHO)
    def confirm(self, who):
        self.attempt(booking.confirm, self.people[who].actor, self.own(self.people[who], "held"))

    @rule(who=WHO)
    def release(self, who):
        self.attempt(booking.release, self.people[who].actor, self.own(self.people[who], "held"))

    @rule(who=WHO, is_desk=st.booleans())
    def cancel(self, who, is_desk):
        actor = self.ward.desk if is_desk else self.people[who].actor
        self.attempt(booking.cancel, actor, self.own(self.people[who], "booked", "held"))

    @rule(who=WHO)
    def come(self, who):
        self.attempt(checkin.check_in_at_desk, self.ward.desk, self.own(self.people[who], "booked"))

    @rule(who=WHO, which=WHICH)
    def join(self, who, which):
        person = self.people[who]
        with self.ward.house.reading_session() as session:
            department = session.get_one(ClinicSession, self.sessions[0]).department_id
        session_id = self.sessions[which] if which < 2 else None
        day_on = hospital_day(self.clock.now)
        self.attempt(waitlist.join, person.actor, person.ref, department, day_on, session_id=session_id)

    @rule(who=WHO, does=st.sampled_from((waitlist.accept, waitlist.leave)))
    def answer_the_waitlist(self, who, does):
        for entry in self.ward.look(waitlist.entries_of, self.people[who].actor)[:1]:
            self.attempt(does, self.people[who].actor, entry.id)

    @rule(who=WHO, does=st.sampled_from((moves.accept, moves.decline)))
    def answer_the_stop(self, who, does):
        for offer in self.ward.look(moves.offers_of, self.people[who].actor)[:1]:
            self.attempt(does, self.people[who].actor, offer.id)

    @precondition(lambda self: hospital_day(self.clock.now).day == 2)
    @rule(which=st.integers(0, 1), sure=st.integers(0, 4))
    def stop(self, which, sure):
        if sure == 0:
            self.attempt(stopping.stop, self.ward.desk, self.sessions[which], StopReason.EQUIPMENT)

    @rule(minutes=st.sampled_from((1, 9, 16, 45, 600)))
    def time_passes(self, minutes):
        self.clock.now += timedelta(minutes=minutes)

    @rule()
    def the_chores_run(self):
        for chore in (offers, stopping, strikes):
            due, done = self.ward.look(chore.is_due), self.ward.do(chore.run)
            assert due or done == 0, chore

    @invariant()
    def each_slot_has_one_holder_and_is_kept_for_one(self):
        if not hasattr(self, "ward"):
            return
        with self.ward.house.reading_session() as session:
            lived = session.scalars(select(Appointment.slot_id).where(Appointment.state.in_(LIVING))).all()
            assert len(lived) == len(set(lived))
            kept = session.scalars(
                select(MoveOffer.to_slot_id).where(MoveOffer.state == "open", MoveOffer.until_at > self.clock.now)
            ).all()
            kept = [slot for slot in kept if slot]
            assert len(kept) == len(set(kept))

    @invariant()
    def each_person_has_one_open_appointment_of_the_department_and_day(self):
        if not hasattr(self, "ward"):
            return
        with self.ward.house.reading_session() as session:
            rows = session.execute(
                select(Appointment.patient_ref, ClinicSession.department_id, ClinicSession.day_on)
                .join(ClinicSession, ClinicSession.id == Appointment.session_id)
                .where(Appointment.state.in_(OPEN))
            ).all()
            assert len(rows) == len(set(rows))

    @invariant()
    def an_offer_is_a_hold_and_a_strike_is_of_somebody_who_never_came(self):
        if not hasattr(self, "ward"):
            return
        with self.ward.house.reading_session() as session:
            for entry in session.scalars(select(WaitlistEntry).where(WaitlistEntry.state == "offered")):
                held = session.get_one(Appointment, entry.appointment_id)
                assert (held.state, held.patient_ref) == ("held", entry.patient_ref)
                assert held.held_until == entry.offered_until
            for strike in session.scalars(select(Strike)):
                missed = session.get_one(Appointment, strike.appointment_id)
                assert (strike.kind, missed.state) in (("no_show", "no_show"), ("late_cancel", "cancelled"))
                came = select(Event.id).where(Event.subject_ref == strike.patient_ref)
                assert strike.kind == "late_cancel" or missed.state == "no_show"
                assert session.scalar(came.where(Event.id == strike.event_id)) is not None

    @invariant()
    def nobody_is_in_a_slot_of_another_session(self):
        if not hasattr(self, "ward"):
            return
        with self.ward.house.reading_session() as session:
            for row in session.scalars(select(Appointment).where(Appointment.state.in_(("held", "booked")))):
                slot = session.get_one(Slot, row.slot_id)
                assert (row.session_id, row.starts_at) == (slot.session_id, slot.starts_at)

    def teardown(self):
        if not hasattr(self, "ward"):
            return
        for who in self.people:  # every change of a row is in its person's events: versions named are those there are
            named: dict[str, int] = {}
            for _, own in self.ward.events(who.ref):
                for one in own["objects"]:
                    named[one["id"]] = max(named.get(one["id"], 0), one["version"])
            with self.ward.house.reading_session() as session:
                for model in (Appointment, WaitlistEntry, MoveOffer, Strike):
                    for row in session.scalars(select(model).where(model.patient_ref == who.ref)):
                        assert named.get(row.id) == row.version, (model, row.state)
        self.app.extensions["mingzhen"].close()


def test_no_order_of_deeds_gives_a_slot_two_holders_or_strikes_who_came(pristine, tmp_path):
    Life.pristine, Life.folder = pristine, tmp_path
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
