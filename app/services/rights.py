"""Asking `app.domain.access`: gathers the facts a question turns on, and raises what the answer says.

Facts are read anew for every question, never kept: what was withdrawn, revoked or has run out is over at the next request,
and a page that keeps itself fresh finds out within its interval. The grant that an answer gave stays with the unit of work
(`granted`), so that the disclosure recorded in it cites what it rests on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.orm import Session

from app.domain import access
from app.domain.access import Answer, BrokenGlass, Grant, Held, Part, Treating
from app.domain.actor import Actor
from app.domain.calendar import hospital_day
from app.domain.errors import NotAllowed, NotFound, Refused
from app.domain.retention import RecordRestricted
from app.models import Appointment, BreakGlass, ClinicSession, Link, Patient, Permit, Prepared, Ticket
from app.services import identity, people, restriction

TREATING_LOOKBACK = timedelta(days=3)  # longer than any treating relation can last
OF_DEPARTMENT = timedelta(days=30)  # who holds a session of a department so long before or ahead works in it


@contextmanager
def concerning(patient_ref: str) -> Iterator[None]:
    """Let what is refused inside stand in this person's own log. For after access was decided, never before."""
    try:
        yield
    except Refused as refusal:
        refusal.about = refusal.about or patient_ref
        raise


def granted(session: Session, actor: Actor, patient_ref: str) -> Grant | None:
    """Return the grant that this unit of work was given last for an actor and a person; None where it asked for none."""
    found: Grant | None = session.info.get("granted", {}).get((actor.ref, patient_ref))
    return found


def _require(session: Session, actor: Actor, patient_ref: str, question: access.Question, now: datetime) -> Grant:
    is_kept_only = actor.role == "doctor" and restriction.blocks(session, str(actor.ref), patient_ref, now)
    if is_kept_only and not _broken(session, str(actor.ref), now, BreakGlass.patient_ref == patient_ref):
        raise RecordRestricted(about=patient_ref)  # an emergency goes on: a life comes first
    grant = access.require(actor, question, now)
    session.info.setdefault("granted", {})[actor.ref, patient_ref] = grant
    return grant


def treating_of(session: Session, clinician_ref: str, patient_ref: str, now: datetime) -> tuple[Treating, ...]:
    """Return when this person checked in to this clinician lately: a ticket of the own session, or one called by them. Of a
    record that is only kept, nothing, until a legal reason was given."""
    if restriction.blocks(session, clinician_ref, patient_ref, now):
        return ()
    return _treating(session, clinician_ref, patient_ref, now)


def treats(session: Session, actor: Actor, patient_ref: str, now: datetime) -> bool:
    """Tell whether a doctor treats this person now, whatever may be read of them."""
    relations = _treating(session, str(actor.ref), patient_ref, now)
    return isinstance(access.decide(actor, access.WriteHealth(patient_ref, relations), now), Grant)


def _treating(session: Session, clinician_ref: str, patient_ref: str, now: datetime) -> tuple[Treating, ...]:
    rows = session.execute(
        _TREATED.where(Ticket.patient_ref == patient_ref, Ticket.checked_in_at > now - TREATING_LOOKBACK).where(
            (ClinicSession.clinician_ref == clinician_ref) | (Ticket.called_by == clinician_ref)
        )
    )
    return tuple(Treating(clinician_ref, patient_ref, at, ref, version) for at, ref, version in rows)


_TREATED = (
    select(Ticket.checked_in_at, Ticket.id, Ticket.version)
    .join(ClinicSession, ClinicSession.id == Ticket.session_id)
    .order_by(Ticket.checked_in_at.desc(), Ticket.id)
)


def held_by(session: Session, clinician_ref: str, patient_ref: str, now: datetime) -> Held:
    """Return what a clinician holds of a person beside treating: consents, emergencies, and the departments they work in."""
    is_kept_only = restriction.blocks(session, clinician_ref, patient_ref, now)
    permits = () if is_kept_only else _permits(session, Permit.patient_ref == patient_ref, now)
    broken = _broken(session, clinician_ref, now, BreakGlass.patient_ref == patient_ref)
    has_department = any(one.department is not None for one in permits)
    return Held(permits, broken, departments_of(session, clinician_ref, now) if has_department else frozenset())


def departments_of(session: Session, clinician_ref: str, now: datetime) -> frozenset[str]:
    """Return the departments in which a clinician holds sessions, lately or soon."""
    today_on = hospital_day(now)
    return frozenset(
        session.scalars(
            select(ClinicSession.department_id)
            .where(ClinicSession.clinician_ref == clinician_ref)
            .where(ClinicSession.day_on.between(today_on - OF_DEPARTMENT, today_on + OF_DEPARTMENT))
            .distinct()
        )
    )


