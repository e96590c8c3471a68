"""Erasing what somebody asks to have erased (promises E1, E2), in an order that a crash cannot hurt (DESIGN, section 5):

1. in one transaction: rows and events are taken away, their tombstones stand, and the event `erasure.begun` says how many and
   which; where law keeps a record, `record.restricted` says until when;
2. the data keys and blind indexes are destroyed, in the keyring;
3. in one transaction: `erasure.completed`, with tombstones for what was still sealed under a cached key meanwhile.

Whoever finds an erasure in the middle goes on with its next step; each is harmless to repeat.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from app.domain import retention as rules
from app.domain.access import Basis
from app.domain.actor import SYSTEM, Actor
from app.domain.calendar import ONE_DAY, hospital_day
from app.domain.ids import new_ref
from app.domain.retention import NotSure, VisitOpen
from app.models import (
    Account,
    Appointment,
    ClinicalRecord,
    Document,
    Erasure,
    Immunization,
    Link,
    Patient,
    Problem,
    Visit,
)
from app.services import accounts, erasure_rows, events, people, rights
from app.services.audit_tombstones import Tombstones
from app.services.erasure_rows import Burial
from app.services.sealing import open_payload, seal_again

RETENTIONS = ("identity", "contact", "clinical", "events", "messages")
OPEN_STATES = ("held", "booked", "checked_in", "in_consult")
NOW, FINAL = "now", "final"


@dataclass(frozen=True)
class Outlook:
    """What an erasure would do. `person` is the account's own (None: nobody is bound as oneself); `keep_until_on` the first day on
    which law no longer keeps their record, by `law`; None where nothing of it is kept. `unproven`: the record stays as it is,
    because whoever asks has not shown to be this person. `others` are the people whom the account can no longer reach."""

    person: str | None
    keep_until_on: date | None
    law: str | None
    last_on: date | None
    is_unproven: bool
    others: tuple[str, ...]
    open_visit_at: datetime | None


@dataclass(frozen=True)
class Begun:
    """An erasure that was begun. `token` opens the page about it and goes to the asker's browser, nowhere else; `phones` are the
    numbers that are erased, for whoever sent messages to them to forget these."""

    id: str
    token: str
    phones: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Standing:
    """How far an erasure is. `backups_until_on` is the day on which the last backup of the keyring that may have the keys ends."""

    state: str
    begun_at: datetime
    completed_at: datetime | None
    keep_until_on: date | None
    law: str | None
    backups_until_on: date
    event_id: str
    completed_event_id: str | None


@dataclass(frozen=True)
class ToDestroy:
    """Keys and blind indexes that an erasure has to destroy."""

    id: str
    keys: tuple[tuple[str, str], ...]
    holders: tuple[str, ...]


def outlook(session: Session, actor: Actor, now: datetime) -> Outlook:
    """Return what an erasure by this account would do. Raises SignInNeeded, NotAllowed."""
    account_ref = str(actor.ref)
    own = _own_link(session, account_ref)
    others = tuple(v.name for v in people.links_of(session, account_ref) if v.relation != "self")
    if own is None:
        return Outlook(None, None, None, None, False, others, None)
    ref = own.patient_ref
    grant = rights.act_for(session, actor, ref, now)
    last_on, is_inpatient = _last_care(session, ref)
    keep_until_on = None if last_on is None else rules.keep_until(last_on, is_inpatient=is_inpatient)
    if keep_until_on is not None and keep_until_on <= hospital_day(now):
        keep_until_on = None
    is_unproven = grant.basis is Basis.SELF_UNPROVEN and (last_on is not None or not _is_theirs_alone(session, own))
    open_at = session.scalar(
        select(func.min(Appointment.starts_at)).where(
            Appointment.patient_ref == ref,
            Appointment.state.in_(OPEN_STATES),
            or_(Appointment.state != "held", Appointment.held_until > now),
        )
    )
    law = rules.CLASSES["inpatient" if is_inpatient else "outpatient"].law if keep_until_on else None
    name = str(open_payload(session, session.get_one(Patient, ref))[0].get("name", ""))
    return Outlook(name, keep_until_on, law, last_on, is_unproven, others, open_at)


def begin(session: Session, actor: Actor, now: datetime, *, is_sure: bool) -> Begun:
    """Take away what goes now, and leave what has to be done to `destroy` and `complete`.

    Raises NotSure, VisitOpen; SignInNeeded, NotAllowed.
    """
    if not is_sure:
        raise NotSure("sure")
    seen = outlook(session, actor, now)
    own = _own_link(session, str(actor.ref))
    if seen.open_visit_at is not None:
        raise VisitOpen(starts_at=seen.open_visit_at)
    account_ref = str(actor.ref)
    patient_ref = None if own is None or seen.is_unproven else own.patient_ref
    keeps_record = patient_ref is not None and seen.keep_until_on is not None
    goes_whole = patient_ref is not None and not keeps_record

    phones = _phones(session, account_ref, patient_ref)
    erasure_rows.overwrite(session)
    _leave(session, actor, account_ref, patient_ref if goes_whole else None, now)
    if patient_ref is not None and seen.keep_until_on is not None:
        events.record(
            session, "record.restricted", actor, now, subject=patient_ref,
            detail={"until": seen.keep_until_on.isoformat(), "law": str(seen.law)},
        )  # fmt: skip
        patient = session.get_one(Patient, patient_ref)
        patient.contact = None  # beside the bound payload: no version of the row, and its key goes
    session.flush()
    victims = erasure_rows.of_request(session, patient_ref, account_ref)
    if patient_ref is not None and goes_whole:
        for table, found in erasure_rows.of_person(session, patient_ref).items():
            victims[table] = victims.get(table, set()) | found
    subjects = [account_ref, *([str(patient_ref)] if goes_whole else [])]
    burial = erasure_rows.bury(session, victims, subjects, Tombstones())
    _empty_account(session, account_ref, burial)
    keys = [[account_ref, one] for one in RETENTIONS]
    if patient_ref is not None:
        keys += [[patient_ref, one] for one in (RETENTIONS if goes_whole else sorted(rules.KEYS_NOW))]
    holders = [account_ref, *([str(patient_ref)] if goes_whole else [])]
    until_on = seen.keep_until_on if keeps_record else None
    begun = _begun(session, actor, NOW, burial, keys, holders, patient_ref, account_ref, until_on, seen.law, now)
    return replace(begun, phones=phones)


def due(session: Session, now: datetime, limit: int = 20) -> list[str]:
    """Return the ids of erasures whose record law no longer keeps; what was added to one meanwhile moves its day."""
    rows = session.scalars(
        select(Erasure)
        .where(Erasure.keep_until_on <= hospital_day(now), Erasure.lifted_at.is_(None), Erasure.kind == NOW)
        .where(Erasure.state == "completed")
        .order_by(Erasure.keep_until_on)
        .limit(limit)
    ).all()
    return [row.id for row in rows]


def finish(session: Session, erasure_id: str, now: datetime) -> Begun | None:
    """Begin the final erasure of a restricted record whose time is over; None where it is not: more was written in it, which
    moves the day, or it is done already."""
    row = session.get_one(Erasure, erasure_id)
    if row.lifted_at is not None or row.keep_until_on is None or row.patient_ref is None:
        return None
    last_on, is_inpatient = _last_care(session, row.patient_ref)
    if last_on is not None:
        row.keep_until_on = rules.keep_until(last_on, is_inpatient=is_inpatient)
        if row.keep_until_on > hospital_day(now):
            return None
    erasure_rows.overwrite(session)
    ref = row.patient_ref
    row.lifted_at, row.patient_ref = now, None
    session.flush()
    burial = erasure_rows.bury(session, erasure_rows.of_person(session, ref), [ref], Tombstones())
    session.expunge_all()
    keys = [[ref, one] for one in RETENTIONS]
    return _begun(session, SYSTEM, FINAL, burial, keys, [ref], ref, None, None, None, now)


def to_destroy(session: Session) -> list[ToDestroy]:
    """Return what erasures wait for: keys that still have to be destroyed."""
    rows = session.scalars(select(Erasure).where(Erasure.state == "begun").order_by(Erasure.begun_at)).all()
    return [ToDestroy(r.id, tuple((k[0], k[1]) for k in r.keys), tuple(r.holders)) for r in rows]


def destroyed(session: Session, erasure_id: str, now: datetime) -> None:
    """Write down that an erasure's keys are gone. Harmless to repeat."""
    session.execute(
        update(Erasure)
        .where(Erasure.id == erasure_id, Erasure.state == "begun")
        .values(state="destroyed", destroyed_at=now)
    )


