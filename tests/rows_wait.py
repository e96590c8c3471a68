"""How the routes of waiting are asked; see tests/rows.py, which takes these in."""

from __future__ import annotations

from tests.rows import PERSON, Row

ROWS = {
    "patient.leave_queue": Row({"ticket_id": "$ticket"}, **PERSON),
    "patient.take_leave": Row({"ticket_id": "$ticket"}, **PERSON),
}
