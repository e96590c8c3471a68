"""Keeping the demo's day alive: at any hour a session runs, people wait, and a slot is free soon."""

from __future__ import annotations

import threading
import time

from app.domain.errors import Refused
from app.services.demo import coming, day
from app.services.demo import house as demo_house
from app.web.house import House, house

EVERY_SECONDS = 20.0
_turn = threading.Lock()
_next_at = 0.0


def keep_day(at_house: House) -> None:
    """Plan what the day and the next ones lack. One read when nothing does. Raises LookupError where the demo was never built."""
    now = at_house.clock()
    with at_house.reading_session() as session:
        at = demo_house.find(session)
        lack = day.look(session, at, now)
        missing = coming.missing_days(session, at, now)
    for day_on in missing:
        with at_house.writing_session() as session:
            if day_on in coming.missing_days(session, at, now):  # the other worker may have been first
                coming.plan_day(session, at, day_on, now)
    if missing:
        at_house.bell.knock()
    if lack.is_nothing:
        return
    session_id = lack.session_id
    if session_id is None:
        with at_house.writing_session() as session:  # others may have been first, here and with each who arrives
            session_id = day.look(session, at, now).session_id or day.plan(session, at, now)
    for _ in range(lack.waiting):
        if not _one_arrives(at_house, at, session_id):
            break  # slots of the last hour come back with time; better than a second session beside the first
    at_house.bell.knock()


def begin_day(at_house: House) -> int:
    """Keep the day where no session runs any more, and return 1; else 0. The work of the clock, so that whoever comes back
    hours or days later by any page finds a hospital that is open; who waits in a session that runs is `keep_day`'s."""
    try:
        with at_house.reading_session() as session:
            is_over = day.look(session, demo_house.find(session), at_house.clock()).session_id is None
    except LookupError:
        return 0  # `demo-data` has not run yet
    if is_over:
        keep_day(at_house)
    return int(is_over)


def _one_arrives(at_house: House, at: demo_house.DemoHouse, session_id: str) -> bool:
    try:
        with at_house.writing_session() as session:
            now = at_house.clock()
            return day.look(session, at, now).waiting > 0 and day.someone_arrives(session, at, session_id, now)
    except Refused:  # the other worker was first
        return True


def keep_now_and_then() -> None:
    """Before a page of the demo: look whether the day lacks anything, every twenty seconds at most."""
    global _next_at
    if time.monotonic() < _next_at or not _turn.acquire(blocking=False):
        return
    try:
        keep_day(house())
        _next_at = time.monotonic() + EVERY_SECONDS
    except LookupError:
        pass  # `demo-data` has not run yet, and will
    finally:
        _turn.release()
