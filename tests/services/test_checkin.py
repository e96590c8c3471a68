"""Checking in: presence, window, one ticket each, no number twice and none skipped."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.checkin import Presence
from app.domain.errors import (
    AppointmentMoved,
    CheckInTooEarly,
    CheckInTooLate,
    NotFound,
    PresenceNeeded,
    VenueCodeUnknown,
)
from app.services import booking, checkin, presences


def test_a_presence_turns_an_appointment_into_a_ticket(ward):
    who = ward.person()
    appointment = ward.booked(who)
    issued = ward.do(checkin.check_in, who.actor, appointment, ward.presence)
    assert (issued.ticket, issued.is_new) == ("A001", True)
    kind, own = ward.events(who.ref)[-1]
    assert kind == "appointment.checked_in"
    assert own["detail"] == {"ticket": "A001", "method": "venue", "within_m": None}
    assert [o["type"] for o in own["objects"]] == ["appointment.v1", "ticket.v1"]


def test_pressing_twice_is_the_same_ticket_and_one_event(ward):
    who = ward.person()
    appointment = ward.booked(who)
    first = ward.do(checkin.check_in, who.actor, appointment, ward.presence)
    again = ward.do(checkin.check_in, who.actor, appointment, None)
    assert (again.ticket, again.is_new) == (first.ticket, False)
    assert ward.types(who.ref).count("appointment.checked_in") == 1


@pytest.mark.parametrize("where", ["nowhere", "elsewhere", "too long ago"])
def test_without_a_presence_at_that_clinic_there_is_no_ticket(ward, where):
    who = ward.person()
    appointment = ward.booked(who)
    presence = {
        "nowhere": None,
        "elsewhere": Presence("elsewhere", ward.now),
        "too long ago": Presence(ward.clinic, ward.now - timedelta(minutes=10)),
    }[where]
    with pytest.raises(PresenceNeeded) as refused:
        ward.do(checkin.check_in, who.actor, appointment, presence)
    assert refused.value.about == who.ref


def test_the_window_says_when_it_opens_and_when_it_closed(ward):
    early, late = ward.person(), ward.person()
    coming = ward.booked(early, slot_id=ward.slots(ward.expert)[-1])  # 11:50
    missed = ward.booked(late)  # 10:10
    with pytest.raises(CheckInTooEarly) as soon:
        ward.do(checkin.check_in, early.actor, coming, ward.presence)
    assert soon.value.facts["minutes"] == 80
    ward.clock.now += timedelta(minutes=26)
    with pytest.raises(CheckInTooLate) as gone:
        ward.do(checkin.check_in, late.actor, missed, ward.presence)
    assert gone.value.facts["minutes"] == 1
    # The desk decides about both, within the day.
    assert ward.do(checkin.check_in_at_desk, ward.desk, coming).ticket == "A001"
    assert ward.do(checkin.check_in_at_desk, ward.desk, missed).ticket == "A002"


def test_the_desk_checks_in_nobody_of_another_day(ward):
    appointment = ward.booked(ward.person())
    ward.clock.now += timedelta(days=1)
    with pytest.raises(AppointmentMoved):
        ward.do(checkin.check_in_at_desk, ward.desk, appointment)


def test_a_hold_and_a_cancelled_appointment_get_no_ticket(ward):
    who = ward.person()
    held = ward.do(booking.hold, who.actor, who.ref, ward.free_slot(ward.expert))
    with pytest.raises(AppointmentMoved):
        ward.do(checkin.check_in, who.actor, held.id, ward.presence)
    ward.do(booking.release, who.actor, held.id)
    with pytest.raises(AppointmentMoved):
        ward.do(checkin.check_in, who.actor, held.id, ward.presence)


def test_a_refused_act_gives_its_number_back(ward):
    first, second = ward.person(), ward.person()
    good, early = ward.booked(first), ward.booked(second, slot_id=ward.slots(ward.expert)[-1])

    def both(session, now):
        checkin.check_in_at_desk(session, ward.desk, good, now)
        checkin.check_in(session, second.actor, early, ward.presence, now)

    with pytest.raises(CheckInTooEarly):
        ward.do(both)
    assert ward.do(checkin.check_in_at_desk, ward.desk, early).ticket == "A001"


def test_each_of_several_gets_an_event_of_its_own(ward):
    who = ward.person()
    mine = [ward.booked(who), ward.booked(who, ward.pool)]
    issued = ward.do(checkin.check_in_all, who.actor, mine, ward.presence)
    assert sorted(i.ticket for i in issued) == ["A001", "B001"]
    assert ward.types(who.ref)[-2:] == ["appointment.checked_in"] * 2


def test_of_several_with_a_strangers_none_is_checked_in(ward):
    who, stranger = ward.person(), ward.person()
    mine, theirs = ward.booked(who), ward.booked(stranger)
    for other in (theirs, "nobody-has-this"):
        with pytest.raises(NotFound):
            ward.do(checkin.check_in_all, who.actor, [mine, other], ward.presence)
    assert "appointment.checked_in" not in ward.types(who.ref)


def test_a_scanned_code_gives_a_presence_for_a_minute_at_most(ward):
    code = ward.venue_code()
    assert ward.look(presences.presence_from_code, code) == ward.presence
    ward.clock.now += timedelta(seconds=60)
    with pytest.raises(VenueCodeUnknown):
        ward.look(presences.presence_from_code, code)
    with pytest.raises(VenueCodeUnknown):
        ward.look(presences.presence_from_code, ward.short_code())  # six digits are typed, never scanned


def test_typed_digits_count_where_the_account_has_a_visit_today(ward):
    who, stranger = ward.person(), ward.person()
    ward.booked(who)
    assert ward.look(presences.presence_from_typed, who.actor, f" {ward.short_code()} ") == ward.presence
    for actor, typed in ((stranger.actor, ward.short_code()), (who.actor, "１２３４５６"), (who.actor, "12345")):
        with pytest.raises(VenueCodeUnknown):
            ward.look(presences.presence_from_typed, actor, typed)


def test_todays_visits_say_where_now_stands(ward):
    who = ward.person()
    ward.booked(who), ward.booked(who, ward.pool, ward.slots(ward.pool)[-1])
    due, early = ward.look(checkin.visits_here, who.actor, ward.clinic)
    assert (due.decision, early.decision, early.minutes) == ("open", "early", 80)
    ward.do(checkin.check_in, who.actor, due.appointment.id, ward.presence)
    assert ward.look(checkin.visits_here, who.actor, ward.clinic)[0].decision == "done"


def test_a_session_across_midnight_checks_in_before_it(ward):
    ward.clock.now = ward.now.replace(hour=15, minute=58)  # 23:58 in Shanghai
    tonight = ward.plan_again()
    who = ward.person()
    appointment = ward.booked(who, tonight, ward.slots(tonight)[7])  # 00:08
    assert ward.do(checkin.check_in, who.actor, appointment, ward.presence).ticket == "A001"
