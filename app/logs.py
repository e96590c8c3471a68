"""Logs: one JSON line an event, a fixed name with fields. Identifiers of the house, never of people; endpoints, never paths."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import structlog
from flask import Flask, Response, g, request


def drop_exception_text(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Keep an exception's kind and place, not its message: that may quote what somebody typed."""
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        frames = []
        trace = error.__traceback__
        while trace is not None:
            frames.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
            trace = trace.tb_next
        event["where"] = " < ".join(reversed(frames[-8:]))
    return event


def init_logs(app: Flask) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            drop_exception_text,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    log = structlog.get_logger()

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def done(response: Response) -> Response:
        if request.endpoint != "static" and response.status_code >= 400:
            log.info(
                "request.refused" if response.status_code < 500 else "request.failed",
                endpoint=request.endpoint,
                method=request.method,
                status=response.status_code,
                rule=g.get("refusal"),
                ms=round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1),
            )
        return response
