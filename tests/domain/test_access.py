"""Who may do what: one table of every role and every question, then the edges of each rule."""

import dataclasses
from datetime import UTC, date, datetime, time, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import access, errors
from app.domain.access import (
    ActFor,
    AuditEvents,
    Basis,
    BreakGlass,
    Denial,
    EndGuardianship,
    GivePermit,
    Grant,
    Link,
    ManageStaff,
    PairScreen,
    ReadOwnCodes,
    Relation,
    ReviewPrescriptions,
    Rule,
    RunDesk,
    SeeHealth,
    SeeIdentity,
    SeeOwn,
    ShowBoard,
    Treating,
    WorkLab,
    WorkQueue,
    WriteHealth,
)
from app.domain.actor import ANONYMOUS, SYSTEM, Actor
from app.domain.calendar import instant

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # 12:00 at the hospital
TODAY = date(2026, 11, 22)
MOMENT, DAY = timedelta(microseconds=1), timedelta(days=1)
ADULT, CHILD, MINOR = date(1980, 1, 1), date(2018, 1, 1), date(2010, 1, 1)

OWNER = Actor("patient", ref="account-of-li", role="patient")
STRANGER = Actor("patient", ref="account-of-wang", role="patient")
GUARDIAN = Actor("patient", ref="account-of-mother", role="patient")
DOCTOR = Actor("staff", ref="doctor-zhao", role="doctor", clinics=frozenset({"clinic"}))
DESK = Actor("staff", ref="desk-qian", role="desk", clinics=frozenset({"clinic"}))
LAB = Actor("staff", ref="lab-lu", role="lab", clinics=frozenset({"clinic"}))
PHARMACIST = Actor("staff", ref="pharmacist-pan", role="pharmacist", clinics=frozenset({"clinic"}))
ADMIN = Actor("staff", ref="admin-sun", role="admin", clinics=frozenset({"clinic"}))
AUDITOR = Actor("staff", ref="auditor-zhou", role="auditor")
SCREEN = Actor("screen", ref="screen-1", role="screen", clinics=frozenset({"clinic"}))
ACTORS = {
    "owner": OWNER,
    "stranger": STRANGER,
    "guardian": GUARDIAN,
    "doctor": DOCTOR,
    "desk": DESK,
    "lab": LAB,
    "pharmacist": PHARMACIST,
    "admin": ADMIN,
    "auditor": AUDITOR,
    "screen": SCREEN,
    "system": SYSTEM,
    "anonymous": ANONYMOUS,
}

TREATED = (Treating("doctor-zhao", "li", NOW - timedelta(hours=1)),)


def link_of(actor, **changes):
    """The link that the service finds for this actor: the owner's own, the mother's, none for others."""
    if actor is OWNER:
        link = Link("account-of-li", "li", Relation.SELF, NOW - 30 * DAY, proven_at=NOW - 30 * DAY)
    elif actor is GUARDIAN:
        link = Link("account-of-mother", "li", Relation.GUARDIAN, NOW - 30 * DAY, proven_at=NOW - 20 * DAY)
    else:
        return None
    return dataclasses.replace(link, **changes)


def questions(actor):
    """One of each, about Li, a child here, with everything the rules could wish for."""
    link = link_of(actor)
    return [
        SeeOwn("li", link, NOW - DAY, CHILD),
        ActFor("li", link, CHILD),
        EndGuardianship("li", link, MINOR),
        GivePermit("li", link, CHILD),
        BreakGlass("li"),
        SeeHealth("li", NOW - DAY, link, CHILD, TREATED),
        WriteHealth("li", TREATED),
        SeeIdentity("li", frozenset({"clinic"}), link, CHILD, TREATED, frozenset({"clinic"})),
        WorkLab("clinic", "li"),
        ReviewPrescriptions("clinic", "li"),
        WorkQueue("clinic", "doctor-zhao", TODAY),
        RunDesk("clinic"),
        PairScreen("clinic"),
        ShowBoard("clinic"),
        ReadOwnCodes("clinic"),
        ManageStaff(),
        AuditEvents(),
    ]


