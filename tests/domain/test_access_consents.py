"""What a person lets staff read, and the glass that is broken in an emergency: the edges of each in time and reach."""

import dataclasses
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import access
from app.domain.access import (
    ALL_PARTS,
    PART_OF,
    Basis,
    BrokenGlass,
    Denial,
    GivePermit,
    Grant,
    Held,
    Link,
    Part,
    Permit,
    Relation,
    Rule,
    SeeHealth,
    SeeIdentity,
    Treating,
    WriteHealth,
)
from app.domain.actor import Actor
from app.domain.clinical import Kind

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
MOMENT, HOUR, DAY = timedelta(microseconds=1), timedelta(hours=1), timedelta(days=1)
ZHAO = Actor("staff", ref="doctor-zhao", role="doctor", clinics=frozenset({"clinic"}))
PERMIT = Permit("p1", 1, "li", "second_opinion", ALL_PARTS, NOW - DAY, NOW + DAY, clinician="doctor-zhao")
GLASS = BrokenGlass("g1", 1, "doctor-zhao", "li", NOW - HOUR, NOW + 2 * HOUR)
MINE = Held(permits=(PERMIT,))


def asked(held, at=NOW, actor=ZHAO, **how):
    return access.decide(actor, SeeHealth("li", held=held, **how), at)


def permit(**changes):
    return Held(permits=(dataclasses.replace(PERMIT, **changes),), departments=frozenset({"inner-medicine"}))


def test_a_consent_opens_the_record_to_the_doctor_it_names_and_says_which_version_it_was():
    grant = asked(MINE)
    assert grant == Grant(Basis.CONSENT)
    assert (grant.cites, grant.purpose, grant.until_at) == ("permit:p1@1", "second_opinion", PERMIT.until_at)


def test_a_consent_holds_from_its_first_moment_to_its_last_and_not_a_moment_after_it_was_withdrawn():
    assert asked(MINE, PERMIT.since_at - MOMENT) == Denial(Rule.NOT_TREATING)
    assert asked(MINE, PERMIT.since_at) == asked(MINE, PERMIT.until_at - MOMENT) == Grant(Basis.CONSENT)
    assert asked(MINE, PERMIT.until_at) == Denial(Rule.NOT_TREATING)
    withdrawn = permit(withdrawn_at=NOW)
    assert asked(withdrawn, NOW - MOMENT) == Grant(Basis.CONSENT)
    assert asked(withdrawn, NOW) == Denial(Rule.NOT_TREATING)


@pytest.mark.parametrize(
    "changes",
    [
        {"patient": "wang"},
        {"clinician": "doctor-wu"},
        {"clinician": None, "department": "surgery"},
        {"clinician": None, "department": None},
        {"clinician": "doctor-wu", "department": "inner-medicine"},  # it names a person: the colleagues are not meant
    ],
)
def test_a_consent_to_somebody_else_or_about_somebody_else_opens_nothing(changes):
    assert asked(permit(**changes)) == Denial(Rule.NOT_TREATING)


def test_a_consent_to_a_department_is_for_whoever_works_in_it():
    assert asked(permit(clinician=None, department="inner-medicine")) == Grant(Basis.CONSENT)


@pytest.mark.parametrize("role", ["desk", "lab", "pharmacist", "admin", "auditor"])
def test_no_consent_and_no_emergency_opens_a_record_to_another_role(role):
    wearer = dataclasses.replace(ZHAO, role=role)
    both = Held((PERMIT,), (GLASS,))
    assert asked(both, actor=wearer) == Denial(Rule.ROLE)


def test_who_asks_for_the_whole_gets_nothing_by_a_consent_to_a_part():
    """A service that does not cut must not show what was withheld because it forgot to."""
    medicines = permit(parts=frozenset({Part.MEDICINES}))
    assert asked(medicines) == Denial(Rule.PART_WITHHELD)
    grant = asked(medicines, in_part=True)
    assert grant == Grant(Basis.CONSENT, parts=frozenset({Part.MEDICINES}))
    assert [kind for kind in PART_OF if grant.covers(kind, NOW)] == ["prescription"]
    assert asked(medicines, kind="prescription") == grant
    assert asked(medicines, kind="diagnosis") == Denial(Rule.PART_WITHHELD)


def test_a_consent_reaches_no_further_back_than_who_gave_it():
    cut = permit(recorded_from=NOW - 3 * DAY)
    grant = asked(cut, in_part=True)
    assert grant == Grant(Basis.CONSENT, since_at=NOW - 3 * DAY)
    assert not grant.covers("diagnosis", NOW - 4 * DAY)
    assert asked(cut, kind="diagnosis", recorded_at=NOW - 4 * DAY) == Denial(Rule.PART_WITHHELD)
    assert asked(cut, kind="diagnosis", recorded_at=NOW - 2 * DAY) == grant


