"""A strike's evidence in words, for the person and for who decides an appeal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.services.evidence import Evidence
from app.web import event_words
from app.web.sealing import states_of


@dataclass(frozen=True)
class Line:
    """One event: when, what, the details in a line; `state` is that of its receipt, `event_id` its number."""

    at: datetime
    what: str
    about: list[tuple[str, str]]
    event_id: str
    state: str


def lines_of(evidence: Evidence) -> list[Line]:
    """Return the events in words, the first thing first; what a receipt says of another receipt is left to the receipt."""
    states = states_of([one.entry for one in evidence.happened])
    return [
        Line(
            at=one.at,
            what=event_words.type_words(one.type),
            about=event_words.detail_words({k: v for k, v in one.detail.items() if k != "evidence"}),
            event_id=one.event_id,
            state=state,
        )
        for one, state in zip(evidence.happened, states, strict=True)
    ]
