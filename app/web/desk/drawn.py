"""The rows of the board, each drawn once for as long as it says the same: a clinic has hundreds, and few change in two seconds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Lock

from flask import current_app
from markupsafe import Markup

from app.services.boards import DeskDay, DeskRow
from app.web import queue_words
from app.web.browser import csrf_token, new_key
from app.web.i18n import language_tag

MOST_KEPT = 3000  # of some 1.2 kB each, in each process
# What stands in a kept row where a form has what is its browser's own, and what is for one use.
TOKEN, KEY = "\ue000csrf_token\ue001", "\ue000idempotency_key\ue001"
END = "\ue000end\ue001"
MINUTE = timedelta(minutes=1)

Listed = Sequence[tuple[DeskRow, bool]]  # rows, each with whether it is hidden

_kept: OrderedDict[tuple[object, ...], str] = OrderedDict()
_lock = Lock()


def rows_of(board: DeskDay, clinic_id: str, now: datetime) -> Callable[[Listed], list[Markup]]:
    """Return what draws rows of the board for this browser, as list items in the order given."""
    language = language_tag()

    def key_of(row: DeskRow, is_hidden: bool) -> tuple[object, ...]:
        minutes = None if row.waits_since is None else max(0, (now - row.waits_since) // MINUTE)
        return (language, clinic_id, board.levels, row, board.people.get(row.patient_ref), minutes, is_hidden)

    def draw(rows: Listed) -> list[Markup]:
        keys = [key_of(row, is_hidden) for row, is_hidden in rows]
        with _lock:
            known = {key: _kept[key] for key in keys if key in _kept}
        fresh = [one for key, one in zip(keys, rows, strict=True) if key not in known]
        drawn = dict(zip((key_of(*one) for one in fresh), _drawn(board, clinic_id, now, fresh), strict=True))
        with _lock:
            _kept.update(drawn)
            for key in known:
                if key in _kept:
                    _kept.move_to_end(key)
            while len(_kept) > MOST_KEPT:
                _kept.popitem(last=False)
        token = csrf_token()
        return [_own(known.get(key) or drawn[key], token) for key in keys]

    return draw


def _own(text: str, token: str) -> Markup:
    """Return a kept row with what is this browser's own."""
    if KEY in text:
        text = text.replace(TOKEN, token).replace(KEY, new_key())
    return Markup(text)  # noqa: S704 -- a template drew it


def _drawn(board: DeskDay, clinic_id: str, now: datetime, rows: Listed) -> list[str]:
    """Return rows in the request's language. All at once and without the page's frame: what a template costs before its
    first word is most of what a row costs."""
    if not rows:
        return []
    text = current_app.jinja_env.get_template("desk/_rows.html").render(
        clinic=clinic_id,
        levels=board.levels,
        rows=rows,
        people=board.people,
        now=now,
        end=END,
        marks_of=queue_words.MARKS,
        csrf_token=lambda: TOKEN,
        new_key=lambda: KEY,
    )
    return text.split(END)[:-1]
