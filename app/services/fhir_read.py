"""Reading and searching as an application: what the person granted it, of what the granting account may see itself.

Each request asks twice: whether the grant covers the type, and whether the account could open it now; so what a guardian let an
application read ends with the guardianship. What is handed out is a disclosure (A4) and cites the grant.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from app.domain.access import Basis, Grant
from app.domain.errors import NotAllowed, NotFound, Refused
from app.domain.fhir.search import Search, Window, is_match
from app.domain.fhir.write import Frame, Resource, fhir_id, ref_of
from app.models import AppGrant, Bound, Slot
from app.services import disclosure, rights
from app.services.fhir_events import SIDES, EventSources
from app.services.fhir_sources import NO_DAY, Source, Sources
from app.services.oauth_tokens import Standing

PURPOSE = "app_access"
OF_THE_HOUSE = ("Schedule", "Slot")  # of nobody: what can be booked is public
IN_LINES = ("MedicationRequest", "MedicationStatement")  # several resources a row
MOST_LOOKED_AT = 2000  # rows that one request opens while it looks for matches (P1); the next page goes on
MOST_AT_ONCE = 500  # of them in one statement: where little matches, each brings more than the one before


class Gone(Refused):
    """A page of results goes on from something that is not there any more: search again."""

    code = "gone"
    status = 410
    is_recorded = False


@dataclass(frozen=True)
class Page:
    """One page of a search. `cursor` goes on, empty at the end; `total` is known where this is all there is."""

    resources: tuple[Resource, ...]
    cursor: str
    total: int | None


def read(session: Session, standing: Standing, frame: Frame, kind: str, its_id: str, now: datetime) -> Resource:
    """Return one resource and record that it was read. Raises NotFound, NotAllowed."""
    sources = _sources(session, standing, frame, kind, now)
    ref = _ref_of(kind, its_id)
    for source in sources:
        row = session.scalars(select(source.model).where(source.key == ref, *source.where)).first()
        found = [one for one in source.write(row) if one["id"] == its_id] if row is not None else []
        if found:
            _record(session, standing, kind, [row], now)
            return found[0]
    raise NotFound(about=_owner(session, sources, ref))


def search(session: Session, standing: Standing, frame: Frame, asked: Search, now: datetime) -> Page:
    """Return a page of matches and record that they were read, in the versions that it shows. Looking for what is sealed takes its
    time: the door looks first, and records what this announces before the first byte.

    Raises NotAllowed, NotFound, Gone.
    """
    sources = _sources(session, standing, frame, asked.kind, now)
    found: list[Resource] = []
    rows: dict[int, Any] = {}
    last, looked_at, is_more = asked.cursor, 0, False
    for row, resources in _walk(session, sources, asked):
        looked_at += 1
        for resource in resources:
            if not is_match(asked, resource):
                continue
            if len(found) == asked.count:
                is_more = True
                break
            found.append(resource)
            rows[id(row)] = row
            last = resource["id"]
        if is_more:
            break
        if looked_at >= MOST_LOOKED_AT:
            is_more, last = True, _after(asked.kind, row)
            break
    total = None if is_more or asked.cursor else len(found)
    _record(session, standing, asked.kind, list(rows.values()), now)
    return Page(tuple(found), last if is_more else "", total)


def _sources(session: Session, standing: Standing, frame: Frame, kind: str, now: datetime) -> Sequence[Source]:
    """Return where a type is read from, cut to what the granting account may see now. Raises NotAllowed, NotFound."""
    if kind not in standing.types:
        raise NotAllowed(about=standing.patient, rule="app_scope")
    plain = Sources(session, frame, standing.patient, now)
    if kind in OF_THE_HOUSE:
        return plain.of(kind)
    grant = rights.see_health(session, standing.account, standing.patient, now)
    events = EventSources(plain, standing.types, str(standing.account.ref))
    found = events.of(kind) if kind in SIDES else plain.of(kind)
    if grant.since_at is None:
        return found
    return [
        Source(
            one.model,
            one.at,
            [*one.where, one.recorded >= grant.since_at] if one.recorded is not None else one.where,
            one.write,
        )
        for one in found
    ]


def _walk(session: Session, sources: Sequence[Source], asked: Search) -> Iterator[tuple[Any, list[Resource]]]:
    """Yield each row with its resources, in order, from the cursor on."""
    start = _start(session, sources, asked)
    streams = [
        _rows(session, source, asked, start, is_dated=is_dated)
        for source in sources
        for is_dated in ((True, False) if source.at.property.columns[0].nullable else (True,))
    ]
    for _at, _ref, source, row in heapq.merge(*streams, key=lambda one: one[:2], reverse=asked.is_newest_first):
        resources = source.write(row)
        if start is not None and getattr(row, source.key.key) == start[1]:  # a prescription, from the line after
            resources = [one for one in resources if _line(one["id"]) > _line(asked.cursor)]
        yield row, resources


def _rows(
    session: Session, source: Source, asked: Search, start: tuple[datetime, str] | None, *, is_dated: bool
) -> Iterator[tuple[datetime, str, Source, Any]]:
    """Yield the rows of one table in order, a batch at a time: those that have an instant, in the order of its index, or those
    that have none, which stand at NO_DAY."""
    at, key, is_down = source.at, source.key, asked.is_newest_first
    is_inclusive = asked.kind in IN_LINES
    ids = [key.in_([_ref_of(asked.kind, its_id) for its_id in wanted]) for wanted in asked.ids]
    has_day = at.is_not(None) if is_dated else at.is_(None)
    query = select(source.model).where(*source.where, has_day, *_dates(at, asked), *ids, *_beside(asked))
    columns = (at, key) if is_dated else (key,)
    query = query.order_by(*(column.desc() if is_down else column for column in columns))
    size = asked.count + 1
    while True:
        page = query
        if start is not None:
            beyond = key < start[1] if is_down else key > start[1]
            beyond = or_(beyond, key == start[1]) if is_inclusive else beyond
            if is_dated:
                not_before = (
                    at <= start[0] if is_down else at >= start[0]
                )  # says what follows from the rest, for the index
                page = query.where(not_before, or_(at != start[0], beyond))
            elif start[0] == NO_DAY:
                page = query.where(beyond)
            elif (start[0] < NO_DAY) == is_down:
                return  # all of them came before
        rows = session.scalars(page.limit(size)).all()
        for row in rows:
            start = (getattr(row, at.key) or NO_DAY, getattr(row, key.key))
            yield *start, source, row
        is_inclusive = False
        if len(rows) < size:
            return
        size = min(size * 4, MOST_AT_ONCE)


def _dates(column: Any, asked: Search) -> list[ColumnElement[bool]]:
    return [or_(*(_within(column, window) for window in windows)) for windows in asked.dates]


def _within(column: Any, window: Window) -> ColumnElement[bool]:
    match window.prefix:
        case "ne":
            return or_(column < window.low, column >= window.high)
        case "gt" | "sa":
            return column >= window.high  # type: ignore[no-any-return]
        case "lt" | "eb":
            return column < window.low  # type: ignore[no-any-return]
        case "ge":
            return column >= window.low  # type: ignore[no-any-return]
        case "le":
            return column < window.high  # type: ignore[no-any-return]
    return and_(column >= window.low, column < window.high)


def _beside(asked: Search) -> list[ColumnElement[bool]]:
    """Return what the database may compare beside dates: slots are many, and looked for by their sitting."""
    if asked.kind != "Slot":
        return []
    return [Slot.session_id.in_([ref_of(its_id) for _kind, its_id in wanted]) for _path, wanted in asked.references]


def _start(session: Session, sources: Sequence[Source], asked: Search) -> tuple[datetime, str] | None:
    """Return where the cursor's row stands. Raises Gone where it is there no more, or was never this person's."""
    if not asked.cursor:
        return None
    ref = _ref_of(asked.kind, asked.cursor)
    for source in sources:
        row = session.scalars(select(source.model).where(source.key == ref, *source.where)).first()
        if row is not None:
            return getattr(row, source.at.key) or NO_DAY, ref
    raise Gone()


def _after(kind: str, row: Any) -> str:
    """Return the cursor that goes on after a row as a whole."""
    its_id = fhir_id(str(getattr(row, getattr(row, "KEY", "id"))))
    return f"{its_id}.9999" if kind in IN_LINES else its_id


def _ref_of(kind: str, its_id: str) -> str:
    return ref_of(its_id.rpartition(".")[0] if kind in IN_LINES else its_id)


def _line(its_id: str) -> int:
    number = its_id.rpartition(".")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) <= 4 else 0


def _owner(session: Session, sources: Sequence[Source], ref: str) -> str | None:
    """Return whose a row is that the reader asked for and may not have: it stands in that person's own log."""
    for source in sources:
        row = session.get(source.model, ref)
        if row is not None:
            owner = getattr(row, "patient_ref", None) or getattr(row, "subject_ref", None) or getattr(row, "ref", None)
            return str(owner) if owner else None
    return None


def _record(session: Session, standing: Standing, kind: str, rows: Sequence[Any], now: datetime) -> None:
    """Record what was handed out, on which grant; a search that found nothing, and a look at the log, name the grant itself."""
    if kind in OF_THE_HOUSE:
        return
    bound: list[Bound] = [row for row in rows if isinstance(row, Bound)]
    disclosure.opened(
        session,
        standing.actor,
        "app.read",
        standing.patient,
        bound or [session.get_one(AppGrant, standing.grant)],
        now,
        detail={"app": standing.app.zh, "count": len(bound)},
        purpose=PURPOSE,
        grant=Grant(Basis.CONSENT, cites=standing.cites),
    )