OWN = {"SeeOwn", "ActFor", "GivePermit", "SeeHealth", "SeeIdentity"}
GRANTED = {
    "owner": dict.fromkeys([*OWN, "EndGuardianship"], Basis.SELF),
    "stranger": {},
    "guardian": dict.fromkeys(OWN, Basis.GUARDIAN),
    "doctor": {
        **dict.fromkeys(["SeeHealth", "WriteHealth", "SeeIdentity"], Basis.TREATING),
        "WorkQueue": Basis.OWN_SESSION,
        "BreakGlass": Basis.OFFICE,
    },
    "desk": dict.fromkeys(
        ["SeeIdentity", "WorkQueue", "RunDesk", "PairScreen", "ShowBoard", "ReadOwnCodes"], Basis.CLINIC
    ),
    "lab": dict.fromkeys(["WorkLab", "SeeIdentity"], Basis.CLINIC),
    "pharmacist": {"ReviewPrescriptions": Basis.CLINIC},
    "admin": dict.fromkeys(["ManageStaff", "PairScreen"], Basis.OFFICE),
    "auditor": {"AuditEvents": Basis.OFFICE},
    "screen": dict.fromkeys(["ShowBoard", "ReadOwnCodes"], Basis.CLINIC),
    "system": {},
    "anonymous": {},
}


def denied(name, question):
    if name == "anonymous":
        return Denial(Rule.SIGN_IN)
    if question == "EndGuardianship":  # no guardian ends another's, or their own in the ward's name
        return Denial(Rule.NO_LINK if name in ("stranger", "guardian") else Rule.ROLE)
    return Denial(Rule.NO_LINK if name == "stranger" and question in OWN else Rule.ROLE)


@pytest.mark.parametrize("name", ACTORS)
def test_every_role_meets_every_question(name):
    asked = questions(ACTORS[name])
    assert {type(q) for q in asked} == set(get_args(access.Question))
    for question in asked:
        kind = type(question).__name__
        basis = GRANTED[name].get(kind)
        expected = Grant(basis) if basis else denied(name, kind)
        assert access.decide(ACTORS[name], question, NOW) == expected, kind


@pytest.mark.parametrize("kind", ["patient", "staff", "screen", "anonymous"])
@pytest.mark.parametrize(
    "role", ["patient", "doctor", "desk", "lab", "pharmacist", "admin", "auditor", "screen", "system", None]
)
def test_a_role_worn_at_the_wrong_door_opens_nothing(kind, role):
    if (kind, role) in {(a.kind, a.role) for a in ACTORS.values()}:
        return
    wearer = Actor(kind, ref="account-of-li", role=role, clinics=frozenset({"clinic"}))
    for question in [*questions(OWNER), WorkQueue("clinic", "account-of-li", TODAY)]:
        assert isinstance(access.decide(wearer, question, NOW), Denial)


def test_without_a_ref_nobody_is_signed_in():
    nobody = dataclasses.replace(ADMIN, ref=None)
    assert access.decide(nobody, ManageStaff(), NOW) == Denial(Rule.SIGN_IN)


# Links


def test_somebody_elses_link_opens_nothing():
    """Facts are matched again: a service that fetched the wrong link gives nothing away."""
    theirs = link_of(OWNER)
    assert access.decide(STRANGER, SeeHealth("li", NOW, theirs), NOW) == Denial(Rule.NO_LINK)
    assert access.decide(OWNER, SeeHealth("wang", NOW, theirs), NOW) == Denial(Rule.NO_LINK)


def test_a_link_opens_from_its_first_moment_to_its_last():
    link = link_of(OWNER, ends_at=NOW + DAY)
    assert access.decide(OWNER, SeeOwn("li", link), link.since_at - MOMENT) == Denial(Rule.NO_LINK)
    assert access.decide(OWNER, SeeOwn("li", link), link.since_at) == Grant(Basis.SELF)
    assert access.decide(OWNER, SeeOwn("li", link), NOW + DAY - MOMENT) == Grant(Basis.SELF)
    assert access.decide(OWNER, SeeOwn("li", link), NOW + DAY) == Denial(Rule.LINK_ENDED)


