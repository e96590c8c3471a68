"""Logs of this hospital that ended, each at an address of its own: its files go on being served, and say who goes on for it.

Whoever holds an old receipt, or watched the old log, checks it here with the old key, and finds the new log by what the old key signed.
"""

from __future__ import annotations

from typing import Any

from flask import Response, abort, render_template, request, url_for

from app.web.house import house
from app.web.log import BINARY, CHECKPOINT_CACHE, TEXT, TILE_CACHE, _absent, _file, bp
from app.web.login import public
from app.web.sealing import base_url
from ledger.errors import LedgerError, MalformedPath, NotInLog
from ledger.export import keys_file
from ledger.note import VerifierKey
from ledger.reader import LogReader
from ledger.stores.notices import published_notices
from ledger.stores.sql import SQLStore
from ledger.stores.succession import Ended, ended_logs, prefix_of
from ledger.successor import Successor, verify_successor
from ledger.tiles import parse_bundle_path, parse_tile_path


def _ended(nth: int) -> Ended | None:
    return next((one for one in ended_logs(house().engine) if one.number == nth), None)


def _reader(ended: Ended) -> LogReader:
    return LogReader(SQLStore(house().engine, prefix=prefix_of(ended.number)))


def _keys(ended: Ended) -> list[VerifierKey]:
    return [key for key in house().log_keys if key.name == ended.origin]


def _said(ended: Ended) -> Successor | None:
    """Return what the log that ended says with its own key about who goes on; None where that is nothing, or not its key's."""
    try:
        return verify_successor(ended.successor.encode(), _keys(ended)[:1]) if ended.successor else None
    except LedgerError:
        return None


def ended_for_check() -> list[dict[str, Any]]:
    """Return what static/js/receipt-ended.js tells the holder of an old receipt: of each log that ended, in the order of time.

    A saved page has it too, so addresses are whole.
    """
    address = base_url(request.host_url)
    return [
        {
            "keys": [key.format() for key in _keys(one)],
            "size": one.old_size,
            "reason": one.reason,
            "goes_on": one.goes_on,
            "note": one.successor,
            "page": address + url_for("log.frozen", nth=one.number),
        }
        for one in ended_logs(house().engine)
        if _keys(one)
    ]


@bp.get("/ledger/frozen/<int:nth>/")
@public
def frozen(nth: int) -> str:
    """The page of a log that ended."""
    ended = _ended(nth)
    if ended is None:
        abort(404)
    address = base_url(request.host_url)
    return render_template(
        "log/frozen.html",
        ended=ended,
        said=_said(ended),
        keys=[key.format() for key in _keys(ended)],
        address=address + url_for("log.frozen", nth=nth),
    )


@bp.get("/ledger/frozen/<int:nth>/<any(checkpoint, keys, successor):file>")
@public
def frozen_file(nth: int, file: str) -> Response:
    """Its last checkpoint, its keys, or the note by its key that says who goes on; 404 for what there is not."""
    ended = _ended(nth)
    if ended is None:
        return _absent()
    if file == "keys":
        return _file(keys_file(_keys(ended)), TEXT, CHECKPOINT_CACHE)
    if file == "successor":
        return _file(ended.successor.encode(), TEXT, CHECKPOINT_CACHE) if ended.successor else _absent()
    try:
        return _file(_reader(ended).read_checkpoint().encode(), TEXT, CHECKPOINT_CACHE)
    except NotInLog:
        return _absent()


@bp.get("/ledger/frozen/<int:nth>/notices/<which>.tlog-proof")
@public
def frozen_notice(nth: int, which: str) -> Response:
    """What it said about itself, under its own key: without these a monitor could not follow a change of keys."""
    ended = _ended(nth)
    if ended is None:
        return _absent()
    found = published_notices(house().engine, prefix_of(ended.number)).get(f"notices/{which}.tlog-proof")
    return _absent() if found is None else _file(found, TEXT, CHECKPOINT_CACHE)


@bp.get("/ledger/frozen/<int:nth>/tile/<path:path>")
@public
def frozen_tile(nth: int, path: str) -> Response:
    """A hash tile or an entry bundle of it, as `/ledger/tile/` has those of the present log."""
    ended = _ended(nth)
    try:
        if ended is None:
            return _absent()
        if path.startswith("entries/"):
            return _file(_reader(ended).read_bundle(*parse_bundle_path(f"tile/{path}")), BINARY, TILE_CACHE)
        return _file(_reader(ended).read_tile(*parse_tile_path(f"tile/{path}")), BINARY, TILE_CACHE)
    except (MalformedPath, NotInLog):
        return _absent()
