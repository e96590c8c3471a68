"""A page that opens a record: looked at first, recorded then, shown only after; and nobody waits at the gate for its reading."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest

from app.domain import clinical
from app.domain.clinical import Kind
from app.models import ClinicalRecord, Link, Opening
from app.services import disclosure, events, queueing, records
from app.services.sealing import object_of, seal_again
from ledger.stores.engine import GateBusy
from tests.browsing import Browser
from tests.fixtures_visit import Person, Ward
from tests.services.test_records import begin, opened, write


@pytest.fixture
def li(ward: Ward) -> Person:
    return ward.person("李明")


@pytest.fixture
def visit_id(ward: Ward, li: Person) -> str:
    visit, ticket = begin(ward, li)
    write(ward, visit)
    ward.do(queueing.finish, ward.chen, ticket)
    return visit


@pytest.fixture
def phone(browser: Browser, ward: Ward, li: Person) -> Browser:
    browser.set_cookie("mz_patient", ward.token("patient", li.actor.ref))
    return browser


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], None]], None]:
    """Let something happen after a page was looked at, before its disclosure is recorded; once."""

    def arrange(happens: Callable[[Any], None]) -> None:
        recorded, waiting = disclosure.record_due, [happens]

        def record(session: Any, *arguments: Any) -> None:
            while waiting:
                waiting.pop()(session)
                session.flush()
            recorded(session, *arguments)

        monkeypatch.setattr(disclosure, "record_due", record)

    return arrange


def test_no_payload_of_the_record_is_opened_while_others_wait_at_the_gate(phone, ward, li, visit_id, monkeypatch):
    """The vault is asked by the reading alone; what the writing seals is the event."""
    recording, at_gate, asked = type(ward.house).writing_session, [], []
    vault = type(ward.house.vault)
    open_ = vault.open

    @contextmanager
    def writing(self: Any, **named: Any) -> Any:
        with recording(self, **named) as session:
            at_gate.append(True)
            try:
                yield session
            finally:
                at_gate.pop()

    def watched(self: Any, owner: str, retention: str, place: str, sealed: bytes) -> Any:
        asked.append((place.split("|")[0], bool(at_gate)))
        return open_(self, owner, retention, place, sealed)

    monkeypatch.setattr(type(ward.house), "writing_session", writing)
    monkeypatch.setattr(vault, "open", watched)
    assert "2型糖尿病" in phone.get(f"/records/{visit_id}").text
    assert ("clinical_record", False) in asked
    assert ("clinical_record", True) not in asked and ("visit", True) not in asked
    assert len(opened(ward, li)) == 1


def test_the_event_names_each_version_by_the_digest_that_recording_at_once_would_have_named(phone, ward, li, visit_id):
    phone.get(f"/records/{visit_id}")
    [own] = opened(ward, li)
    with ward.house.reading_session() as session:
        rows = list(session.query(ClinicalRecord).where(ClinicalRecord.visit_id == visit_id))
        said = {one["id"]: one for one in own["objects"]}
        assert len(said) == own["detail"]["count"] == len(rows) + 1  # and the visit
        assert all(said[row.id] == object_of(session, row) for row in rows)
    assert own["reason"] == "self_unproven" and own["consent"].startswith("link:")


def test_the_address_of_the_receipt_on_the_page_is_the_event_that_was_committed(phone, ward, li, visit_id):
    page = phone.get(f"/records/{visit_id}").text
    with ward.house.reading_session() as session:
        [event_id] = {row.event_id for row in session.query(Opening)} & {page.split("/receipts/")[1][:36]}
    assert event_id in phone.get(f"/receipts/{event_id}").text


def test_nothing_is_shown_whose_event_could_not_be_committed(phone, ward, li, visit_id, monkeypatch):
    def busy(*_arguments: Any, **_named: Any) -> None:
        raise GateBusy("the database stayed busy for 5 s")

    monkeypatch.setattr(events, "record", busy)
    answer = phone.get(f"/records/{visit_id}")
    assert answer.status_code == 503 and "糖尿病" not in answer.text
    assert opened(ward, li) == []


def test_what_was_amended_between_looking_and_recording_is_looked_at_again(phone, ward, li, visit_id, between):
    """The page and the event speak of one version: the one that is there."""

    def amend(session: Any) -> None:
        row = session.query(ClinicalRecord).where(ClinicalRecord.kind == Kind.DIAGNOSIS).one()
        row.status = "amended"
        seal_again(session, row)

    between(amend)
    page = phone.get(f"/records/{visit_id}")
    assert page.status_code == 200 and "2型糖尿病" in page.text
    [own] = opened(ward, li)
    with ward.house.reading_session() as session:
        row = session.query(ClinicalRecord).where(ClinicalRecord.kind == Kind.DIAGNOSIS).one()
        assert row.version == 1  # what the test did between is undone with the transaction that found it
        assert object_of(session, row) in own["objects"]


def test_a_right_that_ended_between_looking_and_recording_shows_nothing(phone, ward, li, visit_id, monkeypatch):
    """The right is asked again where it is recorded, and what then answers is the whole question anew."""
    recording, waiting = type(ward.house).writing_session, [True]

    @contextmanager
    def writing(self: Any, **named: Any) -> Any:
        while waiting:
            waiting.pop()
            with recording(self) as session:
                link = session.query(Link).one()
                link.state, link.ended_at = "ended", ward.now
        with recording(self, **named) as session:
            yield session

    monkeypatch.setattr(type(ward.house), "writing_session", writing)
    answer = phone.get(f"/records/{visit_id}")
    assert answer.status_code in (403, 404) and "糖尿病" not in answer.text
    assert opened(ward, li) == []


def test_two_looks_of_one_sitting_at_once_leave_one_event(phone, ward, li, visit_id, monkeypatch):
    recorded, others = disclosure.record_due, []

    def record(session: Any, actor: Any, seen: Any, now: Any) -> None:
        if not others:
            others.append(seen)
            recorded(session, actor, seen, now)
        recorded(session, actor, seen, now)

    monkeypatch.setattr(disclosure, "record_due", record)
    assert phone.get(f"/records/{visit_id}").status_code == 200
    assert len(opened(ward, li)) == 1


def test_a_page_that_was_read_already_waits_for_nobody(phone, ward, li, visit_id, monkeypatch):
    phone.get(f"/records/{visit_id}")

    def must_not(*_arguments: Any, **_named: Any) -> None:
        raise AssertionError("nothing is to be recorded")

    monkeypatch.setattr(type(ward.house), "writing_session", must_not)
    assert "2型糖尿病" in phone.get(f"/records/{visit_id}").text


def test_what_one_page_shows_twice_is_one_opening_as_before(ward, li, visit_id):
    """The doctor's page reads the lists and the history: an allergy that stands in both is named once."""
    visit, _ = begin(ward, li, ward.plan_again())
    ward.do(records.sign, ward.chen, visit, Kind.ALLERGY, clinical.allergy("penicillin", "皮疹"))
    with ward.house.reading_session() as session:
        disclosure.look(session)
        first = records.open_visit(session, li.actor, visit, ward.now)
        again = records.open_visit(session, li.actor, visit, ward.now)
        seen = disclosure.looked(session)
    assert first.event_id == again.event_id and len(seen.due) == 1
    with ward.house.writing_session() as session:
        disclosure.record_due(session, li.actor, seen, ward.now)
    assert len(opened(ward, li)) == 1