def to_complete(session: Session, now: datetime) -> list[str]:
    """Return the erasures whose keys are gone so long that no worker has one in memory any more."""
    long_ago = Erasure.destroyed_at <= now - rules.KEYS_CACHED
    return list(session.scalars(select(Erasure.id).where(Erasure.state == "destroyed", long_ago)))


def unfinished(session: Session) -> int:
    """Return how many erasures are not completed."""
    return session.scalar(select(func.count()).select_from(Erasure).where(Erasure.state != "completed")) or 0


def complete(session: Session, erasure_id: str, now: datetime) -> None:
    """Record that an erasure is done, with tombstones for what came about a dead key meanwhile. Harmless to repeat."""
    row = session.scalar(select(Erasure).where(Erasure.id == erasure_id).with_for_update())
    if row is None or row.state != "destroyed":
        return
    erasure_rows.overwrite(session)
    gone = [str(key[0]) for key in row.keys if key[1] == "events"]
    burial = erasure_rows.bury(session, {}, gone, Tombstones())
    stones = burial.count()
    detail = {"kind": row.kind, "rows": stones.rows, "events": stones.events, "list_digest": stones.digest,
              "backups_until": backups_until(row).isoformat()}  # fmt: skip
    event = events.record(session, "erasure.completed", SYSTEM, now, detail=detail)
    burial.lay(session, event.id)
    row.state, row.completed_at, row.completed_event_id = "completed", now, event.id
    row.keys, row.holders, row.account_ref = [], [], None
    if row.keep_until_on is None:
        row.patient_ref = None


