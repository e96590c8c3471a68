"""Opening what somebody shared, by whoever holds the link: each opening a disclosure in the person's own log, and each refusal.

This is one of the openers. The link is the only right there is: it holds while its person lets it, and while whoever made it may
see the record themself. Who opens says who they are; nobody checks that, and the log says so.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.domain.access import Grant, cite
from app.domain.actor import Actor
from app.domain.errors import NotAllowed, NotFound, TooMany
from app.domain.events import Detail
from app.domain.fhir.write import Frame
from app.domain.fhir.write_bundle import to_json
from app.domain.ids import new_ref
from app.domain.shares import LOCATION_LIFE, MOST_WRONG, TOLD_AGAIN_AFTER, TRY_LIFE, ShareOver, base64url
from app.models import Bound, Opening, RefusalSeen, Share, ShareFile, ShareLocation, ShareOpening
from app.services import disclosure, events, fhir_ips, outbox, rights, shares
from app.services.disclosure import COUNTS_FOR
from app.services.sealing import object_of, open_payload, seal_next, vault_of
from app.services.shares import chosen_of, file_place, hashed, names_of

PURPOSE = "share_access"


@dataclass(frozen=True)
class Tried:
    """A try that was counted. `passcode_hash` is empty where the link has no passcode, and then nothing was."""

    passcode_hash: str = field(repr=False)


@dataclass(frozen=True)
class Handed:
    """What a link shows: a FHIR document as JSON, the link's key to seal it under, its flags, and whose share it is of."""

    text: str = field(repr=False)
    key: bytes = field(repr=False)
    flags: str
    share_id: str


@dataclass(frozen=True)
class Looked:
    """What a look at a link found. `is_recorded`: this recipient's opening of it was recorded within fifteen minutes; else
    `record` comes before anything is handed on."""

    handed: Handed
    is_recorded: bool
    version: int
    names: tuple[str, ...]
    rows: tuple[disclosure.Version, ...]
    named: tuple[dict[str, Any], ...] = field(repr=False)
    asked: tuple[rights.Asked, ...]


def require_in_force(session: Session, token: str, now: datetime) -> None:
    """Require that a link is in force: for a page that shows it. Tells nothing else, and opens nothing. Raises ShareOver."""
    _giver(session, _living(session, token, now), now)


def begin_try(session: Session, token: str, now: datetime, *, has_passcode: bool) -> Tried:
    """Count a try of a link's passcode before it is looked at, so that tries at the same moment count each.

    `has_passcode` False: none was given, which is no try. A try whose verdict never came, because a process fell or the database
    was busy, is given back once nobody can be looking at it any more: it told nobody anything, and would lock its people out.
    Raises ShareOver; TooMany while tries of others are being looked at.
    """
    row = _living(session, token, now)
    if "P" not in row.flags:
        return Tried("")
    if has_passcode:
        mark = hashlib.sha256(f"share.try\n{row.id}".encode()).digest()
        newest, counted = session.get(RefusalSeen, mark), row.tries
        if counted >= MOST_WRONG:
            if newest is not None and now - newest.at < TRY_LIFE:
                raise TooMany(retry_seconds=2)
            counted = _wrong(session, row)
        session.execute(update(Share).where(Share.id == row.id).values(tries=counted + 1))
        session.merge(RefusalSeen(key=mark, at=now))
    return Tried(str(open_payload(session, row)[0]["passcode"]))


def end_try(session: Session, token: str, recipient: str, now: datetime, *, is_right: bool, was_tried: bool) -> int:
    """Take a right try back, or record a wrong one, the last of which ends the link; return how many are left.

    Raises ShareOver where the link ended meanwhile.
    """
    row = _living(session, token, now)
    if is_right:
        session.execute(update(Share).where(Share.id == row.id, Share.tries > 0).values(tries=Share.tries - 1))
        return MOST_WRONG
    # What is left is told from the wrong ones alone: of those that are being looked at one may be right.
    remaining = max(0, MOST_WRONG - _wrong(session, row) - was_tried)
    if was_tried:
        who = _refused(session, row, recipient, "share_passcode", now, remaining=remaining)
        if remaining == 0:
            shares.end(session, who, row, now, "passcodes")
    return remaining


