"""Knowing somebody's ID opens nothing: the rule, tried from every side."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.domain.actor import Actor
from app.domain.documents import DocumentKind, parse_resident_id
from app.domain.errors import NotAllowed, NotFound
from app.ports import WeChatIdentity
from app.services import accounts, events, guardianship, people, proofs, rights
from tests.people import CHILD_ID, LI_ID

TODAY = date(2026, 3, 2)


def account(writing, clock, openid: str) -> Actor:
    with writing() as session:
        ref = accounts.account_for_wechat(session, WeChatIdentity("wxdemo", openid), clock())
    return Actor("patient", ref, "patient", "sitting")


def bind(writing, clock, actor, number=LI_ID, name="李明", relation="self"):
    with writing() as session:
        document = parse_resident_id(number, TODAY)
        return people.bind(session, actor, document, name, clock(), relation=relation, has_consented=True)


def link(reading, actor):
    with reading() as session:
        return people.links_of(session, actor.ref)[0]


def test_the_same_wechat_identity_is_the_same_account(writing, clock):
    assert account(writing, clock, "o1").ref == account(writing, clock, "o1").ref != account(writing, clock, "o2").ref


def test_two_apps_with_one_unionid_lead_to_one_account(writing, clock):
    with writing() as session:
        first = accounts.account_for_wechat(session, WeChatIdentity("wxa", "o1", "u"), clock())
        second = accounts.account_for_wechat(session, WeChatIdentity("wxb", "o9", "u"), clock())
    assert first == second


def test_a_document_that_nobody_has_opens_from_now_on(writing, reading, clock):
    actor = account(writing, clock, "o1")
    bind(writing, clock, actor)
    mine = link(reading, actor)
    assert (mine.state, mine.proof, mine.name) == ("active", "none", "李明")
    with reading() as session:
        assert rights.see_health(session, actor, mine.patient_ref, clock()).since_at == clock()
        with pytest.raises(NotFound):
            rights.see_health(session, actor, mine.patient_ref, clock(), recorded_at=clock() - timedelta(days=1))


def test_the_right_name_and_id_of_somebody_on_file_open_nothing(writing, reading, clock):
    owner, thief = account(writing, clock, "owner"), account(writing, clock, "thief")
    bind(writing, clock, owner)
    bind(writing, clock, thief)
    theirs = link(reading, thief)
    assert theirs.state == "pending"
    with reading() as session, pytest.raises(NotFound):
        rights.see_own(session, thief, theirs.patient_ref, clock())
    with reading() as session, pytest.raises(NotFound):
        rights.see_health(session, thief, theirs.patient_ref, clock())


def test_the_owners_log_names_the_attempt(writing, reading, clock):
    owner, thief = account(writing, clock, "owner"), account(writing, clock, "thief")
    bind(writing, clock, owner)
    bind(writing, clock, thief)
    with reading() as session:
        from sqlalchemy import select

        from app.models import Event

        ref = people.links_of(session, owner.ref)[0].patient_ref
        types = session.scalars(select(Event.type).where(Event.subject_ref == ref).order_by(Event.seq)).all()
    assert types == ["person.bound", "person.bind_requested"]


def test_a_desk_code_opens_everything_and_ends_the_unproven_link(writing, reading, clock):
    thief, owner = account(writing, clock, "thief"), account(writing, clock, "owner")
    bind(writing, clock, thief)  # the thief was first: the record is made by them, unproven
    bind(writing, clock, owner)
    desk = Actor("staff", "nurse", "desk", "s", frozenset({"main"}))
    mine = link(reading, owner)
    with writing() as session:
        ref = people.find_by_document(session, DocumentKind.RESIDENT_ID, "CHN", LI_ID)
        code = proofs.issue_claim_code(session, desk, ref, clock())
    wrong = "000000" if code != "000000" else "111111"
    with writing() as session:
        assert not proofs.prove(session, owner, mine.id, wrong, clock())
    with writing() as session:
        assert proofs.prove(session, owner, mine.id, code, clock())
    with reading() as session:
        assert (
            rights.see_health(
                session, owner, mine.patient_ref, clock(), recorded_at=clock() - timedelta(days=900)
            ).since_at
            is None
        )
        with pytest.raises(NotFound):
            rights.see_own(session, thief, mine.patient_ref, clock())


def test_a_code_works_once_and_five_wrong_tries_kill_it(writing, reading, clock):
    thief, owner = account(writing, clock, "thief"), account(writing, clock, "owner")
    bind(writing, clock, owner)
    bind(writing, clock, thief)
    theirs = link(reading, thief)
    with writing() as session:
        code = proofs.issue_claim_code(
            session, Actor("staff", "n", "desk", "s", frozenset({"main"})), theirs.patient_ref, clock()
        )
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _ in range(5):
        with writing() as session:
            assert not proofs.prove(session, thief, theirs.id, wrong, clock())
    with writing() as session:
        assert not proofs.prove(session, thief, theirs.id, code, clock())


def test_a_guardian_sees_nothing_until_the_desk_has_seen_the_papers(writing, reading, clock):
    parent = account(writing, clock, "parent")
    link_id = bind(writing, clock, parent, CHILD_ID, "李小雨", "guardian")
    child = link(reading, parent).patient_ref
    with reading() as session, pytest.raises(NotAllowed):
        rights.see_own(session, parent, child, clock())
    with writing() as session:
        guardianship.verify_guardianship(
            session, Actor("staff", "n", "desk", "s", frozenset({"main"})), link_id, clock()
        )
    with reading() as session:
        assert rights.see_health(session, parent, child, clock()).basis == "guardian"
        # Until the fourteenth birthday.
        with pytest.raises(NotAllowed):
            rights.see_health(session, parent, child, clock() + timedelta(days=366 * 14))


def test_every_event_says_what_it_bound_and_no_name_stands_in_any(writing, reading, clock):
    actor = account(writing, clock, "openid of Li Ming")
    bind(writing, clock, actor)
    with reading() as session:
        from sqlalchemy import select

        from app.models import Event

        for event in session.scalars(select(Event)):
            _, opened, _, own = events.open_event(session, event)
            for secret in ("李", LI_ID, "openid of Li Ming"):
                assert secret not in (opened + own).decode()
