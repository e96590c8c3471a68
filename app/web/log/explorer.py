"""The ledger for people: how it grew, what was signed when, who cosigned, what that proves and what not, and how to take part.

Each page asks a bounded number of look-ups by key, however long the ledger is.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import abort, render_template, request
from flask_babel import format_datetime

from app.web.house import house
from app.web.i18n import day, language_tag
from app.web.log import bp
from app.web.log.program import program_digest
from app.web.login import public
from app.web.sealing import base_url, key_fingerprints, verifier_keys, witness_policy
from ledger.checkpoint import parse_checkpoint
from ledger.errors import LedgerError, NotInLog
from ledger.note import VerifierKey, parse_note
from ledger.policy import parse_policy
from ledger.stores import history
from ledger.stores.succession import ended_logs

PAGE = 20
POINTS = 24  # of the chart
WIDTH, HEIGHT, LEFT, TOP = 320, 150, 8, 24  # of the chart's area, in the units of its picture


@dataclass(frozen=True)
class Witness:
    """A witness of the policy, and what it cosigned last: how many entries, when. None before the first."""

    name: str
    size: int | None
    at: datetime | None


@dataclass(frozen=True)
class Growth:
    """The chart: `line` and `area` are points of the picture, `rows` the same in numbers, the oldest first."""

    line: str
    area: str
    rows: list[tuple[datetime, int]]
    first: str
    last: str
    most: int


@dataclass(frozen=True)
class Checkpoint:
    """One line of the history. `cosigners` are (name, when)."""

    size: int
    added: int | None
    root: str
    published_at: datetime
    cosigners: list[tuple[str, datetime]]


def _instant(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@bp.app_template_filter("to_the_second")
def to_the_second(value: datetime) -> str:
    """Day and clock, 2026年1月5日 周一 08:30:07: several checkpoints are signed in a minute."""
    return f"{day(value)} {format_datetime(value, 'HH:mm:ss')}"


@bp.get("/ledger/")
@public
def ledger() -> str:
    """The front page."""
    size, root, published_at = 0, "", None
    try:
        note, published_ms = house().log.newest()
    except NotInLog:
        pass
    else:
        newest = parse_checkpoint(parse_note(note.encode()).text)
        size, root = newest.size, base64.b64encode(newest.root).decode()
        published_at = _instant(published_ms)
    return render_template(
        "log/ledger.html",
        size=size,
        root=root,
        published_at=published_at,
        origin=house().settings.ledger_origin,
        keys=verifier_keys(),
        fingerprints=key_fingerprints(),
        address=base_url(request.host_url) + "/ledger/",
        growth=_growth(),
        witnesses=_witnesses(),
        ended=ended_logs(house().engine),
        program=program_digest(),
    )


@bp.get("/ledger/checkpoints")
@public
def checkpoints() -> Any:
    """What was signed and when, a page at a time, newest first."""
    try:
        before = int(request.args["before"]) if "before" in request.args else None
    except ValueError:
        abort(404)
    if before is not None and not 0 <= before < 1 << 63:
        abort(404)
    found = history.page_of_checkpoints(house().engine, PAGE + 1, before=before)
    lines = [
        Checkpoint(
            size=one.size,
            added=one.size - found[i + 1].size if i + 1 < len(found) else None,
            root=base64.b64encode(parse_checkpoint(parse_note(one.note.encode()).text).root).decode(),
            published_at=_instant(one.published_ms),
            cosigners=[(_name(key), datetime.fromtimestamp(at, UTC)) for key, at in one.cosigners],
        )
        for i, one in enumerate(found[:PAGE])
    ]
    earlier = found[PAGE - 1].size if len(found) > PAGE else None
    return render_template("log/checkpoints.html", lines=lines, before=before, earlier=earlier)


def _name(vkey: str) -> str:
    return vkey.split("+", 1)[0]


def _witnesses() -> list[Witness]:
    """Return the witnesses of the policy, in its order; none without a policy, or with one that cannot be read."""
    text = witness_policy()
    if not text:
        return []
    try:
        keys = parse_policy(text.encode("utf-8", "surrogateescape")).witnesses.values()
    except LedgerError:
        return []
    return [_witness(key) for key in keys if key is not None]


def _witness(key: VerifierKey) -> Witness:
    last = house().log.newest_cosignature(key)
    return Witness(key.name, last[0] if last else None, datetime.fromtimestamp(last[1], UTC) if last else None)


def _growth() -> Growth | None:
    """Return the chart of the ledger's growth; None while there is nothing to draw."""
    moments = history.growth(house().engine, POINTS)
    if len(moments) < 2 or moments[-1][0] == 0:
        return None
    most, began, ended = moments[-1][0], moments[0][1], max(moment[1] for moment in moments)
    span = max(1, ended - began)
    places = [
        f"{LEFT + WIDTH * (at - began) / span:.1f},{TOP + HEIGHT * (1 - size / most):.1f}" for size, at in moments
    ]
    floor = TOP + HEIGHT
    every = max(1, len(moments) // 12)
    shown = [*moments[:-1:every], moments[-1]]
    return Growth(
        line=" ".join(places),
        area=f"{LEFT},{floor} {' '.join(places)} {LEFT + WIDTH},{floor}",
        rows=[(_instant(at), size) for size, at in shown],
        first=_short(_instant(began), span),
        last=_short(_instant(ended), span),
        most=most,
    )


def _short(at: datetime, span_ms: int) -> str:
    """Return an end of the chart's axis: a day, or the clock where all of it is one day."""
    is_long = span_ms > 36 * 3600 * 1000
    pattern = ("d MMM y" if language_tag() == "en" else "y年M月d日") if is_long else "HH:mm:ss"
    return str(format_datetime(at, pattern))