@pytest.mark.parametrize("question", [SeeOwn, SeeHealth])
def test_an_unproven_link_opens_only_what_happened_since(question):
    link = link_of(OWNER, proven_at=None)

    def ask(recorded_at):
        return access.decide(OWNER, question("li", link=link, recorded_at=recorded_at), NOW)

    granted = Grant(Basis.SELF_UNPROVEN, since_at=link.since_at)
    assert ask(link.since_at) == granted
    assert ask(None) == granted  # a list, which the service cuts at `since_at`
    assert ask(link.since_at - MOMENT) == Denial(Rule.LINK_UNPROVEN)


def test_proof_opens_what_is_old_from_its_own_moment_on():
    link = link_of(OWNER, proven_at=NOW)
    old = SeeHealth("li", link.since_at - 900 * DAY, link)
    assert access.decide(OWNER, old, NOW - MOMENT) == Denial(Rule.LINK_UNPROVEN)
    assert access.decide(OWNER, old, NOW) == Grant(Basis.SELF)


# Guardians


@pytest.mark.parametrize(
    ("birth_on", "arrangements", "health"),
    [
        (CHILD, Grant(Basis.GUARDIAN), Grant(Basis.GUARDIAN)),
        (MINOR, Grant(Basis.GUARDIAN), Denial(Rule.GUARDIAN_OF_MINOR)),
        (ADULT, Denial(Rule.GUARDIAN_OF_ADULT), Denial(Rule.GUARDIAN_OF_ADULT)),
        (None, Denial(Rule.GUARDIAN_AGE_UNKNOWN), Denial(Rule.GUARDIAN_AGE_UNKNOWN)),
        (TODAY + DAY, Grant(Basis.GUARDIAN), Grant(Basis.GUARDIAN)),  # a birthday mistyped at the desk is no crash
    ],
)
def test_what_a_guardian_may_goes_by_age(birth_on, arrangements, health):
    link = link_of(GUARDIAN)
    assert access.decide(GUARDIAN, SeeOwn("li", link, NOW, birth_on), NOW) == arrangements
    assert access.decide(GUARDIAN, ActFor("li", link, birth_on), NOW) == arrangements
    assert access.decide(GUARDIAN, SeeHealth("li", NOW, link, birth_on), NOW) == health


def test_health_content_closes_to_the_guardian_at_midnight_of_the_fourteenth_birthday():
    ask = SeeHealth("li", NOW, link_of(GUARDIAN), date(2012, 11, 23))
    midnight = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    assert access.decide(GUARDIAN, ask, midnight - MOMENT) == Grant(Basis.GUARDIAN)
    assert access.decide(GUARDIAN, ask, midnight) == Denial(Rule.GUARDIAN_OF_MINOR)


@pytest.mark.parametrize(
    ("birth_on", "fourteen", "eighteen"),
    [
        (date(2008, 6, 1), date(2022, 6, 1), date(2026, 6, 1)),
        (date(2008, 2, 29), date(2022, 3, 1), date(2026, 3, 1)),  # 2022 and 2026 have no 29 February
        (date(2010, 2, 28), date(2024, 2, 28), date(2028, 2, 28)),  # a leap year does not hold anybody back
        (date(2014, 12, 31), date(2028, 12, 31), date(2032, 12, 31)),
    ],
)
def test_each_birthday_counts_from_the_hospitals_own_midnight(birth_on, fourteen, eighteen):
    """Sixteen hours UTC are midnight in Shanghai: neither the machine's day nor UTC's decides."""
    link = link_of(GUARDIAN, since_at=NOW - 9000 * DAY, proven_at=NOW - 9000 * DAY)

    def asked(question, day_on, before=timedelta(0)):
        at = datetime(day_on.year, day_on.month, day_on.day, tzinfo=UTC) - timedelta(hours=8) - before
        return access.decide(GUARDIAN, question("li", link=link, birth_on=birth_on), at)

    assert asked(SeeHealth, fourteen, MOMENT) == Grant(Basis.GUARDIAN)
    assert asked(SeeHealth, fourteen) == Denial(Rule.GUARDIAN_OF_MINOR)
    assert asked(ActFor, fourteen) == asked(ActFor, eighteen, MOMENT) == Grant(Basis.GUARDIAN)
    assert asked(SeeOwn, eighteen, MOMENT) == Grant(Basis.GUARDIAN)
    assert asked(ActFor, eighteen) == asked(SeeOwn, eighteen) == Denial(Rule.GUARDIAN_OF_ADULT)


