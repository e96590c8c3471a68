"""The rows of the board, each drawn once for as long as it says the same: a clinic has hundreds, and few change in two seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

from flask import current_app
from markupsafe import Markup

from app.domain.board import WaitLevels
from app.services.boards import DeskDay, DeskRow
from app.services.identity import Masked
from app.web import queue_words
from app.web.browser import csrf_token, new_key
from app.web.i18n import language_tag

MOST_KEPT = 3000  # of some 2.5 kB each, in each process
# What stands in a kept row where a form has what is its browser's own, and what is for one use.
TOKEN, KEY = "\ue000csrf_token\ue001", "\ue000idempotency_key\ue001"
MINUTE = timedelta(minutes=1)


def rows_of(board: DeskDay, clinic_id: str, now: datetime) -> Callable[[DeskRow, bool], Markup]:
    """Return what draws a row of the board for this browser: (row, whether it is hidden) -> its list item."""
    language = language_tag()

    def draw(row: DeskRow, is_hidden: bool) -> Markup:
        minutes = None if row.waits_since is None else max(0, (now - row.waits_since) // MINUTE)
        text = _drawn(language, clinic_id, board.levels, row, board.people.get(row.patient_ref), minutes, is_hidden)
        if KEY in text:
            text = text.replace(TOKEN, csrf_token()).replace(KEY, new_key())
        return Markup(text)  # noqa: S704 -- a template drew it

    return draw


@lru_cache(maxsize=MOST_KEPT)
def _drawn(
    _language: str, clinic_id: str, levels: WaitLevels, row: DeskRow, who: Masked | None, minutes: int | None, is_hidden: bool
) -> str:  # fmt: skip
    """Return the row in the request's language, which is `_language`, as it stands after so many minutes of waiting."""
    return current_app.jinja_env.get_template("desk/_one_row.html").render(  # without the page's frame
        clinic=clinic_id,
        levels=levels,
        row=row,
        who=who,
        now=row.waits_since + minutes * MINUTE if row.waits_since is not None and minutes is not None else None,
        is_hidden=is_hidden,
        marks_of=queue_words.MARKS,
        csrf_token=lambda: TOKEN,
        new_key=lambda: KEY,
    )
