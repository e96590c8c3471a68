"""Records that a doctor may read (我能看的病历): whose, on which grant, until when; the rest is not so much as listed."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for

from app.services import granted as service
from app.web.access_words import BASES_FOR_STAFF, PARTS
from app.web.charts import picture
from app.web.disclosing import disclosing
from app.web.doctor import bp
from app.web.event_words import PURPOSES
from app.web.fragments import fragment
from app.web.house import house
from app.web.login import staff_required
from app.web.transaction import current_actor, opening, reading

WORDS = {"bases": BASES_FOR_STAFF, "parts": PARTS, "purposes": PURPOSES}


@bp.get("/records")
@staff_required("doctor")
def readable() -> Any:
    """Whom one treats now, who gave a consent, and emergencies under way: masked."""
    with reading() as session:
        lines = service.readable(session, current_actor(), house().clock())
    return render_template("doctor/readable.html", lines=lines, **WORDS)


@bp.get("/records/<patient_ref>")
@staff_required("doctor")
@disclosing
def granted(patient_ref: str) -> Any:
    """The record as far as the grant goes. A page that lay open is led here when that is over, and says so; whoever opens it
    anew is refused, and the person reads of it."""
    if _closes(patient_ref):
        return render_template("doctor/granted.html", found=None)
    found = opening(lambda session, actor, now: service.open_granted(session, actor, patient_ref, now))
    return render_template("doctor/granted.html", found=found, picture=picture, again=_again(), **WORDS)


@bp.get("/records/<patient_ref>/now")
@staff_required("doctor")
def granted_now(patient_ref: str) -> Any:
    """What the open page rests on still. Over, it leads to the page, which then shows nothing of the record."""
    with reading() as session:
        grant = service.standing(session, current_actor(), patient_ref, house().clock())
    if grant is None:
        return _closed(patient_ref)
    return fragment("doctor/_grant.html", grant=grant, **WORDS)


@bp.get("/records/<patient_ref>/days")
@staff_required("doctor")
@disclosing
def granted_days(patient_ref: str) -> Any:
    """All days of the record that the grant includes, a page at a time."""
    if _closes(patient_ref):
        return _closed(patient_ref)
    after = request.args.get("after", "")
    page = opening(lambda session, actor, now: service.open_days(session, actor, patient_ref, now, after=after))
    return _shown("doctor/granted_days.html", patient_ref, page=page)


@bp.get("/records/<patient_ref>/visits/<visit_id>")
@staff_required("doctor")
@disclosing
def granted_visit(patient_ref: str, visit_id: str) -> Any:
    """One visit, as far as the grant goes."""
    if _closes(patient_ref):
        return _closed(patient_ref)
    chart = opening(lambda session, actor, now: service.open_visit(session, actor, patient_ref, visit_id, now))
    return _shown("doctor/granted_visit.html", patient_ref, chart=chart, picture=picture)


@bp.get("/records/<patient_ref>/other/<record_id>")
@staff_required("doctor")
@disclosing
def granted_other(patient_ref: str, record_id: str) -> Any:
    """What the grant includes of one day beside its visits."""
    if _closes(patient_ref):
        return _closed(patient_ref)
    chart = opening(lambda session, actor, now: service.open_day(session, actor, patient_ref, record_id, now))
    return _shown("doctor/granted_visit.html", patient_ref, chart=chart, picture=picture)


def _closes(patient_ref: str) -> bool:
    """Tell whether a page that lay open, and came back by itself (`closed`), is to close: nobody's attempt, so nothing is
    recorded."""
    if "closed" not in request.args:
        return False
    with reading() as session:
        return service.is_over(session, current_actor(), patient_ref, house().clock())


def _closed(patient_ref: str) -> Any:
    return redirect(url_for("doctor.granted", patient_ref=patient_ref, closed=1), code=303)


def _again() -> str:
    """Return the address under which a page that lies open comes back by itself."""
    return url_for(str(request.endpoint), **{**(request.view_args or {}), **request.args, "closed": 1})


def _shown(template: str, patient_ref: str, **values: Any) -> str:
    with reading() as session:
        grant = service.standing(session, current_actor(), patient_ref, house().clock())
        who = service.masked(session, patient_ref, house().clock())
    return render_template(template, patient_ref=patient_ref, grant=grant, who=who, again=_again(), **values, **WORDS)
