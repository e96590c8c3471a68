"""How the routes of waiting are asked; see tests/rows.py, which takes these in."""

from __future__ import annotations

from app.services import queueing
from tests.rows import PERSON, Objects, Row, _venue_codes
from tests.scene import Scene


def _away(scene: Scene) -> Objects:
    """Send everybody whose ticket is tried to tests, one after the other."""
    ward = scene.ward
    wanted = {scene.of(owner, "ticket") for owner in ("a", "child")}
    while wanted:
        called = ward.do(queueing.call_next, ward.chen, ward.expert).id
        ward.do(queueing.start, ward.chen, called)
        ward.do(queueing.send_to_tests, ward.chen, called)
        wanted.discard(called)
    return {}


def _away_with_codes(scene: Scene) -> Objects:
    return {**_away(scene), **_venue_codes(scene)}


ROWS = {
    "patient.leave_queue": Row({"ticket_id": "$ticket"}, **PERSON),
    "patient.take_back": Row({"ticket_id": "$ticket"}, prepare=_away, **PERSON),
    "patient.take_leave": Row({"ticket_id": "$ticket"}, **PERSON),
    "api.back": Row({"ticket_id": "$ticket"}, {"code": "$venue_code"}, prepare=_away_with_codes, **PERSON),
    "api.leave": Row({"ticket_id": "$ticket"}, **PERSON),
}