def test_family_reaches_everything_with_the_grown_ups_code_and_nothing_without():
    proven = link_of(GUARDIAN, relation=Relation.FAMILY)
    for question in (SeeOwn("li", proven, NOW, ADULT), ActFor("li", proven), SeeHealth("li", NOW, proven, ADULT)):
        assert access.decide(GUARDIAN, question, NOW) == Grant(Basis.FAMILY)
        typed = dataclasses.replace(question, link=dataclasses.replace(proven, proven_at=None))
        assert access.decide(GUARDIAN, typed, NOW) == Denial(Rule.LINK_UNPROVEN)


def test_from_fourteen_on_and_proven_one_ends_a_guardianship_oneself():
    born = date(2012, 11, 23)
    midnight = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    own, typed = link_of(OWNER), link_of(OWNER, proven_at=None)
    assert access.decide(OWNER, EndGuardianship("li", own, born), midnight) == Grant(Basis.SELF)
    assert access.decide(OWNER, EndGuardianship("li", own, born), midnight - MOMENT) == Denial(Rule.OWN_SAY_LATER)
    assert access.decide(OWNER, EndGuardianship("li", own, None), midnight) == Denial(Rule.OWN_SAY_LATER)
    assert access.decide(OWNER, EndGuardianship("li", typed, born), midnight) == Denial(Rule.OWN_PROOF_MISSING)
    family = link_of(GUARDIAN, relation=Relation.FAMILY)
    assert access.decide(GUARDIAN, EndGuardianship("li", family, ADULT), NOW) == Denial(Rule.NO_LINK)


@pytest.mark.parametrize("question", ["SeeOwn", "ActFor", "SeeHealth", "SeeIdentity"])
def test_a_guardian_whom_the_desk_has_not_verified_opens_nothing(question):
    link = link_of(GUARDIAN, proven_at=None)
    asked = next(q for q in questions(GUARDIAN) if type(q).__name__ == question)
    assert access.decide(GUARDIAN, dataclasses.replace(asked, link=link), NOW) == Denial(Rule.GUARDIAN_UNVERIFIED)


# Treating


def test_treating_lasts_from_check_in_to_the_end_of_the_next_day():
    checked_in_at = datetime(2026, 11, 21, 15, 59, tzinfo=UTC)  # 23:59 on 21 November at the hospital
    ask = SeeHealth("li", NOW, treating=(Treating("doctor-zhao", "li", checked_in_at),))
    ends_at = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)

    assert access.treating_ends_at(checked_in_at) == ends_at
    assert access.decide(DOCTOR, ask, checked_in_at - MOMENT) == Denial(Rule.NOT_TREATING)
    assert access.decide(DOCTOR, ask, checked_in_at) == Grant(Basis.TREATING)
    assert access.decide(DOCTOR, ask, ends_at - MOMENT) == Grant(Basis.TREATING)
    assert access.decide(DOCTOR, ask, ends_at) == Denial(Rule.NOT_TREATING)


@pytest.mark.parametrize("relation", [Treating("doctor-wu", "li", NOW), Treating("doctor-zhao", "wang", NOW)])
def test_treating_is_one_doctor_and_one_patient(relation):
    for ask in (SeeHealth("li", NOW, treating=(relation,)), WriteHealth("li", (relation,))):
        assert access.decide(DOCTOR, ask, NOW) == Denial(Rule.NOT_TREATING)


def test_one_relation_of_several_is_enough():
    relations = (Treating("doctor-wu", "li", NOW), *TREATED)
    assert access.decide(DOCTOR, WriteHealth("li", relations), NOW) == Grant(Basis.TREATING)


# Clinics and sessions


def test_a_doctor_works_the_own_session_and_the_pool_of_the_own_clinic():
    assert access.decide(DOCTOR, WorkQueue("clinic", "doctor-wu", TODAY), NOW) == Denial(Rule.OTHER_SESSION)
    assert access.decide(DOCTOR, WorkQueue("clinic", None, TODAY), NOW) == Grant(Basis.OWN_SESSION)
    assert access.decide(DOCTOR, WorkQueue("other", None, TODAY), NOW) == Denial(Rule.OTHER_SESSION)


