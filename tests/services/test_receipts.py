"""Whose receipts are whose, and on which page they stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.actor import Actor
from app.domain.errors import NotAllowed, NotFound
from app.services import audit_log, booking, events, receipts
from ledger.receipt import ForMe, ToShow, parse_extra


def lines_of(ward, who, side, **more):
    return ward.look(lambda session, actor, now: receipts.page_of(session, actor, side, now, **more), who.actor)


def test_ones_own_acts_and_others_looks_stand_apart(ward):
    li = ward.person()
    ward.booked(li)
    ward.do(
        lambda s, now: events.record(s, "identity.opened", ward.desk, now, subject=li.ref, detail={"fields": "name"})
    )

    acts, _ = lines_of(ward, li, "act")
    looks, _ = lines_of(ward, li, "look")

    assert [line.type for line in acts][:2] == ["appointment.booked", "appointment.held"]
    assert [(line.type, line.role, line.who_zh, line.is_mine) for line in looks] == [
        ("identity.opened", "desk", "前台小周", False)
    ]


def test_ones_own_look_is_an_act_of_ones_own(ward):
    li = ward.person()
    detail = {"count": 1}
    ward.do(lambda s, now: events.record(s, "record.opened", li.actor, now, subject=li.ref, detail=detail))
    assert lines_of(ward, li, "look")[0] == []
    assert lines_of(ward, li, "act")[0][0].type == "record.opened"


def test_a_page_goes_on_where_the_last_one_ended(ward):
    li = ward.person()
    ward.booked(li)
    everything = [line.id for line in lines_of(ward, li, "act", limit=100)[0]]

    seen, before = [], None
    while True:
        lines, before = lines_of(ward, li, "act", limit=2, before=before)
        seen += [line.id for line in lines]
        if before is None:
            break

    assert seen == everything and len(everything) > 2


def test_nobody_holds_another_persons_receipt(ward):
    li, wang = ward.person(), ward.person()
    ward.booked(li)
    theirs = lines_of(ward, li, "act")[0][0].id

    for ask in (receipts.one, receipts.extra_of):
        with pytest.raises(NotFound) as refusal:
            ward.look(ask, wang.actor, theirs)
        assert refusal.value.about == li.ref  # the attempt stands in the owner's log

    with pytest.raises(NotFound) as refusal:
        ward.look(receipts.one, wang.actor, "0198f6a0-0000-7000-8000-000000000000")
    assert refusal.value.about is None


def test_an_unproven_link_shows_nothing_older_than_itself(ward):
    li = ward.person()
    ward.booked(li)
    ward.clock.now += timedelta(days=1)
    stranger = Actor("patient", "somebody-else", "patient", "sitting-x")
    assert lines_of(ward, replace(li, actor=stranger), "act")[0] == []


def test_the_form_to_show_leaves_out_what_is_the_persons_own(ward):
    li = ward.person()
    ward.booked(li)
    newest = lines_of(ward, li, "act")[0][0]

    def extra(form):
        return ward.look(lambda s, now: receipts.extra_of(s, li.actor, newest.id, now, form=form))

    entry, for_me = extra("me")
    assert entry == newest.entry
    assert isinstance(parse_extra(for_me), ForMe)
    _, to_show = extra("show")
    assert isinstance(parse_extra(to_show), ToShow)
    assert li.ref.encode() in for_me
    assert li.ref.encode() not in to_show


def test_the_newest_receipt_says_whether_there_is_news(ward):
    li = ward.person()
    before = ward.look(receipts.newest_for, li.actor)
    ward.do(booking.hold, li.actor, li.ref, ward.free_slot(ward.expert))
    assert ward.look(receipts.newest_for, li.actor) not in (None, before)


@pytest.fixture
def auditor() -> Actor:
    return Actor("staff", "auditor-ref", "auditor", "sitting-audit")


def test_the_auditor_reads_every_event_and_nobodys_name(ward, auditor):
    li = ward.person("李明")
    ward.booked(li)
    lines, _ = ward.look(audit_log.page_of, auditor)
    assert {line.type for line in lines} >= {"appointment.booked", "person.bound", "staff.created"}
    found = ward.look(audit_log.one, auditor, next(x.id for x in lines if x.type == "appointment.booked"))
    assert found.own["subject"] == li.ref and found.line.subject == li.ref[:8]
    assert "李明" not in str(found)


def test_the_auditors_list_can_be_of_one_type_and_goes_on(ward, auditor):
    def page(**more):
        return ward.look(lambda s, now: audit_log.page_of(s, auditor, now, **more))

    lines, earlier = page(event_type="staff.created", limit=3)
    assert {line.type for line in lines} == {"staff.created"} and earlier == lines[-1].id
    rest, end = page(event_type="staff.created", limit=3, before=earlier)
    assert len(rest) == 1 and end is None


def test_the_auditor_takes_receipts_of_the_house_and_of_nobody_else(ward, auditor):
    li = ward.person()
    lines, _ = ward.look(audit_log.page_of, auditor)
    of_house = next(line for line in lines if not line.subject)
    entry, extra = ward.look(audit_log.extra_of, auditor, of_house.id)
    assert entry == of_house.entry and isinstance(parse_extra(extra), ForMe)
    of_li = next(line for line in lines if li.ref.startswith(line.subject or "-"))
    with pytest.raises(NotFound):
        ward.look(audit_log.extra_of, auditor, of_li.id)


@pytest.mark.parametrize("name", ["chen", "desk", "patient"])
def test_nobody_but_the_auditor_reads_the_book(ward, name):
    actor = ward.person().actor if name == "patient" else getattr(ward, name)
    with pytest.raises(NotAllowed):
        ward.look(audit_log.page_of, actor)


def test_a_doctor_looking_stands_under_who_looked_with_purpose(ward):
    li = ward.person()
    look = {"subject": li.ref, "detail": {"count": 2}, "purpose": "treatment"}
    ward.do(lambda s, now: events.record(s, "record.opened", ward.chen, now, **look))
    looks, _ = lines_of(ward, li, "look")
    assert [(line.type, line.who_en, line.purpose) for line in looks] == [("record.opened", "Dr Chen", "treatment")]
