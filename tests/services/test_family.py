"""Families: several children, two parents, grandparents; what a guardian may at each age, and how it ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain.actor import Actor
from app.domain.documents import parse_resident_id
from app.domain.errors import NotAllowed, NotFound
from app.ports import WeChatIdentity
from app.services import accounts, booking, checkin, guardianship, identity, lines, people, proofs, receipts, rights
from app.services.receipts import page_of
from ledger.receipt import ToShow, parse_extra
from tests.people import with_check

TODAY = date(2026, 3, 2)
LONG_AGO = timedelta(days=900)


def by_wechat(ward, openid: str) -> Actor:
    with ward.house.writing_session() as session:
        ref = accounts.account_for_wechat(session, WeChatIdentity("wxdemo", openid), ward.now)
    return Actor("patient", ref, "patient", f"sitting-{openid}")


def bind(ward, actor, born: date, relation="guardian", name="李小雨", serial="001") -> str:
    document = parse_resident_id(with_check(f"110105{born:%Y%m%d}{serial}"), TODAY)
    with ward.house.writing_session() as session:
        return people.bind(session, actor, document, name, ward.now, relation=relation, has_consented=True)


def ward_of(ward, actor, link_id: str) -> str:
    with ward.house.reading_session() as session:
        return people.own_link(session, actor, link_id).patient_ref


def guarded(ward, openid="parent", born=date(2018, 3, 7), **more) -> tuple[Actor, str, str]:
    """Return a verified guardian: (account, link, child)."""
    actor = by_wechat(ward, openid)
    link = bind(ward, actor, born, **more)
    ward.do(guardianship.verify_guardianship, ward.desk, link)
    return actor, link, ward_of(ward, actor, link)


def own_account(ward, ref: str, openid="teen") -> tuple[Actor, str]:
    """Return the account of the person themself, proven by a code of the desk."""
    with ward.house.reading_session() as session:
        number = identity.read_identity(session, session.get_one(people.Patient, ref)).number
    actor = by_wechat(ward, openid)
    with ward.house.writing_session() as session:
        link = people.bind(
            session, actor, parse_resident_id(number, TODAY), "李小雨", ward.now, relation="self", has_consented=True
        )
    code = ward.do(proofs.issue_claim_code, ward.desk, ref)
    assert ward.do(proofs.prove, actor, link, code)
    return actor, link


def names(ward, actor) -> list[str]:
    with ward.house.reading_session() as session:
        return [link.name for link in people.links_of(session, str(actor.ref))]


# Several people


def test_one_account_holds_several_children_and_a_child_has_two_parents(ward):
    mother, _, first = guarded(ward, "mother")
    second = bind(ward, mother, date(2020, 5, 5), name="李小风", serial="003")
    ward.do(guardianship.verify_guardianship, ward.desk, second)
    father, _, same = guarded(ward, "father")
    assert same == first
    for actor, refs in ((mother, {first, ward_of(ward, mother, second)}), (father, {first})):
        assert {ref for ref, _ in ward.look(rights.reached, actor)} == refs


def test_an_account_is_no_register(ward):
    parent = by_wechat(ward, "parent")
    for number in range(people.MOST_PEOPLE):
        bind(ward, parent, date(2018, 3, 1 + number))
    with pytest.raises(people.PeopleFull):
        bind(ward, parent, date(2018, 4, 1))
    bind(ward, parent, date(2018, 3, 1))  # who is there already is found again


def test_a_grown_up_of_the_family_opens_by_their_own_code_only(ward):
    daughter = by_wechat(ward, "daughter")
    link = bind(ward, daughter, date(1954, 1, 20), "family", "王建国")
    father = ward_of(ward, daughter, link)
    for ask in (rights.see_own, rights.act_for, rights.see_health):
        with pytest.raises(NotFound):
            ward.look(ask, daughter, father)
    code = ward.do(proofs.issue_claim_code, ward.desk, father)
    assert not ward.do(proofs.prove, daughter, link, "000000" if code != "000000" else "111111")
    assert ward.do(proofs.prove, daughter, link, code)
    with ward.house.reading_session() as session:
        old = rights.see_health(session, daughter, father, ward.now, recorded_at=ward.now - LONG_AGO)
    assert (old.basis, old.since_at) == ("family", None)


def test_family_takes_nobodys_own_link_away(ward):
    father = ward.person("王小红")
    daughter = by_wechat(ward, "daughter")
    with ward.house.reading_session() as session:
        number = identity.read_identity(session, session.get_one(people.Patient, father.ref)).number
    with ward.house.writing_session() as session:
        document = parse_resident_id(number, TODAY)
        link = people.bind(session, daughter, document, "王小红", ward.now, relation="family", has_consented=True)
    code = ward.do(proofs.issue_claim_code, ward.desk, father.ref)
    assert ward.do(proofs.prove, daughter, link, code)
    assert ward.look(rights.see_own, father.actor, father.ref)
    assert "person.superseded" not in ward.types(father.ref)


def test_the_grown_up_ends_it_at_any_time_and_it_is_over_at_once(ward):
    daughter = by_wechat(ward, "daughter")
    link = bind(ward, daughter, date(1954, 1, 20), "family", "王建国")
    father = ward_of(ward, daughter, link)
    ward.do(proofs.prove, daughter, link, ward.do(proofs.issue_claim_code, ward.desk, father))
    himself, _ = own_account(ward, father, "father")
    ward.do(guardianship.revoke, himself, link)
    with pytest.raises(NotFound):
        ward.look(rights.see_own, daughter, father)
    assert ward.events(father)[-1][0] == "guardianship.revoked"
    assert ward.events(father)[-1][1]["detail"] == {"relation": "family", "by": "patient"}


# By age


@pytest.fixture
def teen(ward):
    """A verified guardian of somebody of fifteen, who was checked in today."""
    actor, link, ref = guarded(ward, born=date(2010, 9, 1))
    held = ward.do(booking.hold, actor, ref, ward.free_slot(ward.expert))
    booked = ward.do(booking.confirm, actor, held.id)
    ward.do(checkin.check_in_at_desk, ward.desk, booked.id)
    return actor, link, ref


def test_the_guardian_of_a_fifteen_year_old_arranges_visits_and_reads_no_health(ward, teen):
    actor, _, ref = teen
    assert [view.state for view in ward.look(booking.appointments_of, actor)] == ["checked_in"]
    assert [t.before for t in ward.look(lines.tickets_of, actor)] == [0]
    with pytest.raises(NotAllowed):
        ward.look(rights.see_health, actor, ref)


def test_of_a_visit_the_guardian_of_a_fifteen_year_old_reads_the_form_to_show(ward, teen):
    actor, _, ref = teen
    with ward.house.reading_session() as session:
        found, _ = page_of(session, actor, "act", ward.now)
    theirs = {line.type: line for line in found if line.subject == ref}
    by_desk = theirs["appointment.checked_in"]
    assert (by_desk.detail, by_desk.who_zh, by_desk.role, by_desk.purpose) == ({}, "", "", "")
    assert theirs["appointment.booked"].detail  # what one did oneself one may read
    with ward.house.reading_session() as session:
        assert receipts.one(session, actor, by_desk.id, ward.now).detail == {}
        assert isinstance(parse_extra(receipts.extra_of(session, actor, by_desk.id, ward.now)[1]), ToShow)


@pytest.mark.parametrize("born", [date(2012, 3, 3), date(2012, 2, 29)])
def test_health_closes_on_the_fourteenth_birthday_at_the_hospitals_midnight(ward, clock, born):
    actor, _, ref = guarded(ward, born=date(2012, 3, 3)) if born.day == 3 else _leap(ward, clock)
    midnight = datetime(2026, 3, 2, 16, tzinfo=UTC) if born.day == 3 else datetime(2026, 2, 28, 16, tzinfo=UTC)
    clock.now = midnight - timedelta(seconds=1)
    assert ward.look(rights.see_health, actor, ref).basis == "guardian"
    clock.now = midnight
    with pytest.raises(NotAllowed):
        ward.look(rights.see_health, actor, ref)
    assert ward.look(rights.act_for, actor, ref).basis == "guardian"


def _leap(ward, clock):
    clock.now = datetime(2026, 2, 20, 2, tzinfo=UTC)
    return guarded(ward, born=date(2012, 2, 29))


def test_at_eighteen_it_is_over_by_itself_on_every_list_at_once(ward, clock):
    actor, link, ref = guarded(ward, born=date(2008, 3, 4))
    midnight = datetime(2026, 3, 3, 16, tzinfo=UTC)
    clock.now = midnight - timedelta(seconds=1)
    assert names(ward, actor) == ["李小雨"]
    assert [who for who, _ in ward.look(rights.reached, actor)] == [ref]
    clock.now = midnight
    assert names(ward, actor) == []
    assert ward.look(rights.reached, actor) == []
    for ask in (rights.see_own, rights.act_for, rights.see_health):
        with pytest.raises(NotAllowed):
            ward.look(ask, actor, ref)
    with ward.house.reading_session() as session:
        assert guardianship.stand_ins(session, ref, clock()) == []
        assert people.own_link(session, actor, link).state == "active"  # computed, not stored


def test_a_guardianship_ends_on_the_day_that_the_papers_say(ward, clock):
    actor = by_wechat(ward, "aunt")
    link = bind(ward, actor, date(2018, 3, 7))
    ref = ward_of(ward, actor, link)
    for wrong in (TODAY, date(2036, 3, 8)):
        with pytest.raises(guardianship.UntilWrong):
            ward.do(guardianship.verify_guardianship, ward.desk, link, until_on=wrong)
    papers = {"papers": "guardianship_papers", "until_on": date(2026, 4, 1)}
    ward.do(guardianship.verify_guardianship, ward.desk, link, **papers)
    assert ward.events(ref)[-1][1]["detail"] == {"until": "2026-04-01", "papers": "guardianship_papers"}
    clock.now = datetime(2026, 3, 31, 15, 59, tzinfo=UTC)
    assert ward.look(rights.see_health, actor, ref)
    clock.now = datetime(2026, 3, 31, 16, tzinfo=UTC)
    with pytest.raises(NotFound):
        ward.look(rights.see_own, actor, ref)
    assert names(ward, actor) == []


def test_a_verified_guardianship_says_the_eighteenth_birthday(ward):
    _, _, ref = guarded(ward, born=date(2012, 2, 29))
    assert ward.events(ref)[-1][1]["detail"]["until"] == "2030-03-01"


def test_nobody_is_verified_as_the_guardian_of_somebody_who_has_grown_up_meanwhile(ward, clock):
    actor = by_wechat(ward, "parent")
    link = bind(ward, actor, date(2008, 3, 4))
    clock.now += timedelta(days=3)
    with pytest.raises(people.NotAChild):
        ward.do(guardianship.verify_guardianship, ward.desk, link)


# Ending it


def _ends_by_desk(ward, actor, link, ref):
    ward.do(guardianship.revoke, ward.desk, link)


def _ends_by_guardian(ward, actor, link, ref):
    ward.do(people.unbind, actor, link)


def _ends_by_ward(ward, actor, link, ref):
    ward.do(guardianship.revoke, own_account(ward, ref)[0], link)


@pytest.mark.parametrize("end", [_ends_by_desk, _ends_by_guardian, _ends_by_ward])
def test_a_former_guardian_loses_everything_at_once(ward, teen, end):
    actor, link, ref = teen
    (ticket,) = ward.look(lines.tickets_of, actor)
    end(ward, actor, link, ref)
    assert ward.look(booking.appointments_of, actor) == []
    assert ward.look(lines.tickets_of, actor) == []
    assert names(ward, actor) == []
    with ward.house.reading_session() as session:
        assert [line for line in page_of(session, actor, "act", ward.now)[0] if line.subject == ref] == []
    for ask, what in ((lines.position, ticket.id), (booking.appointment, ticket.appointment_id), (rights.act_for, ref)):
        with pytest.raises(NotFound):
            ward.look(ask, actor, what)


def test_ending_it_twice_is_no_harm(ward, teen):
    _, link, ref = teen
    ward.do(guardianship.revoke, ward.desk, link)
    before = ward.types(ref)
    assert ward.do(guardianship.revoke, ward.desk, link) == ref
    assert ward.types(ref) == before


def test_a_child_under_fourteen_and_whoever_typed_the_id_end_nothing(ward, teen):
    _, link, ref = teen
    thief = by_wechat(ward, "thief")
    with ward.house.reading_session() as session:
        number = identity.read_identity(session, session.get_one(people.Patient, ref)).number
    with ward.house.writing_session() as session:
        people.bind(
            session, thief, parse_resident_id(number, TODAY), "李小雨", ward.now, relation="self", has_consented=True
        )
    with pytest.raises(NotFound):
        ward.do(guardianship.revoke, thief, link)
    _, childs_link, child = guarded(ward, "other parent", serial="005")
    young, _ = own_account(ward, child, "young")
    with pytest.raises(NotAllowed) as refused:
        ward.do(guardianship.revoke, young, childs_link)
    assert refused.value.facts["rule"] == "own_say_later"


def test_neither_another_guardian_nor_a_doctor_ends_a_guardianship(ward, teen):
    _, link, _ = teen
    father, own, _ = guarded(ward, "father", born=date(2010, 9, 1))
    for who in (father, ward.chen, ward.person().actor):
        with pytest.raises((NotFound, NotAllowed)):
            ward.do(guardianship.revoke, who, link)
    assert own != link


def test_the_person_sees_who_holds_them_masked(ward, teen):
    _, _, ref = teen
    mother = ward.person("王小红")
    with ward.house.writing_session() as session:
        document = parse_resident_id(with_check("11010520100901001"), TODAY)
        link = people.bind(session, mother.actor, document, "李小雨", ward.now, relation="guardian", has_consented=True)
    ward.do(guardianship.verify_guardianship, ward.desk, link)
    with ward.house.reading_session() as session:
        held = guardianship.stand_ins(session, ref, ward.now)
    assert [(h.name, h.until_on) for h in held] == [("", date(2028, 9, 1)), ("王*红", date(2028, 9, 1))]
