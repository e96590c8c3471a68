"""Booking: one holder a slot, one appointment a patient, department and day; holds end by the clock."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.actor import SYSTEM, Actor
from app.domain.booking import BookingRule, Scope
from app.domain.errors import (
    AlreadyBooked,
    AppointmentMoved,
    CancelTooLate,
    HoldExpired,
    NotAllowed,
    NotFound,
    SlotPast,
    SlotTaken,
    SlotTooFar,
)
from app.models import Appointment, Clinic
from app.services import booking, checkin, clinics, planning


def test_a_hold_lasts_ten_minutes_and_is_an_event(ward):
    who = ward.person()
    held = ward.do(booking.hold, who.actor, who.ref, ward.free_slot(ward.expert))
    assert (held.state, held.held_until) == ("held", ward.now + timedelta(minutes=10))
    kind, own = ward.events(who.ref)[-1]
    assert kind == "appointment.held"
    assert own["detail"] == {"starts_at": "2026-03-02T02:10:00.000Z", "held_until": "2026-03-02T02:10:00.000Z"}


def test_holding_the_same_slot_again_is_the_same_hold(ward):
    who = ward.person()
    slot = ward.free_slot(ward.expert)
    first = ward.do(booking.hold, who.actor, who.ref, slot)
    assert ward.do(booking.hold, who.actor, who.ref, slot) == first
    assert ward.types(who.ref).count("appointment.held") == 1


def test_a_slot_has_one_holder(ward):
    one, other = ward.person(), ward.person()
    slot = ward.free_slot(ward.expert)
    ward.do(booking.hold, one.actor, one.ref, slot)
    with pytest.raises(SlotTaken):
        ward.do(booking.hold, other.actor, other.ref, slot)


def test_the_index_decides_where_the_look_came_too_early(ward, monkeypatch):
    one, other = ward.person(), ward.person()
    slot = ward.free_slot(ward.expert)
    ward.do(booking.hold, one.actor, one.ref, slot)
    monkeypatch.setattr(booking, "_living_in", lambda session, slot_id: None)
    with pytest.raises(SlotTaken):
        ward.do(booking.hold, other.actor, other.ref, slot)


def test_a_hold_that_ran_out_frees_the_slot_when_somebody_takes_it(ward):
    one, other = ward.person(), ward.person()
    slot = ward.slots(ward.expert)[-1]
    held = ward.do(booking.hold, one.actor, one.ref, slot)
    ward.clock.now += timedelta(minutes=25)  # the hold's ten, and fifteen at most until it is released to everybody
    assert slot in [s.id for s in free(ward)]  # nothing is stored yet, and it is free all the same
    with pytest.raises(HoldExpired):
        ward.do(booking.confirm, one.actor, held.id)
    assert ward.do(booking.hold, other.actor, other.ref, slot).state == "held"
    assert ward.events(one.ref)[-1][0] == "appointment.released"
    assert ward.events(one.ref)[-1][1]["actor"]["kind"] == "system"


def free(ward):
    with ward.house.reading_session() as session:
        day_on = clinics.session_of(session, ward.expert).day_on
        return [slot for slot in clinics.slots(session, ward.expert, day_on, ward.now) if slot.is_free]


def test_a_hold_never_outlasts_the_slots_beginning(ward):
    who = ward.person()
    ward.clock.now += timedelta(minutes=5)
    held = ward.do(booking.hold, who.actor, who.ref, ward.free_slot(ward.expert))
    assert held.held_until == held.starts_at


def test_changing_ones_mind_lets_the_first_hold_go(ward):
    who = ward.person()
    first, second = ward.slots(ward.expert)[-2:]
    held = ward.do(booking.hold, who.actor, who.ref, first)
    ward.do(booking.hold, who.actor, who.ref, second)
    with ward.house.reading_session() as session:
        assert session.get(Appointment, held.id).state == "released"
    assert ward.types(who.ref)[-3:] == ["appointment.held", "appointment.released", "appointment.held"]


def test_one_appointment_a_patient_department_and_day(ward):
    who = ward.person()
    ward.booked(who)
    with pytest.raises(AlreadyBooked):
        ward.do(booking.hold, who.actor, who.ref, ward.free_slot(ward.expert))
    assert ward.booked(who, ward.pool)  # another department is another matter


def test_where_the_clinics_rule_is_one_a_session_another_session_is_free(ward):
    who = ward.person()
    ward.booked(who, ward.pool)
    with pytest.raises(AlreadyBooked):
        ward.do(booking.hold, who.actor, who.ref, ward.free_slot(ward.pool_too))
    rules = clinics.ClinicRules(booking=BookingRule(one_per=Scope.SESSION))
    with ward.house.writing_session() as session:
        session.get(Clinic, ward.clinic).rules = clinics.format_rules(rules)
    assert ward.booked(who, ward.pool_too)


def test_what_has_begun_and_what_is_not_open_yet_cannot_be_held(ward):
    who = ward.person()
    with pytest.raises(SlotPast):
        ward.do(booking.hold, who.actor, who.ref, ward.slots(ward.expert)[0])
    room = ward.do(planning.create_room, SYSTEM, ward.clinic, "9诊室", "Room 9")
    far = ward.now + timedelta(days=15)
    session_id = ward.do(
        planning.plan_session, SYSTEM, ward.clinic, ward.department, ward.chen.ref, room,
        far, far + timedelta(hours=1), 30, "expert",
    )  # fmt: skip
    with pytest.raises(SlotTooFar):
        ward.do(booking.hold, who.actor, who.ref, ward.slots(session_id)[0])


def test_confirming_twice_is_one_appointment_and_one_event(ward):
    who = ward.person()
    held = ward.do(booking.hold, who.actor, who.ref, ward.free_slot(ward.expert))
    first = ward.do(booking.confirm, who.actor, held.id)
    assert ward.do(booking.confirm, who.actor, held.id) == first
    assert ward.types(who.ref).count("appointment.booked") == 1


def test_a_patient_cancels_until_the_cut_off_and_the_desk_after_it(ward):
    who, other = ward.person(), ward.person()
    late = ward.booked(who)  # begins in ten minutes
    with pytest.raises(CancelTooLate) as refused:
        ward.do(booking.cancel, who.actor, late)
    assert refused.value.about == who.ref
    assert ward.do(booking.cancel, ward.desk, late).state == "cancelled"
    assert ward.events(who.ref)[-1][1]["detail"] == {"by": "desk"}
    early = ward.booked(other, slot_id=ward.slots(ward.expert)[-1])
    assert ward.do(booking.cancel, other.actor, early).state == "cancelled"
    assert ward.do(booking.cancel, other.actor, early).state == "cancelled"
    assert ward.types(other.ref).count("appointment.cancelled") == 1


def test_who_has_checked_in_cancels_no_more(ward):
    who = ward.person()
    appointment = ward.booked(who, slot_id=ward.slots(ward.expert)[-1])
    ward.do(checkin.check_in_at_desk, ward.desk, appointment)
    for actor in (who.actor, ward.desk):
        with pytest.raises(AppointmentMoved):
            ward.do(booking.cancel, actor, appointment)


def test_nobody_but_the_own_account_and_the_own_desk_touches_an_appointment(ward):
    appointment = ward.booked(ward.person())
    stranger = ward.person()
    for verb in (booking.confirm, booking.release, booking.cancel):
        with pytest.raises(NotFound):
            ward.do(verb, stranger.actor, appointment)
        with pytest.raises(NotAllowed):
            ward.do(verb, Actor("staff", "x", "desk", "s", frozenset({"elsewhere"})), appointment)
        with pytest.raises(NotAllowed):
            ward.do(verb, ward.chen, appointment)


def test_the_lists_count_what_is_free(ward):
    with ward.house.reading_session() as session:
        (cardiology, dermatology) = clinics.departments(session, ward.now)
        assert (cardiology.name.zh, cardiology.free) == ("心内科", 11)  # 10:10 to 11:50
        assert dermatology.free == 22
        today = clinics.days(session, ward.department, ward.now)
        assert (len(today), today[0].free, today[1].free) == (15, 11, 0)
        (doctor,) = clinics.doctors(session, ward.department, today[0].day_on, ward.now)
        assert (doctor.doctor.en, doctor.free, doctor.room.zh) == ("Dr Chen", 11, "1诊室")
    ward.booked(ward.person())
    with ward.house.reading_session() as session:
        assert clinics.departments(session, ward.now)[0].free == 10
