"""Who may do what to whom: the one place where access is decided (promise A1).

A question is a value that carries the facts it turns on, gathered by the service that asks; the answer is a `Grant`
with its basis, which goes into the event, or a `Denial` with the name of the rule, which goes into the refusal's event.
No question is answered by anything but the actor, the facts and the clock.

    anybody signed out          nothing here
    patient                     own things; those of people linked to the account, as far as the link reaches
    doctor                      own sessions; people of the own session from check-in to the end of the next day
    desk                        the own clinic: identity, queue, screens; nothing clinical
    lab                         the own clinic's orders and their results; whose sample it is
    pharmacist                  the own clinic's prescriptions with what their review needs
    admin                       staff, rules, screens; no patients
    auditor                     events, without identity
    screen                      the board of its own clinic
    system                      nothing: timers and commands act through services that ask for nobody
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from app.domain.actor import Actor
from app.domain.age import AgeGroup, age_group, is_child
from app.domain.calendar import ONE_DAY, day_bounds, hospital_day
from app.domain.errors import NotAllowed, NotFound, SignInNeeded

# Facts


class Relation(StrEnum):
    """What an account's holder is to a patient."""

    SELF = "self"
    GUARDIAN = "guardian"
    FAMILY = "family"


@dataclass(frozen=True)
class Link:
    """The tie of an account to a patient.

    `since_at` is when it was made. `proven_at` is when the hospital saw proof: for oneself a code to the phone on file
    or a claim code of the desk, for a guardian the papers at the desk, for family such a code from the grown-up whose record
    it is. `ends_at` is when it stops, ended or expired.
    """

    account: str
    patient: str
    relation: Relation
    since_at: datetime
    proven_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True)
class Treating:
    """A patient checked in to a clinician's session; from then the clinician treats, to the end of the next day."""

    clinician: str
    patient: str
    checked_in_at: datetime


# Questions


@dataclass(frozen=True)
class SeeOwn:
    """A patient's profile, appointments, tickets, receipts and access log, by the person or who stands in for it.

    `recorded_at` is when the object came to be; None asks for what comes with the link itself, or for a list, which the
    answer's `since_at` then cuts. `birth_on` decides for guardians.
    """

    patient: str
    link: Link | None
    recorded_at: datetime | None = None
    birth_on: date | None = None


@dataclass(frozen=True)
class ActFor:
    """Booking, cancelling, checking in for a patient."""

    patient: str
    link: Link | None
    birth_on: date | None = None


@dataclass(frozen=True)
class EndGuardianship:
    """Ending what a guardian or family holds of a patient, by that patient: from fourteen on one's own say counts."""

    patient: str
    link: Link | None
    birth_on: date | None = None


@dataclass(frozen=True)
class SeeHealth:
    """Diagnoses, prescriptions, reports of a patient, recorded at `recorded_at` (None: a list, to be cut)."""

    patient: str
    recorded_at: datetime | None = None
    link: Link | None = None
    birth_on: date | None = None
    treating: tuple[Treating, ...] = ()


@dataclass(frozen=True)
class WriteHealth:
    """Writing and signing what belongs to a visit."""

    patient: str
    treating: tuple[Treating, ...] = ()


@dataclass(frozen=True)
class SeeIdentity:
    """A patient's unmasked name, phone and document. `clinics` are those where the patient has business, `ordered_at`
    those that have an order of theirs."""

    patient: str
    clinics: frozenset[str]
    link: Link | None = None
    birth_on: date | None = None
    treating: tuple[Treating, ...] = ()
    ordered_at: frozenset[str] = frozenset()


@dataclass(frozen=True)
class WorkLab:
    """Orders of a clinic: the list, collecting, results. `patient` is whose order it is; None asks for the list."""

    clinic: str
    patient: str | None = None


@dataclass(frozen=True)
class ReviewPrescriptions:
    """Prescriptions written in a clinic, with allergies, what is taken now, age, sex and weight; None asks for the list."""

    clinic: str
    patient: str | None = None


@dataclass(frozen=True)
class WorkQueue:
    """Seeing a session's masked list and calling, recalling, passing, starting, finishing in it.

    `clinician` is None for a department's pool.
    """

    clinic: str
    clinician: str | None
    session_on: date


@dataclass(frozen=True)
class RunDesk:
    """The day of a clinic: check people in, register, issue claim codes, verify guardians, put back the passed."""

    clinic: str


@dataclass(frozen=True)
class PairScreen:
    """Giving a screen its clinic, or taking it away."""

    clinic: str


@dataclass(frozen=True)
class ShowBoard:
    """What a screen shows: numbers, rooms, the check-in code."""

    clinic: str


