"""Asking `app.domain.access`: gathers the facts a question turns on, and raises what the answer says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import access
from app.domain.access import Grant, Treating
from app.domain.actor import Actor
from app.domain.errors import NotAllowed, NotFound, Refused
from app.models import Appointment, ClinicSession, Link, Patient, Ticket
from app.services import identity, people

TREATING_LOOKBACK = timedelta(days=3)  # longer than any treating relation can last


@contextmanager
def concerning(patient_ref: str) -> Iterator[None]:
    """Let what is refused inside stand in this person's own log. For after access was decided, never before."""
    try:
        yield
    except Refused as refusal:
        refusal.about = refusal.about or patient_ref
        raise


def treating_of(session: Session, clinician_ref: str, patient_ref: str, now: datetime) -> tuple[Treating, ...]:
    """Return when this person checked in to this clinician lately: a ticket of the own session, or one called by them."""
    rows = session.execute(
        select(Ticket.checked_in_at)
        .join(ClinicSession, ClinicSession.id == Ticket.session_id)
        .where(Ticket.patient_ref == patient_ref, Ticket.checked_in_at > now - TREATING_LOOKBACK)
        .where((ClinicSession.clinician_ref == clinician_ref) | (Ticket.called_by == clinician_ref))
    )
    return tuple(Treating(clinician_ref, patient_ref, checked_in_at) for (checked_in_at,) in rows)


def clinics_of(session: Session, patient_ref: str) -> frozenset[str]:
    """Return the clinics where this person has business: an appointment, of whatever day."""
    return frozenset(
        session.scalars(select(Appointment.clinic_id).where(Appointment.patient_ref == patient_ref).distinct())
    )


def _person(session: Session, patient_ref: str) -> Patient:
    patient = session.get(Patient, patient_ref)
    if patient is None:
        raise NotFound()
    return patient


def _own(session: Session, actor: Actor, patient_ref: str) -> tuple[access.Link | None, date | None]:
    """Return what ties the actor's account to this person, and, where that is guardianship, the person's birth date: who
    acts for oneself needs no age, and what is not needed stays sealed. Who is not there is tied to nobody."""
    link = people.link_for(session, str(actor.ref), patient_ref)
    if link is None:
        _person(session, patient_ref)  # only what is somebody's is refused in that person's log
    if link is None or link.relation is not access.Relation.GUARDIAN:
        return link, None
    return link, identity.birth_of(session, _person(session, patient_ref))


def see_own(
    session: Session, actor: Actor, patient_ref: str, now: datetime, *, recorded_at: datetime | None = None
) -> Grant:
    """Require that the actor's account holds this person. Raises NotFound, NotAllowed, SignInNeeded."""
    link, birth_on = _own(session, actor, patient_ref)
    return access.require(actor, access.SeeOwn(patient_ref, link, recorded_at, birth_on), now)


def reached(session: Session, actor: Actor, now: datetime) -> list[tuple[str, datetime | None]]:
    """Return who of the account's people its lists may show, and since when (None: all). A link says too little: a
    guardian's reaches nothing once the child has grown up."""
    found = []
    active = select(Link.patient_ref).where(Link.account_ref == actor.ref, Link.state == "active")
    for patient_ref in session.scalars(active.order_by(Link.created_at)).all():
        with suppress(NotFound, NotAllowed):
            found.append((patient_ref, see_own(session, actor, patient_ref, now).since_at))
    return found


def act_for(session: Session, actor: Actor, patient_ref: str, now: datetime) -> Grant:
    """Require that the actor may book, cancel and check in for this person."""
    link, birth_on = _own(session, actor, patient_ref)
    return access.require(actor, access.ActFor(patient_ref, link, birth_on), now)


def arrange(session: Session, actor: Actor, patient_ref: str, now: datetime, *, recorded_at: datetime) -> Grant:
    """Require that the actor may see what was recorded then and act on it: `see_own`, then `act_for`, from one look."""
    link, birth_on = _own(session, actor, patient_ref)
    access.require(actor, access.SeeOwn(patient_ref, link, recorded_at, birth_on), now)
    return access.require(actor, access.ActFor(patient_ref, link, birth_on), now)


