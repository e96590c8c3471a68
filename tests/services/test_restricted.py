"""A record that is only kept: nobody reads it without a legal reason, and each opening stands in the person's log (E2)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app import erasing
from app.domain import clinical
from app.domain.access import Denial
from app.domain.clinical import Kind
from app.domain.documents import parse_resident_id
from app.domain.errors import NotFound
from app.domain.retention import RESTRICTED_HOURS, About, Answer, CorrectionClosed, LegalReason, RecordRestricted
from app.models import Patient
from app.services import corrections, erasure, people, queueing, records, restricted, rights
from app.services.sealing import open_payload
from tests.services.test_erasure import prove


@pytest.fixture
def treated(ward):
    """Somebody with a record who sits before doctor Chen."""
    who = ward.person()
    prove(ward, who)
    ward.waiting(ward.expert, who)
    ticket = ward.do(queueing.call_next, ward.chen, ward.expert).id
    visit = ward.do(queueing.start, ward.chen, ticket)
    ward.do(records.sign, ward.chen, visit, Kind.DIAGNOSIS, clinical.diagnosis("I10"))
    ward.do(queueing.finish, ward.chen, ticket)
    return who, visit, ticket


@pytest.fixture
def kept_only(ward, treated):
    """The same, who asked to be erased this afternoon: the doctor's treating relation still lasts."""
    who, visit, ticket = treated
    ward.do(erasure.begin, who.actor, is_sure=True)
    erasing.carry_on(ward.house)
    return who, visit, ticket


def test_before_the_request_the_doctor_reads_and_after_it_only_on_a_legal_reason(ward, kept_only):
    who, visit, ticket = kept_only
    with pytest.raises(RecordRestricted):
        ward.do(records.open_visit, ward.chen, visit)
    with ward.house.reading_session() as session:
        assert isinstance(rights.may_read(session, ward.chen, who.ref, ward.now), Denial)
        assert who.ref not in {ref for ref, _ in rights.readable_people(session, ward.chen, ward.now)}
        assert [one.ticket_id for one in restricted.treated(session, ward.chen, ward.now)] == [ticket]

    ward.do(restricted.open_record, ward.chen, ticket, LegalReason.TREATMENT)
    assert ward.do(records.open_visit, ward.chen, visit).diagnoses
    assert ward.types(who.ref)[-2:] == ["restricted.opened", "record.opened"]
    _, said = ward.events(who.ref)[-2]
    assert said["detail"] == {"reason": "treatment", "hours": RESTRICTED_HOURS}
    ward.do(restricted.open_record, ward.chen, ticket, LegalReason.TREATMENT)  # pressed twice
    assert ward.types(who.ref).count("restricted.opened") == 1

    ward.clock.now += timedelta(hours=RESTRICTED_HOURS)
    with pytest.raises(RecordRestricted):
        ward.do(records.open_visit, ward.chen, visit)


def test_who_does_not_treat_opens_nothing(ward, kept_only):
    _, _, ticket = kept_only
    with pytest.raises(NotFound):
        ward.do(restricted.open_record, ward.lin, ticket, LegalReason.AUTHORITY)


def test_a_record_that_nobody_asked_to_erase_is_not_on_the_list(ward, treated):
    _, visit, ticket = treated
    assert ward.look(restricted.treated, ward.chen) == []
    with pytest.raises(NotFound):
        ward.do(restricted.open_record, ward.chen, ticket, LegalReason.TREATMENT)
    assert ward.do(records.open_visit, ward.chen, visit).diagnoses


def test_who_comes_back_to_the_desk_is_served(ward, kept_only):
    """New contact data need new keys; the desk sees the document and books as for anybody."""
    who, _, _ = kept_only
    ward.clock.now += timedelta(seconds=61)
    erasing.carry_on(ward.house)
    with ward.house.writing_session() as session:
        identity = open_payload(session, session.get_one(Patient, who.ref))[0]
        document = parse_resident_id(identity["number"], ward.now.date())
        phone = "+8613900001111"
        assert people.see_document(session, ward.desk, document, who.name, phone, ward.now) == who.ref
    with ward.house.reading_session() as session:
        assert people.contact_of(session, session.get_one(Patient, who.ref))["phone"] == phone


# Corrections


def test_a_correction_is_read_by_whom_it_concerns_and_who_answers(ward, treated):
    who, _, _ = treated
    asked = ward.do(corrections.ask, who.actor, who.ref, About.VISIT, "血压写错了", "130")
    [mine] = ward.look(corrections.of_people, who.actor)
    assert (mine.wrong, mine.right, mine.answer) == ("血压写错了", "130", "")
    assert ward.look(corrections.of_people, ward.person().actor) == []
    [listed] = ward.look(corrections.in_clinic, ward.desk, ward.clinic)
    assert who.name not in repr(listed) and "血压" not in repr(listed)
    assert ward.do(corrections.open_one, ward.desk, asked).wrong == "血压写错了"
    for _ in range(2):  # the same answer again is no harm
        ward.do(corrections.answer, ward.desk, asked, Answer.NOT_WRONG, "量过两次")
    with pytest.raises(CorrectionClosed):
        ward.do(corrections.answer, ward.desk, asked, Answer.AMENDED, "")
    [mine] = ward.look(corrections.of_people, who.actor)
    assert (mine.correction.state, mine.answer, mine.reason) == ("refused", "not_wrong", "量过两次")
    assert ward.types(who.ref)[-3:] == ["correction.asked", "correction.opened", "correction.answered"]


def test_nobody_asks_for_a_correction_of_somebody_elses_record(ward, treated):
    who, _, _ = treated
    with pytest.raises(NotFound):
        ward.do(corrections.ask, ward.person().actor, who.ref, About.OTHER, "x", "")


# The page


def test_without_the_box_nothing_happens_and_the_words_say_so(ward, doors):
    who = ward.person()
    phone = doors.phone(who)
    before = ward.types(who.ref)
    page = phone.post("/me/erase")
    assert page.status_code == 400
    assert "sure-error" in page.text
    assert ward.types(who.ref) == before
    done = phone.post("/me/erase", sure="yes")
    assert done.status_code == 303
    assert phone.get("/erased").status_code == 200
    assert phone.get("/me").status_code == 303  # the sign-in ended
    assert doors.phone(ward.person()).get("/erased").status_code == 404
