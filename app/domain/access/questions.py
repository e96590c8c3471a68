"""What is asked: each question carries the facts that it turns on, gathered by the service that asks."""

from dataclasses import dataclass
from datetime import date, datetime

from app.domain.access.facts import BrokenGlass, Link, Permit, Treating


@dataclass(frozen=True)
class Held:
    """What a member of staff holds of a patient beside treating. `departments` are those in which they hold sessions."""

    permits: tuple[Permit, ...] = ()
    broken: tuple[BrokenGlass, ...] = ()
    departments: frozenset[str] = frozenset()


NOTHING_HELD = Held()


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
class GivePermit:
    """Letting staff read what is the patient's, and taking that back: by the person, or for a child by the guardian."""

    patient: str
    link: Link | None
    birth_on: date | None = None


@dataclass(frozen=True)
class BreakGlass:
    """Opening a record in an emergency, without any relation to the patient."""

    patient: str


@dataclass(frozen=True)
class SeeHealth:
    """Diagnoses, prescriptions, reports of a patient, recorded at `recorded_at` (None: a list, to be cut).

    `kind` is that of one record. Who asks for no kind wants the whole record, and gets no grant that covers a part of it,
    unless `in_part` says that it cuts what it shows by `Grant.covers`.
    """

    patient: str
    recorded_at: datetime | None = None
    link: Link | None = None
    birth_on: date | None = None
    treating: tuple[Treating, ...] = ()
    held: Held = NOTHING_HELD
    kind: str | None = None
    in_part: bool = False


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
    held: Held = NOTHING_HELD


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
    | GivePermit
    | BreakGlass
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
