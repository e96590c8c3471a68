"""Refusals stand in the log of whom they were about, each person's by itself (A6)."""

from __future__ import annotations


def refused(ward, ref) -> int:
    return ward.types(ref).count("act.refused")


def test_trying_two_people_in_one_form_stands_in_both_logs(doors, ward):
    thief, first, second = ward.person(), ward.person(), ward.person()
    phone = doors.phone(thief)
    slot = ward.free_slot(ward.expert)
    for person in (first, second, first):
        assert phone.post("/book/hold", person=person.ref, slot=slot).status_code == 404
    assert (refused(ward, first.ref), refused(ward, second.ref)) == (1, 1)


def test_trying_many_slots_for_another_makes_one_event(doors, ward):
    thief, other = ward.person(), ward.person()
    phone = doors.phone(thief)
    for slot in ward.slots(ward.expert):
        assert phone.post("/book/hold", person=other.ref, slot=slot).status_code == 404
    assert refused(ward, other.ref) == 1


def test_a_second_slot_that_is_taken_is_no_repetition(doors, ward):
    me = ward.person()
    slots = []
    for _ in range(2):
        slots.append(ward.free_slot(ward.expert))
        ward.booked(ward.person(), slot_id=slots[-1])
    phone = doors.phone(me)
    phone.client.post("/book/department", data={"department": ward.department, "csrf_token": phone.token})
    assert [phone.post("/book/hold", person=me.ref, slot=slot).status_code for slot in (*slots, slots[0])] == [
        409,
        409,
        429,
    ]
    assert refused(ward, me.ref) == 2


def test_a_person_that_is_nobody_is_absent_and_leaves_nothing(doors, ward):
    phone = doors.phone(ward.person())
    staff_ref = ward.chen.ref
    for person in ("x" * 22, staff_ref, ward.people[0].actor.ref, ""):
        assert phone.post("/book/hold", person=person, slot=ward.free_slot(ward.expert)).status_code == 404
    assert refused(ward, ward.people[0].actor.ref) == refused(ward, None) == 0
