"""Strikes: with evidence, with an end, never for what was the hospital's doing, never for who came; and appeals."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.domain.errors import NotFound
from app.domain.stopping import StopReason
from app.domain.strikes import AppealClosed, AppealReason, BookingPaused, DecisionReason, StrikeRule
from app.models import Appeal, Clinic, ClinicSession, Event, Strike
from app.services import appeals, booking, checkin, clinics, offers, queueing, stopping, strikes, waitlist

DAY = timedelta(days=1)


def rule(ward, **numbers):
    with ward.house.writing_session() as session:
        kept = clinics.ClinicRules(strikes=StrikeRule(**numbers))
        session.get(Clinic, ward.clinic).rules = clinics.format_rules(kept)


def last_slot(ward):
    return ward.slots(ward.expert)[-1]


def strike_of(ward, who):
    (standing,) = ward.look(strikes.standing_of, who.actor)
    return standing.strikes[0]


def missed(ward, who):
    """Return the strike of somebody who booked and never came, the day after."""
    ward.booked(who, slot_id=last_slot(ward))
    ward.clock.now += DAY
    ward.do(strikes.run)
    return strike_of(ward, who)


def test_who_booked_and_never_came_is_struck_when_the_day_is_over_and_not_before(ward):
    who = ward.person()
    appointment = ward.booked(who, slot_id=last_slot(ward))
    ward.clock.now += timedelta(hours=13)  # 23:00 of the same day
    assert not ward.look(strikes.is_due)
    ward.clock.now += timedelta(hours=2)
    assert ward.look(strikes.is_due)
    ward.do(strikes.run)
    assert ward.look(booking.appointment, who.actor, appointment).state == "no_show"
    assert ward.types(who.ref)[-2:] == ["appointment.no_show", "strike.given"]
    strike = strike_of(ward, who)
    assert (strike.kind, strike.appointment_id, strike.state) == ("no_show", appointment, "standing")
    with ward.house.reading_session() as session:
        assert session.get(Event, strike.event_id).type == "appointment.no_show"
    assert not ward.look(strikes.is_due)
    assert ward.do(strikes.run) == 0


def test_who_checked_in_is_never_a_no_show_by_the_clock(ward):
    who = ward.person()
    appointment = ward.booked(who, slot_id=last_slot(ward))
    ward.do(checkin.check_in_at_desk, ward.desk, appointment)
    ward.clock.now += 3 * DAY
    ward.do(strikes.run)
    assert ward.look(booking.appointment, who.actor, appointment).state == "checked_in"
    assert "strike.given" not in ward.types(who.ref)


def test_the_third_pass_is_struck_with_that_pass_as_evidence(ward):
    who = ward.person()
    ward.waiting(ward.expert, who)
    for _ in range(3):
        ticket = ward.do(queueing.call_next, ward.chen, ward.expert).id
        ward.do(queueing.pass_, ward.chen, ticket)
        if ward.types(who.ref)[-1] != "ticket.no_show":
            ward.do(queueing.put_back, ward.desk, ticket)
    ward.do(strikes.run)
    assert ward.types(who.ref)[-2:] == ["ticket.no_show", "strike.given"]
    strike = strike_of(ward, who)
    with ward.house.reading_session() as session:
        assert session.get(Event, strike.event_id).type == "ticket.no_show"
    given = ward.events(who.ref)[-1][1]
    assert (given["detail"]["evidence"], given["detail"]["calls"]) == (strike.event_id, 3)
    assert {one["type"] for one in given["objects"]} == {"strike.v1", "appointment.v1"}


def test_the_evidence_is_every_call_and_pass_of_that_appointment_and_nothing_of_another(ward):
    """A person with another visit the same day: the evidence names this one's events alone, in their order."""
    who = ward.person()
    ward.waiting(ward.pool, who)
    ward.waiting(ward.expert, who)
    ward.do(queueing.call_next, ward.lin, ward.pool)
    for _ in range(3):
        ward.clock.now += timedelta(minutes=4)
        ticket = ward.do(queueing.call_next, ward.chen, ward.expert).id
        ward.do(queueing.pass_, ward.chen, ticket)
        if ward.types(who.ref)[-1] != "ticket.no_show":
            ward.do(queueing.put_back, ward.desk, ticket)
    ward.do(strikes.run)
    rests_on = ward.look(strikes.evidence_of, who.actor, strike_of(ward, who).id)
    once = ["ticket.called", "ticket.passed", "ticket.requeued"]
    assert [one.type for one in rests_on.happened] == [
        "appointment.booked", "appointment.checked_in", *once, *once, "ticket.called", "ticket.no_show", "strike.given",
    ]  # fmt: skip
    assert (rests_on.calls, rests_on.passes) == (3, 3)
    assert rests_on.last_call_at - rests_on.first_call_at == timedelta(minutes=8)


