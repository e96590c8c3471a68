"""Whoever opens part of a record, at whatever door, keeps nobody waiting for it: payloads are opened before the gate, not behind it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest
from werkzeug.test import Client

from app.models import ClinicalRecord, Event, Link
from app.services import events, share_openings, shares
from app.services.sealing import object_of, seal_again
from ledger.stores.engine import GateBusy
from tests.calling import Caller
from tests.fixtures_visit import Ward
from tests.web.test_fhir import diary as diary
from tests.web.test_fhir import li as li
from tests.web.test_fhir import read_events
from tests.web.test_fhir import visit as visit
from tests.web.test_shares import WHO, decrypted, manifest, share

CONTENT = {"clinical_record", "visit", "problem", "immunization", "document", "document_content", "share_file"}


@pytest.fixture
def opened_behind(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[set[str], set[str]]]:
    """Return which tables' payloads were opened before the gate and which behind it, since it was asked last."""
    recording, at_gate = type(ward.house).writing_session, []
    asked: list[tuple[str, bool]] = []
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

    def tell() -> tuple[set[str], set[str]]:
        before, behind = ({table for table, is_behind in asked if is_behind is which} for which in (False, True))
        asked.clear()
        return before & CONTENT, behind & CONTENT

    return tell


@pytest.fixture
def elsewhere(app: Any) -> Client:
    return app.test_client()


def test_the_list_of_what_there_is_to_share_is_opened_before_the_gate(doors, ward, li, visit, opened_behind):
    phone = doors.phone(li)
    opened_behind()
    assert "血糖" in phone.get("/me/shares/new").text
    assert opened_behind() == ({"clinical_record"}, set())
    assert [kind for kind, _own in ward.events(li.ref)].count("record.opened") == 1


def test_calls_of_the_api_open_before_the_gate_and_bring_their_receipt(app, ward, li, visit, opened_behind):
    phone = Caller(app, ward.token("api", li.actor.ref))
    with ward.house.reading_session() as session:
        value = session.query(ClinicalRecord).where(ClinicalRecord.series.is_not(None)).first().id
    for path in (f"/records/courses/{value}", f"/records/known/{li.ref}", f"/records/{visit}"):
        opened_behind()
        phone.receipts.clear()
        phone.get(path)
        before, behind = opened_behind()
        assert before and not behind, path
        [receipt] = phone.receipts
        with ward.house.reading_session() as session:
            assert session.get_one(Event, receipt["id"]).subject_ref == li.ref


def test_applications_read_and_search_before_the_gate(diary, ward, li, opened_behind):
    for kind in ("Observation", "Condition", "Encounter"):
        opened_behind()
        found = diary.get(kind).json["entry"]
        before, behind = opened_behind()
        assert before and not behind
        assert diary.get(f"{kind}/{found[0]['resource']['id']}").status_code == 200
        assert opened_behind()[1] == set()
    with ward.house.reading_session() as session:
        rows = {row.id: row for row in session.query(ClinicalRecord)}
        named = [one for own in read_events(ward, li.ref) for one in own["objects"] if one["id"] in rows]
        assert named and all(one == object_of(session, rows[one["id"]]) for one in named)


@pytest.mark.parametrize("live", ["", "1"])
def test_what_a_link_shows_is_made_before_the_gate(doors, elsewhere, ward, li, visit, opened_behind, live):
    link = share(doors.phone(li), li.ref, live=live)
    opened_behind()
    [file] = manifest(elsewhere, link, embeddedLengthMax=10).json["files"]
    before, behind = opened_behind()
    assert before and not behind
    path = file["location"].removeprefix("http://localhost")
    assert elsewhere.get(path).status_code == 200
    before, behind = opened_behind()
    assert before and not behind
    [own] = [own for kind, own in ward.events(li.ref) if kind == "share.opened"]
    with ward.house.reading_session() as session:
        rows = {row.id: row for row in session.query(ClinicalRecord)}
        named = [one for one in own["objects"] if one["id"] in rows]
        assert bool(named) is bool(live) and all(one == object_of(session, rows[one["id"]]) for one in named)


def between(ward: Ward, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Any], None]) -> None:
    """Let something be committed after a link was looked at, before its opening is recorded; once."""
    recorded, waiting = share_openings.look, [happens]

    def look(*arguments: Any, **named: Any) -> Any:
        found = recorded(*arguments, **named)
        pending.append(found)
        return found

    pending: list[Any] = []
    monkeypatch.setattr(share_openings, "look", look)
    recording = type(ward.house).writing_session

    @contextmanager
    def writing(self: Any, **named: Any) -> Any:
        while pending and waiting:
            with recording(self) as session:
                waiting.pop()(session)
        with recording(self, **named) as session:
            yield session

    monkeypatch.setattr(type(ward.house), "writing_session", writing)


def test_a_link_stopped_while_its_file_was_made_hands_nothing_out(doors, elsewhere, ward, li, visit, monkeypatch):
    link = share(doors.phone(li), li.ref, live="1")
    its = link["page"].rpartition("/")[2]
    between(ward, monkeypatch, lambda session: shares.stop(session, li.actor, its, ward.now))
    assert manifest(elsewhere, link).status_code == 404
    assert "share.opened" not in [kind for kind, _own in ward.events(li.ref)]


def test_what_was_amended_while_a_link_was_looked_at_is_looked_at_again(doors, elsewhere, ward, li, visit, monkeypatch):
    link = share(doors.phone(li), li.ref, live="1")

    def amend(session: Any) -> None:
        row = session.query(ClinicalRecord).where(ClinicalRecord.kind == "allergy").one()
        row.status = "amended"
        seal_again(session, row)

    between(ward, monkeypatch, amend)
    bundle = decrypted(manifest(elsewhere, link).json["files"][0]["embedded"], link)
    assert bundle["type"] == "document"
    [own] = [own for kind, own in ward.events(li.ref) if kind == "share.opened"]
    with ward.house.reading_session() as session:
        row = session.query(ClinicalRecord).where(ClinicalRecord.kind == "allergy").one()
        assert row.version == 2 and object_of(session, row) in own["objects"]


def test_a_link_whose_giver_lost_their_right_meanwhile_hands_nothing_out(
    doors, elsewhere, ward, li, visit, monkeypatch
):
    link = share(doors.phone(li), li.ref)

    def end(session: Any) -> None:
        tie = session.query(Link).where(Link.patient_ref == li.ref).one()
        tie.state, tie.ended_at = "ended", ward.now

    between(ward, monkeypatch, end)
    assert manifest(elsewhere, link).status_code == 404


def test_nothing_leaves_whose_opening_could_not_be_recorded(doors, elsewhere, li, visit, monkeypatch):
    link = share(doors.phone(li), li.ref)

    def busy(*_arguments: Any, **_named: Any) -> None:
        raise GateBusy("the database stayed busy for 5 s")

    monkeypatch.setattr(events, "record", busy)
    answer = manifest(elsewhere, link, recipient=WHO)
    assert answer.status_code == 503 and "embedded" not in answer.text
