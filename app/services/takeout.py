"""Taking everything away: asked for, packed in the background, fetched once by whoever has just signed in again.

This is one of the openers: packing reads the record as the account that asked may see it at that moment. What was packed is sealed
until it is fetched; then it is gone from here, and the event names the archive with the digests of its files.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import Conflict, NotFound, Refused
from app.domain.fhir.write import Frame, Resource
from app.domain.ids import new_ref
from app.domain.smart import TYPES
from app.models import Document, DocumentContent, Event, Takeout, TakeoutPart, WebSession
from app.services import events, people, records, rights
from app.services.fhir_events import SIDES, EventSources
from app.services.fhir_read import OF_THE_HOUSE
from app.services.fhir_sources import Source, Sources
from app.services.sealing import open_payload, seal_next, vault_of

KEPT = timedelta(days=3)  # a packed archive waits so long
FRESH = timedelta(minutes=15)  # how long ago whoever fetches may have signed in
KINDS = tuple(kind for kind in TYPES if kind not in OF_THE_HOUSE)
SECTIONS = (*KINDS, "documents", "receipts")
READ_ME = """明诊 · 带走的全部资料 / Everything, taken away

fhir/        HL7 FHIR R4 (4.0.1), 每类一个文件 / one Bundle for each type
documents/   文档原件 / documents as they are
receipts/    每一次办理和查看的回执 / the receipt of every act and every look (c2sp.org/tlog-proof)
verify.html  用浏览器打开，不用联网，选 receipts/ 里的文件就能核验
             open it in a browser, without any network, and choose files of receipts/ to check them

谁拿到这份文件，谁就能看到里面的内容。/ Whoever has this file can read what is in it.
"""
SUFFIXES = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}


class SignInAgain(Refused):
    """The archive is handed to who has just signed in, not to whoever finds a phone open."""

    code = "sign_in_again"
    status = 403
    is_recorded = False


class TakeoutMoved(Conflict):
    """The archive is not there: still being packed, fetched already, or its days are over."""

    code = "takeout_moved"
    is_recorded = False


@dataclass(frozen=True)
class TakeoutView:
    """One archive as the account that asked for it sees it."""

    id: str
    person: str
    state: str
    percent: int
    asked_at: datetime
    until_at: datetime


def ask(session: Session, actor: Actor, patient_ref: str, now: datetime) -> str:
    """Ask for everything of a person; return the archive's id, that of the one under way where there is one.

    Raises NotFound, NotAllowed.
    """
    rights.see_health(session, actor, patient_ref, now)
    living = select(Takeout.id).where(Takeout.account_ref == actor.ref, Takeout.patient_ref == patient_ref)
    known = session.scalar(living.where(Takeout.state.in_(("asked", "ready")), Takeout.until_at > now))
    if known is not None:
        return known
    row = Takeout(
        id=new_ref(), patient_ref=patient_ref, account_ref=str(actor.ref), state="asked", done=0, total=len(SECTIONS),
        asked_at=now, until_at=now + KEPT,
    )  # fmt: skip
    seal_next(session, row)
    session.flush()
    events.record(session, "takeout.asked", actor, now, subject=patient_ref, objects=[row])
    return row.id


def mine(session: Session, actor: Actor, now: datetime) -> list[TakeoutView]:
    """Return the account's archives, the newest first."""
    names = {link.patient_ref: link.name for link in people.links_of(session, str(actor.ref)) if link.is_active}
    rows = session.scalars(select(Takeout).where(Takeout.account_ref == actor.ref).order_by(Takeout.asked_at.desc()))
    return [
        TakeoutView(
            row.id, names.get(row.patient_ref, ""), "ended" if row.until_at <= now and row.state != "fetched" else row.state,
            100 * row.done // max(row.total, 1), row.asked_at, row.until_at,
        )
        for row in rows
    ]  # fmt: skip


def is_fresh(session: Session, actor: Actor, now: datetime) -> bool:
    """Tell whether this sitting was begun a moment ago."""
    began_at = session.scalar(select(WebSession.created_at).where(WebSession.ref == actor.session))
    return began_at is not None and now - began_at <= FRESH


def fetch(session: Session, actor: Actor, takeout_id: str, now: datetime) -> dict[str, bytes]:
    """Return the files of an archive, by name, once. Raises NotFound, NotAllowed, SignInAgain, TakeoutMoved."""
    row = session.get(Takeout, takeout_id)
    if row is None or row.account_ref != actor.ref:
        raise NotFound(about=row.patient_ref if row else None)
    rights.see_health(session, actor, row.patient_ref, now)
    if row.state != "ready" or row.until_at <= now:
        raise TakeoutMoved()
    if not is_fresh(session, actor, now):
        raise SignInAgain()
    files: dict[str, bytes] = {}
    parts = session.scalars(select(TakeoutPart).where(TakeoutPart.takeout_id == row.id).order_by(TakeoutPart.number))
    for part in parts:
        held = vault_of(session).open(row.patient_ref, "clinical", _place(part.takeout_id, part.number), part.sealed)
        files |= {name: base64.b64decode(text) for name, text in held.items()}
    session.execute(delete(TakeoutPart).where(TakeoutPart.takeout_id == row.id))
    row.state, row.fetched_at = "fetched", now
    seal_next(session, row, {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())})
    session.flush()
    events.record(
        session, "takeout.fetched", actor, now, subject=row.patient_ref, objects=[row], detail={"count": len(files)},
        purpose="own_access",
    )  # fmt: skip
    return files


