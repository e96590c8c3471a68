"""Erasing: what goes, what law keeps, in an order that no crash hurts; everything else still verifies (E1, E2)."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from app import erasing
from app.adapters.wiping import rewrite
from app.audit import Auditor
from app.domain import clinical
from app.domain.clinical import Kind
from app.domain.retention import NotSure, VisitOpen, keep_until
from app.models import Account, Appointment, Base, Erasure, Event, Link, Patient, Visit
from app.ports import WeChatIdentity
from app.services import accounts, erasure, events, people, queueing, records, restriction, websessions
from app.services.erasure_rows import _STAYS
from app.services.sealing import seal_again
from ledger.receipt import ForMe, format_extra, verify_receipt
from tests.conftest import sequencer_in
from tests.sealed import until_sealed

CANARY = "绝密的名字"
PHONE = "+8613912345678"


def begin(ward, who, **how: Any):
    return ward.do(erasure.begin, who.actor, **{"is_sure": True, **how})


def through(ward) -> None:
    """Let an erasure that was begun come to its end."""
    erasing.carry_on(ward.house)
    ward.clock.now += timedelta(seconds=61)
    erasing.carry_on(ward.house)


def audited(ward) -> list[Any]:
    return Auditor(ward.house.settings).run().findings.kept


def prove(ward, who) -> None:
    """Let the hospital have seen that an account's own person is who they say."""
    with ward.house.writing_session() as session:
        link = session.scalar(select(Link).where(Link.account_ref == who.actor.ref))
        link.proof = "desk"
        seal_again(session, link)
        events.record(
            session, "person.claimed", who.actor, ward.now, subject=who.ref, objects=[link], detail={"proof": "desk"}
        )


@pytest.fixture
def seen(ward):
    """Somebody who was seen by doctor Chen, with a phone on file, and somebody else who waits."""
    who = ward.person(CANARY)
    with ward.house.writing_session() as session:
        people.set_contact(session, session.get_one(Patient, who.ref), {"phone": PHONE})
    prove(ward, who)
    ward.waiting(ward.expert, who)
    ticket = ward.do(queueing.call_next, ward.chen, ward.expert).id
    visit = ward.do(queueing.start, ward.chen, ticket)
    ward.do(records.sign, ward.chen, visit, Kind.DIAGNOSIS, clinical.diagnosis("I10"))
    ward.do(queueing.finish, ward.chen, ticket)
    ward.waiting(ward.pool)
    return who


def in_files(ward, *needles: bytes) -> list[str]:
    """Return the files of the hospital, and of a backup made now, in which one of these byte strings stands."""
    folder = Path(ward.house.engine.url.database).parent
    backup = folder / "backup.db"
    backup.unlink(missing_ok=True)
    connection = ward.house.engine.raw_connection()
    try:
        connection.driver_connection.execute("PRAGMA query_only=0")
        connection.driver_connection.execute("VACUUM INTO ?", (str(backup),))
    finally:
        connection.close()
    files = [f for f in folder.rglob("*") if f.is_file()]
    return [f"{f.name}: {n!r}" for f in files for n in needles if n in f.read_bytes()]


def sealed_of(ward, *queries: str, **values: Any) -> list[bytes]:
    with ward.house.reading_session() as session:
        return [bytes(one) for q in queries for one in session.scalars(text(q), values) if one]


# What goes and what stays


def test_who_was_never_seen_goes_as_a_whole(ward):
    who = ward.person(CANARY)
    begin(ward, who)
    through(ward)
    with ward.house.reading_session() as session:
        assert session.get(Patient, who.ref) is None
        assert session.scalar(select(Event.id).where(Event.subject_ref.in_([who.ref, who.actor.ref]))) is None
        row = session.scalar(select(Erasure))
        assert (row.state, row.keep_until_on, row.patient_ref, row.account_ref) == ("completed", None, None, None)
        shell = session.get_one(Account, who.actor.ref)
        assert (shell.sealed, shell.has_phone, shell.created_at.year) == (b"", False, 1970)
    for owner in (who.ref, who.actor.ref):
        for retention in erasure.RETENTIONS:
            with pytest.raises(KeyError):
                ward.house.vault.seal(owner, retention, "x|y|1", {})
    assert audited(ward) == []


