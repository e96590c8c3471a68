"""The waitlist: a place in the line, freed slots in order, each offer for a time; never two holders, never a forgotten slot."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.domain.calendar import hospital_day
from app.domain.errors import AlreadyBooked, HoldExpired, NotFound, SlotTaken
from app.domain.waitlist import OfferOver, WaitlistFull, WaitlistNotNeeded
from app.models import Appointment, Clinic, Slot
from app.services import booking, clinics, offers, stopping, waitlist
from app.services.stopping import StopReason


@pytest.fixture
def full(ward):
    """Doctor Chen's session with everything booked but what has begun: (appointment, who) by time."""
    taken = []
    for slot in ward.slots(ward.expert)[7:]:  # 10:10 to 11:50
        who = ward.person()
        taken.append((ward.booked(who, slot_id=slot), who))
    return taken


def join(ward, who, session_id=""):
    day_on = hospital_day(ward.now)
    return ward.do(waitlist.join, who.actor, who.ref, ward.department, day_on, session_id=session_id or None)


def entry(ward, who):
    return ward.look(waitlist.entries_of, who.actor)[0]


def free(ward):
    with ward.house.reading_session() as session:
        day_on = hospital_day(ward.now)
        return [s.id for s in clinics.slots(session, ward.expert, day_on, ward.now) if s.is_free]


def cancel_last(ward, full):
    appointment, who = full.pop()
    ward.do(booking.cancel, who.actor, appointment)


def test_who_joins_first_is_first_and_joining_twice_is_one_place(ward, full):
    one, other = ward.person(), ward.person()
    assert (join(ward, one).ahead, join(ward, other).ahead) == (0, 1)
    assert join(ward, other).ahead == 1
    assert ward.types(other.ref).count("waitlist.joined") == 1
    assert ward.events(other.ref)[-1][1]["detail"] == {"day": "2026-03-02", "place": 2}


def test_while_something_is_free_nobody_needs_to_wait(ward):
    with pytest.raises(WaitlistNotNeeded):
        join(ward, ward.person())


def test_who_has_an_appointment_that_day_does_not_wait_for_a_second(ward, full):
    with pytest.raises(AlreadyBooked):
        join(ward, full[0][1])


def test_a_freed_slot_goes_to_the_first_in_line_and_to_nobody_else(ward, full):
    one, other, stranger = ward.person(), ward.person(), ward.person()
    join(ward, one), join(ward, other)
    slot = ward.slots(ward.expert)[-1]
    cancel_last(ward, full)
    assert free(ward) == []
    ward.clock.now += timedelta(minutes=20)  # long after any random delay: those who wait come first
    with pytest.raises(SlotTaken):
        ward.do(booking.hold, stranger.actor, stranger.ref, slot)
    assert ward.look(offers.is_due)
    assert ward.do(offers.run) == 1
    offered = entry(ward, one)
    assert (offered.state, offered.starts_at) == ("offered", ward.now.replace(hour=3, minute=50))
    assert offered.offered_until == ward.now + timedelta(minutes=15)
    assert (entry(ward, other).state, entry(ward, other).ahead) == ("waiting", 0)
    with pytest.raises(SlotTaken):
        ward.do(booking.hold, other.actor, other.ref, slot)
    assert not ward.look(offers.is_due)


def test_accepting_books_and_is_one_event(ward, full):
    who = ward.person()
    place = join(ward, who)
    cancel_last(ward, full)
    ward.do(offers.run)
    appointment = ward.do(waitlist.accept, who.actor, place.id)
    assert ward.do(waitlist.accept, who.actor, place.id) == appointment
    assert ward.look(booking.appointment, who.actor, appointment).state == "booked"
    assert ward.types(who.ref)[-3:] == ["waitlist.joined", "waitlist.offered", "waitlist.accepted"]


def test_an_offer_lapses_by_the_clock_and_the_next_in_line_is_offered_the_slot(ward, full):
    one, other = ward.person(), ward.person()
    place = join(ward, one)
    join(ward, other)
    cancel_last(ward, full)
    ward.do(offers.run)
    ward.clock.now += timedelta(minutes=15)
    assert entry(ward, one).state == "lapsed"  # nothing is stored yet
    with pytest.raises(HoldExpired):
        ward.do(waitlist.accept, one.actor, place.id)
    assert ward.do(offers.run) == 2
    assert ward.events(one.ref)[-1][0] == "waitlist.lapsed"
    assert ward.events(one.ref)[-1][1]["detail"] == {"why": "no_answer"}
    assert entry(ward, other).state == "offered"
    with pytest.raises(OfferOver):
        ward.do(waitlist.accept, one.actor, place.id)


