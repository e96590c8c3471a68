"""Accounts: found by blind index, made at the first sign-in, joined by unionid."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.errors import Refused
from app.domain.ids import new_ref
from app.domain.masking import mask_phone
from app.models import Account
from app.ports import WeChatIdentity
from app.services import events, websessions
from app.services.sealing import open_payload, seal_next, vault_of


class SnapshotVisitor(Refused):
    """WeChat showed a preview page to a made-up account; nobody can be signed in by it."""

    code = "snapshot_visitor"
    is_recorded = False


def account_for_wechat(session: Session, identity: WeChatIdentity, now: datetime) -> str:
    """Return the account ref of a WeChat identity, making the account at its first sign-in.

    Keyed (appid, openid); where WeChat tells the unionid, all apps of the hospital lead to one account.

    Raises SnapshotVisitor for a preview's made-up account.
    """
    if identity.is_snapshot:
        raise SnapshotVisitor()
    vault = vault_of(session)
    key = f"{identity.appid}:{identity.openid}"
    ref = vault.find("wechat", key)
    if ref is None:
        ref = vault.claim("unionid", identity.unionid, new_ref()) if identity.unionid else new_ref()
        ref = vault.claim("wechat", key, ref)
    contact = {
        "appid": identity.appid,
        "openid": identity.openid,
        "unionid": identity.unionid,
        "nickname": identity.nickname,
    }
    return _account(session, ref, "wechat", {k: v for k, v in contact.items() if v}, now, has_phone=False)


def account_for_phone(session: Session, phone: str, now: datetime) -> str:
    """Return the account ref of a phone (E.164) that was just proven by a code, making the account at its first sign-in."""
    ref = vault_of(session).claim("phone", phone, new_ref())
    return _account(session, ref, "phone", {"phone": phone}, now, has_phone=True)


def _account(session: Session, ref: str, door: str, contact: dict[str, Any], now: datetime, *, has_phone: bool) -> str:
    if session.get(Account, ref) is None:
        vault_of(session).welcome(ref)
        account = Account(ref=ref, created_at=now, has_phone=has_phone)
        seal_next(session, account, contact)
        actor = Actor("patient", ref, "patient")
        events.record(session, "account.created", actor, now, subject=ref, objects=[account], detail={"door": door})
    return ref


def sign_in(
    session: Session, account_ref: str, door: str, now: datetime, *, kind: str = "patient", replaces: str | None = None
) -> tuple[str, Actor]:
    """Begin a web session for an account: return (token for the browser, the actor from now on). The session that the
    browser had (its token: `replaces`) ends, whoever's it was."""
    if replaces:
        websessions.end(session, replaces, now)
    token, row = websessions.begin(session, kind, account_ref, now)
    actor = Actor("patient", account_ref, "patient", row.ref)
    events.record(session, "session.signed_in", actor, now, subject=account_ref, detail={"door": door})
    return token, actor


def sign_out(session: Session, actor: Actor, token: str, now: datetime) -> None:
    """End the web session of this token (A3)."""
    websessions.end(session, token, now)
    events.record(session, "session.signed_out", actor, now, subject=actor.ref)


@dataclass(frozen=True)
class Addresses:
    """Where an account's messages can go: to send to, never to show."""

    appid: str = field(repr=False)
    openid: str = field(repr=False)
    phone: str = field(repr=False)


def addresses_of(session: Session, account_ref: str) -> Addresses:
    """Return an account's addresses, "" for each that it lacks."""
    account = session.get(Account, account_ref)
    contact = open_payload(session, account)[0] if account else {}
    return Addresses(*(str(contact.get(name) or "") for name in ("appid", "openid", "phone")))


def phone_of(session: Session, account_ref: str) -> str | None:
    """Return the account's own phone in E.164, if it has one: to send to it, or to put it on file; never to show."""
    account = session.get(Account, account_ref)
    return open_payload(session, account)[0].get("phone") if account else None


def masked_phone_of(session: Session, account_ref: str) -> str | None:
    phone = phone_of(session, account_ref)
    return mask_phone(phone) if phone else None
