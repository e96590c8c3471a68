"""The record on the phone: a list of days, and each opening a disclosure in the person's own log (A4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Any

from flask import render_template, request

from app.domain.calendar import hospital_day
from app.domain.errors import NotAllowed
from app.services import people, receipts
from app.services.chart import Chart, OthersLine, VisitLine
from app.services.people import LinkView
from app.services.records import list_others, list_visits, open_others, open_visit
from app.web.charts import picture
from app.web.disclosing import disclosing
from app.web.house import house
from app.web.login import patient_required
from app.web.messages import words_for
from app.web.patient import bp
from app.web.sealing import states_of
from app.web.transaction import act, current_actor, reading

LINES = 40  # a page of the list holds whole years up to about this many lines

Line = tuple[date | None, VisitLine | OthersLine]


@bp.get("/records")
@patient_required
def records() -> Any:
    """List the days of one person's record, by year. Days are no disclosure; what happened on them is opened one by one."""
    actor = current_actor()
    lines: list[Line] = []
    refusal = None
    with reading() as session:
        mine = [link for link in people.links_of(session, str(actor.ref)) if link.is_active]
        link = _chosen(mine, request.args.get("person", ""))
        if link is not None:
            now = house().clock()
            try:
                visits = list_visits(session, actor, link.patient_ref, now)
                others = list_others(session, actor, link.patient_ref, now)
                lines = [*((hospital_day(v.at) if v.at else None, v) for v in visits), *((o.day_on, o) for o in others)]
            except NotAllowed as refused:
                refusal = words_for(refused)
    lines.sort(key=lambda line: line[0] or date.min, reverse=True)
    years, older = _page(lines, request.args.get("until", ""))
    return render_template(
        "patient/records.html", people=mine, link=link, years=years, older=older, refusal=refusal, has_any=bool(lines)
    )


def _chosen(mine: Sequence[LinkView], patient_ref: str) -> LinkView | None:
    """Return the person asked for, else the first: the account's own."""
    return next((link for link in mine if link.patient_ref == patient_ref), mine[0] if mine else None)


def _page(lines: Sequence[Line], until: str) -> tuple[list[tuple[int | None, list[Line]]], int | None]:
    """Return (years with their lines, newest first, from `until` down; the year to go on with)."""
    years: list[tuple[int | None, list[Line]]] = []
    count = 0
    last = int(until) if re.fullmatch("[0-9]{1,4}", until) else None
    for year, of_year in groupby(lines, lambda line: line[0].year if line[0] else None):
        if last is not None and (year or 0) > last:
            continue
        if count >= LINES:
            return years, year or 0
        years.append((year, list(of_year)))
        count += len(years[-1][1])
    return years, None


@bp.get("/records/<visit_id>")
@patient_required
@disclosing
def record(visit_id: str) -> Any:
    """Open one visit."""
    with act() as a:
        opened = open_visit(a.session, a.actor, visit_id, a.now)
    return _page_of(opened)


@bp.get("/records/other/<record_id>")
@patient_required
@disclosing
def other_records(record_id: str) -> Any:
    """Open the records of one day that belong to no visit."""
    with act() as a:
        opened = open_others(a.session, a.actor, record_id, a.now)
    return _page_of(opened)


def _page_of(opened: Chart) -> str:
    with reading() as session:
        mine = people.links_of(session, str(current_actor().ref))
        entries = receipts.entries_of(session, [opened.event_id] if opened.event_id else [])
    name = next((link.name for link in mine if link.patient_ref == opened.patient_ref), "")
    state = next(iter(states_of([entry for _, entry in entries])), "pending")
    return render_template("patient/record.html", chart=opened, name=name, state=state, picture=picture)
