"""Applications of other people's: registering one, taking one out of use, and which there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import clinical
from app.domain.actor import Actor
from app.domain.errors import BadInput, NotFound
from app.domain.ids import new_ref
from app.domain.smart import MOST_REDIRECTS, parse_redirect
from app.models import SmartApp
from app.services import events
from app.services.clinics import Words

LONGEST_NAME = 40


@dataclass(frozen=True)
class AppView:
    """A registered application. `id` is its client_id, which is no secret."""

    id: str
    name: Words
    redirects: tuple[str, ...]
    created_at: datetime
    is_disabled: bool


def register(
    session: Session, actor: Actor, name_zh: str, name_en: str, redirects: Sequence[str], now: datetime
) -> str:
    """Register an application and return its client_id. The caller has decided that the actor may.

    Raises BadInput (`name_zh`, `name_en`, `redirect`).
    """
    names = [
        clinical.text(name, field, longest=LONGEST_NAME) for name, field in ((name_zh, "name_zh"), (name_en, "name_en"))
    ]
    if any(not name.isprintable() for name in names):
        raise BadInput("name_zh")
    if not 1 <= len(redirects) <= MOST_REDIRECTS:
        raise BadInput("redirect", limit=MOST_REDIRECTS)
    row = SmartApp(
        id=new_ref(),
        name_zh=names[0],
        name_en=names[1],
        redirects=[parse_redirect(redirect) for redirect in redirects],
        created_at=now,
    )
    session.add(row)
    events.record(session, "app.registered", actor, now, detail={"app": row.name_zh})
    return row.id


def disable(session: Session, actor: Actor, app_id: str, now: datetime) -> None:
    """Take an application out of use: from now on its tokens open nothing. Raises NotFound."""
    row = session.get(SmartApp, app_id)
    if row is None:
        raise NotFound()
    if row.disabled_at is None:
        row.disabled_at = now
        events.record(session, "app.disabled", actor, now, detail={"app": row.name_zh})


def all_apps(session: Session) -> list[AppView]:
    """Return all applications, the newest first."""
    return [_view(row) for row in session.scalars(select(SmartApp).order_by(SmartApp.created_at.desc(), SmartApp.id))]


def find(session: Session, app_id: str) -> AppView | None:
    """Return an application that is in use, or None."""
    row = session.get(SmartApp, app_id)
    return None if row is None or row.disabled_at is not None else _view(row)


def _view(row: SmartApp) -> AppView:
    names = Words(row.name_zh, row.name_en)
    return AppView(row.id, names, tuple(row.redirects), row.created_at, row.disabled_at is not None)