def test_who_was_seen_is_restricted_until_the_day_that_law_says(ward, seen):
    outlook = ward.look(erasure.outlook, seen.actor)
    assert outlook.person == CANARY
    assert outlook.keep_until_on.isoformat() == "2041-03-02"
    begin(ward, seen)
    through(ward)
    assert ward.types(seen.ref)[-2:] == ["person.unbound", "record.restricted"]
    _, restricted = ward.events(seen.ref)[-1]
    assert restricted["detail"]["until"] == "2041-03-02"
    with ward.house.reading_session() as session:
        patient = session.get_one(Patient, seen.ref)
        assert patient.contact is None
        assert session.scalar(select(Link.state).where(Link.patient_ref == seen.ref)) == "ended"
        assert session.scalar(text("SELECT count(*) FROM consent WHERE patient_ref = :p"), {"p": seen.ref}) == 0
        assert session.scalar(text("SELECT count(*) FROM outbox WHERE patient_ref = :p"), {"p": seen.ref}) == 0
        assert session.scalar(text("SELECT count(*) FROM clinical_record WHERE patient_ref = :p"), {"p": seen.ref}) == 1
    for owner, retention in ((seen.ref, "contact"), (seen.ref, "messages"), (seen.actor.ref, "events")):
        with pytest.raises(KeyError):
            ward.house.vault.seal(owner, retention, "x|y|1", {})
    assert audited(ward) == []


def test_on_its_day_the_record_goes_for_good_and_not_before(app, ward, seen):
    begin(ward, seen)
    through(ward)
    runner = app.test_cli_runner()
    ward.clock.now = ward.now.replace(year=2041, month=3, day=1)
    assert "0 records" in runner.invoke(args=["retention"]).output
    with ward.house.reading_session() as session:
        assert session.get(Patient, seen.ref) is not None
    ward.clock.now += timedelta(days=1)
    assert "1 records" in runner.invoke(args=["retention"]).output
    through(ward)
    with ward.house.reading_session() as session:
        for table in Base.metadata.sorted_tables:
            if "patient_ref" in table.c:
                count = session.scalar(
                    select(text("count(*)")).select_from(table).where(table.c.patient_ref == seen.ref)
                )
                assert (table.name, count) == (table.name, 0)
        assert session.get(Patient, seen.ref) is None
    assert audited(ward) == []
    assert "0 records" in runner.invoke(args=["retention"]).output


def test_a_visit_after_the_request_moves_the_day(ward, seen):
    begin(ward, seen)
    through(ward)
    ward.clock.now = ward.now.replace(year=2041, month=3, day=3)
    with ward.house.writing_session() as session:
        visit = session.scalar(select(Visit).where(Visit.patient_ref == seen.ref))
        visit.finished_at = ward.now.replace(year=2030)
        seal_again(session, visit)
        events.record(session, "visit.finished", ward.chen, ward.now, subject=seen.ref, objects=[visit])
    assert erasing.retire(ward.house) == 0
    with ward.house.reading_session() as session:
        assert session.scalar(select(Erasure.keep_until_on)).isoformat() == "2045-03-03"


def test_a_stay_in_hospital_is_kept_thirty_years():
    assert keep_until(date(2026, 3, 2), is_inpatient=True) == date(2056, 3, 2)
    assert keep_until(date(2024, 2, 29), is_inpatient=False) == date(2039, 3, 1)


def test_with_a_visit_to_come_it_is_refused_and_nothing_happens(ward):
    who = ward.person()
    ward.booked(who)
    before = ward.types(who.ref)
    with pytest.raises(VisitOpen):
        begin(ward, who)
    with pytest.raises(NotSure):
        begin(ward, ward.person(), is_sure=False)
    assert ward.types(who.ref) == before