@dataclass(frozen=True)
class ReadOwnCodes:
    """Checking in whoever shows their own code: to the desk's scanner, or to a gate, which is a screen of the clinic."""

    clinic: str


@dataclass(frozen=True)
class ManageStaff:
    """Staff, their roles and clinics, sessions planned, rules changed."""


@dataclass(frozen=True)
class AuditEvents:
    """Reading events as the ledger binds them, subjects as references only."""


Question = (
    SeeOwn
    | ActFor
    | EndGuardianship
    | SeeHealth
    | WriteHealth
    | SeeIdentity
    | WorkLab
    | ReviewPrescriptions
    | WorkQueue
    | RunDesk
    | PairScreen
    | ShowBoard
    | ReadOwnCodes
    | ManageStaff
    | AuditEvents
)


# Answers


class Basis(StrEnum):
    """Why it is allowed; part of the event's words."""

    SELF = "self"
    SELF_UNPROVEN = "self_unproven"
    GUARDIAN = "guardian"
    FAMILY = "family"
    TREATING = "treating"
    OWN_SESSION = "own_session"
    CLINIC = "clinic"
    OFFICE = "office"


class Rule(StrEnum):
    """Why it is not."""

    SIGN_IN = "sign_in"
    ROLE = "role"
    NO_LINK = "no_link"
    LINK_ENDED = "link_ended"
    LINK_UNPROVEN = "link_unproven"
    GUARDIAN_UNVERIFIED = "guardian_unverified"
    GUARDIAN_AGE_UNKNOWN = "guardian_age_unknown"
    GUARDIAN_OF_MINOR = "guardian_of_minor"
    GUARDIAN_OF_ADULT = "guardian_of_adult"
    OWN_SAY_LATER = "own_say_later"
    OWN_PROOF_MISSING = "own_proof_missing"
    NOT_TREATING = "not_treating"
    OTHER_SESSION = "other_session"
    OTHER_DAY = "other_day"
    OTHER_CLINIC = "other_clinic"


HIDING = frozenset({Rule.NO_LINK, Rule.LINK_ENDED, Rule.LINK_UNPROVEN})
"""Denials that must look as if the thing were absent, so that nobody learns that it exists (A6)."""


@dataclass(frozen=True)
class Grant:
    """Allowed, on `basis`. Where `since_at` is set only what was recorded from then on is included."""

    basis: Basis
    since_at: datetime | None = None


@dataclass(frozen=True)
class Denial:
    """Not allowed; `rule` says why."""

    rule: Rule

    @property
    def hides(self) -> bool:
        return self.rule in HIDING


Answer = Grant | Denial


def decide(actor: Actor, question: Question, now: datetime) -> Answer:
    """Return whether `actor` may do what `question` asks at `now`, and why or why not."""
    if not actor.is_signed_in and actor.kind != "system":
        return Denial(Rule.SIGN_IN)
    match actor.kind, actor.role:
        case "patient", "patient":
            return _decide_patient(actor, question, now)
        case "staff", "doctor":
            return _decide_doctor(actor, question, now)
        case "staff", "desk":
            return _decide_desk(actor, question, now)
        case "staff", "lab":
            return _decide_lab(actor, question)
        case "staff", "pharmacist":
            if isinstance(question, ReviewPrescriptions):
                return _in_clinic(actor, question.clinic)
            return Denial(Rule.ROLE)
        case "staff", "admin":
            return Grant(Basis.OFFICE) if isinstance(question, ManageStaff | PairScreen) else Denial(Rule.ROLE)
        case "staff", "auditor":
            return Grant(Basis.OFFICE) if isinstance(question, AuditEvents) else Denial(Rule.ROLE)
        case "screen", "screen":
            return (
                _in_clinic(actor, question.clinic)
                if isinstance(question, ShowBoard | ReadOwnCodes)
                else Denial(Rule.ROLE)
            )
        case _:
            return Denial(Rule.ROLE)


def require(actor: Actor, question: Question, now: datetime) -> Grant:
    """Return the grant.

    Raises:
        SignInNeeded: nobody is signed in.
        NotFound: the denial must look as if the thing were absent; `rule` is for the refusal's event only.
        NotAllowed: with the `rule`.
    """
    answer = decide(actor, question, now)
    if isinstance(answer, Grant):
        return answer
    if answer.rule is Rule.SIGN_IN:
        raise SignInNeeded(rule=answer.rule.value)
    about = getattr(question, "patient", None)  # the refusal stands in that person's own log
    if answer.hides:
        raise NotFound(about=about, rule=answer.rule.value)
    raise NotAllowed(about=about, rule=answer.rule.value)