def standing(session: Session, token: str) -> Standing | None:
    """Return how far the erasure is whose page this token opens, or None."""
    row = session.scalar(select(Erasure).where(Erasure.page_hash == hash_token(token)))
    if row is None:
        return None
    return Standing(
        row.state, row.begun_at, row.completed_at, row.keep_until_on, row.law, backups_until(row), row.event_id,
        row.completed_event_id,
    )  # fmt: skip


def backups_until(row: Erasure) -> date:
    """Return the first day on which no backup of the keyring has the destroyed keys any more."""
    return hospital_day((row.destroyed_at or row.begun_at) + rules.KEYRING_BACKUPS) + ONE_DAY


def hash_token(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


# Private


def _begun(
    session: Session,
    actor: Actor,
    kind: str,
    burial: Burial,
    keys: list[list[str]],
    holders: list[str],
    patient_ref: str | None,
    account_ref: str | None,
    keep_until_on: date | None,
    law: str | None,
    now: datetime,
) -> Begun:
    stones = burial.count()
    until = keep_until_on.isoformat() if keep_until_on else None
    detail = {
        "kind": kind,
        "rows": stones.rows,
        "events": stones.events,
        "list_digest": stones.digest,
        "kept_until": until,
    }
    event = events.record(session, "erasure.begun", actor, now, detail=detail)
    burial.lay(session, event.id)
    token = secrets.token_urlsafe(24)
    row = Erasure(
        id=new_ref(), kind=kind, state="begun", patient_ref=patient_ref, account_ref=account_ref, event_id=event.id,
        begun_at=now, law=law if keep_until_on else None, keep_until_on=keep_until_on, keys=keys, holders=holders,
        page_hash=hash_token(token) if kind == NOW else None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return Begun(row.id, token)


def _phones(session: Session, account_ref: str, patient_ref: str | None) -> tuple[str, ...]:
    """Return the account's number, and the one on file of the person whose record goes or is restricted."""
    found = [accounts.phone_of(session, account_ref)]
    if patient_ref is not None:
        found.append(people.contact_of(session, session.get_one(Patient, patient_ref)).get("phone"))
    return tuple(sorted({phone for phone in found if phone}))


def _own_link(session: Session, account_ref: str) -> Link | None:
    mine = select(Link).where(Link.account_ref == account_ref, Link.relation == "self", Link.state == "active")
    return session.scalar(mine)


def _last_care(session: Session, patient_ref: str) -> tuple[date | None, bool]:
    """Return the hospital day of the last visit, discharge or thing written, and whether any of it was inpatient."""
    last: list[datetime] = []
    is_inpatient = False
    for visit in session.scalars(select(Visit).where(Visit.patient_ref == patient_ref)):
        last.append(visit.finished_at or visit.started_at or visit.recorded_at)
        is_inpatient |= rules.is_inpatient(str(open_payload(session, visit)[0].get("class", "")))
    for model in (ClinicalRecord, Problem, Immunization, Document):
        newest = session.scalar(select(func.max(model.recorded_at)).where(model.patient_ref == patient_ref))
        last += [newest] if newest else []
    return (hospital_day(max(last)) if last else None), is_inpatient


def _is_theirs_alone(session: Session, own: Link) -> bool:
    """Tell whether the record came about by this very bind and nobody else holds it."""
    patient = session.get_one(Patient, own.patient_ref)
    others = select(Link.id).where(Link.patient_ref == own.patient_ref, Link.id != own.id, Link.state != "ended")
    return patient.source == "bound" and not patient.is_verified and session.scalar(others.limit(1)) is None


def _leave(session: Session, actor: Actor, account_ref: str, but: str | None, now: datetime) -> None:
    """End the account's hold of everybody, each with its event in their log; `but` goes as a whole."""
    mine = select(Link).where(Link.account_ref == account_ref, Link.state != "ended").order_by(Link.patient_ref)
    for link in session.scalars(mine).all():
        if link.patient_ref == but:
            continue
        link.state, link.ended_at = "ended", now
        seal_again(session, link)
        detail = {"relation": link.relation}
        events.record(session, "person.unbound", actor, now, subject=link.patient_ref, objects=[link], detail=detail)


def _empty_account(session: Session, account_ref: str, burial: Burial) -> None:
    """Leave of an account its random ref, which other people's rows name, and nothing else."""
    row = session.get_one(Account, account_ref)
    burial.also(Account.OBJECT, account_ref, row.version)
    table = Account.__table__
    blank = {"sealed": b"", "has_phone": False, "created_at": datetime.fromtimestamp(0, tz=UTC)}
    session.execute(update(table).where(table.c.ref == account_ref).values(blank))
    session.expunge(row)
