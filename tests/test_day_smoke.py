"""A small day goes by against the running site and nothing is found; and each check finds what is wrong when something is."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app import build_house
from bench import hospital
from bench.day import check, hospital_day
from bench.day.check import Waits
from bench.day.gathered import Fact, gather
from bench.day.plan import SMALL
from bench.day.world import Shown

NOON = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
NOTHING = Waits(0, 0, 0, 1.0, 0.0, ())


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A small day that is over, and the folder of its hospital."""
    folder = tmp_path_factory.mktemp("day") / "site"
    folder.mkdir()
    return folder, hospital_day.live(folder, SMALL, lambda _words: None)


@pytest.fixture
def tampered(lived, tmp_path):
    """Return what is found after a statement was run on a copy of the day's database, past the services."""
    folder, day = lived

    def found(statement: str) -> list[str]:
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("bell", "*.sock"))
        with closing(sqlite3.connect(copy / "mingzhen.db")) as connection:
            assert connection.execute(statement).rowcount == 1
            connection.commit()
        settings = hospital.settings_of(hospital.environment(copy, 0))
        house = build_house(settings, settings.now)
        try:
            since = min(fact.at for fact in day.left.of_day)
            return check.everything(gather(house, day.plan.day_on, since), day.world.journal.acts, [], NOTHING)
        finally:
            house.close()

    return found


def test_a_small_day_has_no_findings_and_everything_that_it_is_for_happens(lived):
    _, day = lived
    assert day.findings == []
    done = Counter(kind for kind, _ in day.world.journal.acts)
    assert done["appointment.checked_in"] >= 15 and done["visit.finished"] >= 15
    assert done["ticket.called"] >= done["visit.started"]
    too_late = day.world.watch.counts["walk-ins too late for any doctor"]  # on a slow machine
    assert done["appointment.walked_in"] + too_late == len(day.plan.walk_ins) > 0
    assert day.left.verified == day.left.entries == day.left.published > 150
    assert day.world.journal.shown


def test_the_page_of_a_day_says_what_was_found(lived):
    from bench.day import report

    _, day = lived
    assert "**No findings.**" in report.page(day, [])
    assert "- a ticket is lost" in report.page(replace(day, findings=["a ticket is lost"]), [])


def test_another_number_on_a_ticket_is_found(tampered):
    found = tampered("UPDATE ticket SET number = number + 100 WHERE id = (SELECT min(id) FROM ticket)")
    assert any("is skipped" in words for words in found)
    assert any("is not what its newest event says" in words for words in found)
    assert any(words.startswith("queue ") and "the replay finds" in words for words in found)


def test_another_place_in_the_line_is_found(tampered):
    found = tampered("UPDATE ticket SET order_key = order_key + 1500 WHERE id = (SELECT min(id) FROM ticket)")
    assert any("the replay finds" in words or "is not the one" in words for words in found)
    assert any("is not what its newest event says" in words for words in found)


def test_a_lost_event_is_found(tampered):
    found = tampered("DELETE FROM event WHERE serial = (SELECT max(serial) FROM event WHERE type = 'ticket.called')")
    assert any("1 acts, 0 events" in words or "2 acts, 1 events" in words for words in found)
    assert any("is named by no event" in words for words in found)
    assert any("entries in the published log" in words for words in found)


def test_an_event_that_says_something_else_in_clear_is_found(tampered):
    found = tampered("UPDATE event SET at = at - 60000 WHERE serial = (SELECT max(serial) FROM event)")
    assert any("are not those of the receipt" in words for words in found)


def test_an_event_with_another_entry_has_no_receipt(tampered):
    found = tampered("UPDATE event SET entry = zeroblob(33) WHERE serial = (SELECT max(serial) FROM event)")
    assert any("its receipt does not verify" in words for words in found)


def test_a_lost_appointment_is_found(tampered):
    found = tampered("DELETE FROM appointment WHERE id = (SELECT min(id) FROM appointment)")
    assert any("names a appointment.v1 that is not there" in words for words in found)


def test_numbers_run_from_one_without_gap_or_double():
    assert check.numbers({"A": [1, 3, 2], "B": []}, {"A": 3, "B": 0}) == []
    assert check.numbers({"A": [1, 2, 2]}, {"A": 2}) == ["queue A: number 2 stands on 2 tickets"]
    assert check.numbers({"A": [1, 3]}, {"A": 4}) == ["queue A: number 2 is skipped", "queue A: number 4 is skipped"]
    assert check.numbers({"A": [1, 2]}, {"A": 1}) == ["queue A: its counter stands before its last number"]