def test_whoever_merely_typed_the_id_erases_an_account_and_no_record(ward):
    """The record has a visit, and this account never proved to be that person."""
    who = ward.person()
    ward.waiting(ward.expert, who)
    ticket = ward.do(queueing.call_next, ward.chen, ward.expert).id
    ward.do(queueing.start, ward.chen, ticket)
    ward.do(queueing.finish, ward.chen, ticket)
    assert ward.look(erasure.outlook, who.actor).is_unproven
    begin(ward, who)
    through(ward)
    with ward.house.reading_session() as session:
        assert session.get_one(Patient, who.ref) is not None
        assert session.scalar(select(Erasure)).keep_until_on is None
    assert "record.restricted" not in ward.types(who.ref)
    assert ward.types(who.ref)[-1] == "person.unbound"
    assert audited(ward) == []


def test_the_account_is_gone_and_the_same_phone_begins_a_new_one(ward):
    who = ward.person()
    index = ward.people.index(who)
    token = ward.token("patient", who.actor.ref)
    begin(ward, who)
    with ward.house.reading_session() as session:
        assert websessions.find(session, ("patient",), token, ward.now) is None
    through(ward)
    with ward.house.writing_session() as session:
        again = accounts.account_for_wechat(session, WeChatIdentity("wxdemo", f"person-{index}"), ward.now)
    assert again != who.actor.ref
    assert audited(ward) == []


def test_who_comes_back_has_new_keys_and_the_old_stays_erased(ward, seen):
    begin(ward, seen)
    through(ward)
    with ward.house.writing_session() as session:
        restriction.welcome_back(session, seen.ref)
        people.set_contact(session, session.get_one(Patient, seen.ref), {"phone": "+8613900000000"})
    assert audited(ward) == []


# What others hold


def test_every_receipt_of_before_still_verifies(ward, var, seen):
    other = ward.people[-1]
    with sequencer_in(var):
        until_sealed(ward.house)
        held = [_receipt(ward, event_id) for event_id in _ids(ward, seen.ref, seen.actor.ref, other.ref)]
        begin(ward, seen)
        through(ward)
        ward.clock.now = ward.now.replace(year=2041, month=3, day=3)
        erasing.retire(ward.house)
        through(ward)
        until_sealed(ward.house)
        for receipt in held:
            verify_receipt(receipt, ward.house.log_keys[0])
        for event_id in _ids(ward, other.ref):
            verify_receipt(_receipt(ward, event_id), ward.house.log_keys[0])
    assert audited(ward) == []


def _ids(ward, *subjects: str) -> list[str]:
    with ward.house.reading_session() as session:
        return list(session.scalars(select(Event.id).where(Event.subject_ref.in_(subjects))))


def _receipt(ward, event_id: str) -> bytes:
    with ward.house.reading_session() as session:
        row = session.get_one(Event, event_id)
        extra = format_extra(ForMe(*events.open_event(session, row)))
    return ward.house.log.receipt_for(row.entry, extra).encode()


# Nothing of it is left


def test_nothing_of_what_was_erased_lies_in_any_file(ward, seen):
    gone_now = sealed_of(
        ward,
        "SELECT sealed FROM account WHERE ref = :a", "SELECT contact FROM patient WHERE ref = :p",
        "SELECT sealed FROM event WHERE subject_ref = :a", "SELECT sealed FROM outbox WHERE patient_ref = :p",
        "SELECT sealed FROM consent WHERE patient_ref = :p", a=seen.actor.ref, p=seen.ref,
    )  # fmt: skip
    gone_later = sealed_of(
        ward,
        "SELECT sealed FROM patient WHERE ref = :p", "SELECT sealed FROM clinical_record WHERE patient_ref = :p",
        "SELECT sealed FROM event WHERE subject_ref = :p", p=seen.ref,
    )  # fmt: skip
    assert len(gone_now) >= 5 and len(gone_later) >= 10
    assert in_files(ward, *gone_now)  # the search finds what is there
    begin(ward, seen)
    through(ward)
    assert in_files(ward, *gone_now, CANARY.encode(), PHONE.encode()) == []
    ward.clock.now = ward.now.replace(year=2041, month=3, day=3)
    erasing.retire(ward.house)
    through(ward)
    assert in_files(ward, *gone_now, *gone_later, CANARY.encode()) == []


