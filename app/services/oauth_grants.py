"""What a person lets an application read: giving it, seeing it, taking it back. In force on the application's next request."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import BadInput, NotAllowed, NotFound
from app.domain.events import Detail
from app.domain.ids import new_ref
from app.domain.smart import LASTING, kinds_of
from app.models import AppCode, AppGrant, AppToken, Event, SmartApp, projected
from app.services import events, people, rights
from app.services.clinics import Words
from app.services.sealing import seal_again, seal_next

Cause = Literal["person", "app", "code_replayed", "refresh_replayed"]


@dataclass(frozen=True)
class GrantView:
    """One grant as the account that gave it sees it. `kinds` are those of `smart.KINDS`."""

    id: str
    app: Words
    patient_ref: str
    person: str
    kinds: tuple[str, ...]
    given_at: datetime
    until_at: datetime
    withdrawn_at: datetime | None
    last_read_at: datetime | None
    is_active: bool


def readable_people(session: Session, actor: Actor, now: datetime) -> list[tuple[str, str]]:
    """Return (reference, name) of whom the account may let others read: whose health content it may open itself."""
    found = []
    for link in people.links_of(session, str(actor.ref)):
        if link.is_active:
            with suppress(NotFound, NotAllowed):
                rights.see_health(session, actor, link.patient_ref, now)
                found.append((link.patient_ref, link.name))
    return found


def give(
    session: Session,
    actor: Actor,
    app_id: str,
    patient_ref: str,
    types: Sequence[str],
    lasting: str,
    now: datetime,
    *,
    is_lasting: bool,
) -> AppGrant:
    """Let an application read `types` of a person, for as long as `lasting` says; return the grant.

    Raises NotFound where the person is not the account's, NotAllowed where their health content is not, BadInput (`types`, `lasting`).
    """
    rights.see_health(session, actor, patient_ref, now)
    if not types:
        raise BadInput("types")
    if lasting not in LASTING:
        raise BadInput("lasting")
    app = session.get_one(SmartApp, app_id)
    row = AppGrant(
        id=new_ref(),
        patient_ref=patient_ref,
        account_ref=str(actor.ref),
        app_id=app_id,
        types=" ".join(types),
        is_lasting=is_lasting,
        given_at=now,
        until_at=now + LASTING[lasting],
    )
    seal_next(session, row)
    session.flush()
    detail: Detail = {"app": app.name_zh, "until": projected(row.until_at), "kinds": " ".join(kinds_of(types))}
    events.record(session, "app.authorized", actor, now, subject=patient_ref, objects=[row], detail=detail)
    return row


def of_account(session: Session, actor: Actor, now: datetime) -> list[GrantView]:
    """Return the grants that this account gave, the newest first."""
    rows = session.execute(
        select(AppGrant, SmartApp)
        .join(SmartApp, SmartApp.id == AppGrant.app_id)
        .where(AppGrant.account_ref == actor.ref)
        .order_by(AppGrant.given_at.desc(), AppGrant.id)
    ).all()
    last = _last_reads(session, [row for row, _app in rows])
    names = {link.patient_ref: link.name for link in people.links_of(session, str(actor.ref)) if link.is_active}
    return [_view(row, app, names.get(row.patient_ref, ""), last.get(row.id), now) for row, app in rows]


def _last_reads(session: Session, grants: Sequence[AppGrant]) -> dict[str, datetime]:
    """Return when each grant's application last read of that person while the grant was in force."""
    found = {}
    for row in grants:
        ended_at = row.withdrawn_at or row.until_at
        which = select(Event.at).where(Event.subject_ref == row.patient_ref, Event.actor_ref == row.app_id)
        which = which.where(Event.type == "app.read", Event.at >= row.given_at, Event.at <= ended_at)
        at = session.scalar(which.order_by(Event.serial.desc()).limit(1))
        if at is not None:
            found[row.id] = at
    return found


def _view(row: AppGrant, app: SmartApp, person: str, last_read_at: datetime | None, now: datetime) -> GrantView:
    return GrantView(
        id=row.id,
        app=Words(app.name_zh, app.name_en),
        patient_ref=row.patient_ref,
        person=person,
        kinds=kinds_of(row.types.split()),
        given_at=row.given_at,
        until_at=row.until_at,
        withdrawn_at=row.withdrawn_at,
        last_read_at=last_read_at,
        is_active=row.withdrawn_at is None and now < row.until_at and app.disabled_at is None,
    )


def withdraw(session: Session, actor: Actor, grant_id: str, now: datetime) -> None:
    """Take a grant back, by the account that gave it; a second time changes nothing. Raises NotFound."""
    row = session.get(AppGrant, grant_id)
    if row is None or row.account_ref != actor.ref:
        raise NotFound(about=row.patient_ref if row else None)
    end(session, actor, row, now, "person")


def end(session: Session, actor: Actor, row: AppGrant, now: datetime, cause: Cause) -> None:
    """End a grant with its codes and tokens, and record why; nothing where it has ended already."""
    if row.withdrawn_at is not None:
        return
    row.withdrawn_at = now
    seal_again(session, row)
    session.flush()
    session.execute(
        update(AppToken).where(AppToken.grant_id == row.id, AppToken.ended_at.is_(None)).values(ended_at=now)
    )
    session.execute(update(AppCode).where(AppCode.grant_id == row.id, AppCode.used_at.is_(None)).values(used_at=now))
    app = session.get_one(SmartApp, row.app_id)
    events.record(
        session, "app.withdrawn", actor, now, subject=row.patient_ref, objects=[row],
        detail={"app": app.name_zh, "cause": cause},
    )  # fmt: skip


def lasts(row: AppGrant, now: datetime) -> timedelta:
    """Return how much longer a grant holds; nothing for one that is over."""
    return max(timedelta(0), row.until_at - now) if row.withdrawn_at is None else timedelta(0)
