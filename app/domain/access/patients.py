"""What patients may: as far as the link of their account reaches."""

from datetime import date, datetime

from app.domain.access.answers import Answer, Basis, Denial, Grant, Rule, cite
from app.domain.access.facts import Link, Relation
from app.domain.access.questions import ActFor, EndGuardianship, GivePermit, Question, SeeHealth, SeeIdentity, SeeOwn
from app.domain.actor import Actor
from app.domain.age import AgeGroup, age_group, is_child
from app.domain.calendar import hospital_day


def decide_patient(actor: Actor, question: Question, now: datetime) -> Answer:
    match question:
        case SeeOwn(patient, link, recorded_at, birth_on):
            return _reach(actor, patient, link, recorded_at, birth_on, now, is_health=False)
        case ActFor(patient, link, birth_on):
            return _reach(actor, patient, link, None, birth_on, now, is_health=False)
        case EndGuardianship(patient, link, birth_on):
            return _says_for_oneself(actor, patient, link, birth_on, now)
        case GivePermit(patient, link, birth_on):
            return _gives(actor, patient, link, birth_on, now)
        case SeeHealth(patient, recorded_at, link, birth_on):
            return _reach(actor, patient, link, recorded_at, birth_on, now, is_health=True)
        case SeeIdentity(patient=patient, link=link, birth_on=birth_on):
            return _reach(actor, patient, link, None, birth_on, now, is_health=False)
        case _:
            return Denial(Rule.ROLE)


def _reach(
    actor: Actor,
    patient: str,
    link: Link | None,
    recorded_at: datetime | None,
    birth_on: date | None,
    now: datetime,
    *,
    is_health: bool,
) -> Answer:
    """Return how far a link reaches into what is the patient's."""
    if link is None or link.account != actor.ref or link.patient != patient or now < link.since_at:
        return Denial(Rule.NO_LINK)
    if link.ends_at is not None and now >= link.ends_at:
        return Denial(Rule.LINK_ENDED)
    is_proven = link.proven_at is not None and link.proven_at <= now
    cites = cite("link", link.ref, link.version)
    if link.relation is Relation.GUARDIAN:
        return _guards(is_proven, birth_on, now, cites, is_health=is_health)
    if link.relation is Relation.FAMILY:
        return Grant(Basis.FAMILY, cites=cites) if is_proven else Denial(Rule.LINK_UNPROVEN)
    if is_proven:
        return Grant(Basis.SELF, cites=cites)
    # Knowing somebody's ID proves nothing: without proof only what happened since the link was made is open.
    if recorded_at is not None and recorded_at < link.since_at:
        return Denial(Rule.LINK_UNPROVEN)
    return Grant(Basis.SELF_UNPROVEN, since_at=link.since_at, cites=cites)


def _says_for_oneself(actor: Actor, patient: str, link: Link | None, birth_on: date | None, now: datetime) -> Answer:
    """Return whether it is the patient who asks, of fourteen or more; whoever merely typed the ID ends nobody's guardianship."""
    answer = _reach(actor, patient, link, None, birth_on, now, is_health=False)
    if isinstance(answer, Denial) or answer.basis is Basis.SELF_UNPROVEN:
        return answer if isinstance(answer, Denial) else Denial(Rule.OWN_PROOF_MISSING)
    if answer.basis is not Basis.SELF:
        return Denial(Rule.NO_LINK)
    if birth_on is None or is_child(birth_on, max(hospital_day(now), birth_on)):
        return Denial(Rule.OWN_SAY_LATER)
    return answer


def _gives(actor: Actor, patient: str, link: Link | None, birth_on: date | None, now: datetime) -> Answer:
    """Return whether the actor may let others read: as far as they read themself, and never as family of a grown-up."""
    answer = _reach(actor, patient, link, None, birth_on, now, is_health=True)
    if isinstance(answer, Grant) and answer.basis is Basis.FAMILY:
        return Denial(Rule.OWN_CONSENT_ONLY)
    return answer


def _guards(is_verified: bool, birth_on: date | None, now: datetime, cites: str, *, is_health: bool) -> Answer:
    """Return what a guardian may: everything below fourteen, arrangements but no health content below eighteen."""
    if not is_verified:
        return Denial(Rule.GUARDIAN_UNVERIFIED)
    if birth_on is None:
        return Denial(Rule.GUARDIAN_AGE_UNKNOWN)
    group = age_group(birth_on, max(hospital_day(now), birth_on))
    if group is AgeGroup.ADULT:
        return Denial(Rule.GUARDIAN_OF_ADULT)
    if group is AgeGroup.MINOR and is_health:
        return Denial(Rule.GUARDIAN_OF_MINOR)
    return Grant(Basis.GUARDIAN, cites=cites)
