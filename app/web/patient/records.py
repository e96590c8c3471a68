"""The record on the phone: a timeline of days, and each opening a disclosure in the person's own log (A4)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from flask import render_template, request, url_for

from app.domain.errors import NotAllowed
from app.services import people, receipts, timeline
from app.services.chart import Chart
from app.services.people import LinkView
from app.services.records import open_others, open_visit
from app.services.timeline import Line, Page
from app.web.charts import picture
from app.web.disclosing import disclosing
from app.web.house import house
from app.web.login import patient_required
from app.web.messages import words_for
from app.web.patient import bp
from app.web.patient.standing import pending_step
from app.web.sealing import states_of
from app.web.transaction import current_actor, opening, reading

FILTERS = {"year": "year", "kind": "k", "department": "d"}  # of the timeline -> how the address calls it


@bp.get("/records")
@patient_required
def records() -> Any:
    """List the days of one person's record, by year. Days are no disclosure; what happened on them is opened one by one."""
    actor = current_actor()
    page: Page | None = None
    refusal = pending = None
    chosen = {name: request.args.get(short, "") for name, short in FILTERS.items()}
    with reading() as session:
        mine = [link for link in people.links_of(session, str(actor.ref)) if link.is_active]
        link = chosen_of(mine, request.args.get("person", ""))
        if link is None:
            pending = pending_step(session, actor)
        else:
            after = request.args.get("after", "")
            try:
                page = timeline.page(session, actor, link.patient_ref, house().clock(), **chosen, after=after)
            except NotAllowed as refused:
                refusal = words_for(refused)
    return render_template(
        "patient/records.html",
        people=mine,
        link=link,
        pending=pending,
        page=page,
        years=_by_year(page.lines) if page else [],
        refusal=refusal,
        address=_address(link.patient_ref if link else "", page),
    )


def chosen_of(mine: Sequence[LinkView], patient_ref: str) -> LinkView | None:
    """Return the person asked for, else the first: the account's own."""
    return next((link for link in mine if link.patient_ref == patient_ref), mine[0] if mine else None)


def _by_year(lines: Sequence[Line]) -> list[tuple[int | None, list[Line]]]:
    return [(year, list(of_year)) for year, of_year in groupby(lines, lambda line: line[0].year if line[0] else None)]


def _address(patient_ref: str, page: Page | None) -> Any:
    """Return a function that gives the address of this list with one filter changed, or its next page."""
    chosen = {}
    for name, choices in (("year", page.years), ("kind", page.kinds), ("department", page.departments)) if page else ():
        chosen[FILTERS[name]] = next((one.key for one in choices if one.is_chosen), None)

    def address(**changes: str | None) -> str:
        return url_for("patient.records", person=patient_ref, **{**chosen, **changes})

    return address


@bp.get("/records/<visit_id>")
@patient_required
@disclosing
def record(visit_id: str) -> Any:
    """Open one visit."""
    return _page_of(opening(lambda session, actor, now: open_visit(session, actor, visit_id, now)))


@bp.get("/records/other/<record_id>")
@patient_required
@disclosing
def other_records(record_id: str) -> Any:
    """Open the records of one day that belong to no visit."""
    return _page_of(opening(lambda session, actor, now: open_others(session, actor, record_id, now)))


def _page_of(opened: Chart) -> str:
    return render_template(
        "patient/record.html", chart=opened, picture=picture, **about(opened.patient_ref, opened.event_id)
    )


def about(patient_ref: str, event_id: str | None) -> dict[str, Any]:
    """Return whose record a page shows (`name`), and the
    state of the receipt of its opening."""
    with reading() as session:
        mine = people.links_of(session, str(current_actor().ref))
        entries = receipts.entries_of(session, [event_id] if event_id else [])
    return {
        "name": next((link.name for link in mine if link.patient_ref == patient_ref), ""),
        "state": next(iter(states_of([entry for _, entry in entries])), "pending"),
    }
