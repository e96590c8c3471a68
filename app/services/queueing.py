"""The queue at work: its verbs, each a function of a module of its own kind, and the record that a board was opened.

    calling      the next one into the room, once more, nobody came, back into the line, begin, finish
    moving       away for tests and back, left, to another room or department, a clinician who is late
    transferring to another department, with a number of its own
    favouring    priority classes: granting one, taking it away
    undoing      the last move, once

Order and positions are in `lines`, the rules in `app.domain.queueing`.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.models import Opening
from app.services import events
from app.services.calling import call_next, finish, pass_, put_back, recall, start
from app.services.favouring import grant_priority, withdraw_priority
from app.services.moving import back_from_tests, leave, move, move_by_consent, say_late, send_to_tests
from app.services.transferring import departments_beside, transfer
from app.services.undoing import undo

__all__ = [
    "back_from_tests", "call_next", "departments_beside", "finish", "grant_priority", "is_board_recorded", "leave", "move", "move_by_consent", "pass_",
    "put_back", "recall", "record_board", "say_late", "send_to_tests", "start", "transfer", "undo", "withdraw_priority",
]  # fmt: skip


def record_board(session: Session, actor: Actor, board: str, place: str, now: datetime) -> None:
    """Record once per staff sign-in that `board` ("desk" or "doctor") of `place` was opened: it shows masked names."""
    key = _board_key(actor, board, place)
    if session.get(Opening, key) is None:
        event = events.record(session, "board.opened", actor, now, detail={"board": board})
        session.add(Opening(key=key, event_id=event.id, at=now))


def is_board_recorded(session: Session, actor: Actor, board: str, place: str) -> bool:
    return session.get(Opening, _board_key(actor, board, place)) is not None


def _board_key(actor: Actor, board: str, place: str) -> bytes:
    return hashlib.sha256(f"board\n{actor.ref}\n{actor.session}\n{board}\n{place}".encode()).digest()