def beside(verifier: bytes) -> dict[str, bytes]:
    """Return the files that are the same in every archive: what is what, and the page that checks receipts offline."""
    return {"README.txt": READ_ME.encode(), "verify.html": verifier}


# Packing


def next_asked(session: Session, now: datetime) -> tuple[str, int] | None:
    """Return the oldest archive that is not packed yet, and how far it is."""
    waiting = select(Takeout.id, Takeout.done).where(Takeout.state == "asked", Takeout.until_at > now)
    found = session.execute(waiting.order_by(Takeout.asked_at, Takeout.id).limit(1)).first()
    return (found.id, found.done) if found else None


def reader_of(session: Session, takeout_id: str) -> tuple[Actor, str]:
    """Return as whom an archive is packed, and of whom."""
    row = session.get_one(Takeout, takeout_id)
    return Actor("patient", row.account_ref, "patient", row.id), row.patient_ref


def resources(
    session: Session, actor: Actor, patient_ref: str, frame: Frame, kind: str, now: datetime
) -> list[Resource]:
    """Return everything of a type that the account may see. Raises NotFound, NotAllowed."""
    grant = rights.see_health(session, actor, patient_ref, now)
    sources = Sources(session, frame, patient_ref, now)
    found: Sequence[Source] = (
        EventSources(sources, TYPES, str(actor.ref)).of(kind) if kind in SIDES else sources.of(kind)
    )
    written = []
    for source in found:
        query = select(source.model).where(*source.where).order_by(source.at.desc(), source.key)
        if grant.since_at is not None and source.recorded is not None:
            query = query.where(source.recorded >= grant.since_at)
        for row in session.scalars(query.execution_options(yield_per=500)):
            written += source.write(row)
    return written


def documents(session: Session, actor: Actor, patient_ref: str, now: datetime) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each document that the account may see. Raises NotFound, NotAllowed."""
    grant = rights.see_health(session, actor, patient_ref, now)
    query = select(Document).where(Document.patient_ref == patient_ref, Document.status != "entered-in-error")
    if grant.since_at is not None:
        query = query.where(Document.recorded_at >= grant.since_at)
    for row in session.scalars(query.order_by(Document.recorded_at, Document.id)).all():
        if not records.is_report_held(session, actor, row.report_id, now):
            said = open_payload(session, row)[0]
            data = base64.b64decode(open_payload(session, session.get_one(DocumentContent, row.id))[0]["base64"])
            yield f"documents/{row.id}.{SUFFIXES.get(str(said['media_type']), 'bin')}", data


def events_of(session: Session, patient_ref: str) -> list[str]:
    """Return the ids of a person's events, the oldest first."""
    return list(session.scalars(select(Event.id).where(Event.subject_ref == patient_ref).order_by(Event.serial)))


def store(session: Session, takeout_id: str, files: Mapping[str, bytes], done: int) -> None:
    """Put files away, sealed, and say how far packing is; nothing where the archive is not being packed any more."""
    row = session.get_one(Takeout, takeout_id)
    if row.state != "asked":
        return
    if files:
        last = session.scalar(select(func.max(TakeoutPart.number)).where(TakeoutPart.takeout_id == takeout_id)) or 0
        held: dict[str, Any] = {name: base64.b64encode(data).decode() for name, data in files.items()}
        sealed = vault_of(session).seal(row.patient_ref, "clinical", _place(takeout_id, last + 1), held)
        session.add(TakeoutPart(takeout_id=takeout_id, number=last + 1, sealed=sealed))
    session.execute(update(Takeout).where(Takeout.id == takeout_id).values(done=done))


def finish(session: Session, takeout_id: str, now: datetime, *, is_whole: bool = True) -> None:
    """Say that an archive waits to be fetched; or, where the account may not see the record any more, that there is none."""
    row = session.get_one(Takeout, takeout_id)
    if row.state != "asked":
        return
    row.state = "ready" if is_whole else "ended"
    row.ready_at = now if is_whole else None
    seal_next(session, row)
    if not is_whole:
        session.execute(delete(TakeoutPart).where(TakeoutPart.takeout_id == takeout_id))


def over(session: Session, now: datetime) -> Sequence[str]:
    """Return archives whose days are over, some at a time."""
    which = select(Takeout.id).where(Takeout.state.in_(("asked", "ready")), Takeout.until_at <= now)
    return session.scalars(which.order_by(Takeout.id).limit(20)).all()


def expire(session: Session, now: datetime) -> None:
    """Take away the files of archives whose days are over."""
    for takeout_id in over(session, now):
        row = session.get_one(Takeout, takeout_id)
        row.state = "ended"
        seal_next(session, row)
        session.execute(delete(TakeoutPart).where(TakeoutPart.takeout_id == takeout_id))


def _place(takeout_id: str, number: int) -> str:
    return f"takeout_part|{takeout_id}/{number}|1"
