"""Walking in: one press, one ticket, and nothing of what the hospital knew."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.domain.actor import Actor
from app.domain.documents import Sex, parse_passport, parse_resident_id
from app.domain.errors import AlreadyBooked, NotAllowed, NotFound, SlotTaken
from app.models import Appointment, Patient
from app.services import booking, checkin, identity, lines, people, queueing, slips, walkins
from ledger.receipt import ToShow, parse_extra
from tests.people import LI_ID, WANG_ID

TODAY = date(2026, 3, 2)
LI = parse_resident_id(LI_ID, TODAY)


def walk(ward, document=LI, name="李明", phone=None, session_id=""):
    return ward.do(walkins.walk_in, ward.desk, document, name, phone, session_id or ward.expert)


def elsewhere(ward) -> Actor:
    return Actor("staff", ward.desk.ref, "desk", "sitting", frozenset({"other"}))


def known(ward, ref: str):
    with ward.house.reading_session() as session:
        return identity.read_identity(session, session.get_one(Patient, ref))


def test_somebody_new_without_a_phone_is_registered_and_in_the_line_by_one_act(ward):
    given = walk(ward)
    assert (given.ticket, given.is_new) == ("A001", True)
    assert known(ward, given.patient_ref).is_verified
    assert ward.types(given.patient_ref) == ["person.registered", "appointment.walked_in", "appointment.checked_in"]
    assert {own["actor"]["role"] for _, own in ward.events(given.patient_ref)} == {"desk"}
    assert ward.do(queueing.call_next, ward.chen, ward.expert).ticket == "A001"
    with ward.house.reading_session() as session:
        row = session.get_one(Appointment, given.appointment_id)
        assert (row.slot_id, row.account_ref, row.starts_at) == (None, None, ward.now)


def test_pressing_twice_gives_the_same_ticket_and_records_nothing_more(ward):
    first = walk(ward)
    before = ward.types(first.patient_ref)
    again = walk(ward)
    assert (again.ticket_id, again.appointment_id, again.is_new) == (first.ticket_id, first.appointment_id, False)
    assert ward.types(first.patient_ref) == before


def test_only_a_desk_has_a_document_before_it(ward):
    who = ward.person()
    for actor in (
        ward.chen,
        who.actor,
        Actor("screen", "x", "screen", "s", frozenset({ward.clinic})),
        Actor("staff", "x", "desk", "s"),
    ):
        with pytest.raises(NotAllowed):
            ward.do(people.see_document, actor, LI, "李明", None)


def test_a_second_line_is_for_another_department_only(ward):
    first, other = walk(ward, session_id=ward.pool), walk(ward, session_id=ward.expert)
    assert first.ticket == "B001" and other.ticket == "A001"
    assert walk(ward, session_id=ward.pool_too).ticket == "B001"  # the same department, another room


def test_who_has_an_appointment_there_today_is_checked_in_for_it(ward):
    who = ward.person("王小红")
    booked = ward.booked(who)
    document = parse_resident_id(known(ward, who.ref).number, TODAY)
    given = walk(ward, document, "王小红")
    assert given.appointment_id == booked
    assert "appointment.walked_in" not in ward.types(who.ref)


def test_a_mere_hold_of_ones_own_is_let_go(ward):
    who = ward.person("王小红")
    held = ward.do(booking.hold, who.actor, who.ref, ward.free_slot(ward.expert))
    document = parse_resident_id(known(ward, who.ref).number, TODAY)
    given = walk(ward, document, "王小红")
    assert given.appointment_id != held.id
    assert "appointment.released" in ward.types(who.ref)


def test_after_the_visit_is_over_one_may_walk_in_again(ward):
    first = walk(ward)
    ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.do(queueing.start, ward.chen, first.ticket_id)
    ward.do(queueing.finish, ward.chen, first.ticket_id)
    assert walk(ward).ticket == "A002"


def test_a_record_that_somebody_made_by_typing_the_id_takes_the_documents_name(ward):
    who = ward.person("假名字")
    document = parse_resident_id(known(ward, who.ref).number, TODAY)
    given = walk(ward, document, "王小红")
    assert given.patient_ref == who.ref
    assert (known(ward, who.ref).name, known(ward, who.ref).is_verified) == ("王小红", True)
    assert ward.types(who.ref)[1:] == ["person.verified", "appointment.walked_in", "appointment.checked_in"]


def test_a_verified_document_with_another_name_is_refused_and_changes_nothing(ward):
    ref = walk(ward).patient_ref
    with pytest.raises(people.NameDiffers):
        walk(ward, name="王小红", session_id=ward.pool)
    assert known(ward, ref).name == "李明"
    assert walk(ward, name="李 明", session_id=ward.pool).patient_ref == ref  # spaces are no other name


def test_a_phone_goes_on_file_where_there_is_none_and_takes_no_ones_place(ward):
    ref = walk(ward, phone="+8613800000001").patient_ref
    walk(ward, phone="+8613800000002", session_id=ward.pool)
    assert known(ward, ref).phone == "+8613800000001"


def test_a_passport_walks_in_by_the_name_as_printed(ward):
    document = parse_passport("GBR", "P9990001X", "Emma Brown", date(1990, 6, 21), Sex.FEMALE, TODAY)
    given = walk(ward, document, document.name)
    assert known(ward, given.patient_ref).name == "EMMA BROWN"


def test_nobody_walks_in_at_another_clinics_door_after_hours_or_nowhere(ward, clock):
    with pytest.raises(NotAllowed):
        ward.do(walkins.walk_in, elsewhere(ward), LI, "李明", None, ward.expert)
    with pytest.raises(NotAllowed):
        ward.do(walkins.walk_in, ward.chen, LI, "李明", None, ward.expert)
    with pytest.raises(NotFound):
        walk(ward, session_id="nowhere")
    with pytest.raises(NotAllowed):
        ward.look(walkins.sittings, elsewhere(ward), ward.clinic)
    assert {s.id for s in ward.look(walkins.sittings, ward.desk, ward.clinic)} == {
        ward.expert,
        ward.pool,
        ward.pool_too,
    }
    clock.now += timedelta(hours=3)
    assert ward.look(walkins.sittings, ward.desk, ward.clinic) == []
    with pytest.raises(walkins.SittingOver):
        walk(ward)
    with ward.house.reading_session() as session:
        assert session.query(Patient).count() == 0


def test_what_somebody_gets_does_not_tell_whether_the_hospital_knew_them(ward):
    wang = parse_resident_id(WANG_ID, TODAY)
    ward.do(people.register_at_desk, ward.desk, wang, "王建国", None)
    new, old = vars(walk(ward)), vars(walk(ward, wang, "王建国"))
    assert set(new) == set(old) == {"patient_ref", "appointment_id", "ticket_id", "ticket", "is_new"}
    assert new["is_new"] is old["is_new"] is True  # of the ticket, not of the person


# Booking for somebody


def test_the_desk_books_for_somebody_at_once_and_the_log_says_who(ward):
    ref = walk(ward, session_id=ward.pool).patient_ref
    slot = ward.free_slot(ward.expert)
    booked = ward.do(walkins.book_for, ward.desk, ref, slot)
    assert booked.state == "booked"
    made = [(kind, own["actor"]["role"]) for kind, own in ward.events(ref)][-2:]
    assert made == [("appointment.held", "desk"), ("appointment.booked", "desk")]
    assert ward.do(walkins.book_for, ward.desk, ref, slot).id == booked.id  # pressed again


def test_the_desk_takes_no_slot_from_anybody_and_gives_no_second_one(ward):
    ref = walk(ward, session_id=ward.pool).patient_ref
    slots = ward.slots(ward.expert)
    who = ward.person()
    taken = ward.free_slot(ward.expert)
    ward.booked(who, slot_id=taken)
    with pytest.raises(SlotTaken):
        ward.do(walkins.book_for, ward.desk, ref, taken)
    ward.do(walkins.book_for, ward.desk, ref, slots[-1])
    with pytest.raises(AlreadyBooked):
        ward.do(walkins.book_for, ward.desk, ref, slots[-2])


def test_no_desk_books_in_another_clinic_nor_for_nobody(ward):
    ref = walk(ward, session_id=ward.pool).patient_ref
    with pytest.raises(NotAllowed):
        ward.do(walkins.book_for, elsewhere(ward), ref, ward.free_slot(ward.expert))
    with pytest.raises(NotFound):
        ward.do(walkins.book_for, ward.desk, "nobody", ward.free_slot(ward.expert))


# Slips


def printed(ward, appointment_id):
    slip = ward.do(slips.print_slip, ward.desk, appointment_id)
    return ward.look(slips.printed, ward.desk, slip)


def test_a_slip_says_the_number_and_where_and_its_link_shows_the_check_in_of_nobody(ward):
    given = walk(ward)
    paper = printed(ward, given.appointment_id)
    assert (paper.ticket, paper.room.zh, paper.department.zh, paper.is_walk_in) == ("A001", "1诊室", "心内科", True)
    assert ward.types(given.patient_ref)[-1] == "slip.printed"
    entry, extra, until = ward.look(slips.shown, paper.token)
    opening = parse_extra(extra)
    assert isinstance(opening, ToShow) and opening.entry == entry
    assert b'"appointment.checked_in"' in opening.open
    assert given.patient_ref.encode() not in extra
    assert until == ward.now + timedelta(days=30)


def test_a_booking_has_a_slip_of_its_own_until_it_is_checked_in(ward):
    who = ward.person()
    booked = ward.booked(who)
    paper = printed(ward, booked)
    assert paper.ticket is None
    assert b'"appointment.booked"' in ward.look(slips.shown, paper.token)[1]
    ward.do(checkin.check_in_at_desk, ward.desk, booked)
    assert b'"appointment.checked_in"' in ward.look(slips.shown, printed(ward, booked).token)[1]


def test_the_link_of_each_slip_is_its_own_and_stands_nowhere_in_the_database(ward):
    given = walk(ward)
    one, two = printed(ward, given.appointment_id), printed(ward, given.appointment_id)
    assert one.token != two.token and len(one.token) == 24
    with ward.house.reading_session() as session:
        kept = b"".join(bytes(row.token_hash) for row in session.query(slips.Slip))
    assert one.token.encode() not in kept
    engine = ward.house.engine
    for table in ("slip", "event", "idempotency_key"):
        with engine.connect() as connection:
            assert one.token not in str(connection.exec_driver_sql(f"SELECT * FROM {table}").fetchall())


def test_a_link_lives_thirty_days_and_a_wrong_one_looks_the_same(ward, clock):
    paper = printed(ward, walk(ward).appointment_id)
    clock.now += timedelta(days=30) - timedelta(seconds=1)
    assert ward.look(slips.shown, paper.token)
    clock.now += timedelta(seconds=1)
    for token in (paper.token, paper.token[:-1] + "_", "", "x" * 500):
        with pytest.raises(NotFound):
            ward.look(slips.shown, token)


def test_a_sensitive_department_prints_the_number_alone(ward):
    given = walk(ward)
    with ward.house.writing_session() as session:
        session.get_one(slips.Department, ward.department).is_sensitive = True
    paper = printed(ward, given.appointment_id)
    assert (paper.ticket, paper.department, paper.doctor, paper.room, paper.area) == ("A001", None, None, None, None)


def test_no_other_clinic_prints_or_sees_a_slip(ward):
    given = walk(ward)
    slip = ward.do(slips.print_slip, ward.desk, given.appointment_id)
    for verb, what in (
        (slips.of_appointment, given.appointment_id),
        (slips.of_ticket, given.ticket_id),
        (slips.printed, slip),
    ):
        with pytest.raises(NotAllowed):
            ward.look(verb, elsewhere(ward), what)
        with pytest.raises(NotFound):
            ward.look(verb, ward.desk, "none")
    with pytest.raises(NotAllowed):
        ward.do(slips.print_slip, elsewhere(ward), given.appointment_id)


def test_who_was_only_held_has_no_slip(ward):
    who = ward.person()
    held = ward.do(booking.hold, who.actor, who.ref, ward.free_slot(ward.expert))
    with pytest.raises(NotFound):
        ward.do(slips.print_slip, ward.desk, held.id)


def test_a_walk_in_stands_in_the_same_order_as_everybody(ward):
    ward.waiting()
    given = walk(ward)
    with ward.house.reading_session() as session:
        assert lines.ticket(session, given.ticket_id, ward.now).before == 1