def test_several_consents_add_up_and_each_is_cited():
    two = Held(
        (
            dataclasses.replace(PERMIT, ref="b", version=3, parts=frozenset({Part.RESULTS})),
            dataclasses.replace(PERMIT, ref="a", parts=frozenset({Part.MEDICINES})),
        )
    )
    grant = asked(two, in_part=True)
    assert grant.parts == {Part.MEDICINES, Part.RESULTS}
    assert grant.cites == "permit:a@1 permit:b@3"


def test_treating_comes_before_a_consent_and_a_full_consent_before_an_emergency():
    treating = (Treating("doctor-zhao", "li", NOW - HOUR, "t1", 4),)
    both = Held((PERMIT,), (GLASS,))
    assert asked(both, treating=treating).cites == "ticket:t1@4"
    assert asked(both).basis is Basis.CONSENT
    partial = dataclasses.replace(PERMIT, parts=frozenset({Part.VISITS}))
    assert asked(Held((partial,), (GLASS,))).basis is Basis.BREAK_GLASS


def test_an_emergency_ends_by_the_clock_and_by_the_doctor_and_writes_nothing():
    held = Held(broken=(GLASS,))
    assert asked(held, GLASS.opened_at - MOMENT) == Denial(Rule.NOT_TREATING)
    assert asked(held, GLASS.until_at - MOMENT) == Grant(Basis.BREAK_GLASS)
    assert asked(held, GLASS.until_at) == Denial(Rule.NOT_TREATING)
    ended = Held(broken=(dataclasses.replace(GLASS, ended_at=NOW),))
    assert asked(ended, NOW) == Denial(Rule.NOT_TREATING)
    assert access.decide(ZHAO, WriteHealth("li"), NOW) == Denial(Rule.NOT_TREATING)


@pytest.mark.parametrize("changes", [{"clinician": "doctor-wu"}, {"patient": "wang"}])
def test_an_emergency_is_one_doctors_with_one_patient(changes):
    assert asked(Held(broken=(dataclasses.replace(GLASS, **changes),))) == Denial(Rule.NOT_TREATING)


def test_who_may_read_a_part_may_know_whose_it_is():
    part = permit(parts=frozenset({Part.RESULTS}))
    assert isinstance(access.decide(ZHAO, SeeIdentity("li", frozenset(), held=part), NOW), Grant)
    assert isinstance(access.decide(ZHAO, SeeIdentity("li", frozenset()), NOW), Denial)


def test_every_kind_of_record_has_its_part():
    """A kind without one is read by nobody who was let to read parts: add it to PART_OF."""
    assert {kind.value for kind in Kind} <= set(PART_OF)


@given(
    parts=st.frozensets(st.sampled_from(Part), min_size=1),
    kind=st.sampled_from([*PART_OF, "something new"]),
    withdrawn=st.one_of(st.none(), st.timedeltas(timedelta(0), 2 * DAY)),
    after=st.timedeltas(-2 * DAY, 2 * DAY),
)
@settings(max_examples=150)
def test_no_consent_ever_shows_what_it_does_not_name(parts, kind, withdrawn, after):
    at = NOW + after
    gone_at = None if withdrawn is None else PERMIT.since_at + withdrawn
    held = permit(parts=parts, withdrawn_at=gone_at)
    answer = asked(held, at, in_part=True)
    in_force = PERMIT.since_at <= at < PERMIT.until_at and (gone_at is None or at < gone_at)
    assert isinstance(answer, Grant) == in_force
    if isinstance(answer, Grant):
        assert answer.covers(kind, NOW) == (parts == ALL_PARTS or PART_OF.get(kind) in parts)


# Who gives


def test_one_lets_read_as_far_as_one_reads_and_family_gives_nothing_away():
    account = Actor("patient", ref="account", role="patient")
    own = Link("account", "li", Relation.SELF, NOW - DAY, NOW - DAY, ref="l", version=2)
    assert access.decide(account, GivePermit("li", own), NOW).cites == "link:l@2"
    typed = dataclasses.replace(own, proven_at=None)
    assert access.decide(account, GivePermit("li", typed), NOW).since_at == typed.since_at
    family = dataclasses.replace(own, relation=Relation.FAMILY)
    assert access.decide(account, GivePermit("li", family), NOW) == Denial(Rule.OWN_CONSENT_ONLY)


@pytest.mark.parametrize(
    ("birth_on", "answer"),
    [
        (date(2018, 1, 1), Grant(Basis.GUARDIAN)),
        (date(2010, 1, 1), Denial(Rule.GUARDIAN_OF_MINOR)),
        (date(2000, 1, 1), Denial(Rule.GUARDIAN_OF_ADULT)),
    ],
)
def test_a_guardian_lets_others_read_of_a_child_alone(birth_on, answer):
    mother = Actor("patient", ref="mother", role="patient")
    link = Link("mother", "li", Relation.GUARDIAN, NOW - DAY, NOW - DAY)
    assert access.decide(mother, GivePermit("li", link, birth_on), NOW) == answer
