"""Records that a doctor may read (我能看的病历): whose, on which grant, until when; the rest is not so much as listed."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, url_for

from app.services import granted as service
from app.web.access_words import BASES_FOR_STAFF, PARTS
from app.web.charts import picture
from app.web.disclosing import disclosing
from app.web.doctor import bp
from app.web.event_words import PURPOSES
from app.web.fragments import fragment
from app.web.house import house
from app.web.login import staff_required
from app.web.transaction import act, current_actor, reading

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
    """The record as far as the grant goes; over, nothing of it."""
    with act() as a:
        found = service.open_granted(a.session, a.actor, patient_ref, a.now)
    return render_template("doctor/granted.html", found=found, picture=picture, **WORDS)


@bp.get("/records/<patient_ref>/now")
@staff_required("doctor")
def granted_now(patient_ref: str) -> Any:
    """What the open page rests on still. Over, it leads to the page, which then shows nothing of the record."""
    with reading() as session:
        grant = service.standing(session, current_actor(), patient_ref, house().clock())
    if grant is None:
        return redirect(url_for("doctor.granted", patient_ref=patient_ref), code=303)
    return fragment("doctor/_grant.html", grant=grant, **WORDS)