def look(session: Session, token: str, recipient: str, frame: Frame, now: datetime, *, is_direct: bool) -> Looked:
    """Return what a link shows, to be recorded before it is handed on. Making a summary takes long: this is for a read transaction.

    The caller has checked the passcode. `is_direct` asks without a manifest, which links with flag U alone allow, and those alone.
    Raises ShareOver.
    """
    disclosure.look(session)
    row = _living(session, token, now)
    if ("U" in row.flags) != is_direct:
        raise ShareOver()
    handed, rows, names = _content(session, row, _giver(session, row, now), frame, now)
    return Looked(
        handed,
        _is_recorded(session, _mark(row, recipient, names), now),
        row.version,
        tuple(names),
        disclosure.named_versions(rows),
        tuple(object_of(session, one) for one in rows),
        disclosure.looked(session).asked,
    )


def record(session: Session, seen: Looked, token: str, recipient: str, now: datetime) -> None:
    """Record that what was looked at is opened: once for each recipient and content in fifteen minutes. The person's phone is told
    too, once an hour however many open it.

    Raises ShareOver; disclosure.Changed where a version or the giver's right is not what it was: look again.
    """
    row = _living(session, token, now)
    _giver(session, row, now)
    is_same = row.version == seen.version and disclosure.are_present(session, seen.rows)
    if not is_same or not all(rights.stands(session, one, now) for one in seen.asked):
        raise disclosure.Changed()
    _record(session, row, recipient, seen.names, now, named=seen.named)


def open_link(session: Session, token: str, recipient: str, frame: Frame, now: datetime, *, is_direct: bool) -> Handed:
    """Look and record in one transaction, for where something changed between the two. Raises ShareOver."""
    row = _living(session, token, now)
    if ("U" in row.flags) != is_direct:
        raise ShareOver()
    handed, rows, names = _content(session, row, _giver(session, row, now), frame, now)
    _record(session, row, recipient, names, now, rows=rows)
    return handed


def refuse_over(session: Session, token: str, recipient: str, now: datetime) -> None:
    """Record that somebody tried a link that is over: once a quarter of an hour. Nothing for a link that never was."""
    row = session.scalar(select(Share).where(Share.token_hash == hashed(token)))
    if row is None:
        return
    key = hashlib.sha256(f"share.refused\n{row.id}\n{row.version}".encode()).digest()
    seen = session.get(Opening, key)
    if seen is not None and seen.at > now - COUNTS_FOR:
        return
    _refused(session, row, recipient, "share_over", now)
    session.merge(Opening(key=key, event_id=events.recorded(session)[-1].id, at=now))


def new_location(session: Session, share_id: str, now: datetime) -> str:
    """Return the token of an address at which a share's file can be fetched once, within minutes. For who has just opened it."""
    row = session.get_one(Share, share_id)
    token = base64url(secrets.token_bytes(32))
    expires_at = min(row.until_at, now + LOCATION_LIFE)
    session.add(ShareLocation(token_hash=hashed(token), share_id=share_id, expires_at=expires_at))
    return token


def take_location(session: Session, once: str, now: datetime) -> str:
    """Return the id of the share whose file stands at an address, which works no second time. Raises ShareOver."""
    found = session.get(ShareLocation, hashed(once))
    if found is None or found.expires_at <= now:
        raise ShareOver()
    session.execute(delete(ShareLocation).where(ShareLocation.token_hash == found.token_hash))
    return found.share_id


def file_of(session: Session, share_id: str, frame: Frame, now: datetime) -> Handed:
    """Return the file of a share, for who has just taken its address: the manifest that named it recorded the opening.
    Raises ShareOver."""
    row = session.get_one(Share, share_id)
    if row.ended_at is not None or row.until_at <= now:
        raise ShareOver()
    return _content(session, row, _giver(session, row, now), frame, now)[0]


def who_said(session: Session, opening_id: str) -> str:
    """Return who somebody said to be when opening a share; empty once that is gone. For the person whose share it was."""
    row = session.get(ShareOpening, opening_id)
    return str(open_payload(session, row)[0]["recipient"]) if row is not None else ""


# Private