def _permits(session: Session, which: ColumnElement[bool], now: datetime) -> tuple[access.Permit, ...]:
    """Return consents that are not over, as facts. One ends with the tie through which it was given: a guardian's with the
    guardianship, and that of an account whose person turned out to be somebody else's with the proof."""
    session.flush()
    rows = session.scalars(
        select(Permit)
        .join(Link, Link.id == Permit.given_by)
        .where(which, Permit.withdrawn_at.is_(None), Permit.until_at > now, Link.state == "active")
        .order_by(Permit.since_at, Permit.id)
    )
    return tuple(
        access.Permit(
            ref=row.id,
            version=row.version,
            patient=row.patient_ref,
            purpose=row.purpose,
            parts=frozenset(Part(name) for name in row.parts.split()),
            since_at=row.since_at,
            until_at=row.until_at,
            clinician=row.clinician_ref,
            department=row.department_id,
            withdrawn_at=row.withdrawn_at,
            recorded_from=row.recorded_from,
        )
        for row in rows
    )


def _broken(
    session: Session, clinician_ref: str, now: datetime, *which: ColumnElement[bool]
) -> tuple[BrokenGlass, ...]:
    session.flush()
    rows = session.scalars(
        select(BreakGlass)
        .where(
            BreakGlass.clinician_ref == clinician_ref, BreakGlass.until_at > now, BreakGlass.ended_at.is_(None), *which
        )
        .order_by(BreakGlass.opened_at.desc())
    )
    return tuple(
        BrokenGlass(row.id, row.version, row.clinician_ref, row.patient_ref, row.opened_at, row.until_at, row.ended_at)
        for row in rows
    )


def readable_people(session: Session, actor: Actor, now: datetime) -> list[tuple[str, Grant]]:
    """Return whose records a doctor may read now, in part or whole, and on which grant each: who is treated first, then by
    consent, then in an emergency. Nobody else is so much as named. A day's people take three queries, not three each."""
    ref = str(actor.ref)
    departments = departments_of(session, ref, now)
    treated: dict[str, list[Treating]] = {}
    permitted: dict[str, list[access.Permit]] = {}
    broken: dict[str, list[BrokenGlass]] = {}
    rows = session.execute(
        _TREATED.add_columns(Ticket.patient_ref)
        .where(Ticket.checked_in_at > now - TREATING_LOOKBACK)
        .where((ClinicSession.clinician_ref == ref) | (Ticket.called_by == ref))
    )
    for at, ticket, version, patient_ref in rows:
        treated.setdefault(patient_ref, []).append(Treating(ref, patient_ref, at, ticket, version))
    for permit in _permits(session, (Permit.clinician_ref == ref) | Permit.department_id.in_(departments), now):
        permitted.setdefault(permit.patient, []).append(permit)
    for glass in _broken(session, ref, now):
        broken.setdefault(glass.patient, []).append(glass)
    found = []
    for patient_ref in dict.fromkeys([*treated, *permitted, *broken]):
        is_kept_only = restriction.blocks(session, ref, patient_ref, now)
        treating = () if is_kept_only else tuple(treated.get(patient_ref, ()))
        permits = () if is_kept_only else tuple(permitted.get(patient_ref, ()))
        held = Held(permits, tuple(broken.get(patient_ref, ())), departments)
        answer = access.decide(actor, access.SeeHealth(patient_ref, treating=treating, held=held, in_part=True), now)
        if isinstance(answer, Grant):
            found.append((patient_ref, answer))
    return found


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


_ACTIVE = Prepared(
    select(Link.patient_ref)
    .where(Link.account_ref == bindparam("account"), Link.state == "active")
    .order_by(Link.created_at)
)


def reached(session: Session, actor: Actor, now: datetime) -> list[tuple[str, datetime | None]]:
    """Return who of the account's people its lists may show, and since when (None: all). A link says too little: a
    guardian's reaches nothing once the child has grown up. A page that only reads asks for each of its lists, and is told
    the same each time."""
    told: dict[tuple[Any, ...], Any] = session.info.get("told", {})  # there in a reading session only
    if (actor, now) in told:
        return list(told[actor, now])
    session.flush()
    found = []
    for link in _ACTIVE.all(session.connection(), account=actor.ref):
        with suppress(NotFound, NotAllowed):
            found.append((link.patient_ref, see_own(session, actor, link.patient_ref, now).since_at))
    told[actor, now] = tuple(found)
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


def may_read(
    session: Session,
    actor: Actor,
    patient_ref: str,
    now: datetime,
    *,
    kind: str | None = None,
    recorded_at: datetime | None = None,
) -> Answer:
    """Return the grant on which the actor reads this person's health content now, or the denial; raise nothing.

    The grant may cover a part only: whoever shows several things asks `Grant.covers` of each, or cuts its query by
    `Grant.kinds` and `Grant.since_at`. `kind` asks about one record. For a page's own question whether it may stay open,
    which is nobody's attempt and leaves no refusal.
    """
    return access.decide(actor, _health(session, actor, patient_ref, now, kind, recorded_at, in_part=True), now)


