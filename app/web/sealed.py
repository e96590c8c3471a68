"""Answers that wait for the seal of their act, and what a page says of a receipt that it shows once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response

from app.services import receipts
from app.web.house import house


class WhenSealed(Response):
    """A redirect that leaves when its act is sealed, or when waiting has lasted long enough (`RECEIPT_WAIT_MS`).

    It waits in the last moment, so that cookie, headers and all else are made while the sequencer works.
    """

    wait: Callable[[], bool] = staticmethod(lambda: True)
    sent: Callable[[], None] = staticmethod(lambda: None)  # called once the wait is over

    def __call__(self, environ: Any, start_response: Any) -> Any:
        self.headers["X-Receipt-State"] = "sealed" if self.wait() else "pending"
        self.sent()
        return super().__call__(environ, start_response)


def receipt_state(event_id: str) -> str:
    """Return "pending", or "sealed" for an event that stands under a published checkpoint by now."""
    at_house = house()
    with at_house.reading_session() as session:
        entries = [entry for _id, entry in receipts.entries_of(session, [event_id])]
    states = at_house.log.states(entries)
    return "pending" if not states or "pending" in states else "sealed"


def init_sealed(app: Flask) -> None:
    app.add_template_global(receipt_state)
