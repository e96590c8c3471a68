"""A clinician who comes late, said by themselves or by the desk: what can be chosen, and what those who wait are told."""

from __future__ import annotations

from flask import flash, request
from flask_babel import gettext as _

from app.domain.queueing import LateUnreadable

LATE_MINUTES = (5, 10, 15, 20, 30, 45, 60, 90, 120)
MOST_DIGITS = 4


def minutes_late() -> int:
    """Return the minutes that a form says, 0 for "not late". Raises LateUnreadable."""
    typed = request.form.get("minutes", "").strip()
    if not (typed.isascii() and typed.isdigit() and len(typed) <= MOST_DIGITS):
        raise LateUnreadable()
    return int(typed)


def flash_late(minutes: int) -> None:
    """Say to who pressed what the waiting see now."""
    flash(_("候诊的人会看到：晚到 %(count)s 分钟。", count=minutes) if minutes else _("不再显示晚到。"), "success")