def read_parts(
    session: Session,
    actor: Actor,
    patient_ref: str,
    now: datetime,
    *,
    kind: str | None = None,
    recorded_at: datetime | None = None,
) -> Grant:
    """Require what `may_read` asks. Raises NotFound, NotAllowed, SignInNeeded."""
    question = _health(session, actor, patient_ref, now, kind, recorded_at, in_part=True)
    grant = _require(session, actor, patient_ref, question, now)
    _keep(session, Asked(actor, patient_ref, kind, recorded_at, True, grant))
    return grant


def see_health(
    session: Session, actor: Actor, patient_ref: str, now: datetime, *, recorded_at: datetime | None = None
) -> Grant:
    """Require that the actor may open all of this person's health content: own, guardian's, while treating, by a consent to
    all of it, or in an emergency. What may be cut to a part asks `read_parts`."""
    question = _health(session, actor, patient_ref, now, None, recorded_at, in_part=False)
    grant = _require(session, actor, patient_ref, question, now)
    _keep(session, Asked(actor, patient_ref, None, recorded_at, False, grant))
    return grant


@dataclass(frozen=True)
class Asked:
    """A question about a record as it was asked and granted, to be asked again."""

    actor: Actor
    patient_ref: str
    kind: str | None
    recorded_at: datetime | None
    in_part: bool
    grant: Grant


def _keep(session: Session, asked: Asked) -> None:
    """Keep what was granted, where a look is under way whose disclosure is recorded afterwards."""
    if "asked" in session.info:
        session.info["asked"].append(asked)


def stands(session: Session, asked: Asked, now: datetime) -> bool:
    """Tell whether the same grant, resting on the same rows in the same versions, answers the question now."""
    one = asked
    question = _health(session, one.actor, one.patient_ref, now, one.kind, one.recorded_at, in_part=one.in_part)
    answer = access.decide(one.actor, question, now)
    return isinstance(answer, Grant) and answer == one.grant and answer.cites == one.grant.cites


def _health(
    session: Session,
    actor: Actor,
    patient_ref: str,
    now: datetime,
    kind: str | None,
    recorded_at: datetime | None,
    *,
    in_part: bool,
) -> access.SeeHealth:
    patient = _person(session, patient_ref)
    ref = str(actor.ref)
    if actor.kind == "patient":
        link = people.link_for(session, ref, patient_ref)
        return access.SeeHealth(patient_ref, recorded_at, link, identity.birth_of(session, patient), kind=kind)
    treating = treating_of(session, ref, patient_ref, now) if actor.kind == "staff" else ()
    held = held_by(session, ref, patient_ref, now) if actor.role == "doctor" else access.NOTHING_HELD
    return access.SeeHealth(patient_ref, recorded_at, treating=treating, held=held, kind=kind, in_part=in_part)


def write_health(session: Session, actor: Actor, patient_ref: str, now: datetime) -> Grant:
    """Require that the actor treats this person now."""
    _person(session, patient_ref)
    question = access.WriteHealth(patient_ref, treating_of(session, str(actor.ref), patient_ref, now))
    return _require(session, actor, patient_ref, question, now)


def see_identity(
    session: Session, actor: Actor, patient_ref: str, now: datetime, *, clinics: frozenset[str] | None = None
) -> Grant:
    """Require that the actor may see this person unmasked. `clinics` where the desk has the person before it, document in hand."""
    _person(session, patient_ref)
    at = clinics if clinics is not None else clinics_of(session, patient_ref)
    treating = treating_of(session, str(actor.ref), patient_ref, now) if actor.kind == "staff" else ()
    held = held_by(session, str(actor.ref), patient_ref, now) if actor.role == "doctor" else access.NOTHING_HELD
    return _require(session, actor, patient_ref, access.SeeIdentity(patient_ref, at, treating=treating, held=held), now)


def give_permit(session: Session, actor: Actor, patient_ref: str, now: datetime) -> tuple[Grant, access.Link]:
    """Require that the actor may let staff read of this person, and take that back; return by which link of theirs."""
    link = people.link_for(session, str(actor.ref), patient_ref)
    birth_on = identity.birth_of(session, _person(session, patient_ref))
    grant = access.require(actor, access.GivePermit(patient_ref, link, birth_on), now)
    if link is None:  # a grant without a link is a mistake of ours
        raise NotFound()
    return grant, link


def break_glass(actor: Actor, patient_ref: str, now: datetime) -> Grant:
    """Require that the actor is somebody who may open a record in an emergency."""
    return access.require(actor, access.BreakGlass(patient_ref), now)


def work_lab(actor: Actor, clinic_id: str, patient_ref: str | None, now: datetime) -> Grant:
    """Require that the actor works in this clinic's laboratory; `patient_ref` is whose order it is, None for the list."""
    return access.require(actor, access.WorkLab(clinic_id, patient_ref), now)


def see_identity_of_sample(session: Session, actor: Actor, patient_ref: str, clinic_id: str, now: datetime) -> Grant:
    """Require that the laboratory may see whose sample it takes: somebody who has an order in its clinic."""
    _person(session, patient_ref)
    question = access.SeeIdentity(patient_ref, frozenset(), ordered_at=frozenset({clinic_id}))
    return _require(session, actor, patient_ref, question, now)


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