def _living(session: Session, token: str, now: datetime) -> Share:
    row = session.scalar(select(Share).where(Share.token_hash == hashed(token)))
    if row is None or row.ended_at is not None or row.until_at <= now:
        raise ShareOver()
    return row


def _wrong(session: Session, row: Share) -> int:
    """Return how many wrong passcodes of a link were recorded."""
    wrong = select(func.count()).where(ShareOpening.share_id == row.id, ShareOpening.outcome == "refused")
    return session.scalar(wrong) or 0


def _mark(row: Share, recipient: str, names: Sequence[str]) -> bytes:
    """Return what one recipient's opening of one content counts as."""
    said = "\n".join(["share.opened", row.id, str(row.version), recipient, *names])
    return hashlib.sha256(said.encode()).digest()


def _is_recorded(session: Session, mark: bytes, now: datetime) -> bool:
    seen = session.get(Opening, mark)
    return seen is not None and seen.at > now - COUNTS_FOR


def _record(
    session: Session,
    row: Share,
    recipient: str,
    names: Sequence[str],
    now: datetime,
    *,
    rows: Sequence[Bound] = (),
    named: Sequence[dict[str, Any]] = (),
) -> None:
    """Record an opening that was not recorded lately; the rows that were opened for it come as such, or as they were `named`."""
    mark = _mark(row, recipient, names)
    if _is_recorded(session, mark, now):
        return
    who, opening = _opening(session, row, recipient, "opened", now, names)
    detail: Detail = {"count": len(names)}
    event = events.record(
        session, "share.opened", who, now, subject=row.patient_ref, objects=[row, opening, *rows], named=named, detail=detail,
        purpose=PURPOSE, reason="consent", consent=cite("share", row.id, row.version),
    )  # fmt: skip
    session.merge(Opening(key=mark, event_id=event.id, at=now))
    outbox.tell_once_in(session, row.patient_ref, "share-opened", now, about=("share", row.id), every=TOLD_AGAIN_AFTER)


def _giver(session: Session, row: Share, now: datetime) -> Grant:
    """Return the grant by which whoever made a share sees the record now. Raises ShareOver where there is none any more."""
    giver = Actor("patient", row.account_ref, "patient", row.id)
    try:
        return rights.see_health(session, giver, row.patient_ref, now)
    except (NotFound, NotAllowed):
        raise ShareOver() from None


def _content(
    session: Session, row: Share, grant: Grant, frame: Frame, now: datetime
) -> tuple[Handed, Sequence[Bound], list[str]]:
    """Return what a share shows, the rows that were opened for it now, and the names of the versions in it."""
    said = open_payload(session, row)[0]
    key = base64.b64decode(said["key"])
    if "L" in row.flags:
        made = fhir_ips.bundle(
            session, frame, row.patient_ref, chosen_of(said), now, document=row.id, since_at=grant.since_at
        )
        return Handed(to_json(made.resource), key, row.flags, row.id), made.rows, names_of(made.rows)
    file = session.get(ShareFile, row.id)
    if file is None:
        raise ShareOver()
    kept = vault_of(session).open(row.patient_ref, Share.RETENTION, file_place(row.id), file.sealed)
    return Handed(kept["bundle"], key, row.flags, row.id), (), list(kept["rows"])


def _opening(
    session: Session, row: Share, recipient: str, outcome: str, now: datetime, names: Sequence[str] = ()
) -> tuple[Actor, ShareOpening]:
    opening = ShareOpening(id=new_ref(), patient_ref=row.patient_ref, share_id=row.id, at=now, outcome=outcome)
    seal_next(session, opening, {"recipient": recipient, "rows": list(names)})
    session.flush()
    return Actor("share", opening.id, None, row.id), opening


def _refused(
    session: Session, row: Share, recipient: str, rule: str, now: datetime, *, remaining: int | None = None
) -> Actor:
    who, opening = _opening(session, row, recipient, "refused", now)
    events.record(
        session, "share.refused", who, now, subject=row.patient_ref, objects=[row, opening],
        detail={"rule": rule, "remaining": remaining}, purpose=PURPOSE, consent=cite("share", row.id, row.version),
    )  # fmt: skip
    return who
