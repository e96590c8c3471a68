"""How the desk's routes are asked: see tests/rows.py, which takes these in."""

from __future__ import annotations

from tests.rows import NOT_HERE, Row, _called, _missed

ROWS: dict[str, Row] = {
    "desk.board": Row(),
    "desk.board_now": Row(),
    "desk.find": Row(form={"clinic": "$clinic", "find": "A001"}, but={"desk_elsewhere": 404}),
    "desk.visit": Row({"appointment_id": "$booked"}, but=NOT_HERE),
    "desk.check_in": Row({"appointment_id": "$booked"}, but=NOT_HERE),
    "desk.cancel": Row({"appointment_id": "$far"}, but=NOT_HERE),
    "desk.call_next": Row({"session_id": "$session"}, but=NOT_HERE),
    "desk.recall": Row({"ticket_id": "$called"}, prepare=_called, but=NOT_HERE),
    "desk.pass_over": Row({"ticket_id": "$called"}, prepare=_called, but=NOT_HERE),
    "desk.put_back": Row({"ticket_id": "$missed"}, prepare=_missed, but=NOT_HERE),
}
