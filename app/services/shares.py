"""Sharing part of a record by a link (SMART Health Link): making it, showing it to who made it, stopping it.

This is one of the openers: link and key are sealed with the row and open to the account that made the share, and to
`share_openings`, which hands out what the link shows. Both end with the share.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.domain import clinical
from app.domain.actor import Actor
from app.domain.clinical import Kind
from app.domain.errors import NotFound
from app.domain.events import Detail
from app.domain.fhir.write import Frame
from app.domain.fhir.write_bundle import to_json
from app.domain.ids import new_ref
from app.domain.shares import (
    KEY_BYTES,
    LASTING,
    MOST_IN_FORCE,
    TOKEN_BYTES,
    Choice,
    SharesFull,
    base64url,
    format_link,
)
from app.models import Bound, ClinicalRecord, Share, ShareFile, ShareLocation, ShareOpening, projected
from app.services import events, fhir_ips, people, records, rights
from app.services.clinics import Words
from app.services.fhir_ips import Chosen
from app.services.sealing import open_payload, seal_next, vault_of

LISTED = 50  # of one account, those over included
LISTED_OPENINGS = 20  # of one share, the newest
LISTED_RESULTS = 40
Cause = Literal["person", "passcodes"]


@dataclass(frozen=True)
class Result:
    """A report, or a measurement of none, that may go into a share: its record's id, what it is and when it was taken."""

    id: str
    name: Words
    at: datetime | None


@dataclass(frozen=True)
class OpeningView:
    """One opening, or refusal, of a share. `who` is what they said of themselves: nobody checked it."""

    at: datetime
    who: str
    is_refused: bool


@dataclass(frozen=True)
class ShareView:
    """One share as the account that made it sees it. `state`: in_force, over, stopped, passcodes. `openings`: the newest."""

    id: str
    patient_ref: str
    person: str
    label: str
    kinds: tuple[str, ...]
    flags: str
    given_at: datetime
    until_at: datetime
    ended_at: datetime | None
    state: str
    times: int
    openings: tuple[OpeningView, ...]

    @property
    def is_active(self) -> bool:
        return self.state == "in_force"


# What there is to choose


def results_of(session: Session, actor: Actor, patient_ref: str, now: datetime) -> tuple[list[Result], str | None]:
    """Return the newest reports and single measurements of a person, one of each measurement, and the id of the event that says
    they were opened: their names are content. Raises NotFound, NotAllowed."""
    grant = rights.see_health(session, actor, patient_ref, now)
    query = select(ClinicalRecord).where(
        ClinicalRecord.patient_ref == patient_ref,
        ClinicalRecord.kind.in_((Kind.REPORT.value, Kind.OBSERVATION.value)),
        ClinicalRecord.report_id.is_(None),
        ClinicalRecord.status.not_in(clinical.VOID),
    )
    if grant.since_at is not None:
        query = query.where(ClinicalRecord.recorded_at >= grant.since_at)
    query = query.order_by(ClinicalRecord.effective_at.desc().nulls_last(), ClinicalRecord.id).limit(LISTED_RESULTS * 3)
    shown, seen = [], set()
    for one in records.opened_rows(session, session.scalars(query)):
        if records.is_hidden(actor, one, now) or (one.row.series is not None and one.row.series in seen):
            continue
        if one.row.series is not None:
            seen.add(one.row.series)
        shown.append(one)
        if len(shown) == LISTED_RESULTS:
            break
    event_id = records.disclose(session, actor, patient_ref, [one.row for one in shown], now)
    return [Result(one.row.id, _name(one.row, one.content), one.row.effective_at) for one in shown], event_id


def _name(row: ClinicalRecord, content: dict[str, Any]) -> Words:
    prefix = "title" if row.kind == Kind.REPORT else "name"
    return Words(str(content.get(f"{prefix}_zh", "")), str(content.get(f"{prefix}_en", "")))


# Making, showing, stopping


def make(
    session: Session, actor: Actor, frame: Frame, patient_ref: str, choice: Choice, passcode_hash: str, now: datetime
) -> str:
    """Make a link to part of a person's record and return its id. `passcode_hash` is empty for a link without a passcode.

    Raises NotFound, NotAllowed, SharesFull.
    """
    grant = rights.see_health(session, actor, patient_ref, now)
    living = select(func.count()).where(Share.account_ref == actor.ref, Share.ended_at.is_(None), Share.until_at > now)
    if (session.scalar(living) or 0) >= MOST_IN_FORCE:
        raise SharesFull()
    token = base64url(secrets.token_bytes(TOKEN_BYTES))
    row = Share(
        id=new_ref(), patient_ref=patient_ref, account_ref=str(actor.ref), token_hash=hashed(token), flags=choice.flags,
        given_at=now, until_at=now + LASTING[choice.lasting], ended_at=None, ended_by=None, tries=0,
    )  # fmt: skip
    said = {"kinds": list(choice.kinds), "results": list(choice.results), "label": choice.label}
    secret = {
        "token": token,
        "key": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
        "passcode": passcode_hash,
    }
    seal_next(session, row, {**said, **secret})
    session.flush()
    held = fhir_ips.bundle(
        session, frame, patient_ref, chosen_of(said), now, document=row.id, since_at=grant.since_at
    )  # fmt: skip
    if not choice.is_live:
        kept = {"bundle": to_json(held.resource), "rows": names_of(held.rows)}
        sealed = vault_of(session).seal(patient_ref, Share.RETENTION, file_place(row.id), kept)
        session.add(ShareFile(share_id=row.id, patient_ref=patient_ref, until_at=row.until_at, sealed=sealed))
    detail: Detail = {
        "kinds": " ".join(choice.kinds),
        "until": projected(row.until_at),
        "passcode": bool(passcode_hash),
        "follows": choice.is_live,
    }
    events.record(session, "share.made", actor, now, subject=patient_ref, objects=[row, *held.rows], detail=detail)
    return row.id