def test_nobody_else_reads_the_evidence(ward):
    who, other = ward.person(), ward.person()
    strike = missed(ward, who)
    with pytest.raises(NotFound):
        ward.look(strikes.evidence_of, other.actor, strike.id)
    assert ward.look(strikes.evidence_of, who.actor, strike.id).calls == 0


def test_a_no_show_that_is_taken_back_leaves_no_strike(ward):
    who = ward.person()
    ward.waiting(ward.expert, who)
    for _ in range(3):
        ticket = ward.do(queueing.call_next, ward.chen, ward.expert).id
        ward.do(queueing.pass_, ward.chen, ticket)
        if ward.types(who.ref)[-1] != "ticket.no_show":
            ward.do(queueing.put_back, ward.desk, ticket)
    ward.do(strikes.run)
    assert strike_of(ward, who).state == "standing"
    ward.do(queueing.undo, ward.desk, ticket)
    assert strike_of(ward, who).state == "lifted"
    kind, own = ward.events(who.ref)[-1]
    assert kind == "ticket.undone" and "strike.v1" in {row["type"] for row in own["objects"]}


@pytest.mark.parametrize(("minutes", "state"), [(19, "standing"), (20, "excused")])
def test_nobody_is_struck_for_a_clinician_who_was_late(ward, minutes, state):
    who = ward.person()
    with ward.house.writing_session() as session:
        queueing.say_late(session, ward.desk, ward.expert, minutes, ward.now)
    strike = missed(ward, who)
    assert strike.state == state
    assert strike.excuse == ("clinician_late" if state == "excused" else None)
    assert ward.types(who.ref)[-1] == ("strike.excused" if state == "excused" else "strike.given")


def test_after_a_stop_nobody_is_a_no_show_the_clinic_cancels(ward):
    who = ward.person()
    appointment = ward.booked(who, slot_id=last_slot(ward))
    ward.do(stopping.stop, ward.desk, ward.expert, StopReason.EMERGENCY)
    ward.clock.now += DAY
    ward.do(strikes.run)
    view = ward.look(booking.appointment, who.actor, appointment)
    assert (view.state, view.cancelled_by) == ("cancelled", "clinic")
    assert ward.look(strikes.standing_of, who.actor)[0].strikes == ()


def test_late_cancelling_is_free_as_often_as_the_rule_says(ward):
    rule(ward, free_late_cancels=1)
    who = ward.person()
    slot = last_slot(ward)
    for expected in (0, 1):
        appointment = ward.booked(who, slot_id=slot)  # what one gave back oneself one may have again at once
        ward.do(booking.cancel, who.actor, appointment)
        assert ward.types(who.ref).count("strike.given") == expected
    assert strike_of(ward, who).kind == "late_cancel"


def test_who_came_and_left_the_line_used_up_no_late_cancellation(ward):
    rule(ward, free_late_cancels=1)
    who = ward.person()
    ward.do(queueing.leave, who.actor, ward.waiting(who=who))
    appointment = ward.booked(who, slot_id=ward.slots(ward.pool)[-1])
    ward.do(booking.cancel, who.actor, appointment)
    assert "strike.given" not in ward.types(who.ref)


def test_cancelling_in_good_time_or_by_the_desk_counts_for_nothing(ward):
    rule(ward, free_late_cancels=0, late_cancel_minutes=60)
    who = ward.person()
    ward.do(booking.cancel, who.actor, ward.booked(who, slot_id=last_slot(ward)))
    ward.do(booking.cancel, ward.desk, ward.booked(who))
    assert ward.look(strikes.standing_of, who.actor)[0].strikes == ()


