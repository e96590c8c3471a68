"""`/healthz`: this process answers. `/readyz`: it can do its work: database, keyring, and a sequencer that seals."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.web.house import house
from app.web.login import public

bp = Blueprint("health", __name__)
log = structlog.get_logger()


@bp.get("/healthz")
@public
def healthz() -> Response:
    """Say that the process is alive. Looks at nothing else, so that a supervisor never kills it for a neighbour's fault."""
    return jsonify({"status": "ok"})


@bp.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """Say what works: 200 when all does, 503 with the part that does not. Care goes on while only the sequencer rests."""
    house().bell.knock()  # a sequencer that hangs is found out by not answering
    parts = {"database": _database(), "sequencer": not house().bell.is_stalled()}
    is_ready = all(parts.values())
    return jsonify({"status": "ok" if is_ready else "degraded", "parts": parts}), 200 if is_ready else 503


def _database() -> bool:
    try:
        with house().reading_session() as session:
            session.execute(text("SELECT 1 FROM ledger_entry LIMIT 1"))
    except SQLAlchemyError as error:
        log.error("database.unreachable", kind=type(error).__name__)
        return False
    return True
