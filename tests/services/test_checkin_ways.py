"""The ways to show that one is here: a fence, one's own code; and rules that say which of them a department takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import inspect, text

from app.domain.actor import SYSTEM, Actor
from app.domain.checkin import Presence, Way, WayNotUsed, WindowRule
from app.domain.errors import AppointmentMoved, CheckInTooEarly, NotAllowed, NotFound, SlotStopped
from app.domain.own_codes import OwnCodeUnknown
from app.domain.places import Fence, PlaceNotUsed, PlaceTooFar
from app.models import ClinicSession, Event
from app.services import checkin, planning, presences, queueing, rules

FENCE = Fence(31_216_540, 121_473_701)
HERE = (31.2165412, 121.4737029, 12.5)
NORTH = 1 / 111_195


@pytest.fixture
def admin(ward):
    return Actor("staff", "admin-ref", "admin", "sitting-admin", frozenset({ward.clinic}))


@pytest.fixture
def gate(ward):
    return Actor("screen", "gate-ref", "screen", "sitting-gate", frozenset({ward.clinic}))


def test_inside_the_fence_is_a_presence_that_checks_in(ward, admin):
    who = ward.person()
    appointment = ward.booked(who)
    ward.do(rules.change_fence, admin, ward.clinic, FENCE)
    presence = ward.look(presences.presence_from_place, who.actor, *HERE)
    assert presence == Presence(ward.clinic, ward.now, Way.PLACE, 50)
    ward.do(checkin.check_in, who.actor, appointment, presence)
    assert ward.events(who.ref)[-1][1]["detail"] == {"ticket": "A001", "method": "place", "within_m": 50}


def test_no_coordinate_is_anywhere_afterwards(ward, admin, hospital):
    who = ward.person()
    appointment = ward.booked(who)
    ward.do(rules.change_fence, admin, ward.clinic, FENCE)
    ward.do(checkin.check_in, who.actor, appointment, ward.look(presences.presence_from_place, who.actor, *HERE))
    digits = [str(number) for number in (*HERE, 31.21654, 121.4737)]
    with hospital.engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')):
                assert not any(number in repr(tuple(row)) for number in digits), table
    for _kind, own in ward.events(who.ref):  # nor in what is sealed
        assert not any(number in repr(own) for number in digits)


def test_outside_or_without_a_fence_there_is_no_presence(ward, admin):
    who = ward.person()
    ward.booked(who)
    with pytest.raises(PlaceNotUsed):
        ward.look(presences.presence_from_place, who.actor, *HERE)
    ward.do(rules.change_fence, admin, ward.clinic, FENCE)
    with pytest.raises(PlaceTooFar) as refused:
        ward.look(presences.presence_from_place, who.actor, HERE[0] + 500 * NORTH, *HERE[1:])
    assert refused.value.facts == {"within_m": 1000}
    nobody_today = ward.person()
    with pytest.raises(PlaceNotUsed):  # not a way to ask where clinics are
        ward.look(presences.presence_from_place, nobody_today.actor, *HERE)


def test_a_gate_checks_in_whoever_shows_their_code_once(ward, gate):
    who = ward.person()
    appointment = ward.booked(who)
    code = ward.do(checkin.own_code_of, who.actor, appointment)
    issued = ward.do(checkin.check_in_by_own_code, gate, ward.clinic, code.text)
    assert (issued.ticket, issued.patient_ref) == ("A001", who.ref)
    kind, own = ward.events(who.ref)[-1]
    assert kind == "appointment.checked_in" and own["actor"]["kind"] == "screen"
    assert own["detail"] == {"ticket": "A001", "method": "own_code", "within_m": None}
    for again in (code.text, code.digits):
        with pytest.raises(OwnCodeUnknown):
            ward.do(checkin.check_in_by_own_code, gate, ward.clinic, again)
    with pytest.raises(AppointmentMoved):
        ward.do(checkin.own_code_of, who.actor, appointment)
    assert ward.types(who.ref).count("appointment.checked_in") == 1


def test_the_digits_are_as_good_and_a_minute_later_neither_is(ward, gate):
    who = ward.person()
    appointment = ward.booked(who)
    code = ward.do(checkin.own_code_of, who.actor, appointment)
    assert ward.look(checkin.visit_of_own_code, gate, ward.clinic, code.digits) == appointment
    ward.clock.now += timedelta(seconds=61)
    for text_ in (code.digits, code.text):
        with pytest.raises(OwnCodeUnknown):
            ward.look(checkin.visit_of_own_code, gate, ward.clinic, text_)


def test_a_code_opens_no_window_and_no_other_clinic(ward, gate, admin):
    who = ward.person()
    slot = ward.free_slot(ward.expert, at_least=timedelta(minutes=45))
    appointment = ward.booked(who, slot_id=slot)
    code = ward.do(checkin.own_code_of, who.actor, appointment)
    with pytest.raises(CheckInTooEarly):
        ward.do(checkin.check_in_by_own_code, gate, ward.clinic, code.text)
    other = ward.do(planning.create_clinic, SYSTEM, "分院", "Branch")
    with pytest.raises(NotAllowed):
        ward.do(checkin.check_in_by_own_code, gate, other, code.text)
    there = Actor("screen", "gate-too", "screen", "sitting-there", frozenset({other}))
    with pytest.raises(OwnCodeUnknown):
        ward.do(checkin.check_in_by_own_code, there, other, code.text)


def test_nobody_gets_somebody_elses_code(ward):
    appointment = ward.booked(ward.person())
    with pytest.raises(NotFound):
        ward.do(checkin.own_code_of, ward.person().actor, appointment)


def test_a_department_that_has_its_own_rule_goes_by_it(ward, admin):
    who, other = ward.person(), ward.person()
    in_a, in_b = ward.booked(who), ward.booked(other, ward.pool)
    only_code = WindowRule(ways=frozenset({Way.OWN_CODE}))
    ward.do(rules.change_window, admin, ward.clinic, ward.department, only_code)
    with pytest.raises(WayNotUsed) as refused:
        ward.do(checkin.check_in, who.actor, in_a, ward.presence)
    assert refused.value.facts == {"ways": ["own_code"]}
    ward.do(checkin.check_in, other.actor, in_b, ward.presence)
    ward.do(rules.change_window, admin, ward.clinic, ward.department, None)
    assert ward.do(checkin.check_in, who.actor, in_a, ward.presence).ticket == "A001"


def test_a_clinics_rule_reaches_departments_without_one(ward, admin):
    who = ward.person()
    appointment = ward.booked(who, slot_id=ward.free_slot(ward.expert, at_least=timedelta(minutes=45)))
    with pytest.raises(CheckInTooEarly):
        ward.do(checkin.check_in, who.actor, appointment, ward.presence)
    ward.do(rules.change_window, admin, ward.clinic, "", WindowRule(early_minutes=120))
    [view] = ward.look(lambda session, _now: rules.all_of(session, {ward.clinic}))
    assert view.clinic.rule.early_minutes == 120 and not any(one.is_own for one in view.departments)
    assert ward.do(checkin.check_in, who.actor, appointment, ward.presence).is_new


def test_a_clinician_who_is_late_lengthens_the_window(ward):
    who = ward.person()
    appointment = ward.booked(who)
    ward.clock.now += timedelta(minutes=40)
    late = replace(ward.presence)
    with pytest.raises(Exception, match="check_in_too_late"):
        ward.do(checkin.check_in, who.actor, appointment, late)
    ward.do(queueing.say_late, ward.chen, ward.expert, 30)
    assert ward.do(checkin.check_in, who.actor, appointment, ward.presence).is_new


def test_nobody_checks_in_to_a_clinician_who_does_not_come(ward, gate):
    who = ward.person()
    appointment = ward.booked(who)
    code = ward.do(checkin.own_code_of, who.actor, appointment)
    with ward.house.writing_session() as session:
        sitting = session.get_one(ClinicSession, ward.expert)
        sitting.stopped_at, sitting.stop_reason = ward.now, "ill"
    for way in (
        lambda: ward.do(checkin.check_in, who.actor, appointment, ward.presence),
        lambda: ward.do(checkin.check_in_at_desk, ward.desk, appointment),
        lambda: ward.do(checkin.check_in_by_own_code, gate, ward.clinic, code.text),
    ):
        with pytest.raises(SlotStopped):
            way()
    [here] = ward.look(checkin.visits_here, who.actor, ward.clinic)
    assert here.decision == "stopped"


def test_the_desk_is_always_a_way(ward, admin):
    who = ward.person()
    appointment = ward.booked(who)
    ward.do(rules.change_window, admin, ward.clinic, "", WindowRule(ways=frozenset()))
    assert ward.do(checkin.check_in_at_desk, ward.desk, appointment).is_new


def test_rules_are_the_own_clinics_and_a_change_is_on_record(ward, admin, reading):
    stranger = replace(admin, clinics=frozenset({"elsewhere"}))
    with pytest.raises(NotFound):
        ward.do(rules.change_window, stranger, ward.clinic, "", WindowRule())
    with pytest.raises(NotFound):
        ward.do(rules.change_window, admin, ward.clinic, "no-department", WindowRule())
    with pytest.raises(NotAllowed):
        ward.do(rules.change_fence, ward.desk, ward.clinic, FENCE)
    ward.do(rules.change_fence, admin, ward.clinic, None)
    with reading() as session:
        assert session.query(Event).filter(Event.type == "rules.changed").count() == 1