def test_enough_strikes_rest_online_booking_and_the_waitlist_but_not_the_desk(ward):
    rule(ward, count=1, ban_days=5)
    who = ward.person()
    struck = missed(ward, who)
    session_id = ward.plan_again()
    (standing,) = ward.look(strikes.standing_of, who.actor)
    assert standing.paused_until == struck.happened_at + timedelta(days=5)
    with pytest.raises(BookingPaused) as refused:
        ward.do(booking.hold, who.actor, who.ref, ward.free_slot(session_id))
    assert refused.value.about == who.ref
    with pytest.raises(BookingPaused):
        ward.do(waitlist.join, who.actor, who.ref, None, ward.now.date(), session_id=session_id)
    ward.clock.now += 5 * DAY
    assert ward.look(strikes.standing_of, who.actor)[0].paused_until is None


def test_an_appeal_is_sealed_opened_with_an_event_and_decided_with_a_reason(ward):
    who = ward.person()
    strike = missed(ward, who)
    with ward.house.writing_session() as session:
        appeals.appeal(session, who.actor, strike.id, AppealReason.URGENT, "孩子发烧去了急诊", ward.now)
        appeals.appeal(session, who.actor, strike.id, AppealReason.URGENT, "again", ward.now)
    with ward.house.reading_session() as session:
        row = session.scalars(select(Appeal)).one()
        assert "发烧".encode() not in row.sealed
    (listed,) = ward.look(appeals.appeals_in, ward.desk, ward.clinic)
    assert listed.who.name != who.name
    for _ in range(2):
        opened = ward.do(appeals.open_appeal, ward.desk, listed.id)
    assert (opened.words, opened.reason, opened.checked_in) == ("孩子发烧去了急诊", "urgent", False)
    with ward.house.writing_session() as session:
        appeals.decide(session, ward.desk, listed.id, DecisionReason.GOODWILL, ward.now)
        appeals.decide(session, ward.desk, listed.id, DecisionReason.GOODWILL, ward.now)
    assert ward.types(who.ref)[-3:] == ["appeal.made", "appeal.opened", "appeal.upheld"]
    assert ward.events(who.ref)[-1][1]["detail"] == {"why": "goodwill"}
    assert strike_of(ward, who).state == "lifted"
    with pytest.raises(AppealClosed), ward.house.writing_session() as session:
        appeals.decide(session, ward.desk, listed.id, DecisionReason.REPEATED, ward.now)


def test_a_denied_appeal_leaves_the_strike_and_takes_no_second(ward):
    who = ward.person()
    strike = missed(ward, who)
    with ward.house.writing_session() as session:
        appeals.appeal(session, who.actor, strike.id, AppealReason.OTHER, "", ward.now)
        session.flush()
        appeal_id = session.scalars(select(Appeal.id)).one()
        appeals.decide(session, ward.desk, appeal_id, DecisionReason.NOT_SHOWN, ward.now)
    found = strike_of(ward, who)
    assert (found.state, found.appeal, found.may_appeal) == ("standing", "denied", False)
    with pytest.raises(AppealClosed), ward.house.writing_session() as session:
        appeals.appeal(session, who.actor, strike.id, AppealReason.OTHER, "", ward.now)


def test_a_strike_expires_by_the_clock(ward):
    who = ward.person()
    missed(ward, who)
    ward.clock.now += 91 * DAY
    assert strike_of(ward, who).state == "expired"
    with ward.house.reading_session() as session:
        assert session.scalars(select(Strike.state)).one() == "standing"


def test_a_stranger_sees_no_strike_and_appeals_for_nobody(ward):
    strike = missed(ward, ward.person())
    stranger = ward.person()
    with pytest.raises(NotFound):
        ward.look(strikes.strike, stranger.actor, strike.id)
    with pytest.raises(NotFound), ward.house.writing_session() as session:
        appeals.appeal(session, stranger.actor, strike.id, AppealReason.OTHER, "", ward.now)


def test_the_chores_leave_each_other_alone_on_an_empty_day(ward):
    for chore in (strikes, offers, stopping):
        assert not ward.look(chore.is_due)
        assert ward.do(chore.run) == 0
    with ward.house.reading_session() as session:
        assert (
            session.scalars(select(ClinicSession.stopped_at).where(ClinicSession.stopped_at.is_not(None))).all() == []
        )