def link_of(session: Session, actor: Actor, share_id: str, base: str, now: datetime) -> tuple[ShareView, str]:
    """Return a share of the account's with its link, empty once it is over. `base` is this site's address. Raises NotFound."""
    row = _own(session, actor, share_id)
    names = {link.patient_ref: link.name for link in people.links_of(session, str(actor.ref)) if link.is_active}
    shown = _view(session, row, names, now)
    if not shown.is_active:
        return shown, ""
    said = open_payload(session, row)[0]
    link = format_link(
        f"{base}/fhir/shl/{said['token']}", base64.b64decode(said["key"]), row.flags, row.until_at, label=said["label"]
    )
    return shown, link


def of_account(session: Session, actor: Actor, now: datetime) -> list[ShareView]:
    """Return the account's shares, the newest first."""
    rows = session.scalars(
        select(Share).where(Share.account_ref == actor.ref).order_by(Share.given_at.desc(), Share.id).limit(LISTED)
    )
    names = {link.patient_ref: link.name for link in people.links_of(session, str(actor.ref)) if link.is_active}
    return [_view(session, row, names, now) for row in rows]


def stop(session: Session, actor: Actor, share_id: str, now: datetime) -> None:
    """Stop sharing, by the account that made the share; a second time changes nothing. Raises NotFound."""
    end(session, actor, _own(session, actor, share_id), now, "person")


def end(session: Session, actor: Actor, row: Share, now: datetime, cause: Cause) -> None:
    """End a share with its key and its file, and record why; nothing where it has ended already."""
    if row.ended_at is not None or row.until_at <= now:
        return
    said = open_payload(session, row)[0]
    row.ended_at, row.ended_by = now, cause
    seal_next(session, row, {name: said[name] for name in ("kinds", "results", "label")})
    session.flush()
    session.execute(delete(ShareFile).where(ShareFile.share_id == row.id))
    session.execute(delete(ShareLocation).where(ShareLocation.share_id == row.id))
    events.record(
        session, "share.ended", actor, now, subject=row.patient_ref, objects=[row], detail={"cause": cause}
    )  # fmt: skip


# What the two modules of shares have in common


def hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def file_place(share_id: str) -> str:
    return f"share_file|{share_id}|1"


def chosen_of(said: dict[str, Any]) -> Chosen:
    """Return what a share holds, as the summary is asked for it."""
    kinds = set(said["kinds"])
    return Chosen(
        results=tuple(said["results"]) if "results" in kinds else None,
        medications="medications" in kinds,
        allergies="allergies" in kinds,
        problems="problems" in kinds,
        immunizations="immunizations" in kinds,
    )


def names_of(rows: Iterable[Bound]) -> list[str]:
    """Return how an opening names the versions that it handed out."""
    return [f"{row.OBJECT}:{row.object_id}@{row.version}" for row in rows]


# Private


def _own(session: Session, actor: Actor, share_id: str) -> Share:
    row = session.get(Share, share_id)
    if row is None or row.account_ref != actor.ref:
        raise NotFound(about=row.patient_ref if row else None)
    return row


def _view(session: Session, row: Share, names: dict[str, str], now: datetime) -> ShareView:
    said = open_payload(session, row)[0]
    state = "in_force" if row.until_at > now else "over"
    if row.ended_by is not None:
        state = "stopped" if row.ended_by == "person" else "passcodes"
    mine = select(ShareOpening).where(ShareOpening.share_id == row.id)
    newest = session.scalars(mine.order_by(ShareOpening.at.desc(), ShareOpening.id).limit(LISTED_OPENINGS)).all()
    times = select(func.count()).where(ShareOpening.share_id == row.id, ShareOpening.outcome == "opened")
    return ShareView(
        id=row.id,
        patient_ref=row.patient_ref,
        person=names.get(row.patient_ref, ""),
        label=said["label"],
        kinds=tuple(said["kinds"]),
        flags=row.flags,
        given_at=row.given_at,
        until_at=row.until_at,
        ended_at=row.ended_at,
        state=state,
        times=session.scalar(times) or 0,
        openings=tuple(
            OpeningView(one.at, str(open_payload(session, one)[0]["recipient"]), one.outcome == "refused")
            for one in newest
        ),
    )
