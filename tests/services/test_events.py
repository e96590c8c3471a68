"""Events: one for each act, chained for each person, sealed at rest, opened by nobody but their holder's receipt."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.adapters.errors import SealBroken
from app.domain.actor import Actor
from app.models import Account, Event
from app.services import events
from app.services.sealing import object_of, open_payload, seal_next
from ledger.entry import canonical_json, chain_link, entry_of, own_hash, parse_canonical_json, row_digest

ME = Actor("patient", "me", "patient", "sitting")


@pytest.fixture
def owner(hospital, writing, clock) -> str:
    hospital.vault.welcome("me")
    with writing() as session:
        account = Account(ref="me", created_at=clock())
        seal_next(session, account, {"phone": "+8613800138000"})
    return "me"


def record(writing, clock, **how) -> str:
    with writing() as session:
        row = session.get_one(Account, "me")
        return events.record(
            session, "session.signed_in", ME, clock(), subject="me", objects=[row], detail={"door": "phone"}, **how
        ).id


def test_each_event_binds_the_one_before_it(owner, writing, reading, clock) -> None:
    for _ in range(4):
        record(writing, clock)
    with reading() as session:
        rows = session.scalars(select(Event).order_by(Event.seq)).all()
        opened = [events.open_event(session, row) for row in rows]
    assert [row.seq for row in rows] == [1, 2, 3, 4]
    before = bytes(32)
    for row, (open_salt, open_part, own_salt, own) in zip(rows, opened, strict=True):
        assert json.loads(own)["prev"] == before.hex()
        assert entry_of(open_salt, own_hash(own_salt, own), open_part) == row.entry
        before = chain_link(own_salt, row.entry)


def test_both_halves_are_canonical_and_hold_no_datum(owner, writing, reading, clock) -> None:
    record(writing, clock, purpose="treatment", reason="because")
    with reading() as session:
        _, open_part, _, own = events.open_event(session, session.scalars(select(Event)).one())
    for part in (open_part, own):
        assert canonical_json(parse_canonical_json(part)) == part
        assert b"13800138000" not in part and b"phone" not in part.replace(b'"door":"phone"', b"")
    assert set(json.loads(open_part)) == {"v", "id", "at", "type"}
    assert set(json.loads(own)) == {"subject", "seq", "prev", "actor", "objects", "detail", "purpose", "reason"}


def test_an_object_is_bound_by_the_salted_digest_of_its_projection(owner, writing, reading, clock) -> None:
    record(writing, clock)
    with reading() as session:
        row = session.get_one(Account, "me")
        payload, salt = open_payload(session, row)
        named = object_of(session, row)
        assert named["digest"] == row_digest(salt, {"projection": "account.v1", **row.project(payload)}).hex()
        row.has_phone = True
        assert object_of(session, row)["digest"] != named["digest"]


def test_two_versions_of_one_content_have_two_salts(owner, writing, reading, clock) -> None:
    with reading() as session:
        first = object_of(session, session.get_one(Account, "me"))
    with writing() as session:
        row = session.get_one(Account, "me")
        seal_next(session, row, open_payload(session, row)[0])
    with reading() as session:
        second = object_of(session, session.get_one(Account, "me"))
    assert (first["version"], second["version"]) == (1, 2) and first["digest"] != second["digest"]


def test_the_event_and_its_entry_come_and_go_with_the_act(owner, writing, reading, clock) -> None:
    class PowerCut(Exception):
        pass

    with pytest.raises(PowerCut), writing() as session:
        events.record(session, "session.signed_out", ME, clock(), subject="me")
        raise PowerCut
    with reading() as session:
        assert session.scalars(select(Event)).all() == []
        assert session.execute(text("SELECT count(*) FROM ledger_entry")).scalar() == 0


def test_an_unknown_type_another_field_and_the_future_are_our_own_mistakes(owner, writing, clock) -> None:
    for event_type, detail, at in (
        ("no.such", {}, clock()),
        ("session.signed_in", {}, clock()),
        ("session.signed_in", {"door": "phone", "name": "x"}, clock()),
        ("session.signed_out", {}, clock() + timedelta(seconds=11)),
    ):
        with pytest.raises(ValueError), writing() as session:
            events.record(session, event_type, ME, at, subject="me", detail=detail)


def test_a_sealed_payload_opens_in_its_own_row_and_version_only(owner, hospital, writing, reading, clock) -> None:
    hospital.vault.welcome("you")
    with writing() as session:
        other = Account(ref="you", created_at=clock())
        seal_next(session, other, {"phone": "+8613900139000"})
    with writing() as session:
        session.execute(
            text("UPDATE account SET sealed = (SELECT sealed FROM account WHERE ref = 'me') WHERE ref = 'you'")
        )
    with reading() as session, pytest.raises(SealBroken):
        open_payload(session, session.get_one(Account, "you"))
    with writing() as session:
        session.execute(text("UPDATE account SET version = 7 WHERE ref = 'me'"))
    with reading() as session, pytest.raises(SealBroken):
        open_payload(session, session.get_one(Account, "me"))


def test_nothing_of_the_payload_lies_in_the_files(owner, var, writing, clock) -> None:
    record(writing, clock)
    for file in var.rglob("*"):
        if file.is_file():
            assert b"13800138000" not in file.read_bytes(), file
