"""Taking everything away: asked for, packed in the background, fetched once by whoever has just signed in again.

This is one of the openers: packing reads the record as the account that asked may see it at that moment. What was packed is sealed
until it is fetched; then it is gone from here, and the event names the archive with the digests of its files.

Files lie in parts of about a megabyte, in their order; a name that stands in the next part too goes on there. So neither packing nor
fetching holds more than a part at a time, however long the record is.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, exists, or_, select, update
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
LONGEST_FETCH = timedelta(hours=6)  # what is left of a fetched archive then is of a download that broke off
PART_BYTES = 1024 * 1024
KINDS = tuple(kind for kind in TYPES if kind not in OF_THE_HOUSE)
SECTIONS = (*KINDS, "documents", "receipts")
A_SECTION = 10**6  # parts are numbered by section; the last number of each is for the digests of its files
READ_ME = """明诊 · 带走的全部资料 / Everything, taken away

fhir/        HL7 FHIR R4 (4.0.1), 每类一个文件 / one Bundle for each type
documents/   文档原件 / documents as they are
receipts/    每一次办理和查看的回执 / the receipt of every act and every look (c2sp.org/tlog-proof)
verify.html  用浏览器打开，不用联网，选 receipts/ 里的文件（可以全选）就能核验
             open it in a browser, without any network, and choose files of receipts/ (all of them at once) to check them

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


def fetch(session: Session, actor: Actor, takeout_id: str, now: datetime) -> None:
    """Hand an archive out, once: whoever calls this reads it by `read_part` and then calls `drop`.

    Raises NotFound, NotAllowed, SignInAgain, TakeoutMoved.
    """
    row = session.get(Takeout, takeout_id)
    if row is None or row.account_ref != actor.ref:
        raise NotFound(about=row.patient_ref if row else None)
    rights.see_health(session, actor, row.patient_ref, now)
    if row.state != "ready" or row.until_at <= now:
        raise TakeoutMoved()
    if not is_fresh(session, actor, now):
        raise SignInAgain()
    digests: dict[str, str] = {}
    lists = [(section + 1) * A_SECTION - 1 for section in range(len(SECTIONS))]
    for part in session.scalars(
        select(TakeoutPart).where(TakeoutPart.takeout_id == row.id, TakeoutPart.number.in_(lists))
    ):
        digests |= _opened(session, row.patient_ref, part)
    row.state, row.fetched_at = "fetched", now
    seal_next(session, row, dict(sorted(digests.items())))
    session.flush()
    events.record(
        session, "takeout.fetched", actor, now, subject=row.patient_ref, objects=[row], detail={"count": len(digests)},
        purpose="own_access",
    )  # fmt: skip


def read_part(session: Session, takeout_id: str, after: int) -> tuple[int, dict[str, bytes]] | None:
    """Return number and content, by name, of the next part of files after a number (the first after -1); None at the end.

    For who was allowed to `fetch`, and has committed that.
    """
    wanted = (TakeoutPart.takeout_id == takeout_id, TakeoutPart.number > after)
    is_of_files = TakeoutPart.number % A_SECTION != A_SECTION - 1
    part = session.scalars(
        select(TakeoutPart).where(*wanted, is_of_files).order_by(TakeoutPart.number).limit(1)
    ).first()
    if part is None:
        return None
    held = _opened(session, session.get_one(Takeout, takeout_id).patient_ref, part)
    return part.number, {name: base64.b64decode(text) for name, text in held.items()}


def drop(session: Session, takeout_id: str) -> None:
    """Take away the files of an archive."""
    session.execute(delete(TakeoutPart).where(TakeoutPart.takeout_id == takeout_id))


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
) -> Iterator[Resource]:
    """Yield everything of a type that the account may see. Raises NotFound, NotAllowed."""
    grant = rights.see_health(session, actor, patient_ref, now)
    sources = Sources(session, frame, patient_ref, now)
    found: Sequence[Source] = (
        EventSources(sources, TYPES, str(actor.ref)).of(kind) if kind in SIDES else sources.of(kind)
    )
    for source in found:
        query = select(source.model).where(*source.where).order_by(source.at.desc(), source.key)
        if grant.since_at is not None and source.recorded is not None:
            query = query.where(source.recorded >= grant.since_at)
        for row in session.scalars(query.execution_options(yield_per=200)):
            yield from source.write(row)


