"""A freed slot that somebody waits for has one holder, whoever presses when: promise Q1 where the waitlist meets booking, over HTTP."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

import pytest
from sqlalchemy import func, select, update

from app.domain.booking import BookingRule, Scope
from app.domain.calendar import hospital_day
from app.domain.waitlist import WaitlistRule
from app.models import Appointment, Clinic, Slot, WaitlistEntry
from app.services import booking, clinics, offers, waitlist

from .conftest import Site
from .test_races import plan

ROUNDS = 100
HELD = ("held", "booked")


@pytest.fixture(scope="module")
def quick(site: Site) -> Site:
    """The site with rules under which one person waits and books all day, and freed slots wait for nobody else."""
    booking_rule = BookingRule(
        one_per=Scope.SESSION, account_per_day=10_000, device_per_day=10_000, holds_at_once=10_000,
        release_least_minutes=0, release_most_minutes=0,
    )  # fmt: skip
    rules = clinics.ClinicRules(booking_rule, waitlist=WaitlistRule(stop_minutes=0, per_account=10_000))
    with site.ward.house.writing_session() as session:
        session.get_one(Clinic, site.ward.clinic).rules = clinics.format_rules(rules)
    return site


def living(ward, slot: str) -> list[str]:
    with ward.house.reading_session() as session:
        return list(
            session.scalars(
                select(Appointment.patient_ref).where(
                    Appointment.slot_id == slot, Appointment.state.in_(HELD), Appointment.starts_at > ward.now
                )
            )
        )


def day_of(ward, slot: str) -> date:
    """Return the hospital's day on which the slot begins: an hour from now may be tomorrow."""
    with ward.house.reading_session() as session:
        return hospital_day(session.get_one(Slot, slot).starts_at)


def test_between_the_waitlist_and_whoever_presses_first_a_slot_never_has_two_holders(quick: Site) -> None:
    ward = quick.ward
    session_id = plan(ward, ward.department, 1)
    (slot,) = ward.slots(session_id)
    with ward.house.writing_session() as session:
        session.execute(update(Slot).where(Slot.id == slot).values(free_from=ward.now + timedelta(minutes=1)))
    day_on = day_of(ward, slot)
    waiting, pressing = [ward.person() for _ in range(2)], [ward.person() for _ in range(2)]
    phones = [(who, quick.phone(who)) for who in pressing]
    accepting = [(who, quick.phone(who)) for who in waiting]

    for _ in range(ROUNDS):
        entries = []
        for who in waiting:
            entries.append(ward.do(waitlist.join, who.actor, who.ref, None, day_on, session_id=session_id).id)
        # 1. Everybody grabs at the freed slot while the chore of the site, or ours, offers it.
        deeds = [partial(phone.post, "/book/hold", slot=slot, person=who.ref) for who, phone in phones]
        answers = quick.at_once([*deeds, *(partial(phone.get, "/waitlist/now") for _, phone in accepting)])
        ward.do(offers.run)
        assert {answer.status_code for answer in answers[:2]} <= {409, 429}, "those who wait come first"
        assert living(ward, slot) == [waiting[0].ref]
        # 2. The first accepts, twice at once, while the others go on pressing.
        deeds = [partial(accepting[0][1].post, f"/waitlist/{entries[0]}/accept") for _ in range(2)]
        deeds += [partial(phone.post, "/book/hold", slot=slot, person=who.ref) for who, phone in phones]
        answers = quick.at_once(deeds)
        assert [answer.status_code for answer in answers[:2]] == [303, 303]
        assert living(ward, slot) == [waiting[0].ref]
        # 3. Back to the beginning: given up, and everybody out of the line.
        for who, entry_id in zip(waiting, entries, strict=True):
            ward.do(waitlist.leave, who.actor, entry_id)
        with ward.house.reading_session() as session:
            kept = session.scalar(
                select(Appointment.id).where(Appointment.slot_id == slot, Appointment.state == "booked")
            )
        ward.do(booking.cancel, ward.desk, str(kept))
        with ward.house.writing_session() as session:
            session.execute(update(Slot).where(Slot.id == slot).values(free_from=ward.now + timedelta(minutes=1)))

    with ward.house.reading_session() as session:
        accepted = session.scalar(
            select(func.count()).select_from(WaitlistEntry).where(WaitlistEntry.state == "accepted")
        )
    assert accepted == ROUNDS
    assert ward.types(waiting[0].ref).count("waitlist.accepted") == ROUNDS
    assert not any(kind == "appointment.held" for who in pressing for kind in ward.types(who.ref))


def test_joining_many_times_at_once_is_one_place(quick: Site) -> None:
    ward = quick.ward
    session_id = plan(ward, ward.department, 1)
    with ward.house.writing_session() as session:
        later = ward.now + timedelta(minutes=30)
        session.execute(update(Slot).where(Slot.session_id == session_id).values(free_from=later))
    who = ward.person()
    phone = quick.phone(who)
    day = day_of(ward, ward.slots(session_id)[0]).isoformat()
    deeds = [partial(phone.post, "/waitlist/join", session=session_id, person=who.ref, day=day) for _ in range(8)]
    assert {answer.status_code for answer in quick.at_once(deeds)} == {303}
    assert ward.types(who.ref).count("waitlist.joined") == 1
