"""Stopping a session: everybody is offered something else, nobody is moved without consent, nobody pays or is struck for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.domain.actor import SYSTEM, Actor
from app.domain.errors import NotAllowed, NotFound, SlotStopped, SlotTaken
from app.domain.queueing import CannotUndo
from app.domain.stopping import AlreadyStopped, MoveOver, StopReason
from app.models import Appointment, ClinicSession, MoveOffer, Ticket
from app.services import booking, clinics, lines, moves, planning, queueing, stopping

DAY = timedelta(days=1)


def plan(ward, doctor, *, starts_at=None, hours=3, minutes=10):
    with ward.house.reading_session() as session:
        row = session.get_one(ClinicSession, ward.expert)
        place = row.department_id, doctor.ref, row.room_id
    starts_at = starts_at or ward.now + timedelta(hours=3)
    times = starts_at, starts_at + timedelta(hours=hours)
    return str(ward.do(planning.plan_session, SYSTEM, ward.clinic, *place, *times, minutes, "expert"))


def stop(ward, session_id=""):
    return ward.do(stopping.stop, ward.desk, session_id or ward.expert, StopReason.CLINICIAN_AWAY)


def offer_of(ward, who):
    return ward.look(moves.offers_of, who.actor)[0]


def test_each_is_offered_a_slot_of_the_same_day_and_rank_and_it_is_kept_for_them(ward):
    one, other, stranger = ward.person(), ward.person(), ward.person()
    first, second = ward.slots(ward.expert)[-2:]
    ward.booked(one, slot_id=first), ward.booked(other, slot_id=second)
    tomorrow = plan(ward, ward.chen, starts_at=ward.now + DAY)
    afternoon = plan(ward, ward.lin)
    assert stop(ward) == 2
    kept = [offer_of(ward, who) for who in (one, other)]
    assert [offer.to_doctor.en for offer in kept] == ["Dr Lin", "Dr Lin"]
    assert kept[0].to_at != kept[1].to_at
    assert all(offer.is_same_rank and offer.may_accept for offer in kept)
    with pytest.raises(SlotTaken):
        ward.do(booking.hold, stranger.actor, stranger.ref, ward.slots(afternoon)[0])
    assert tomorrow
    assert ward.types(one.ref)[-1] == "appointment.move_offered"
    assert ward.types(None)[-1] == "session.stopped"


def test_accepting_moves_the_appointment_once_and_declining_cancels_by_the_clinic(ward):
    one, other = ward.person(), ward.person()
    first, second = ward.slots(ward.expert)[-2:]
    moved, cancelled = ward.booked(one, slot_id=first), ward.booked(other, slot_id=second)
    afternoon = plan(ward, ward.lin)
    stop(ward)
    offer = offer_of(ward, one)
    for _ in range(2):
        assert ward.do(moves.accept, one.actor, offer.id) == moved
        ward.do(moves.decline, other.actor, offer_of(ward, other).id) if ward.look(
            moves.offers_of, other.actor
        ) else None
    view = ward.look(booking.appointment, one.actor, moved)
    assert (view.state, view.session_id, view.starts_at) == ("booked", afternoon, offer.to_at)
    gone = ward.look(booking.appointment, other.actor, cancelled)
    assert (gone.state, gone.cancelled_by) == ("cancelled", "clinic")
    assert ward.types(one.ref).count("appointment.moved") == 1
    assert ward.events(other.ref)[-1][1]["detail"] == {"by": "clinic"}
    assert "strike.given" not in ward.types(one.ref) + ward.types(other.ref)


def test_an_offer_that_ran_out_frees_its_slot_and_can_only_be_declined(ward):
    who, stranger = ward.person(), ward.person()
    ward.booked(who, slot_id=ward.slots(ward.expert)[-1])
    tomorrow = plan(ward, ward.lin, starts_at=ward.now + DAY, hours=1, minutes=60)
    stop(ward)
    offer = offer_of(ward, who)
    ward.clock.now = offer.until_at
    assert offer_of(ward, who).state == "over"
    with pytest.raises(MoveOver):
        ward.do(moves.accept, who.actor, offer.id)
    assert ward.do(booking.hold, stranger.actor, stranger.ref, ward.slots(tomorrow)[0]).state == "held"
    ward.do(moves.decline, who.actor, offer.id)
    assert ward.look(moves.offers_of, who.actor) == []


def test_a_stopped_session_sells_nothing_any_more_and_lets_holds_go(ward):
    holder, late = ward.person(), ward.person()
    slot = ward.slots(ward.expert)[-1]
    held = ward.do(booking.hold, holder.actor, holder.ref, slot)
    stop(ward)
    with ward.house.reading_session() as session:
        assert session.get_one(Appointment, held.id).state == "released"
    with pytest.raises(SlotStopped):
        ward.do(booking.hold, late.actor, late.ref, slot)
    with ward.house.reading_session() as session:
        assert clinics.departments(session, ward.now)[0].free == 0


def test_where_nothing_is_free_the_person_is_told_so_and_decides(ward):
    who = ward.person()
    ward.booked(who, slot_id=ward.slots(ward.expert)[-1])
    stop(ward)
    offer = offer_of(ward, who)
    assert (offer.may_accept, offer.to_at) == (False, None)
    with pytest.raises(MoveOver):
        ward.do(moves.accept, who.actor, offer.id)
    ward.do(moves.decline, who.actor, offer.id)
    assert ward.types(who.ref)[-1] == "appointment.cancelled"


def test_who_waits_already_is_offered_another_doctors_line_and_keeps_the_number(ward):
    who = ward.person()
    ticket_id = ward.waiting(ward.expert, who)
    number = ward.look(lines.position, who.actor, ticket_id).ticket
    other = plan(ward, ward.lin, starts_at=ward.now - timedelta(hours=1))
    stop(ward)
    offer = offer_of(ward, who)
    assert offer.is_in_line
    ward.do(moves.accept, who.actor, offer.id)
    after = ward.look(lines.position, who.actor, ticket_id)
    assert (after.ticket, after.session_id, after.state) == (number, other, "waiting")
    assert ward.types(who.ref)[-2:] == ["appointment.moved", "ticket.moved"]


@pytest.mark.parametrize("by", ["patient", "desk"])
def test_a_move_that_was_accepted_is_not_taken_back_from_the_ticket_alone(ward, by):
    who = ward.person()
    ticket_id = ward.waiting(ward.expert, who)
    other = plan(ward, ward.lin, starts_at=ward.now - timedelta(hours=1))
    stop(ward)
    ward.do(moves.accept, who.actor if by == "patient" else ward.desk, offer_of(ward, who).id)
    assert ward.look(lines.ticket, ticket_id).undoable is None
    with pytest.raises(CannotUndo):
        ward.do(queueing.undo, ward.desk, ticket_id)
    with ward.house.reading_session() as session:
        ticket = session.get_one(Ticket, ticket_id)
        assert ticket.session_id == session.get_one(Appointment, ticket.appointment_id).session_id == other


def test_in_a_pool_who_waits_stays_in_the_line_while_another_room_calls(ward):
    who = ward.person()
    ward.waiting(ward.pool, who)
    stop(ward, ward.pool)
    assert ward.look(moves.offers_of, who.actor) == []


def test_sixty_people_hear_in_batches_each_once(ward):
    big = plan(ward, ward.ma, starts_at=ward.now + timedelta(hours=1), hours=1, minutes=1)
    other = plan(ward, ward.lin, starts_at=ward.now + DAY, hours=1, minutes=1)
    people = [ward.person() for _ in range(60)]
    with ward.house.writing_session() as session:
        for who, slot in zip(people, ward.slots(big), strict=True):
            held = booking.hold(session, who.actor, who.ref, slot, ward.now)
            booking.confirm(session, who.actor, held.id, ward.now)
    assert stop(ward, big) == 60
    rounds = 1
    while ward.look(stopping.is_due):
        assert ward.do(stopping.run) <= stopping.BATCH
        rounds += 1
    assert rounds == 3
    with ward.house.reading_session() as session:
        offered = session.scalar(select(func.count(MoveOffer.to_slot_id.distinct())))
        assert (offered, session.scalar(select(func.count()).select_from(MoveOffer))) == (60, 60)
    assert other
    assert all(ward.types(who.ref).count("appointment.move_offered") == 1 for who in people[:5])


def test_only_the_own_clinics_desk_or_admin_stops_and_only_once(ward):
    for stranger in (ward.chen, Actor("staff", "x", "desk", "s", frozenset({"elsewhere"}))):
        with pytest.raises(NotAllowed):
            ward.do(stopping.stop, stranger, ward.expert, StopReason.BUILDING)
    with pytest.raises(NotFound):
        ward.do(stopping.stop, ward.desk, "nothing", StopReason.BUILDING)
    stop(ward)
    with pytest.raises(AlreadyStopped):
        stop(ward)


def test_the_desk_answers_for_somebody_on_the_telephone_and_sees_masks_only(ward):
    who = ward.person()
    ward.booked(who, slot_id=ward.slots(ward.expert)[-1])
    plan(ward, ward.lin)
    stop(ward)
    (offer,), people = ward.look(moves.of_session, ward.desk, ward.expert)
    assert people[who.ref].name != who.name
    ward.do(moves.accept, ward.desk, offer.id)
    assert ward.events(who.ref)[-1][1]["actor"]["role"] == "desk"
    stranger = ward.person()
    with pytest.raises(NotFound):
        ward.do(moves.decline, stranger.actor, offer.id)
