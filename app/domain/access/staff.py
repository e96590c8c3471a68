"""What staff may: by role and clinic, and a doctor of a patient by treating, by the patient's consent, or in an emergency."""

from datetime import date, datetime

from app.domain.access.answers import Answer, Basis, Denial, Grant, Rule, cite
from app.domain.access.facts import ALL_PARTS, PART_OF, BrokenGlass, Part, Permit, Treating
from app.domain.access.questions import (
    BreakGlass,
    Held,
    PairScreen,
    Question,
    ReadOwnCodes,
    RunDesk,
    SeeHealth,
    SeeIdentity,
    ShowBoard,
    WorkLab,
    WorkQueue,
    WriteHealth,
)
from app.domain.actor import Actor
from app.domain.calendar import AROUND_MIDNIGHT, ONE_DAY, day_bounds, hospital_day


def decide_doctor(actor: Actor, question: Question, now: datetime) -> Answer:
    match question:
        case SeeHealth(patient, recorded_at, treating=treating, held=held, kind=kind, in_part=in_part):
            answer = _reads(actor, patient, treating, held, now)
            return answer if isinstance(answer, Denial) else _enough(answer, kind, recorded_at, in_part=in_part)
        case SeeIdentity(patient=patient, treating=treating, held=held):
            return _reads(actor, patient, treating, held, now)
        case WriteHealth(patient, treating):
            return treats(actor, patient, treating, now)
        case BreakGlass():
            return Grant(Basis.OFFICE)
        case WorkQueue(clinic, clinician, session_on):
            is_own = clinic in actor.clinics if clinician is None else clinician == actor.ref
            return _on_its_day(session_on, now, Basis.OWN_SESSION) if is_own else Denial(Rule.OTHER_SESSION)
        case _:
            return Denial(Rule.ROLE)


def decide_desk(actor: Actor, question: Question, now: datetime) -> Answer:
    match question:
        case WorkQueue(clinic, _, session_on):
            if clinic not in actor.clinics:
                return Denial(Rule.OTHER_CLINIC)
            return _on_its_day(session_on, now, Basis.CLINIC)
        case RunDesk(clinic) | PairScreen(clinic) | ShowBoard(clinic) | ReadOwnCodes(clinic):
            return in_clinic(actor, clinic)
        case SeeIdentity(clinics=clinics):
            return Grant(Basis.CLINIC) if clinics & actor.clinics else Denial(Rule.OTHER_CLINIC)
        case _:
            return Denial(Rule.ROLE)


def decide_lab(actor: Actor, question: Question) -> Answer:
    match question:
        case WorkLab(clinic):
            return in_clinic(actor, clinic)
        case SeeIdentity(ordered_at=ordered_at):
            return Grant(Basis.CLINIC) if ordered_at & actor.clinics else Denial(Rule.OTHER_CLINIC)
        case _:
            return Denial(Rule.ROLE)


def treats(actor: Actor, patient: str, treating: tuple[Treating, ...], now: datetime) -> Answer:
    """Return whether one of these relations is of this doctor to this patient, and lasts."""
    for relation in treating:
        is_theirs = relation.clinician == actor.ref and relation.patient == patient
        if is_theirs and relation.checked_in_at <= now < treating_ends_at(relation.checked_in_at):
            until_at = treating_ends_at(relation.checked_in_at)
            return Grant(Basis.TREATING, cites=cite("ticket", relation.ref, relation.version), until_at=until_at)
    return Denial(Rule.NOT_TREATING)


def treating_ends_at(checked_in_at: datetime) -> datetime:
    """Return when treating ends: with the hospital's day after the one of the check-in."""
    return day_bounds(hospital_day(checked_in_at) + ONE_DAY)[1]


def permit_holds(permit: Permit, actor: Actor, patient: str, departments: frozenset[str], now: datetime) -> bool:
    """Return whether a consent is in force for this member of staff at `now`: withdrawn, it ends at that very instant."""
    is_meant = permit.clinician == actor.ref if permit.clinician is not None else permit.department in departments
    is_withdrawn = permit.withdrawn_at is not None and now >= permit.withdrawn_at
    return permit.patient == patient and is_meant and permit.since_at <= now < permit.until_at and not is_withdrawn


def glass_holds(broken: BrokenGlass, actor: Actor, patient: str, now: datetime) -> bool:
    """Return whether an emergency of this doctor with this patient is still under way."""
    is_theirs = broken.clinician == actor.ref and broken.patient == patient
    is_ended = broken.ended_at is not None and now >= broken.ended_at
    return is_theirs and broken.opened_at <= now < broken.until_at and not is_ended


def _reads(actor: Actor, patient: str, treating: tuple[Treating, ...], held: Held, now: datetime) -> Answer:
    """Return what a doctor reads a patient's record on, the least extraordinary first: treating, a consent to all of it,
    an emergency, consents to parts of it."""
    answer = treats(actor, patient, treating, now)
    if isinstance(answer, Grant):
        return answer
    permits = [one for one in held.permits if permit_holds(one, actor, patient, held.departments, now)]
    whole = next((one for one in permits if one.parts >= ALL_PARTS and one.recorded_from is None), None)
    if whole is not None:
        return _of_permits([whole])
    for broken in held.broken:
        if glass_holds(broken, actor, patient, now):
            cites = cite("break_glass", broken.ref, broken.version)
            return Grant(Basis.BREAK_GLASS, cites=cites, purpose="emergency", until_at=broken.until_at)
    return _of_permits(permits) if permits else answer


def _of_permits(permits: list[Permit]) -> Grant:
    """Return one grant for several consents: all the parts that any of them covers, recorded from when the latest reaches."""
    parts = frozenset[Part]().union(*(one.parts for one in permits))
    cuts = [one.recorded_from for one in permits if one.recorded_from is not None]
    return Grant(
        Basis.CONSENT,
        since_at=max(cuts, default=None),
        parts=None if parts >= ALL_PARTS else parts,
        cites=" ".join(sorted(cite("permit", one.ref, one.version) for one in permits)),
        purpose=min(one.purpose for one in permits),
        until_at=min(one.until_at for one in permits),
    )


def _enough(grant: Grant, kind: str | None, recorded_at: datetime | None, *, in_part: bool) -> Answer:
    """Return the grant if it covers what was asked for: one record of `kind`, or the whole, or what is left after a cut."""
    if kind is not None and grant.parts is not None and PART_OF.get(kind) not in grant.parts:
        return Denial(Rule.PART_WITHHELD)
    if grant.since_at is not None and recorded_at is not None and recorded_at < grant.since_at:
        return Denial(Rule.PART_WITHHELD)
    is_whole = grant.parts is None and grant.since_at is None
    return grant if is_whole or in_part or kind is not None else Denial(Rule.PART_WITHHELD)


def _on_its_day(session_on: date, now: datetime, basis: Basis) -> Answer:
    """Return a grant from three hours before the session's day to the end of the next one: a session soon after midnight
    can be made ready, and one that runs past midnight can still be ended."""
    opens_at = day_bounds(session_on)[0] - AROUND_MIDNIGHT
    is_its_day = opens_at <= now and hospital_day(now) <= session_on + ONE_DAY
    return Grant(basis) if is_its_day else Denial(Rule.OTHER_DAY)


def in_clinic(actor: Actor, clinic: str) -> Answer:
    return Grant(Basis.CLINIC) if clinic in actor.clinics else Denial(Rule.OTHER_CLINIC)