@pytest.mark.parametrize(("days", "is_open"), [(-2, False), (-1, True), (0, True), (1, False)])
def test_a_session_is_worked_on_its_day_and_ended_on_the_next(days, is_open):
    for actor in (DOCTOR, DESK):
        answer = access.decide(actor, WorkQueue("clinic", "doctor-zhao", TODAY + days * DAY), NOW)
        assert isinstance(answer, Grant) if is_open else answer == Denial(Rule.OTHER_DAY)


@pytest.mark.parametrize(("clock", "is_open"), [("20:59", False), ("21:00", True), ("23:59", True)])
def test_a_session_soon_after_midnight_can_be_made_ready_in_the_evening(clock, is_open):
    now = instant(TODAY, time.fromisoformat(clock))
    for actor in (DOCTOR, DESK):
        answer = access.decide(actor, WorkQueue("clinic", "doctor-zhao", TODAY + DAY), now)
        assert isinstance(answer, Grant) if is_open else answer == Denial(Rule.OTHER_DAY)


@pytest.mark.parametrize(
    ("actor", "question"),
    [
        (DESK, RunDesk("other")),
        (DESK, PairScreen("other")),
        (DESK, ShowBoard("other")),
        (DESK, ReadOwnCodes("other")),
        (DESK, WorkQueue("other", None, TODAY)),
        (DESK, SeeIdentity("li", frozenset({"other"}))),
        (DESK, SeeIdentity("li", frozenset())),
        (SCREEN, ShowBoard("other")),
        (SCREEN, ReadOwnCodes("other")),
    ],
)
def test_another_clinic_is_not_ones_own(actor, question):
    assert access.decide(actor, question, NOW) == Denial(Rule.OTHER_CLINIC)


@given(
    actor=st.sampled_from([DESK, ADMIN, AUDITOR, SCREEN, SYSTEM, ANONYMOUS]),
    treating=st.lists(st.builds(Treating, st.just("desk-qian"), st.just("li"), st.just(NOW)), max_size=2),
    is_proven=st.booleans(),
    account=st.sampled_from(["desk-qian", "admin-sun", "screen-1", "system"]),
)
def test_no_facts_open_health_content_to_who_does_not_treat(actor, treating, is_proven, account):
    link = Link(account, "li", Relation.SELF, NOW - DAY, NOW - DAY if is_proven else None)
    for ask in (SeeHealth("li", NOW, link, CHILD, tuple(treating)), WriteHealth("li", tuple(treating))):
        assert isinstance(access.decide(actor, ask, NOW), Denial)


# Refusals


@pytest.mark.parametrize(
    ("actor", "question", "refusal", "rule"),
    [
        (ANONYMOUS, ManageStaff(), errors.SignInNeeded, "sign_in"),
        (STRANGER, SeeOwn("li", None), errors.NotFound, "no_link"),
        (OWNER, SeeOwn("li", link_of(OWNER, ends_at=NOW)), errors.NotFound, "link_ended"),
        (OWNER, SeeHealth("li", NOW - 900 * DAY, link_of(OWNER, proven_at=None)), errors.NotFound, "link_unproven"),
        (GUARDIAN, SeeHealth("li", NOW, link_of(GUARDIAN), MINOR), errors.NotAllowed, "guardian_of_minor"),
        (DOCTOR, SeeHealth("li", NOW), errors.NotAllowed, "not_treating"),
        (DESK, SeeHealth("li", NOW), errors.NotAllowed, "role"),
    ],
)
def test_a_denial_becomes_the_refusal_that_gives_nothing_away(actor, question, refusal, rule):
    with pytest.raises(refusal) as refused:
        access.require(actor, question, NOW)
    assert type(refused.value) is refusal
    assert refused.value.facts == {"rule": rule}
    assert refused.value.about == ("li" if refusal is not errors.SignInNeeded else None)


def test_a_grant_comes_back_with_its_basis():
    assert access.require(AUDITOR, AuditEvents(), NOW) == Grant(Basis.OFFICE)
