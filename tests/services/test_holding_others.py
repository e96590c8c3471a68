"""Ways to hold somebody else's record that looked open: a phone of one's own on file, codes asked for again and again,
a child who has grown up, a role of another clinic."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.domain.actor import SYSTEM, Actor
from app.domain.documents import parse_resident_id
from app.domain.errors import NotAllowed, NotFound, TooMany
from app.domain.ids import new_ref
from app.models import Appointment, Patient, Slot
from app.ports import WeChatIdentity
from app.services import (
    accounts,
    booking,
    checkin,
    desk_identity,
    guardianship,
    lines,
    people,
    planning,
    proofs,
    receipts,
    staff,
    staff_signin,
    websessions,
)
from app.services.sealing import seal_next
from ledger.receipt import ForMe, ToShow, parse_extra
from tests.fixtures_visit import Person
from tests.people import LI_ID, with_check

TODAY = date(2026, 3, 2)


def by_phone(writing, clock, phone: str) -> Actor:
    with writing() as session:
        return Actor("patient", accounts.account_for_phone(session, phone, clock()), "patient", "sitting")


def by_wechat(writing, clock, openid: str) -> Actor:
    with writing() as session:
        ref = accounts.account_for_wechat(session, WeChatIdentity("wxdemo", openid), clock())
    return Actor("patient", ref, "patient", "sitting")


def bind(writing, clock, actor, number=LI_ID, relation="self", name="李明") -> str:
    with writing() as session:
        document = parse_resident_id(number, TODAY)
        return people.bind(session, actor, document, name, clock(), relation=relation, has_consented=True)


def test_a_phone_that_came_with_an_unproven_bind_proves_nothing(writing, clock):
    thief = by_phone(writing, clock, "+8613800000099")
    first = bind(writing, clock, thief)
    with writing() as session:
        people.unbind(session, thief, first, clock())
    again = bind(writing, clock, thief)
    with writing() as session, pytest.raises(proofs.NoPhoneOnFile):
        proofs.ask_phone_proof(session, thief, again, clock())


def test_the_phone_that_the_hospital_was_told_takes_the_place_of_the_account_holders_own(writing, reading, clock):
    thief = by_phone(writing, clock, "+8613800000099")
    link_id = bind(writing, clock, thief)
    with writing() as session:
        ref = people.own_link(session, thief, link_id).patient_ref
        people.put_phone_on_file(session, ref, "+8613800000001")
    owner = by_wechat(writing, clock, "owner")
    mine = bind(writing, clock, owner)
    with writing() as session:
        assert proofs.ask_phone_proof(session, owner, mine, clock())[0] == "+8613800000001"
    with writing() as session:
        people.put_phone_on_file(session, ref, "+8613800000002")  # what the hospital has stays
    with reading() as session:
        assert people.contact_of(session, session.get(Patient, ref))["phone"] == "+8613800000001"


def known_by_phone(writing, clock, number=LI_ID, phone="+8613800000001") -> str:
    desk = Actor("staff", "nurse", "desk", "s", frozenset({"main"}))
    with writing() as session:
        return people.register_at_desk(session, desk, parse_resident_id(number, TODAY), "李明", phone, clock())[0]


def test_binding_anew_or_by_another_account_sends_no_more_messages_to_one_phone(writing, clock):
    known_by_phone(writing, clock)
    for turn in range(5):
        thief = by_wechat(writing, clock, f"thief-{turn}")
        link_id = bind(writing, clock, thief)
        with writing() as session:
            proofs.ask_phone_proof(session, thief, link_id, clock())
        clock.now += timedelta(minutes=2)
    for turn in range(4, 6):
        thief = by_wechat(writing, clock, f"thief-{turn}")
        if turn == 4:
            with writing() as session:
                people.unbind(session, thief, people.links_of(session, thief.ref)[0].id, clock())
        link_id = bind(writing, clock, thief)
        with writing() as session, pytest.raises(TooMany):
            proofs.ask_phone_proof(session, thief, link_id, clock())


def test_a_claim_code_of_one_person_opens_no_other(writing, clock):
    known_by_phone(writing, clock)
    other_id = with_check("11010519900307872")
    other = known_by_phone(writing, clock, other_id, "+8613800000002")
    thief = by_wechat(writing, clock, "thief")
    link_id = bind(writing, clock, thief)
    with writing() as session:
        code = proofs.issue_claim_code(session, Actor("staff", "n", "desk", "s", frozenset({"main"})), other, clock())
    with writing() as session:
        assert not proofs.prove(session, thief, link_id, code, clock())


@pytest.fixture
def grown(ward, writing, clock) -> tuple[Person, str]:
    """A guardian whose child turns eighteen in two days, with an appointment of today checked in."""
    born = TODAY.replace(year=TODAY.year - 13)
    number = with_check(f"110105{born:%Y%m%d}001")
    guardian = by_wechat(writing, clock, "parent")
    link_id = bind(writing, clock, guardian, number, "guardian", "李小雨")
    with writing() as session:
        guardianship.verify_guardianship(session, ward.desk, link_id, clock())
        ref = people.own_link(session, guardian, link_id).patient_ref
    return Person(guardian, ref, "李小雨"), link_id


def test_a_guardian_of_somebody_grown_up_sees_neither_appointments_nor_tickets_nor_receipts(
    ward, grown, clock, reading
):
    child, _ = grown
    clock.now = clock.now.replace(year=clock.now.year + 5)
    later = ward.plan_again()
    with ward.house.writing_session() as session:
        slot = ward.slots(later)[-1]
        appointment = _booked_by_hospital(session, ward, child.ref, slot, later)
    ward.do(checkin.check_in_at_desk, ward.desk, appointment)
    with reading() as session:
        assert booking.appointments_of(session, child.actor, clock()) == []
        assert lines.tickets_of(session, child.actor, clock()) == []
        subjects = {line.subject for line in receipts.page_of(session, child.actor, "act", clock())[0]}
    assert child.ref not in subjects


def _booked_by_hospital(session, ward, patient_ref, slot_id, session_id) -> str:
    row = Appointment(
        id=new_ref(), patient_ref=patient_ref, slot_id=slot_id, session_id=session_id, clinic_id=ward.clinic,
        state="booked", starts_at=session.get(Slot, slot_id).starts_at, created_at=ward.now,
    )  # fmt: skip
    seal_next(session, row)
    return row.id


def test_of_somebody_of_fourteen_a_guardian_takes_away_the_form_to_show_only(ward, grown, clock, reading):
    child, _ = grown
    held = ward.do(booking.hold, child.actor, child.ref, ward.free_slot(ward.expert))
    assert held.patient_ref == child.ref
    with reading() as session:
        event = next(e for e in receipts.page_of(session, child.actor, "act", clock())[0] if e.subject == child.ref).id
        assert isinstance(parse_extra(receipts.extra_of(session, child.actor, event, clock())[1]), ForMe)
    clock.now = clock.now.replace(year=clock.now.year + 2)
    with reading() as session:
        assert isinstance(parse_extra(receipts.extra_of(session, child.actor, event, clock())[1]), ToShow)


def test_a_role_in_one_clinic_lends_nothing_to_another_role_elsewhere(ward, writing, clock):
    other = ward.do(planning.create_clinic, SYSTEM, "分院", "Branch")
    with writing() as session:
        staff.grant(session, SYSTEM, ward.lin.ref, "desk", other, clock())
    with writing() as session:
        token, _ = staff_signin.sign_in(session, ward.lin.ref, clock())
    with writing() as session:
        found = websessions.find(session, ("staff",), token, clock())
    assert found.actor.role == "doctor"
    assert found.actor.clinics == {ward.clinic}


def test_staff_of_no_desk_verify_no_guardian(ward, writing, clock):
    guardian = by_wechat(writing, clock, "parent")
    number = with_check("11010520180307001")
    link_id = bind(writing, clock, guardian, number, "guardian", "李小雨")
    for who in (ward.chen, guardian):
        with writing() as session, pytest.raises((NotFound, NotAllowed)):
            guardianship.verify_guardianship(session, who, link_id, clock())
        with writing() as session, pytest.raises((NotFound, NotAllowed)):
            proofs.issue_claim_code(session, who, people.own_link(session, guardian, link_id).patient_ref, clock())


def test_the_desk_that_reads_a_guardians_name_leaves_it_in_the_guardians_log(ward, writing, clock):
    guardian = ward.person("王小红")
    bind(writing, clock, guardian.actor, with_check("11010520180307001"), "guardian", "李小雨")
    with writing() as session:
        child = people.links_of(session, guardian.actor.ref)[1].patient_ref
    found = ward.do(desk_identity.open_person, ward.desk, child)
    assert found.requests[0].guardian_name == "王小红"
    assert ward.types(guardian.ref)[-1] == ward.types(child)[-1] == "identity.opened"