def fact(kind: str, ticket: str = "t1", minutes: float = 0.0, **detail: object) -> Fact:
    named = {"type": "ticket.v1", "id": ticket, "version": 1, "digest": "d"}
    return Fact(kind, NOON + timedelta(minutes=minutes), "p", "staff", "m", detail, (named,))


def called(ticket: str, room: str) -> Fact:
    return replace(fact("ticket.called", ticket), detail={"ticket": ticket, "room": room})


def test_a_double_call_is_found_and_a_call_after_the_room_is_empty_is_none():
    assert check.rooms([called("t1", "1"), fact("visit.started"), fact("visit.finished"), called("t2", "1")]) == []
    assert check.rooms([called("t1", "1"), fact("ticket.undone", undone="ticket.called"), called("t1", "2")]) == []
    assert check.rooms([called("t1", "1"), called("t1", "2")]) == ["t1 is called into 2 while in 1"]
    assert check.rooms([called("t1", "1"), called("t2", "1")]) == ["t2 is called into 1 where somebody is"]
    assert check.rooms([fact("visit.started")]) == ["visit.started of a ticket that was not called"]
    assert check.rooms([fact("visit.finished")]) == ["visit.finished of a ticket that was in no room"]


def test_acts_and_events_go_one_to_one():
    assert check.one_each({("ticket.called", "t"): 2}, {("ticket.called", "t"): 2}) == []
    assert check.one_each({("ticket.called", "t"): 1}, {}) == ["ticket.called of t: 1 acts, 0 events"]
    assert check.one_each({}, {("ticket.called", "t"): 1}) == ["ticket.called of t: 0 acts, 1 events"]


def test_an_event_of_a_type_that_nobody_asked_for_is_found():
    assert check.strangers([fact("ticket.called"), fact("ticket.no_show"), fact("board.opened")]) == []
    assert check.strangers([fact("ticket.moved")]) == ["1 events of type ticket.moved, which nobody asked for"]


def test_the_audit_goes_both_ways():
    row = {"type": "ticket.v1", "id": "t1", "version": 1, "digest": "d"}
    assert check.audit({("ticket.v1", "t1"): row}, [fact("ticket.called")]) == []
    assert check.audit({}, [fact("ticket.called")]) == ["ticket.called names a ticket.v1 that is not there"]
    assert check.audit({("ticket.v1", "t1"): {**row, "version": 2}}, [fact("ticket.called")]) == [
        "version 2 of a ticket.v1 is named by no event"
    ]
    assert check.audit({("ticket.v1", "t1"): {**row, "version": 0}}, [fact("ticket.called")]) == [
        "ticket.called names version 1 of a ticket.v1 that is at 0"
    ]
    assert check.audit({("ticket.v1", "t1"): {**row, "digest": "e"}}, [fact("ticket.called")]) == [
        "a ticket.v1 is not what its newest event says (version 1)"
    ]


def test_a_range_holds_when_the_number_was_called_within_it_and_counts_only_when_it_was_called_next():
    shown = [Shown("A001", NOON, 5, 10), Shown("A002", NOON, 5, 10), Shown("A003", NOON, None, None)]
    tickets = {"A001": "t1", "A002": "t2", "A003": "t3"}
    facts = [fact("ticket.called", "t1", 7.0), fact("ticket.left", "t2", 6.0), fact("ticket.called", "t3", 5.0)]
    waits = check.measure_waits(shown, tickets, facts)
    assert (waits.looks, waits.shown, waits.judged, waits.hit_share, waits.median_width) == (3, 2, 1, 1.0, 5.0)
    assert check.measure_waits(shown, tickets, [fact("ticket.called", "t1", 11.0)]).hit_share == 0.0


def test_waits_that_are_not_as_promised_are_found_once_there_are_enough_to_judge():
    assert check.promised(Waits(500, 400, 400, 0.81, 20.0, ())) == []
    assert len(check.promised(Waits(500, 400, 400, 0.79, 21.0, ()))) == 2
    assert check.promised(Waits(9, 9, 9, 0.1, 50.0, ())) == []


def test_a_failure_of_a_client_and_a_missing_entry_are_findings(lived):
    _, day = lived
    found = check.everything(day.left, day.world.journal.acts, ["queue was answered by 500"], NOTHING)
    assert found == ["queue was answered by 500"]
    assert check.entries(5, 4) == ["5 events, 4 entries in the published log"]