def documents(session: Session, actor: Actor, patient_ref: str, now: datetime) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each document that the account may see. Raises NotFound, NotAllowed."""
    grant = rights.see_health(session, actor, patient_ref, now)
    query = select(Document).where(Document.patient_ref == patient_ref, Document.status != "entered-in-error")
    if grant.since_at is not None:
        query = query.where(Document.recorded_at >= grant.since_at)
    for row in session.scalars(query.order_by(Document.recorded_at, Document.id)).all():
        if not records.is_report_held(session, actor, row.report_id, now):
            said = open_payload(session, row)[0]
            content = session.get_one(DocumentContent, row.id)
            data = base64.b64decode(open_payload(session, content)[0]["base64"])
            session.expunge(content)  # or the session would keep all of them
            yield f"documents/{row.id}.{SUFFIXES.get(str(said['media_type']), 'bin')}", data


def events_of(session: Session, patient_ref: str) -> list[str]:
    """Return the ids of a person's events, the oldest first."""
    return list(session.scalars(select(Event.id).where(Event.subject_ref == patient_ref).order_by(Event.serial)))


def begin_section(session: Session, takeout_id: str, section: int) -> None:
    """Take away what an earlier try left of a section."""
    number = TakeoutPart.number
    its_parts = (number >= section * A_SECTION, number < (section + 1) * A_SECTION)
    session.execute(delete(TakeoutPart).where(TakeoutPart.takeout_id == takeout_id, *its_parts))


def store(session: Session, takeout_id: str, section: int, number: int, files: Mapping[str, bytes]) -> bool:
    """Put a part of a section away, sealed; False where the archive is not being packed any more."""
    held = {name: base64.b64encode(data).decode() for name, data in files.items()}
    return _put(session, takeout_id, section * A_SECTION + number, held)


def end_section(session: Session, takeout_id: str, section: int, digests: Mapping[str, str]) -> bool:
    """Put away the SHA-256 of each file of a section and say that it is packed; False as for `store`."""
    is_wanted = not digests or _put(session, takeout_id, (section + 1) * A_SECTION - 1, dict(digests))
    if is_wanted:
        session.execute(update(Takeout).where(Takeout.id == takeout_id).values(done=section + 1))
    return is_wanted


def _put(session: Session, takeout_id: str, number: int, held: dict[str, Any]) -> bool:
    row = session.get_one(Takeout, takeout_id)
    if row.state != "asked":
        return False
    sealed = vault_of(session).seal(row.patient_ref, "clinical", _place(takeout_id, number), held)
    session.add(TakeoutPart(takeout_id=takeout_id, number=number, sealed=sealed))
    return True


def _opened(session: Session, patient_ref: str, part: TakeoutPart) -> dict[str, Any]:
    return vault_of(session).open(patient_ref, "clinical", _place(part.takeout_id, part.number), part.sealed)


def finish(session: Session, takeout_id: str, now: datetime, *, is_whole: bool = True) -> None:
    """Say that an archive waits to be fetched; or, where the account may not see the record any more, that there is none."""
    row = session.get_one(Takeout, takeout_id)
    if row.state != "asked":
        return
    row.state = "ready" if is_whole else "ended"
    row.ready_at = now if is_whole else None
    seal_next(session, row)
    if not is_whole:
        drop(session, takeout_id)


def over(session: Session, now: datetime) -> Sequence[str]:
    """Return archives whose days are over, and fetched ones of which something is left, some at a time."""
    is_over = and_(Takeout.state.in_(("asked", "ready")), Takeout.until_at <= now)
    was_fetched = and_(Takeout.state == "fetched", Takeout.fetched_at <= now - LONGEST_FETCH)
    is_left = exists().where(TakeoutPart.takeout_id == Takeout.id)
    which = select(Takeout.id).where(or_(is_over, and_(was_fetched, is_left)))
    return session.scalars(which.order_by(Takeout.id).limit(20)).all()


def expire(session: Session, now: datetime) -> None:
    """Take away the files of archives whose days are over."""
    for takeout_id in over(session, now):
        row = session.get_one(Takeout, takeout_id)
        if row.state != "fetched":
            row.state = "ended"
            seal_next(session, row)
        drop(session, takeout_id)


def _place(takeout_id: str, number: int) -> str:
    return f"takeout_part|{takeout_id}/{number}|1"