def treating_ends_at(checked_in_at: datetime) -> datetime:
    """Return when treating ends: with the hospital's day after the one of the check-in."""
    return day_bounds(hospital_day(checked_in_at) + ONE_DAY)[1]


# Roles


def _decide_patient(actor: Actor, question: Question, now: datetime) -> Answer:
    match question:
        case SeeOwn(patient, link, recorded_at, birth_on):
            return _reach(actor, patient, link, recorded_at, birth_on, now, is_health=False)
        case ActFor(patient, link, birth_on):
            return _reach(actor, patient, link, None, birth_on, now, is_health=False)
        case EndGuardianship(patient, link, birth_on):
            return _says_for_oneself(actor, patient, link, birth_on, now)
        case SeeHealth(patient, recorded_at, link, birth_on):
            return _reach(actor, patient, link, recorded_at, birth_on, now, is_health=True)
        case SeeIdentity(patient=patient, link=link, birth_on=birth_on):
            return _reach(actor, patient, link, None, birth_on, now, is_health=False)
        case _:
            return Denial(Rule.ROLE)


def _decide_doctor(actor: Actor, question: Question, now: datetime) -> Answer:
    match question:
        case SeeHealth(patient=patient, treating=treating) | WriteHealth(patient, treating):
            return _treats(actor, patient, treating, now)
        case SeeIdentity(patient=patient, treating=treating):
            return _treats(actor, patient, treating, now)
        case WorkQueue(clinic, clinician, session_on):
            is_own = clinic in actor.clinics if clinician is None else clinician == actor.ref
            return _on_its_day(session_on, now, Basis.OWN_SESSION) if is_own else Denial(Rule.OTHER_SESSION)
        case _:
            return Denial(Rule.ROLE)


def _decide_desk(actor: Actor, question: Question, now: datetime) -> Answer:
    match question:
        case WorkQueue(clinic, _, session_on):
            if clinic not in actor.clinics:
                return Denial(Rule.OTHER_CLINIC)
            return _on_its_day(session_on, now, Basis.CLINIC)
        case RunDesk(clinic) | PairScreen(clinic) | ShowBoard(clinic) | ReadOwnCodes(clinic):
            return _in_clinic(actor, clinic)
        case SeeIdentity(clinics=clinics):
            return Grant(Basis.CLINIC) if clinics & actor.clinics else Denial(Rule.OTHER_CLINIC)
        case _:
            return Denial(Rule.ROLE)


def _decide_lab(actor: Actor, question: Question) -> Answer:
    match question:
        case WorkLab(clinic):
            return _in_clinic(actor, clinic)
        case SeeIdentity(ordered_at=ordered_at):
            return Grant(Basis.CLINIC) if ordered_at & actor.clinics else Denial(Rule.OTHER_CLINIC)
        case _:
            return Denial(Rule.ROLE)


# Rules


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
    if link.relation is Relation.GUARDIAN:
        return _guards(is_proven, birth_on, now, is_health=is_health)
    if link.relation is Relation.FAMILY:
        return Grant(Basis.FAMILY) if is_proven else Denial(Rule.LINK_UNPROVEN)
    if is_proven:
        return Grant(Basis.SELF)
    # Knowing somebody's ID proves nothing: without proof only what happened since the link was made is open.
    if recorded_at is not None and recorded_at < link.since_at:
        return Denial(Rule.LINK_UNPROVEN)
    return Grant(Basis.SELF_UNPROVEN, since_at=link.since_at)


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


def _guards(is_verified: bool, birth_on: date | None, now: datetime, *, is_health: bool) -> Answer:
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
    return Grant(Basis.GUARDIAN)


def _treats(actor: Actor, patient: str, treating: tuple[Treating, ...], now: datetime) -> Answer:
    for relation in treating:
        is_theirs = relation.clinician == actor.ref and relation.patient == patient
        if is_theirs and relation.checked_in_at <= now < treating_ends_at(relation.checked_in_at):
            return Grant(Basis.TREATING)
    return Denial(Rule.NOT_TREATING)


def _on_its_day(session_on: date, now: datetime, basis: Basis) -> Answer:
    """Return a grant on the session's day and the next one: a session that runs past midnight can still be ended."""
    today_on = hospital_day(now)
    return Grant(basis) if session_on <= today_on <= session_on + ONE_DAY else Denial(Rule.OTHER_DAY)


def _in_clinic(actor: Actor, clinic: str) -> Answer:
    return Grant(Basis.CLINIC) if clinic in actor.clinics else Denial(Rule.OTHER_CLINIC)