def test_declining_gives_the_slot_to_the_next_at_once(ward, full):
    one, other = ward.person(), ward.person()
    place = join(ward, one)
    join(ward, other)
    cancel_last(ward, full)
    ward.do(offers.run)
    ward.do(waitlist.leave, one.actor, place.id)
    assert ward.types(one.ref)[-1] == "waitlist.left"
    ward.do(offers.run)
    assert entry(ward, other).state == "offered"


def test_leaving_moves_those_behind_up(ward, full):
    one, other = ward.person(), ward.person()
    place = join(ward, one)
    join(ward, other)
    ward.do(waitlist.leave, one.actor, place.id)
    ward.do(waitlist.leave, one.actor, place.id)
    assert entry(ward, other).ahead == 0
    assert ward.types(one.ref).count("waitlist.left") == 1


def test_near_the_start_an_offer_is_short_and_within_half_an_hour_there_is_none(ward, full):
    who = ward.person()
    join(ward, who)
    appointment, _ = full[2]  # 10:30, thirty minutes from now
    ward.do(booking.cancel, ward.desk, appointment)
    assert ward.do(offers.run) == 0
    appointment, _ = full[4]  # 10:50
    ward.do(booking.cancel, ward.desk, appointment)
    assert ward.do(offers.run) == 1
    offered = entry(ward, who)
    assert offered.offered_until == ward.now + timedelta(minutes=50) / 6


def test_who_booked_elsewhere_meanwhile_is_passed_over_and_told(ward, full):
    one, other = ward.person(), ward.person()
    join(ward, one), join(ward, other)
    with ward.house.writing_session() as session:  # the desk found a place for them in a session of the same day
        row = session.scalars(select(Appointment).where(Appointment.state == "booked")).first()
        row.patient_ref = one.ref
    cancel_last(ward, full)
    ward.do(offers.run)
    states = {ward.events(one.ref)[-1][0], entry(ward, other).state}
    assert states == {"waitlist.lapsed", "offered"}


def test_when_no_slot_can_come_any_more_those_who_wait_are_told(ward, full):
    who = ward.person()
    join(ward, who)
    ward.clock.now += timedelta(minutes=81)  # 11:21, the last slot begins at 11:50
    assert ward.do(offers.run) == 1
    assert ward.events(who.ref)[-1][1]["detail"] == {"why": "over"}


def test_a_stopped_session_ends_the_line_for_its_doctor(ward, full):
    who = ward.person()
    join(ward, who, ward.expert)
    ward.do(stopping.stop, ward.desk, ward.expert, StopReason.EQUIPMENT)
    ward.do(offers.run)
    assert ward.events(who.ref)[-1][1]["detail"] == {"why": "stopped"}


def test_an_account_waits_in_no_more_lines_than_the_rule_says(ward, full):
    rules = clinics.ClinicRules(waitlist=waitlist.rules.WaitlistRule(per_account=0))
    with ward.house.writing_session() as session:
        session.get(Clinic, ward.clinic).rules = clinics.format_rules(rules)
    with pytest.raises(WaitlistFull):
        join(ward, ward.person())


def test_nobody_touches_a_strangers_place(ward, full):
    place = join(ward, ward.person())
    stranger = ward.person()
    for verb in (waitlist.leave, waitlist.accept, waitlist.entry):
        with pytest.raises(NotFound):
            ward.do(verb, stranger.actor, place.id)


def test_a_session_that_runs_past_midnight_has_one_line_whichever_day_its_slots_are_on(ward):
    who, other = ward.person(), ward.person()
    ward.clock.now = ward.now.replace(hour=15, minute=0)  # 23:00
    session_id = ward.plan_again()  # until 01:00
    with ward.house.writing_session() as session:
        session.execute(update(Slot).values(free_from=ward.now + timedelta(hours=5)))
    tomorrow = hospital_day(ward.now + timedelta(hours=2))
    assert ward.do(waitlist.join, who.actor, who.ref, None, tomorrow, session_id=session_id).ahead == 0
    assert ward.do(waitlist.join, other.actor, other.ref, ward.department, tomorrow).ahead == 1
    assert ward.do(offers.run) == 2
    assert [entry(ward, one).state for one in (who, other)] == ["offered", "offered"]


def test_a_free_slot_that_is_too_near_to_be_offered_does_not_keep_a_later_one_back(ward, full, monkeypatch):
    monkeypatch.setattr(offers, "BATCH", 1)
    who = ward.person()
    join(ward, who)
    for appointment, _ in (full[2], full[4]):  # 10:30, thirty minutes from now, and 10:50
        ward.do(booking.cancel, ward.desk, appointment)
    assert ward.do(offers.run) == 1
    assert entry(ward, who).state == "offered"
