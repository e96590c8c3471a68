"""Codes and tokens of grants: issued once, found by their hash, dead with their grant.

Sources: RFC 6749, 4.1.2 (a code that comes twice ends what it gave) and 6; RFC 9700, 4.14.2 (a renewing token is used once; one that
comes twice was stolen by one of the two, and ends the grant).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.smart import ACCESS_LIFE, CODE_LIFE, is_verified, scope_of
from app.models import AppCode, AppGrant, AppToken, SmartApp
from app.services import oauth_grants
from app.services.clinics import Words


class GrantRefused(Exception):
    """Not an error of ours: this code or token gives nothing. `code` is the one of RFC 6749, 5.2.

    What the transaction did stays: a replayed code has ended its grant.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Issued:
    """What a token request is answered with. `refresh` is empty where the grant does not last without the person."""

    access: str
    refresh: str
    seconds: int
    scope: str
    patient: str


@dataclass(frozen=True)
class Standing:
    """Who holds a token: the application as an actor, the account on whose behalf it reads, whose record, and what of it.

    `cites` is the grant as events cite it.
    """

    actor: Actor
    account: Actor
    patient: str
    types: frozenset[str]
    app: Words
    grant: str
    cites: str


def hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def issue_code(session: Session, grant: AppGrant, redirect_uri: str, challenge: str, now: datetime) -> str:
    """Return a code for the browser to carry back: once, within a minute."""
    code = secrets.token_urlsafe(32)
    session.add(
        AppCode(
            code_hash=hashed(code),
            grant_id=grant.id,
            redirect_uri=redirect_uri,
            challenge=challenge,
            expires_at=now + CODE_LIFE,
        )
    )
    return code


def redeem(session: Session, client_id: str, code: str, redirect_uri: str, verifier: str, now: datetime) -> Issued:
    """Return the tokens of a code. Raises GrantRefused: unknown, late, another client's or redirect's, without its verifier.

    A code that comes a second time ends its grant.
    """
    row = session.get(AppCode, hashed(code))
    grant = session.get(AppGrant, row.grant_id) if row else None
    if row is None or grant is None or grant.app_id != client_id:
        raise GrantRefused("invalid_grant")
    if row.used_at is not None:
        oauth_grants.end(session, app_actor(grant), grant, now, "code_replayed")
        raise GrantRefused("invalid_grant")
    taken = session.execute(
        update(AppCode).where(AppCode.code_hash == row.code_hash, AppCode.used_at.is_(None)).values(used_at=now)
    )
    is_right = redirect_uri == row.redirect_uri and is_verified(verifier, row.challenge)
    if taken.rowcount != 1 or now >= row.expires_at or not is_right or not _is_in_force(session, grant, now):  # type: ignore[attr-defined]
        raise GrantRefused("invalid_grant")
    return _issue(session, grant, now)


def renew(session: Session, client_id: str, refresh: str, now: datetime) -> Issued:
    """Return new tokens for a renewing one, which is used up by it. Raises GrantRefused; one that comes twice ends the grant."""
    row = session.get(AppToken, hashed(refresh))
    grant = session.get(AppGrant, row.grant_id) if row and row.kind == "refresh" else None
    if row is None or grant is None or grant.app_id != client_id:
        raise GrantRefused("invalid_grant")
    if row.ended_at is not None:
        oauth_grants.end(session, app_actor(grant), grant, now, "refresh_replayed")
        raise GrantRefused("invalid_grant")
    if now >= row.expires_at or not _is_in_force(session, grant, now):
        raise GrantRefused("invalid_grant")
    session.execute(
        update(AppToken).where(AppToken.grant_id == grant.id, AppToken.ended_at.is_(None)).values(ended_at=now)
    )
    return _issue(session, grant, now)


def revoke(session: Session, client_id: str, token: str, now: datetime) -> None:
    """End the grant of a token that the application gives back (RFC 7009); nothing for one that is not its own."""
    row = session.get(AppToken, hashed(token))
    grant = session.get(AppGrant, row.grant_id) if row else None
    if grant is not None and grant.app_id == client_id:
        oauth_grants.end(session, app_actor(grant), grant, now, "app")


def find(session: Session, token: str, now: datetime) -> Standing | None:
    """Return who holds a token that reads, or None: unknown, over, withdrawn, or its application is out of use."""
    found = session.execute(
        select(AppToken, AppGrant, SmartApp)
        .join(AppGrant, AppGrant.id == AppToken.grant_id)
        .join(SmartApp, SmartApp.id == AppGrant.app_id)
        .where(AppToken.token_hash == hashed(token))
    ).first()
    if found is None:
        return None
    row, grant, app = found
    if row.kind != "access" or row.ended_at is not None or now >= row.expires_at:
        return None
    if app.disabled_at is not None or grant.withdrawn_at is not None or now >= grant.until_at:
        return None
    return Standing(
        actor=app_actor(grant),
        account=Actor("patient", grant.account_ref, "patient", grant.id),
        patient=grant.patient_ref,
        types=frozenset(grant.types.split()),
        app=Words(app.name_zh, app.name_en),
        grant=grant.id,
        cites=f"app_grant:{grant.id}@{grant.version}",
    )


def app_actor(grant: AppGrant) -> Actor:
    """Return the application as it acts under a grant; one grant is one sitting."""
    return Actor("app", grant.app_id, "app", grant.id)


def _is_in_force(session: Session, grant: AppGrant, now: datetime) -> bool:
    app = session.get_one(SmartApp, grant.app_id)
    return grant.withdrawn_at is None and now < grant.until_at and app.disabled_at is None


def _issue(session: Session, grant: AppGrant, now: datetime) -> Issued:
    access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32) if grant.is_lasting else ""
    life = min(ACCESS_LIFE, oauth_grants.lasts(grant, now))
    rows = [AppToken(token_hash=hashed(access), grant_id=grant.id, kind="access", issued_at=now, expires_at=now + life)]
    if refresh:
        rows.append(
            AppToken(
                token_hash=hashed(refresh), grant_id=grant.id, kind="refresh", issued_at=now, expires_at=grant.until_at
            )
        )
    session.add_all(rows)
    scope = scope_of(grant.types.split(), is_lasting=grant.is_lasting)
    return Issued(access, refresh, int(life.total_seconds()), scope, grant.patient_ref)
