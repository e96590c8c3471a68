"""How the routes of messages, of the day's figures and of the counts are asked: the rows that `tests/rows.py` takes in."""

from __future__ import annotations

from tests.rows import Row

DAY = {"day": "2026-03-01"}  # the day before the guards' present
NOT_HERE = {"desk_elsewhere": 404}

ROWS = {
    "patient.remind": Row(),
    "metrics.metrics": Row(),
    "admin.today": Row(),
    "admin.day": Row(DAY, query={"clinic": "$clinic"}, but=NOT_HERE),
    "admin.day_csv": Row(DAY, query={"clinic": "$clinic"}, but=NOT_HERE),
    "admin.close_day": Row(DAY, form={"clinic": "$clinic"}, but=NOT_HERE),
}