def test_writing_the_database_anew_changes_nothing_that_counts(ward, seen):
    begin(ward, seen)
    through(ward)
    rewrite(ward.house.engine)
    assert audited(ward) == []


def test_a_copy_of_the_data_from_before_opens_nothing_any_more(ward, seen):
    """E1: the old backup has the ciphertext still, and the key is gone."""
    with ward.house.reading_session() as session:
        contact, version = session.execute(
            select(Patient.contact, Patient.contact_version).where(Patient.ref == seen.ref)
        ).one()
    place = f"patient/contact|{seen.ref}|{version}"
    assert ward.house.vault.open(seen.ref, "contact", place, contact)["phone"] == PHONE
    begin(ward, seen)
    through(ward)
    with pytest.raises(KeyError):
        ward.house.vault.open(seen.ref, "contact", place, contact)
    with ward.house.writing_session() as session:
        restriction.welcome_back(session, seen.ref)
    with pytest.raises(Exception, match="does not open"):
        ward.house.vault.open(seen.ref, "contact", place, contact)


def test_every_table_says_whose_its_rows_are_or_is_of_nobody():
    """An erasure finds rows by these columns and by foreign keys; a table that names people otherwise would escape it."""
    named = {"patient_ref", "account_ref", "subject", "subject_ref", "owner_ref"}
    patient_like = {
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        for foreign in column.foreign_keys
        if foreign.column.table.name in ("patient", "account") and column.name not in named
    }
    assert patient_like == set()
    assert {model.name for model in _STAYS} == {"event", "subject_chain", "erased_event", "erased_row", "erasure"}


# Tombstones


@pytest.mark.parametrize(
    "what", ["an event's tombstone added", "an event's tombstone taken", "a row's tombstone taken"]
)
def test_tombstones_are_those_that_the_erasure_recorded(ward, seen, what):
    begin(ward, seen)
    through(ward)
    with ward.house.writing_session() as session:
        if "added" in what:
            event = session.scalar(select(Event).where(Event.type == "erasure.begun"))
            victim = session.scalar(select(Event).where(Event.type == "visit.finished"))
            session.execute(text("INSERT INTO erased_event VALUES (:s, :e)"), {"s": victim.serial, "e": event.id})
            session.execute(text("DELETE FROM event WHERE serial = :s"), {"s": victim.serial})
        elif "event" in what:
            session.execute(text("DELETE FROM erased_event WHERE serial = (SELECT min(serial) FROM erased_event)"))
        else:
            session.execute(text("DELETE FROM erased_row WHERE kind = 'consent.v1'"))
    assert "tombstone.other" in {one.kind for one in audited(ward)}


def test_an_appointment_of_somebody_else_is_no_victim(ward, seen):
    with ward.house.reading_session() as session:
        before = session.scalar(
            select(text("count(*)")).select_from(Appointment).where(Appointment.patient_ref != seen.ref)
        )
    begin(ward, seen)
    through(ward)
    ward.clock.now = ward.now.replace(year=2041, month=3, day=3)
    erasing.retire(ward.house)
    with ward.house.reading_session() as session:
        after = session.scalar(select(text("count(*)")).select_from(Appointment))
    assert before == after == 1


def test_a_page_of_an_erasure_opens_by_its_token_alone(ward, seen):
    begun = begin(ward, seen)
    with ward.house.reading_session() as session:
        assert erasure.standing(session, begun.token).state == "begun"
        assert erasure.standing(session, "guess") is None
        assert erasure.standing(session, begun.id) is None