def see_health(
    session: Session, actor: Actor, patient_ref: str, now: datetime, *, recorded_at: datetime | None = None
) -> Grant:
    """Require that the actor may open this person's health content: own, guardian's, or while treating."""
    patient = _person(session, patient_ref)
    link = people.link_for(session, str(actor.ref), patient_ref) if actor.kind == "patient" else None
    treating = treating_of(session, str(actor.ref), patient_ref, now) if actor.kind == "staff" else ()
    question = access.SeeHealth(patient_ref, recorded_at, link, identity.birth_of(session, patient), treating)
    return access.require(actor, question, now)


def write_health(session: Session, actor: Actor, patient_ref: str, now: datetime) -> Grant:
    """Require that the actor treats this person now."""
    _person(session, patient_ref)
    return access.require(
        actor, access.WriteHealth(patient_ref, treating_of(session, str(actor.ref), patient_ref, now)), now
    )


def see_identity(
    session: Session, actor: Actor, patient_ref: str, now: datetime, *, clinics: frozenset[str] | None = None
) -> Grant:
    """Require that the actor may see this person unmasked. `clinics` where the desk has the person before it, document in hand."""
    _person(session, patient_ref)
    at = clinics if clinics is not None else clinics_of(session, patient_ref)
    treating = treating_of(session, str(actor.ref), patient_ref, now) if actor.kind == "staff" else ()
    return access.require(actor, access.SeeIdentity(patient_ref, at, treating=treating), now)


def work_lab(actor: Actor, clinic_id: str, patient_ref: str | None, now: datetime) -> Grant:
    """Require that the actor works in this clinic's laboratory; `patient_ref` is whose order it is, None for the list."""
    return access.require(actor, access.WorkLab(clinic_id, patient_ref), now)


def see_identity_of_sample(session: Session, actor: Actor, patient_ref: str, clinic_id: str, now: datetime) -> Grant:
    """Require that the laboratory may see whose sample it takes: somebody who has an order in its clinic."""
    _person(session, patient_ref)
    question = access.SeeIdentity(patient_ref, frozenset(), ordered_at=frozenset({clinic_id}))
    return access.require(actor, question, now)


def review_prescriptions(actor: Actor, clinic_id: str, patient_ref: str | None, now: datetime) -> Grant:
    """Require that the actor reviews this clinic's prescriptions; `patient_ref` is whose it is, None for the list."""
    return access.require(actor, access.ReviewPrescriptions(clinic_id, patient_ref), now)


def run_desk(actor: Actor, clinic_id: str, now: datetime) -> Grant:
    return access.require(actor, access.RunDesk(clinic_id), now)


def read_own_codes(actor: Actor, clinic_id: str, now: datetime) -> Grant:
    return access.require(actor, access.ReadOwnCodes(clinic_id), now)


def manage_staff(actor: Actor, now: datetime) -> Grant:
    return access.require(actor, access.ManageStaff(), now)


def audit_events(actor: Actor, now: datetime) -> Grant:
    return access.require(actor, access.AuditEvents(), now)


def pair_screen(actor: Actor, clinic_id: str, now: datetime) -> Grant:
    return access.require(actor, access.PairScreen(clinic_id), now)


def show_board(actor: Actor, clinic_id: str, now: datetime) -> Grant:
    return access.require(actor, access.ShowBoard(clinic_id), now)


def work_queue(session: Session, actor: Actor, clinic_session: ClinicSession, now: datetime) -> Grant:
    """Require that the actor may call in this session: its own clinician, or the desk on a room's behalf."""
    clinician = None if clinic_session.kind == "general" else clinic_session.clinician_ref
    return access.require(actor, access.WorkQueue(clinic_session.clinic_id, clinician, clinic_session.day_on), now)
