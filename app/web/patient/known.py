"""What the hospital knows beside single visits: the lists, one measurement over time, documents, and that all is unchanged."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request

from app.services import attachments, people, receipts, summary, unchanged
from app.web.charts import picture, plain_day
from app.web.disclosing import disclosing
from app.web.house import house
from app.web.login import patient_required
from app.web.papers import file_of
from app.web.patient import bp
from app.web.patient.records import about, chosen_of
from app.web.patient.standing import pending_step
from app.web.sealing import verifier_keys
from app.web.transaction import act, current_actor, opening, reading
from ledger.entry import canonical_json
from ledger.errors import NotInLog


@bp.get("/records/known")
@patient_required
@disclosing
def known() -> Any:
    """Open a person's lists: problems, allergies, medicines now, immunizations, documents."""
    with reading() as session:
        mine = [link for link in people.links_of(session, str(current_actor().ref)) if link.is_active]
        pending = None if mine else pending_step(session, current_actor())
    link = chosen_of(mine, request.args.get("person", ""))
    if link is None:
        return render_template("patient/known.html", link=None, people=mine, known=None, pending=pending)
    patient_ref = link.patient_ref
    opened = opening(lambda session, actor, now: summary.open_summary(session, actor, patient_ref, now))
    said = about(link.patient_ref, opened.event_id)
    return render_template("patient/known.html", link=link, people=mine, known=opened, **said)


@bp.get("/records/courses/<record_id>")
@patient_required
@disclosing
def course(record_id: str) -> Any:
    """Open one measurement over time, a page of it; `record_id` is any of its values, for an address names no measurement."""
    after = request.args.get("after", "")
    opened = opening(lambda session, actor, now: summary.open_course(session, actor, record_id, now, after=after))
    return render_template(
        "patient/course.html",
        course=opened,
        picture=picture,
        plain_day=plain_day,
        **about(opened.patient_ref, opened.event_id),
    )


@bp.get("/records/documents/<document_id>")
@patient_required
@disclosing
def document(document_id: str) -> Any:
    """Open a document: what it is, and the picture itself."""
    paper, event_id = opening(lambda session, actor, now: attachments.open_paper(session, actor, document_id, now))
    return render_template(
        "patient/document.html", paper=paper, event_id=event_id, **about(paper.patient_ref, event_id)
    )


@bp.get("/records/documents/<document_id>/file")
@patient_required
@disclosing
def document_file(document_id: str) -> Response:
    """Hand out a document's bytes, for saving or as a picture, in a sandbox."""
    file = opening(lambda session, actor, now: attachments.open_file(session, actor, document_id, now))
    return file_of(file, is_saved="save" in request.args)


@bp.get("/records/unchanged/<row_id>", endpoint="unchanged")
@patient_required
@disclosing
def unchanged_since(row_id: str) -> Any:
    """Give a visit, or one record, to the person's own browser for checking: what it says, its salts, and the receipts."""
    with act() as a:
        opened = unchanged.open_rows(a.session, a.actor, row_id, a.now)
    files = _receipts(opened.event_ids)
    texts = {
        (v.object, v.id, v.number): canonical_json(v.projection).decode()
        for item in opened.items
        for v in item.versions
    }
    return render_template(
        "patient/unchanged.html",
        opened=opened,
        texts=texts,
        receipts=files,
        keys=verifier_keys(),
        **about(opened.patient_ref, opened.event_id),
    )


def _receipts(event_ids: list[str]) -> dict[str, str]:
    """Return the receipt file of each of the person's events that a published checkpoint covers."""
    with reading() as session:
        actor, now = current_actor(), house().clock()
        extras = {event_id: receipts.extra_of(session, actor, event_id, now) for event_id in event_ids}
    found = {}
    for event_id, (entry, extra) in extras.items():
        try:
            found[event_id] = house().log.receipt_for(entry, extra)
        except NotInLog:
            continue
    return found
