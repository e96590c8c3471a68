"""The public door: the ledger as https://c2sp.org/tlog-tiles serves it, a page about it for people, and the check of receipts.

Everything here is for everybody and says nothing about anybody. Files may be read by scripts of other sites, so that
anybody can build a check of their own.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response

from app.web.house import house
from app.web.login import public
from app.web.sealing import sealing_stalled, witness_policy
from ledger.errors import MalformedPath, NotInLog
from ledger.stores.succession import published_keys
from ledger.tiles import parse_bundle_path, parse_tile_path

bp = Blueprint("log", __name__)

CHECKPOINT_CACHE = "public, max-age=2"  # seconds; a new one may come every few milliseconds
TILE_CACHE = "public, max-age=31536000, immutable"  # a tile at its path never changes, a partial one neither
TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"


@bp.app_context_processor
def sealing_words() -> dict[str, Any]:
    """What the staff's frame asks before it shows its banner."""
    return {"sealing_stalled": sealing_stalled}


@bp.get("/ledger/checkpoint")
@public
def checkpoint() -> Response:
    """The newest checkpoint, a signed note; 404 before the first."""
    try:
        return _file(house().log.read_checkpoint().encode(), TEXT, CHECKPOINT_CACHE)
    except NotInLog:
        return _absent()


@bp.get("/ledger/tile/<path:path>")
@public
def tile(path: str) -> Response:
    """A hash tile or an entry bundle, full or partial; 404 for any that the published tree has not, or not so spelled."""
    try:
        return _file(_tile(f"tile/{path}"), BINARY, TILE_CACHE)
    except (MalformedPath, NotInLog):
        return _absent()


def _tile(path: str) -> bytes:
    if path.startswith("tile/entries/"):
        bundle: bytes = house().log.read_bundle(*parse_bundle_path(path))
        return bundle
    hashes: bytes = house().log.read_tile(*parse_tile_path(path))
    return hashes


@bp.get("/ledger/keys")
@public
def keys() -> Response:
    """The log's verifier keys, one a line, and a comment for each log that ended."""
    return _file(published_keys(house().engine, house().log_keys), TEXT, "public, max-age=300")


@bp.get("/ledger/policy")
@public
def policy() -> Response:
    """Which witnesses have to have cosigned, and their keys (c2sp.org/tlog-policy); 404 where none are asked."""
    text = witness_policy()
    return _file(text.encode("utf-8", "surrogateescape"), TEXT, "public, max-age=300") if text else _absent()


def _file(data: bytes, kind: str, cache: str) -> Response:
    answer = make_response(data)
    answer.headers["Content-Type"] = kind
    answer.headers["Cache-Control"] = cache
    return _for_everybody(answer)


def _absent() -> Response:
    answer = make_response("not found\n", 404)
    answer.headers["Content-Type"] = TEXT
    answer.headers["Cache-Control"] = "no-store"
    return _for_everybody(answer)


def _for_everybody(answer: Response) -> Response:
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer


from app.web.log import explorer, frozen, notices, program, slips, verify, wall  # noqa: E402, F401 (their views register themselves on `bp`)
