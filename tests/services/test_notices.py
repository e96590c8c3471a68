"""What a command of the ledger left behind becomes one event, which the log publishes with everything in it."""

from __future__ import annotations

import json

from sqlalchemy import select

from app.models import Event
from app.services import events, notices
from ledger.receipt import ForMe, parse_extra
from ledger.stores.notices import add_notice, notices_in, put_into_words

HEALED = {"from": 10, "to": 34, "lost": 20}


def test_a_notice_that_is_ready_becomes_one_event_and_its_opening_is_the_logs(hospital, clock):
    with hospital.writing_session() as session:
        number = add_notice(session.connection(), "log.healed", "ready", 1, HEALED)
        add_notice(session.connection(), "log.healed", "open", 1, HEALED)  # a heal that was cut short says nothing yet
    with hospital.writing_session() as session:
        assert notices.is_due(session, clock())
        assert notices.run(session, clock()) == 1
    with hospital.writing_session() as session:
        assert not notices.is_due(session, clock())
        assert notices.run(session, clock()) == 0
    with hospital.reading_session() as session:
        [event] = session.scalars(select(Event).where(Event.type == "log.healed"))
        [told] = notices_in(session.connection(), state="told")
        assert event.subject_ref is None
        assert (told.number, told.entry) == (number, event.entry)
        opening = parse_extra(told.extra)
        assert isinstance(opening, ForMe) and opening.entry == event.entry
        assert json.loads(opening.own)["detail"] == HEALED == events.read_event(session, event)[1]["detail"]


def test_a_notice_that_the_log_put_into_words_itself_keeps_them_and_the_auditor_gets_an_event(hospital, clock):
    detail = {"old_origin": "log.example/1", "old_size": 7, "old_root": "A", "reason": "restored", "successor": ""}
    with hospital.writing_session() as session:
        number = add_notice(session.connection(), "log.succeeded", "ready", 1, detail)
        put_into_words(session.connection(), number, b"\x01" * 33, b"words")
    with hospital.writing_session() as session:
        assert notices.run(session, clock()) == 1
    with hospital.reading_session() as session:
        [event] = session.scalars(select(Event).where(Event.type == "log.succeeded"))
        [told] = notices_in(session.connection(), state="told")
        assert (told.entry, told.extra) == (b"\x01" * 33, b"words")
        assert event.entry != told.entry
