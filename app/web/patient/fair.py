"""What fair booking asks of an account at once: an answer to a stopped session's offer, or to the waitlist's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.services import moves, waitlist
from app.services.moves import MoveView
from app.services.waitlist import EntryView


@dataclass(frozen=True)
class Asked:
    """The first offer that waits for an answer, and how many lines the account's people stand in."""

    move: MoveView | None = None
    offer: EntryView | None = None
    waiting: int = 0


def read_asked(session: Session, actor: Actor, now: datetime) -> Asked:
    """Return what waits for the account's answer now: of several the one whose time is over first."""
    open_moves = moves.offers_of(session, actor, now)
    entries = waitlist.entries_of(session, actor, now)
    offers = [one for one in entries if one.state == "offered" and one.offered_until is not None]
    return Asked(
        move=min(open_moves, key=lambda one: (not one.may_accept, one.until_at), default=None),
        offer=min(offers, key=lambda one: one.offered_until or now, default=None),
        waiting=sum(1 for one in entries if one.state == "waiting"),
    )
